"""The tables of orders for later that this store took, as their events leave them.

What the functions `on_…` write follows from the log alone (`protocol.fold` decides the states). A refund
names no payment: it goes to the tenders of its kind and card, in their order, as far as something is left on
them. `later_settled` is the exception: what the hub said of an order, kept beside the shadows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.later.rules import Account, worth
from protocol import later
from protocol.directives import OrderSettled
from protocol.fold import LineRecord, OrderRecord, advance, placed
from protocol.fulfilment import Promise
from protocol.kit.sqlite import Connection
from protocol.lifecycles import OrderState
from protocol.orders import LineKind, Tender, TenderKind


@dataclass(frozen=True, slots=True)
class OrderHead:
    """One order for later in a list."""

    order_id: str
    number: str
    seq: int
    at_us: int
    till: str
    by: str
    channel: str
    state: OrderState
    currency: str
    total_minor: int
    tax_minor: int
    cancelled_minor: int
    paid_minor: int
    refunded_minor: int
    promise: Promise
    first_promise: Promise
    contact_id: str
    pickup_code: str
    note: str
    gift: bool
    assignment_id: str
    """The part that this store has set aside; empty where the hub decides."""

    @property
    def account(self) -> Account:
        """Its money."""
        return Account(self.total_minor, self.cancelled_minor, self.paid_minor, self.refunded_minor)


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line, and what became of its units."""

    line_no: int
    sku: str
    name: str
    kind: LineKind
    quantity: int
    unit_price_minor: int
    discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    fulfilled: int
    cancelled: int
    cancelled_minor: int
    elsewhere: bool
    """Ordered later, at the hub: this store does not keep it, unless the hub gives it here as a part."""

    @property
    def record(self) -> LineRecord:
        """The same as the fold sees it."""
        return LineRecord(
            self.line_no,
            self.sku,
            self.kind,
            self.quantity,
            self.gross_minor,
            self.tax_minor,
            self.fulfilled,
            self.cancelled,
        )


@dataclass(frozen=True, slots=True)
class TenderRow:
    """Money of one payment, and what went back to it."""

    payment_id: str
    n: int
    kind: TenderKind
    amount_minor: int
    tendered_minor: int
    refunded_minor: int
    reference: str
    last4: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """Money that came in for an order, or went back."""

    payment_id: str
    order_id: str
    number: str
    direction: str
    seq: int
    at_us: int
    session_id: str
    till: str
    by: str
    amount_minor: int
    change_minor: int
    rounding_minor: int
    tenders: tuple[TenderRow, ...]


