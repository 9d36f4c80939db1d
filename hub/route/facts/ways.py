"""The ways in which a location can fulfil: collected there, shipped, or sent to where it is collected. Pure.

What many locations share is worked out once: five hundred stores with one calendar and one backlog are ready
at one moment, and stores in one zone have the same options, in one tuple.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hub.route.facts.book import ANY_WEIGHT, Book
from hub.route.facts.known import Known
from hub.route.facts.opening import DAY_US, arrives_us, days_late, handed_us, work_of
from hub.route.facts.parameters import LaneRow
from hub.route.rules.choice import Ask
from hub.route.rules.instance import Option
from protocol.fulfilment import FulfilKind

TRANSFER: Final = "transfer"
"""The service of goods that come to the collecting store from another location."""


class When(NamedTuple):
    """When a location could have an order ready, and how busy it is then."""

    begins_us: int | None
    ready_us: int | None
    waits: bool
    """Whether it is closed or full at first."""
    minutes: int
    cap_units: int
    used: int
    units: int


class Arrival(NamedTuple):
    """When something that is shipped leaves and arrives."""

    handed_us: int | None
    arrives_us: int


class Ways:
    """The ways of one question."""

    def __init__(self, book: Book, ask: Ask, deliver_us: int, *, split_minor: int = 0) -> None:
        self._book, self._ask, self._deliver_us = book, ask, deliver_us
        self.split_minor = split_minor
        self._when: dict[tuple[str, str, int, int], When] = {}
        self._shipped: dict[tuple[str, When, tuple[str, ...], bool], tuple[Option, ...]] = {}

    def when(self, known: Known) -> When:
        """Return when a location could have the order ready."""
        book = self._book
        minutes = book.ready_minutes(known.location)
        key = (book.calendar(known.location), known.zone, minutes, known.backlog)
        found = self._when.get(key)
        if found is None:
            found = self._when[key] = self._ready(known, minutes)
        return found

    def _ready(self, known: Known, minutes: int) -> When:
        ask, schedule = self._ask, self._book.schedule(known.location, known.zone)
        work = work_of(schedule, now_us=ask.now_us, due_us=ask.due_us, backlog=known.backlog)
        if work.begins_us is None:
            return When(None, None, waits=True, minutes=minutes, cap_units=0, used=0, units=0)
        plain = work.begins_us + minutes * 60_000_000
        ready = schedule.ready_us(work.begins_us, minutes) if schedule.hours else plain
        waits = work.begins_us > ask.now_us or ready != plain
        return When(work.begins_us, ready, waits, minutes, work.cap_units, work.used, work.units)

    def collected(self, when: When) -> tuple[Option, ...]:
        """Return how an order is collected where it lies."""
        assert when.ready_us is not None
        return (Option("", days_late(when.ready_us, self._ask.due_us), self.split_minor, ANY_WEIGHT),)

    def transferred(self, when: When, lane: LaneRow, known: Sequence[Known]) -> tuple[Option, ...]:
        """Return how goods come to where they are collected: sent, received, and got ready there."""
        late = days_late(self.sent_us(when, lane, known), self._ask.due_us)
        return (Option(TRANSFER, late, lane.fixed_minor + self.split_minor, ANY_WEIGHT),)

    def sent_us(self, when: When, lane: LaneRow, known: Sequence[Known]) -> int:
        """Return when goods that another location sends are ready where they are collected."""
        assert when.ready_us is not None
        there = next((each for each in known if each.location == lane.to), None)
        arrives = when.ready_us + lane.days * DAY_US
        if there is None:
            return arrives
        schedule = self._book.schedule(there.location, there.zone)
        minutes = self._book.ready_minutes(there.location)
        return schedule.ready_us(arrives, minutes) or arrives + DAY_US

    def shipped(self, when: When, known: Known, zone: str, *, held: bool) -> tuple[Option, ...]:
        """Return by which services a location can ship into a zone."""
        carried = self._book.carried(zone)
        names = tuple(self._book.cutoff_name(known.location, each.service) for each in carried)
        key = (f"{zone}|{known.zone}", when, names, held)
        found = self._shipped.get(key)
        if found is None:
            found = self._shipped[key] = tuple(
                Option(
                    each.service,
                    self._late(self.arrival(when, known, each.service, each.days)),
                    0 if held else each.label_minor + self.split_minor,
                    each.bands,
                )
                for each in carried
                if self._ask.service in ("", each.service)
            )
        return found

    def arrival(self, when: When, known: Known, service: str, days: int) -> Arrival:
        """Return when a carrier takes what is ready then, and when it arrives."""
        assert when.ready_us is not None
        zone = ZoneInfo(known.zone)
        named = self._book.cutoff_name(known.location, service)
        handed = handed_us(self._book.cutoffs(named, service), when.ready_us, zone)
        return Arrival(handed, 0 if handed is None else arrives_us(handed, days, zone))

    def _late(self, arrival: Arrival) -> int:
        if arrival.handed_us is None:
            return 365
        late = days_late(arrival.handed_us, self._ask.due_us)
        return max(late, days_late(arrival.arrives_us, self._deliver_us)) if self._deliver_us else late


def late_fact(when: When, ask: Ask, location: str) -> tuple[str, str]:
    """Return why a location cannot be in time, as (code, fact)."""
    if ask.kind is FulfilKind.COLLECT and location != ask.location:
        return "CUTOFF", f"what it sends comes to {ask.location} too late"
    if when.begins_us is not None and when.begins_us > ask.due_us:
        return "NO_CAPACITY", "has no hands free before it is due"
    if when.waits:
        return "CLOSED", "is closed until too late"
    if when.ready_us is not None and when.ready_us <= ask.due_us:
        return "CUTOFF", "the carrier comes too late"
    return "CUTOFF", f"needs {when.minutes} minutes, and less is left"
