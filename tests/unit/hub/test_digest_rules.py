"""When a digest leaves, and which days it speaks of."""

from datetime import UTC, date, datetime

import pytest

from hub.digest.rules import DAYS_NAMED, Due, due, moment_us, next_us
from protocol.clock import to_us

ZONE = "Europe/Berlin"
SEVEN = 7 * 60


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


TODAY, YESTERDAY = date(2026, 11, 26), date(2026, 11, 25)
LONG_AGO = at("2026-01-01T00:00")


@pytest.mark.parametrize(
    ("now", "last", "leaves"),
    [
        ("2026-11-26T05:59", YESTERDAY, None),
        ("2026-11-26T06:00", YESTERDAY, Due(TODAY)),
        ("2026-11-26T22:59", YESTERDAY, Due(TODAY)),
        ("2026-11-26T06:00", TODAY, None),
        ("2026-11-26T06:00", date(2026, 11, 23), Due(TODAY, (date(2026, 11, 24), YESTERDAY))),
        ("2026-11-26T06:00", None, Due(TODAY)),
    ],
)
def test_a_digest_leaves_once_a_day_from_its_minute_on(now: str, last: date | None, leaves: Due) -> None:
    assert due(at(now), ZONE, SEVEN, last, LONG_AGO) == leaves


def test_a_digest_tells_of_every_day_that_nobody_has_told_of() -> None:
    assert Due(TODAY).first_told == YESTERDAY
    assert Due(TODAY, (date(2026, 11, 24), YESTERDAY)).first_told == date(2026, 11, 23)
    long = due(at("2026-11-26T06:00"), ZONE, SEVEN, date(2026, 1, 1), LONG_AGO)
    assert long is not None
    assert len(long.skipped) == DAYS_NAMED


def test_one_that_is_set_up_after_its_minute_begins_tomorrow() -> None:
    now, begun = at("2026-11-26T12:00"), at("2026-11-26T11:00")

    assert due(now, ZONE, SEVEN, None, begun) is None
    assert next_us(now, ZONE, SEVEN, None, begun) == at("2026-11-27T06:00")
    assert due(at("2026-11-27T06:00"), ZONE, SEVEN, None, begun) == Due(date(2026, 11, 27))


def test_a_minute_that_clocks_skip_is_the_first_after_it() -> None:
    assert moment_us(date(2026, 3, 29), ZONE, 2 * 60 + 30) == at("2026-03-29T01:30")
    assert next_us(at("2026-11-26T05:00"), ZONE, SEVEN, YESTERDAY, LONG_AGO) == at("2026-11-26T06:00")
