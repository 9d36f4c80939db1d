"""The order tables as one unit of work changes them: the fold of `protocol.fold`, written row by row.

An order that a batch creates is written once, with all that happened to it in the same batch. The cost of a
line is frozen at the sale; what comes back comes back at that cost, so every column of a line ends at zero or
where it began, however the returns fall.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.spine import rows
from hub.spine.bulk import Insert, Update, among
from hub.spine.work import Applied, Work, chunks
from protocol.errors import BadMessage
from protocol.events import OrderSold, OrderVoided, ReturnCompleted
from protocol.fold import LineRecord, Oddity, OrderRecord, after, sold
from protocol.lifecycles import OrderState
from protocol.money import round_ratio
from protocol.orders import LineKind

_ORDERS: Final = Insert(rows.orders)
_LINES: Final = Insert(rows.order_lines)
_TENDERS: Final = Insert(rows.order_tenders)
_RETURNS: Final = Insert(rows.returns)
_RETURN_LINES: Final = Insert(rows.return_lines)
_RETURN_TENDERS: Final = Insert(rows.return_tenders)
_ORDER_CHANGE: Final = Update(rows.orders, ("state", "refunded_minor", "version"))
_LINE_CHANGE: Final = Update(
    rows.order_lines, ("cancelled", "returned", "refunded_minor", "refunded_tax_minor", "returned_cost_minor")
)


class Entry:
    """One order in memory: its record, what its lines cost, and the sale if this unit of work made it."""

    __slots__ = ("costs", "record", "returned_costs", "sale", "version")

    def __init__(
        self, record: OrderRecord, costs: dict[int, int], sale: Applied | None, version: int
    ) -> None:
        self.record = record
        self.costs = costs
        self.returned_costs: dict[int, int] = {}
        self.sale = sale
        self.version = version

    def cost_back(self, line_no: int, quantity: int) -> int | None:
        """Freeze what units that come back cost at their sale; None for a line nobody knows.

        Units beyond those sold come back at the line's average, so nothing is ever valued at nothing.
        """
        line = next((line for line in self.record.lines if line.line_no == line_no), None)
        if line is None or line.kind is not LineKind.GOODS or not line.ordered:
            return None
        cost, back = self.costs.get(line_no, 0), self.returned_costs.get(line_no, 0)
        left = max(0, line.ordered - line.returned)
        inside = min(quantity, left)
        value = round_ratio(max(0, cost - back) * inside, left) if inside else 0
        value += round_ratio(cost * (quantity - inside), line.ordered)
        self.returned_costs[line_no] = back + value
        return value


class Orders:
    """The orders of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._entries: dict[str, Entry] = {}
        self._new: list[Entry] = []
        self._changed: dict[str, Entry] = {}
        self._returns: list[Applied] = []
        self._return_ids: set[str] = set()
        self._earlier: dict[str, list[bytes]] = {}
        self._numbers: dict[str, str] = {}

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read the orders that come back, and check that what is new is new."""
        selling = [a.body.order_id for a in batch if type(a.body) is OrderSold]
        back = [a.body for a in batch if isinstance(a.body, ReturnCompleted)]
        fresh = set(selling)
        self._load([body.order_id for body in back if body.order_id not in fresh])
        connection = self._work.connection
        for ids in chunks(selling):
            known = sa.select(rows.orders.c.order_id).where(among(connection, rows.orders.c.order_id, ids))
            self._load(connection.execute(known).scalars())
            self._load_earlier(ids)
        for numbers in chunks(a.body.number for a in batch if type(a.body) is OrderSold):
            taken = sa.select(rows.orders.c.number, rows.orders.c.order_id)
            self._numbers.update(
                {
                    row.number: row.order_id
                    for row in connection.execute(
                        taken.where(among(connection, rows.orders.c.number, numbers))
                    )
                }
            )
        for ids in chunks(body.return_id for body in back):
            self._return_ids.update(
                connection.execute(
                    sa.select(rows.returns.c.return_id).where(
                        among(connection, rows.returns.c.return_id, ids)
                    )
                ).scalars()
            )

    def _load(self, order_ids: Iterable[str]) -> None:
        connection = self._work.connection
        for ids in chunks(order_ids):
            heads = connection.execute(
                sa.select(rows.orders).where(among(connection, rows.orders.c.order_id, ids))
            ).all()
            lines: dict[str, list[Any]] = {head.order_id: [] for head in heads}
            for line in connection.execute(
                sa.select(rows.order_lines)
                .where(among(connection, rows.order_lines.c.order_id, ids))
                .order_by(rows.order_lines.c.order_id, rows.order_lines.c.line_no)
            ):
                lines[line.order_id].append(line)
            for head in heads:
                self._entries[head.order_id] = _entry(head, lines[head.order_id])

    def _load_earlier(self, ids: list[str]) -> None:
        """Find returns that arrived before the sale they belong to."""
        connection = self._work.connection
        found = connection.execute(
            sa.select(rows.returns.c.order_id, rows.events.c.bytes)
            .join(rows.events, rows.events.c.apply_order == rows.returns.c.apply_order)
            .where(among(connection, rows.returns.c.order_id, ids))
            .order_by(rows.returns.c.apply_order)
        ).all()
        for row in found:
            self._earlier.setdefault(row.order_id, []).append(row.bytes)

    def get(self, order_id: str) -> Entry | None:
        """Return an order as it stands in this unit of work."""
        return self._entries.get(order_id)

    def earlier_returns(self, order_id: str) -> list[bytes]:
        """Return the bytes of the returns that came before their sale did."""
        return self._earlier.get(order_id, [])

    def number_taken(self, number: str, order_id: str) -> bool:
        """Tell whether another order has this number, and note that this one has it."""
        return self._numbers.setdefault(number, order_id) != order_id

    def add(self, applied: Applied, costs: dict[int, int]) -> Entry:
        """Add a sale.

        Raises:
            BadMessage: `duplicate_order`, the id is taken.
        """
        body: OrderSold = applied.body
        if body.order_id in self._entries:
            raise BadMessage(
                f"The order {body.number} is known already under the same id.",
                "Discard this one if it says the same.",
                code="duplicate_order",
            )
        if len({line.line_no for line in body.lines}) != len(body.lines):
            raise BadMessage(
                f"Two lines of the order {body.number} have one number.",
                "Its store must look at its log.",
                code="duplicate_line",
            )
        entry = Entry(sold(body), costs, applied, applied.apply_order)
        self._entries[body.order_id] = entry
        self._new.append(entry)
        return entry

    def add_return(self, applied: Applied) -> None:
        """Add a return or a void; its costs are in `applied.results` by the time it is written.

        Raises:
            BadMessage: `duplicate_return`, the id is taken.
        """
        return_id = applied.body.return_id
        if return_id in self._return_ids:
            raise BadMessage(
                f"The return {applied.body.number} is known already under the same id.",
                "Discard this one if it says the same.",
                code="duplicate_return",
            )
        self._return_ids.add(return_id)
        self._returns.append(applied)
        if applied.body.order_id not in self._entries:
            self._earlier.setdefault(applied.body.order_id, []).append(applied.data)

    def change(self, entry: Entry, body: ReturnCompleted, apply_order: int) -> tuple[Oddity, ...]:
        """Let units come back to an order; return what was out of order in it."""
        entry.record, odd = after(entry.record, body)
        entry.version = max(entry.version, apply_order)
        if entry.sale is None:
            self._changed[entry.record.order_id] = entry
        return odd

    def flush(self) -> None:
        """Write new orders and returns whole, and what changed in older orders."""
        connection = self._work.connection
        new, self._new = self._new, []
        _ORDERS.run(connection, [_order_row(entry) for entry in new])
        _LINES.run(connection, [row for entry in new for row in _line_rows(entry)])
        _TENDERS.run(connection, [row for entry in new for row in _tender_rows(entry)])
        for entry in new:
            entry.sale = None
        changed, self._changed = list(self._changed.values()), {}
        _ORDER_CHANGE.run(
            connection,
            [(e.record.state.value, e.record.refunded_minor, e.version, e.record.order_id) for e in changed],
        )
        _LINE_CHANGE.run(
            connection,
            [
                (
                    line.cancelled,
                    line.returned,
                    line.refunded_minor,
                    line.refunded_tax_minor,
                    entry.returned_costs.get(line.line_no, 0),
                    entry.record.order_id,
                    line.line_no,
                )
                for entry in changed
                for line in entry.record.lines
            ],
        )
        came_back, self._returns = self._returns, []
        _RETURNS.run(connection, [_return_row(applied) for applied in came_back])
        _RETURN_LINES.run(connection, [row for applied in came_back for row in _return_line_rows(applied)])
        _RETURN_TENDERS.run(
            connection,
            [
                (applied.body.return_id, n, t.kind.value, t.amount_minor, t.reference, t.last4)
                for applied in came_back
                for n, t in enumerate(applied.body.refunds, start=1)
            ],
        )


def _entry(head: sa.Row[Any], lines: Sequence[sa.Row[Any]]) -> Entry:
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


def _order_row(entry: Entry) -> tuple[Any, ...]:
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


def _line_rows(entry: Entry) -> list[tuple[Any, ...]]:
    assert entry.sale is not None
    body: OrderSold = entry.sale.body
    order_id = body.order_id
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
            now.fulfilled,
            now.cancelled,
            now.returned,
            now.refunded_minor,
            now.refunded_tax_minor,
            entry.returned_costs.get(line.line_no, 0),
        )
        for line, now in zip(body.lines, entry.record.lines, strict=True)
    ]


def _tender_rows(entry: Entry) -> list[tuple[Any, ...]]:
    assert entry.sale is not None
    body: OrderSold = entry.sale.body
    return [
        (body.order_id, n, t.kind.value, t.amount_minor, t.tendered_minor, t.reference, t.last4)
        for n, t in enumerate(body.tenders, start=1)
    ]


def _return_row(applied: Applied) -> tuple[Any, ...]:
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


def _return_line_rows(applied: Applied) -> list[tuple[Any, ...]]:
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
