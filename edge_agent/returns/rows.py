"""What returns and voids change in an order's rows, and the table `returns`.

The sale itself writes `orders`, `order_lines` and `order_tenders`; here are the only functions that change
them afterwards. A refund names no row of `order_tenders`: it goes to those of its kind and card, in their
order, as far as something is left on them. So the rows follow from the log alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.later.hub import OrderAnswer
from edge_agent.returns.rules import SoldLine, TenderLeft
from protocol.events import OrderVoided, ReturnCompleted
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.lifecycles import ORDER, OrderEvent, OrderState
from protocol.orders import LineKind, Tender, TenderKind
from protocol.rules.refund import RefundableLine

TOLD_US = 600 * 1_000_000
"""So long the hub's word of an order that was sold elsewhere counts."""
ASKED_AT_ONCE = 500
"""Lines asked for by number in one statement; for more, all of an order's lines are read."""


@dataclass(frozen=True, slots=True)
class SoldOrder:
    """An order that was sold here, as far as a return needs it."""

    order_id: str
    number: str
    seq: int
    at_us: int
    business_date: str
    session_id: str
    till: str
    state: str
    currency: str
    total_minor: int
    refunded_minor: int
    by: str
    customer_id: str
    channel: str = "store"
    customer_returns: int = 0
    """What the hub knows of the customer's returns, for an order that was sold elsewhere."""
    signed: bool = False
    """Known by its signed receipt alone: the hub could not be asked."""

    @property
    def elsewhere(self) -> bool:
        """Tell whether another store, or the web, sold it."""
        return not self.session_id


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """A return or a void of an order."""

    return_id: str
    number: str
    order_id: str
    seq: int
    at_us: int
    session_id: str
    kind: str
    total_minor: int
    tax_minor: int
    by: str


def find_order(connection: Connection, number: str, now_us: int | None = None) -> SoldOrder | None:
    """Return an order by its number, its id, or what its receipt's code says.

    With `now_us` also one that was sold elsewhere, as the hub has just said.
    """
    slip = parse_slip_code(number)
    wanted = slip[1] if slip else number.strip()
    columns = (
        "order_id, number, seq, at_us, business_date, session_id, till, state, currency, total_minor,"
        " refunded_minor, by, customer_id"
    )
    both = (("number", wanted.upper()), ("order_id", wanted.lower()))
    for column, value in both:
        row = connection.execute(
            f"SELECT {columns} FROM orders WHERE {column} = ?",
            (value,),
        ).fetchone()
        if row is not None:
            return SoldOrder(*row)
    told = () if now_us is None else (_told(connection, column, value, now_us) for column, value in both)
    said = next((each for each in told if each is not None), None)
    if said is None:
        return None
    return SoldOrder(
        order_id=said.order_id,
        number=said.number,
        seq=0,
        at_us=said.at_us,
        business_date=said.start,
        session_id="",
        till="",
        state=said.state,
        currency=said.currency,
        total_minor=said.total_minor,
        refunded_minor=sum(line.refunded_minor for line in said.lines),
        by="",
        customer_id=said.customer_id,
        channel=said.channel,
        customer_returns=said.customer_returns_90d,
        signed=said.signed,
    )


def _told(connection: Connection, column: str, value: str, now_us: int = 0) -> OrderAnswer | None:
    """Return what the hub said of an order, while it is fresh."""
    row = connection.execute(
        f"SELECT body FROM orders_told WHERE {column} = ? AND at_us >= ?", (value, now_us - TOLD_US)
    ).fetchone()
    return None if row is None else OrderAnswer.model_validate_json(row[0])


def note_told(unit: EdgeUnit, said: OrderAnswer, at_us: int) -> None:
    """Note what was said of an order that was sold elsewhere; what was said too long ago is forgotten."""
    unit.connection.execute("DELETE FROM orders_told WHERE at_us < ?", (at_us - TOLD_US,))
    unit.connection.execute(
        "INSERT OR REPLACE INTO orders_told (order_id, number, body, at_us) VALUES (?, ?, ?, ?)",
        (said.order_id, said.number, said.model_dump_json(), at_us),
    )


def taken_back_here(connection: Connection, order_id: str) -> dict[int, tuple[int, int, int]]:
    """Return what came back of an order at this store, by line: units, money, tax in it."""
    found = connection.execute(
        "SELECT line_no, sum(quantity), sum(gross_minor), sum(tax_minor) FROM return_lines"
        " WHERE order_id = ? GROUP BY line_no",
        (order_id,),
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in found}


def serials_sold(connection: Connection, order_id: str) -> dict[int, tuple[str, ...]]:
    """Return the serial numbers of an order's units that have not come back, by line."""
    said = _told(connection, "order_id", order_id)
    here = {
        (row[0], row[1])
        for row in connection.execute(
            "SELECT line_no, serial FROM returned_serials WHERE order_id = ?", (order_id,)
        )
    }
    found: dict[int, tuple[str, ...]] = {}
    for line in said.lines if said else ():
        found[line.line_no] = tuple(each for each in line.serials if (line.line_no, each) not in here)
    for line_no, serial in connection.execute(
        "SELECT line_no, serial FROM line_serials WHERE order_id = ? ORDER BY line_no, serial", (order_id,)
    ):
        found[line_no] = (*found.get(line_no, ()), serial)
    return {line_no: serials for line_no, serials in found.items() if serials}


