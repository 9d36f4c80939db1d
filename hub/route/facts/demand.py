"""What each location's own customers buy, measured from the sales that its events tell of.

A clock reads the movements of stock that came since the last time and lets every rate fade with a half-life
of a week (`protocol.lending.decayed`), so a steady demand settles at what it is and a rush is forgotten. A
rate says when it was measured: one that is old is faded to the moment at which it is used, and its age is
shown. Goods that left for orders from elsewhere are no local demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.route.facts.rows import local_demand
from hub.spine.bulk import Select, Upsert
from hub.spine.rows import counters, events
from hub.stock.rows import stock_movements
from protocol.clock import DAY_US
from protocol.lending import decayed

COUNTER: Final = "local_demand"
AT_ONCE: Final = 5_000
"""Movements of one look: a few hundred milliseconds, while others wait for the writer."""
_RATES: Final = Upsert(local_demand)
_OF_SKUS: Final = Select(
    sa.select(local_demand.c.location, local_demand.c.sku, local_demand.c.rate_milli, local_demand.c.at_us),
    local_demand.c.sku,
)
_START: Final = {
    name: dialect.insert(counters).values(name=COUNTER, value=0).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def measure(hub: Hub) -> int:
    """Take in the sales since the last look and return how many movements there were. A clock calls it."""
    return hub.database.write(_measure)


def _measure(unit: HubUnit) -> int:
    connection = unit.connection
    connection.execute(_START[connection.dialect.name])
    since = connection.execute(
        sa.select(counters.c.value).where(counters.c.name == COUNTER).with_for_update()
    ).scalar_one()
    moved = _sold(connection, int(since))
    if not moved:
        return 0
    connection.execute(
        sa.update(counters).where(counters.c.name == COUNTER).values(value=moved[-1].apply_order)
    )
    sold: dict[tuple[str, str], tuple[int, int]] = {}
    for row in moved:
        sign = _sign(row)
        if sign:
            units, last_us = sold.get((row.location, row.sku), (0, 0))
            sold[row.location, row.sku] = (units + sign * row.quantity, max(last_us, row.at_us))
    before = {
        (row.location, row.sku): (row.rate_milli, row.at_us)
        for row in _OF_SKUS.run(connection, sorted({sku for _location, sku in sold}))
    }
    measured = []
    for (location, sku), (units, last_us) in sorted(sold.items()):
        rate, at_us = before.get((location, sku), (0, last_us))
        days = Fraction(max(0, last_us - at_us), DAY_US)
        measured.append((location, sku, decayed(rate, days, units), max(at_us, last_us)))
    _RATES.run(connection, measured)
    return len(moved)


def _sold(connection: Connection, since: int) -> Sequence[Any]:
    """Return the movements of the events after one, whole events only."""
    moves = stock_movements.c
    query = (
        sa.select(
            moves.apply_order,
            moves.location,
            moves.sku,
            moves.from_bucket,
            moves.reason,
            moves.quantity,
            events.c.at_us,
        )
        .join(events, events.c.apply_order == moves.apply_order)
        .where(moves.apply_order > since)
        .order_by(moves.apply_order, moves.n)
        .limit(AT_ONCE)
    )
    found = connection.execute(query).all()
    if len(found) < AT_ONCE or found[0].apply_order == found[-1].apply_order:
        return found
    # The last event may have more movements than fit: it is left to the next look.
    return [row for row in found if row.apply_order < found[-1].apply_order]


def _sign(row: Any) -> int:
    """Return 1 for goods that were sold from the shelf, -1 for such a sale that was voided, else 0."""
    if row.reason == "sale" and row.from_bucket == "sellable":
        return 1
    return -1 if row.reason == "void" and row.from_bucket == "customer" else 0


def rates_of(connection: Connection, skus: Sequence[str], now_us: int) -> dict[tuple[str, str], int]:
    """Return the rates of some items at a moment, by location and item, in thousandths of a unit a day."""
    return {
        (row.location, row.sku): decayed(row.rate_milli, Fraction(max(0, now_us - row.at_us), DAY_US))
        for row in _OF_SKUS.run(connection, list(skus))
    }


@dataclass(frozen=True, slots=True)
class Demand:
    """What the customers of one location buy of an item."""

    location: str
    sku: str
    rate_milli: int
    """In thousandths of a unit a day, at the moment that was asked for."""
    measured_us: int
    """The newest sale that it rests on."""


def demand_of(connection: Connection, sku: str, now_us: int) -> list[Demand]:
    """Return what is bought of an item where it is bought at all, the most first."""
    found = [
        Demand(
            row.location,
            row.sku,
            decayed(row.rate_milli, Fraction(max(0, now_us - row.at_us), DAY_US)),
            row.at_us,
        )
        for row in _OF_SKUS.run(connection, [sku])
    ]
    return sorted(found, key=lambda each: (-each.rate_milli, each.location))


def measured_us(connection: Connection) -> int | None:
    """Return the moment of the newest sale that was taken in; None before the first."""
    found = connection.execute(sa.select(sa.func.max(local_demand.c.at_us))).scalar()
    return None if found is None else int(found)
