"""What the hub tells the two stores about a transfer; each directive in the transaction of its fact.

Nothing is told while tables are made anew. The source is asked with the rights that the hub holds of it, so
what was lent cannot be promised to anybody else meanwhile. What fits in no packet loses letters of its names
first.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import sqlalchemy as sa

from hub.customers.rows import version_of
from hub.database import Lookup
from hub.fulfil.room import Assignments
from hub.fulfil.rules import OPEN
from hub.spine.bulk import Upsert
from hub.spine.orders import Orders
from hub.spine.packets import DIRECTIVE_BYTES, fitting
from hub.spine.work import Applied, Work
from hub.stock import allocations
from hub.transfers import matching
from hub.transfers.room import Line, LineKey, Receipt, Transfer, Transfers, named
from hub.transfers.rows import IS_UNEXPLAINED, transfer_directives, transfer_receipts
from protocol import transfer_desk as desk
from protocol import transfer_messages as say
from protocol.errors import OutOfRights
from protocol.fulfilment import Promise
from protocol.orders import WireModel
from protocol.transfer_desk import About
from protocol.transfers import (
    ORDERS_PER_TRANSFER,
    RIGHTS_OWNER,
    AskedBy,
    Carton,
    OrderComing,
    SendState,
    SettledLine,
    TransferLine,
    TransferReason,
)

RECEIPTS_PROPOSED: Final = 20
_HEAD_BYTES: Final = 2_000
"""What an announcement says beside its lines, cartons and orders: names of places, receipts, a note."""
Told = Literal["accepted", "picked", "packed", "rejected", "short", "cancelled"]
_DIRECTIVES: Final = Upsert(transfer_directives)
_LOOSE: Final = Lookup(
    sa.select(transfer_receipts.c.receipt_id)
    .where(
        IS_UNEXPLAINED,
        transfer_receipts.c.destination == sa.bindparam("at"),
        transfer_receipts.c.source.in_(("", sa.bindparam("from_"))),
    )
    .order_by(transfer_receipts.c.at_us, transfer_receipts.c.receipt_id)
    .limit(RECEIPTS_PROPOSED)
)
_REQUEST: Final = Lookup(
    sa.select(transfer_directives).where(
        transfer_directives.c.transfer_id == sa.bindparam("of"),
        transfer_directives.c.about == About.REQUEST.value,
    )
)


def owner_of(transfer_id: str) -> str:
    """Return the name under which a transfer holds rights at its source."""
    return f"{RIGHTS_OWNER}{transfer_id}"


def tell(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Tell whoever has to know of a fact."""
    body = applied.body
    if isinstance(body, say.TransferRequested) and body.asked_by is not AskedBy.SOURCE:
        request(work, transfer, body)
    elif isinstance(body, say.CancelAsked | desk.TransferCancelRequested):
        cancel(work, transfer, body.reason)
    elif isinstance(body, say.TransferShipped):
        expect(work, transfer, body)
    elif isinstance(body, desk.TransferDecided):
        settled(work, transfer)
    if transfer.asked_by == AskedBy.DESTINATION.value:
        _answer(work, applied, transfer)


def lend(
    work: Work, transfer_id: str, source: str, lines: Sequence[TransferLine]
) -> tuple[TransferLine, ...]:
    """Take as many of the source's lent units as are free for a transfer, and say so in its lines.

    A restored hub may hear of a transfer from the source first, when its rights are re-opened, and of the
    request later: then what the source holds for it is what is taken.
    """
    held = {row.line_no: row.open for row in allocations.of_owner(work.connection, owner_of(transfer_id))}
    if held:
        return tuple(line.model_copy(update={"lent": held.get(line.line_no, 0)}) for line in lines)
    found = []
    for line in lines:
        free, missing = allocations.free_units(work.connection, source, line.sku)
        units = 0 if missing else min(free, line.quantity)
        if units:
            try:
                with work.unit.savepoint():
                    wanted = [(line.line_no, line.sku, units)]
                    allocations.allocate(work.connection, owner_of(transfer_id), source, wanted)
            except OutOfRights:
                units = 0  # another order was quicker; the source looks at its own shelf then
        found.append(line.model_copy(update={"lent": units}))
    return tuple(found)


