"""Money as text, and what sharing refuses."""

import pytest

from protocol.errors import Invalid
from protocol.money import CURRENCY_EXPONENTS, allocate, exponent, format_minor, parse_minor, round_ratio


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1250, "GBP", "12.50"),
        (5, "GBP", "0.05"),
        (0, "GBP", "0.00"),
        (-5, "GBP", "-0.05"),
        (-1250, "EUR", "-12.50"),
        (105, "JPY", "105"),
        (10_500, "BHD", "10.500"),
        (123_456_789, "GBP", "1234567.89"),
    ],
)
def test_an_amount_is_written_with_the_places_of_its_currency(
    amount_minor: int, currency: str, text: str
) -> None:
    assert format_minor(amount_minor, currency) == text


def test_a_plus_is_written_only_where_asked_and_true() -> None:
    assert [format_minor(amount, "GBP", sign=True) for amount in (70, 0, -70)] == ["+0.70", "0.00", "-0.70"]


@pytest.mark.parametrize(
    ("text", "currency", "amount_minor"),
    [
        ("12.50", "GBP", 1250),
        ("12,50", "GBP", 1250),
        ("12", "GBP", 1200),
        ("0", "GBP", 0),
        ("00.05", "GBP", 5),
        ("105", "JPY", 105),
        ("10.500", "BHD", 10_500),
    ],
)
def test_an_amount_is_read_with_point_or_comma(text: str, currency: str, amount_minor: int) -> None:
    assert parse_minor(text, currency) == amount_minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "GBP"),
        ("12.5", "GBP"),
        ("12.", "GBP"),
        (".50", "GBP"),
        ("1,234", "GBP"),
        ("1,234.50", "GBP"),
        ("-1.00", "GBP"),
        ("+1", "GBP"),
        (" 1", "GBP"),
        ("1\n", "GBP"),
        ("1e3", "GBP"),
        ("£1", "GBP"),
        ("١٢", "GBP"),
        ("1_000", "GBP"),
        ("1.00", "JPY"),
        ("9" * 16, "GBP"),
    ],
)
def test_an_amount_that_could_mean_two_things_is_refused(text: str, currency: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_minor(text, currency)

    assert refusal.value.reason == "bad_amount"


def test_a_refused_amount_shows_how_to_type_it() -> None:
    with pytest.raises(Invalid) as refusal:
        parse_minor("twelve", "BHD")

    assert refusal.value.remedy == "Type it like 12.000."


def test_an_unknown_currency_is_refused_by_name() -> None:
    with pytest.raises(Invalid) as refusal:
        exponent("gbp")

    assert (refusal.value.reason, refusal.value.facts) == ("unknown_currency", {"currency": "gbp"})


def test_every_currency_has_a_code_of_three_letters_once() -> None:
    assert all(len(code) == 3 and code.isupper() for code in CURRENCY_EXPONENTS)
    assert [exponent(code) for code in ("JPY", "GBP", "KWD", "CLF")] == [0, 2, 3, 4]
    assert len(CURRENCY_EXPONENTS) == 158


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (0, [], ()),
        (0, [0, 0], (0, 0)),
        (0, [3, 1], (0, 0)),
        (7, [0, 1, 0], (0, 7, 0)),
        (1, [0, 1, 1], (0, 1, 0)),
        (-1, [0, 1, 1], (0, -1, 0)),
        (2, [1, 0, 1, 1], (1, 0, 1, 0)),
    ],
)
def test_edges_of_sharing_are_exact(total: int, weights: list[int], parts: tuple[int, ...]) -> None:
    assert allocate(total, weights) == parts


@pytest.mark.parametrize(
    ("total", "weights", "code"),
    [
        (1, [], "nothing_to_share_over"),
        (-1, [0, 0], "nothing_to_share_over"),
        (5, [2, -1], "negative_weight"),
    ],
)
def test_what_cannot_be_shared_is_refused(total: int, weights: list[int], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        allocate(total, weights)

    assert refusal.value.reason == code


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"), [(1, 2, 1), (1, -2, -1), (-1, -2, 1), (-1, 3, 0), (0, -3, 0)]
)
def test_the_sign_of_a_ratio_does_not_change_its_rounding(
    numerator: int, denominator: int, value: int
) -> None:
    assert round_ratio(numerator, denominator) == value


def test_a_ratio_to_nothing_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        round_ratio(1, 0)

    assert refusal.value.reason == "no_ratio"
