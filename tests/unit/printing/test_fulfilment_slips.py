"""What the slips of fulfilment say, on wide paper and on narrow, whatever is written into them.

`golden/slips` holds the laid-out lines of one typical example of each: before the bar stands how much a
line is enlarged, `b` for bold and `i` for white on black. They were read as pictures before they were kept.
"""

import io
from dataclasses import fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.document import Document, Space, Symbol, as_attempt, dump_document, load_document
from printing.documents.handover_slip import HandoverLine
from printing.documents.manifest import ManifestParcel
from printing.documents.order_slip import OrderedLine, ShipPromise
from printing.documents.packing_slip import PackedLine
from printing.documents.parts import Back, kilograms, last_four, short_name
from printing.documents.pick_list import PickLine
from printing.encoder import encode
from printing.job import REPRINTS
from printing.layout import Segment, TextLine, columns_of, lay_out
from printing.profiles import PROFILES, Profile, profile_of
from printing.virtual.commands import Parser, RealTime
from printing.virtual.preview import render, render_preview
from protocol.ids import parse_slip_code, slip_code
from protocol.kit.text import language
from tests.unit.printing.fulfilment_examples import (
    BAG,
    EXAMPLES,
    FOR_ANNA,
    FOR_TOM,
    HANDED,
    ORDERED,
    PACKED,
    PARCEL,
    PICK,
    VAN,
    VOID,
    AnyFacts,
    slip_of,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "slips"
CODES = {
    "pick_list": {("QRCode", slip_code("pl", "LB1-K00031", 1)), ("Code128", "LB1-K00031")},
    "void_slip": {("QRCode", slip_code("vs", "as-0192f3c4", 1))},
    "packing_slip": {("QRCode", slip_code("ps", "pc-7f3a", 1)), ("Code128", "WEB1-10877")},
    "pickup_label": {("QRCode", slip_code("bg", "bag-9d2e41", 1))},
    "shipping_label": {("QRCode", slip_code("tr", "OS00000010877GB", 1)), ("Code128", "OS00000010877GB")},
    "manifest": {("QRCode", slip_code("mf", "LB1-M00009", 1)), ("Code128", "LB1-M00009")},
    "handover_slip": {("QRCode", slip_code("ho", "ho-31c8", 1)), ("Code128", "LB1-00042")},
    "order_slip": {("QRCode", slip_code("po", "LB1-00042", 1)), ("Code128", "LB1-00042")},
}
OURS = {
    "ESC @",
    "GS a",
    "FS .",
    "ESC R",
    "ESC t",
    "ESC 2",
    "ESC  ",
    "ESC M",
    "ESC -",
    "ESC E",
    "GS B",
    "ESC {",
    "GS !",
    "ESC a",
    "GS v 0",
    "GS V",
    "text",
    "LF",
    "ESC d",
    "ESC J",
    "GS ( k",
    "GS h",
    "GS w",
    "GS H",
    "GS f",
    "GS k",
}
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x04\x05\x10\x14\x1b\x1c\x1dp@V\n\r\t\x7f\x9b€£東京서울القاهرةЖčé😀"),
    ),
    max_size=30,
)