def request(work: Work, transfer: Transfer, body: say.TransferRequested) -> None:
    """Ask the source; a wish of the destination takes the rights now, those of the hub were taken before."""
    if work.post is None:
        return
    lines: Sequence[TransferLine] = body.lines
    if body.asked_by is AskedBy.DESTINATION:
        lines = lend(work, transfer.transfer_id, transfer.source, lines)
    asked = say.TransferRequest(
        **{name: getattr(body, name) for name in type(body).model_fields if name != "lines"},
        lines=lines,
    )
    _send(work, transfer, transfer.source, fitting(asked), About.REQUEST)


def cancel(work: Work, transfer: Transfer, reason: str) -> None:
    """Take a request back if it never left the hub, else ask the source not to send."""
    if work.post is None or not transfer.cancel_asked:
        return
    body = say.TransferCancel(**named(transfer), reason=reason[:300])
    _send(work, transfer, transfer.source, body, About.CANCEL)


def withdraw(work: Work, transfer: Transfer) -> bool:
    """Take the request back if it never left the hub; False when the source may have heard of it."""
    row = _REQUEST.first(work.connection, of=transfer.transfer_id)
    if work.post is None or row is None or row.hub_inc != work.hub_inc:
        return False
    if transfer.send_state is not SendState.REQUESTED:
        return False  # it has spoken of it, maybe heard from a life of this hub that a restore took away
    return work.post.withdraw(work.unit, row.edge, row.cseq)


def expect(
    work: Work, transfer: Transfer, shipped: say.TransferShipped | None = None, receipts: Sequence[str] = ()
) -> None:
    """Announce to the destination what was shipped; `receipts` are there that may be of it."""
    if work.post is None:
        return
    lines = [
        _coming(work, line_no, sku, line)
        for (line_no, sku), line in sorted(transfer.lines.items())
        if line_no and line.shipped
    ]
    if not lines:
        return
    found = tuple(receipts) or _proposed(work, transfer)
    cartons = shipped.cartons if shipped else _cartons(transfer)
    orders = _orders(work, lines)
    beside = sum(len(each.model_dump_json()) for each in (*cartons, *orders))
    if beside + _HEAD_BYTES > DIRECTIVE_BYTES // 2:
        cartons = ()  # they are received line by line then
    body = say.TransferExpect(
        **named(transfer),
        reason=TransferReason(transfer.reason or "other"),
        lines=tuple(lines),
        cartons=cartons,
        orders=orders,
        receipts=found[:RECEIPTS_PROPOSED],
        shipped_us=transfer.shipped_us or 0,
        note=transfer.note,
    )
    _send(work, transfer, transfer.destination, fitting(body), About.EXPECT)


def _coming(work: Work, line_no: int, sku: str, line: Line) -> TransferLine:
    """Return what comes of one line; an order that nobody waits for any more is left out."""
    order = {}
    if line.order_id and line.assignment_id:
        assignment = work.room(Assignments).get(line.assignment_id)
        if assignment is not None and assignment.state in OPEN:
            order = {
                "order_id": line.order_id,
                "order_number": line.order_number,
                "order_line_no": line.order_line_no,
                "assignment_id": line.assignment_id,
            }
    grant = 0 if order else min(line.to_grant, line.shipped)
    return TransferLine(line_no=line_no, sku=sku, name=line.name, quantity=line.shipped, grant=grant, **order)


def _cartons(transfer: Transfer) -> tuple[Carton, ...]:
    return tuple(
        Carton(sscc=carton.sscc, lines=carton.lines, weight_g=carton.weight_g)
        for carton in transfer.cartons.values()
        if carton.shipped_us and carton.lines
    )


def _orders(work: Work, lines: Iterable[TransferLine]) -> tuple[OrderComing, ...]:
    found: dict[str, OrderComing] = {}
    for line in lines:
        if not line.assignment_id or line.assignment_id in found:
            continue
        entry = work.room(Orders).need(line.order_id)
        if entry is None or entry.later is None:
            continue
        later = entry.later
        found[line.assignment_id] = OrderComing(
            assignment_id=line.assignment_id,
            order_id=line.order_id,
            number=entry.record.number,
            channel=later.channel,
            currency=later.currency,
            promise=Promise.model_validate_json(later.promise),
            due_minor=later.due_minor(entry.record),
            contact_id=later.contact_id,
            contact_version=version_of(work.connection, later.contact_id),
            pickup_code=later.pickup_code,
            note=later.note,
            gift=later.gift,
        )
    return tuple(found.values())[:ORDERS_PER_TRANSFER]


