"""Make the tables anew from the log, and compare: the tables are a shadow, and this proves it.

Every event is played into a fresh file through the same table of reactions that wrote the store's own. An
offer of the hub is no event of the store, so what directives wrote is played from their own stored bytes,
each at its place between the events (`directives.after_seq`). What is not a shadow (people, products,
baskets, contacts, walks that are not over, print jobs, keys of requests) is left out on both sides.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.database import EdgeUnit, migrate
from edge_agent.journal import Recorded
from edge_agent.journey import directive_shadows, reactions
from edge_agent.link.directives import write_again
from edge_agent.reacting import react
from protocol.envelope import decode_event
from protocol.kit.sqlite import Connection, connect
from protocol.kit.writer import SqliteStore, Unit

SHADOWS: Final = (
    "orders",
    "order_lines",
    "order_tenders",
    "returns",
    "return_lines",
    "return_tenders",
    "line_serials",
    "returned_serials",
    "mail_ins",
    "mail_in_lines",
    "stored_value",
    "stored_value_moves",
    "movements",
    "balances",
    "till_sessions",
    "exceptions",
    "exception_acts",
    "later_orders",
    "later_order_lines",
    "later_payments",
    "later_tenders",
    "later_story",
    "later_elsewhere",
    "assignments",
    "assignment_lines",
    "parcels",
    "handovers",
    "manifests",
    "transfers",
    "transfer_lines",
    "transfer_orders",
    "cartons",
    "transfer_receipts",
    "early_events",
    "rights",
    "count_tasks",
    "count_lines",
    "count_passes",
    "adjustments",
    "adjustment_lines",
    "deliveries",
    "delivery_lines",
    "receipts",
    "receipt_lines",
    "order_holds",
    "offline_tenders",
)
SELECTS: Final = {
    # What was granted and returned is the link's own; what left and what is picked follows from the log.
    "rights": "SELECT sku, finished, hub_picked FROM rights WHERE finished <> 0 OR hub_picked <> 0"
}
EVENTS_AT_ONCE: Final = 1_000
_NEXT: Final = """
SELECT * FROM (
    SELECT e.seq, e.id, e.kind, e.at_us, e.bytes, e.hash,
           coalesce(b.after_seq, e.seq) AS key, coalesce(b.failed, '') AS failed
    FROM events e LEFT JOIN brought_back b USING (seq)
) WHERE (key, seq) > (:key, :seq) ORDER BY key, seq LIMIT :limit
"""
"""Events that a restored store got back took effect later than their numbers say."""
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
    offered = _Directives(old)
    count, key, seq = 0, -(2**62), 0
    while True:
        rows = old.execute(_NEXT, {"key": key, "seq": seq, "limit": EVENTS_AT_ONCE}).fetchall()
        store.begin()
        unit: EdgeUnit = Unit(store)
        if not rows:
            offered.play(unit, None)
            store.commit()
            return count
        for *event, key, failed in rows:  # noqa: B007 - the last one is where the next look begins
            seq = event[0]
            offered.play(unit, seq)
            new.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", tuple(event))
            if not failed:
                react(unit, table[event[2]], Recorded.of_log(seq, decode_event(bytes(event[4]))))
        store.commit()
        count += len(rows)


class _Directives:
    """What the hub told this store and it carried out, in the order in which it stood between the events."""

    def __init__(self, old: Connection) -> None:
        self._shadows = directive_shadows()
        self._waiting = deque(
            tuple(row)
            for row in old.execute(
                "SELECT after_seq, kind, bytes, arrived_us FROM directives WHERE outcome = 'applied'"
                " ORDER BY after_seq, rowid"
            )
            if row[1] in self._shadows
        )

    def play(self, unit: EdgeUnit, before_seq: int | None) -> None:
        """Write what came before an event; everything that is left when there is none."""
        while self._waiting and (before_seq is None or self._waiting[0][0] < before_seq):
            _after, kind, data, arrived_us = self._waiting.popleft()
            write_again(unit, data, self._shadows[kind], arrived_us)


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
    select = SELECTS.get(table, f"SELECT * FROM {table}")  # noqa: S608 - a fixed list
    return {tuple(row) for row in connection.execute(select)}


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a fixed list
