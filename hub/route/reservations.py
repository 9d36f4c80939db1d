"""Units that a checkout holds for minutes, so that what was shown can be paid for.

A reservation takes rights like an order does and gives them back when it is released or its minutes are
over. The order that names it takes over its location, also when that location has gone silent meanwhile:
the customer was told.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.promises import must_exist
from hub.route import asking
from hub.route.asking import ToRoute, ask_of
from hub.route.deciding import routed, take
from hub.route.keeping import Because
from hub.route.rules.choice import Chosen, Need, NoLocation
from hub.spine.steps import take_orders
from hub.spine.work import Promising, Work
from hub.stock import allocations
from hub.stock.allocations import owner_of_reservation
from hub.stock.rows import reservations
from protocol.clock import MICROSECONDS
from protocol.errors import NotFound, OutOfRights, Refused
from protocol.fulfilment import Promise
from protocol.kit.text import _
from protocol.later import OrderRouted

MINUTES: Final = 30
"""Longer than any checkout; beyond it units would be kept from customers who pay."""
EXPIRED_AT_ONCE: Final = 200
MINUTE_US: Final = 60 * MICROSECONDS
SAID: Final = 20


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation as it stands."""

    reservation_id: str
    state: str
    location: str
    promise: Promise
    expires_us: int


def reserve(
    hub: Hub, unit: HubUnit, *, channel: str, lines: Sequence[Need], promise: Promise, minutes: int
) -> Reserved:
    """Hold units at the locations that the router picks.

    Raises:
        Invalid: `no_location`, nobody registered the one that is named.
        OutOfRights: no location can keep the promise; with the reasons.
    """
    # The log's lock first, as every promise takes it: so two processes never wait for each other's rights.
    take_orders(unit, 0)
    must_exist(unit.connection, promise)
    now_us, reservation_id = hub.clock.now_us(), hub.ids.new_id()
    ask = ask_of(reservation_id, promise, lines, now_us)
    terms = hub.spine.terms
    about = asking.about_of(unit.connection, terms.promising, seller=terms.entity)
    found = asking.answer(asking.asked(unit.connection, ask, terms.promising, about))
    if isinstance(found, NoLocation):
        raise no_location(found)
    for sent in sorted(found.sent, key=lambda each: each.location):
        wanted = [(n.line_no, n.sku, sent.units[n.line_no]) for n in lines if n.line_no in sent.units]
        owner = owner_of_reservation(reservation_id, sent.location)
        allocations.allocate(unit.connection, owner, sent.location, wanted)
    location = found.sent[0].location
    expires_us = now_us + minutes * MINUTE_US
    said = {
        "promise": promise.model_dump(mode="json"),
        "lines": [(line.line_no, line.sku, line.quantity) for line in lines],
        "places": [sent.location for sent in found.sent],
    }
    unit.connection.execute(
        sa.insert(reservations).values(
            reservation_id=reservation_id,
            channel=channel,
            state="active",
            location=location,
            order_id="",
            created_us=now_us,
            expires_us=expires_us,
            body=json.dumps(said, ensure_ascii=False),
        )
    )
    return Reserved(reservation_id, "active", location, promise, expires_us)


def no_location(found: NoLocation) -> OutOfRights:
    """Return the refusal of something that no location can keep, with the reasons."""
    return OutOfRights(
        found.sentence,
        _("Ask for fewer, for another location, or for a later day."),
        reasons=[row._asdict() for row in found.rejected[:SAID]],
    )


def release(unit: HubUnit, reservation_id: str) -> Reserved:
    """Give a reservation up; one that has ended already stays as it is.

    Raises:
        NotFound: there is none of that id.
        Refused: an order has taken it over.
    """
    take_orders(unit, 0)
    row = _find(unit.connection, reservation_id)
    if row is None:
        raise NotFound(
            _("There is no such reservation."), _("Reserve the units again."), code="no_reservation"
        )
    if row.state == "used":
        raise Refused(
            _("An order has taken this reservation over."), _("Cancel the order."), code="reservation_used"
        )
    state = row.state
    if state == "active":
        _end(unit, row, "released")
        state = "released"
    return Reserved(
        reservation_id, state, row.location, Promise(**json.loads(row.body)["promise"]), row.expires_us
    )


def expire_reservations(hub: Hub) -> int:
    """Give back what checkouts did not use in time; return how many. A clock calls it."""

    def step(unit: HubUnit) -> int:
        take_orders(unit, 0)
        rows = unit.connection.execute(
            sa.select(reservations)
            .where(reservations.c.state == "active", reservations.c.expires_us <= hub.clock.now_us())
            .order_by(reservations.c.expires_us)
            .limit(EXPIRED_AT_ONCE)
        ).all()
        for row in rows:
            _end(unit, row, "expired")
        return len(rows)

    with hub.database.read() as connection:
        due = connection.execute(
            sa.select(sa.func.min(reservations.c.expires_us)).where(reservations.c.state == "active")
        ).scalar()
    if due is None or due > hub.clock.now_us():
        return 0
    return hub.database.write(step)


def use_reservation(work: Work, reservation_id: str, order: ToRoute) -> OrderRouted | None:
    """Let an order take its reservation over; None when it has ended or cannot serve, and routing decides."""
    row = _find(work.connection, reservation_id)
    if row is None or row.state != "active":
        return None
    _end(work.unit, row, "used", order.order_id)
    ask = ask_of(order.order_id, order.promise, order.needs, work.clock.now_us())
    # What was held is free again in this transaction alone, so nobody can come in between.
    held_there = Promising(ship_minor=work.terms.promising.ship_minor, ready_minutes=0)
    there = dict.fromkeys(places_of(row), True)
    put = asking.asked(work.connection, ask, held_there, only=there)
    found = asking.answer(put)
    if not isinstance(found, Chosen):
        return None
    try:
        with work.unit.savepoint():
            parts = take(work, order, found)
    except OutOfRights:
        return None
    return routed(work, order, Because().knowing(put), found, parts)


def places_of(row: sa.Row[Any]) -> list[str]:
    """Return where a reservation holds units; one that an older hub wrote holds them at one location."""
    found: list[str] = json.loads(row.body).get("places") or [row.location]
    return found


def _find(connection: sa.Connection, reservation_id: str) -> sa.Row[Any] | None:
    return connection.execute(
        sa.select(reservations).where(reservations.c.reservation_id == reservation_id).with_for_update()
    ).first()


def _end(unit: HubUnit, row: sa.Row[Any], state: str, order_id: str = "") -> None:
    ended = unit.connection.execute(
        sa.update(reservations)
        .where(reservations.c.reservation_id == row.reservation_id, reservations.c.state == "active")
        .values(state=state, order_id=order_id)
    )
    if ended.rowcount == 1:
        for location in sorted(places_of(row)):
            allocations.end_all(unit.connection, owner_of_reservation(row.reservation_id, location))
