"""What the slips say, and what a document keeps when it is stored and reprinted."""

from dataclasses import replace
from datetime import datetime

import pytest

from printing.document import (
    Band,
    Cut,
    Document,
    Kick,
    Row,
    Symbol,
    Text,
    as_attempt,
    dump_document,
    load_document,
)
from printing.documents.parked_slip import ParkedSlipFacts, parked_slip
from printing.documents.parts import percent
from printing.documents.receipt import receipt
from printing.documents.return_receipt import ReturnLine, ReturnReceiptFacts, return_receipt
from printing.documents.test_page import PrinterTestFacts, printer_test
from printing.documents.till_report import TenderCount, TillReportFacts, till_report
from printing.encoder import encode
from printing.profiles import PROFILES, profile_of
from printing.virtual.preview import render
from protocol.errors import Invalid
from protocol.ids import parse_slip_code, slip_code
from protocol.kit.text import language
from tests.support.printing import LONDON, receipt_facts

AT = datetime(2026, 11, 28, 18, 30, tzinfo=LONDON)
RETURN = ReturnReceiptFacts(
    store_name="London Bridge",
    store_lines=("12 Borough High Street",),
    vat_number="GB 123 4567 89",
    number="LB1-R00007",
    original_number="LB1-00042",
    original_sold_at=datetime(2026, 11, 28, 14, 5, tzinfo=LONDON),
    returned_at=AT,
    till="Till 1",
    associate="A. Osei",
    lines=(ReturnLine("Merino jumper, navy, M", "85123A", 1, "Too small", "back on the shelf", 4900),),
    total_minor=4900,
    tax=((200_000, 4083, 817),),
    refunds=(("Cash", 4900),),
    currency="GBP",
    code=slip_code("t", "LB1-R00007", 1),
    approved_by="S. Rowe",
    open_drawer=True,
)
CLOSE = TillReportFacts(
    kind="Z",
    store_name="London Bridge",
    store_lines=("12 Borough High Street",),
    vat_number="GB 123 4567 89",
    number="LB1-Z00012",
    business_date="2026-11-28",
    till="Till 1",
    associate="S. Rowe",
    opened_at=datetime(2026, 11, 28, 8, 45, tzinfo=LONDON),
    printed_at=AT,
    counts=(("Sales", 84), ("Returns", 3), ("Voided", 1)),
    sums=(("Sales", 412_350), ("Returns", -9800), ("Net sales", 402_550)),
    tax=((200_000, 335_458, 67_092),),
    tenders=(
        TenderCount("Float", 15_000),
        TenderCount("Cash", 121_550, 121_350),
        TenderCount("Card", 281_000, 281_000),
    ),
    first_stream_number=1204,
    last_stream_number=1533,
    range_hash="9f2c4e11aa03b7d85c6e",
    currency="GBP",
    code=slip_code("z", "LB1-Z00012", 1),
)


def said(document: Document, profile: str = "epson_80") -> str:
    """Return what the printed paper of a document reads."""
    return render(encode(document, profile_of(profile)).data, profile_of(profile))[0].text


def test_a_receipt_says_what_was_bought_and_what_was_paid() -> None:
    text = said(receipt(receipt_facts()))

    assert "Merino jumper, navy, M                     49.00" in text
    assert "  6 x 2.55   85123A" in text
    assert "  Discount                                 -0.50" in text
    assert "Total GBP          95.80" in text
    assert "Change                                      4.20" in text
    assert "20%                79.83       15.97       95.80" in text
    assert "Receipt LB1-00042           2026-11-28 14:05 GMT" in text


def test_a_receipt_of_a_voided_sale_says_so_at_its_top() -> None:
    text = said(receipt(replace(receipt_facts(), copy_note="VOIDED", demo=True)))

    assert [line.strip() for line in text.splitlines()[:2]] == ["DEMO - not a real document", "VOIDED"]


def test_only_a_sale_that_asks_for_it_opens_the_drawer() -> None:
    opens = receipt(receipt_facts())
    stays = receipt(replace(receipt_facts(), open_drawer=False))

    assert (opens.opens_drawer, stays.opens_drawer) == (True, False)
    assert encode(stays, profile_of("epson_80")).kick == b""


