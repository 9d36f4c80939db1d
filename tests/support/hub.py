"""Stores made of nothing but their streams, and a hub around any database.

A `Shop` makes the events that a real store would send, priced by the same rules, in batches cut anywhere. It
keeps the bodies, so a test can compare the hub's tables with the fold of what was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from hub.context import Hub
from hub.database import HubDatabase
from hub.journey import JOURNEY
from hub.link.inbox import Received
from hub.settings import HubSettings
from protocol.envelope import Batch, encode_event
from protocol.events import (
    OrderSold,
    OrderVoided,
    ReturnCompleted,
    StockLine,
    StockMoved,
    TillClosed,
    TillOpened,
)
from protocol.kit.web.sse import Broadcaster
from protocol.later import OrderPaid, OrderRefunded
from protocol.orders import LineKind, OrderLine, ReturnLine, Tender, TenderKind, WireModel
from protocol.rules.pricing import PriceLine, price_order
from protocol.rules.refund import RefundableLine, refund_units
from protocol.stream import chain, first_hash
from protocol.till import AtTill, RateTotal, SessionTotals, TenderTotal

MONDAY_US = 1_763_978_400_000_000
VAT = 200_000


class TestClock:
    """A clock that a test moves."""

    __test__ = False

    def __init__(self, at_us: int = MONDAY_US) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1_000_000


class TestIds:
    """Ids that count, different for every prefix."""

    __test__ = False

    def __init__(self, prefix: str = "id") -> None:
        self.prefix = prefix
        self.count = 0

    def new_id(self) -> str:
        self.count += 1
        return f"{self.prefix}-{self.count:06d}"

    def secret(self, n_bytes: int) -> str:
        self.count += 1
        return sha256(f"{self.prefix}{self.count}".encode()).hexdigest()[: 2 * n_bytes]


def hub_of(database: HubDatabase, settings: HubSettings | None = None, *, name: str = "hub") -> Hub:
    """Return a hub around a database, with a clock and ids that a test knows; ids begin with its name."""
    return Hub(
        settings=settings or HubSettings(),
        database=database,
        clock=TestClock(),
        ids=TestIds(name),
        broadcaster=Broadcaster(),
        journey=JOURNEY,
    )


@dataclass
class Shop:
    """One store: what it has sold, and the stream that says so."""

    edge: str = "store-1"
    code: str = "LB"
    inc: str = ""
    bodies: list[WireModel] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    session_id: str = ""
    business_date: str = "2025-11-24"
    opened_at: int = 0
    at_us: int = MONDAY_US
    step_us: int = 60_000_000
    backs: dict[tuple[str, int], RefundableLine] = field(default_factory=dict)
    sales: dict[str, OrderSold] = field(default_factory=dict)
    counter: int = 0

    def __post_init__(self) -> None:
        self.inc = self.inc or sha256(self.edge.encode()).hexdigest()[:32]

    def say(self, body: WireModel, *, event_id: str = "") -> bytes:
        """Add a fact to the stream."""
        seq = len(self.events) + 1
        self.at_us += self.step_us
        data = encode_event(
            seq, event_id or f"{self.edge}-e{seq:07d}", self.at_us, body, by="p-1", device="till-1"
        )
        self.bodies.append(body)
        self.events.append(data)
        return data

    def say_bytes(self, data: bytes) -> None:
        """Add bytes that may be anything to the stream."""
        self.bodies.append(
            StockMoved(
                reason="nothing", lines=(StockLine(sku="-", quantity=1, from_bucket="-", to_bucket="-"),)
            )
        )
        self.events.append(data)

    def _till(self) -> dict[str, str]:
        return {
            "session_id": self.session_id,
            "till": "till-1",
            "business_date": self.business_date,
            "currency": "GBP",
        }

    def open(self, float_minor: int = 100_00) -> None:
        """Open the till."""
        self.opened_at = len(self.events) + 1
        self.session_id = f"{self.edge}-s{self.opened_at}"
        self.say(TillOpened(**self._till(), float_minor=float_minor))

    def stock(
        self,
        sku: str,
        quantity: int,
        cost: int = 400,
        *,
        reason: str = "opening",
        from_bucket: str = "opening",
        to_bucket: str = "sellable",
    ) -> None:
        """Move stock."""
        line = StockLine(
            sku=sku, quantity=quantity, from_bucket=from_bucket, to_bucket=to_bucket, unit_cost_minor=cost
        )
        self.say(StockMoved(reason=reason, lines=(line,)))

    def sale(
        self,
        *lines: tuple[str, int, int],
        kind: TenderKind = TenderKind.CARD,
        order_discount: int = 0,
        service: Sequence[str] = (),
        rounding: int = 0,
    ) -> OrderSold:
        """Return a sale of lines (sku, quantity, price), not said yet."""
        self.counter += 1
        priced = price_order(
            [PriceLine(price, quantity, 0, VAT) for _, quantity, price in lines], order_discount
        )
        return OrderSold(
            **self._till(),
            order_id=f"{self.edge}-o{self.counter}",
            number=f"{self.code}1-{self.counter:05d}",
            lines=tuple(
                OrderLine(
                    line_no=n,
                    sku=sku,
                    name=f"Thing {sku}",
                    kind=LineKind.SERVICE if sku in service else LineKind.GOODS,
                    quantity=quantity,
                    list_price_minor=price,
                    unit_price_minor=price,
                    order_discount_minor=result.order_discount_minor,
                    gross_minor=result.gross_minor,
                    tax_minor=result.tax_minor,
                    rate_ppm=VAT,
                    unit_cost_minor=300,
                )
                for n, ((sku, quantity, price), result) in enumerate(
                    zip(lines, priced.lines, strict=True), start=1
                )
            ),
            tenders=(Tender(kind=kind, amount_minor=priced.total_minor - rounding),),
            total_minor=priced.total_minor,
            tax_minor=priced.tax_minor,
            rounding_minor=rounding,
        )

    def sell(
        self, *lines: tuple[str, int, int], kind: TenderKind = TenderKind.CARD, order_discount: int = 0
    ) -> OrderSold:
        """Sell lines (sku, quantity, price)."""
        body = self.sale(*lines, kind=kind, order_discount=order_discount)
        self.tell_sale(body)
        return body

    def tell_sale(self, body: OrderSold) -> None:
        """Say a sale that was made with `sale`."""
        self.sales[body.order_id] = body
        for line in body.lines:
            self.backs[body.order_id, line.line_no] = RefundableLine(
                line.gross_minor, line.tax_minor, line.quantity
            )
        self.say(body)

    def give_back(
        self, order: OrderSold, *lines: tuple[int, int], to_bucket: str = "sellable"
    ) -> ReturnCompleted:
        """Take units (line number, quantity) of an order back."""
        body = ReturnCompleted(**self._back(order, lines, to_bucket, "R"))
        self.say(body)
        return body

    def void(self, order: OrderSold) -> OrderVoided:
        """Take a whole sale back on its own day."""
        lines = tuple((line.line_no, line.quantity) for line in order.lines)
        body = OrderVoided(**self._back(order, lines, "sellable", "V"), reason="rung up twice")
        self.say(body)
        return body

    def _back(
        self, order: OrderSold, lines: Sequence[tuple[int, int]], to_bucket: str, series: str
    ) -> dict[str, object]:
        self.counter += 1
        found = []
        for line_no, quantity in lines:
            sold = next(line for line in order.lines if line.line_no == line_no)
            state = self.backs[order.order_id, line_no]
            step = refund_units(state, quantity)
            self.backs[order.order_id, line_no] = state.after(step)
            found.append(
                ReturnLine(
                    line_no=line_no,
                    sku=sold.sku,
                    name=sold.name,
                    kind=sold.kind,
                    quantity=quantity,
                    gross_minor=step.gross_minor,
                    tax_minor=step.tax_minor,
                    reason="unwanted",
                    to_bucket=to_bucket,
                    rate_ppm=sold.rate_ppm,
                )
            )
        total = sum(line.gross_minor for line in found)
        return {
            **self._till(),
            "return_id": f"{self.edge}-r{self.counter}",
            "number": f"{self.code}1-{series}{self.counter:05d}",
            "order_id": order.order_id,
            "order_number": order.number,
            "lines": tuple(found),
            "refunds": (Tender(kind=order.tenders[0].kind, amount_minor=total),),
            "total_minor": total,
            "tax_minor": sum(line.tax_minor for line in found),
        }

    def totals(self) -> SessionTotals:
        """Add up the session, in the plainest way."""
        own = [b for b in self.bodies if isinstance(b, AtTill) and b.session_id == self.session_id]
        sold = [b for b in own if isinstance(b, OrderSold)]
        voids = [b for b in own if isinstance(b, OrderVoided)]
        backs = [b for b in own if isinstance(b, ReturnCompleted) and not isinstance(b, OrderVoided)]
        out = [*voids, *backs]
        paid = [b for b in own if isinstance(b, OrderPaid)]
        refunded = [b for b in own if isinstance(b, OrderRefunded)]

        def money(kind: TenderKind) -> int:
            came = [t for b in sold for t in b.tenders] + [t for b in paid for t in b.tenders]
            taken = sum(t.amount_minor for t in came if t.kind is kind)
            given = [t for b in out for t in b.refunds] + [t for b in refunded for t in b.tenders]
            return taken - sum(t.amount_minor for t in given if t.kind is kind)

        gross = sum(line.gross_minor for b in sold for line in b.lines) - sum(b.total_minor for b in out)
        tax = sum(b.tax_minor for b in sold) - sum(b.tax_minor for b in out)
        return SessionTotals(
            sales=len(sold),
            sales_minor=sum(b.total_minor for b in sold),
            returns=len(backs),
            returns_minor=sum(b.total_minor for b in backs),
            voids=len(voids),
            voids_minor=sum(b.total_minor for b in voids),
            discounts_minor=sum(line.order_discount_minor for b in sold for line in b.lines),
            payments=len(paid),
            payments_minor=sum(b.amount_minor for b in paid),
            refunds=len(refunded),
            refunds_minor=sum(b.amount_minor for b in refunded),
            by_rate=(RateTotal(rate_ppm=VAT, gross_minor=gross, tax_minor=tax),) if sold or out else (),
            cash_minor=money(TenderKind.CASH),
            card_minor=money(TenderKind.CARD),
            float_minor=sum(b.float_minor for b in own if isinstance(b, TillOpened)),
        )

    def close(self, *, missing_minor: int = 0, totals: SessionTotals | None = None) -> TillClosed:
        """Close the till, with so much cash missing from its drawer."""
        made = totals or self.totals()
        last = len(self.events)
        out = made.paid_out_minor + made.drops_minor
        expected = made.float_minor + made.cash_minor + made.paid_in_minor + made.loans_minor - out
        body = TillClosed(
            **self._till(),
            z_number=1,
            number=f"{self.code}1-Z{self.opened_at:05d}",
            first_seq=self.opened_at,
            last_seq=last,
            range_hash=sha256(b"".join(self.hashes()[self.opened_at - 1 : last])).hexdigest(),
            totals=made,
            tenders=(
                TenderTotal(
                    kind=TenderKind.CASH,
                    expected_minor=expected,
                    counted_minor=expected - missing_minor,
                    difference_minor=-missing_minor,
                ),
                TenderTotal(
                    kind=TenderKind.CARD,
                    expected_minor=made.card_minor,
                    counted_minor=made.card_minor,
                    difference_minor=0,
                ),
            ),
        )
        self.say(body)
        return body

    def hashes(self) -> list[bytes]:
        """Return the chain hash after each event."""
        digest = bytes.fromhex(first_hash(self.edge, self.inc))
        found = []
        for data in self.events:
            digest = sha256(digest + data).digest()
            found.append(digest)
        return found

    def batch(self, first: int, last: int) -> Batch:
        """Return a batch of the stream."""
        prev = chain(first_hash(self.edge, self.inc), self.events[: first - 1])
        return Batch(
            edge=self.edge,
            inc=self.inc,
            sess="session",
            first=first,
            last=last,
            prev=prev,
            head=chain(prev, self.events[first - 1 : last]),
            newest=len(self.events),
            oldest_ms=0,
            events=tuple(self.events[first - 1 : last]),
            blobs={},
        )


def send(hub: Hub, shop: Shop, first: int = 1, last: int | None = None, *, size: int = 200) -> list[Received]:
    """Send a run of a shop's stream in batches of a size."""
    last = len(shop.events) if last is None else last
    answers = []
    for at in range(first, last + 1, size):
        batch = shop.batch(at, min(at + size - 1, last))
        answers.append(hub.inbox.receive(batch, batch.events, hub.clock.now_us()))
    return answers