def _lines_elsewhere(connection: Connection, order_id: str) -> dict[int, SoldLine]:
    """Return the lines of an order that was sold elsewhere, less what came back of them here."""
    said = _told(connection, "order_id", order_id)
    here = taken_back_here(connection, order_id)
    found = {}
    for line in said.lines if said else ():
        units, gross, tax = here.get(line.line_no, (0, 0, 0))
        row = (
            line.line_no, line.sku, line.name, line.kind, line.rate_ppm, line.gross_minor, line.tax_minor,
            line.quantity, line.refunded_minor + gross, line.refunded_tax_minor + tax, line.returned + units,
        )  # fmt: skip
        found[line.line_no] = _sold_line(row)
    return found


def _tenders_elsewhere(connection: Connection, order_id: str) -> tuple[TenderLeft, ...]:
    """Return the tenders of an order that was sold elsewhere, less what went back to them here."""
    said = _told(connection, "order_id", order_id)
    here = {
        (row[0], row[1], row[2]): int(row[3])
        for row in connection.execute(
            "SELECT kind, reference, last4, sum(amount_minor) FROM return_tenders WHERE order_id = ?"
            " GROUP BY kind, reference, last4",
            (order_id,),
        )
    }
    found = []
    for each in said.tenders if said else ():
        key = (each.kind, each.reference, each.last4)
        left = each.amount_minor - each.refunded_minor
        gone = min(left, here.get(key, 0))
        here[key] = here.get(key, 0) - gone
        kind = TenderKind(each.kind)
        found.append(TenderLeft(each.n, kind, each.amount_minor, left - gone, each.reference, each.last4))
    return tuple(found)


def sold_lines(
    connection: Connection, order_id: str, line_numbers: Iterable[int] | None = None
) -> dict[int, SoldLine]:
    """Return lines of an order by number: those asked for, or all."""
    wanted = None if line_numbers is None else tuple(set(line_numbers))
    chosen, values = "", [order_id]
    if wanted is not None and len(wanted) <= ASKED_AT_ONCE:
        chosen = f" AND line_no IN ({','.join('?' * len(wanted))})"
        values = [order_id, *wanted]  # type: ignore[list-item]  # SQLite takes either
    rows = connection.execute(
        "SELECT line_no, sku, name, kind, rate_ppm, gross_minor, tax_minor, quantity, refunded_minor,"
        f" refunded_tax_minor, returned FROM order_lines WHERE order_id = ?{chosen} ORDER BY line_no",
        values,
    )
    found = {row[0]: _sold_line(tuple(row)) for row in rows}
    return found or _lines_elsewhere(connection, order_id)


def _sold_line(row: tuple[int, str, str, str, int, int, int, int, int, int, int]) -> SoldLine:
    line_no, sku, name, kind, rate_ppm, gross, tax, quantity, refunded, refunded_tax, returned = row
    money = RefundableLine(
        gross_minor=gross,
        tax_minor=tax,
        quantity=quantity,
        refunded_minor=refunded,
        refunded_tax_minor=refunded_tax,
        returned_quantity=returned,
    )
    return SoldLine(line_no, sku, name, LineKind(kind), rate_ppm, money)


def tenders_left(connection: Connection, order_id: str) -> tuple[TenderLeft, ...]:
    """Return the tenders of an order and what is left on each."""
    rows = connection.execute(
        "SELECT n, kind, amount_minor, amount_minor - refunded_minor, reference, last4 FROM order_tenders"
        " WHERE order_id = ? ORDER BY n",
        (order_id,),
    )
    found = tuple(
        TenderLeft(n, TenderKind(kind), amount, left, reference, last4)
        for n, kind, amount, left, reference, last4 in rows
    )
    return found or _tenders_elsewhere(connection, order_id)


def returns_of(connection: Connection, order_id: str) -> tuple[ReturnRow, ...]:
    """Return what came back of an order, oldest first."""
    rows = connection.execute(
        "SELECT return_id, number, order_id, seq, at_us, session_id, kind, total_minor, tax_minor, by"
        " FROM returns WHERE order_id = ? ORDER BY seq",
        (order_id,),
    )
    return tuple(ReturnRow(*row) for row in rows)


def customer_history(connection: Connection, customer_id: str, since_us: int) -> tuple[int, int]:
    """Return how often a customer brought something back here since a moment, and how often without proof."""
    if not customer_id:
        return 0, 0
    row = connection.execute(
        "SELECT count(*), coalesce(sum(r.proof = 'none'), 0) FROM returns r"
        " LEFT JOIN orders o USING (order_id) WHERE (o.customer_id = ?1 OR r.customer_id = ?1)"
        " AND r.kind = 'return' AND r.at_us >= ?2",
        (customer_id, since_us),
    ).fetchone()
    return int(row[0]), int(row[1])


