import pytest

from protocol.errors import Invalid
from protocol.rules.pricing import PricedLine, PriceLine, exact_extension, price_order


@pytest.mark.parametrize(
    ("price", "quantity", "minor"),
    [
        ("0.0425", 100, 425),
        ("0.001", 1, 0),
        ("0.005", 1, 1),
        ("0.125", 3, 38),
        ("2.55", 6, 1530),
        ("18", 2, 3600),
    ],
)
def test_a_price_finer_than_a_penny_is_extended_first_and_rounded_once(
    price: str, quantity: int, minor: int
) -> None:
    assert exact_extension(price, quantity, "GBP") == minor


@pytest.mark.parametrize("price", ["", "-1", "1,5", "1.5.5", "1e3", ".", "½"])
def test_a_price_that_is_no_plain_number_is_refused(price: str) -> None:
    with pytest.raises(Invalid):
        exact_extension(price, 1, "GBP")


def test_a_line_with_an_exact_price_is_taxed_on_its_rounded_extension() -> None:
    line = PriceLine(4, 100, 0, 200_000, extension_minor=exact_extension("0.0425", 100, "GBP"))

    assert price_order([line]).lines == (PricedLine(425, 71, 354, 0),)
