"""Giving a store its free rights back over the telephone; the hub gives them up before it says the code."""

from dataclasses import dataclass

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import current_stream, location
from hub.link.epochs import epoch_of
from hub.spine.steps import take_orders
from hub.stock.changed import note_changed
from hub.stock.rows import FREE_UNITS, hub_rights
from protocol.errors import NotFound, OutOfRights, Refused
from protocol.kit.text import _
from protocol.reclaim import make_code


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What an operator reads out."""

    code: str
    sku: str
    units: int
    """Given up just now; 0 when an earlier code is said again."""


def reclaim(hub: Hub, edge: str, sku: str) -> Reclaimed:
    """Give up every free right to an article of a location and return the code for its manager.

    Raises:
        NotFound: there is no such location, or it never called.
        Refused: its rights must be begun anew first.
        OutOfRights: it has lent nothing of the article.
    """

    def step(unit: HubUnit) -> Reclaimed:
        connection = unit.connection
        take_orders(unit, 0)  # as every promise does: what is free cannot be promised meanwhile
        place, stream = location(connection, edge), current_stream(connection, edge)
        if place is None or stream is None:
            raise NotFound(
                _("{edge} has never called.", edge=edge), _("Look at the fleet."), code="never_called"
            )
        epoch = epoch_of(connection, edge)
        if not epoch.is_open:
            raise Refused(
                _("What {edge} has lent must be agreed on first.", edge=edge),
                _("Bring its line back: until then nothing of it is promised to anybody."),
                code="fenced",
            )
        mine = (hub_rights.c.location == edge) & (hub_rights.c.sku == sku)
        free = sa.select(hub_rights.c.returned, FREE_UNITS.label("free")).where(mine)
        row = connection.execute(free).first()
        if row is None or (row.free <= 0 and not row.returned):
            raise OutOfRights(
                _("The hub holds nothing free of {sku} at {edge}.", sku=sku, edge=edge),
                _("What is promised there stays promised; move an order elsewhere first."),
                code="nothing_free",
            )
        units = max(0, int(row.free))
        if units:
            connection.execute(
                sa.update(hub_rights)
                .where(mine)
                .values(returned=hub_rights.c.returned + units, version=hub_rights.c.version + 1)
            )
            note_changed(connection, (sku,))
        code = make_code(
            place.token_hash.encode(),
            edge=edge,
            inc=stream.inc,
            hub_inc=hub.outbox.hub_inc(unit),
            ep=epoch.ep,
            sku=sku,
            returned=int(row.returned) + units,
        )
        return Reclaimed(code, sku, units)

    return hub.database.write(step)
