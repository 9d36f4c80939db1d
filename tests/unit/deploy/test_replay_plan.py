"""The plan of a replay, against a hand-made file and against a second count that shares no code with it."""

import gzip
import random
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import pytest

from deploy.demo.replay import Plan, PlannedReturn, PlannedSale, pence, plan, store_of
from deploy.demo.retail import read_file
from protocol.errors import Invalid
from tests.support.retail import HEADER, made_up_month, second_count


def planned(tmp_path: Path, *rows: str, stores: int = 1, header: str = HEADER) -> Plan:
    source = tmp_path / "rows.csv"
    source.write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return plan(read_file(source), stores)


def test_each_counted_row_is_an_order_line_of_its_own_at_the_price_of_its_row(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
        "536365,85123A,WHITE HEART,1,2010-12-01 08:26:00,2.95,17850,United Kingdom",
    )

    (sale,) = found.sales
    assert [(line.line_no, line.quantity, line.gross_minor) for line in sale.lines] == [
        (1, 6, 1530),
        (2, 1, 295),
    ]
    assert (sale.total_minor, sale.customer, sale.day) == (1825, "17850", "2010-12-01")
    assert found.skipped == {}


def test_rows_that_are_no_sale_or_have_no_price_are_counted_by_reason(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "1,22139,GLASS,-3,2010-12-01 09:00:00,0.0,,United Kingdom",
        "2,22139,GLASS,5,2010-12-01 09:00:00,0.00,,United Kingdom",
        "A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom",
        "A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom",
    )

    assert found.skipped == {"no_price": 2, "not_a_sale": 1}
    assert [(sale.invoice, sale.total_minor) for sale in found.sales] == [("A563185", 1_106_206)]
    assert [(product.code, product.goods) for product in found.products] == [("B", False)]


def test_a_cancellation_takes_from_the_newest_line_of_the_customer_that_has_enough_left(
    tmp_path: Path,
) -> None:
    found = planned(
        tmp_path,
        "1,22139,GLASS,10,2010-12-01 09:00:00,1.00,7,United Kingdom",
        "2,22139,GLASS,4,2010-12-02 09:00:00,2.00,7,United Kingdom",
        "C3,22139,GLASS,-3,2010-12-03 09:00:00,2.00,7,United Kingdom",
        "C3,22139,GLASS,-3,2010-12-03 09:00:00,2.00,7,United Kingdom",
        "C4,22139,GLASS,-8,2010-12-03 09:00:00,2.00,7,United Kingdom",
        "C5,22139,GLASS,-1,2010-12-03 09:00:00,2.00,,United Kingdom",
    )

    assert [(back.invoice, back.quantity) for back in found.returns] == [("2", 3), ("1", 3)]
    assert found.skipped == {"unmatched": 2}


def test_of_two_lines_of_the_same_minute_the_last_one_is_taken(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "1,22139,GLASS,1,2010-12-01 09:00:00,1.00,7,United Kingdom",
        "1,22139,GLASS,1,2010-12-01 09:00:00,1.50,7,United Kingdom",
        "C2,22139,GLASS,-1,2010-12-01 09:00:00,1.00,7,United Kingdom",
    )

    assert [(back.invoice, back.line_no) for back in found.returns] == [("1", 2)]


def test_a_sale_after_the_cancellation_is_never_taken_back(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "C1,22139,GLASS,-1,2010-12-01 09:00:00,1.00,7,United Kingdom",
        "2,22139,GLASS,1,2010-12-01 10:00:00,1.00,7,United Kingdom",
    )

    assert (found.returns, found.skipped) == ((), {"unmatched": 1})


def test_a_return_stands_at_the_store_that_sold_and_after_its_sale(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "536365,22139,GLASS,2,2010-12-01 09:00:00,1.00,7,United Kingdom",
        "C536999,22139,GLASS,-2,2010-12-04 09:00:00,1.00,7,United Kingdom",
        stores=4,
    )

    store = crc32(b"536365") % 4
    days = found.days(store)
    assert [(day, [type(step) for step in steps]) for day, steps in days] == [
        ("2010-12-01", [PlannedSale]),
        ("2010-12-04", [PlannedReturn]),
    ]
    assert [found.days(other) for other in range(4) if other != store] == [[], [], []]