@dataclass(frozen=True, slots=True)
class SettledRow:
    """What the hub said became of an order."""

    order_id: str
    state: str
    promise: Promise
    sentence: str
    at_us: int


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order for later as it stands."""

    head: OrderHead
    lines: tuple[LineRow, ...]
    payments: tuple[PaymentRow, ...]
    settled: SettledRow | None

    @property
    def record(self) -> OrderRecord:
        """The same as the fold sees it."""
        head = self.head
        return OrderRecord(
            order_id=head.order_id,
            number=head.number,
            state=head.state,
            lines=tuple(line.record for line in self.lines),
            paid_minor=head.paid_minor,
            refunded_minor=head.refunded_minor,
        )


_HEAD = (
    "order_id, number, seq, at_us, till, by, channel, state, currency, total_minor, tax_minor,"
    " cancelled_minor, paid_minor, refunded_minor, promise, first_promise, contact_id, pickup_code, note,"
    " gift, assignment_id"
)
LINE = (
    "line_no, sku, name, kind, quantity, unit_price_minor, discount_minor, gross_minor, tax_minor, rate_ppm,"
    " fulfilled, cancelled, cancelled_minor, elsewhere"
)


def _head(row: Sequence[object]) -> OrderHead:
    values = list(row)
    values[7] = OrderState(str(values[7]))
    values[14] = Promise.model_validate_json(str(values[14]))
    values[15] = Promise.model_validate_json(str(values[15]))
    values[19] = bool(values[19])
    return OrderHead(*values)  # type: ignore[arg-type]  # the columns are STRICT and in this order


def _line(row: Sequence[object]) -> LineRow:
    values = list(row)
    values[3], values[13] = LineKind(str(values[3])), bool(values[13])
    return LineRow(*values)  # type: ignore[arg-type]  # the same


def find_head(connection: Connection, number: str) -> OrderHead | None:
    """Return an order for later by its number or its id."""
    for column in ("number", "order_id"):
        row = connection.execute(f"SELECT {_HEAD} FROM later_orders WHERE {column} = ?", (number,)).fetchone()
        if row is not None:
            return _head(tuple(row))
    return None


def find(connection: Connection, number: str) -> OrderRow | None:
    """Return an order for later by its number or its id, with everything of it."""
    head = find_head(connection, number)
    if head is None:
        return None
    lines = connection.execute(
        f"SELECT {LINE} FROM later_order_lines WHERE order_id = ? ORDER BY line_no", (head.order_id,)
    )
    return OrderRow(
        head,
        tuple(_line(tuple(row)) for row in lines),
        payments_of(connection, head.order_id),
        settled_of(connection, head.order_id),
    )


def payments_of(connection: Connection, order_id: str) -> tuple[PaymentRow, ...]:
    """Return what was paid at this store's tills for an order, and what went back, oldest first."""
    tenders: dict[str, list[TenderRow]] = {}
    for row in connection.execute(
        "SELECT t.payment_id, t.n, t.kind, t.amount_minor, t.tendered_minor, t.refunded_minor, t.reference,"
        " t.last4 FROM later_tenders t JOIN later_payments p USING (payment_id) WHERE p.order_id = ?"
        " ORDER BY p.seq, t.n",
        (order_id,),
    ):
        tenders.setdefault(row[0], []).append(TenderRow(row[0], row[1], TenderKind(row[2]), *row[3:]))
    rows = connection.execute(
        "SELECT payment_id, order_id, number, direction, seq, at_us, session_id, till, by, amount_minor,"
        " change_minor, rounding_minor FROM later_payments WHERE order_id = ? ORDER BY seq",
        (order_id,),
    )
    return tuple(PaymentRow(*(*row, tuple(tenders.get(row[0], ())))) for row in rows)


def settled_of(connection: Connection, order_id: str) -> SettledRow | None:
    """Return what the hub said of an order, if it has."""
    row = connection.execute(
        "SELECT order_id, state, promise, sentence, at_us FROM later_settled WHERE order_id = ?", (order_id,)
    ).fetchone()
    if row is None:
        return None
    return SettledRow(row[0], row[1], Promise.model_validate_json(row[2]), row[3], row[4])


