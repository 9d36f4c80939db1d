"""What the record of fulfilment learns from each event, which rights that gives back, and who is called.

Facts are taken in every state: a pick of an assignment that went to somebody else, a handover of one that was
given up. They stand, and what is odd about them is raised with an owner. Rights are live state, so nothing
happens to them while tables are made anew: an assignment given up moves K once for each of its rows, one that
is fulfilled only marks its row, because the location moves its own cell F (`hub.stock.allocations`).
"""

from typing import Final

import sqlalchemy as sa

from hub.fulfil import deficits, facts, offers, rules
from hub.fulfil.raising import (
    PROMISED_LATER,
    close_both_changed,
    close_given_up,
    close_late_order,
    close_late_part,
    close_rejections,
    close_risk,
    close_unheld,
    close_written_off,
    raise_odd,
    raise_rejections,
    raise_shorts,
    raise_too_late,
    raise_uncollected,
    unheld_keys,
)
from hub.fulfil.room import Assignment, Assignments, Line
from hub.fulfil.rows import manifests, parcels
from hub.spine.bulk import Insert, among
from hub.spine.entries import Entry
from hub.spine.held import held
from hub.spine.log import Log
from hub.spine.stages import WRITTEN_OFF
from hub.spine.work import Applied, Work
from hub.stock import allocations
from protocol import later
from protocol.fulfilment import AssignedLine, Promise
from protocol.lifecycles import AssignmentState, OrderState

ROUTED_AGAIN: Final = "The order was routed again"
NOTHING_LEFT: Final = "Nothing of it is left to fulfil."
_MANIFESTS: Final = Insert(manifests)


def on_order_placed(work: Work, applied: Applied) -> None:
    """A store that set goods aside itself has its assignment from the beginning."""
    body: later.OrderPlaced = applied.body
    if body.own is None:
        _found_before(work, applied)
        return
    assignment = _planned(work, body.own.assignment_id, body, applied.edge, applied)
    assignment.own = True
    _promised(assignment, body.promise)
    _lines(assignment, body.own.lines)
    if assignment.state in {AssignmentState.PROPOSED, AssignmentState.SENT}:
        assignment.state = AssignmentState.ACKNOWLEDGED
    assignment.acknowledged_us = assignment.acknowledged_us or applied.at_us


def _found_before(work: Work, applied: Applied) -> None:
    """Locations that told of the order before it was known get the promise that they work for."""
    body: later.OrderPlaced = applied.body
    if not applied.results.get("earlier"):
        return
    room = work.room(Assignments)
    for assignment in room.of_order(body.order_id):
        _promised(assignment, body.promise)
        room.touch(assignment)


def on_order_routed(work: Work, applied: Applied) -> None:
    """Give each location its part and tell it; tell the store that took the order where it went."""
    body: later.OrderRouted = applied.body
    entry: Entry | None = applied.results["entry"]
    for part in body.parts:
        assignment = _planned(work, part.assignment_id, body, part.location, applied)
        assignment.service, assignment.cost_minor = part.service, part.cost_minor
        assignment.attempt, assignment.decision_id = body.attempt, body.decision_id
        _lines(assignment, part.lines)
        if entry is not None and entry.later is not None:
            _promised(assignment, Promise.model_validate_json(entry.later.promise))
            assignment.service = part.service or assignment.service
            if not part.transfer_id:
                offers.offer(work, assignment, entry, entry.later, part.lines)
    offers.settle(work, applied, entry, "routed", body.sentence)
    if body.trigger != "placed":
        close_unheld(work, body.order_id, how=ROUTED_AGAIN)
    if entry is not None and entry.record.state not in rules.NOBODYS:
        close_late_order(work, body.order_id, how=ROUTED_AGAIN)


def on_order_unroutable(work: Work, applied: Applied) -> None:
    """Tell the store that took the order that it waits."""
    body: later.OrderUnroutable = applied.body
    offers.settle(work, applied, applied.results["entry"], "waiting", body.sentence)


def on_order_waits(work: Work, applied: Applied) -> None:
    """Tell the store that took the order what it waits for, and close what waited for somebody to decide."""
    body: later.OrderWaits = applied.body
    offers.settle(work, applied, applied.results["entry"], "waiting", body.sentence)
    if body.trigger != "placed":
        close_unheld(work, body.order_id, how=ROUTED_AGAIN)


def on_order_cancelled(work: Work, applied: Applied) -> None:
    """Tell who took the order, and who works on it what is still due; close what waited for this."""
    entry: Entry | None = applied.results["entry"]
    if entry is None:
        return
    body: later.OrderCancelled = applied.body
    if entry.record.state is OrderState.CANCELLED:
        offers.settle(work, applied, entry, "cancelled", body.reason)
    else:
        offers.amend(work, applied)
    if entry.record.state in rules.OVER:
        close_rejections(work, body.order_id, how=NOTHING_LEFT)
    if entry.record.state not in rules.NOBODYS:
        close_late_order(work, body.order_id, how=NOTHING_LEFT)
    log = work.room(Log)
    # Who holds what is read from the log of the order: only where a card may have to go.
    if any(map(log.is_raised, unheld_keys(body.order_id))) and not held(work, body.order_id).loose:
        close_unheld(work, body.order_id, how=NOTHING_LEFT)


