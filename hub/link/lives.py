"""The lives of this hub's database. A new one begins at every restore and every promotion of a standby.

What was done since a backup is forgotten by the copy, but not by the stores: they may have received what the
copy believes it never sent, and their rights rest on cells that the copy has lower. So with a new life every
directive that was not answered counts as sent, every location is fenced, every session ends, every number
the hub prints is of a new series, and every channel is told anew. All of it is one transaction, before
anything is promised or taken back.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import HubUnit, Lookup
from hub.fleet.rows import hub_meta, link_sessions, meta
from hub.link.epochs import HUB_RESTORED, fence_all
from hub.link.outbox import HUB_INC, Outbox
from hub.stock.changed import tell_anew
from protocol.clock import Clock

ORDINAL: Final = "ordinal"
FIRST_ORDINAL: Final = 1
BEGAN: Final = "life_began_us"
WHY: Final = "life_why"
_LIFE: Final = Lookup(
    sa.select(hub_meta.c.key, hub_meta.c.value).where(hub_meta.c.key.in_((HUB_INC, ORDINAL, WHY, BEGAN)))
)


@dataclass(frozen=True, slots=True)
class HubLife:
    """The life that this database lives."""

    hub_inc: str
    ordinal: int
    why: str
    began_us: int


def life(connection: Connection) -> HubLife:
    """Return the life that this database lives; an empty incarnation before the first use."""
    said = dict(_LIFE.all(connection))
    return HubLife(
        hub_inc=said.get(HUB_INC, ""),
        ordinal=int(said.get(ORDINAL, FIRST_ORDINAL)),
        why=said.get(WHY, ""),
        began_us=int(said.get(BEGAN, 0)),
    )


def ordinal(connection: Connection) -> int:
    """Return the small number of this life, part of every number that the hub prints."""
    return int(meta(connection, ORDINAL) or FIRST_ORDINAL)


def begin_life(
    unit: HubUnit, outbox: Outbox, *, clock: Clock, why: str, ordinal_above: int = 0
) -> tuple[str, int]:
    """Begin a new life and return its incarnation and how many locations were fenced.

    `ordinal_above` is one that is known to have been used, as by the marker file.
    """
    count = fence_all(unit, HUB_RESTORED, clock=clock)
    hub_inc = outbox.new_incarnation(unit)
    # A session is of one life. A store that does not hear of the new one is told when it speaks next.
    unit.connection.execute(sa.update(link_sessions).values(sess="", nonce=""))
    put_meta(unit.connection, ORDINAL, str(max(ordinal(unit.connection), ordinal_above) + 1))
    put_meta(unit.connection, BEGAN, str(clock.now_us()))
    put_meta(unit.connection, WHY, why)
    tell_anew(unit.connection)
    return hub_inc, count


def put_meta(connection: Connection, key: str, value: str) -> None:
    """Keep one fact about this database."""
    mine = hub_meta.c.key == key
    if connection.execute(sa.update(hub_meta).where(mine).values(value=value)).rowcount == 0:
        connection.execute(sa.insert(hub_meta).values(key=key, value=value))
