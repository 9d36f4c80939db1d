"""Routing as the journey calls it: after a capture, after a change, and when a location gives units back.

Every one of them does nothing while tables are made anew: what was decided then is in the log.
"""

from collections.abc import Mapping
from typing import Any, Final

from hub.holds.restored import hold_if_forgotten, hold_if_older
from hub.holds.rows import blocking
from hub.route import awaiting, reads
from hub.route.asking import ToRoute
from hub.route.deciding import Decided, decide, off_the_desk, unroutable
from hub.route.extending import extend, holder_of, on_change_requested
from hub.route.keeping import Because
from hub.route.reservations import use_reservation
from hub.route.rules.choice import MAX_RE_ROUTES, NoLocation
from hub.spine.held import held
from hub.spine.orders import Orders
from hub.spine.work import Applied, Work
from hub.stock import allocations, claims
from protocol import later
from protocol.fulfilment import AssignedLine, Promise, RejectReason
from protocol.holds import Blocked, HoldEnded
from protocol.orders import LineKind

__all__ = [
    "on_change_requested",
    "on_hold_ended",
    "on_lines_added",
    "on_order_cancelled",
    "on_order_changed",
    "on_order_placed",
    "re_route",
    "route_loose",
]

DECIDED: Final = "decided"
"""Where a decision stands in `results`: what was recorded, for whoever asked for it."""
PROMISE_CHANGED: Final = "promise_changed"
"""Set in `results` by the stage that settles requests: the change routes these units, not their return."""
EXCLUDE: Final = "exclude"
"""Set in `results` to True when a location was asked to give units up because another one shall fulfil."""
ROUTE_REST: Final = "route_rest"
"""In `results` of what a change recorded: True where what nobody holds by then is to be routed."""
ATTEMPTS: Final = 100


def on_order_placed(work: Work, applied: Applied) -> None:
    """Decide who fulfils an order that its store has not set aside itself; stands after it was written."""
    body: later.OrderPlaced = applied.body
    if work.rebuilding or body.own is not None or blocking(work, body.order_id, Blocked.ROUTE):
        return
    if applied.results.get("earlier"):  # it was known before, and locations have told what they have of it
        applied.results[DECIDED] = route_loose(work, body.order_id, trigger="placed")
        return
    lines = tuple(
        AssignedLine(line_no=line.line_no, sku=line.sku, name=line.name, quantity=line.quantity)
        for line in body.lines
        if line.kind is LineKind.GOODS
    )
    if not lines:
        return
    value_minor = sum([line.gross_minor for line in body.lines if line.kind is LineKind.GOODS])
    order = ToRoute(body.order_id, body.number, body.promise, lines, body.contact_id, value_minor)
    reserved = use_reservation(work, body.reservation_id, order) if body.reservation_id else None
    applied.results[DECIDED] = reserved or decide(work, order, Because())


def on_order_changed(work: Work, applied: Applied) -> None:
    """Route what nobody holds by the new promise; a change that is only asked for moves nothing."""
    body: later.OrderChanged = applied.body
    if work.rebuilding or body.requested or "promise" not in body.what:
        return
    applied.results[DECIDED] = route_loose(work, body.order_id, trigger="changed")


def on_lines_added(work: Work, applied: Applied) -> None:
    """Find who fetches what was added: whoever holds the rest, else anybody; `results` say what was decided.

    Nothing is decided while a cancellation that belongs to it is still to be recorded (`ROUTE_REST`).
    """
    body: later.LinesAdded = applied.body
    if work.rebuilding or not applied.results.get(ROUTE_REST, True):
        return
    now = held(work, body.order_id)
    added = {line.line_no for line in body.lines}
    units = {n: count for n, count in now.loose.items() if n in added}
    order = to_route(work, body.order_id, units)
    if order is None or blocking(work, body.order_id, Blocked.ROUTE):
        return
    if holder_of(now) is not None and extend(work, order, body) is not None:
        return
    rest = now.loose if not now.open_holdings else units
    applied.results[DECIDED] = _route(work, body.order_id, rest, trigger="changed")