def test_a_return_receipt_names_the_sale_the_reason_and_the_refund() -> None:
    text = said(return_receipt(RETURN))

    assert "Of receipt LB1-00042, 2026-11-28" in text
    assert "1 x Merino jumper, navy, M                 49.00" in text
    assert "  Too small - back on the shelf" in text
    assert "Approved by S. Rowe" in text
    assert "Refund GBP         49.00" in text


def test_a_day_close_shows_what_is_short_and_which_range_it_covers() -> None:
    text = said(till_report(CLOSE))

    assert "Day close (Z)" in text
    assert "  Short                                    -2.00" in text
    assert "  Difference                                0.00" in text
    assert "Stream numbers                       1204 - 1533" in text
    assert "Hash of the range               9f2c4e11aa03b7d8" in text


def test_a_reading_says_that_it_closes_nothing_and_carries_no_code() -> None:
    document = till_report(replace(CLOSE, kind="X", number="X 3"))

    assert "A reading closes nothing: the period goes on." in said(document)
    assert not any(isinstance(block, Symbol) for block in document.blocks)


def test_a_parked_basket_says_that_nothing_is_sold_yet() -> None:
    facts = ParkedSlipFacts(
        "London Bridge",
        "LB1-P00003",
        AT,
        "Till 1",
        "A. Osei",
        4,
        9580,
        "GBP",
        slip_code("p", "LB1-P00003", 1),
    )

    text = said(parked_slip(facts))

    assert "Nothing is sold yet." in text
    assert "[QR OS1:p:LB1-P00003:1:" in text
    assert "Items: 4                               GBP 95.80" in text


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_slip_prints_on_every_printer_without_an_unknown_command(profile: str) -> None:
    page = PrinterTestFacts(
        "Shop", "front", profile, profile_of(profile).columns, 576, AT, slip_code("x", "1", 1)
    )
    for document in (
        receipt(receipt_facts()),
        return_receipt(RETURN),
        till_report(CLOSE),
        printer_test(page),
    ):
        slips = render(encode(document, profile_of(profile)).data, profile_of(profile))

        assert [slip.unknown for slip in slips] == [0]


def test_the_ruler_of_the_test_page_fills_exactly_one_line() -> None:
    page = PrinterTestFacts("Shop", "front", "epson_58", 32, 384, AT, slip_code("x", "1", 1))

    assert "12345678901234567890123456789012\n" in said(printer_test(page), "epson_58")


@pytest.mark.parametrize(("ppm", "words"), [(200_000, "20%"), (55_000, "5.5%"), (0, "0%"), (76_500, "7.65%")])
def test_a_tax_rate_reads_as_people_write_it(ppm: int, words: str) -> None:
    assert percent(ppm) == words


def test_a_document_comes_back_from_its_stored_form_unchanged() -> None:
    document = receipt(receipt_facts())

    assert load_document(dump_document(document)) == document


@pytest.mark.parametrize(
    "stored", ["", "{}", '{"title":"x","language":"en","blocks":[{"block":"bomb"}]}', "[1]"]
)
def test_a_stored_document_that_is_damaged_is_refused_in_words(stored: str) -> None:
    with pytest.raises(Invalid, match="A stored slip cannot be read"):
        load_document(stored)


def test_the_first_attempt_is_the_slip_itself() -> None:
    document = receipt(receipt_facts())

    assert as_attempt(document, 1) is document


def test_a_further_attempt_is_marked_on_top_and_in_its_codes() -> None:
    again = as_attempt(receipt(receipt_facts()), 3)

    assert again.blocks[:2] == (Kick(), Band("REPRINT - possible duplicate, attempt 3"))
    codes = [block.data for block in again.blocks if isinstance(block, Symbol) and block.kind == "qr"]
    assert [parse_slip_code(code) for code in codes] == [("r", "LB1-00042", 3)]


def test_a_drawer_pulse_may_only_be_the_first_block() -> None:
    with pytest.raises(Invalid, match="opens the drawer in its middle"):
        Document("x", (Text("hello"), Kick(), Cut()))


def test_a_pair_gives_the_figure_the_room_it_needs() -> None:
    assert Row.pair("Cash", "100.00") == Row(("Cash", "100.00"), (0, 6), ("left", "right"))


def test_a_slip_remembers_the_language_it_was_written_in() -> None:
    spoken = language.set("de")
    try:
        document = receipt(receipt_facts())
    finally:
        language.reset(spoken)

    assert load_document(dump_document(document)).language == "de"
