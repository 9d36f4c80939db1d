import pytest
from markupsafe import Markup

from protocol.clock import LAST_US, from_us
from protocol.kit.text import language
from protocol.kit.web.filters import amount, duration, make_ago, money, qty, sentence, when
from tests.browser.kit.gallery import monday_us
from tests.unit.kit.web import StillClock


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (4370, "GBP", "£43.70"),
        (-656, "GBP", "\u2212£6.56"),
        (128490732, "GBP", "£1,284,907.32"),
        (500, "JPY", "JP¥500"),
        (0, "GBP", "£0.00"),
    ],
)
def test_a_headline_amount_carries_its_sign_and_the_true_minus(minor: int, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


@pytest.mark.parametrize(
    ("minor", "shown"), [(4535, "45.35"), (-165, "\u22121.65"), (128490732, "1,284,907.32"), (5, "0.05")]
)
def test_an_amount_in_a_column_has_no_currency_sign(minor: int, shown: str) -> None:
    assert amount(minor) == shown


def test_numbers_follow_the_language_of_the_reader() -> None:
    token = language.set("de")
    try:
        assert (amount(128490732), qty(9106)) == ("1.284.907,32", "9.106")
    finally:
        language.reset(token)


def test_a_time_is_shown_in_the_zone_of_its_place_and_not_in_the_browsers() -> None:
    at_us = monday_us()

    assert ">Sun 22 Nov, 14:36</time>" in when(at_us)
    assert ">Sun 22 Nov, 15:36</time>" in when(at_us, "Europe/Berlin")
    assert 'title="Sun 22 Nov 2026, 15:36:00 (Europe/Berlin)"' in when(at_us, "Europe/Berlin")
    assert ">14:36</time>" in when(at_us, form="HH:mm")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (7800, "2 h 10 min"),
        (7200, "2 h"),
        (86400, "1 day"),
        (2e6, "23 days"),
    ],
)
def test_a_span_is_said_in_the_unit_a_person_would_use(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_an_age_carries_its_seconds_so_that_the_page_can_keep_it_true() -> None:
    ago = make_ago(StillClock(monday_us()))

    assert 'data-ago="4">4 s ago</time>' in ago(monday_us() - 4_000_000)
    assert 'data-ago="0">0 s ago</time>' in ago(monday_us() + 9_000_000)


def test_a_time_inside_a_sentence_stays_an_element_and_what_people_wrote_stays_text() -> None:
    at = Markup('<time datetime="2026-11-22">4 s ago</time>')

    said = sentence("Taken {at} by {name}", at=at, name="<b>Eve</b>")

    assert said == 'Taken <time datetime="2026-11-22">4 s ago</time> by &lt;b&gt;Eve&lt;/b&gt;'
    assert sentence("Taken by {name}", name="<b>Eve</b>") == "Taken by <b>Eve</b>"
    assert not isinstance(sentence("Taken by {name}", name="Eve"), Markup)


@pytest.mark.parametrize("at_us", [2**62, 253_402_300_800 * 10**6, LAST_US + 1])
def test_a_moment_that_no_calendar_has_is_in_the_far_future(at_us: int) -> None:
    assert ">in the far future</time>" in when(at_us, "Pacific/Kiritimati")
    assert from_us(at_us).year == from_us(-at_us).year + 9_996 == 9_998


def test_the_last_moment_that_is_shown_has_a_day_in_every_zone() -> None:
    assert ">9998</time>" in when(LAST_US, "Pacific/Kiritimati", "y")
