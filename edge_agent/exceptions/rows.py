"""The tables `exceptions` and `exception_acts`: open while its cause is there, kept when it is gone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.events import ExceptionClosed, ExceptionRaised, ExceptionWorked
from protocol.exceptions import due_us
from protocol.kit.sqlite import Connection

_COLUMNS = (
    "exception_id, dedupe_key, kind, subject, title, facts, owner_role, raised_us, closed_us, closed_how,"
    " owner, due_us, snoozed_until_us"
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
    owner: str
    """Who has taken it; empty for nobody."""
    due_us: int
    snoozed_until_us: int


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done about a card."""

    act: str
    by: str
    at_us: int
    to: str
    until_us: int | None
    choice: str
    text: str
    at_hub: bool = False


_CHANGES: Final = {
    "assigned": "owner = :to",
    "snoozed": "snoozed_until_us = :until_us",
    "escalated": "owner_role = :to, owner = '', due_us = :until_us",
}
"""What an act changes about its card, beside its history."""


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
    """Something needs a person.

    A restored store may have raised it again before it got back that it had raised it: it stands once.
    """
    body = recorded.body
    assert isinstance(body, ExceptionRaised)
    unit.connection.execute(
        "INSERT INTO exceptions (exception_id, dedupe_key, kind, subject, title, facts, owner_role,"
        " raised_us, due_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            body.exception_id,
            body.dedupe_key,
            body.kind,
            body.subject,
            body.title,
            json.dumps(dict(body.facts), ensure_ascii=False, sort_keys=True),
            body.owner_role,
            recorded.at_us,
            due_us(body.kind, body.facts, recorded.at_us),
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


def on_exception_worked(unit: EdgeUnit, recorded: Recorded) -> None:
    """Somebody took a card, put it aside, said something about it, or made a choice."""
    body = recorded.body
    assert isinstance(body, ExceptionWorked)
    act = Act(body.act, recorded.by, recorded.at_us, body.to, body.until_us, body.choice, body.text)
    keep_act(unit, body.exception_id, recorded.seq, act)


def keep_act(unit: EdgeUnit, exception_id: str, number: int, act: Act) -> None:
    """Write what was done about a card, and let it say whose it is and until when it sleeps; once."""
    fresh = unit.connection.execute(
        'INSERT INTO exception_acts (exception_id, seq, act, by, at_us, "to", until_us, choice, text)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (exception_id, seq) DO NOTHING RETURNING seq",
        (exception_id, number, act.act, act.by, act.at_us, act.to, act.until_us, act.choice, act.text),
    ).fetchall()
    changed = _CHANGES.get(act.act)
    if fresh and changed:
        values = {"of": exception_id, "to": act.to, "until_us": act.until_us or 0}
        unit.connection.execute(f"UPDATE exceptions SET {changed} WHERE exception_id = :of", values)


def acts_of(connection: Connection, exception_id: str) -> list[Act]:
    """Return what was done about a card, the first first."""
    rows = connection.execute(
        'SELECT act, by, at_us, "to", until_us, choice, text, seq < 0 FROM exception_acts'
        " WHERE exception_id = ? ORDER BY at_us, seq",
        (exception_id,),
    )
    return [Act(*row) for row in rows]
