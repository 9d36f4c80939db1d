"""When a location says that promised units are missing: what is free goes back to it at once.

Rule 6 of `protocol.rights`, in the transaction that took the vector in. Whose promise breaks when that is not
enough is asked of those who know the promises (`hub.fulfil.deficits`).
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup
from hub.stock.rows import FREE_UNITS, hub_rights, is_fenced

_ONE: Final = (hub_rights.c.location == sa.bindparam("at")) & (hub_rights.c.sku == sa.bindparam("of"))
_RIGHT: Final = Lookup(sa.select(hub_rights, FREE_UNITS.label("free")).where(_ONE))
_UNITS: Final = sa.bindparam("units", type_=sa.BigInteger)
_GIVE_BACK: Final = Change(
    sa.update(hub_rights)
    .where(_ONE, FREE_UNITS >= _UNITS, ~is_fenced(hub_rights.c.location))
    .values(returned=hub_rights.c.returned + _UNITS, version=hub_rights.c.version + 1)
)


def right_of(connection: Connection, location: str, sku: str) -> sa.Row[Any] | None:
    """Return what a location has lent of an item, with what is `free` of it; None when it never lent any."""
    return _RIGHT.first(connection, at=location, of=sku)


def give_back(connection: Connection, location: str, sku: str) -> int:
    """Return free rights that the location needs or asks for; return how many units.

    Called when its vector came in, and when a promise ended while it misses units. Nothing goes back while
    the rights of the location are being re-opened.
    """
    row = right_of(connection, location, sku)
    if row is None:
        return 0
    missing = need(row, 0)
    units = min(row.free, max(missing, row.back_upto - row.returned))
    if units <= 0:
        return 0
    return units if _GIVE_BACK.run(connection, at=location, of=sku, units=units) == 1 else 0


def need(row: sa.Row[Any], cancels_pending: int) -> int:
    """Return how many units the reported deficit still asks of the hub."""
    return max(0, int(row.deficit) - (int(row.returned) - int(row.returned_echoed)) - cancels_pending)