def cash_given(connection: Connection, business_date: str) -> int:
    """Return how much cash went out for returns on a business date, in minor units."""
    row = connection.execute(
        "SELECT coalesce(sum(t.amount_minor), 0) FROM till_sessions s"
        " JOIN returns r ON r.session_id = s.session_id JOIN return_tenders t ON t.seq = r.seq"
        " WHERE s.business_date = ? AND r.kind = 'return' AND t.kind = 'cash'",
        (business_date,),
    ).fetchone()
    return int(row[0])


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Units of an order came back."""
    body = recorded.body
    assert isinstance(body, ReturnCompleted)
    _give_back(unit, recorded, body, "return")


def on_order_voided(unit: EdgeUnit, recorded: Recorded) -> None:
    """A sale was taken back whole."""
    body = recorded.body
    assert isinstance(body, OrderVoided)
    _give_back(unit, recorded, body, "void")


def _give_back(unit: EdgeUnit, recorded: Recorded, body: ReturnCompleted, kind: str) -> None:
    connection = unit.connection
    connection.execute(
        "INSERT INTO returns (return_id, number, order_id, seq, at_us, session_id, kind, total_minor,"
        " tax_minor, by, proof, customer_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.return_id,
            body.number,
            body.order_id,
            recorded.seq,
            recorded.at_us,
            body.session_id,
            kind,
            body.total_minor,
            body.tax_minor,
            recorded.by,
            body.decision.proof.value if body.decision else "",
            body.decision.customer_id if body.decision else "",
        ),
    )
    connection.executemany(
        "UPDATE order_lines SET returned = returned + ?, refunded_minor = refunded_minor + ?,"
        " refunded_tax_minor = refunded_tax_minor + ? WHERE order_id = ? AND line_no = ?",
        [
            (line.quantity, line.gross_minor, line.tax_minor, body.order_id, line.line_no)
            for line in body.lines
        ],
    )
    connection.executemany(
        "DELETE FROM line_serials WHERE order_id = ? AND line_no = ? AND serial = ?",
        [(body.order_id, line.line_no, serial) for line in body.lines for serial in line.serials],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO returned_serials (order_id, line_no, serial) VALUES (?, ?, ?)",
        [(body.order_id, line.line_no, serial) for line in body.lines for serial in line.serials],
    )
    if kind == "void":
        connection.execute("DELETE FROM line_serials WHERE order_id = ?", (body.order_id,))
    _refund_tenders(connection, body.order_id, body.refunds)
    _move_on(connection, body, kind)


def _refund_tenders(connection: Connection, order_id: str, refunds: Iterable[Tender]) -> None:
    standing = list(tenders_left(connection, order_id))
    paid: dict[int, int] = {}
    for refund in refunds:
        amount = refund.amount_minor
        for tender in standing:
            if not _takes(tender, refund):
                continue
            part = min(amount, tender.left_minor - paid.get(tender.n, 0))
            paid[tender.n] = paid.get(tender.n, 0) + part
            amount -= part
    connection.executemany(
        "UPDATE order_tenders SET refunded_minor = refunded_minor + ? WHERE order_id = ? AND n = ?",
        [(amount, order_id, n) for n, amount in paid.items() if amount],
    )


def _takes(tender: TenderLeft, refund: Tender) -> bool:
    """Tell whether a refund goes to a tender of the sale; an exchange takes the credit given for it."""
    if tender.kind is TenderKind.EXCHANGE:
        return refund.kind is TenderKind.STORE_CREDIT
    return (tender.kind, tender.reference, tender.last4) == (refund.kind, refund.reference, refund.last4)


def _move_on(connection: Connection, body: ReturnCompleted, kind: str) -> None:
    row = connection.execute("SELECT state FROM orders WHERE order_id = ?", (body.order_id,)).fetchone()
    if row is None:
        return  # an order of another store: its record is kept there
    event = OrderEvent.VOIDED
    if kind == "return" and not any(line.quantity for line in body.lines):
        connection.execute(
            "UPDATE orders SET refunded_minor = refunded_minor + ? WHERE order_id = ?",
            (body.total_minor, body.order_id),
        )
        return
    if kind == "return":
        left = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM order_lines WHERE order_id = ? AND returned < quantity)",
            (body.order_id,),
        ).fetchone()[0]
        event = OrderEvent.PART_RETURNED if left else OrderEvent.ALL_RETURNED
    state = OrderState(row[0])
    if state is not OrderState.VOIDED:  # it stays so, as at the hub, whatever another copy of this store took
        state, _in_order = ORDER.after_fact(state, event)
    connection.execute(
        "UPDATE orders SET state = ?, refunded_minor = refunded_minor + ? WHERE order_id = ?",
        (state.value, body.total_minor, body.order_id),
    )