def on_order_cancelled(work: Work, applied: Applied) -> None:
    """Take the card off the desk when nothing is left that somebody would have to find a place for."""
    body: later.OrderCancelled = applied.body
    if work.rebuilding:
        return
    loose = held(work, body.order_id).loose
    waits = claims.waiting_units(work.connection, body.order_id)
    if any(units > loose.get(line_no, 0) for line_no, units in waits.items()):
        # What waits is less now, or nothing: it is decided anew, because a part of it may be free already.
        awaiting.end(work, body.order_id, "cancelled")
        rest = {n: min(units, loose[n]) for n, units in waits.items() if n in loose}
        units = loose if applied.results.get(ROUTE_REST) else rest
        applied.results[DECIDED] = _route(work, body.order_id, units, trigger="changed")
    elif applied.results.get(ROUTE_REST) and loose:
        applied.results[DECIDED] = _route(work, body.order_id, loose, trigger="changed")
    off_the_desk(work, body.order_id, how="Nothing of it is left to fulfil.")


def on_hold_ended(work: Work, applied: Applied) -> None:
    """Route what nobody holds of an order that may go on, once nothing else forbids it."""
    body: HoldEnded = applied.body
    if not work.rebuilding:
        route_loose(work, body.order_id, trigger="released")


def re_route(work: Work, applied: Applied) -> None:
    """Route units anew that a location gave back; stands after the stages of fulfil and of capture.

    For `assignment.rejected`, `.picked` (its shorts), `.answered` (rejected, expired), `.withdrawn`,
    `.cancelled` and `.written_off`. Only units that nobody holds by now, and at most twice by itself: a third
    location that gives an order back says that something is wrong with more than the location.
    """
    body: later.OnAssignment = applied.body
    if work.rebuilding or applied.results.get(PROMISE_CHANGED):
        return
    trigger, freed = _freed(work, body)
    if not freed:
        return
    loose = held(work, body.order_id).loose
    units = {n: min(count, loose[n]) for n, count in freed.items() if n in loose}
    if units and hold_if_forgotten(work, applied, body.order_id, body.number):
        return
    excluded = _giver(applied, body) if trigger in _EXCLUDING or applied.results.get(EXCLUDE) else ""
    # Who goes on without one location has said nothing of others that have not spoken since a restore.
    certain = trigger != reads.WRITTEN_OFF or not units
    applied.results[DECIDED] = _route(
        work, body.order_id, units, trigger=trigger, also_excluded=excluded, certain=certain
    )


def route_loose(work: Work, order_id: str, *, trigger: str) -> Decided | None:
    """Route everything that nobody holds because a person wants it; None when there is nothing."""
    return _route(work, order_id, held(work, order_id).loose, trigger=trigger)


_EXCLUDING: Final = ("answered", "rejected", "short", reads.WRITTEN_OFF)
"""After which the location that the event is about is not asked again."""
_KNOWS_WHOM: Final = (*reads.AUTOMATIC, reads.WRITTEN_OFF)
"""After which those are not asked again who gave units back, or without whom somebody goes on."""


def _route(
    work: Work,
    order_id: str,
    units: Mapping[int, int],
    *,
    trigger: str,
    also_excluded: str = "",
    certain: bool = False,
) -> Decided | None:
    """Route units unless a hold forbids it; `certain`: who had them has just given them back."""
    if blocking(work, order_id, Blocked.ROUTE) or (not certain and hold_if_older(work, order_id)):
        return None  # released, it is routed as a whole
    order = to_route(work, order_id, _with_waiting(work, order_id, units))
    if order is None:
        return None
    before = reads.before(work.connection, order_id)
    because = Because(
        trigger=trigger,
        attempt=min(before.attempts + 1, ATTEMPTS),
        # Who asks for another promise, or tries again by hand, may ask everybody again.
        excluded=_with(before.excluded, also_excluded) if trigger in _KNOWS_WHOM else (),
    )
    if trigger in reads.AUTOMATIC and before.automatic >= MAX_RE_ROUTES:
        why = f"It was routed anew {before.automatic} times already and came back; somebody must look at it."
        return unroutable(work, order, because, NoLocation((), "", said=why))
    return decide(work, order, because)


