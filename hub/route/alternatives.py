"""What else an order could be promised when nobody keeps what it was promised, each with its price.

For a person who speaks with the customer: collect at another store, ship instead, later at the same place,
or cancel what nobody has. Nothing is set aside and nothing is written; each names what carries it out
(`hub.service.alternatives`), which works it out again and refuses what has become worse meanwhile.

What a reader would get wrong: the price is what fulfilling costs the company, not what the customer pays. A
customer whose order could not be kept pays no more for another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.route import reads
from hub.route.facts import offering, snapshot
from hub.route.facts.offering import OfferedOption, Wish
from hub.route.rules.choice import Need
from hub.spine.held import Held, held_of
from hub.spine.later_rows import later_orders
from hub.spine.rows import order_lines, orders
from protocol.fulfilment import FulfilKind, Promise
from protocol.orders import LineKind

STORES: Final = 5
"""Other stores that are named: a customer on the telephone hears no more."""
SERVICES: Final = 4

Kind = Literal["later", "collect", "ship", "cancel"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One thing that could be done about an order, and what it means."""

    kind: Kind
    promise: Promise | None
    """What the customer would be told; None where the units are cancelled."""
    place: str
    """The store to collect at, as it is called."""
    units: Mapping[int, int]
    """By line: what it is about."""
    minor: int
    """What fulfilling it costs; for a cancellation, what goes back to the customer."""
    shipments: int = 0
    late_us: int = 0
    """How much later than promised the customer has it."""
    age_seconds: int | None = None
    """Of the oldest knowledge that it rests on."""

    @property
    def key(self) -> str:
        """What tells it from the others, also when it is worked out again."""
        at = self.promise
        return ":".join([self.kind, at.location if at else "", at.service if at else ""])


@dataclass(frozen=True, slots=True)
class _Order:
    order_id: str
    promise: Promise
    contact_id: str
    skus: Mapping[int, str]
    gross_minor: Mapping[int, tuple[int, int]]
    """By line: what it costs, and its units."""
    total_minor: int
    paid: bool
    held: Held


def alternatives_of(hub: Hub, connection: Connection, order_id: str) -> list[Alternative]:
    """Return what could be done about an order, the soonest promise first and a cancellation last.

    Only while something of it is open; an order that is cancelled or gone has no alternatives.
    """
    order = _read(connection, order_id)
    if order is None:
        return []
    loose, open_units = order.held.loose, _open(order.held)
    if not open_units:
        return []
    found = [*_same_place(hub, connection, order, loose), *_elsewhere(hub, connection, order, open_units)]
    found.sort(key=lambda each: (each.late_us, each.minor, each.key))
    return [*found, *_cancelled(order, loose)]


def _same_place(
    hub: Hub, connection: Connection, order: _Order, loose: Mapping[int, int]
) -> list[Alternative]:
    """Return the next moment at which what nobody has could be kept as it was promised otherwise."""
    if not loose:
        return []
    offered = _offered(hub, connection, order, order.promise.kind, loose, order.promise.location)
    same = [each for each in offered if each.promise.service in ("", order.promise.service)]
    if order.promise.kind is FulfilKind.SHIP and not order.promise.service:
        same = offered
    later = [each for each in same if _when(each.promise) > _when(order.promise)]
    return [_alternative("later", order, each, loose) for each in later[:1]]


def _elsewhere(
    hub: Hub, connection: Connection, order: _Order, units: Mapping[int, int]
) -> list[Alternative]:
    given_back = {*reads.before(connection, order.order_id).excluded, order.promise.location}
    stores = [
        _alternative("collect", order, each, units)
        for each in _offered(hub, connection, order, FulfilKind.COLLECT, units)
        if each.promise.location not in given_back
    ]
    if not order.paid or not order.contact_id:
        return stores[:STORES]  # what is shipped must be paid and needs an address
    shipped = [
        _alternative("ship", order, each, units)
        for each in _offered(hub, connection, order, FulfilKind.SHIP, units)
        if order.promise.kind is not FulfilKind.SHIP or each.promise.service != order.promise.service
    ]
    return [*stores[:STORES], *shipped[:SERVICES]]


def _cancelled(order: _Order, loose: Mapping[int, int]) -> list[Alternative]:
    if not loose:
        return []
    minor = sum([order.gross_minor[n][0] * units // order.gross_minor[n][1] for n, units in loose.items()])
    return [Alternative("cancel", None, "", loose, minor)]


def _alternative(kind: Kind, order: _Order, offered: OfferedOption, units: Mapping[int, int]) -> Alternative:
    return Alternative(
        kind,
        offered.promise,
        offered.name,
        units,
        offered.minor,
        offered.shipments,
        max(0, _when(offered.promise) - _when(order.promise)),
        offered.age_seconds,
    )


def _when(promise: Promise) -> int:
    """Return when the customer has it: at the door, or at the desk."""
    return promise.deliver_us or promise.due_us


def _offered(  # noqa: PLR0917 - the hub, its database, and what is asked
    hub: Hub,
    connection: Connection,
    order: _Order,
    kind: FulfilKind,
    units: Mapping[int, int],
    location: str = "",
) -> list[OfferedOption]:
    now_us = hub.clock.now_us()
    wish = Wish(
        key=order.order_id,
        kind=kind,
        lines=tuple(Need(n, order.skus[n], count) for n, count in sorted(units.items())),
        now_us=now_us,
        ordered_us=now_us,
        location=location,
        destination=snapshot.destination_of(connection, order.contact_id),
        value_minor=order.total_minor,
        seller=hub.settings.entity,
    )
    return offering.options(connection, hub.spine.terms.promising, wish)[0]


def _open(held: Held) -> dict[int, int]:
    found = dict(held.loose)
    for holding in held.open_holdings:
        for line_no in holding.units:
            if holding.open(line_no):
                found[line_no] = found.get(line_no, 0) + holding.open(line_no)
    return found


def _read(connection: Connection, order_id: str) -> _Order | None:
    row = connection.execute(
        sa.select(
            later_orders.c.promise, later_orders.c.contact_id, orders.c.total_minor, orders.c.paid_minor
        )
        .join(orders, orders.c.order_id == later_orders.c.order_id)
        .where(later_orders.c.order_id == order_id)
    ).first()
    if row is None:
        return None
    lines = connection.execute(
        sa.select(
            order_lines.c.line_no, order_lines.c.sku, order_lines.c.gross_minor, order_lines.c.quantity
        ).where(order_lines.c.order_id == order_id, order_lines.c.kind == LineKind.GOODS.value)
    ).all()
    return _Order(
        order_id,
        Promise.model_validate_json(row.promise),
        row.contact_id,
        {line.line_no: line.sku for line in lines},
        {line.line_no: (line.gross_minor, line.quantity) for line in lines},
        row.total_minor,
        row.paid_minor >= row.total_minor,
        held_of(connection, order_id),
    )
