"""When something can be ready, when a carrier takes it, and what fits into a part of the day. Pure.

Times of the tables are those on the wall of the location, so a summer day may have a longer hour; moments
are microseconds. The rows of a location take the place of those for everywhere; a date beats a weekday, and
a weekday beats `daily`. A location without any hours is always open; one that has some is closed on the days
of which none speaks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from hub.route.facts.parameters import CapacityRow, CutoffRow, HoursRow
from protocol.clock import MICROSECONDS, to_us

LOOK_DAYS: Final = 21
"""How far ahead anybody looks: a place that is closed for three weeks has no answer to give."""
MINUTE_US: Final = 60 * MICROSECONDS
DAY_US: Final = 24 * 60 * MINUTE_US
NO_LIMIT: Final = 1_000_000
"""Units that fit into the day of a location of which nobody said how many."""
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

R = TypeVar("R", HoursRow, CapacityRow, CutoffRow)


class Days(Generic[R]):
    """The rows of one location, by day."""

    def __init__(self, rows: Iterable[R]) -> None:
        self._rows: dict[str, list[R]] = {}
        for row in rows:
            self._rows.setdefault(row.day, []).append(row)

    def __bool__(self) -> bool:
        """Tell whether anything is said at all."""
        return bool(self._rows)

    def of(self, day: date) -> Sequence[R]:
        """Return what is said of a day."""
        for name in (day.isoformat(), _WEEKDAYS[day.weekday()], "daily"):
            if name in self._rows:
                return self._rows[name]
        return ()


class Window(NamedTuple):
    """A part of a day with the units that fit into what is left of it."""

    begins_us: int
    ends_us: int
    units: int
    whole: int
    """Units of the whole part."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How one location works."""

    zone: ZoneInfo
    hours: Days[HoursRow]
    capacity: Days[CapacityRow]

    def spans(self, from_us: int) -> Iterator[tuple[int, int]]:
        """Yield when somebody is there from a moment on, the first span first."""
        for day in _days(from_us, self.zone):
            if not self.hours:
                yield max(from_us, _at(day, "00:00", self.zone)), _at(day, "24:00", self.zone)
                continue
            for row in sorted(self.hours.of(day), key=lambda row: row.opens):
                begins, ends = _at(day, row.opens, self.zone), _at(day, row.closes, self.zone)
                if max(begins, from_us) < ends:
                    yield max(begins, from_us), ends

    def ready_us(self, from_us: int, minutes: int) -> int | None:
        """Return when so many minutes of open time have passed; None when that is too far off."""
        left = minutes * MINUTE_US
        for begins, ends in self.spans(from_us):
            if left <= ends - begins:
                return begins + left
            left -= ends - begins
        return None

    def windows(self, from_us: int) -> Iterator[Window]:
        """Yield the parts of the days from a moment on; what is left of one that has begun."""
        for day in _days(from_us, self.zone):
            for row in sorted(self.capacity.of(day), key=lambda row: row.begins):
                begins, ends = _at(day, row.begins, self.zone), _at(day, row.ends, self.zone)
                first = max(begins, from_us)
                if first < ends:
                    yield Window(first, ends, row.units * (ends - first) // (ends - begins), row.units)


class Work(NamedTuple):
    """When a location could begin with an order, and how busy it is then."""

    begins_us: int | None
    """None when nothing fits any more within `LOOK_DAYS`."""
    cap_units: int
    """Units that fit before the promise is due; at least those of the part in which it would begin."""
    used: int
    """Units that are planned in that part of the day, of `units`; none of none without capacity."""
    units: int


def work_of(schedule: Schedule, *, now_us: int, due_us: int, backlog: int) -> Work:
    """Return when a location with so many units to pick could begin with more: it works them off in order."""
    if not schedule.capacity:
        return Work(now_us, NO_LIMIT, 0, 0)
    first: Window | None = None
    free_then = used = cap = 0
    for window in schedule.windows(now_us):
        before = min(backlog, window.units)
        backlog -= before
        free = window.units - before
        if first is not None and window.begins_us >= due_us:
            break
        if free and first is None:
            first, free_then, used = window, free, window.whole - free
        if window.begins_us < due_us:
            cap += free
    if first is None:
        return Work(None, 0, 0, 0)
    return Work(first.begins_us, cap or free_then, used, first.whole)


def worked_off(schedule: Schedule, *, from_us: int, to_us: int) -> int:
    """Return how many units a location picks between two moments when it has enough to do."""
    done = 0
    for window in schedule.windows(from_us):
        if window.begins_us >= to_us:
            break
        part = min(window.ends_us, to_us) - window.begins_us
        done += window.units * part // (window.ends_us - window.begins_us)
    return done


def handed_us(cutoffs: Days[CutoffRow], ready_us: int, zone: ZoneInfo) -> int | None:
    """Return when the carrier takes what is ready at a moment; at once where nobody said when it comes."""
    if not cutoffs:
        return ready_us
    for day in _days(ready_us, zone):
        for row in sorted(cutoffs.of(day), key=lambda row: row.at):
            at_us = _at(day, row.at, zone)
            if at_us >= ready_us:
                return at_us
    return None


def arrives_us(handed_us: int, days: int, zone: ZoneInfo) -> int:
    """Return the last moment of the day on which something arrives, so many days after it was handed over."""
    day = _day(handed_us, zone) + timedelta(days=days)
    return _at(day, "24:00", zone) - MINUTE_US


def days_late(moment_us: int, due_us: int) -> int:
    """Return how many days a moment is behind another one, begun days counted whole."""
    return max(0, -(-(moment_us - due_us) // DAY_US))


def _days(from_us: int, zone: ZoneInfo) -> Iterator[date]:
    first = _day(from_us, zone)
    return (first + timedelta(days=n) for n in range(LOOK_DAYS))


def _day(at_us: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_us // MICROSECONDS, tz=zone).date()


def _at(day: date, clock: str, zone: ZoneInfo) -> int:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return to_us(datetime.combine(day, time(int(clock[:2]), int(clock[3:])), tzinfo=zone))
