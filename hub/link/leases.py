"""Which process of the hub serves which location.

Several processes may share one PostgreSQL. Each location is served by one of them: it takes in what the
location sends and publishes what the location is told. A lease is renewed every few seconds; one that was
not may be taken over. Time only decides when somebody else may try. What keeps two processes from serving
one location is a counter, the *fence*: each takeover raises it, and every transaction that serves a location
looks at it with the row locked (`guard`). So a process that was paused for an hour and goes on as if nothing
had happened commits nothing any more, whatever its clock says.

With SQLite there is one process and nothing to lease: `start` is never called and everything is its own.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import Connection

from hub.database import HubUnit
from hub.fleet.rows import leases, locations, workers
from protocol.clock import MICROSECONDS
from protocol.errors import Unavailable

LEASE_SECONDS: Final = 15
RENEW_SECONDS: Final = 3.0
_NOW: Final = sa.select(
    sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * MICROSECONDS, sa.BigInteger)
)
"""The database's clock: the processes' own may differ."""
_FENCE: Final = (
    sa.select(leases.c.worker, leases.c.fence)
    .where(leases.c.edge == sa.bindparam("of"))
    .with_for_update(read=True)
)


Guard = Callable[[HubUnit, str], None]
"""Lets a transaction that serves a location go on, or raises Unavailable."""


def everybodys(_unit: HubUnit, _edge: str) -> None:
    """Let everything go on: there is one process only."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the leases changed for this process."""

    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """Who serves a location, for the fleet's page."""

    edge: str
    worker: str
    until_us: int


class Leases:
    """The leases of one process. Used by the link's thread; `guard` runs on the writer's."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._held: dict[str, int] = {}
        self._active = False
        self._first = True

    @property
    def active(self) -> bool:
        """Whether processes share the locations; otherwise every one of them is this process's."""
        return self._active

    def start(self) -> None:
        """Serve only what is leased from now on; nothing is, before the first `renew`."""
        self._active = True

    def holds(self, edge: str) -> bool:
        """Tell whether this process serves a location, as far as it knows."""
        return not self._active or edge in self._held

    def guard(self, unit: HubUnit, edge: str) -> None:
        """Let a transaction go on only while this process is the one that serves the location.

        Raises:
            Unavailable: another process has taken it over; nothing is stored.
        """
        if not self._active:
            return
        row = unit.connection.execute(_FENCE, {"of": edge}).first()
        if row is None or row.worker != self._worker or row.fence != self._held.get(edge):
            raise Unavailable(
                f"{edge} is served by another process of the hub now.",
                "Nothing of this was stored; the location sends it again.",
                code="lease_lost",
                edge=edge,
            )

    def renew(self, unit: HubUnit) -> Changes:
        """Renew what is held and take what nobody serves, up to a fair share; one unit of work.

        The change of what this process believes to hold happens here, not after COMMIT: a renewal that is
        rolled back leaves it with fences that no `guard` accepts, which is the safe side.
        """
        connection = unit.connection
        now_us = int(connection.execute(_NOW).scalar_one())
        self._say_alive(connection, now_us)
        before = dict(self._held)
        self._held = self._renewed(connection, now_us)
        share = self._share(connection, now_us)
        if len(self._held) > share:
            self._give_up(connection, sorted(self._held)[share:])
        elif len(self._held) < share:
            self._take(connection, now_us, share - len(self._held))
        self._first = False
        return Changes(
            gained=tuple(sorted(edge for edge, fence in self._held.items() if before.get(edge) != fence)),
            lost=tuple(sorted(before.keys() - self._held.keys())),
        )

    def release(self, unit: HubUnit) -> None:
        """Give everything up, so that the others need not wait: this process stops."""
        self._give_up(unit.connection, list(self._held))
        unit.connection.execute(sa.delete(workers).where(workers.c.worker == self._worker))

    def _say_alive(self, connection: Connection, now_us: int) -> None:
        row = pg_insert(workers).values(worker=self._worker, seen_us=now_us)
        connection.execute(row.on_conflict_do_update(index_elements=["worker"], set_={"seen_us": now_us}))
        new = sa.select(locations.c.location_id, sa.literal(""), sa.literal(0), sa.literal(0)).where(
            ~sa.exists().where(leases.c.edge == locations.c.location_id)
        )
        added = pg_insert(leases).from_select(["edge", "worker", "fence", "until_us"], new)
        connection.execute(added.on_conflict_do_nothing())

    def _renewed(self, connection: Connection, now_us: int) -> dict[str, int]:
        """Return what is still this process's, renewed.

        Its name alone proves nothing: an earlier run of it may have left the row. The first look takes such
        rows over like anybody's, with a new fence, and does not wait for them to run out.
        """
        mine = connection.execute(
            sa.select(leases.c.edge, leases.c.fence).where(leases.c.worker == self._worker).with_for_update()
        ).all()
        kept = {row.edge: row.fence for row in mine if self._held.get(row.edge) == row.fence}
        if kept:
            self._set(connection, kept, until_us=now_us + LEASE_SECONDS * MICROSECONDS)
        if self._first:
            left = [row.edge for row in mine if row.edge not in kept]
            kept |= self._taken(connection, left, now_us)
        return kept

    def _share(self, connection: Connection, now_us: int) -> int:
        recent = now_us - LEASE_SECONDS * MICROSECONDS
        alive = connection.execute(
            sa.select(sa.func.count()).select_from(workers).where(workers.c.seen_us > recent)
        ).scalar_one()
        count = connection.execute(sa.select(sa.func.count()).select_from(leases)).scalar_one()
        return math.ceil(count / max(1, alive))

    def _take(self, connection: Connection, now_us: int, wanted: int) -> None:
        free = connection.execute(
            sa.select(leases.c.edge)
            .where(leases.c.until_us < now_us)
            .order_by(leases.c.edge)
            .limit(wanted)
            .with_for_update(skip_locked=True)
        ).scalars()
        self._held |= self._taken(connection, list(free), now_us)

    def _taken(self, connection: Connection, edges: Iterable[str], now_us: int) -> dict[str, int]:
        rows: Any = connection.execute(
            sa.update(leases)
            .where(leases.c.edge.in_(list(edges)))
            .values(
                worker=self._worker,
                fence=leases.c.fence + 1,
                until_us=now_us + LEASE_SECONDS * MICROSECONDS,
            )
            .returning(leases.c.edge, leases.c.fence)
        ).all()
        return {row.edge: row.fence for row in rows}

    def _give_up(self, connection: Connection, edges: list[str]) -> None:
        self._set(connection, {edge: self._held[edge] for edge in edges}, until_us=0)
        for edge in edges:
            del self._held[edge]

    def _set(self, connection: Connection, held: dict[str, int], *, until_us: int) -> None:
        connection.execute(
            sa.update(leases)
            .where(leases.c.worker == self._worker, leases.c.edge.in_(list(held)))
            .values(until_us=until_us)
        )


def served(connection: Connection) -> dict[str, Served]:
    """Return who serves each location; empty where one process serves them all."""
    rows = connection.execute(sa.select(leases).where(leases.c.worker != ""))
    return {row.edge: Served(row.edge, row.worker, row.until_us) for row in rows}
