"""Which epoch the rights of each location belong to, and whether anything may be promised from it.

Rights rest on cells that only grow. Whoever was restored has lost some of his, so from that moment nothing
is promised or given back at the location (`fence`) until both sides have said what is open and begin anew
with exactly that (`hub.link.reopening`). One location without a row lends in epoch 0.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import HubUnit, Lookup
from hub.fleet.rows import locations
from hub.link.rules import Why
from hub.spine.steps import take_orders
from hub.stock.rows import hub_rights, rights_epochs
from protocol.clock import Clock

State = Literal["open", "fenced", "told"]
HUB_RESTORED: Final[Why] = "hub_restored"
_UNHEARD: Final = ("fenced", HUB_RESTORED)
_NOT_HEARD: Final = Lookup(
    sa.select(rights_epochs.c.location)
    .join(locations, locations.c.location_id == rights_epochs.c.location)
    .where(
        rights_epochs.c.state == _UNHEARD[0],
        rights_epochs.c.why == _UNHEARD[1],
        locations.c.status == "active",
    )
    .order_by(rights_epochs.c.location)
)
_TOTALS: Final = Lookup(
    sa.select(
        sa.func.sum(hub_rights.c.granted_seen).label("granted"),
        sa.func.sum(hub_rights.c.returned).label("returned"),
    ).where(hub_rights.c.location == sa.bindparam("at"))
)
_EPOCH: Final = Lookup(sa.select(rights_epochs).where(rights_epochs.c.location == sa.bindparam("at")))


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far the rights of one location are."""

    ep: int = 0
    state: State = "open"
    inc: str = ""
    hub_inc: str = ""
    why: str = ""
    told: str = ""
    since_us: int = 0
    position: int = 0
    """The point of the edge's log at which what is open was counted."""

    @property
    def is_open(self) -> bool:
        """Tell whether units may be promised and given back."""
        return self.state == "open"


def epoch_of(connection: Connection, edge: str) -> Epoch:
    """Return the epoch of a location."""
    row = _EPOCH.first(connection, at=edge)
    return Epoch() if row is None else _epoch(row)


def epochs(connection: Connection) -> dict[str, Epoch]:
    """Return the epoch of every location that has left epoch 0 or is fenced."""
    return {row.location: _epoch(row) for row in connection.execute(sa.select(rights_epochs))}


def totals(connection: Connection, edge: str) -> tuple[int, int]:
    """Return what a location has lent and what it was given back in its epoch: G and R of all its items."""
    row = _TOTALS.all(connection, at=edge)[0]
    return int(row.granted or 0), int(row.returned or 0)


def fence(unit: HubUnit, edge: str, why: Why, *, clock: Clock) -> None:
    """Promise and give back nothing at a location until its rights are re-opened."""
    take_orders(unit, 0)  # a promise that is under way ends first, and is part of what is open then
    before = epoch_of(unit.connection, edge)
    if (before.state, before.why) == _UNHEARD:
        why = (
            HUB_RESTORED  # what it had before the hub's restore is still not known, whatever befell it since
        )
    put(unit.connection, edge, state="fenced", why=why, told="", since_us=clock.now_us())


def unheard_since_restore(connection: Connection) -> list[str]:
    """Return the locations that have not said yet what they had when this hub was restored.

    A location that was revoked is not waited for.
    """
    return _NOT_HEARD.scalars(connection)


def fence_all(unit: HubUnit, why: Why, *, clock: Clock) -> int:
    """Fence every location that could have lent something; return how many there are."""
    take_orders(unit, 0)
    known = sa.union(sa.select(locations.c.location_id), sa.select(hub_rights.c.location).distinct())
    edges = sorted(unit.connection.execute(known).scalars())
    for edge in edges:
        put(unit.connection, edge, state="fenced", why=why, told="", since_us=clock.now_us())
    return len(edges)


def put(connection: Connection, edge: str, **values: Any) -> None:
    """Write some columns of a location's epoch."""
    mine = rights_epochs.c.location == edge
    if connection.execute(sa.update(rights_epochs).where(mine).values(**values)).rowcount == 0:
        blank = {"ep": 0, "state": "open", "since_us": 0, "position": 0}
        blank |= dict.fromkeys(("inc", "hub_inc", "why", "told"), "")
        connection.execute(sa.insert(rights_epochs).values(location=edge, **blank | values))


def _epoch(row: sa.Row[Any]) -> Epoch:
    return Epoch(row.ep, row.state, row.inc, row.hub_inc, row.why, row.told, row.since_us, row.position)