def on_money(work: Work, applied: Applied) -> None:
    """Tell the locations that work on an order what is still due; stands after the ledger."""
    offers.amend(work, applied)


def on_order_changed(work: Work, applied: Applied) -> None:
    """Take the new promise over; a change that is only asked for waits. Capture has told who works on it."""
    body: later.OrderChanged = applied.body
    entry: Entry | None = applied.results["entry"]
    if body.requested or entry is None or entry.later is None:
        return
    if "promise" in body.what:
        room = work.room(Assignments)
        for assignment in room.of_order(body.order_id):
            if assignment.state in rules.OPEN:
                _promised(assignment, body.promise)
                room.touch(assignment)
        _late_no_more(work, body)
    offers.settle(work, applied, entry, entry.record.state.value, body.reason)


def _late_no_more(work: Work, body: later.OrderChanged) -> None:
    """Close what said that an order is late, if it is promised for a moment that is still to come."""
    if body.promise.due_us <= work.clock.now_us():
        return
    close_late_order(work, body.order_id, how=PROMISED_LATER)
    for assignment in work.room(Assignments).of_order(body.order_id):
        if assignment.state in rules.OPEN:
            close_late_part(work, assignment.assignment_id)


def on_cancel_requested(work: Work, applied: Applied) -> None:
    """Note that the location was asked for the assignment; its answer decides."""
    body: later.CancelRequested = applied.body
    assignment = _known(work, applied, location=body.location)
    assignment.cancel_asked, assignment.reroute, assignment.reason = True, body.reroute, body.reason
    work.room(Assignments).touch(assignment)
    work.topics.add("fulfil")


def on_change_requested(work: Work, applied: Applied) -> None:
    """Tell the location what to fetch instead; its answer decides."""
    offers.change(work, applied.body)
    work.topics.add("fulfil")


def tell_apart(work: Work, applied: Applied) -> None:
    """Say in `results` whether somebody has gone on without the location that tells; stands first."""
    assignment = work.room(Assignments).get(applied.body.assignment_id)
    applied.results[WRITTEN_OFF] = assignment is not None and assignment.written_off_us is not None


def on_written_off(work: Work, applied: Applied) -> None:
    """Wait for a silent location no longer, and have it stop once it is heard. Its right stays used."""
    body: later.AssignmentWrittenOff = applied.body
    room = work.room(Assignments)
    assignment = _known(work, applied, location=body.location, heard=False)
    before = assignment.state
    assignment.state = rules.after(before, body).state
    assignment.written_off_us, assignment.cancel_asked = applied.at_us, True
    facts.note(assignment, applied, before)
    if rules.waits(before):
        close_risk(work, assignment.assignment_id)
    close_written_off(work, assignment)
    room.touch(assignment)
    offers.stop(work, assignment, body.reason)
    work.topics.add("fulfil")


def on_fact(work: Work, applied: Applied) -> None:
    """Take in what a location says of an assignment, or what became of its offer."""
    body: later.OnAssignment = applied.body
    location = getattr(body, "location", "") or applied.edge
    assignment = _known(work, applied, location=location)
    before = assignment.state
    facts.count(assignment, body)
    after = rules.after(before, body, nothing_left=assignment.nothing_left)
    assignment.state = after.state
    facts.note(assignment, applied, before)
    if rules.waits(before) and not rules.waits(assignment.state):
        close_risk(work, assignment.assignment_id)
    if assignment.state in rules.GIVEN_UP:
        close_given_up(work, assignment)
    room = work.room(Assignments)
    room.touch(assignment)
    if isinstance(body, later.AssignmentPacked):
        room.pack(assignment, body.parcels)
    elif isinstance(body, later.AssignmentShipped):
        room.pack(assignment, body.parcels, applied.at_us)
    elif isinstance(body, later.AssignmentHandedOver):
        room.hand_over(applied)
    elif isinstance(body, later.HandoverUndone):
        room.undo(applied)
    _rights(work, applied)
    _tell(work, applied, assignment, in_order=after.in_order)
    work.topics.add("fulfil")


def on_manifest_closed(work: Work, applied: Applied) -> None:
    """Note which parcels went with which carrier."""
    body: later.ManifestClosed = applied.body
    work.room(Assignments).flush()
    known = work.connection.execute(
        sa.select(manifests.c.manifest_id).where(manifests.c.manifest_id == body.manifest_id)
    ).first()
    if known is None:
        row = (
            body.manifest_id,
            body.number,
            applied.edge,
            body.carrier,
            len(body.parcels),
            applied.at_us,
            applied.by,
        )
        _MANIFESTS.run(work.connection, [row])
    work.connection.execute(
        sa.update(parcels)
        .where(among(work.connection, parcels.c.tracking, list(body.parcels)))
        .values(manifest_id=body.manifest_id)
    )
    work.topics.add("fulfil")


