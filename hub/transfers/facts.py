"""What each fact says about a transfer, written on its record. Nothing here moves stock or tells anybody.

Facts are taken in every state, and in every order between the two stores: one that comes before its request
makes the record, and the request fills it in. What was out of order within one store is told to the caller.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.spine.work import Applied
from hub.transfers.room import Carton, Line, Piece, Receipt, Transfer
from protocol import transfer_desk as desk
from protocol import transfer_messages as say
from protocol.movements import Bucket
from protocol.transfers import (
    RECEIVING,
    SENDING,
    ReceivedLine,
    ReceiveEvent,
    SendEvent,
    SendState,
)

UNSENT: Final = frozenset({SendState.REJECTED, SendState.SHORT, SendState.CANCELLED})
"""Nothing of it left, and nothing will."""
GONE: Final = frozenset({SendState.SHIPPED, SendState.SETTLED})
_REFUSED: Final = frozenset({"rejected", "expired"})


def begun(applied: Applied) -> Transfer:
    """Return a transfer that a fact speaks of and nobody told of before."""
    body: say.OnTransfer = applied.body
    return Transfer(body.transfer_id, body.number, body.source, body.destination, created_us=applied.at_us)


def note(transfer: Transfer, applied: Applied) -> bool:
    """Write a fact on its transfer; False when it was out of order."""
    transfer.version = applied.apply_order
    if not transfer.asked_by:
        transfer.created_us = min(transfer.created_us, applied.at_us)
    in_order = _NOTES[type(applied.body)](transfer, applied)
    if transfer.send_state in UNSENT and transfer.ended_us is None:
        transfer.ended_us = applied.at_us
    return in_order


def _sent(transfer: Transfer, event: SendEvent) -> bool:
    transfer.send_state, in_order = SENDING.after_fact(transfer.send_state, event)
    return in_order


def _came(transfer: Transfer, event: ReceiveEvent) -> bool:
    transfer.receive_state, in_order = RECEIVING.after_fact(transfer.receive_state, event)
    return in_order


def line_of(transfer: Transfer, line_no: int, sku: str, name: str = "") -> Line:
    """Return the line that units belong to; one that nobody announced begins with what was said."""
    line = transfer.lines.setdefault((line_no, sku), Line(name or sku))
    if name and line.name == sku:
        line.name = name
    return line


def _requested(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferRequested = applied.body
    transfer.asked_by, transfer.reason = body.asked_by.value, body.reason.value
    transfer.note, transfer.due_us = body.note, body.due_us
    transfer.requested_by, transfer.created_us = applied.by, applied.at_us
    for said in body.lines:
        line = line_of(transfer, said.line_no, said.sku, said.name)
        line.asked, line.lent, line.to_grant = said.quantity, said.lent, said.grant
        line.order_id, line.order_number = said.order_id, said.order_number
        line.order_line_no, line.assignment_id = said.order_line_no, said.assignment_id
    return True


def _accepted(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferAccepted = applied.body
    transfer.accepted_us = applied.at_us
    for taken in body.lines:
        line = line_of(transfer, taken.line_no, taken.sku)
        line.accepted, line.lent = taken.units, taken.lent
    for refused in body.declined:
        line_of(transfer, refused.line_no, refused.sku).declined += refused.units
    return _sent(transfer, SendEvent.ACCEPTED)


def _rejected(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferRejected = applied.body
    transfer.refusal = body.reason.value
    return _sent(transfer, SendEvent.REJECTED)


def _picked(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferPicked = applied.body
    for found in body.lines:
        line_of(transfer, found.line_no, found.sku).picked += found.units
    for missing in body.shorts:
        line_of(transfer, missing.line_no, missing.sku).short += missing.units
    if not body.lines:
        transfer.refusal = body.shorts[0].reason.value if body.shorts else "not_found"
    return _sent(transfer, SendEvent.PICKED if body.lines else SendEvent.SHORT_PICKED)


def _packed(transfer: Transfer, applied: Applied) -> bool:
    body: say.CartonPacked = applied.body
    lines = [line.model_dump(mode="json") for line in body.carton.lines]
    carton = transfer.cartons.setdefault(body.carton.sscc, Carton(body.carton.sscc, "packed", lines))
    carton.weight_g, carton.packed_us = body.carton.weight_g, applied.at_us
    return _sent(transfer, SendEvent.PACKED) if body.done else True


def _opened(transfer: Transfer, applied: Applied) -> bool:
    body: say.CartonOpened = applied.body
    carton = transfer.cartons.setdefault(body.sscc, Carton(body.sscc, "packed", []))
    carton.state = "opened" if carton.state == "packed" else carton.state
    return transfer.send_state is not SendState.PACKED or _sent(transfer, SendEvent.CARTON_OPENED)


def _shipped(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferShipped = applied.body
    transfer.shipped_us, transfer.carrier = applied.at_us, body.carrier
    for said in body.cartons:
        lines = [line.model_dump(mode="json") for line in said.lines]
        carton = transfer.cartons.setdefault(said.sscc, Carton(said.sscc, "packed", lines))
        carton.lines, carton.weight_g, carton.shipped_us = lines, said.weight_g, applied.at_us
        carton.state = "received" if carton.received_us else "shipped"
    _came(transfer, ReceiveEvent.ANNOUNCED)
    return _sent(transfer, SendEvent.SHIPPED)


def _cancelled(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferCancelled = applied.body
    transfer.refusal, transfer.cancel_asked = body.reason or "cancelled", False
    return _sent(transfer, SendEvent.CANCELLED)


def _cancel_asked(transfer: Transfer, _applied: Applied) -> bool:
    transfer.cancel_asked = transfer.send_state not in UNSENT | GONE
    return True


def _answered(transfer: Transfer, applied: Applied) -> bool:
    body: desk.TransferAnswered = applied.body
    never = body.outcome in _REFUSED or body.outcome == "withdrawn"
    if body.about is desk.About.EXPECT and not never:
        transfer.acknowledged_us = transfer.acknowledged_us or applied.at_us
    elif body.about is desk.About.REQUEST and never:
        transfer.refusal = body.code or body.outcome
        transfer.cancel_asked = False
        _sent(transfer, SendEvent.CANCELLED if body.outcome == "withdrawn" else SendEvent.REJECTED)
    elif body.about is desk.About.CANCEL and never:
        transfer.cancel_asked = False
        if body.code == "no_transfer":
            transfer.refusal = "cancelled"
            _sent(transfer, SendEvent.CANCELLED)
    return True


def _decided(transfer: Transfer, applied: Applied) -> bool:
    body: desk.TransferDecided = applied.body
    for said in body.lines:
        line = line_of(transfer, said.line_no, said.sku)
        line.lost_said, line.over_said = said.missing, said.over
        line.choice = said.choice.value if said.choice else ""
    transfer.decided_us = applied.at_us
    _came(transfer, ReceiveEvent.SETTLED)
    return True


def _extended(transfer: Transfer, applied: Applied) -> bool:
    body: desk.TransferExtended = applied.body
    transfer.arrive_by_us = body.arrive_by_us
    return True


def _closed(transfer: Transfer, applied: Applied) -> bool:
    body: say.TransferClosed = applied.body
    for said in body.lines:
        line = transfer.lines.get((said.line_no, said.sku))
        if line is not None:
            line.lost_said, line.over_said = said.missing, max(said.over, line.over_said)
    transfer.closed_us = applied.at_us
    if transfer.decided_us is None:
        _came(transfer, ReceiveEvent.SETTLED)
    return _sent(transfer, SendEvent.SETTLED)


def arrived(transfer: Transfer, receipt: Receipt, *, final: bool) -> bool:
    """Write a receipt on the transfer that it belongs to."""
    for sscc in receipt.cartons:
        carton = transfer.cartons.setdefault(sscc, Carton(sscc, "packed", []))
        carton.state, carton.received_us = "received", receipt.at_us
        carton.received_at = receipt.destination
    for piece in receipt.pieces:
        line_of(transfer, piece.line_no, piece.sku, piece.name)
    if final:
        transfer.final = True
        transfer.received_us = max(transfer.received_us or 0, receipt.at_us)
    return _came(transfer, ReceiveEvent.RECEIVED if final else ReceiveEvent.PART_RECEIVED)


def undone(transfer: Transfer, receipt: Receipt) -> bool:
    """Write that a receipt was a mistake: its cartons are on their way again."""
    for sscc in receipt.cartons:
        carton = transfer.cartons.get(sscc)
        if carton is not None:
            carton.received_us, carton.received_at = None, ""
            carton.state = "shipped" if carton.shipped_us else "packed"
    transfer.final, transfer.received_us = False, None
    return _came(transfer, ReceiveEvent.RECEIPT_UNDONE)


def count(transfer: Transfer) -> None:
    """Add up what arrived, and note when nothing of it is open any more."""
    for key, line in transfer.lines.items():
        pieces = [piece for _receipt, piece in transfer.pieces_of(key)]
        line.received = sum([piece.units for piece in pieces])
        line.damaged = sum([piece.units for piece in pieces if piece.bucket is Bucket.QUARANTINE])
    transfer.ended_us = _ended_us(transfer)


def _ended_us(transfer: Transfer) -> int | None:
    if transfer.unmatched:
        return None
    last = max([receipt.at_us for receipt in transfer.receipts.values()], default=0)
    if transfer.send_state in UNSENT and not last:
        return transfer.ended_us
    ended = transfer.closed_us if transfer.has_left else transfer.decided_us
    return None if ended is None or transfer.transit else max(ended, last)


def pieces_of(receipt_id: str, lines: tuple[ReceivedLine, ...], *, known: bool) -> list[Piece]:
    """Return what arrived, piece by piece: broken, for an order, free. `known`: of which transfer it is."""
    found: list[Piece] = []
    for line in lines:
        parts = (
            (Bucket.QUARANTINE, line.damaged),
            (Bucket.RESERVED, line.bound),
            (Bucket.SELLABLE, line.to_shelf),
        )
        for bucket, units in parts:
            if units:
                found.append(
                    Piece(
                        receipt_id,
                        len(found) + 1,
                        line.line_no if known else 0,
                        line.sku,
                        line.name,
                        bucket,
                        units,
                        reason=line.reason.value if line.reason else "",
                        note=line.note,
                        landed=False,
                    )
                )
    return found


_NOTES: Final[Mapping[type[Any], Callable[[Transfer, Applied], bool]]] = {
    say.TransferRequested: _requested,
    say.TransferAccepted: _accepted,
    say.TransferRejected: _rejected,
    say.TransferPicked: _picked,
    say.CartonPacked: _packed,
    say.CartonOpened: _opened,
    say.TransferShipped: _shipped,
    say.TransferCancelled: _cancelled,
    say.CancelAsked: _cancel_asked,
    say.TransferClosed: _closed,
    desk.TransferAnswered: _answered,
    desk.TransferCancelRequested: _cancel_asked,
    desk.TransferDecided: _decided,
    desk.TransferExtended: _extended,
}