def _proposed(work: Work, transfer: Transfer) -> tuple[str, ...]:
    """Return the one receipt of nobody that holds exactly what was shipped; two would be a guess."""
    if transfer.receipts:
        return ()
    work.room(Transfers).flush()
    sent = [(sku, line.shipped) for (_no, sku), line in transfer.lines.items() if line.shipped]
    same: list[Receipt] = []
    for receipt_id in _LOOSE.scalars(work.connection, at=transfer.destination, from_=transfer.source):
        receipt = work.room(Transfers).receipt(receipt_id)
        if receipt is not None and matching.holds_the_same(sent, receipt):
            same.append(receipt)
    return (same[0].receipt_id,) if len(same) == 1 else ()


def settled(work: Work, transfer: Transfer) -> None:
    """Tell both ends what became of everything; a source that shipped nothing has nothing to settle."""
    if work.post is None:
        return
    lines = tuple(settled_line(key, line) for key, line in sorted(transfer.lines.items()) if _matters(line))
    if not lines:
        return
    sentence = settled_sentence(transfer)
    body = say.TransferSettled(**named(transfer), lines=lines, sentence=sentence)
    if transfer.has_left:
        _send(work, transfer, transfer.source, body)
    _send(work, transfer, transfer.destination, body)


def _matters(line: Line) -> bool:
    return bool(line.shipped or line.over_said)


def settled_line(key: LineKey, line: Line) -> SettledLine:
    """Return what became of one line: what was shipped is received or missing."""
    return SettledLine(
        line_no=key[0] if line.shipped else 0,  # the source knows no line of which nothing left
        sku=key[1],
        received=line.shipped - line.lost,
        missing=line.lost,
        over=line.over_said,
    )


def settled_sentence(transfer: Transfer) -> str:
    """Return what became of it, for the people at both ends."""
    lost = sum(line.lost for line in transfer.lines.values())
    over = sum(line.over_said for line in transfer.lines.values())
    if not lost and not over:
        return f"{transfer.number} has arrived as it was sent."
    said = []
    if lost:
        said.append(f"{lost} missing")
    if over:
        said.append(f"{over} more than was sent")
    return f"{transfer.number} is settled: {', '.join(said)}."


_TOLD: Final[dict[SendState, tuple[Told, str]]] = {
    SendState.ACCEPTED: ("accepted", "{place} will send it."),
    SendState.PICKED: ("picked", "{place} has picked it."),
    SendState.PACKED: ("packed", "{place} has packed it."),
    SendState.REJECTED: ("rejected", "{place} does not send it."),
    SendState.SHORT: ("short", "{place} did not find one of it."),
    SendState.CANCELLED: ("cancelled", "It was given up."),
}
_OF_SENDING: Final = (
    say.TransferAccepted,
    say.TransferRejected,
    say.TransferPicked,
    say.TransferCancelled,
    desk.TransferAnswered,
)


def _answer(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Tell the destination that asked how the source answers."""
    packed = isinstance(applied.body, say.CartonPacked) and applied.body.done
    if work.post is None or not (packed or isinstance(applied.body, _OF_SENDING)):
        return
    told = _TOLD.get(transfer.send_state)
    if told is None or not applied.results.get("in_order", True):
        return
    sentence = told[1].format(place=transfer.source)
    if transfer.refusal and transfer.send_state is SendState.REJECTED:
        sentence = f"{sentence} Why: {transfer.refusal.replace('_', ' ')}."
    body = say.TransferTold(**named(transfer), state=told[0], sentence=sentence[:300])
    _send(work, transfer, transfer.destination, body)


def _send(work: Work, transfer: Transfer, edge: str, body: WireModel, about: About | None = None) -> None:
    if work.post is None:
        return
    cseq = work.post.send_directive(work.unit, edge, body, subjects=(f"transfer:{transfer.transfer_id}",))
    if about is not None:
        row = (transfer.transfer_id, about.value, edge, work.hub_inc, cseq)
        _DIRECTIVES.run(work.connection, [row])