def _planned(
    work: Work,
    assignment_id: str,
    body: later.OrderPlaced | later.OrderRouted,
    location: str,
    applied: Applied,
) -> Assignment:
    """Return an assignment that was just made, or the one whose events came before it."""
    room = work.room(Assignments)
    assignment = room.get(assignment_id)
    if assignment is None:
        assignment = Assignment(
            assignment_id,
            body.order_id,
            body.number,
            location,
            AssignmentState.PROPOSED,
            created_us=applied.at_us,
            heard_us=applied.at_us,
            version=applied.apply_order,
        )
        room.add(assignment)
    room.touch(assignment)
    work.topics.add("fulfil")
    return assignment


def _known(work: Work, applied: Applied, *, location: str, heard: bool = True) -> Assignment:
    """Return the assignment that an event speaks of; one that nobody told of begins with what it says.

    `heard` is False where the event says that nothing is heard of it.
    """
    body: later.OnAssignment = applied.body
    room = work.room(Assignments)
    assignment = room.get(body.assignment_id)
    if assignment is None:
        assignment = Assignment(
            body.assignment_id,
            body.order_id,
            body.number,
            location,
            AssignmentState.PROPOSED,
            created_us=applied.at_us,
        )
        room.add(assignment)
    if heard:
        assignment.heard_us = max(assignment.heard_us, applied.at_us)
    assignment.version = applied.apply_order
    return assignment


def _promised(assignment: Assignment, promise: Promise) -> None:
    assignment.kind = promise.kind.value
    assignment.service = promise.service
    assignment.promise_class = promise.promise_class.value
    assignment.due_us = promise.due_us
    assignment.keep_until_us = promise.keep_until_us


def _lines(assignment: Assignment, lines: tuple[AssignedLine, ...]) -> None:
    for line in lines:
        known = assignment.lines.setdefault(line.line_no, Line(line.sku, line.name, 0))
        # Of one that was found at its location, what is short or was given up came before, and is not in it.
        known.sku, known.name = line.sku, line.name
        known.quantity = line.quantity + known.short + known.given_up


def _rights(work: Work, applied: Applied) -> None:
    """Give rights back, or mark them used: once for each unit, and never while tables are made anew."""
    if work.rebuilding:
        return
    body: later.OnAssignment = applied.body
    connection, owner = work.connection, body.assignment_id
    for line_no, units in facts.ended(body):
        allocations.end(connection, owner, line_no, units)
    if isinstance(body, facts.LEAVING | later.AssignmentPicked):
        for gone in body.shorts if isinstance(body, later.AssignmentPicked) else body.lines:
            allocations.finish(connection, owner, gone.line_no, gone.lent, said=(applied.inc, applied.seq))
    elif facts.never_had(body):
        allocations.end_all(connection, owner)


def _tell(work: Work, applied: Applied, assignment: Assignment, *, in_order: bool) -> None:
    """Call whoever has to look, and tell the store that took the order when it has left elsewhere."""
    body = applied.body
    gone_on = assignment.written_off_us is not None
    if not in_order or (gone_on and isinstance(body, later.CancelRefused)):
        raise_odd(work, applied, assignment)
    if not gone_on:
        _call_for_rest(work, applied, assignment)
    if isinstance(body, later.CancelRefused):
        assignment.cancel_asked = False
        _missing_after_all(work, assignment)
    entry: Entry | None = applied.results["entry"]
    gone = entry is not None and entry.record.state is OrderState.HANDED_OVER
    if gone and isinstance(body, facts.LEAVING):
        offers.settle(work, applied, entry, "handed_over")
        close_both_changed(work, body.order_id)
        close_rejections(work, body.order_id)


def _call_for_rest(work: Work, applied: Applied, assignment: Assignment) -> None:
    """Call whoever has to see to what a location does not fulfil, where somebody still counts on it."""
    body = applied.body
    if isinstance(body, later.AssignmentPicked) and body.shorts:
        raise_shorts(work, applied, assignment)
    by_itself = assignment.reason in rules.ASKED_BY_ITSELF
    if isinstance(body, later.CancelRefused) and not by_itself:
        raise_too_late(work, applied, assignment)
    if assignment.state in {AssignmentState.REJECTED, AssignmentState.EXPIRED}:
        raise_rejections(work, applied, assignment)
    if isinstance(body, later.AssignmentRejected) and assignment.reason == "no_show":
        raise_uncollected(work, applied, assignment)


def _missing_after_all(work: Work, assignment: Assignment) -> None:
    """Call a person where what the location misses was to be answered by units that it does not give up.

    The location says nothing new of it: what it misses is what it said while the cancellation was pending.
    """
    if work.rebuilding:
        return
    work.room(Assignments).flush()
    for sku in sorted({line.sku for line in assignment.lines.values()}):
        deficits.settle(work, assignment.location, sku)