def placed(segments: tuple[Segment, ...]) -> str:
    """Return the segments of a line where they stand."""
    text = ""
    for segment in segments:
        slack = segment.width - columns_of(segment.text)
        before = {"left": 0, "center": slack // 2, "right": slack}[segment.align]
        text += " " * (segment.column - columns_of(text) + before) + segment.text
    return text


def laid_out(document: Document, profile: Profile) -> str:
    """Return a slip as lines of text, each behind its style."""
    lines = []
    for line in lay_out(document, profile):
        match line:
            case TextLine():
                style = f"{line.tall}{'b' if line.bold else ''}{'i' if line.inverse else ''}"
                lines.append(f"{style:<3}|{placed(line.segments)}".rstrip())
            case Symbol():
                lines.append(f"   |[{line.kind} {line.data}]")
            case Space(count):
                lines.extend(["   |"] * count)
            case _:
                lines.append("   |[cut]")
    return "\n".join(lines) + "\n"


def said(document: Document, profile: str = "epson_80") -> str:
    """Return what the printed paper of a slip reads."""
    return render(encode(document, profile_of(profile)).data, profile_of(profile))[0].text


def scanned(document: Document, profile: str) -> set[tuple[str, str]]:
    """Return what a scanner reads on the printed paper."""
    png = render_preview(encode(document, profile_of(profile)).data, profile_of(profile))
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return {(code.format.name, code.text) for code in found}


def filled(facts: Any, text: str) -> Any:
    """Return the facts with one text in every field that holds words."""
    if isinstance(facts, str):
        return text
    if isinstance(facts, tuple):
        return tuple(filled(item, text) for item in facts)
    if is_dataclass(facts) and not isinstance(facts, type):
        words = {field.name: getattr(facts, field.name) for field in fields(facts)}
        return replace(
            facts,
            **{name: filled(word, text) for name, word in words.items() if name not in {"kind", "currency"}},
        )
    return facts


@pytest.mark.parametrize("profile", ["epson_80", "epson_58"])
@pytest.mark.parametrize("slip", EXAMPLES)
def test_every_slip_is_laid_out_line_by_line_as_it_was_approved(slip: str, profile: str) -> None:
    approved = (GOLDEN / f"{slip}.{profile}.txt").read_text(encoding="utf-8")

    assert laid_out(slip_of(EXAMPLES[slip]), profile_of(profile)) == approved


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("slip", EXAMPLES)
def test_a_scanner_reads_the_codes_of_every_slip_on_every_printer(slip: str, profile: str) -> None:
    document = slip_of(EXAMPLES[slip])

    printed = render(encode(document, profile_of(profile)).data, profile_of(profile))

    assert scanned(document, profile) == CODES[slip]
    assert [each.unknown for each in printed] == [0]


@pytest.mark.parametrize("slip", EXAMPLES)
def test_a_slip_survives_being_stored_and_its_reprint_says_which_copy_it_is(slip: str) -> None:
    document = slip_of(EXAMPLES[slip])

    again = as_attempt(load_document(dump_document(document)), 2)

    assert load_document(dump_document(document)) == document
    assert said(again).splitlines()[0].strip() == "REPRINT - possible duplicate, attempt 2"
    attempts = [parse_slip_code(block.data) for block in again.blocks if isinstance(block, Symbol)]
    assert [found[2] for found in attempts if found] == [2]


@pytest.mark.parametrize("slip", EXAMPLES)
def test_a_demo_marks_every_slip_of_its_own(slip: str) -> None:
    document = slip_of(replace(EXAMPLES[slip], demo=True))

    assert said(document).splitlines()[0].strip() == "DEMO - not a real document"


@pytest.mark.parametrize("slip", EXAMPLES)
@settings(max_examples=25, deadline=None)
@given(text=NASTY, profile=st.sampled_from(sorted(PROFILES)))
@example(text="\x1bp\x00dd\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", profile="epson_80")
@example(text="\x10\x04\x01\x1d\x28\x6b\x03\x00", profile="generic_80")
@example(text="", profile="epson_58")
def test_nothing_in_the_facts_of_a_slip_becomes_a_command(slip: str, text: str, profile: str) -> None:
    printer = profile_of(profile)
    data = encode(slip_of(filled(EXAMPLES[slip], text)), printer).data

    commands = list(Parser().feed(data))

    assert {command.name for command in commands} <= OURS
    assert RealTime().feed(data) == []
    assert all(byte >= 0x20 and byte != 0x7F for c in commands if c.name == "text" for byte in c.data)
    assert [each.unknown for each in render(data, printer)] == [0]


@pytest.mark.parametrize("profile", ["epson_80", "epson_58"])
def test_two_hundred_lines_of_long_names_lose_no_letter(profile: str) -> None:
    name = "Jumper " * 43
    count = range(200)
    columns = profile_of(profile).columns
    slips: list[AnyFacts] = [
        replace(PICK, lines=tuple(PickLine(f"A-{n}", name, f"S{n}", "5012", n, "LB1-00042") for n in count)),
        replace(PACKED, lines=tuple(PackedLine(name, f"S{n}", n, n, 0) for n in count)),
        replace(VAN, parcels=tuple(ManifestParcel(name, f"S{n}") for n in count)),
        replace(HANDED, lines=tuple(HandoverLine(name, f"S{n}", n) for n in count)),
        replace(ORDERED, lines=tuple(OrderedLine(name, f"S{n}", n, n) for n in count)),
    ]
    for facts in slips:
        lines = [line for line in lay_out(slip_of(facts), profile_of(profile)) if isinstance(line, TextLine)]
        words = " ".join(segment.text for line in lines for segment in line.segments)

        assert words.count("Jumper") >= 200 * 43
        assert all(f"S{n}" in words.split() for n in count)
        assert all(columns_of(placed(line.segments)) * line.wide <= columns for line in lines)


def test_a_pick_list_of_two_hundred_lines_is_one_piece_of_paper() -> None:
    lines = tuple(replace(PICK.lines[n % 3], bin=f"A-{n}") for n in range(200))
    data = encode(slip_of(replace(PICK, lines=lines)), profile_of("epson_58")).data

    assert len(render(data, profile_of("epson_58"))) == 1


def test_a_pick_list_is_walked_from_bin_to_bin_and_ends_with_what_has_none() -> None:
    bins = ("B-1", "", "A-10", "A-2", "A-02", "a note", "A")
    lines = tuple(replace(PICK.lines[0], bin=bin_) for bin_ in bins)
    text = said(slip_of(replace(PICK, lines=lines)))

    walked = [line.split()[1] for line in text.splitlines() if line.startswith("12x ")]
    assert walked == ["A", "A-02", "A-2", "A-10", "B-1", "a", "-"]


def test_a_list_of_one_order_names_no_tote() -> None:
    one = replace(PICK, assignments=(FOR_ANNA,), lines=PICK.lines[:1])
    text = said(slip_of(one))

    assert "by 14:00            0042" in text
    assert "12x C-01              []" in text


def test_a_promise_of_another_day_is_named_with_its_day() -> None:
    later = replace(PICK, assignments=(FOR_TOM, replace(FOR_ANNA, due_at=None)))
    text = said(slip_of(later))

    assert "B by 09:00          0877\non 2026-11-29\n" in text
    assert "A no hurry          0042\nCollect " in text


def test_a_pickup_label_says_nothing_that_finds_its_owner() -> None:
    private = ("anna.lindqvist@example.org", "+44 20 7946 0000", "Anna", "Maria")
    facts = replace(BAG, customer_name=f"{private[2]} {private[3]} Lindqvist {private[0]} +4420 79460000")
    printed = said(slip_of(facts)) + dump_document(slip_of(facts))

    assert "Lindqvist, A." in printed
    assert [word for word in (*private, "example", "+44", "7946") if word in printed] == []
    assert not {"phone", "email", "address", "recipient"} & {field.name for field in fields(BAG)}


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Anna Maria Lindqvist", "Lindqvist, A."),
        ("de la Cruz, Ana", "de la Cruz, A."),
        ("Cher", "Cher"),
        ("åsa Ek", "Ek, Å."),
        ("山田太郎", "山田太郎"),
        ("\x1bAnna\x00 Ek", "Ek, A."),
        ("anna@example.org", ""),
        (" , ", ""),
        ("", ""),
    ],
)
def test_a_name_is_called_out_as_surname_and_initial(name: str, called: str) -> None:
    assert short_name(name) == called


