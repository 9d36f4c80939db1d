"""Reading counts and deliveries over all locations."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.stock.task_rows import (
    COUNT_OPEN,
    DELIVERY_OPEN,
    count_lines,
    count_tasks,
    deliveries,
    delivery_lines,
    stock_directives,
)
from protocol.errors import NotFound
from protocol.kit.text import _

LISTED = 100


@dataclass(frozen=True, slots=True)
class CountRow:
    """One count at one location. `cancelling`: the hub wants it back and waits."""

    count_id: str
    plan_id: str
    location: str
    number: str
    title: str
    place: str
    source: str
    state: str
    asked_us: int
    closed_us: int | None
    note: str
    reason: str
    items: int
    counted: int
    differ: int
    over: int
    short: int
    value_minor: int
    cancelling: bool


@dataclass(frozen=True, slots=True)
class CountedLine:
    """One item of a count, as its newest pass left it."""

    sku: str
    name: str
    passes: int
    counted: int | None
    balance: int | None
    variance: int | None
    posted: int | None
    value_minor: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What one supplier brings to one location."""

    delivery_id: str
    location: str
    supplier: str
    reference: str
    source: str
    state: str
    due_us: int | None
    told_us: int
    received_us: int | None
    numbers: str
    reason: str
    items: int
    expected: int
    good: int
    damaged: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    """One item of a delivery."""

    sku: str
    name: str
    expected: int
    good: int
    damaged: int
    value_minor: int


def counts(connection: Connection, *, is_open: bool, plan_id: str = "", sku: str = "") -> list[CountRow]:
    """Return counts, the newest first: open ones or those that are over; of one plan or item if named."""
    where: list[sa.ColumnElement[bool]] = []
    if plan_id:
        where.append(count_tasks.c.plan_id == plan_id)
    else:
        opened = count_tasks.c.state.in_(COUNT_OPEN)
        where.append(opened if is_open else ~opened)
    if sku:
        mine = sa.select(count_lines.c.count_id).where(count_lines.c.sku == sku)
        where.append(count_tasks.c.count_id.in_(mine))
    order = count_tasks.c.asked_us if is_open else sa.func.coalesce(count_tasks.c.closed_us, 0)
    rows = connection.execute(
        _COUNTS.where(*where).order_by(order.desc(), count_tasks.c.count_id).limit(LISTED)
    )
    return [_count(row) for row in rows]


_DIFFER = (
    sa.select(sa.func.count())
    .select_from(count_lines)
    .where(count_lines.c.count_id == count_tasks.c.count_id, count_lines.c.variance != 0)
    .scalar_subquery()
)
_WANTED_BACK = (
    sa.select(stock_directives.c.cancel_us)
    .where(stock_directives.c.task_id == count_tasks.c.count_id)
    .scalar_subquery()
)
_COUNTS = sa.select(count_tasks, _DIFFER.label("differ"), _WANTED_BACK.label("wanted_back"))


def _count(row: Any) -> CountRow:
    return CountRow(
        count_id=row.count_id,
        plan_id=row.plan_id,
        location=row.location,
        number=row.number,
        title=row.title,
        place=row.place,
        source=row.source,
        state=row.state,
        asked_us=row.asked_us,
        closed_us=row.closed_us,
        note=row.note,
        reason=row.reason,
        items=int(row.items),
        counted=int(row.counted),
        differ=int(row.differ),
        over=int(row.over),
        short=int(row.short),
        value_minor=int(row.value_minor),
        cancelling=row.wanted_back is not None and row.state in COUNT_OPEN,
    )


def one_count(connection: Connection, count_id: str) -> tuple[CountRow, list[CountedLine]]:
    """Return a count with its items, the largest differences first.

    Raises:
        NotFound: `no_count`.
    """
    row = connection.execute(_COUNTS.where(count_tasks.c.count_id == count_id)).first()
    if row is None:
        raise NotFound(_("There is no such count."), _("Reload the list."), code="no_count")
    size = sa.func.abs(sa.func.coalesce(count_lines.c.posted, count_lines.c.variance, 0))
    lines = connection.execute(
        sa.select(count_lines, products.c.name)
        .outerjoin(products, products.c.sku == count_lines.c.sku)
        .where(count_lines.c.count_id == count_id)
        .order_by(size.desc(), count_lines.c.sku)
    )
    return _count(row), [
        CountedLine(
            line.sku,
            line.name or line.sku,
            line.passes,
            line.counted,
            line.balance,
            line.variance,
            line.posted,
            int(line.value_minor),
        )
        for line in lines
    ]


_SUMS = (
    sa.select(
        delivery_lines.c.delivery_id,
        sa.func.count().label("items"),
        sa.func.sum(delivery_lines.c.expected).label("expected"),
        sa.func.sum(delivery_lines.c.good).label("good"),
        sa.func.sum(delivery_lines.c.damaged).label("damaged"),
        sa.func.sum(delivery_lines.c.value_minor).label("value"),
    )
    .group_by(delivery_lines.c.delivery_id)
    .subquery()
)
_DELIVERY: list[Any] = [*deliveries.c, *(column for column in _SUMS.c if column.name != "delivery_id")]
_DELIVERIES = sa.select(*_DELIVERY).outerjoin(_SUMS, _SUMS.c.delivery_id == deliveries.c.delivery_id)


def delivered(connection: Connection, *, is_open: bool) -> list[DeliveryRow]:
    """Return deliveries that may come, the first told first; or those that are over, the newest first."""
    opened = deliveries.c.state.in_(DELIVERY_OPEN)
    order = (
        deliveries.c.told_us
        if is_open
        else sa.func.coalesce(deliveries.c.received_us, deliveries.c.told_us).desc()
    )
    query = _DELIVERIES.where(opened if is_open else ~opened).order_by(order, deliveries.c.delivery_id)
    return [_delivery(row) for row in connection.execute(query.limit(LISTED))]


def one_delivery(connection: Connection, delivery_id: str) -> tuple[DeliveryRow, list[DeliveredLine]]:
    """Return a delivery with its items.

    Raises:
        NotFound: `no_delivery`.
    """
    row = connection.execute(_DELIVERIES.where(deliveries.c.delivery_id == delivery_id)).first()
    if row is None:
        raise NotFound(_("There is no such delivery."), _("Reload the list."), code="no_delivery")
    lines = connection.execute(
        sa.select(delivery_lines, products.c.name)
        .outerjoin(products, products.c.sku == delivery_lines.c.sku)
        .where(delivery_lines.c.delivery_id == delivery_id)
        .order_by(delivery_lines.c.sku)
    )
    return _delivery(row), [
        DeliveredLine(
            line.sku,
            line.name or line.sku,
            int(line.expected),
            int(line.good),
            int(line.damaged),
            int(line.value_minor),
        )
        for line in lines
    ]


def _delivery(row: Any) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=row.delivery_id,
        location=row.location,
        supplier=row.supplier,
        reference=row.reference,
        source=row.source,
        state=row.state,
        due_us=row.due_us,
        told_us=row.told_us,
        received_us=row.received_us,
        numbers=row.numbers,
        reason=row.reason,
        items=int(row.items or 0),
        expected=int(row.expected or 0),
        good=int(row.good or 0),
        damaged=int(row.damaged or 0),
        value_minor=int(row.value or 0),
    )
