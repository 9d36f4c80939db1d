"""Bringing goods to where a customer collects: a transfer that is tied to an order.

The pickup store gets its part of the order at once, but hears of it only when the goods are on their way
(`transfer.expect`); they are bound to the order the moment they are received. Until they have left, nobody
there can begin anything, so a transfer that comes to nothing gives the part back with certainty, and it is
routed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from hub.fulfil.room import Assignments
from hub.holds.rows import refuse_to_route
from hub.route import awaiting
from hub.route import reads as routing
from hub.route.deciding import SOURCES, unroutable_key
from hub.route.stages import route_loose
from hub.spine.held import held
from hub.spine.orders import Orders
from hub.spine.steps import close_exception, record
from hub.spine.work import Applied, Work
from hub.stock import allocations
from hub.stock.availability import places
from hub.stock.rows import FREE_UNITS, hub_rights
from hub.transfers.facts import UNSENT
from hub.transfers.numbers import next_number
from hub.transfers.room import Transfer
from hub.transfers.rules import Lender, sources_for
from hub.transfers.telling import owner_of
from protocol import transfer_messages as say
from protocol.errors import OutOfRights, Refused
from protocol.fulfilment import AssignedLine, FulfilKind, Promise, RoutedPart
from protocol.kit.text import _
from protocol.later import AssignmentWithdrawn, OrderRouted
from protocol.lifecycles import AssignmentState
from protocol.transfers import LINES_PER_TRANSFER, AskedBy, TransferLine, TransferReason

TRIGGER: Final = "transfer"


@dataclass(frozen=True, slots=True)
class Wish:
    """Units of an order that nobody has, and where its customer collects."""

    order_id: str
    number: str
    promise: Promise
    lines: tuple[AssignedLine, ...]

    @property
    def wanted(self) -> dict[str, int]:
        """Units by SKU."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.sku] = found.get(line.sku, 0) + line.quantity
        return found


def wish_of(work: Work, order_id: str) -> Wish:
    """Return what of an order could be brought to its customer's store.

    Raises:
        Refused: it is not collected, on hold, or nothing of it waits for anybody.
    """
    entry = work.room(Orders).need(order_id)
    if entry is None or entry.later is None:
        raise Refused(
            _("This is no order for later."), _("Only an order that is collected waits."), code="not_later"
        )
    promise = Promise.model_validate_json(entry.later.promise)
    number = entry.record.number
    if promise.kind is not FulfilKind.COLLECT:
        raise Refused(
            _("{number} is shipped to its customer.", number=number),
            _("Route it again: any location may ship it."),
            code="not_collected",
        )
    refuse_to_route(work, order_id, number)
    lines = routing.assigned_lines(work.connection, order_id, held(work, order_id).loose)
    if not lines:
        raise Refused(
            _("Nothing of {number} waits for a location.", number=number),
            _("Look the order up: somebody fulfils it, or it is done."),
            code="nothing_loose",
        )
    return Wish(order_id, number, promise, lines[:LINES_PER_TRANSFER])


def sources(work: Work, wish: Wish) -> list[str]:
    """Return who could send all of it now, the best first."""
    wanted = wish.wanted
    rows = work.connection.execute(
        sa.select(hub_rights.c.location, hub_rights.c.sku, FREE_UNITS).where(
            hub_rights.c.sku.in_(sorted(wanted)), hub_rights.c.deficit == 0
        )
    )
    free: dict[str, dict[str, int]] = {}
    for location, sku, units in rows:
        free.setdefault(location, {})[sku] = int(units)
    known = places(work.connection, now_us=work.clock.now_us(), promise_class=wish.promise.promise_class)
    lenders = [Lender(place.location, place.silent, free.get(place.location, {})) for place in known]
    return sources_for(wanted, lenders, destination=wish.promise.location)