def test_the_end_of_a_number_is_what_people_compare() -> None:
    assert [last_four(number) for number in ("LB1-00042", "7\x1b", "")] == ["0042", "7", ""]


def test_a_weight_is_printed_to_the_gram_or_not_at_all() -> None:
    assert [kilograms(grams) for grams in (1250, 7, 0, None)] == ["1.250 kg", "0.007 kg", "0.000 kg", "-"]


def test_a_gift_shows_its_message_and_never_a_price() -> None:
    gift = replace(PACKED, gift=True, gift_message="Happy birthday!\nYours, Ana")
    text = said(slip_of(gift))

    assert "Happy birthday!\nYours, Ana\n" in text
    assert [price for price in ("98.00", "30.60", "35.00") if price in text] == []
    assert [price for price in ("98.00", "30.60", "35.00") if price in said(slip_of(PACKED))] == [
        "98.00",
        "30.60",
        "35.00",
    ]


def test_a_packing_slip_names_the_collector_of_what_is_not_shipped() -> None:
    text = said(slip_of(replace(PACKED, ship_to=(), collector="Tom Okafor", service="", tracking="")))

    assert "Collected by\nTom Okafor\n" in text
    assert [word for word in ("Ship to", "Delivery", "Tracking") if word in text] == []


def test_a_tracking_number_too_long_for_narrow_paper_is_said_in_letters_and_by_its_qr() -> None:
    long = slip_of(replace(PARCEL, tracking="1Z999AA1-X1Z34567842"))
    code = ("QRCode", slip_code("tr", "1Z999AA1-X1Z34567842", 1))

    assert scanned(long, "epson_80") == {code, ("Code128", "1Z999AA1-X1Z34567842")}
    assert scanned(long, "epson_58") == {code}
    assert "\n1Z999AA1-X1Z34567842\n" in said(long, "epson_58")


