"""The outbox of directives: what the hub tells an edge, numbered, chained and answered.

A directive is numbered in the transaction that decided it, and `sent` is committed before anything is
published. So a directive that was never marked sent can be taken back with certainty: its number stays, as
a no-op. From an expiry passing the hub concludes nothing; only the edge's answer counts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, HubUnit, Lookup
from hub.fleet.rows import directives, hub_meta, locations, meta
from hub.spine.steps import take_orders
from protocol.clock import Clock
from protocol.directives import DIRECTIVE_KINDS, DirectiveOutcome, Withdrawn
from protocol.errors import Invalid, NotFound
from protocol.ids import IdMaker
from protocol.orders import WireModel
from protocol.stream import first_hash, next_hash

HUB_INC: Final = "hub_inc"
_MADE: Final = "hub_inc_made"
_LIFE: Final = "life:"
DIRECTIVES_PER_BATCH: Final = 50
BATCH_BYTES: Final = 100_000
DIRECTIVE_LIMIT: Final = 32 * 1024
_KIND_OF: Final[Mapping[type[WireModel], tuple[str, int]]] = {
    model: kind for kind, model in DIRECTIVE_KINDS.items()
}
_INSERT: Final = Change(sa.insert(directives))
_MINE: Final = (directives.c.edge == sa.bindparam("to")) & (directives.c.hub_inc == sa.bindparam("life"))
_IS_ONE: Final = sa.and_(_MINE, directives.c.cseq == sa.bindparam("number"))
_ONE: Final = Lookup(sa.select(directives).where(_IS_ONE))
_NEWEST: Final = Lookup(
    sa.select(directives.c.cseq, directives.c.hash).where(_MINE).order_by(directives.c.cseq.desc()).limit(1)
)
_AFTER: Final = (
    sa.select(directives)
    .where(_MINE, directives.c.cseq > sa.bindparam("after"))
    .order_by(directives.c.cseq)
    .limit(DIRECTIVES_PER_BATCH)
)
_NEXT: Final = Lookup(_AFTER)
_NEXT_UNSENT: Final = Lookup(_AFTER.where(directives.c.sent_us.is_(None)))
_SENT: Final = Change(
    sa.update(directives)
    .where(
        _MINE,
        directives.c.cseq.between(sa.bindparam("first"), sa.bindparam("last")),
        directives.c.sent_us.is_(None),
    )
    .values(
        sent_us=sa.bindparam("now_us"),
        state=sa.case((directives.c.state == "queued", "sent"), else_=directives.c.state),
    )
)
_LOCK: Final = (
    sa.select(locations.c.location_id).where(locations.c.location_id == sa.bindparam("of")).with_for_update()
)
_LIVES: Final = Lookup(
    sa.union(
        sa.select(hub_meta.c.value).where((hub_meta.c.key == HUB_INC) | hub_meta.c.key.startswith(_LIFE)),
        sa.select(directives.c.hub_inc).distinct(),
    )
)
_LOWEST: Final = Lookup(
    sa.select(sa.func.min(directives.c.cseq)).where(_MINE, directives.c.answered_us.is_(None))
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A contiguous run of directives, ready to be published; all of it is marked sent."""

    first: int
    prev: str
    head: str
    directives: tuple[str, ...]


