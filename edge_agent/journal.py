"""Append an event, update the tables, queue the message and queue the paper: one transaction.

A room never writes a shadow table by itself. It decides, then records a fact here; the reactions that
`journey.py` lists for that kind of fact do the rest inside the same unit of work. So the tables can be
rebuilt from the log, and a sale without its stock movement, its message or its receipt cannot exist.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from protocol.clock import Clock
from protocol.envelope import Event, encode_event, read_body
from protocol.events import KIND_OF, ExceptionRaised
from protocol.exceptions import kind_of
from protocol.ids import IdMaker
from protocol.kit.sqlite import Connection
from protocol.orders import WireModel
from protocol.stream import first_hash


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that is part of this unit of work; durable once the unit is."""

    seq: int
    event_id: str
    kind: str
    at_us: int
    by: str
    device: str
    body: WireModel
    replayed: bool = False
    """True while tables are rebuilt from the log: no paper, no messages."""

    @classmethod
    def of_log(cls, seq: int, event: Event) -> "Recorded":
        """Return an event of the log, for reactions that write again what it wrote."""
        body = read_body(event)
        return cls(seq, event.id, event.kind, event.at, event.by, event.device, body, replayed=True)


_LAST: Final = (
    "SELECT e.seq, e.hash, l.base, l.carried FROM link l"
    " LEFT JOIN events e ON e.seq = (SELECT max(seq) FROM events)"
)
_CARRIED: Final = "SELECT hash FROM carried WHERE inc = (SELECT value FROM meta WHERE key = 'inc') AND n = ?"
Reaction = Callable[[EdgeUnit, Recorded], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this database is: an edge, and the one life of its stream."""

    edge: str
    inc: str
    ordinal: int
    """Small number of this incarnation, part of every printed number."""


class Journal:
    """The store's log of facts."""

    def __init__(
        self,
        identity: Identity,
        reactions: Mapping[str, Sequence[Reaction]],
        *,
        clock: Clock,
        ids: IdMaker,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Listen with `on_commit` to learn that something new is there to send; it runs after COMMIT."""
        self.identity = identity
        self._reactions = reactions
        self._clock = clock
        self._ids = ids
        self._on_commit = on_commit

    def record(self, unit: EdgeUnit, body: WireModel, *, by: str = "", device: str = "") -> Recorded:
        """Append a fact and let every room that cares react to it."""
        kind, _version = KIND_OF[type(body)]
        seq, head, base = self._last(unit.connection)
        event_id, at_us = self._ids.new_id(), self._clock.now_us()
        data = encode_event(seq + 1 - base, event_id, at_us, body, by=by, device=device)
        unit.connection.execute(
            "INSERT INTO events (seq, id, kind, at_us, bytes, hash) VALUES (?, ?, ?, ?, ?, ?)",
            (seq + 1, event_id, kind, at_us, data, hashlib.sha256(head + data).digest()),
        )
        recorded = Recorded(seq + 1, event_id, kind, at_us, by, device, body)
        for reaction in self._reactions[kind]:
            reaction(unit, recorded)
        if self._on_commit not in unit.effects:
            unit.after_commit(self._on_commit)
        return recorded

    def raise_exception(  # noqa: PLR0913 - the fields of the event, all said by name
        self,
        unit: EdgeUnit,
        *,
        kind: str,
        subject: str,
        title: str,
        facts: Mapping[str, object],
        dedupe_key: str,
        owner_role: str = "",
        by: str = "",
        device: str = "",
    ) -> Recorded | None:
        """Say that something needs a person, unless it has been said and is still open.

        Whose it is says its kind (`protocol.exceptions`); `owner_role` only where the room knows better.
        """
        known = unit.connection.execute(
            "SELECT 1 FROM exceptions WHERE dedupe_key = ? AND closed_us IS NULL", (dedupe_key,)
        ).fetchone()
        if known is not None:
            return None
        raised = ExceptionRaised(
            exception_id=self._ids.new_id(),
            kind=kind,
            subject=subject,
            title=title,
            facts=facts,
            owner_role=owner_role or kind_of(kind).owner_role,
            dedupe_key=dedupe_key,
        )
        return self.record(unit, raised, by=by, device=device)

    def last(self, connection: Connection) -> tuple[int, bytes]:
        """Return the newest number and its chain hash; number 0 stands before the first event."""
        seq, head, _base = self._last(connection)
        return seq, head

    def _last(self, connection: Connection) -> tuple[int, bytes, int]:
        """Return the newest row of this life, its chain hash, and the row before its first (see `lives`)."""
        seq, head, base, carried = connection.execute(_LAST).fetchone()
        if seq is not None and seq > base:
            return seq, head, base
        if carried:
            row = connection.execute(_CARRIED, (carried,)).fetchone()
            return base + carried, row[0], base
        inc = connection.execute("SELECT value FROM meta WHERE key = 'inc'").fetchone()
        known = self.identity.inc if inc is None else inc[0]
        return base, bytes.fromhex(first_hash(self.identity.edge, known)), base
