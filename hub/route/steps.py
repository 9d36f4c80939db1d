"""Routing an order again because a person wants it: new stock has come, or a location is back."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.holds.rows import blocking, refuse_to_route
from hub.route.stages import route_loose
from hub.spine.orders import Orders
from hub.spine.rows import orders
from hub.spine.steps import take_orders
from protocol.errors import NotFound, Refused
from protocol.holds import Blocked
from protocol.kit.hold_words import reason_says
from protocol.kit.text import _
from protocol.later import OrderRouted


@dataclass(frozen=True, slots=True)
class Again:
    """What became of units that nobody held; no location when nobody can fulfil them."""

    location: str
    sentence: str


def order_id_of(connection: Connection, number: str) -> str:
    """Return the id of an order by its number.

    Raises:
        NotFound: the hub has no such order.
    """
    found = connection.execute(
        sa.select(orders.c.order_id).where(orders.c.number == number).order_by(orders.c.apply_order.desc())
    ).scalar()
    if found is None:
        raise NotFound(
            _("The hub has no order {number}.", number=number[:40]), _("Search for it."), code="no_order"
        )
    return str(found)


def route_again(hub: Hub, unit: HubUnit, number: str) -> Again:
    """Route what nobody holds; everybody may be asked again, also who gave it back.

    Raises:
        Refused: it is on hold, or nothing of it waits to be routed.
    """
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    order_id = order_id_of(unit.connection, number)
    entry = work.room(Orders).need(order_id)
    refuse_to_route(work, order_id, number)
    decided = route_loose(work, order_id, trigger="asked") if entry and entry.later else None
    stop = blocking(work, order_id, Blocked.ROUTE)
    if decided is None and stop is not None:  # found just now: it may be older than this hub remembers
        hub.finish(work)
        return Again("", reason_says(stop))
    if decided is None:
        raise Refused(
            _("Nothing of {number} waits to be routed.", number=number[:40]),
            _("Look the order up: somebody fulfils it, or it is done."),
            code="nothing_loose",
        )
    hub.finish(work)
    where = decided.parts[0].location if isinstance(decided, OrderRouted) else ""
    return Again(where, decided.sentence)
