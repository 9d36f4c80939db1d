"""Reading stock over all locations: what is on hand, in which bucket, and what it is worth."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.spine.rows import events, order_lines
from hub.stock.rows import (
    FREE_UNITS,
    PROMISED_UNITS,
    balances,
    hub_rights,
    stock_movements,
    stock_values,
)
from hub.stock.rules import Lent, lent_of
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.movements import OUTSIDE

MOVES: Final = 20
_OUTSIDE: Final = sorted(bucket.value for bucket in OUTSIDE)


@dataclass(frozen=True, slots=True)
class SkuRow:
    """One item over all locations."""

    sku: str
    name: str
    sellable: int
    elsewhere: int
    value_minor: int
    locations: int


@dataclass(frozen=True, slots=True)
class Held:
    """One item in one bucket of one location."""

    location: str
    bucket: str
    quantity: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class Move:
    """Why a number changed."""

    at_us: int
    arrived_us: int
    kind: str
    location: str
    from_bucket: str
    to_bucket: str
    quantity: int
    reason: str


def listed(
    connection: Connection, *, text: str = "", short: bool = False, limit: int = 50, offset: int = 0
) -> tuple[list[SkuRow], int]:
    """Return a page of items by code, and how many there are; `short`: only those below zero somewhere."""
    sums, worth = _sums(), _worth()
    name = sa.func.coalesce(products.c.name, "")
    joined = sums.outerjoin(products, products.c.sku == sums.c.sku).outerjoin(
        worth, worth.c.sku == sums.c.sku
    )
    where: list[sa.ColumnElement[bool]] = [sa.true()]
    if text:
        starts = sums.c.sku.istartswith(text, autoescape=True)
        where.append(starts | name.icontains(text, autoescape=True))
    if short:
        where.append(sums.c.least < 0)
    total = connection.execute(sa.select(sa.func.count()).select_from(joined).where(*where)).scalar_one()
    rows = connection.execute(
        sa.select(
            sums.c.sku,
            name,
            sums.c.shelf,
            sums.c.other,
            sa.func.coalesce(worth.c.value, 0),
            sums.c.places,
        )
        .select_from(joined)
        .where(*where)
        .order_by(sums.c.sku)
        .limit(limit)
        .offset(offset)
    ).all()
    found = [SkuRow(sku, name_, int(a), int(b), int(v), n) for sku, name_, a, b, v, n in rows]
    unnamed = [row.sku for row in found if not row.name]
    said = _said_names(connection, unnamed)
    return [
        SkuRow(
            row.sku,
            row.name or said.get(row.sku, ""),
            row.sellable,
            row.elsewhere,
            row.value_minor,
            row.locations,
        )
        for row in found
    ], int(total)


def _sums() -> sa.Subquery:
    """Return the units of each item: on the shelf, elsewhere, at how many places, and the least balance."""
    on_shelf = balances.c.bucket == "sellable"
    return (
        sa.select(
            balances.c.sku,
            sa.func.sum(sa.case((on_shelf, balances.c.quantity), else_=0)).label("shelf"),
            sa.func.sum(sa.case((on_shelf, 0), else_=balances.c.quantity)).label("other"),
            sa.func.count(balances.c.location.distinct()).label("places"),
            sa.func.min(balances.c.quantity).label("least"),
        )
        .where(balances.c.bucket.not_in(_OUTSIDE))
        .group_by(balances.c.sku)
        .subquery()
    )


def _worth() -> sa.Subquery:
    """Return what the stock of each item is worth over all locations."""
    return (
        sa.select(stock_values.c.sku, sa.func.sum(stock_values.c.value_minor).label("value"))
        .group_by(stock_values.c.sku)
        .subquery()
    )


def totals(connection: Connection) -> tuple[int, int]:
    """Return units on hand over all locations, and what they are worth."""
    units = connection.execute(
        sa.select(sa.func.sum(balances.c.quantity)).where(balances.c.bucket.not_in(_OUTSIDE))
    ).scalar()
    value = connection.execute(sa.select(sa.func.sum(stock_values.c.value_minor))).scalar()
    return int(units or 0), int(value or 0)


def item(connection: Connection, sku: str) -> tuple[str, list[Held]]:
    """Return an item's name and where it is.

    Raises:
        NotFound: nothing of it was ever moved and the catalogue does not have it.
    """
    name = connection.execute(sa.select(products.c.name).where(products.c.sku == sku)).scalar()
    same = (
        (stock_values.c.location == balances.c.location)
        & (stock_values.c.sku == balances.c.sku)
        & (stock_values.c.bucket == balances.c.bucket)
    )
    rows = connection.execute(
        sa.select(
            balances.c.location,
            balances.c.bucket,
            balances.c.quantity,
            sa.func.coalesce(sa.func.sum(stock_values.c.value_minor), 0),
        )
        .outerjoin(stock_values, same)
        .where(balances.c.sku == sku, balances.c.bucket.not_in(_OUTSIDE))
        .group_by(balances.c.location, balances.c.bucket, balances.c.quantity)
        .order_by(balances.c.location, balances.c.bucket.desc())
    ).all()
    if name is None and not rows:
        raise NotFound(_("The hub knows no item {sku}.", sku=sku[:40]), _("Search the stock."), code="no_sku")
    held = [Held(place, bucket, int(count), int(value)) for place, bucket, count, value in rows]
    return str(name or _said_names(connection, [sku]).get(sku, "")), held


def moves(connection: Connection, sku: str) -> list[Move]:
    """Return why an item's numbers changed lately, the newest first."""
    columns: list[Any] = [
        events.c.at_us,
        events.c.arrived_us,
        events.c.kind,
        stock_movements.c.location,
        stock_movements.c.from_bucket,
        stock_movements.c.to_bucket,
        stock_movements.c.quantity,
        stock_movements.c.reason,
    ]
    rows = connection.execute(
        sa.select(*columns)
        .join(events, events.c.apply_order == stock_movements.c.apply_order)
        .where(stock_movements.c.sku == sku)
        .order_by(stock_movements.c.apply_order.desc(), stock_movements.c.n)
        .limit(MOVES)
    )
    return [Move(*row) for row in rows]


def lent(connection: Connection, sku: str) -> dict[str, Lent]:
    """Return what each location has lent of an item, and what became of it (`lent_of`)."""
    rows = connection.execute(
        sa.select(hub_rights.c.location, PROMISED_UNITS, FREE_UNITS)
        .where(hub_rights.c.sku == sku)
        .order_by(hub_rights.c.location)
    )
    return {location: lent_of(int(promised), free=int(free)) for location, promised, free in rows}


def _said_names(connection: Connection, skus: list[str]) -> dict[str, str]:
    """Return what items were called when they were sold, for those the catalogue does not have."""
    if not skus:
        return {}
    rows = connection.execute(
        sa.select(order_lines.c.sku, sa.func.max(order_lines.c.name))
        .where(order_lines.c.sku.in_(skus))
        .group_by(order_lines.c.sku)
    )
    return {sku: str(name) for sku, name in rows}
