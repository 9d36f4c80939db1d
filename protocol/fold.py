"""Events -> an order's record: what was ordered, fulfilled, cancelled and returned, and where the money is.

Pure, and used by both sides and by the tests that make the tables anew from the log. Facts are never refused:
what was out of order (a void of an order that had come back, more units than were sold) is applied as far as
it makes sense and named as an `Oddity`, which the caller raises as an exception.

What a reader would get wrong: a sale may arrive after a return of it, when the two happened in different
stores. `fold` therefore takes the sale first, wherever it stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocol.events import OrderSold, OrderVoided, ReturnCompleted
from protocol.lifecycles import ORDER, OrderEvent, OrderState
from protocol.orders import LineKind, WireModel


class Oddity(StrEnum):
    """What was out of order in something that has happened."""

    VOID_AFTER_RETURN = "void_after_return"
    AFTER_VOID = "after_void"
    MORE_RETURNED_THAN_SOLD = "more_returned_than_sold"
    MORE_REFUNDED_THAN_PAID = "more_refunded_than_paid"
    UNKNOWN_LINE = "unknown_line"


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
        lines=tuple(
            [
                LineRecord(
                    line.line_no,
                    line.sku,
                    line.kind,
                    line.quantity,
                    line.gross_minor,
                    line.tax_minor,
                    line.quantity,
                )
                for line in body.lines
            ]
        ),
        paid_minor=sum([tender.amount_minor for tender in body.tenders]),
    )


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


def fold(bodies: Iterable[WireModel]) -> OrderRecord | None:
    """Return the record of one order from all of its events; None while its sale is not among them."""
    found = list(bodies)
    sale = next((body for body in found if isinstance(body, OrderSold)), None)
    return None if sale is None else fold_after(sold(sale), found)


def fold_after(record: OrderRecord, bodies: Sequence[WireModel]) -> OrderRecord:
    """Return the record once everything in `bodies` that is not a sale has happened."""
    for body in bodies:
        if isinstance(body, ReturnCompleted):
            record, _odd = after(record, body)
    return record


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
