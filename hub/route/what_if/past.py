"""Reads past orders for later and the company they meet, for a replay; nothing is written.

Where goods went is read from the contact, as far as nobody has asked to be forgotten: then the way has no
length, and rules that look at it find none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import locations
from hub.fulfil.rows import assignment_lines, assignments
from hub.route.facts import accepts, snapshot
from hub.route.facts.book import Book, postcode_of
from hub.route.facts.demand import rates_of
from hub.route.facts.known import About, Known
from hub.route.rules.choice import Ask, Need
from hub.route.what_if.replay import Past, Shelf, World
from hub.spine.bulk import among
from hub.spine.later_rows import later_orders
from hub.spine.rows import order_lines, orders
from hub.stock.availability import WIDTH, stock_of
from hub.stock.policy import kept_back
from protocol.fulfilment import Promise
from protocol.orders import LineKind

MOST: Final = 5_000
"""Orders of one replay: minutes of work, and weeks of a busy company."""


def recent_ids(connection: Connection, count: int) -> list[str]:
    """Return the newest orders for later that the hub had to route, the oldest of them first."""
    found = connection.execute(
        sa.select(orders.c.order_id)
        .join(later_orders, later_orders.c.order_id == orders.c.order_id)
        .where(sa.not_(later_orders.c.own))
        .order_by(orders.c.apply_order.desc())
        .limit(min(count, MOST))
    ).scalars()
    return list(found)[::-1]


def orders_of(connection: Connection, ids: Sequence[str], *, seller: str) -> list[Past]:
    """Return orders as they were asked for, in the order given."""
    rows = connection.execute(
        sa.select(
            orders.c.order_id,
            orders.c.number,
            orders.c.at_us,
            later_orders.c.first_promise,
            later_orders.c.promise,
            later_orders.c.contact_id,
        )
        .join(later_orders, later_orders.c.order_id == orders.c.order_id)
        .where(among(connection, orders.c.order_id, list(ids)))
    )
    lines = _lines(connection, ids)
    took = _took(connection, ids)
    found = {
        row.order_id: _past(connection, row, lines.get(row.order_id, []), took.get(row.order_id, ()), seller)
        for row in rows
    }
    return [found[each] for each in ids if each in found and found[each].ask.lines]


def world_of(connection: Connection, books: Sequence[Book], past: Sequence[Past], now_us: int) -> World:
    """Return the company at the beginning: what may be promised now, and with it what the orders took."""
    skus = sorted({need.sku for each in past for need in each.ask.lines})
    places = [
        Known(row.location_id, row.name, row.kind, row.entity, row.zone, "", 0, ())
        for row in connection.execute(
            sa.select(locations).where(locations.c.status == "active").order_by(locations.c.location_id)
        )
    ]
    names = [place.location for place in places]
    kept = kept_back(connection, books[0].terms, skus)
    free: dict[Shelf, tuple[int, int, int]] = {}
    for location, stock in zip(names, stock_of(connection, names, skus, kept), strict=True):
        for n, sku in enumerate(skus):
            each = stock[n * WIDTH : n * WIDTH + WIDTH]
            if any(each):
                free[location, sku] = (each[0], each[1], each[2])
    shelf = snapshot.shelves_of(connection, skus)
    for order in past:
        for location, sku, units in order.took:
            if location in names:
                was = free.get((location, sku), (0, 0, 0))
                free[location, sku] = (was[0] + units, was[1], was[2] + units)
                shelf[location, sku] = shelf.get((location, sku), 0) + units
    postcodes = {row.location: postcode_of(row) for book in books for row in book.said.places if row.postcode}
    points = snapshot.points_of(connection, postcodes.values())
    goods = snapshot.goods_of(connection, skus)
    return World(
        places=places,
        free=free,
        goods=goods,
        shelf=shelf,
        rate_milli=rates_of(connection, skus, now_us),
        points={at: points[code] for at, code in postcodes.items() if code in points},
        accepts=accepts.history_of(connection, [good.category for good in goods.values()], {}),
    )


def _past(
    connection: Connection, row: Any, lines: Sequence[Any], took: Sequence[tuple[str, str, int]], seller: str
) -> Past:
    promise = Promise.model_validate_json(row.first_promise or row.promise)
    ask = Ask(
        key=row.order_id,
        kind=promise.kind,
        due_us=max(promise.due_us, row.at_us + 1),
        now_us=row.at_us,
        lines=tuple(Need(line.line_no, line.sku, line.quantity) for line in lines),
        location=promise.location,
        service=promise.service,
        promise_class=promise.promise_class,
    )
    about = About(
        destination=snapshot.destination_of(connection, row.contact_id),
        seller=seller,
        value_minor=sum([line.gross_minor for line in lines]),
        deliver_us=promise.deliver_us,
    )
    return Past(row.number, ask, about, tuple(took))


def _lines(connection: Connection, ids: Sequence[str]) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    rows = connection.execute(
        sa.select(order_lines)
        .where(among(connection, order_lines.c.order_id, list(ids)))
        .where(order_lines.c.kind == LineKind.GOODS.value)
        .order_by(order_lines.c.order_id, order_lines.c.line_no)
    )
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def _took(connection: Connection, ids: Sequence[str]) -> Mapping[str, list[tuple[str, str, int]]]:
    units = assignment_lines.c.quantity - assignment_lines.c.short - assignment_lines.c.given_up
    rows = connection.execute(
        sa.select(
            assignments.c.order_id, assignments.c.location, assignment_lines.c.sku, units.label("units")
        )
        .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
        .where(among(connection, assignments.c.order_id, list(ids)), units > 0)
    )
    found: dict[str, list[tuple[str, str, int]]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append((row.location, row.sku, row.units))
    return found


def place_choices(connection: Connection) -> list[tuple[str, str]]:
    """Return every active location with its name, for a list to choose from."""
    rows = connection.execute(
        sa.select(locations.c.location_id, locations.c.name)
        .where(locations.c.status == "active")
        .order_by(locations.c.name)
    )
    return [(row.location_id, row.name) for row in rows]
