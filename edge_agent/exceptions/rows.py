"""The table `exceptions`: open while its cause is there, kept when it is gone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.events import ExceptionClosed, ExceptionRaised
from protocol.kit.sqlite import Connection

_COLUMNS = (
    "exception_id, dedupe_key, kind, subject, title, facts, owner_role, raised_us, closed_us, closed_how"
)


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception as it stands."""

    exception_id: str
    dedupe_key: str
    kind: str
    subject: str
    title: str
    facts: Mapping[str, Any]
    owner_role: str
    raised_us: int
    closed_us: int | None
    closed_how: str


def _raised(row: tuple[Any, ...]) -> Raised:
    values = list(row)
    values[5] = json.loads(values[5])
    return Raised(*values)


def find_open(connection: Connection, dedupe_key: str) -> Raised | None:
    """Return the open exception of a cause, or None."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM exceptions WHERE dedupe_key = ? AND closed_us IS NULL",
        (dedupe_key,),
    ).fetchone()
    return None if row is None else _raised(tuple(row))


def find(connection: Connection, exception_id: str) -> Raised | None:
    """Return one exception, open or closed."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM exceptions WHERE exception_id = ?",
        (exception_id,),
    ).fetchone()
    return None if row is None else _raised(tuple(row))


def listed(connection: Connection, *, with_closed: bool, limit: int) -> list[Raised]:
    """Return the open exceptions, oldest first; with the closed ones, newest first."""
    where = (
        "ORDER BY raised_us DESC, exception_id DESC"
        if with_closed
        else ("WHERE closed_us IS NULL ORDER BY raised_us, exception_id")
    )
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM exceptions {where} LIMIT ?",
        (limit,),
    )
    return [_raised(tuple(row)) for row in rows]


def on_exception_raised(unit: EdgeUnit, recorded: Recorded) -> None:
    """Something needs a person."""
    body = recorded.body
    assert isinstance(body, ExceptionRaised)
    unit.connection.execute(
        "INSERT INTO exceptions (exception_id, dedupe_key, kind, subject, title, facts, owner_role,"
        " raised_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.exception_id,
            body.dedupe_key,
            body.kind,
            body.subject,
            body.title,
            json.dumps(dict(body.facts), ensure_ascii=False, sort_keys=True),
            body.owner_role,
            recorded.at_us,
        ),
    )


def on_exception_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """What needed a person no longer does."""
    body = recorded.body
    assert isinstance(body, ExceptionClosed)
    unit.connection.execute(
        "UPDATE exceptions SET closed_us = ?, closed_how = ? WHERE dedupe_key = ? AND closed_us IS NULL",
        (recorded.at_us, body.how, body.dedupe_key),
    )