def test_an_id_that_no_slip_code_can_hold_is_printed_without_one() -> None:
    document = slip_of(replace(PARCEL, tracking="ÜBER/42"))

    assert scanned(document, "epson_80") == set()
    assert "\nÜBER/42\n" in said(document)


def test_a_void_slip_needs_no_list_to_stop_a_pick() -> None:
    text = said(slip_of(replace(VOID, pick_list="")))

    assert text.splitlines()[0].strip() == "VOID - do not pick"
    assert "Pick list" not in text


def test_a_manifest_of_weighed_parcels_has_nothing_left_to_weigh() -> None:
    text = said(slip_of(replace(VAN, parcels=VAN.parcels[:2])))

    assert "Weight                                  2.090 kg" in text
    assert "Not weighed" not in text


def test_a_complete_handover_says_so_and_asks_for_nothing_more() -> None:
    text = said(slip_of(replace(HANDED, remaining=(), paid=(), sign=False)))

    assert "\nAll handed over\n" in text
    assert [word for word in ("Still to come", "Paid now", "signature") if word in text] == []


def test_a_handover_says_until_when_its_goods_come_back_and_which_of_them_never_do() -> None:
    lines = (*HANDED.lines, HandoverLine("Card", "CARD", 1, Back(final=True)), *HANDED.lines)
    text = said(slip_of(replace(HANDED, lines=lines)))

    assert text.count("Can be returned until 2026-12-28") == 1
    assert "CARD\n  Final sale: comes back only if it is faulty\n" in text


def test_an_order_paid_in_full_has_nothing_due() -> None:
    text = said(slip_of(replace(ORDERED, paid=(("Cash", 12_860),), due_minor=0, provisional=False)))

    assert "Paid now                                  128.60" in text
    assert [word for word in ("Deposit", "Due", "PROVISIONAL") if word in text] == []


def test_a_shipped_order_says_by_when_and_where_to() -> None:
    promise = ShipPromise(date(2026, 12, 1), ("Tom Okafor", "8 Long Lane"), "Next Day")
    text = said(slip_of(replace(ORDERED, promise=promise, pickup_code="")))

    assert "Shipped by 2026-12-01\nNext Day\nTom Okafor\n8 Long Lane\n" in text
    assert "still to be paid" in text
    assert "Pickup code" not in text


def test_an_order_without_a_promise_says_none() -> None:
    text = said(slip_of(replace(ORDERED, promise=None)))

    assert [word for word in ("Collect at", "Shipped by") if word in text] == []


def test_slips_that_say_what_was_paid_wait_for_a_person_after_unknown() -> None:
    assert {slip: REPRINTS[slip] for slip in EXAMPLES} == {
        **dict.fromkeys(EXAMPLES, "auto"),
        "handover_slip": "person",
        "order_slip": "person",
    }


def test_a_list_that_is_replaced_is_taken_back_by_a_slip_that_names_the_new_one() -> None:
    said = laid_out(slip_of(replace(VOID, new_list="LB1-K00032")), profile_of("epson_58"))

    assert "VOID - other units are wanted" in said
    words = " ".join(line.partition("|")[2].strip() for line in said.splitlines())
    assert "Throw this list away and take the new one." in words
    assert "LB1-K00032" in said
    assert "Put back what is picked already." not in said


def test_the_head_of_a_packing_slip_fits_on_narrow_paper_in_german_too() -> None:
    told = language.set("de")
    try:
        said = laid_out(slip_of(PACKED), profile_of("epson_58"))
    finally:
        language.reset(told)

    assert "Bestellt Hier Später" in said