def request_for_order(
    work: Work, order_id: str, *, source: str = "", by: str = "", note: str = ""
) -> say.TransferRequested:
    """Have what nobody holds of an order brought to where it is collected, and give that store its part.

    The source's lent units are taken at once, so that nobody else is promised them. For the router, and for a
    person; without a source the best one is chosen.

    Raises:
        Refused: it cannot be brought there; says why.
    """
    awaiting.end(work, order_id, "it is brought there by a transfer of its own")
    wish = wish_of(work, order_id)
    able = sources(work, wish)
    for place in [each for each in able if source in {"", each}]:
        transfer_id = work.ids.new_id()
        wanted = [(n, line.sku, line.quantity) for n, line in enumerate(wish.lines, start=1)]
        try:
            with work.unit.savepoint():
                allocations.allocate(work.connection, owner_of(transfer_id), place, wanted)
        except OutOfRights:
            continue
        return _asked(work, wish, place, transfer_id, by=by, note=note)
    raise Refused(
        _("No other location can send all of {number} now.", number=wish.number)
        if not source
        else _("{place} cannot send all of {number} now.", place=source[:40], number=wish.number),
        _("Promise another store or a later day, or ship it."),
        code="nobody_sends",
        able=able[:20],
    )


def _asked(
    work: Work, wish: Wish, source: str, transfer_id: str, *, by: str, note: str
) -> say.TransferRequested:
    assignment_id, destination = work.ids.new_id(), wish.promise.location
    number = next_number(work)
    before = routing.before(work.connection, wish.order_id)
    sentence = f"{source} sends it to {destination} with {number}, where the customer collects it."
    close_exception(work, unroutable_key(wish.order_id), how=sentence)
    routed = OrderRouted(
        decision_id=work.ids.new_id(),
        order_id=wish.order_id,
        number=wish.number,
        attempt=min(before.attempts + 1, 100),
        trigger=TRIGGER,
        parts=(
            RoutedPart(
                assignment_id=assignment_id,
                location=destination,
                lines=wish.lines,
                transfer_id=transfer_id,
            ),
        ),
        sentence=sentence,
    )
    record(work, routed, by=by)
    asked = _request(work, wish, routed.parts[0], source, number=number, note=note)
    record(work, asked, by=by)
    return asked


def _request(
    work: Work, wish: Wish, part: RoutedPart, source: str, *, number: str = "", note: str = ""
) -> say.TransferRequested:
    return say.TransferRequested(
        transfer_id=part.transfer_id,
        number=number or next_number(work),
        source=source,
        destination=part.location,
        asked_by=AskedBy.HUB,
        reason=TransferReason.FOR_ORDER,
        lines=_lines(wish, part.assignment_id),
        due_us=wish.promise.due_us,
        note=note[:300],
    )


def _lines(wish: Wish, assignment_id: str) -> tuple[TransferLine, ...]:
    return tuple(
        TransferLine(
            line_no=n,
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            lent=line.quantity,
            order_id=wish.order_id,
            order_number=wish.number,
            order_line_no=line.line_no,
            assignment_id=assignment_id,
        )
        for n, line in enumerate(wish.lines, start=1)
    )


def on_order_routed(work: Work, applied: Applied) -> None:
    """Have the goods sent that a decision wants to come to where they are collected; their rights are taken.

    Stands after the parts were written. Nothing is asked for while tables are made anew: it is in the log.
    """
    body: OrderRouted = applied.body
    sources: Mapping[str, str] = applied.results.get(SOURCES, {})
    if work.rebuilding or not sources:
        return
    entry = work.room(Orders).get(body.order_id)
    assert entry is not None
    assert entry.later is not None
    promise = Promise.model_validate_json(entry.later.promise)
    for part in body.parts:
        if part.transfer_id in sources:
            wish = Wish(body.order_id, body.number, promise, part.lines)
            record(work, _request(work, wish, part, sources[part.transfer_id]))


def follow(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Give the part of an order back when nothing comes for it any more; it is routed again."""
    if transfer.send_state not in UNSENT or isinstance(applied.body, say.TransferRequested):
        return
    parts: Mapping[str, str] = {
        line.assignment_id: line.order_id for line in transfer.lines.values() if line.assignment_id
    }
    for assignment_id, order_id in sorted(parts.items()):
        assignment = work.room(Assignments).get(assignment_id)
        if assignment is None or assignment.state is not AssignmentState.PROPOSED:
            continue
        record(
            work,
            AssignmentWithdrawn(
                assignment_id=assignment_id,
                order_id=order_id,
                number=assignment.number,
                location=assignment.location,
                reason=f"{transfer.number} does not come",
            ),
        )
        route_loose(work, order_id, trigger="withdrawn")