def route_missed(work: Work, order_id: str, *, why: str) -> Decided | None:
    """Decide anew about an order that waited for goods that do not come; `why` is said to who must look."""
    units = awaiting.end(work, order_id, why)
    loose = held(work, order_id).loose
    units = {n: min(count, loose[n]) for n, count in units.items() if n in loose}
    order = to_route(work, order_id, units)
    if order is None or blocking(work, order_id, Blocked.ROUTE) or hold_if_older(work, order_id):
        return None
    before = reads.before(work.connection, order_id)
    attempt = min(before.attempts + 1, ATTEMPTS)
    return decide(work, order, Because("missed", attempt, before.excluded, missed=why))


def _with_waiting(work: Work, order_id: str, units: Mapping[int, int]) -> Mapping[int, int]:
    """Return units with all that waits of the order, if some of them wait: then it waits no longer.

    Nobody holds what waits, so whoever routes everything that nobody holds routes that too.
    """
    waits = claims.waiting_units(work.connection, order_id)
    if not waits:
        return units
    loose = held(work, order_id).loose
    if all(count <= loose.get(n, 0) - waits.get(n, 0) for n, count in units.items()):
        return units
    awaiting.end(work, order_id, "it was decided anew")
    both = {n: units.get(n, 0) + waits.get(n, 0) for n in {*units, *waits}}
    return {n: min(count, loose[n]) for n, count in both.items() if n in loose}


def to_route(work: Work, order_id: str, units: Mapping[int, int]) -> ToRoute | None:
    """Return units of an order that somebody is to fulfil, with what was promised; None for none."""
    entry = work.room(Orders).need(order_id)
    if entry is None or entry.later is None:
        return None
    names = {line.line_no: line.name for line in entry.added}
    lines = reads.assigned_lines(work.connection, order_id, units)
    known = {line.line_no for line in lines}
    lines += tuple(
        AssignedLine(line_no=n, sku=line.sku, name=names[n], quantity=units[n])
        for line in entry.record.lines
        if (n := line.line_no) in names and n not in known and units.get(n, 0) > 0
        if line.kind is LineKind.GOODS
    )
    if not lines:
        return None
    return ToRoute(
        order_id,
        entry.record.number,
        Promise.model_validate_json(entry.later.promise),
        lines,
        entry.later.contact_id,
        sum([line.gross_minor for line in entry.record.lines if line.kind is LineKind.GOODS]),
        frozenset([each.location for each in held(work, order_id).open_holdings]),
    )


def _freed(work: Work, body: Any) -> tuple[str, dict[int, int]]:
    """Return why units came back and how many of each line; nothing when they did not."""
    trigger, units = "", {}
    match body:
        case later.AssignmentRejected(reason=RejectReason.NO_SHOW):
            pass  # the customer did not come; another location would wait for them in vain
        case later.AssignmentRejected():
            trigger, units = "rejected", _units(body.lines)
        case later.AssignmentPicked():
            trigger, units = "short", _units(body.shorts)
        case later.ChangeRefused():
            # Nobody gave them back: another part of the order fetches them, from there too if need be.
            trigger, units = "changed", {line.line_no: line.quantity for line in body.added}
        case later.AssignmentChanged():
            trigger, units = "cancelled", _units(body.dropped)
        case later.AssignmentCancelled():
            trigger, units = "cancelled", _units(body.lines)
        case later.AssignmentAnswered(outcome="rejected" | "expired"):
            trigger, units = "answered", _promised(work, body.assignment_id)
        case later.AssignmentWithdrawn():
            trigger, units = "withdrawn", _promised(work, body.assignment_id)
        case later.AssignmentWrittenOff():
            trigger, units = reads.WRITTEN_OFF, _units(body.lines)
    return trigger, units


def _units(lines: Any) -> dict[int, int]:
    found: dict[int, int] = {}
    for line in lines:
        found[line.line_no] = found.get(line.line_no, 0) + line.units
    return found


def _promised(work: Work, assignment_id: str) -> dict[int, int]:
    """Return what an assignment was given, from its rights: it never reached anybody who could tell."""
    rows = allocations.of_owner(work.connection, assignment_id)
    return {row.line_no: row.units - row.finished for row in rows}


def _giver(applied: Applied, body: Any) -> str:
    return str(getattr(body, "location", "")) or applied.edge


def _with(before: tuple[str, ...], also: str) -> tuple[str, ...]:
    return before if not also or also in before else (*before, also)
