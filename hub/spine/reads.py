"""Reading the record: orders, their timeline, and how complete each store's stream is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import streams
from hub.spine.rows import (
    event_subjects,
    events,
    order_lines,
    order_tenders,
    orders,
    parked,
    return_lines,
    returns,
)
from hub.spine.work import HUB_EDGE
from protocol.envelope import decode_event
from protocol.errors import NotFound

SEARCH_LIMIT = 64


@dataclass(frozen=True, slots=True)
class OrderHead:
    """One order in a list."""

    order_id: str
    number: str
    channel: str
    location: str
    till: str
    business_date: str
    currency: str
    at_us: int
    by: str
    customer_id: str
    state: str
    total_minor: int
    tax_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class OrderLineRead:
    """One line of an order with what became of it."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    unit_price_minor: int
    unit_price_exact: str
    line_discount_minor: int
    order_discount_minor: int
    gross_minor: int
    tax_minor: int
    rate_ppm: int
    cost_minor: int
    fulfilled: int
    cancelled: int
    returned: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class TenderRead:
    """How money came in."""

    n: int
    kind: str
    amount_minor: int
    tendered_minor: int
    reference: str
    last4: str


@dataclass(frozen=True, slots=True)
class ReturnRead:
    """A return or a void of an order."""

    return_id: str
    kind: str
    number: str
    location: str
    at_us: int
    by: str
    total_minor: int
    tax_minor: int
    units: int


@dataclass(frozen=True, slots=True)
class OrderRead:
    """An order as it stands."""

    head: OrderHead
    lines: tuple[OrderLineRead, ...]
    tenders: tuple[TenderRead, ...]
    returns: tuple[ReturnRead, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One event on a record: who, where, when it happened and when the hub heard of it."""

    apply_order: int
    event_id: str
    edge: str
    seq: int
    kind: str
    at_us: int
    arrived_us: int
    gap_us: int
    by: str
    device: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Completeness:
    """How far one incarnation of one store has arrived."""

    edge: str
    inc: str
    state: str
    upto: int
    newest: int
    parked: int

    @property
    def missing(self) -> int:
        """Events that are known to exist and have not taken effect."""
        return max(0, self.newest - self.upto) + self.parked


_HEAD = [orders.c[name] for name in OrderHead.__dataclass_fields__]
_LINE = [order_lines.c[name] for name in OrderLineRead.__dataclass_fields__]
_TENDER = [order_tenders.c[name] for name in TenderRead.__dataclass_fields__]


def listed(
    connection: Connection,
    *,
    text: str = "",
    location: str = "",
    state: str = "",
    business_date: str = "",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[OrderHead], int]:
    """Return a page of orders, the newest first, and how many there are.

    `text` finds a number, a customer or a SKU, from its beginning.
    """
    where: list[sa.ColumnElement[bool]] = []
    if text:
        begin = text[:SEARCH_LIMIT].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with_sku = sa.select(order_lines.c.order_id).where(order_lines.c.sku == text[:SEARCH_LIMIT])
        where.append(
            orders.c.number.like(begin, escape="\\")
            | (orders.c.customer_id == text[:SEARCH_LIMIT])
            | orders.c.order_id.in_(with_sku)
        )
    if location:
        where.append(orders.c.location == location)
    if state:
        where.append(orders.c.state == state)
    if business_date:
        where.append(orders.c.business_date == business_date)
    total = connection.execute(sa.select(sa.func.count()).select_from(orders).where(*where)).scalar_one()
    found = connection.execute(
        sa.select(*_HEAD).where(*where).order_by(orders.c.apply_order.desc()).limit(limit).offset(offset)
    ).all()
    return [OrderHead(*row) for row in found], total


def order(connection: Connection, number_or_id: str) -> OrderRead:
    """Return an order by its printed number or its id.

    Raises:
        NotFound: the hub does not have it.
    """
    mine = (orders.c.number == number_or_id) | (orders.c.order_id == number_or_id)
    head = connection.execute(sa.select(*_HEAD).where(mine).order_by(orders.c.apply_order).limit(1)).first()
    if head is None:
        raise NotFound(
            f"The hub has no order {number_or_id[:40]}.",
            "Check the number; a store that is offline may not have sent it yet.",
            code="no_order",
        )
    order_id = head.order_id
    units = (
        sa.select(sa.func.sum(return_lines.c.quantity))
        .where(return_lines.c.return_id == returns.c.return_id)
        .scalar_subquery()
    )
    return OrderRead(
        head=OrderHead(*head),
        lines=tuple(
            OrderLineRead(*row)
            for row in connection.execute(
                sa.select(*_LINE).where(order_lines.c.order_id == order_id).order_by(order_lines.c.line_no)
            )
        ),
        tenders=tuple(
            TenderRead(*row)
            for row in connection.execute(
                sa.select(*_TENDER).where(order_tenders.c.order_id == order_id).order_by(order_tenders.c.n)
            )
        ),
        returns=tuple(
            ReturnRead(*row)
            for row in connection.execute(
                sa.select(
                    returns.c.return_id,
                    returns.c.kind,
                    returns.c.number,
                    returns.c.location,
                    returns.c.at_us,
                    returns.c.by,
                    returns.c.total_minor,
                    returns.c.tax_minor,
                    sa.func.coalesce(units, 0),
                )
                .where(returns.c.order_id == order_id)
                .order_by(returns.c.apply_order)
            )
        ),
    )


def timeline(connection: Connection, subject: str, *, limit: int = 500) -> list[Happened]:
    """Return every event of a record such as `order:…`, in the hub's order."""
    found = connection.execute(
        sa.select(events)
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(event_subjects.c.subject == subject)
        .order_by(events.c.apply_order)
        .limit(limit)
    ).all()
    return [_happened(row) for row in found]


def recent(connection: Connection, *, limit: int = 20) -> list[Happened]:
    """Return what the hub applied last, newest first."""
    found = connection.execute(
        sa.select(events).where(events.c.edge != HUB_EDGE).order_by(events.c.apply_order.desc()).limit(limit)
    ).all()
    return [_happened(row) for row in found]


def completeness(connection: Connection) -> Sequence[Completeness]:
    """Return how far every stream has arrived; a gap is named, not averaged away."""
    waits = (
        sa.select(parked.c.edge, parked.c.inc, sa.func.count().label("parked"))
        .where(parked.c.state == "parked")
        .group_by(parked.c.edge, parked.c.inc)
        .subquery()
    )
    found = connection.execute(
        sa.select(
            streams.c.edge,
            streams.c.inc,
            streams.c.state,
            streams.c.upto,
            streams.c.newest,
            sa.func.coalesce(waits.c.parked, 0),
        )
        .outerjoin(waits, (waits.c.edge == streams.c.edge) & (waits.c.inc == streams.c.inc))
        .order_by(streams.c.edge, streams.c.inc)
    ).all()
    return [Completeness(*row) for row in found]


def _happened(row: sa.Row[Any]) -> Happened:
    return Happened(
        apply_order=row.apply_order,
        event_id=row.event_id,
        edge=row.edge,
        seq=row.seq,
        kind=row.kind,
        at_us=row.at_us,
        arrived_us=row.arrived_us,
        gap_us=row.arrived_us - row.at_us,
        by=row.by,
        device=row.device,
        body=dict(decode_event(bytes(row.bytes)).body),
    )
