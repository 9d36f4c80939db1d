"""More of an order: whoever holds the rest of it fetches what was added too, where that keeps the promise.

Added units are nobody's yet, so giving them to a location never doubles anything. They go to the location
that holds the rest while it has not begun to pick; else they are routed like a part of their own, which may
come from the same location. A location that is silent gets nothing new, whatever it holds.

What a reader would get wrong: the rights are taken when the location is asked, not when it answers. So its
answer can only be about the work, never about the stock.
"""

from typing import Final

from hub.route import asking, keeping, reads
from hub.route.asking import ToRoute, ask_of
from hub.route.keeping import Because, Kept
from hub.route.reservations import no_location
from hub.route.rules.choice import Chosen, NoLocation
from hub.spine.held import Held, Holding, held
from hub.spine.orders import Orders
from hub.spine.steps import record
from hub.spine.work import Applied, Work
from hub.stock import allocations
from protocol import later
from protocol.errors import OutOfRights
from protocol.fulfilment import Promise

TAKEN: Final = "taken"
"""In `results` of a request: its rights were taken before it was recorded."""


def on_change_requested(work: Work, applied: Applied) -> None:
    """Take the rights to what a location is asked to fetch too; stands before it is told.

    Raises:
        OutOfRights: the location cannot give it in time; then nothing is asked of it.
    """
    body: later.ChangeRequested = applied.body
    if work.rebuilding or not body.added or applied.results.get(TAKEN):
        return
    entry = work.room(Orders).need(body.order_id)
    if entry is None or entry.later is None:
        return
    order = ToRoute(body.order_id, body.number, Promise.model_validate_json(entry.later.promise), body.added)
    found = _take(work, order, body.assignment_id, body.location)
    if isinstance(found, NoLocation):
        raise no_location(found)


def holder_of(now: Held) -> Holding | None:
    """Return who may fetch more: the first that holds something and has not begun, as far as is known."""
    for holding in now.open_holdings:
        if not (holding.own or holding.begun or holding.asked):
            return holding
    return None


def extend(work: Work, order: ToRoute, change: later.LinesAdded) -> later.ChangeRequested | None:
    """Ask whoever holds the rest to fetch these lines too; None when that is nobody, or cannot be."""
    holding = holder_of(held(work, order.order_id))
    if holding is None:
        return None
    if isinstance(_take(work, order, holding.assignment_id, holding.location), NoLocation):
        return None
    asked = later.ChangeRequested(
        assignment_id=holding.assignment_id,
        order_id=order.order_id,
        number=order.number,
        location=holding.location,
        change_id=change.change_id,
        added=order.lines,
        reason=change.reason,
    )
    record(work, asked, results={TAKEN: True})
    return asked


def _take(work: Work, order: ToRoute, assignment_id: str, location: str) -> Chosen | NoLocation:
    """Choose this one location or nobody, take the rights under the assignment, and keep the decision."""
    promise = order.promise.model_copy(update={"location": location})
    ask = ask_of(order.order_id, promise, order.needs, work.clock.now_us())
    about = asking.about_of(
        work.connection,
        work.terms.promising,
        contact_id=order.contact_id,
        seller=work.terms.entity,
        holding=(location,),
        memory=work.unit.memory,
    )
    there = {location: False}
    put = asking.asked(work.connection, ask, work.terms.promising, about, work.unit.memory, only=there)
    found = asking.answer(put)
    if isinstance(found, NoLocation):
        return found
    wanted = [(line.line_no, line.sku, line.quantity) for line in order.lines]
    try:
        with work.unit.savepoint():
            allocations.allocate(work.connection, assignment_id, location, wanted)
    except OutOfRights:
        return NoLocation(found.rejected, found.digest)
    before = reads.before(work.connection, order.order_id)
    because = Because("changed", before.attempts + 1, before.excluded).knowing(put)
    # It has no event of routing of its own, so why it went there is kept here alone.
    sentence = f"{found.sent[0].name} holds the rest of it and keeps the promise with this too."
    decision_id, parts = work.ids.new_id(), {location: assignment_id}
    kept = Kept(decision_id, order.order_id, sentence, found.digest, found, parts)
    keeping.keep(work.connection, kept, because, order.lines, work.clock.now_us())
    return found