@pytest.mark.parametrize(
    ("pounds", "expected"),
    [("0.005", 1), ("0.0049", 0), ("2.675", 268), ("1.115", 112), ("0.001", 0), ("11062.06", 1_106_206)],
)
def test_half_a_penny_is_rounded_away_from_zero(pounds: str, expected: int) -> None:
    assert pence(Decimal(pounds)) == expected


def test_a_price_finer_than_a_penny_is_extended_before_it_is_rounded(tmp_path: Path) -> None:
    found = planned(tmp_path, "1,16216,PENCILS,74215,2011-01-18 10:01:00,0.042,12346,United Kingdom")

    (line,) = found.sales[0].lines
    assert (line.gross_minor, line.unit_price_minor, line.exact) == (311_703, 4, "0.042")
    assert line.is_finer_than_a_penny


def test_other_editions_of_the_file_are_read_the_same(tmp_path: Path) -> None:
    source = tmp_path / "other.csv"
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\r\n"
    row = "536365,gift_0001_40,Voucher £40.00 ,1.0,12/1/2010 8:26,34.04,17850.0,EIRE\r\n"
    source.write_bytes((header + row + "536366,1,x,many,12/1/2010 8:26,1,,EIRE\r\n").encode("cp1252"))

    found = plan(read_file(source), 1)

    (sale,) = found.sales
    assert (sale.customer, sale.day, sale.total_minor) == ("17850", "2010-12-01", 3404)
    assert [(product.name, product.goods) for product in found.products] == [("Voucher £40.00", False)]
    assert found.skipped == {"unreadable": 1}


def test_a_code_is_called_by_its_commonest_description_or_by_itself(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "1,22139,,1,2010-12-01 09:00:00,1.00,,United Kingdom",
        "2,22139,amazon,1,2010-12-01 09:00:00,1.00,,United Kingdom",
        "3,22139,GLASS  BOWL,1,2010-12-01 09:00:00,1.00,,United Kingdom",
        "4,22139,GLASS BOWL,1,2010-12-01 09:00:00,1.25,,United Kingdom",
        "5,22140,   ,1,2010-12-01 09:00:00,3.00,,United Kingdom",
    )

    named = [
        (product.code, product.name, product.price_minor, product.cost_minor) for product in found.products
    ]
    assert named == [("22139", "GLASS BOWL", 100, 50), ("22140", "22140", 300, 150)]


def test_a_file_without_the_columns_is_refused_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refusal:
        planned(tmp_path, "1,2", header="a,b\n")

    assert refusal.value.facts["missing"] == [
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "UnitPrice",
        "CustomerID",
    ]


def test_the_opening_stock_covers_every_sale_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        "1,22139,GLASS,80995,2010-12-01 09:00:00,1.00,,United Kingdom",
        "2,POST,POSTAGE,3,2010-12-01 09:00:00,18.00,,United Kingdom",
    )

    ((code, quantity),) = found.opening(0, seed=1)
    assert code == "22139"
    assert quantity >= 80995 + 20248 + 5
    assert found.opening(0, seed=1) == [(code, quantity)]


@pytest.mark.parametrize("seed", range(8))
def test_a_second_count_of_a_dirty_month_finds_the_same(tmp_path: Path, seed: int) -> None:
    text = made_up_month(random.Random(seed))
    source = tmp_path / "month.csv.gz"
    source.write_bytes(gzip.compress(text.encode()))

    found = plan(read_file(source), 3)

    assert {
        "orders": len(found.sales),
        "lines": sum(len(sale.lines) for sale in found.sales),
        "gross": sum(sale.total_minor for sale in found.sales),
        "returned": [(back.store, back.invoice, back.quantity) for back in found.returns],
        "skipped": dict(found.skipped),
    } == second_count(text, 3)
    assert all(sale.store == store_of(sale.invoice, 3) for sale in found.sales)
