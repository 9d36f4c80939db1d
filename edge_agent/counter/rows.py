"""The tables `orders`, `order_lines`, `order_tenders` as a sale writes them, and `baskets`.

Orders are a shadow of `order.sold`; what returns change in them is written by the room `returns`. A basket
is this program's private state: nothing has happened yet, so no event tells of it.
"""

from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.events import OrderSold
from protocol.kit.sqlite import Connection
from protocol.lifecycles import OrderState


@dataclass(frozen=True, slots=True)
class OpenTill:
    """The session that a sale belongs to."""

    session_id: str
    till: str
    business_date: str
    currency: str


@dataclass(frozen=True, slots=True)
class OrderHead:
    """One order of this store in a list."""

    order_id: str
    number: str
    seq: int
    at_us: int
    business_date: str
    session_id: str
    till: str
    by: str
    state: str
    currency: str
    total_minor: int
    tax_minor: int
    change_minor: int
    refunded_minor: int
    customer_id: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line of an order, with what came back of it."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    returned: int
    refunded_minor: int
    refunded_tax_minor: int


@dataclass(frozen=True, slots=True)
class TenderRow:
    """One tender of an order, with what went back to it."""

    n: int
    kind: str
    amount_minor: int
    tendered_minor: int
    refunded_minor: int
    reference: str
    last4: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as it stands."""

    head: OrderHead
    lines: tuple[LineRow, ...]
    tenders: tuple[TenderRow, ...]


def on_order_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Write the order, its lines and its tenders."""
    sold = recorded.body
    assert isinstance(sold, OrderSold)
    connection = unit.connection
    connection.execute(
        "INSERT INTO orders (order_id, number, seq, at_us, business_date, session_id, till, by, state,"
        " currency, total_minor, tax_minor, change_minor, customer_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sold.order_id,
            sold.number,
            recorded.seq,
            recorded.at_us,
            sold.business_date,
            sold.session_id,
            sold.till,
            recorded.by,
            OrderState.COMPLETED.value,
            sold.currency,
            sold.total_minor,
            sold.tax_minor,
            sold.change_minor,
            sold.customer_id,
        ),
    )
    connection.executemany(
        "INSERT INTO order_lines (order_id, line_no, sku, name, kind, quantity, unit_price_minor,"
        " discount_minor, gross_minor, tax_minor, rate_ppm) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                sold.order_id,
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
            )
            for line in sold.lines
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO line_serials (order_id, line_no, serial) VALUES (?, ?, ?)",
        [(sold.order_id, line.line_no, serial) for line in sold.lines for serial in line.serials],
    )
    connection.executemany(
        "INSERT INTO order_tenders (order_id, n, kind, amount_minor, tendered_minor, reference, last4)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (sold.order_id, n, t.kind.value, t.amount_minor, t.tendered_minor, t.reference, t.last4)
            for n, t in enumerate(sold.tenders, start=1)
        ],
    )


def open_till(connection: Connection, till: str) -> OpenTill | None:
    """Return the session that is open at a till.

    One that is being counted takes no sale, nor one that was open when this store's database was lost.
    """
    row = connection.execute(
        "SELECT session_id, till, business_date, currency FROM till_sessions"
        " WHERE till = ? AND state = 'open' AND left_open = 0",
        (till,),
    ).fetchone()
    return OpenTill(*row) if row else None


_HEAD = (
    "order_id, number, seq, at_us, business_date, session_id, till, by, state, currency, total_minor,"
    " tax_minor, change_minor, refunded_minor, customer_id"
)


def find_order(connection: Connection, number: str) -> OrderRow | None:
    """Return an order by its printed number or its id, with its lines and tenders."""
    row = connection.execute(f"SELECT {_HEAD} FROM orders WHERE number = ?", (number,)).fetchone()
    if row is None:
        row = connection.execute(f"SELECT {_HEAD} FROM orders WHERE order_id = ?", (number,)).fetchone()
    if row is None:
        return None
    head = OrderHead(*row)
    lines = connection.execute(
        "SELECT line_no, sku, name, kind, quantity, unit_price_minor, discount_minor, gross_minor, tax_minor,"
        " rate_ppm, returned, refunded_minor, refunded_tax_minor FROM order_lines WHERE order_id = ?"
        " ORDER BY line_no",
        (head.order_id,),
    )
    tenders = connection.execute(
        "SELECT n, kind, amount_minor, tendered_minor, refunded_minor, reference, last4 FROM order_tenders"
        " WHERE order_id = ? ORDER BY n",
        (head.order_id,),
    )
    return OrderRow(head, tuple(LineRow(*line) for line in lines), tuple(TenderRow(*t) for t in tenders))


