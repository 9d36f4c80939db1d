"""Events -> an order's record: what was ordered, fulfilled, cancelled and returned, and where the money is.

Pure, and used by both sides and by the tests that make the tables anew from the log. Facts are never refused:
what was out of order (a void of an order that had come back, more units than were sold) is applied as far as
it makes sense and named as an `Oddity`, which the caller raises as an exception.

What a reader would get wrong: a sale may arrive after a return of it, when the two happened in different
stores. `fold` therefore takes the sale first, wherever it stands.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from protocol import later
from protocol.events import OrderSold, OrderVoided, ReturnCompleted
from protocol.fulfilment import UnitsLine
from protocol.lifecycles import ORDER, OrderEvent, OrderState
from protocol.mail_in import ReturnCredited
from protocol.orders import LineKind, OrderLine, WireModel


class Oddity(StrEnum):
    """What was out of order in something that has happened."""

    VOID_AFTER_RETURN = "void_after_return"
    AFTER_VOID = "after_void"
    MORE_RETURNED_THAN_SOLD = "more_returned_than_sold"
    MORE_REFUNDED_THAN_PAID = "more_refunded_than_paid"
    UNKNOWN_LINE = "unknown_line"
    MORE_FULFILLED_THAN_OPEN = "more_fulfilled_than_open"
    MORE_CANCELLED_THAN_OPEN = "more_cancelled_than_open"
    MORE_UNDONE_THAN_FULFILLED = "more_undone_than_fulfilled"


@dataclass(frozen=True, slots=True)
class LineRecord:
    """One line: its quantities and its money. `ordered = fulfilled + cancelled + open`."""

    line_no: int
    sku: str
    kind: LineKind
    ordered: int
    gross_minor: int
    tax_minor: int
    fulfilled: int = 0
    cancelled: int = 0
    returned: int = 0
    refunded_minor: int = 0
    refunded_tax_minor: int = 0

    @property
    def open(self) -> int:
        """Units that somebody still has to fulfil; below nothing when more left than was ordered."""
        return self.ordered - self.fulfilled - self.cancelled

    @property
    def settled(self) -> int:
        """Units whose money is decided: revenue, or owed back (`protocol.rules.shares`)."""
        return self.fulfilled + self.cancelled


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as its events leave it."""

    order_id: str
    number: str
    state: OrderState
    lines: tuple[LineRecord, ...]
    paid_minor: int
    refunded_minor: int = 0

    @property
    def returned_units(self) -> int:
        """Units that came back."""
        return sum(line.returned for line in self.lines)


def sold(body: OrderSold) -> OrderRecord:
    """Return the record of a counter sale: goods and money have changed hands, so all is fulfilled."""
    return OrderRecord(
        order_id=body.order_id,
        number=body.number,
        state=ORDER.next_state(ORDER.initial, OrderEvent.SOLD),
        lines=tuple([_new_line(line, line.quantity) for line in body.lines]),
        paid_minor=sum([tender.amount_minor for tender in body.tenders]),
    )


def placed(body: later.OrderPlaced) -> OrderRecord:
    """Return the record of an order for later: nothing is fulfilled and nothing paid yet."""
    return OrderRecord(
        order_id=body.order_id,
        number=body.number,
        state=_step(ORDER.initial, OrderEvent.LOCATION_CHOSEN) if body.own else ORDER.initial,
        lines=tuple([_new_line(line, 0) for line in body.lines]),
        paid_minor=0,
    )


def advance(
    record: OrderRecord, body: WireModel, *, written_off: bool = False
) -> tuple[OrderRecord, tuple[Oddity, ...]]:
    """Return the record of an order for later once something happened to it, and what was out of order.

    Units that were never open are taken in all the same, because they have left; a caller raises the oddity.
    `written_off`: it is told by a location that nobody counts on any more, so only goods that left or came
    back say anything of the order.
    """
    if written_off and not isinstance(body, _GOODS):
        return record, ()
    happened = _ADVANCES.get(type(body))
    return (record, ()) if happened is None else happened(record, body)


def after(record: OrderRecord, body: ReturnCompleted) -> tuple[OrderRecord, tuple[Oddity, ...]]:
    """Return the record once units came back or the sale was voided, and what was out of order in it."""
    odd: dict[Oddity, None] = {}
    lines = {line.line_no: line for line in record.lines}
    for back in body.lines:
        line = lines.get(back.line_no)
        if line is None:
            odd[Oddity.UNKNOWN_LINE] = None
            continue
        line = lines[back.line_no] = _line_after(line, back.quantity, back.gross_minor, back.tax_minor)
        if line.returned > line.fulfilled:
            odd[Oddity.MORE_RETURNED_THAN_SOLD] = None
    refunded = record.refunded_minor + sum(tender.amount_minor for tender in body.refunds)
    if refunded > record.paid_minor:
        odd[Oddity.MORE_REFUNDED_THAN_PAID] = None
    all_back = all(line.returned >= line.fulfilled for line in lines.values())
    state, strange = record.state, None
    if any(back.quantity for back in body.lines) or record.state is OrderState.VOIDED:
        state, strange = _state_after(record.state, voided=isinstance(body, OrderVoided), all_back=all_back)
    if strange is not None:
        odd[strange] = None
    changed = OrderRecord(
        order_id=record.order_id,
        number=record.number,
        state=state,
        lines=tuple(lines.values()),
        paid_minor=record.paid_minor,
        refunded_minor=refunded,
    )
    return changed, tuple(odd)


