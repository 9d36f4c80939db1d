"""The tables of trade between entities: what it costs, what was sold, whose stored value was spent where.

All of them are written by the stages of events. A sale between entities is kept as it was charged, because
goods that come back undo exactly that, whatever the list says by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import metadata
from hub.ledger.rules.abroad import Charge, PriceList
from protocol.books import PricesSet
from protocol.money import round_ratio

transfer_prices: Final = sa.Table(
    "transfer_prices",
    metadata,
    sa.Column("supplier", sa.Text, primary_key=True),
    sa.Column("buyer", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""Every version of a pair's price list; the newest holds."""

transfer_sales: Final = sa.Table(
    "transfer_sales",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("supplier", sa.Text, nullable=False),
    sa.Column("buyer", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
    sa.CheckConstraint("kind IN ('supply', 'transfer', 'kept')", name="kind"),
    sa.Index("ix_transfer_sales_pair", "supplier", "buyer"),
)
"""What one entity sold another, less what was undone. `kept` is a return that stayed: no revenue."""

value_set_offs: Final = sa.Table(
    "value_set_offs",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("here", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
"""Stored value of an issuer that was spent at another entity (above zero), or put onto it there."""


@dataclass(frozen=True, slots=True)
class Sold:
    """Units of an article that one entity sold another, or took back when below zero."""

    sku: str
    units: int
    cost_minor: int
    charge: Charge


def newest(connection: Connection, supplier: str, buyer: str) -> sa.Row[Any] | None:
    """Return the price list of a pair as it holds, with who set it."""
    table = transfer_prices.c
    return connection.execute(
        sa.select(transfer_prices)
        .where(table.supplier == supplier, table.buyer == buyer)
        .order_by(table.apply_order.desc())
        .limit(1)
    ).first()


def prices_of(connection: Connection, supplier: str, buyer: str, markup_ppm: int) -> PriceList:
    """Return what goods cost between two entities; `markup_ppm` holds where nobody has set a list."""
    found = newest(connection, supplier, buyer)
    if found is None:
        return PriceList(markup_ppm)
    body = PricesSet.model_validate_json(found.body)
    return PriceList(body.markup_ppm, body.rate_ppm, {each.sku: each.price_minor for each in body.prices})


def charged(connection: Connection, order_id: str, supplier: str, buyer: str) -> Mapping[str, Sold]:
    """Return what is left of what an entity charged another for an order, by article."""
    table = transfer_sales.c
    rows = connection.execute(
        sa.select(
            table.sku,
            sa.func.sum(table.units).label("units"),
            sa.func.sum(table.cost_minor).label("cost"),
            sa.func.sum(table.price_minor).label("price"),
            sa.func.sum(table.tax_minor).label("tax"),
            sa.func.max(table.rate_ppm).label("rate"),
        )
        .where(
            table.order_id == order_id,
            table.supplier == supplier,
            table.buyer == buyer,
            table.kind == "supply",
        )
        .group_by(table.sku)
    )
    return {
        row.sku: Sold(
            row.sku, int(row.units), int(row.cost), Charge(int(row.price), int(row.tax), int(row.rate))
        )
        for row in rows
        if row.units
    }


def part_of(sold: Sold, units: int) -> Sold:
    """Return so many units of what was charged; the last ones take all that is left."""
    some = min(units, sold.units)

    def share(minor: int) -> int:
        return round_ratio(minor * some, sold.units)

    charge = sold.charge
    part = Charge(share(charge.price_minor), share(charge.tax_minor), charge.rate_ppm)
    return Sold(sold.sku, some, share(sold.cost_minor), part)


def together(sales: Sequence[Sold]) -> Charge:
    """Return what several articles come to; their rate is that of the pair."""
    return Charge(
        sum(each.charge.price_minor for each in sales),
        sum(each.charge.tax_minor for each in sales),
        max((each.charge.rate_ppm for each in sales), default=0),
    )