class Outbox:
    """Numbers directives in the caller's unit of work and hands them out for sending."""

    def __init__(self, *, clock: Clock, ids: IdMaker, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` runs after commit, so that the link looks here at once."""
        self._clock = clock
        self._ids = ids
        self.wake = wake

    def send_directive(
        self,
        unit: HubUnit,
        edge: str,
        body: WireModel,
        *,
        expires_us: int | None = None,
        subjects: Sequence[str] = (),
    ) -> int:
        """Number a directive for an edge and return its number; it leaves after the unit is committed.

        Raises:
            Invalid: it is larger than the wire carries.
        """
        cseq = self._append(
            unit,
            edge,
            kind=_KIND_OF[type(body)],
            body=body.model_dump(mode="json"),
            directive_id=self._ids.new_id(),
            expires_us=expires_us,
            subjects=subjects,
        )
        if self._woken not in unit.effects:
            unit.after_commit(self._woken)
        return cseq

    def withdraw(self, unit: HubUnit, edge: str, cseq: int) -> bool:
        """Take a directive back if it was never sent; False when it may have arrived.

        Raises:
            NotFound: there is no such directive.
        """
        connection = unit.connection
        _one_at_a_time(connection, edge)
        hub_inc = self.hub_inc(unit)
        row = _row(connection, edge, hub_inc, cseq)
        if row is None:
            raise NotFound(f"There is no directive {cseq} for {edge}.", "Look the list up again.")
        if row.state != "queued":
            return False
        said = json.loads(row.bytes)
        said["kind"], said["v"] = _KIND_OF[Withdrawn]
        said["body"] = {"withdrawn_kind": row.kind}
        _update(connection, edge, hub_inc, cseq, bytes=_dump(said), state="withdrawn")
        self._rechain(connection, edge, hub_inc, cseq)
        return True

    def hub_inc(self, unit: HubUnit) -> str:
        """Return the incarnation of this hub's database, made on first use."""
        kept: str | None = unit.memory.get(HUB_INC)
        if kept is not None:
            return kept
        known = meta(unit.connection, HUB_INC)
        if known is not None:
            # One that was made in this unit of work is not remembered: what made it may yet be undone.
            if not unit.memory.get(_MADE):
                unit.memory[HUB_INC] = known
            return known
        unit.memory[_MADE] = True
        # The log's lock first, and another look: of several processes that begin at once one makes it.
        take_orders(unit, 0)
        known = meta(unit.connection, HUB_INC)
        if known is not None:
            return known
        made = self._ids.secret(16)
        unit.connection.execute(sa.insert(hub_meta).values(key=HUB_INC, value=made))
        self.remember_life(unit, made)
        return made

    def lives(self, connection: Connection) -> frozenset[str]:
        """Return every incarnation of this hub that its database remembers."""
        return frozenset(_LIVES.scalars(connection))

    def remember_life(self, unit: HubUnit, hub_inc: str) -> None:
        """Note an incarnation; a backup that does not have it was made before it began."""
        if hub_inc and hub_inc not in self.lives(unit.connection):
            unit.connection.execute(sa.insert(hub_meta).values(key=f"{_LIFE}{hub_inc}", value=hub_inc))

    def new_incarnation(self, unit: HubUnit) -> str:
        """Begin a new life of the hub, after a restore: what was not answered is numbered anew.

        Ids stay, so an edge that carried one out before the restore answers `duplicate`.
        """
        connection = unit.connection
        old = self.hub_inc(unit)
        new = self._ids.secret(16)
        connection.execute(sa.update(hub_meta).where(hub_meta.c.key == HUB_INC).values(value=new))
        unit.memory.pop(HUB_INC, None)
        unit.memory[_MADE] = True
        self.remember_life(unit, old)
        pending = connection.execute(
            sa.select(directives)
            .where(directives.c.hub_inc == old, directives.c.state.in_(("queued", "sent")))
            .order_by(directives.c.edge, directives.c.cseq)
        ).all()
        for row in pending:
            said = json.loads(row.bytes)
            cseq = self._append(
                unit,
                row.edge,
                kind=(said["kind"], said["v"]),
                body=said["body"],
                directive_id=row.id,
                expires_us=row.expires_us,
                subjects=said.get("subjects", ()),
            )
            # It may have left in the life before, so nobody may take it back with certainty any more.
            _update(connection, row.edge, new, cseq, state="sent", sent_us=self._clock.now_us())
            _update(connection, row.edge, old, row.cseq, state="withdrawn", detail="numbered anew")
        return new

    def take(self, unit: HubUnit, edge: str, after: int, *, resend: bool) -> Outgoing | None:
        """Mark the next run after a watermark as sent and return it; None when there is nothing.

        Without `resend` only what never left is taken.
        """
        connection = unit.connection
        _one_at_a_time(connection, edge)
        hub_inc = self.hub_inc(unit)
        mine = {"to": edge, "life": hub_inc}
        following = _NEXT if resend else _NEXT_UNSENT
        rows = _cut(following.all(connection, **mine, after=after))
        if not rows:
            return None
        run = {"first": rows[0].cseq, "last": rows[-1].cseq, "now_us": self._clock.now_us()}
        _SENT.run(connection, **mine, **run)
        return Outgoing(
            first=rows[0].cseq,
            prev=self.hash_at(connection, edge, hub_inc, rows[0].cseq - 1),
            head=rows[-1].hash,
            directives=tuple(row.bytes.decode() for row in rows),
        )

    def answered(
        self, unit: HubUnit, edge: str, outcomes: Sequence[DirectiveOutcome]
    ) -> list[tuple[sa.Row[Any], DirectiveOutcome]]:
        """Keep what became of directives and return those that were not known to be answered."""
        hub_inc = self.hub_inc(unit)
        news = []
        for outcome in outcomes:
            row = _row(unit.connection, edge, hub_inc, outcome.cseq)
            if row is None or row.answered_us is not None:
                continue
            _update(
                unit.connection,
                edge,
                hub_inc,
                outcome.cseq,
                state="withdrawn" if row.state == "withdrawn" else "answered",
                outcome=outcome.res.value,
                code=outcome.code,
                detail=outcome.detail,
                answered_us=self._clock.now_us(),
            )
            news.append((row, outcome))
        return news

    def next_unanswered(self, connection: Connection, edge: str, hub_inc: str) -> int:
        """Return the lowest number that the edge has not answered; one beyond the last when all are."""
        lowest = _LOWEST.scalar(connection, to=edge, life=hub_inc)
        return int(lowest) if lowest is not None else self.last(connection, edge, hub_inc) + 1

    def last(self, connection: Connection, edge: str, hub_inc: str) -> int:
        """Return the newest number for an edge, 0 before the first."""
        return self._head(connection, edge, hub_inc)[0]

    def hash_at(self, connection: Connection, edge: str, hub_inc: str, cseq: int) -> str:
        """Return the chain hash after a directive; that of number 0 stands before the first."""
        row = _row(connection, edge, hub_inc, cseq) if cseq else None
        return row.hash if row is not None else first_hash(edge, hub_inc)

    def _head(self, connection: Connection, edge: str, hub_inc: str) -> tuple[int, str]:
        """Return the newest number for an edge and the chain hash after it."""
        newest = _NEWEST.first(connection, to=edge, life=hub_inc)
        return (0, first_hash(edge, hub_inc)) if newest is None else (newest.cseq, newest.hash)

    def _woken(self) -> None:
        self.wake()

    def _append(
        self,
        unit: HubUnit,
        edge: str,
        *,
        kind: tuple[str, int],
        body: Mapping[str, Any],
        directive_id: str,
        expires_us: int | None,
        subjects: Sequence[str],
    ) -> int:
        connection = unit.connection
        _one_at_a_time(connection, edge)
        hub_inc, now_us = self.hub_inc(unit), self._clock.now_us()
        last, head = self._head(connection, edge, hub_inc)
        cseq = last + 1
        said = {
            "cseq": cseq,
            "id": directive_id,
            "kind": kind[0],
            "v": kind[1],
            "at": now_us,
            "exp": expires_us,
            "subjects": list(subjects),
            "body": body,
        }
        data = _dump(said)
        if len(data) > DIRECTIVE_LIMIT:
            raise Invalid("This directive is larger than the wire carries.", "Send it over HTTPS.")
        row = {
            "edge": edge,
            "hub_inc": hub_inc,
            "cseq": cseq,
            "id": directive_id,
            "kind": kind[0],
            "bytes": data,
            "hash": next_hash(head, data),
            "state": "queued",
            "expires_us": expires_us,
            "created_us": now_us,
        }
        _INSERT.run(connection, **row)
        return cseq

    def _rechain(self, connection: Connection, edge: str, hub_inc: str, cseq: int) -> None:
        """Chain anew from a number on: directives leave in order, so none of these has left."""
        previous = self.hash_at(connection, edge, hub_inc, cseq - 1)
        rows = connection.execute(
            sa.select(directives.c.cseq, directives.c.bytes)
            .where(directives.c.edge == edge, directives.c.hub_inc == hub_inc, directives.c.cseq >= cseq)
            .order_by(directives.c.cseq)
        ).all()
        for row in rows:
            previous = next_hash(previous, row.bytes)
            _update(connection, edge, hub_inc, row.cseq, hash=previous)


def _one_at_a_time(connection: Connection, edge: str) -> None:
    """Let nobody else number, take back or send directives of an edge until COMMIT.

    Between reading a run and marking it sent, another process could take one of it back: the edge would get
    what the hub believes it never will. SQLite has one writer and needs no lock.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"of": edge})


def _row(connection: Connection, edge: str, hub_inc: str, cseq: int) -> sa.Row[Any] | None:
    return _ONE.first(connection, to=edge, life=hub_inc, number=cseq)


def _update(connection: Connection, edge: str, hub_inc: str, cseq: int, **values: Any) -> None:
    key = {"to": edge, "life": hub_inc, "number": cseq}
    _changing(tuple(values)).run(connection, **key, **values)


@cache
def _changing(columns: tuple[str, ...]) -> Change:
    changed: dict[str, Any] = {column: sa.bindparam(column) for column in columns}
    return Change(sa.update(directives).where(_IS_ONE).values(changed))


def _cut(rows: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
    """Return as many of the rows as fit in one packet, at least one."""
    size = 0
    for n, row in enumerate(rows):
        size += len(row.bytes)
        if n and size > BATCH_BYTES:
            return rows[:n]
    return rows


def _dump(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