def credited(record: OrderRecord, amount_minor: int) -> OrderRecord:
    """Return the record once money of it was given as store credit by the hub."""
    return replace(record, refunded_minor=record.refunded_minor + amount_minor)


def fold(bodies: Iterable[WireModel]) -> OrderRecord | None:
    """Return the record of one order from all of its events; None while its sale is not among them."""
    found = list(bodies)
    for body in found:
        if isinstance(body, OrderSold):
            return fold_after(sold(body), found)
        if isinstance(body, later.OrderPlaced):
            return fold_after(placed(body), found)
    return None


def fold_after(record: OrderRecord, bodies: Sequence[WireModel]) -> OrderRecord:
    """Return the record once everything in `bodies` that is not its capture has happened."""
    written_off: set[str] = set()
    for body in bodies:
        if isinstance(body, ReturnCompleted):
            record, _odd = after(record, body)
        elif isinstance(body, ReturnCredited):
            record = credited(record, body.amount_minor)
        else:
            gone_on = getattr(body, "assignment_id", "") in written_off
            record, _odd = advance(record, body, written_off=gone_on)
        if isinstance(body, later.AssignmentWrittenOff):
            written_off.add(body.assignment_id)
    return record


_Advanced = tuple[OrderRecord, tuple[Oddity, ...]]
_GOODS: Final = (later.AssignmentShipped, later.AssignmentHandedOver, later.HandoverUndone)
_UNDER_WAY: Final = frozenset({OrderState.ROUTED, OrderState.PICKING, OrderState.READY})


def _new_line(line: OrderLine, fulfilled: int) -> LineRecord:
    return LineRecord(
        line.line_no, line.sku, line.kind, line.quantity, line.gross_minor, line.tax_minor, fulfilled
    )


def _step(state: OrderState, event: OrderEvent) -> OrderState:
    """Return where a fact leads: by the table, else where the fact leads from anywhere, else nowhere."""
    return ORDER.table.get((state, event)) or ORDER.facts.get(event) or state


def _moved(record: OrderRecord, event: OrderEvent) -> OrderRecord:
    following = ORDER.table.get((record.state, event))
    return record if following is None else replace(record, state=following)


def _fulfilled(record: OrderRecord, units: Sequence[UnitsLine], event: OrderEvent) -> _Advanced:
    """Goods left. What is no goods (the way, a service) is fulfilled with the first of them."""
    odd: dict[Oddity, None] = {}
    lines = {line.line_no: line for line in record.lines}
    for each in units:
        line = lines.get(each.line_no)
        if line is None:
            odd[Oddity.UNKNOWN_LINE] = None
            continue
        if each.units > line.open:
            odd[Oddity.MORE_FULFILLED_THAN_OPEN] = None
        lines[each.line_no] = replace(line, fulfilled=line.fulfilled + each.units)
    for line in record.lines:
        if line.kind is not LineKind.GOODS and line.open > 0:
            lines[line.line_no] = replace(line, fulfilled=line.fulfilled + line.open)
    done = replace(record, lines=tuple(lines.values()))
    if any(line.open > 0 for line in done.lines):
        return done, tuple(odd)
    return replace(done, state=_step(record.state, event)), tuple(odd)


def _undone(record: OrderRecord, units: Sequence[UnitsLine]) -> _Advanced:
    """Goods are back at the desk. With the last of them what is no goods is open again: it left with them."""
    odd: dict[Oddity, None] = {}
    lines = {line.line_no: line for line in record.lines}
    for each in units:
        line = lines.get(each.line_no)
        if line is None or each.units > line.fulfilled:
            odd[Oddity.MORE_UNDONE_THAN_FULFILLED] = None
        if line is not None:
            lines[each.line_no] = replace(line, fulfilled=max(0, line.fulfilled - each.units))
    if not any(line.fulfilled for line in lines.values() if line.kind is LineKind.GOODS):
        for line_no, line in lines.items():
            lines[line_no] = replace(line, fulfilled=0)
    changed = replace(record, lines=tuple(lines.values()))
    return _moved(changed, OrderEvent.HANDOVER_UNDONE), tuple(odd)


def _cancelled(record: OrderRecord, units: Sequence[later.CancelledLine]) -> _Advanced:
    odd: dict[Oddity, None] = {}
    lines = {line.line_no: line for line in record.lines}
    for each in units:
        line = lines.get(each.line_no)
        if line is None:
            odd[Oddity.UNKNOWN_LINE] = None
            continue
        if each.quantity > line.open:
            odd[Oddity.MORE_CANCELLED_THAN_OPEN] = None
        lines[each.line_no] = replace(line, cancelled=line.cancelled + each.quantity)
    changed = replace(record, lines=tuple(lines.values()))
    if any(line.open > 0 for line in changed.lines):
        return changed, tuple(odd)
    if any(line.fulfilled for line in changed.lines):
        return replace(changed, state=_step(changed.state, OrderEvent.COLLECTED)), tuple(odd)
    return _moved(changed, OrderEvent.CANCELLED), tuple(odd)


