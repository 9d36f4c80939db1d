"""Which locations are not heard while something is expected of them. They may go on all the same."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import link_sessions
from hub.fleet.rules import pill_of
from hub.fulfil.reads import AssignmentRead
from hub.spine.bulk import Select
from protocol.clock import MICROSECONDS
from protocol.lifecycles import AssignmentState

_EXPECTED: Final = frozenset({AssignmentState.PROPOSED, AssignmentState.ACKNOWLEDGED})
_LAST_HEARD: Final = Select(
    sa.select(link_sessions.c.edge, sa.func.max(link_sessions.c.last_us).label("last_us"))
    .where(~link_sessions.c.drain_only)
    .group_by(link_sessions.c.edge),
    link_sessions.c.edge,
)


def is_expected(row: sa.Row[Any]) -> bool:
    """Tell whether a location was told of an assignment that nobody has begun, as far as is known.

    What a store took itself is its own: nobody else would fulfil that.
    """
    return AssignmentState(row.state) in _EXPECTED and row.sent_us is not None


def was_told(row: sa.Row[Any] | AssignmentRead) -> bool:
    """Tell whether a location may know of an assignment; what waits in the hub can be taken back instead."""
    return bool(row.own) or row.sent_us is not None or row.state != AssignmentState.PROPOSED.value


def may_go_on_without(row: sa.Row[Any] | AssignmentRead, heard: Collection[str]) -> bool:
    """Tell whether a person may go on without the location of an open assignment: it cannot be asked now."""
    return was_told(row) and row.location not in heard


def silent(connection: Connection, rows: Sequence[sa.Row[Any]], now_us: int) -> dict[str, int]:
    """Return the locations that are offline while something is expected of them, and for how many minutes."""
    places = sorted({row.location for row in rows if is_expected(row)})
    if not places:
        return {}
    last = {row.edge: row.last_us for row in _LAST_HEARD.run(connection, places)}
    found: dict[str, int] = {}
    for place in places:
        heard = last.get(place)
        pill = pill_of(None if heard is None else max(0.0, (now_us - heard) / MICROSECONDS))
        if pill.state in {"offline", "never_seen"}:
            found[place] = pill.minutes
    return found
