"""One order in memory, and its rows: a sale at a counter, or an order for later."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hub.spine.later import Later
from hub.spine.work import Applied
from protocol.events import OrderSold, OrderVoided, ReturnCompleted
from protocol.fold import LineRecord, OrderRecord
from protocol.later import OrderPlaced
from protocol.lifecycles import OrderState
from protocol.money import round_ratio
from protocol.orders import LineKind, OrderLine


class Entry:
    """One order in memory: its record, what its lines cost, and the sale if this unit of work made it."""

    __slots__ = ("added", "costs", "later", "record", "returned_costs", "sale", "version")

    def __init__(
        self, record: OrderRecord, costs: dict[int, int], sale: Applied | None, version: int
    ) -> None:
        self.record = record
        self.costs = costs
        self.returned_costs: dict[int, int] = {}
        self.sale = sale
        self.version = version
        self.later: Later | None = None
        """What an order for later has beside its lines; None for a sale at a counter."""
        self.added: list[OrderLine] = []
        """Lines that were ordered later and are not written yet."""

    def cost_back(self, line_no: int, quantity: int) -> int | None:
        """Freeze what units that come back cost at their sale; None for a line nobody knows.

        Units beyond those sold come back at the line's average, so nothing is ever valued at nothing.
        """
        line = next((line for line in self.record.lines if line.line_no == line_no), None)
        if line is None or line.kind is not LineKind.GOODS or not line.fulfilled:
            return None
        cost, back = self.costs.get(line_no, 0), self.returned_costs.get(line_no, 0)
        left = max(0, line.fulfilled - line.returned)
        inside = min(quantity, left)
        value = round_ratio(max(0, cost - back) * inside, left) if inside else 0
        value += round_ratio(cost * (quantity - inside), line.fulfilled)
        self.returned_costs[line_no] = back + value
        return value


def entry_of(head: sa.Row[Any], lines: Sequence[sa.Row[Any]]) -> Entry:
    """Return an order in memory, from its rows."""
    record = OrderRecord(
        order_id=head.order_id,
        number=head.number,
        state=OrderState(head.state),
        lines=tuple(
            LineRecord(
                line_no=line.line_no,
                sku=line.sku,
                kind=LineKind(line.kind),
                ordered=line.quantity,
                gross_minor=line.gross_minor,
                tax_minor=line.tax_minor,
                fulfilled=line.fulfilled,
                cancelled=line.cancelled,
                returned=line.returned,
                refunded_minor=line.refunded_minor,
                refunded_tax_minor=line.refunded_tax_minor,
            )
            for line in lines
        ),
        paid_minor=head.paid_minor,
        refunded_minor=head.refunded_minor,
    )
    entry = Entry(record, {line.line_no: line.cost_minor for line in lines}, None, head.version)
    entry.returned_costs = {line.line_no: line.returned_cost_minor for line in lines}
    return entry


def order_row(entry: Entry) -> tuple[Any, ...]:
    """Return the row of `orders` of a sale."""
    applied, record = entry.sale, entry.record
    assert applied is not None
    body: OrderSold = applied.body
    return (
        body.order_id,
        body.number,
        body.channel,
        applied.edge,
        body.session_id,
        body.till,
        body.business_date,
        body.currency,
        applied.at_us,
        applied.by,
        body.customer_id,
        body.total_minor,
        body.tax_minor,
        body.change_minor,
        body.rounding_minor,
        applied.apply_order,
        record.state.value,
        record.paid_minor,
        record.refunded_minor,
        entry.version,
    )


def line_rows(entry: Entry) -> list[tuple[Any, ...]]:
    """Return the rows of `order_lines`."""
    assert entry.sale is not None
    body: OrderSold | OrderPlaced = entry.sale.body
    return _line_rows(entry, body.lines)


def added_rows(entry: Entry) -> list[tuple[Any, ...]]:
    """Return the rows of `order_lines` of lines that were ordered later."""
    return _line_rows(entry, entry.added)


def _line_rows(entry: Entry, lines: Sequence[OrderLine]) -> list[tuple[Any, ...]]:
    order_id = entry.record.order_id
    known = {line.line_no: line for line in entry.record.lines}
    return [
        (
            order_id,
            line.line_no,
            line.sku,
            line.name,
            line.kind.value,
            line.quantity,
            line.list_price_minor,
            line.unit_price_minor,
            line.unit_price_exact,
            line.line_discount_minor,
            line.order_discount_minor,
            line.gross_minor,
            line.tax_minor,
            line.rate_ppm,
            entry.costs.get(line.line_no, 0),
            beside.fulfilled,
            beside.cancelled,
            beside.returned,
            beside.refunded_minor,
            beside.refunded_tax_minor,
            entry.returned_costs.get(line.line_no, 0),
        )
        for line in lines
        for beside in (known[line.line_no],)
    ]


def tender_rows(entry: Entry) -> list[tuple[Any, ...]]:
    """Return the rows of `order_tenders`; an order for later has none, its money has events of its own."""
    assert entry.sale is not None
    if entry.later is not None:
        return []
    body: OrderSold = entry.sale.body
    return [
        (body.order_id, n, t.kind.value, t.amount_minor, t.tendered_minor, t.reference, t.last4)
        for n, t in enumerate(body.tenders, start=1)
    ]


def return_row(applied: Applied) -> tuple[Any, ...]:
    """Return the row of `returns`."""
    body: ReturnCompleted = applied.body
    voided = isinstance(body, OrderVoided)
    return (
        body.return_id,
        "void" if voided else "return",
        body.number,
        body.order_id,
        body.order_number,
        applied.edge,
        body.session_id,
        body.till,
        body.business_date,
        body.currency,
        applied.at_us,
        applied.by,
        body.reason if isinstance(body, OrderVoided) else "",
        body.total_minor,
        body.tax_minor,
        applied.apply_order,
    )


def return_line_rows(applied: Applied) -> list[tuple[Any, ...]]:
    """Return the rows of `return_lines`."""
    body: ReturnCompleted = applied.body
    costs: Sequence[int] = applied.results.get("costs", ())
    return [
        (
            body.return_id,
            n,
            line.line_no,
            line.sku,
            line.name,
            line.kind.value,
            line.quantity,
            line.gross_minor,
            line.tax_minor,
            line.rate_ppm,
            costs[n - 1] if n <= len(costs) else 0,
            line.reason,
            line.to_bucket,
        )
        for n, line in enumerate(body.lines, start=1)
    ]


def return_fee_rows(applied: Applied) -> list[tuple[Any, ...]]:
    """Return the rows of `return_fees`."""
    body: ReturnCompleted = applied.body
    return [
        (body.return_id, n, fee.line_no, fee.amount_minor, fee.tax_minor, fee.rate_ppm)
        for n, fee in enumerate(body.fees, start=1)
    ]
