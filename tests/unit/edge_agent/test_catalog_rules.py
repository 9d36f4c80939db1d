import io

import pytest

from edge_agent.catalog.rules import gtin_forms, has_check_digit, meaning_of
from protocol.errors import Invalid
from protocol.ids import slip_code
from protocol.kit.product_csv import Report, read_products


@pytest.mark.parametrize(
    ("scan", "kind", "first"),
    [
        ("5012345678900", "gtin", "5012345678900"),
        (" 5012345678900\r\n", "gtin", "5012345678900"),
        ("]E05012345678900", "gs1", "5012345678900"),
        ("]C1010501234567890010ABC\x1d21XYZ", "gs1", "05012345678900"),
        ("]d20105012345678900", "gs1", "05012345678900"),
        ("0105012345678900", "gs1", "05012345678900"),
        ("https://id.gs1.org/01/05012345678900?17=251231", "gs1", "05012345678900"),
        ("COAT-M", "code", "COAT-M"),
        ("10001", "code", "10001"),
    ],
)
def test_a_scan_is_read_in_the_order_of_meaning(scan: str, kind: str, first: str) -> None:
    meaning = meaning_of(scan)

    assert meaning.kind == kind
    assert meaning.candidates[0] == first
    if kind in {"gs1", "gtin"}:
        assert "5012345678900" in meaning.candidates


@pytest.mark.parametrize(
    ("scan", "also"), [("]C0COAT-M", "COAT-M"), ("]Q1MUG-1", "MUG-1"), ("]A010001", "10001")]
)
def test_a_store_code_is_found_with_or_without_the_name_of_its_symbology(scan: str, also: str) -> None:
    assert meaning_of(scan).candidates == (scan, also)


def test_a_slip_is_told_by_a_scanner_that_names_the_symbology_too() -> None:
    assert meaning_of("]Q1" + slip_code("pl", "LB1-L00001", 1)).slip == ("pl", "LB1-L00001", 1)


def test_our_own_code_is_told_from_everything_else_first() -> None:
    assert meaning_of(slip_code("rc", "LB1-00042", 1)).slip == ("rc", "LB1-00042", 1)
    assert meaning_of("OS1:rc:LB1-00042:1:!").slip is None


def test_a_trade_number_with_a_wrong_check_digit_was_misread() -> None:
    assert has_check_digit("4006381333931")
    assert not has_check_digit("4006381333932")
    assert meaning_of("4006381333932").misread


def test_a_twelve_digit_number_is_looked_up_as_the_thirteen_digit_one_too() -> None:
    assert gtin_forms("036000291452") == ("036000291452", "0036000291452", "00036000291452")


@pytest.mark.parametrize(
    "scan", ["", "]", "]C1", "\x1d\x1d", "://", "]C101", "9" * 2_000, "01" * 200, "\x00\x07"]
)
def test_no_scan_is_so_broken_that_it_breaks_us(scan: str) -> None:
    assert meaning_of(scan).kind in {"code", "gs1", "gtin"}


HEAD = "sku,name,price,barcodes,tax_rate,kind,active\n"


def test_bad_rows_are_left_out_and_named_by_the_row_of_the_spreadsheet() -> None:
    report = Report()
    text = HEAD + (
        "A,Mug,7.50,111|222,20,goods,yes\n"
        "B,Plate,cheap,,,,\n"
        "\n"
        "A,Mug again,7.50,,,,\n"
        "C,,1.00,,,,\n"
        "D,Bowl,1.00,222,5.5,service,no\n"
        "E,Cup,1.00,,101,,\n"
        "F,Jug,1.00,,,vase,\n"
        "G,Pan,1.00,,,,maybe\n"
    )

    products = list(read_products(io.StringIO(text), report, currency="GBP"))

    assert [(one.sku, one.price_minor, one.rate_ppm, one.barcodes, one.active) for one in products] == [
        ("A", 750, 200_000, ("111", "222"), True),
        ("D", 100, 55_000, (), False),
    ]
    assert (report.rows, report.taken, report.left_out, report.corrected) == (8, 2, 6, 1)
    assert [(fault.row, fault.sku) for fault in report.faults] == [
        (3, "B"),
        (5, "A"),
        (6, "C"),
        (7, "D"),
        (8, "E"),
        (9, "F"),
        (10, "G"),
    ]
    assert report.faults[3].wrong == "code 222 belongs to A already"


def test_a_file_in_which_too_much_is_wrong_is_refused_as_a_whole() -> None:
    text = HEAD + "".join(f"S{n},Mug,cheap,,,,\n" for n in range(21)) + "A,Mug,1.00,,,,\n" * 10

    with pytest.raises(Invalid) as refusal:
        list(read_products(io.StringIO(text), Report(), currency="GBP"))

    assert refusal.value.reason == "too_many_bad_rows"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "sku,name\n", '"' + "x" * 20_000])
def test_what_is_no_catalogue_says_which_column_is_missing(text: str) -> None:
    with pytest.raises(Invalid):
        list(read_products(io.StringIO(text), Report(), currency="GBP"))
