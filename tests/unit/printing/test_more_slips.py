"""Gift receipts, stickers, code pages, labels in ZPL, and what is refused before anything is printed."""

import io
from dataclasses import replace
from datetime import date, datetime

import pytest
import zxingcpp
from PIL import Image

from printing.document import Band, Cut, Document, Kick, Letters, Row, Symbol, Text, as_attempt, as_backup
from printing.documents.calibration import SAMPLES, TABLES, CalibrationFacts, calibration
from printing.documents.gift_receipt import GiftLine, GiftReceiptFacts, gift_receipt
from printing.documents.item_sticker import STICKERS_AT_MOST, ItemStickerFacts, StickerLine, item_stickers
from printing.documents.parts import Back
from printing.documents.receipt import receipt
from printing.encoder import encode
from printing.profiles import EPSON_PAGES, PROFILES, profile_of, with_pages
from printing.status import LabelAnswerParser, PrinterStatus
from printing.virtual.brands import brand_of
from printing.virtual.commands import Parser
from printing.virtual.paper import Paper, Slip
from printing.virtual.preview import render, render_preview
from printing.virtual.works import Works
from protocol.errors import Invalid
from protocol.ids import slip_code
from protocol.kit.text import language
from tests.support.printing import LINES, LONDON, receipt_facts

AT = datetime(2026, 11, 28, 14, 5, tzinfo=LONDON)
LABEL = profile_of("label_4in")
CHRISTMAS = Back(date(2027, 1, 15))
BACKS = (CHRISTMAS, CHRISTMAS, Back(date(2026, 12, 12)), Back(final=True))
GIFT = GiftReceiptFacts(
    "London Bridge",
    ("12 Borough High Street",),
    "LB1-00042",
    AT,
    tuple(GiftLine(line.quantity, line.name, back) for line, back in zip(LINES, BACKS, strict=True)),
    slip_code("gf", "LB1-00042", 1),
)


def said(document: Document, profile: str = "epson_80") -> str:
    """Return what the printed paper of a document reads."""
    return "\n".join(slip.text for slip in printed(document, profile))


def printed(document: Document, profile: str) -> list[Slip]:
    """Return the pieces of paper of a document."""
    return render(encode(document, profile_of(profile)).data, profile_of(profile))


