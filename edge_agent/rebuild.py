"""Make the tables anew from the log, and compare: the tables are a shadow, and this proves it.

Every event is played into a fresh file through the same table of reactions that wrote the store's own. What
is not a shadow (people, products, baskets, print jobs, keys of requests) is left out on both sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.database import EdgeUnit, migrate
from edge_agent.journal import Reaction, Recorded
from edge_agent.journey import reactions
from protocol.envelope import Event
from protocol.events import KINDS
from protocol.kit.sqlite import Connection, connect
from protocol.kit.writer import SqliteStore, Unit

SHADOWS: Final = (
    "orders",
    "order_lines",
    "order_tenders",
    "returns",
    "movements",
    "balances",
    "till_sessions",
    "exceptions",
)
EVENTS_AT_ONCE: Final = 1_000
DIFFERENCES_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that only one side has, or that differs."""

    table: str
    row: str
    """As it stands in the store; prefixed with - when the log does not lead to it, + when it is missing."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of playing the log."""

    events: int
    rows: dict[str, int]
    differences: tuple[Difference, ...]


def rebuild(source: Path, target: Path) -> Rebuilt:
    """Play the log of one file into a new one and compare their tables."""
    migrate(target)
    old, new = connect(source, read_only=True), connect(target)
    try:
        old.execute("BEGIN")
        count = _play(old, new)
        rows = {table: _count(new, table) for table in SHADOWS}
        return Rebuilt(count, rows, tuple(_differences(old, new)))
    finally:
        old.close()
        new.close()


def _play(old: Connection, new: Connection) -> int:
    table = reactions()
    store = SqliteStore(new)
    count = 0
    while True:
        rows = old.execute(
            "SELECT seq, id, kind, at_us, bytes, hash FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (count, EVENTS_AT_ONCE),
        ).fetchall()
        if not rows:
            return count
        store.begin()
        unit: EdgeUnit = Unit(store)
        for row in rows:
            new.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", tuple(row))
            _react(unit, table[row[2]], bytes(row[4]))
        store.commit()
        count = rows[-1][0]


def _react(unit: EdgeUnit, functions: tuple[Reaction, ...], data: bytes) -> None:
    event = Event.model_validate_json(data)
    body = KINDS[event.kind, event.v].model_validate(event.body)
    recorded = Recorded(
        event.seq, event.id, event.kind, event.at, event.by, event.device, body, replayed=True
    )
    for function in functions:
        function(unit, recorded)


def _differences(old: Connection, new: Connection) -> Iterator[Difference]:
    listed = 0
    for table in SHADOWS:
        had, has = _rows(old, table), _rows(new, table)
        for sign, odd in (("-", had - has), ("+", has - had)):
            for row in sorted(odd, key=str):
                yield Difference(table, f"{sign} {row}"[:300])
                listed += 1
                if listed >= DIFFERENCES_LISTED:
                    return


def _rows(connection: Connection, table: str) -> set[tuple[object, ...]]:
    return {tuple(row) for row in connection.execute(f"SELECT * FROM {table}")}  # noqa: S608 - a fixed list


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a fixed list
