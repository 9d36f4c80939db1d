"""What the sheet of a count and the slip of a receipt say, on wide paper and on narrow."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printing.documents.count_sheet import CountSheetFacts, CountSheetLine, count_sheet
from printing.documents.goods_received import GoodsReceivedFacts, GoodsReceivedLine, goods_received
from printing.job import REPRINTS
from protocol.ids import slip_code
from tests.unit.printing.test_fulfilment_slips import said, scanned

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
SHEET = CountSheetFacts(
    number="LB1-C00007",
    title="Shelf A-01",
    store_name="Leeds Briggate",
    place="On the shelf",
    printed_at=AT,
    printed_by="S. Rowe",
    lines=(
        CountSheetLine("A-01-1", "Jumbo Bag Red Retrospot", "85099B", "5000000000012"),
        CountSheetLine("A-01-2", "Lunch Bag Red Retrospot", "20725", "5000000000036", again=True),
    ),
    note="Before the sale",
)
RECEIPT = GoodsReceivedFacts(
    number="LB1-W00003",
    store_name="Leeds Briggate",
    store_lines=("14 Briggate",),
    supplier="Lighthouse Candles",
    reference="DN 4711",
    received_at=AT,
    received_by="S. Rowe",
    currency="GBP",
    lines=(
        GoodsReceivedLine("Jumbo Bag Red Retrospot", "85099B", 24, 20, 1, 110),
        GoodsReceivedLine("Lunch Bag Red Retrospot", "20725", 6, 8, 0, 0),
    ),
    announced=True,
)


@pytest.mark.parametrize("profile", ["epson_80", "epson_58"])
def test_a_count_sheet_has_every_item_and_no_figure_of_the_books(profile: str) -> None:
    text = said(count_sheet(SHEET), profile)

    for words in ("LB1-C00007", "A-01-1", "85099B ...0012", "count again", "Note: Before the sale"):
        assert words in text
    assert text.count("______") >= 5
    assert ("QRCode", slip_code("ct", "LB1-C00007", 1)) in scanned(count_sheet(SHEET), profile)


@pytest.mark.parametrize("profile", ["epson_80", "epson_58"])
def test_a_receipt_says_beside_each_item_what_was_short_too_many_or_damaged(profile: str) -> None:
    text = said(goods_received(RECEIPT), profile)

    for words in ("LB1-W00003", "DN 4711", "! 3 short of 24", "! 1 damaged", "! 2 too many, 6 announced"):
        assert words in text
    assert "23.10" in text  # twenty-one at 1.10; what has no cost adds nothing
    assert ("QRCode", slip_code("gr", "LB1-W00003", 1)) in scanned(goods_received(RECEIPT), profile)


def test_a_receipt_that_nobody_announced_is_neither_short_nor_too_many() -> None:
    blind = replace(
        RECEIPT, announced=False, lines=tuple(replace(line, expected=0) for line in RECEIPT.lines)
    )

    text = said(goods_received(replace(blind, corrections=2)))

    assert "short of" not in text
    assert "too many" not in text
    assert "CORRECTED 2 times" in text


def test_both_slips_are_printed_again_by_themselves_after_a_doubt() -> None:
    assert (REPRINTS["count_sheet"], REPRINTS["goods_received"]) == ("auto", "auto")
