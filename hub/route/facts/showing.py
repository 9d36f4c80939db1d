"""Showing what can be promised, and keeping what was shown for the order that will name it.

Worked out beside the writer, because it takes as long as several orders do: only keeping what was shown
waits for it. Nothing is set aside meanwhile, so nothing is lost by that.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.engine import Connection

from hub import offers
from hub.context import Hub
from hub.route.facts import current, offering, snapshot
from hub.route.facts.offering import OfferedOption, Wish
from hub.route.rules.choice import Need, Rejected
from protocol.fulfilment import FulfilKind


class Wanted(NamedTuple):
    """What a customer would like, as somebody asks for it."""

    kind: FulfilKind
    lines: tuple[tuple[str, int], ...]
    """Items and units."""
    location: str = ""
    country: str = ""
    postcode: str = ""
    value_minor: int | None = None


class Shown(NamedTuple):
    """What can be promised, the soonest first, until when it may be named, and why not where it cannot."""

    offer_id: str
    options: tuple[OfferedOption, ...]
    rejected: tuple[Rejected, ...]
    until_us: int
    version: int
    """Of the routing rules."""

    def named(self) -> Iterable[tuple[str, OfferedOption]]:
        """Return each option with the name under which an order asks for it."""
        return [(f"{self.offer_id}.{n}", option) for n, option in enumerate(self.options)]


def show(hub: Hub, wanted: Wanted) -> Shown:
    """Return what can be promised now; an order may name one of the options for some minutes."""
    with hub.database.read() as connection:
        shown = look(hub, connection, wanted)
    if not shown.options:
        return shown
    promises = [option.promise for option in shown.options]
    until_us = hub.database.write(
        lambda unit: offers.keep(unit, shown.offer_id, promises, hub.clock.now_us())
    )
    return shown._replace(until_us=until_us)


def look(hub: Hub, connection: Connection, wanted: Wanted) -> Shown:
    """Return what can be promised now, without keeping it."""
    now_us, offer_id = hub.clock.now_us(), hub.ids.new_id()
    wish = Wish(
        key=offer_id,
        kind=wanted.kind,
        lines=tuple(Need(n, sku, units) for n, (sku, units) in enumerate(wanted.lines, start=1)),
        now_us=now_us,
        ordered_us=now_us + offers.VALID_US,
        location=wanted.location,
        destination=snapshot.destination(connection, wanted.country, wanted.postcode),
        value_minor=wanted.value_minor,
        seller=hub.settings.entity,
        inbound=True,
    )
    found, rejected = offering.options(connection, hub.spine.terms.promising, wish)
    version = current.active_version(connection)
    return Shown(offer_id, tuple(found), tuple(rejected), now_us, version)
