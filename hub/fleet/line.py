"""What people are shown of the line to the broker, and who has spoken since the broker had forgotten.

How the line is belongs to one process. That the broker had forgotten is kept in the database: only the first
process that comes back can find out, the others find its presence there.
"""

import json
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import link_sessions, locations, meta
from hub.fleet.rules import OFFLINE_SECONDS
from hub.link.line import LineStatus
from hub.link.lives import put_meta
from protocol.clock import MICROSECONDS

FORGOT: Final = "broker_forgot"
SHOWN_US: Final = 24 * 3_600 * MICROSECONDS
"""How long a page goes on saying it when everybody has spoken."""
_OFFLINE_US: Final = int(OFFLINE_SECONDS) * MICROSECONDS


@dataclass(frozen=True, slots=True)
class LineView:
    """The line as a page and a program see it."""

    connected: bool
    where: str
    since_us: int | None
    """When it came up, or when it was lost."""
    what: str
    remedy: str
    forgot_us: int | None
    """When the broker came back the last time without what it kept; None when it never did."""
    had_spoken: int
    """How many locations have spoken with this hub, ever."""
    missing: tuple[str, ...]
    """Those of them that have not spoken since the broker had forgotten, by the name of their edge."""
    settled: bool
    """Nobody is missing but those that were offline before."""

    @property
    def is_down(self) -> bool:
        """Whether a person has to know that no location can be heard."""
        return not self.connected and bool(self.what)

    def tells(self, now_us: int) -> bool:
        """Tell whether a page says that the broker had forgotten: until it is settled, and a day at least."""
        if self.forgot_us is None:
            return False
        return not self.settled or now_us - self.forgot_us < SHOWN_US


def keep_forgotten(connection: Connection, *, at_us: int, lost_us: int) -> None:
    """Keep that the broker had forgotten; what another process has found since the line was lost stays."""
    before = _forgotten(connection)
    if before is not None and before[0] >= lost_us:
        return
    heard = sa.select(sa.func.max(link_sessions.c.last_us)).where(link_sessions.c.opened_us < at_us)
    kept = {"at_us": at_us, "heard_us": int(connection.execute(heard).scalar() or 0)}
    put_meta(connection, FORGOT, json.dumps(kept))


def line_view(connection: Connection, line: LineStatus) -> LineView:
    """Return how the line is, and what came of it when the broker had forgotten."""
    forgotten = _forgotten(connection)
    at_us, heard_us = forgotten or (0, 0)
    sessions = _sessions(connection)
    missing = {edge: last_us for edge, (opened_us, last_us) in sessions.items() if opened_us < at_us}
    return LineView(
        connected=line.connected,
        where=line.where,
        since_us=line.since_us,
        what=line.what,
        remedy=line.remedy,
        forgot_us=at_us or None,
        had_spoken=len(sessions),
        missing=tuple(sorted(missing)),
        settled=all(last_us < heard_us - _OFFLINE_US for last_us in missing.values()),
    )


def _forgotten(connection: Connection) -> tuple[int, int] | None:
    """Return when the broker was found to have forgotten, and when anybody was last heard before that."""
    kept = meta(connection, FORGOT)
    if kept is None:
        return None
    said = json.loads(kept)
    return int(said["at_us"]), int(said["heard_us"])


def _sessions(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return when each location opened its session, and when it was last heard in it."""
    rows = connection.execute(
        sa.select(link_sessions.c.edge, link_sessions.c.opened_us, link_sessions.c.last_us)
        .join(locations, locations.c.location_id == link_sessions.c.edge)
        .where(~link_sessions.c.drain_only, locations.c.status == "active")
    )
    return {row.edge: (row.opened_us, row.last_us) for row in rows}