def scanned(document: Document, profile: str) -> set[str]:
    """Return what a scanner reads on the printed paper."""
    png = render_preview(encode(document, profile_of(profile)).data, profile_of(profile))
    return {code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_gift_receipt_tells_no_price_and_can_be_scanned(profile: str) -> None:
    text = said(gift_receipt(GIFT), profile)

    assert "Gift receipt" in text or profile == "label_4in"  # large bold letters of a label are drawn
    assert "6 x White hanging heart" in " ".join(text.split())
    assert not {"49.00", "15.30", "95.80", "GBP"} & set(text.split())
    assert scanned(gift_receipt(GIFT), profile) == {slip_code("gf", "LB1-00042", 1), "LB1-00042"}


def test_every_unit_that_came_back_gets_a_sticker_up_to_a_few_dozen() -> None:
    line = StickerLine("Mug", "84406B", 3, "Faulty", "To be inspected")
    few = printed(item_stickers(ItemStickerFacts("LB1-R00001", AT, (line,))), "epson_58")
    many = ItemStickerFacts("LB1-R00001", AT, (StickerLine("Mug", "84406B", 900, "Faulty", "Kept apart"),))

    assert [slip.text.count("3 of 3") for slip in few] == [0, 0, 1]
    cuts = [block for block in item_stickers(many).blocks if isinstance(block, Cut)]
    assert len(cuts) == STICKERS_AT_MOST + 1
    assert "860 more without a sticker" in said(item_stickers(many))


def test_the_code_page_slip_shows_the_letters_as_the_very_printer_has_them() -> None:
    document = calibration(CalibrationFacts("Front", "epson_80", AT))
    epson, clone = profile_of("epson_80"), brand_of("rongta_rp80")
    data = encode(document, epson).data
    paper = Paper(epson, pages=clone.pages)
    slips = [slip for command in Parser().feed(data) if isinstance(slip := paper.apply(command), Slip)]

    ours, theirs = render(data, epson)[0].text.splitlines(), slips[0].text.splitlines()
    assert sum(isinstance(block, Letters) for block in document.blocks) == len(TABLES)
    assert "€" in "".join(ours[ours.index("Table 19") : ours.index("Table 47")])
    assert "€" in "".join(theirs[theirs.index("Table 13") : theirs.index("Table 15")])
    assert set(SAMPLES) == {codec for codec, _number in EPSON_PAGES}


def test_pages_that_a_person_read_are_the_ones_that_are_used() -> None:
    clone = brand_of("rongta_rp80")
    read = with_pages(profile_of("epson_80"), "cp858:13,cp437:0")
    data = encode(Document("x", (Text("12,50 €"), Cut())), read).data
    paper = Paper(clone.profile, pages=clone.pages)
    slips = [slip for command in Parser().feed(data) if isinstance(slip := paper.apply(command), Slip)]

    assert slips[0].text.strip() == "12,50 €"
    for wrong in ("cp999:1", "cp858:x", "cp858:300", "nonsense"):
        with pytest.raises(Invalid):
            with_pages(profile_of("epson_80"), wrong)


def test_a_slip_from_a_backup_says_whose_it_is_below_the_drawer_pulse_and_above_the_rest() -> None:
    moved = as_attempt(as_backup(receipt(receipt_facts()), "Till 1"), 2)

    assert moved.blocks[:3] == (
        Kick(),
        Band("REPRINT - possible duplicate, attempt 2"),
        Band("BACKUP FROM Till 1"),
    )


@pytest.mark.parametrize("text", ["^XA^XZ~JA", "_5E a_b ~HS", "Zoë ^FS € 東京", "\x1bp\x00\x10\x14"])
def test_nothing_a_person_types_becomes_a_command_of_a_label_printer(text: str) -> None:
    data = encode(Document("x", (Text(text), Row.pair(text, "1"), Cut())), LABEL).data
    label = render(data, LABEL)

    assert len(label) == 1
    assert label[0].unknown == 0
    assert data.count(b"^XA") == data.count(b"^XZ") == 1
    assert not {0x1B, 0x10} & set(data)
    visible = "".join(letter for letter in text if letter.isprintable())
    assert not visible.isascii() or visible.strip() in label[0].text


def test_a_label_printer_has_no_drawer_and_cuts_one_label_for_each_cut() -> None:
    encoded = encode(Document("x", (Kick(), Text("one"), Cut(), Text("two"), Cut())), LABEL)

    assert (encoded.kick, encoded.cut) == (b"", b"")
    assert [slip.text for slip in render(encoded.data, LABEL)] == ["one", "two"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_the_status_of_a_label_printer_is_read_wherever_the_answer_was_cut(cut: int) -> None:
    class Heard:
        """A line that keeps what it is told."""

        data = b""

        def answer(self, data: bytes) -> None:
            """Keep an answer."""
            self.data += data

    works, line = Works(brand_of("zebra_zd421")), Heard()
    works.set("paper_out", on=True)
    works.receive(b"~H", line)
    works.receive(b"S", line)
    parser = LabelAnswerParser()

    heard = parser.feed(line.data[:cut]) + parser.feed(line.data[cut:])

    assert heard == [PrinterStatus(paper_end=True)]


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_an_order_of_five_thousand_lines_is_refused_and_one_of_a_thousand_prints_whole(profile: str) -> None:
    long = receipt(receipt_facts(lines=LINES * 1250))
    with pytest.raises(Invalid) as refused:
        encode(long, profile_of(profile))

    assert refused.value.reason == "slip_too_long"
    assert "metres" in refused.value.what
    if profile == "epson_80":
        [slip] = render(
            encode(receipt(receipt_facts(lines=LINES * 200)), profile_of(profile)).data, profile_of(profile)
        )
        assert slip.text.count("Merino jumper") == 200


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_name_of_three_hundred_characters_is_printed_to_its_last(profile: str) -> None:
    name = "".join(chr(ord("A") + n % 26) for n in range(300))

    paper = "".join(said(Document("x", (Text(name), Cut())), profile).split())

    assert paper == name


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_symbol_that_does_not_fit_is_an_error_and_not_blank_paper(profile: str) -> None:
    for symbol in (Symbol.code128("W" * 80), Symbol.gs1_128("0" * 96), Symbol.qr("x" * 2900), Symbol.qr("")):
        with pytest.raises(Invalid):
            encode(Document("x", (symbol, Cut())), profile_of(profile))


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("text", ["القاهرة الجديدة", "東京都 港区", "서울", "😀 👩‍👩‍👧", "Łódź Ñandú €"])
def test_any_script_is_ink_and_never_a_question_mark(profile: str, text: str) -> None:
    """A script that the pages lack is drawn: then the line has dots, and no letters that stand for it."""
    [slip] = printed(Document("x", (Text(text), Cut())), profile)

    assert slip.unknown == 0
    assert slip.dots.getbbox() is not None
    assert "?" not in slip.text


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_german_paper_fits_every_width(profile: str) -> None:
    spoken = language.set("de")
    try:
        documents = (
            receipt(receipt_facts()),
            gift_receipt(GIFT),
            item_stickers(ItemStickerFacts("R1", AT, (StickerLine("Tasse", "1", 1, "Defekt", "Zu prüfen"),))),
        )
    finally:
        language.reset(spoken)
    for document in documents:
        slips = printed(document, profile)
        assert [slip.unknown for slip in slips] == [0] * len(slips)
        assert document.language == "de"


def test_a_receipt_says_until_when_its_goods_come_back_and_which_come_back_otherwise() -> None:
    lines = tuple(replace(line, back=back) for line, back in zip(LINES, BACKS, strict=True))

    told = said(receipt(receipt_facts(lines=lines)))
    alike = said(receipt(receipt_facts(lines=tuple(replace(line, back=CHRISTMAS) for line in LINES))))
    silent = said(receipt(receipt_facts(lines=tuple(replace(line, back=Back()) for line in LINES))))

    assert told.count("Can be returned until 2027-01-15") == 1
    assert "Can be returned until 2026-12-12" in told
    assert told.count("Final sale: comes back only if it is faulty") == 1
    assert alike.count("Can be returned until") == 1
    assert "return" not in silent.lower().replace("bring", "")


def test_the_paper_names_its_template_in_its_last_line() -> None:
    assert said(receipt(receipt_facts())).splitlines()[-1].strip() == "* * * receipt/2 * * *"
