"""Who holds which units of an order, told by its events alone: what each location has, and what nobody has.

Routing, changes and cancellations ask this before they touch anything: units that a location may still hand
over are never given to another one, and units that nobody holds are never waited for. It is read when
something about an order is decided anew, never for each event.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.spine.log import Log
from hub.spine.rows import event_subjects, events
from hub.spine.work import Work
from protocol import later
from protocol.envelope import decode_event, read_body
from protocol.events import KIND_OF
from protocol.fulfilment import UnitsLine
from protocol.orders import LineKind, WireModel

_GIVEN_UP: Final = (later.AssignmentRejected, later.AssignmentCancelled)
_LEFT: Final = (later.AssignmentHandedOver, later.AssignmentShipped)
_KINDS: Final = tuple(
    KIND_OF[model][0]
    for model in (
        later.OrderPlaced,
        later.OrderRouted,
        later.OrderCancelled,
        later.AssignmentAnswered,
        later.AssignmentWithdrawn,
        later.AssignmentAccepted,
        later.AssignmentWrittenOff,
        later.PickStarted,
        later.AssignmentPicked,
        later.HandoverUndone,
        later.LinesAdded,
        later.ChangeRequested,
        later.ChangeRefused,
        later.AssignmentChanged,
        *_GIVEN_UP,
        *_LEFT,
    )
)

_TOLD: Final = Lookup(
    sa.select(events.c.edge, events.c.bytes)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(event_subjects.c.subject == sa.bindparam("of"), events.c.kind.in_(_KINDS))
    .order_by(events.c.apply_order)
)


@dataclass(slots=True)
class Holding:
    """What one location holds of an order, by line number."""

    assignment_id: str
    location: str
    own: bool
    """True when the store that took the order set the units aside itself."""
    units: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    """Of `units`, those that are in the customer's hands or on their way."""
    begun: bool = False
    """True once somebody there has begun to pick, as far as is known."""
    heard: bool = False
    """True once the location itself has spoken of it: whatever this hub has sent, it has the assignment."""
    asked: dict[int, int] = field(default_factory=dict)
    """Of `units`, those that the location was asked to fetch too and has not answered for."""
    written_off: bool = False
    """True once a person went on without the location: nothing but what leaves is its own any more."""

    def open(self, line_no: int) -> int:
        """Return the units of a line that are still there."""
        return max(0, self.units.get(line_no, 0) - self.left.get(line_no, 0))

    @property
    def is_open(self) -> bool:
        """Tell whether the location still has anything to fulfil."""
        return any(self.open(line_no) for line_no in self.units)

    def give_up(self, line_no: int, units: int) -> None:
        """Units are no longer this location's; what has left stays."""
        kept = self.left.get(line_no, 0)
        self.units[line_no] = max(kept, self.units.get(line_no, 0) - units)

    def give_up_all(self) -> None:
        """Nothing is this location's but what has left."""
        self.units = dict(self.left)

    def leave(self, line_no: int, units: int) -> None:
        """Units left, or came back when below zero; who had given them up had them all the same."""
        self.left[line_no] = max(0, self.left.get(line_no, 0) + units)
        self.units[line_no] = max(self.units.get(line_no, 0), self.left[line_no])