def _more(record: OrderRecord, lines: Sequence[OrderLine]) -> _Advanced:
    """More was ordered; a line that is known already is not taken twice."""
    known = {line.line_no for line in record.lines}
    added = tuple([_new_line(line, 0) for line in lines if line.line_no not in known])
    return replace(record, lines=record.lines + added), ()


def _change_refused(record: OrderRecord, body: later.ChangeRefused) -> _Advanced:
    """A location fetches nothing more. What was ordered already and was to come from there is nobody's."""
    ordered = {line.line_no for line in record.lines}
    if any(line.line_no in ordered for line in body.added):
        return _given_up(record, body)
    return record, ()


def _line_after(line: LineRecord, quantity: int, gross_minor: int, tax_minor: int) -> LineRecord:
    return LineRecord(
        line.line_no,
        line.sku,
        line.kind,
        line.ordered,
        line.gross_minor,
        line.tax_minor,
        line.fulfilled,
        line.cancelled,
        line.returned + quantity,
        line.refunded_minor + gross_minor,
        line.refunded_tax_minor + tax_minor,
    )


def _state_after(state: OrderState, *, voided: bool, all_back: bool) -> tuple[OrderState, Oddity | None]:
    if voided:
        # The table knows a void of a completed order only; what has happened anyway ends there too.
        odd = None
        if (state, OrderEvent.VOIDED) not in ORDER.table:
            odd = Oddity.AFTER_VOID if state is OrderState.VOIDED else Oddity.VOID_AFTER_RETURN
        return OrderState.VOIDED, odd
    if state is OrderState.VOIDED:
        return state, Oddity.AFTER_VOID
    following, _in_order = ORDER.after_fact(
        state, OrderEvent.ALL_RETURNED if all_back else OrderEvent.PART_RETURNED
    )
    return following, None


def _cancelled_part(record: OrderRecord, body: later.AssignmentCancelled) -> _Advanced:
    """A location gave units up. Those that the customer has cancelled before leave nobody without goods."""
    gone = {line.line_no: line.cancelled for line in record.lines}
    if all(line.units <= gone.get(line.line_no, 0) for line in body.lines):
        return record, ()
    return _given_up(record, body)


def _given_up(record: OrderRecord, _body: WireModel) -> _Advanced:
    return (_moved(record, OrderEvent.REJECTED) if record.state in _UNDER_WAY else record), ()


def _answered(record: OrderRecord, body: later.AssignmentAnswered) -> _Advanced:
    refused = body.outcome in ("rejected", "expired")
    return (_moved(record, OrderEvent.REJECTED) if refused else record), ()


def _paid(record: OrderRecord, body: later.OrderPaid | later.OrderPaidOnline) -> _Advanced:
    return replace(record, paid_minor=record.paid_minor + body.amount_minor), ()


def _refunded(record: OrderRecord, body: later.OrderRefunded | later.OrderRefundedOnline) -> _Advanced:
    return replace(record, refunded_minor=record.refunded_minor + body.amount_minor), ()


def _moves(event: OrderEvent) -> Callable[[OrderRecord, Any], _Advanced]:
    return lambda record, _body: (_moved(record, event), ())


_ADVANCES: Final[Mapping[type[WireModel], Callable[[OrderRecord, Any], _Advanced]]] = MappingProxyType(
    {
        later.OrderPaid: _paid,
        later.OrderPaidOnline: _paid,
        later.OrderRefunded: _refunded,
        later.OrderRefundedOnline: _refunded,
        later.OrderRouted: _moves(OrderEvent.LOCATION_CHOSEN),
        later.OrderUnroutable: _given_up,
        later.OrderWaits: _given_up,
        later.OrderCancelled: lambda record, body: _cancelled(record, body.lines),
        later.LinesAdded: lambda record, body: _more(record, body.lines),
        later.ChangeRefused: _change_refused,
        later.AssignmentAnswered: _answered,
        later.AssignmentWithdrawn: _given_up,
        later.AssignmentWrittenOff: _given_up,
        later.AssignmentRejected: _given_up,
        later.AssignmentCancelled: _cancelled_part,
        later.PickStarted: _moves(OrderEvent.PICK_STARTED),
        later.AssignmentPicked: _moves(OrderEvent.PICK_STARTED),
        later.AssignmentPacked: _moves(OrderEvent.PACKED),
        later.AssignmentStaged: _moves(OrderEvent.PACKED),
        later.AssignmentShipped: lambda record, body: _fulfilled(record, body.lines, OrderEvent.SHIPPED),
        later.AssignmentHandedOver: lambda record, body: _fulfilled(record, body.lines, OrderEvent.COLLECTED),
        later.HandoverUndone: lambda record, body: _undone(record, body.lines),
    }
)
