"""When a digest leaves, and which days it speaks of. Pure.

A digest leaves once on each day of the company, at its minute or as soon after it as the hub runs. It speaks
of the days since the one before, so a hub that was down leaves no day out; and it names those without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from protocol.clock import from_us, to_us

DAYS_NAMED: Final = 31
"""A hub that was away for longer names only the last month."""
MINUTES: Final = 24 * 60


class Role(StrEnum):
    """What a digest is for: a role of the hub, or the manager of one location."""

    OPS = "ops"
    FINANCE = "finance"
    ADMIN = "admin"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Due:
    """A digest that leaves now: of which day, and which days before it had none."""

    day: date
    skipped: tuple[date, ...] = ()

    @property
    def first_told(self) -> date:
        """Return the first day that it speaks of: yesterday, or the first that nobody has told of."""
        return min((*self.skipped, self.day)) - timedelta(days=1)


def due(now_us: int, zone: str, minute: int, last: date | None, begun_us: int) -> Due | None:
    """Return the digest that leaves now, None while there is none.

    `last` is the last day that had one, `begun_us` when it was set up: it has no days before that.
    """
    here = ZoneInfo(zone)
    today = from_us(now_us).astimezone(here).date()
    if now_us < moment_us(today, zone, minute) or (last is not None and last >= today):
        return None
    if last is None:
        # Set up after today's minute: the first one leaves tomorrow, not at once and half a day late.
        return None if begun_us > moment_us(today, zone, minute) else Due(today)
    first = max(last + timedelta(days=1), today - timedelta(days=DAYS_NAMED))
    return Due(today, tuple(days(first, today)))


def days(first: date, end: date) -> Sequence[date]:
    """Return the days from one until before another."""
    return [first + timedelta(days=n) for n in range((end - first).days)]


def moment_us(day: date, zone: str, minute: int) -> int:
    """Return when a minute of a day is; one that clocks skip is the first after it."""
    return to_us(datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(zone)))


def next_us(now_us: int, zone: str, minute: int, last: date | None, begun_us: int) -> int:
    """Return when the next digest leaves."""
    if due(now_us, zone, minute, last, begun_us) is not None:
        return now_us
    today = from_us(now_us).astimezone(ZoneInfo(zone)).date()
    mine = moment_us(today, zone, minute)
    return mine if now_us < mine else moment_us(today + timedelta(days=1), zone, minute)