def search_orders(connection: Connection, text: str, *, limit: int, offset: int = 0) -> tuple[OrderHead, ...]:
    """Return the newest orders whose number begins or ends with a text, or that belong to a customer.

    The end counts because people read the last digits of a receipt; it is looked for in the newest 20,000.
    """
    if not text:
        rows = connection.execute(
            f"SELECT {_HEAD} FROM orders ORDER BY at_us DESC, seq DESC LIMIT ? OFFSET ?", (limit, offset)
        )
        return tuple(OrderHead(*row) for row in rows)
    word = text.upper()
    rows = connection.execute(
        f"SELECT {_HEAD} FROM orders WHERE (number >= ? AND number < ?)"
        " OR (customer_id = ? AND customer_id <> '') OR order_id = ?"
        " ORDER BY at_us DESC, seq DESC LIMIT ? OFFSET ?",
        (word, word + "\U0010ffff", text, text, limit, offset),
    )
    found = tuple(OrderHead(*row) for row in rows)
    if found or not word.isdigit():
        return found
    rows = connection.execute(
        f"SELECT {_HEAD} FROM (SELECT * FROM orders ORDER BY at_us DESC LIMIT 20000)"
        " WHERE substr(number, -length(?)) = ? ORDER BY at_us DESC, seq DESC LIMIT ? OFFSET ?",
        (word, word, limit, offset),
    )
    return tuple(OrderHead(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class BasketRow:
    """A stored basket; `body` is JSON that `edge_agent.counter.rules.basket` reads."""

    basket_id: str
    device: str
    state: str
    version: int
    number: str | None
    body: str
    person_id: str
    changed_us: int


_BASKET = "basket_id, device, state, version, number, body, person_id, changed_us"


def find_basket(connection: Connection, basket_id: str) -> BasketRow | None:
    """Return a basket by its id."""
    row = connection.execute(f"SELECT {_BASKET} FROM baskets WHERE basket_id = ?", (basket_id,)).fetchone()
    return BasketRow(*row) if row else None


def find_parked(connection: Connection, number: str) -> BasketRow | None:
    """Return a basket by the number on its slip, parked or not."""
    row = connection.execute(f"SELECT {_BASKET} FROM baskets WHERE number = ?", (number,)).fetchone()
    return BasketRow(*row) if row else None


def open_basket_of(connection: Connection, device: str) -> BasketRow | None:
    """Return the basket that is open at a device."""
    row = connection.execute(
        f"SELECT {_BASKET} FROM baskets WHERE state = 'open' AND device = ? ORDER BY changed_us DESC",
        (device,),
    ).fetchone()
    return BasketRow(*row) if row else None


def parked_baskets(connection: Connection) -> tuple[BasketRow, ...]:
    """Return the baskets that wait, the newest first."""
    rows = connection.execute(
        f"SELECT {_BASKET} FROM baskets WHERE state = 'parked' ORDER BY changed_us DESC LIMIT 200"
    )
    return tuple(BasketRow(*row) for row in rows)


def insert_basket(unit: EdgeUnit, basket: BasketRow) -> None:
    """Store a new basket."""
    unit.connection.execute(
        f"INSERT INTO baskets ({_BASKET}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            basket.basket_id,
            basket.device,
            basket.state,
            basket.version,
            basket.number,
            basket.body,
            basket.person_id,
            basket.changed_us,
        ),
    )


def update_basket(unit: EdgeUnit, basket: BasketRow) -> None:
    """Store a changed basket."""
    unit.connection.execute(
        "UPDATE baskets SET device = ?, state = ?, version = ?, number = ?, body = ?, person_id = ?,"
        " changed_us = ? WHERE basket_id = ?",
        (
            basket.device,
            basket.state,
            basket.version,
            basket.number,
            basket.body,
            basket.person_id,
            basket.changed_us,
            basket.basket_id,
        ),
    )


def forget_old_baskets(unit: EdgeUnit, before_us: int) -> None:
    """Delete baskets that ended long ago; what was sold stands in the orders."""
    unit.connection.execute(
        "DELETE FROM baskets WHERE state IN ('paid', 'abandoned') AND changed_us < ?", (before_us,)
    )
