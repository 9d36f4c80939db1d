"""Store codes by region, with biip as the second opinion."""

from decimal import Decimal

import pytest
from biip import ParseConfig
from biip.checksums import gs1_price_weight_check_digit, gs1_standard_check_digit
from biip.gtin import Gtin
from biip.rcn import Rcn, RcnRegion

from protocol.rules.store_codes import REGIONS, Measure, layout_of, measure_check_digit, read_store_code

KNOWN_TO_BIIP = sorted(set(REGIONS) - {"us"})


def code_of(drawn: str, article: str, value: str, *, wrong: int = 0) -> str:
    """Return the number that a scale prints by a layout; `wrong` is added to the check digit of the value."""
    body = drawn[:2] + article
    if "C" in drawn:
        body += str((gs1_price_weight_check_digit(value) + wrong) % 10)
    body += value
    return body + str(gs1_standard_check_digit(body))


def parts(drawn: str) -> tuple[str, str]:
    """Return digits for the article and the value of a layout."""
    return "12345678"[: drawn.count("I")], "0198765"[: sum(drawn.count(letter) for letter in "PWN")]


@pytest.mark.parametrize(
    ("region", "drawn"), [(region, drawn) for region in KNOWN_TO_BIIP for drawn in REGIONS[region]]
)
def test_every_layout_of_a_region_is_read_as_biip_reads_it(region: str, drawn: str) -> None:
    article, value = parts(drawn)
    code = code_of(drawn, article, value)

    said = read_store_code(code, [layout_of(each) for each in REGIONS[region]])
    theirs = Gtin.parse(code, config=ParseConfig(rcn_region=RcnRegion(region)))

    assert said is not None
    assert isinstance(theirs, Rcn)
    ours = Decimal(said.value) / 10**said.decimals
    assert {said.measure: ours} == {
        name: amount
        for name, amount in (
            (Measure.PRICE, theirs.price),
            (Measure.WEIGHT, theirs.weight),
            (Measure.COUNT, theirs.count),
        )
        if amount is not None
    }
    assert said.article == (theirs.without_variable_measure().value, drawn[:2] + article)
    assert not said.misread


@pytest.mark.parametrize("value", ["2875", "0000", "9999", "14685", "00001", "98765"])
def test_the_check_digit_of_a_measure_is_that_of_biip(value: str) -> None:
    assert measure_check_digit(value) == gs1_price_weight_check_digit(value)


def test_an_american_price_is_read_from_twelve_digits() -> None:
    code = code_of("02IIIIICPP.PP", "54321", "0499").removeprefix("0")

    said = read_store_code(code, [layout_of("02IIIIICPP.PP")])

    assert said is not None
    assert (len(code), said.measure, said.minor(2), said.misread) == (12, Measure.PRICE, 499, False)


def test_a_wrong_price_digit_and_an_empty_scale_are_misread() -> None:
    layouts = [layout_of("20IIIIICPP.PP")]

    wrong = read_store_code(code_of("20IIIIICPP.PP", "12345", "0199", wrong=1), layouts)
    empty = read_store_code(code_of("20IIIIICPP.PP", "12345", "0000"), layouts)

    assert wrong is not None
    assert empty is not None
    assert (wrong.misread, empty.misread) == (True, True)
    assert read_store_code("5012345678900", layouts) is None


@pytest.mark.parametrize(
    "drawn",
    [
        "",
        "30IIIIICPP.PP",
        "20IIIIICPPP.PP",
        "20IIIIIIPW.PP",
        "20IIIICPPPPPP",
        "20IIIIIPPP.WWW",
        "20IIIIW.WWWWWW",
    ],
)
def test_what_draws_no_layout_is_refused(drawn: str) -> None:
    with pytest.raises(ValueError, match=r"layout|measures|check digit"):
        layout_of(drawn)
