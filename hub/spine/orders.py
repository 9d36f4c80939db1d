"""The order tables as one unit of work changes them: the fold of `protocol.fold`, written row by row.

An order that a batch creates is written once, with all that happened to it in the same batch. The cost of a
line is frozen at the sale; what comes back comes back at that cost, so every column of a line ends at zero or
where it began, however the returns fall.

An order for later is placed with nothing fulfilled and then advanced by its events; its cost is frozen on the
line as its goods leave. What it has beside its lines is in `hub.spine.later`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup
from hub.spine import entries, later, later_rows, rows
from hub.spine.bulk import Insert, Select, Update, Upsert
from hub.spine.entries import Entry
from hub.spine.later import Leaving, Settled
from hub.spine.places import Places
from hub.spine.work import Applied, Work, chunks
from protocol.envelope import decode_event, read_body
from protocol.errors import BadMessage
from protocol.events import KIND_OF, OrderSold, ReturnCompleted
from protocol.fold import Oddity, advance, after, fold_after, placed, sold
from protocol.later import LinesAdded, OrderPlaced
from protocol.orders import WireModel

_ORDERS: Final = Insert(rows.orders)
_LINES: Final = Insert(rows.order_lines)
_TENDERS: Final = Insert(rows.order_tenders)
_RETURNS: Final = Insert(rows.returns)
_RETURN_LINES: Final = Insert(rows.return_lines)
_RETURN_FEES: Final = Insert(rows.return_fees)
_RETURN_TENDERS: Final = Insert(rows.return_tenders)
_PAYMENTS: Final = Insert(later_rows.payments)
_LATER: Final = Upsert(later_rows.later_orders)
_LATER_LINES: Final = Upsert(later_rows.later_lines)
_LEAVINGS: Final = Upsert(later_rows.order_leavings)
_ORDER_CHANGE: Final = Update(rows.orders, ("state", "paid_minor", "refunded_minor", "version"))
_TOTALS: Final = Update(rows.orders, ("total_minor", "tax_minor"))
_LINE_CHANGE: Final = Update(
    rows.order_lines,
    (
        "fulfilled",
        "cancelled",
        "returned",
        "refunded_minor",
        "refunded_tax_minor",
        "cost_minor",
        "returned_cost_minor",
    ),
)
_LATER_KINDS: Final = frozenset(KIND_OF[model][0] for model in later.CONCERNS)

_HEADS_OF: Final = Select(sa.select(rows.orders), rows.orders.c.order_id)
_LINES_OF: Final = Select(
    sa.select(rows.order_lines).order_by(rows.order_lines.c.order_id, rows.order_lines.c.line_no),
    rows.order_lines.c.order_id,
)
_LATER_OF: Final = Select(sa.select(later_rows.later_orders), later_rows.later_orders.c.order_id)
_LATER_LINES_OF: Final = Select(sa.select(later_rows.later_lines), later_rows.later_lines.c.order_id)
_KNOWN_OF: Final = Select(sa.select(rows.orders.c.order_id), rows.orders.c.order_id)
_NUMBERED: Final = Select(sa.select(rows.orders.c.number, rows.orders.c.order_id), rows.orders.c.number)
_RETURNED: Final = Select(sa.select(rows.returns.c.return_id), rows.returns.c.return_id)
_EARLIER_OF: Final = Select(
    sa.select(rows.returns.c.order_id, rows.events.c.bytes)
    .join(rows.events, rows.events.c.apply_order == rows.returns.c.apply_order)
    .order_by(rows.returns.c.apply_order),
    rows.returns.c.order_id,
)
_TOLD_OF: Final = Lookup(
    sa.select(rows.events.c.apply_order, rows.events.c.kind, rows.events.c.bytes)
    .join(rows.event_subjects, rows.event_subjects.c.apply_order == rows.events.c.apply_order)
    .where(
        rows.event_subjects.c.subject == sa.bindparam("of"),
        rows.events.c.apply_order < sa.bindparam("before"),
    )
)
_LEAVINGS_OF: Final = Lookup(
    sa.select(
        later_rows.order_leavings.c.leaving_id,
        later_rows.order_leavings.c.line_no,
        later_rows.order_leavings.c.units,
        later_rows.order_leavings.c.cost_minor,
        later_rows.order_leavings.c.gross_minor,
        later_rows.order_leavings.c.tax_minor,
    )
    .where(later_rows.order_leavings.c.order_id == sa.bindparam("of"))
    .order_by(later_rows.order_leavings.c.leaving_id, later_rows.order_leavings.c.line_no)
)
_PAID: Final = Lookup(
    sa.select(later_rows.payments.c.payment_id).where(later_rows.payments.c.payment_id == sa.bindparam("of"))
)


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
        self._absent: set[str] = set()
        self._orphans: dict[str, dict[int, WireModel]] = {}
        self._later: dict[str, Entry] = {}
        self._leavings: dict[str, list[Leaving]] = {}
        self._left: dict[str, list[Leaving]] = {}
        self._payments: list[Applied] = []

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read the orders that come back, and check that what is new is new."""
        selling = [a.body.order_id for a in batch if type(a.body) is OrderSold]
        back = [a.body for a in batch if isinstance(a.body, ReturnCompleted)]
        fresh = set(selling)
        self._load([body.order_id for body in back if body.order_id not in fresh])
        self._look_for([a.body.order_id for a in batch if type(a.body) in later.CONCERNS])
        connection = self._work.connection
        for ids in chunks(selling):
            self._load(_KNOWN_OF.scalars(connection, ids))
            self._load_earlier(ids)
        for numbers in chunks(a.body.number for a in batch if type(a.body) is OrderSold):
            self._numbers.update((row.number, row.order_id) for row in _NUMBERED.run(connection, numbers))
        for ids in chunks(body.return_id for body in back):
            self._return_ids.update(_RETURNED.scalars(connection, ids))

    def _load(self, order_ids: Iterable[str]) -> None:
        connection = self._work.connection
        for ids in chunks(order_ids):
            heads = _HEADS_OF.run(connection, ids)
            if not heads:
                continue
            lines: dict[str, list[Any]] = {head.order_id: [] for head in heads}
            for line in _LINES_OF.run(connection, [*lines]):
                lines[line.order_id].append(line)
            for head in heads:
                self._entries[head.order_id] = entries.entry_of(head, lines[head.order_id])
            # A sale always has a session; an order for later never has one.
            self._load_later([head for head in heads if not head.session_id], lines)

    def _load_later(self, heads: Sequence[sa.Row[Any]], lines: dict[str, list[Any]]) -> None:
        if not heads:
            return
        connection, ids = self._work.connection, [head.order_id for head in heads]
        settled: dict[str, dict[int, Settled]] = {order_id: {} for order_id in ids}
        for row in _LATER_LINES_OF.run(connection, ids):
            settled[row.order_id][row.line_no] = Settled(
                row.unit_cost_minor, row.settled_minor, row.settled_tax_minor
            )
        found = {row.order_id: row for row in _LATER_OF.run(connection, ids)}
        for head in heads:
            order_id = head.order_id
            rates = {line.line_no: line.rate_ppm for line in lines[order_id]}
            self._entries[order_id].later = later.read(found[order_id], head, settled[order_id], rates)

    def _look_for(self, order_ids: Iterable[str]) -> None:
        """Read orders for later that are not in memory, and remember which there are not."""
        unknown = {each for each in order_ids if each not in self._entries and each not in self._absent}
        if unknown:
            self._load(sorted(unknown))
            self._absent |= unknown - self._entries.keys()

    def _load_earlier(self, ids: list[str]) -> None:
        """Find returns that arrived before the sale they belong to."""
        for row in _EARLIER_OF.run(self._work.connection, ids):
            self._earlier.setdefault(row.order_id, []).append(row.bytes)

    def get(self, order_id: str) -> Entry | None:
        """Return an order as it stands in this unit of work, if it was prepared."""
        return self._entries.get(order_id)

    def need(self, order_id: str) -> Entry | None:
        """Return an order as it stands in this unit of work, read now if nobody has; None if unknown."""
        self._look_for((order_id,))
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
        self._must_be_new(body)
        entry = Entry(sold(body), costs, applied, applied.apply_order)
        self._entries[body.order_id] = entry
        self._new.append(entry)
        return entry

    def _must_be_new(self, body: OrderSold | OrderPlaced) -> None:
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

    def place(self, applied: Applied) -> Entry:
        """Add an order for later, with what happened to it before it was heard of.

        Raises:
            BadMessage: `duplicate_order`, the id is taken.
        """
        body: OrderPlaced = applied.body
        self.need(body.order_id)
        self._must_be_new(body)
        self._absent.discard(body.order_id)
        entry = Entry(placed(body), {}, applied, applied.apply_order)
        entry.later = later.placed(body, applied.edge)
        earlier = self._orphans_of(body.order_id, applied.apply_order)
        if earlier:
            entry.record = fold_after(entry.record, earlier)
            for leaving in self.leavings(body.order_id):
                entry.costs[leaving.line_no] = entry.costs.get(leaving.line_no, 0) + leaving.cost_minor
        applied.results["earlier"] = earlier
        self._entries[body.order_id] = self._later[body.order_id] = entry
        self._new.append(entry)
        for row in _NUMBERED.run(self._work.connection, [body.number]):
            self._numbers.setdefault(row.number, row.order_id)
        return entry

    def orphan(self, applied: Applied) -> None:
        """Remember what happened to an order that nobody here knows yet."""
        self._orphans.setdefault(applied.body.order_id, {})[applied.apply_order] = applied.body

    def _orphans_of(self, order_id: str, before: int) -> list[WireModel]:
        """Return what happened to an order before it was heard of, in the log's order."""
        told = _TOLD_OF.all(self._work.connection, of=f"order:{order_id}", before=before)
        bodies = {
            row.apply_order: read_body(decode_event(bytes(row.bytes)))
            for row in told
            if row.kind in _LATER_KINDS
        }
        bodies |= self._orphans.pop(order_id, {})
        return [body for _order, body in sorted(bodies.items())]

    def advance(
        self, entry: Entry, body: WireModel, apply_order: int, *, written_off: bool = False
    ) -> tuple[Oddity, ...]:
        """Let something happen to an order for later; return what was out of order in it."""
        entry.record, odd = advance(entry.record, body, written_off=written_off)
        entry.version = max(entry.version, apply_order)
        self.touch(entry)
        return odd

    def extend(self, entry: Entry, body: LinesAdded) -> None:
        """Take lines on that were ordered later; `advance` has put them on the record."""
        known = set() if entry.later is None else entry.later.lines.keys()
        entry.added += [line for line in body.lines if line.line_no not in known]
        if entry.later is not None:
            entry.later.extend(body)
        self.touch(entry)

    def touch(self, entry: Entry) -> None:
        """Note that an order has to be written again."""
        order_id = entry.record.order_id
        if entry.sale is None:
            self._changed[order_id] = entry
        if entry.later is not None:
            self._later[order_id] = entry

    def leavings(self, order_id: str) -> list[Leaving]:
        """Return what has left of an order, piece by piece; whoever changes one says so with `left`."""
        found = self._leavings.get(order_id)
        if found is None:
            left = _LEAVINGS_OF.all(self._work.connection, of=order_id)
            found = self._leavings[order_id] = [Leaving(*row) for row in left]
        return found

    def left(self, order_id: str, leaving: Leaving) -> None:
        """Note a piece that has left, or one that was changed."""
        known = self.leavings(order_id)
        if all(leaving is not each for each in known):
            known.append(leaving)
        dirty = self._left.setdefault(order_id, [])
        if all(leaving is not each for each in dirty):
            dirty.append(leaving)

    def pay(self, applied: Applied) -> None:
        """Add money of an order for later that came in or went out.

        Raises:
            BadMessage: `duplicate_payment`, the id is taken.
        """
        row = later.payment_row(applied)
        known = _PAID.first(self._work.connection, of=row[0])
        if known is not None or any(later.payment_row(each)[0] == row[0] for each in self._payments):
            raise BadMessage(
                f"A payment of {applied.body.number} is known already under the same id.",
                "Discard this one if it says the same.",
                code="duplicate_payment",
            )
        self._payments.append(applied)

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
        _ORDERS.run(connection, [self._order_row(entry) for entry in new])
        _LINES.run(connection, [row for entry in new for row in entries.line_rows(entry)])
        _TENDERS.run(connection, [row for entry in new for row in entries.tender_rows(entry)])
        for entry in new:
            entry.sale = None
        changed, self._changed = list(self._changed.values()), {}
        self._flush_added([*new, *changed])
        _ORDER_CHANGE.run(
            connection,
            [
                (
                    e.record.state.value,
                    e.record.paid_minor,
                    e.record.refunded_minor,
                    e.version,
                    e.record.order_id,
                )
                for e in changed
            ],
        )
        _LINE_CHANGE.run(
            connection,
            [
                (
                    line.fulfilled,
                    line.cancelled,
                    line.returned,
                    line.refunded_minor,
                    line.refunded_tax_minor,
                    entry.costs.get(line.line_no, 0),
                    entry.returned_costs.get(line.line_no, 0),
                    entry.record.order_id,
                    line.line_no,
                )
                for entry in changed
                for line in entry.record.lines
            ],
        )
        came_back, self._returns = self._returns, []
        _RETURNS.run(connection, [entries.return_row(applied) for applied in came_back])
        _RETURN_LINES.run(
            connection, [row for applied in came_back for row in entries.return_line_rows(applied)]
        )
        _RETURN_FEES.run(
            connection, [row for applied in came_back for row in entries.return_fee_rows(applied)]
        )
        _RETURN_TENDERS.run(
            connection,
            [
                (applied.body.return_id, n, t.kind.value, t.amount_minor, t.reference, t.last4)
                for applied in came_back
                for n, t in enumerate(applied.body.refunds, start=1)
            ],
        )
        self._flush_later()

    def _flush_added(self, found: Iterable[Entry]) -> None:
        """Write lines that were ordered later, and what their orders come to with them."""
        grown = list({id(entry): entry for entry in found if entry.added}.values())
        _LINES.run(self._work.connection, [row for entry in grown for row in entries.added_rows(entry)])
        totals = []
        for entry in grown:
            lines, order_id = entry.record.lines, entry.record.order_id
            gross, tax = sum(line.gross_minor for line in lines), sum(line.tax_minor for line in lines)
            totals.append((gross, tax, order_id))
            entry.added = []
        _TOTALS.run(self._work.connection, totals)

    def _flush_later(self) -> None:
        connection = self._work.connection
        changed, self._later = self._later, {}
        kept = [(order_id, entry.later) for order_id, entry in changed.items() if entry.later is not None]
        _LATER.run(connection, [later.row(order_id, each) for order_id, each in kept])
        _LATER_LINES.run(
            connection,
            [
                (order_id, line_no, line.unit_cost_minor, line.gross_minor, line.tax_minor)
                for order_id, each in kept
                for line_no, line in each.lines.items()
            ],
        )
        left, self._left = self._left, {}
        _LEAVINGS.run(
            connection,
            [
                (order_id, e.leaving_id, e.line_no, e.units, e.cost_minor, e.gross_minor, e.tax_minor)
                for order_id, each in left.items()
                for e in each
            ],
        )
        paid, self._payments = self._payments, []
        _PAYMENTS.run(connection, [later.payment_row(applied) for applied in paid])

    def _order_row(self, entry: Entry) -> tuple[Any, ...]:
        applied = entry.sale
        assert applied is not None
        if entry.later is None:
            return entries.order_row(entry)
        place = self._work.room(Places).of(applied.edge)
        record = entry.record
        return (
            *later.order_row(applied, place.calendar_date(applied.at_us)),
            record.state.value,
            record.paid_minor,
            record.refunded_minor,
            entry.version,
        )