@dataclass(slots=True)
class Held:
    """An order's goods: who holds what, and what nobody holds."""

    ordered: dict[int, int] = field(default_factory=dict)
    cancelled: dict[int, int] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)

    @property
    def loose(self) -> dict[int, int]:
        """Units by line that nobody fulfils: neither cancelled, nor held, nor gone."""
        found = {}
        for line_no, ordered in self.ordered.items():
            held = sum([holding.units.get(line_no, 0) for holding in self.holdings.values()])
            units = ordered - self.cancelled.get(line_no, 0) - held
            if units > 0:
                found[line_no] = units
        return found

    @property
    def open_holdings(self) -> list[Holding]:
        """Locations that still have something to fulfil, in the order in which they got it."""
        return [holding for holding in self.holdings.values() if holding.is_open]

    def take(self, edge: str, body: WireModel) -> None:
        """Let one event count."""
        if isinstance(body, later.OrderPlaced):
            self.ordered = {line.line_no: line.quantity for line in body.lines if line.kind is LineKind.GOODS}
            if body.own is not None:
                units = {line.line_no: line.quantity for line in body.own.lines}
                self.holdings[body.own.assignment_id] = Holding(
                    body.own.assignment_id, edge, own=True, units=units
                )
        elif isinstance(body, later.OrderRouted):
            for part in body.parts:
                units = {line.line_no: line.quantity for line in part.lines}
                holding = Holding(part.assignment_id, part.location, own=False, units=units)
                before = self.holdings.get(part.assignment_id)
                if before is not None:  # found at a location whose facts were heard first
                    holding.left, holding.begun, holding.heard = before.left, before.begun, before.heard
                    holding.units = before.left | units
                self.holdings[part.assignment_id] = holding
        elif isinstance(body, later.LinesAdded):
            goods = {line.line_no: line.quantity for line in body.lines if line.kind is LineKind.GOODS}
            self.ordered = {**self.ordered, **goods}
        elif isinstance(body, later.OrderCancelled):
            for gone in body.lines:
                self.cancelled[gone.line_no] = self.cancelled.get(gone.line_no, 0) + gone.quantity
        elif isinstance(body, later.OnAssignment):
            self._on_assignment(edge, body)

    def _on_assignment(self, edge: str, body: later.OnAssignment) -> None:
        place = getattr(body, "location", "") or edge
        holding = self.holdings.setdefault(body.assignment_id, Holding(body.assignment_id, place, own=False))
        # The hub writes an answer down itself, be it of an offer that came twice or of what was found there.
        answered = isinstance(body, later.AssignmentAnswered)
        holding.heard = holding.heard or answered or edge == holding.location
        if isinstance(body, later.PickStarted | later.AssignmentPicked):
            holding.begun = True
        if isinstance(body, later.ChangeRequested | later.ChangeRefused | later.AssignmentChanged):
            _change(holding, body)
        elif isinstance(body, _GIVEN_UP):
            _each(body.lines, holding.give_up)
        elif isinstance(body, later.AssignmentPicked):
            _each(body.shorts, holding.give_up)
        elif isinstance(body, _LEFT):
            _each(body.lines, holding.leave)
        elif isinstance(body, later.HandoverUndone):
            _each(body.lines, lambda line_no, units: holding.leave(line_no, -units))
        elif isinstance(body, later.AssignmentWrittenOff):
            holding.written_off, holding.asked = True, {}
            holding.give_up_all()
        elif isinstance(body, later.AssignmentWithdrawn) or (
            isinstance(body, later.AssignmentAnswered) and body.outcome in ("rejected", "expired")
        ):
            holding.give_up_all()


def _change(
    holding: Holding, body: later.ChangeRequested | later.ChangeRefused | later.AssignmentChanged
) -> None:
    """What a location was asked to fetch too is its own from then on, until it has said that it will not."""
    if isinstance(body, later.AssignmentChanged):
        _each(body.dropped, holding.give_up)
    for line in body.added if not holding.written_off else ():
        if isinstance(body, later.ChangeRefused):
            holding.give_up(line.line_no, line.quantity)
        else:
            holding.units.setdefault(line.line_no, line.quantity)
        if isinstance(body, later.ChangeRequested):
            holding.asked[line.line_no] = line.quantity
        else:
            holding.asked.pop(line.line_no, None)


def _each(lines: Iterable[UnitsLine], do: Callable[[int, int], None]) -> None:
    for line in lines:
        do(line.line_no, line.units)


def held_of(connection: Connection, order_id: str) -> Held:
    """Return who holds what of an order, from what is written."""
    found = Held()
    for row in _TOLD.all(connection, of=f"order:{order_id}"):
        found.take(row.edge, read_body(decode_event(bytes(row.bytes))))
    return found


def held(work: Work, order_id: str) -> Held:
    """Return who holds what of an order as this unit of work has it, the event at hand included."""
    found = held_of(work.connection, order_id)
    for applied in work.room(Log).waiting(f"order:{order_id}"):
        found.take(applied.edge, applied.body)
    return found