def search(
    connection: Connection, text: str, contacts: Iterable[str] = (), *, limit: int, offset: int = 0
) -> tuple[OrderHead, ...]:
    """Return the newest orders whose number begins or ends with a text, or that are for these customers."""
    where, values = "1 = 1", []
    if text:
        word = text.upper()
        known = tuple(contacts)[:50]
        marks = ",".join("?" * len(known))
        where = f"(number >= ? AND number < ?) OR order_id = ? OR contact_id IN ({marks})"
        values = [word, word + "\U0010ffff", text, *known]
        if word.isdigit():
            where += " OR substr(number, -length(?)) = ?"
            values += [word, word]
    rows = connection.execute(
        f"SELECT {_HEAD} FROM later_orders WHERE {where} ORDER BY at_us DESC, seq DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return tuple(_head(tuple(row)) for row in rows)


def code_in_use(connection: Connection, code: str) -> bool:
    """Tell whether an order that is not over has this pickup code."""
    row = connection.execute(
        "SELECT 1 FROM later_orders WHERE pickup_code = ? AND state NOT IN ('handed_over', 'cancelled')",
        (code,),
    ).fetchone()
    return row is not None


def tenders_left(connection: Connection, order_id: str) -> tuple[TenderRow, ...]:
    """Return the tenders that were taken here for an order."""
    return tuple(
        tender
        for payment in payments_of(connection, order_id)
        if payment.direction == "in"
        for tender in payment.tenders
    )


def on_order_placed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Write the order and its lines."""
    body = recorded.body
    assert isinstance(body, later.OrderPlaced)
    promise = body.promise.model_dump_json()
    unit.connection.execute(
        f"INSERT INTO later_orders ({_HEAD}) VALUES ({','.join('?' * 21)})",
        (
            body.order_id,
            body.number,
            recorded.seq,
            recorded.at_us,
            body.till,
            recorded.by,
            body.channel,
            placed(body).state.value,
            body.currency,
            body.total_minor,
            body.tax_minor,
            0,
            0,
            0,
            promise,
            promise,
            body.contact_id,
            body.pickup_code,
            body.note,
            int(body.gift),
            body.own.assignment_id if body.own else "",
        ),
    )
    unit.connection.executemany(
        f"INSERT INTO later_order_lines (order_id, {LINE}) VALUES ({','.join('?' * 15)})",
        [
            (
                body.order_id,
                line.line_no,
                line.sku,
                line.name,
                line.kind.value,
                line.quantity,
                line.unit_price_minor,
                line.line_discount_minor + line.order_discount_minor,
                line.gross_minor,
                line.tax_minor,
                line.rate_ppm,
                0,
                0,
                0,
                0,
            )
            for line in body.lines
        ],
    )
    _tell_of(unit, body.order_id, recorded.seq)


def on_order_paid(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money came in, also for an order of another store that is collected here."""
    body = recorded.body
    assert isinstance(body, later.OrderPaid)
    facts = (body.payment_id, body.order_id, body.number, "in", recorded.seq, recorded.at_us)
    money = (body.amount_minor, body.change_minor, body.rounding_minor)
    _write_payment(unit, facts, (body.session_id, body.till, recorded.by), money, body.tenders)
    on_moved(unit, recorded)


def on_order_refunded(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money went back, the way it came."""
    body = recorded.body
    assert isinstance(body, later.OrderRefunded)
    _refund_tenders(unit.connection, body.order_id, body.tenders)
    facts = (body.refund_id, body.order_id, body.number, "out", recorded.seq, recorded.at_us)
    where = (body.session_id, body.till, recorded.by)
    _write_payment(unit, facts, where, (body.amount_minor, 0, body.rounding_minor), body.tenders)
    on_moved(unit, recorded)


def on_order_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """Units will not be fulfilled: what they are worth is no longer owed to the store."""
    body = recorded.body
    assert isinstance(body, later.OrderCancelled)
    order = find(unit.connection, body.order_id)
    if order is not None:
        known = {line.line_no: line.record for line in order.lines}
        for gone in body.lines:
            line = known.get(gone.line_no)
            if line is None:
                continue
            drop_money(unit.connection, body.order_id, gone.line_no, worth(line, gone.quantity))
    on_moved(unit, recorded)


def drop_money(connection: Connection, order_id: str, line_no: int, amount_minor: int) -> None:
    """Note that units of a line were cancelled that were worth so much."""
    connection.execute(
        "UPDATE later_order_lines SET cancelled_minor = cancelled_minor + ?"
        " WHERE order_id = ? AND line_no = ?",
        (amount_minor, order_id, line_no),
    )
    connection.execute(
        "UPDATE later_orders SET cancelled_minor = cancelled_minor + ? WHERE order_id = ?",
        (amount_minor, order_id),
    )


def on_order_changed(unit: EdgeUnit, recorded: Recorded) -> None:
    """What was promised, for whom, or what is to be minded has changed."""
    body = recorded.body
    assert isinstance(body, later.OrderChanged)
    values: dict[str, object] = {
        "promise": body.promise.model_dump_json(),
        "contact": body.contact_id,
        "note": body.note,
    }
    columns = {"promise": "promise", "contact": "contact_id", "note": "note"}
    for what in body.what:
        unit.connection.execute(
            f"UPDATE later_orders SET {columns[what]} = ? WHERE order_id = ?", (values[what], body.order_id)
        )
    on_moved(unit, recorded)


def on_moved(unit: EdgeUnit, recorded: Recorded) -> None:
    """Something happened to an order: bring its state and its units to where the fold leads.

    An order that this store did not take is not known here, and nothing is written.
    """
    connection = unit.connection
    order = find(connection, str(getattr(recorded.body, "order_id", "")))
    if order is None:
        return
    _tell_of(unit, order.head.order_id, recorded.seq)
    after, _odd = advance(order.record, recorded.body)
    connection.execute(
        "UPDATE later_orders SET paid_minor = ?, refunded_minor = ? WHERE order_id = ?",
        (after.paid_minor, after.refunded_minor, after.order_id),
    )
    write_units(connection, after, after.state)


def write_units(connection: Connection, after: OrderRecord, state: OrderState) -> None:
    """Write where an order is and what became of its units."""
    connection.execute("UPDATE later_orders SET state = ? WHERE order_id = ?", (state.value, after.order_id))
    connection.executemany(
        "UPDATE later_order_lines SET fulfilled = ?, cancelled = ? WHERE order_id = ? AND line_no = ?",
        [(line.fulfilled, line.cancelled, after.order_id, line.line_no) for line in after.lines],
    )


def _tell_of(unit: EdgeUnit, order_id: str, seq: int) -> None:
    """Note that an event belongs to an order's story."""
    unit.connection.execute("INSERT INTO later_story (order_id, seq) VALUES (?, ?)", (order_id, seq))


def story_of(connection: Connection, order_id: str, limit: int) -> tuple[bytes, ...]:
    """Return the events of an order as they were stored, oldest first."""
    found = connection.execute(
        "SELECT e.bytes FROM later_story s JOIN events e USING (seq) WHERE s.order_id = ?"
        " ORDER BY s.seq LIMIT ?",
        (order_id, limit),
    )
    return tuple(bytes(row[0]) for row in found)


def take_settled(unit: EdgeUnit, body: OrderSettled, arrived_us: int) -> None:
    """Keep what the hub said of an order; its newest word counts."""
    unit.connection.execute(
        "INSERT INTO later_settled (order_id, state, promise, sentence, at_us) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, promise = excluded.promise,"
        " sentence = excluded.sentence, at_us = excluded.at_us",
        (body.order_id, body.state, body.promise.model_dump_json(), body.sentence, arrived_us),
    )


def _write_payment(
    unit: EdgeUnit,
    facts: tuple[str, str, str, str, int, int],
    where: tuple[str, str, str],
    money: tuple[int, int, int],
    tenders: Sequence[Tender],
) -> None:
    unit.connection.execute(
        "INSERT INTO later_payments (payment_id, order_id, number, direction, seq, at_us, session_id, till,"
        " by, amount_minor, change_minor, rounding_minor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*facts, *where, *money),
    )
    unit.connection.executemany(
        "INSERT INTO later_tenders (payment_id, n, kind, amount_minor, tendered_minor, reference, last4)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (facts[0], n, t.kind.value, t.amount_minor, t.tendered_minor, t.reference, t.last4)
            for n, t in enumerate(tenders, start=1)
        ],
    )


def _refund_tenders(connection: Connection, order_id: str, refunds: Iterable[Tender]) -> None:
    standing = tenders_left(connection, order_id)
    taken: dict[tuple[str, int], int] = {}
    for refund in refunds:
        amount = refund.amount_minor
        for tender in standing:
            if (tender.kind, tender.reference, tender.last4) != (refund.kind, refund.reference, refund.last4):
                continue
            key = (tender.payment_id, tender.n)
            part = min(amount, tender.amount_minor - tender.refunded_minor - taken.get(key, 0))
            taken[key] = taken.get(key, 0) + part
            amount -= part
    connection.executemany(
        "UPDATE later_tenders SET refunded_minor = refunded_minor + ? WHERE payment_id = ? AND n = ?",
        [(amount, *key) for key, amount in taken.items() if amount],
    )
