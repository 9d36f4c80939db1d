"""What the page of one location shows: its streams, what was set aside, what it was told, its sessions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import directives, heartbeats, link_sessions, location, streams
from hub.spine.rows import parked
from protocol.errors import NotFound
from protocol.kit.text import _

SHOWN: Final = 50
_WHOLE: Final = 100


def require_location(connection: Connection, edge: str) -> sa.Row[Any]:
    """Return one location.

    Raises:
        NotFound: nobody registered it.
    """
    row = location(connection, edge)
    if row is None:
        raise NotFound(
            _("There is no location {edge}.", edge=edge), _("Look at the fleet."), code="no_location"
        )
    return row


@dataclass(frozen=True, slots=True)
class Parked:
    """One event that was set aside."""

    edge: str
    inc: str
    seq: int
    kind: str
    code: str
    detail: str
    arrived_us: int
    state: str
    note: str
    settled_us: int | None


@dataclass(frozen=True, slots=True)
class StreamBar:
    """One incarnation's stream: a bar of every number, and where numbers do not count."""

    inc: str
    state: str
    upto: int
    newest: int
    first_us: int
    last_us: int
    oldest_ms: int
    parked: tuple[int, ...]

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """Return (from percent, width percent) of what is missing, the unsent end and what was set aside."""
        if not self.newest:
            return []
        one = max(0.6, _WHOLE / self.newest)
        found = [(min(_WHOLE - one, (seq - 1) * _WHOLE / self.newest), one) for seq in self.parked]
        if self.newest > self.upto:
            at = self.upto * _WHOLE / self.newest
            found.append((min(at, _WHOLE - 0.6), max(0.6, _WHOLE - at)))
        return [(round(at, 2), round(wide, 2)) for at, wide in found]


def streams_of(connection: Connection, edge: str) -> list[StreamBar]:
    """Return every stream of a location, the current one first."""
    waits: dict[str, list[int]] = {}
    for row in connection.execute(
        sa.select(parked.c.inc, parked.c.seq)
        .where(parked.c.edge == edge, parked.c.state == "parked")
        .order_by(parked.c.seq)
    ):
        waits.setdefault(row.inc, []).append(row.seq)
    rows = connection.execute(
        sa.select(streams)
        .where(streams.c.edge == edge)
        .order_by(streams.c.state != "current", streams.c.first_us.desc())
    )
    return [
        StreamBar(
            row.inc,
            row.state,
            row.upto,
            max(row.newest, row.upto),
            row.first_us,
            row.last_us,
            row.oldest_ms,
            tuple(waits.get(row.inc, ())),
        )
        for row in rows
    ]


def parked_of(connection: Connection, edge: str) -> list[Parked]:
    """Return what was set aside of a location, what waits first."""
    columns = [parked.c[name] for name in Parked.__dataclass_fields__]
    rows = connection.execute(
        sa.select(*columns)
        .where(parked.c.edge == edge)
        .order_by(parked.c.state != "parked", parked.c.park_order.desc(), parked.c.seq)
        .limit(SHOWN)
    )
    return [Parked(*row) for row in rows]


def directives_of(connection: Connection, edge: str) -> list[Mapping[str, Any]]:
    """Return what a location was told, the newest first, with what it answered."""
    columns = [column for column in directives.c if column.name not in ("bytes", "hash")]
    rows = connection.execute(
        sa.select(*columns)
        .where(directives.c.edge == edge)
        .order_by(directives.c.created_us.desc(), directives.c.cseq.desc())
        .limit(SHOWN)
    )
    return [dict(row) for row in rows.mappings()]


def sessions_of(connection: Connection, edge: str) -> list[Mapping[str, Any]]:
    """Return the sessions of a location, the latest first."""
    rows = connection.execute(
        sa.select(link_sessions)
        .where(link_sessions.c.edge == edge)
        .order_by(link_sessions.c.last_us.desc())
        .limit(SHOWN)
    )
    return [dict(row) for row in rows.mappings()]


def heartbeat_of(connection: Connection, edge: str) -> tuple[dict[str, Any], int] | None:
    """Return the latest word of a location about itself, and when it came."""
    row = connection.execute(sa.select(heartbeats).where(heartbeats.c.edge == edge)).first()
    return (json.loads(row.body), row.arrived_us) if row is not None else None


def parked_counts(connection: Connection) -> dict[str, int]:
    """Return how many events of each location are set aside."""
    rows = connection.execute(
        sa.select(parked.c.edge, sa.func.count().label("n"))
        .where(parked.c.state == "parked")
        .group_by(parked.c.edge)
    )
    return {row.edge: row.n for row in rows}


def newest_of(connection: Connection) -> dict[str, int]:
    """Return the newest event number that each location said it has."""
    rows = connection.execute(
        sa.select(streams.c.edge, streams.c.newest, streams.c.upto).where(streams.c.state == "current")
    )
    return {row.edge: max(row.newest, row.upto) for row in rows}
