"""An amount in a form is read as it stands there, or refused: nothing is made of what is none."""

import pytest

from edge_agent.pages import Form
from protocol.errors import Invalid
from protocol.kit.text import language
from protocol.kit.web.filters import amount, money
from tests.support.store import Store

HX = {"HX-Request": "true"}


def read(text: str, currency: str = "GBP") -> int:
    """Return what a form reads."""
    return Form((("price", text),)).minor("price", currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12", "GBP", 1200),
        ("12.50", "GBP", 1250),
        ("12,50", "GBP", 1250),
        ("  12.50\u00a0", "GBP", 1250),
        ("£12.50", "GBP", 1250),
        ("£ 12.50", "GBP", 1250),
        ("12,50 £", "GBP", 1250),
        ("12,50\u00a0€", "EUR", 1250),
        ("GBP 12.50", "GBP", 1250),
        ("US$12.50", "USD", 1250),
        ("$12.50", "USD", 1250),
        ("1,234.50", "GBP", 123_450),
        ("1.234,50", "EUR", 123_450),
        ("£1,234,567.89", "GBP", 123_456_789),
        ("JP¥1,234", "JPY", 1_234),
        ("1.234 ¥", "JPY", 1_234),
        ("1.234", "KWD", 1_234),
        ("0", "GBP", 0),
    ],
)
def test_an_amount_is_read_with_the_sign_of_its_currency_and_thousands_apart(
    text: str, currency: str, minor: int
) -> None:
    assert read(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    ["-4", "−4", "£-4", "-£4", "4-", "4-5", "1e9", "12 34", "1 234.50", "abc7", "7abc", "12.5", "1.234.5",
     "1,23,4", "1,234", "1.234", "12,34.50", "1,234.567", "1,234,50", "£", "€4", "$4", "££4", "+4", "٣",
     "4 GBP EUR", "."],
)  # fmt: skip
def test_what_is_no_amount_is_refused_and_named(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read(text)

    assert (refusal.value.reason, refusal.value.facts["field"]) == ("bad_amount", "price")
    assert refusal.value.what == f"{text!r} is not an amount in GBP."
    assert refusal.value.remedy == "Type it like 12.50."


def test_an_empty_field_is_no_amount() -> None:
    with pytest.raises(Invalid) as refusal:
        read("  ")

    assert (refusal.value.reason, refusal.value.what) == ("bad_amount", "No amount was typed.")


@pytest.mark.parametrize("text", ["99999999999999", "10000000000.01"])
def test_more_than_any_command_takes_is_refused_where_it_is_read(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read(text)

    assert refusal.value.reason == "amount_too_large"


@pytest.mark.parametrize("spoken", ["en", "de"])
@pytest.mark.parametrize("currency", ["GBP", "EUR", "USD", "CHF", "JPY", "KWD", "SEK", "PLN"])
@pytest.mark.parametrize("minor", [0, 5, 999, 1_000, 123_456, 100_000, 123_456_789, 10**12])
def test_what_a_page_writes_is_read_again(spoken: str, currency: str, minor: int) -> None:
    token = language.set(spoken)
    try:
        written = (money(minor, currency), amount(minor, currency))
    finally:
        language.reset(token)

    assert [read(text, currency) for text in written] == [minor, minor]


@pytest.mark.parametrize(
    ("typed", "float_minor"), [("£1,234.50", 123_450), ("-4", None), ("4-5", None), ("abc7", None)]
)
def test_a_till_is_opened_with_the_float_that_its_field_shows(
    store: Store, typed: str, float_minor: int | None
) -> None:
    before = store.fingerprint()
    form = {"key": "float-2", "float": typed}

    answer = store.client.post("/store/day/till-2/open", data=form, headers=store.headers("manager") | HX)

    floats = store.rows("SELECT float_minor FROM till_sessions WHERE till = 'till-2'")
    assert floats == ([] if float_minor is None else [(float_minor,)])
    if float_minor is None:
        assert "is not an amount in GBP." in answer.text
        assert store.fingerprint() == before
