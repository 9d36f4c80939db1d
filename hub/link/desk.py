"""What the hub does with each kind of packet of an edge, and what it answers.

The edge's name comes from the topic, which the broker guarantees; a payload that names another is forged
and dropped. Packets of a session that is not the current one are dropped too: they are late, or somebody
else's. Everything here runs on the link's one thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.engine import Connection

from hub.database import Change, HubDatabase, HubUnit
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import blobs, heartbeats, link_sessions, stream, streams
from hub.link.alarms import Raise
from hub.link.epochs import Epoch, epoch_of
from hub.link.inbox import Received
from hub.link.leases import Guard, everybodys
from hub.link.lives import life
from hub.link.outbox import Outbox
from hub.link.outflow import Outflow
from hub.link.reopening import Found, Reopening, ReopeningParts, nobody_knows
from hub.link.rules import Alarm
from hub.link.sessions import Live, Opened, Sessions
from hub.spine.steps import take_orders
from protocol import topics
from protocol.clock import Clock
from protocol.directives import DirectiveOutcome, Outcome
from protocol.envelope import Batch, decode_batch, decompress
from protocol.errors import BadMessage
from protocol.handshake import (
    DirectiveAck,
    Heartbeat,
    Hello,
    LogAck,
    Rehello,
    Reject,
    RejectCode,
    RightsPacket,
    encode,
)
from protocol.ids import IdMaker
from protocol.reopening import IAm
from protocol.rights import EdgeVector, HubVector
from protocol.stream import GO_BACK_SPACING_SECONDS, Verdict

REHELLO_SPACING_SECONDS: Final = 2.0
UNREADABLE_BEFORE_ALARM: Final = 3
RIGHTS_ROWS: Final = 500
Due = tuple[Sequence[HubVector], Epoch]
"""What an edge has not echoed, and the epoch that it is of."""
_VECTORS: Final = TypeAdapter(tuple[EdgeVector, ...])
_FORGET_BEAT: Final = Change(sa.delete(heartbeats).where(heartbeats.c.edge == sa.bindparam("of")))
_BEAT: Final = Change(sa.insert(heartbeats))
_BEAT_OF_SESSION: Final = Change(
    sa.update(link_sessions)
    .where(link_sessions.c.edge == sa.bindparam("of"), link_sessions.c.inc == sa.bindparam("life"))
    .values({name: sa.bindparam(name) for name in ("last_us", "skew_us")})
)
_BEAT_OF_STREAM: Final = Change(
    sa.update(streams)
    .where(streams.c.edge == sa.bindparam("of"), streams.c.inc == sa.bindparam("life"))
    .values({name: sa.bindparam(name) for name in ("newest", "oldest_ms", "last_us")})
)
_OF_RIGHTS: Final = TypeAdapter[IAm | RightsPacket](IAm | RightsPacket)


class Inbox(Protocol):
    """What takes in batches of events; see `hub.link.inbox`."""

    def receive(self, batch: Batch, events: Sequence[bytes], arrived_us: int) -> Received:
        """Apply a batch, and return once it is durable."""


class Rights(Protocol):
    """What the stock room does with lending vectors."""

    def see(self, unit: HubUnit, edge: str, vectors: Sequence[EdgeVector]) -> None:
        """Take in what an edge says about its SKUs."""

    def due(self, connection: Connection, edge: str, limit: int) -> Sequence[HubVector]:
        """Return what the edge has not echoed."""

    def untold(self, connection: Connection) -> frozenset[str]:
        """Return the edges of which something is due."""

    def echoed(self, unit: HubUnit, edge: str, seen: Sequence[tuple[str, int]]) -> None:
        """The edge has seen these (sku, version)."""


Heard = Callable[[HubUnit, str, sa.Row[Any], DirectiveOutcome], bool]
"""Hears of every directive that an edge answered, in the transaction that keeps the answer: (unit, edge, row
of the directive, outcome). True says that it was taken care of, so a rejection calls nobody."""


def nobody_listens(_unit: HubUnit, _edge: str, _row: sa.Row[Any], _outcome: DirectiveOutcome) -> bool:
    """Leave every answer to the desk."""
    return False


def first_of(*rooms: Heard) -> Heard:
    """Return what asks each room in its turn, until one has taken care of an answer."""

    def heard(unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
        return any(room(unit, edge, row, outcome) for room in rooms)

    return heard


@dataclass(slots=True)
class Tally:
    """What went by, for the status and the tests."""

    batches: int = 0
    dropped: int = 0
    """Packets of old or unknown sessions."""
    forged: int = 0
    """Packets that named another edge than the one that sent them."""
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk works with."""

    database: HubDatabase
    inbox: Inbox
    outbox: Outbox
    sessions: Sessions
    presence: FleetPresence
    clock: Clock
    ids: IdMaker
    raise_alarm: Raise
    publish: Callable[[str, bytes], bool]
    on_change: Callable[[str], None]
    hub_boot: str
    rights: Rights | None = None
    heard: Heard = nobody_listens
    greeted: Callable[[HubUnit, str, Hello], None] = lambda _unit, _edge, _hello: None
    """Hears of every HELLO that began a session, in its transaction."""
    guard: Guard = everybodys
    """Stands before every transaction that serves a location."""
    found: Found = nobody_knows
    """Hears of assignments that a location has and this hub has forgotten."""


class Desk:
    """Handles packets one by one."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self.tally = Tally()
        self.hub_inc = parts.database.write(parts.outbox.hub_inc)
        self.outflow = Outflow(parts.outbox, parts.database, parts.publish, parts.clock, parts.guard)
        self.reopening = Reopening(
            ReopeningParts(
                database=parts.database,
                outbox=parts.outbox,
                clock=parts.clock,
                ids=parts.ids,
                raise_alarm=parts.raise_alarm,
                tell=self._tell,
                on_change=parts.on_change,
                guard=parts.guard,
                found=parts.found,
            )
        )
        self._gap_at: dict[str, float] = {}
        self._rehello_at: dict[str, float] = {}
        self._unreadable: dict[str, int] = {}
        self._handlers: Final[Mapping[str, Callable[[str, bytes], None]]] = {
            "hello": self._on_hello,
            "log": self._on_log,
            "ack": self._on_directive_ack,
            "hb": self._on_heartbeat,
            "rights": self._on_rights,
        }

    def handle(self, edge: str, kind: str, payload: bytes) -> None:
        """Take one packet; what cannot be read is counted and dropped."""
        if kind == "log":
            self._on_log(edge, payload)
            return
        try:
            self._handlers[kind](edge, decompress(payload))
        except (ValidationError, BadMessage):
            self.tally.unreadable += 1

    def rehello_all(self, *, but: str = "") -> None:
        """Ask every edge to begin again; its session is read anew, for a new life of the hub has ended it."""
        met = self._parts.sessions.all()
        self._parts.sessions.read_again()
        for live in met:
            if live.edge != but:
                self._rehello(live.edge, live.inc)

    def closed(self, edge: str) -> None:
        """The edge may not be told anything any more by this process."""
        self.outflow.closed(edge)
        self.reopening.closed(edge)

    def tick(self) -> None:
        """Do what is due, and follow a new life that another process or a tool has begun."""
        with self._parts.database.read() as connection:
            hub_inc = life(connection).hub_inc
        if hub_inc != self.hub_inc:
            self.hub_inc = hub_inc
            self.rehello_all()
        self.outflow.tick()
        self.reopening.tick(self.hub_inc)

    def _on_hello(self, edge: str, data: bytes) -> None:
        hello = Hello.model_validate_json(data)
        parts = self._parts
        seconds_since = parts.presence.seconds_since(edge)

        def step(unit: HubUnit) -> Opened:
            parts.guard(unit, edge)
            opened = parts.sessions.open(unit, edge, hello, seconds_since=seconds_since)
            if opened.alarm is not None:
                parts.raise_alarm(unit, opened.alarm)
            if opened.live is not None and not opened.live.drain_only:
                parts.greeted(unit, edge, hello)
            return opened

        opened = parts.database.write(step)
        live = opened.live
        if live is not None:
            parts.sessions.adopt(live)
        self._tell(edge, "ctl", encode(opened.packet))
        if opened.new_hub_inc:
            self.hub_inc = opened.new_hub_inc
            self.rehello_all(but=edge)
        if live is not None and not live.drain_only:
            parts.presence.heard(edge)
            self.outflow.opened(live, self.hub_inc)
            self.reopening.opened(live, self.hub_inc)
        parts.on_change(edge)

    def _on_log(self, edge: str, payload: bytes) -> None:
        try:
            batch = decode_batch(payload)
        except BadMessage:
            self._unreadable_batch(edge, None)
            return
        if batch.edge != edge:
            self.tally.forged += 1
            return
        live = self._current(edge, batch.inc, batch.sess)
        if live is None:
            return
        events: tuple[bytes, ...] = batch.events
        missing: tuple[str, ...] = ()
        if batch.blobs:
            with self._parts.database.read() as connection:
                events, missing = _with_blobs(connection, batch)
        if missing:
            self._ack(live, gap=True, need_blobs=missing)
            return
        try:
            received = self._parts.inbox.receive(batch, events, self._parts.clock.now_us())
        except BadMessage:
            self._unreadable_batch(edge, live)
            return
        self.tally.batches += 1
        self._unreadable.pop(edge, None)
        self._answer(live, received)

    def _answer(self, live: Live, received: Received) -> None:
        match received.verdict:
            case Verdict.FORK:
                reject = Reject(nonce=live.nonce, inc=live.inc, code=RejectCode.FORK)
                self._tell(live.edge, "ctl", encode(reject))
            case Verdict.GAP:
                if self._may(self._gap_at, live.edge, GO_BACK_SPACING_SECONDS):
                    self._tell_ack(live, received.upto, received.head, gap=True)
            case _:
                self._tell_ack(live, received.upto, received.head)
                self.reopening.applied(live.edge, self.hub_inc)
                self._parts.on_change(live.edge)

    def _unreadable_batch(self, edge: str, live: Live | None) -> None:
        """Ask for single events, so that the one that cannot be read is found; tell a person if it stays."""
        self.tally.unreadable += 1
        live = live or self._parts.sessions.of_edge(edge)
        if live is None or not self._may(self._gap_at, edge, GO_BACK_SPACING_SECONDS):
            return
        times = self._unreadable[edge] = self._unreadable.get(edge, 0) + 1
        if times == UNREADABLE_BEFORE_ALARM:
            alarm = Alarm("edge_unreadable", edge, f"What {edge} sends cannot be read.")
            self._parts.database.write(lambda unit: self._parts.raise_alarm(unit, alarm))
        self._ack(live, gap=True, single=True)

    def _on_directive_ack(self, edge: str, data: bytes) -> None:
        ack = DirectiveAck.model_validate_json(data)
        if self._current(edge, ack.inc, ack.sess) is None or ack.hub_inc != self.hub_inc:
            return
        parts = self._parts

        def step(unit: HubUnit) -> None:
            parts.guard(unit, edge)
            # The lock of the log first, as every decision takes it: nobody waits in a circle.
            take_orders(unit, 0)
            for row, outcome in parts.outbox.answered(unit, edge, ack.outcomes):
                cared_for = parts.heard(unit, edge, row, outcome)
                if outcome.res is Outcome.REJECTED and not cared_for:
                    parts.raise_alarm(unit, rejected_directive(edge, row.cseq, row.kind, outcome))

        if ack.outcomes:
            parts.database.write(step)
        self.outflow.answered(edge, ack.upto)
        parts.on_change(edge)

    def _on_heartbeat(self, edge: str, data: bytes) -> None:
        beat = Heartbeat.model_validate_json(data)
        if self._current(edge, beat.inc, beat.sess) is None:
            # A HELLO that came a second time, late, has opened a session of which the edge knows nothing.
            # One that has nothing to tell would never find out that nobody hears it.
            if self._may(self._rehello_at, edge, REHELLO_SPACING_SECONDS):
                self._rehello(edge, beat.inc)
            return
        now_us = self._parts.clock.now_us()

        def step(unit: HubUnit) -> None:
            self._parts.guard(unit, edge)
            connection = unit.connection
            _FORGET_BEAT.run(connection, of=edge)
            _BEAT.run(connection, edge=edge, inc=beat.inc, body=beat.model_dump_json(), arrived_us=now_us)
            one = {"of": edge, "life": beat.inc, "last_us": now_us}
            _BEAT_OF_SESSION.run(connection, **one, skew_us=beat.clock_us - now_us)
            _BEAT_OF_STREAM.run(connection, **one, newest=beat.last_seq, oldest_ms=beat.oldest_ms)

        self._parts.database.write(step)
        self._parts.on_change(edge)

    def _on_rights(self, edge: str, data: bytes) -> None:
        packet = _OF_RIGHTS.validate_json(data)
        rights, live = self._parts.rights, self._current(edge, packet.inc, packet.sess)
        if rights is None or live is None or live.drain_only or packet.hub_inc != self.hub_inc:
            return
        if isinstance(packet, IAm):
            self.reopening.heard(edge, packet, self.hub_inc)
            return
        vectors = _VECTORS.validate_python(packet.rows)

        def step(unit: HubUnit) -> Due | None:
            self._parts.guard(unit, edge)
            if not self.reopening.is_open_for(unit, live, packet.ep, self.hub_inc):
                return None
            if vectors:
                rights.see(unit, edge, vectors)
            if packet.echo:
                rights.echoed(unit, edge, packet.echo)
            # Here, where the rows are at hand: a reader would fetch all of them anew after this commit.
            return _due(rights, unit.connection, edge)

        due = self._parts.database.write(step)
        if due is not None:
            self._say_rights(live, due, echo=tuple((vector.sku, vector.ver) for vector in vectors))

    def untold(self) -> frozenset[str]:
        """Return the edges that have not echoed every vector; most have, and need not be asked one by one."""
        rights = self._parts.rights
        if rights is None:
            return frozenset()
        with self._parts.database.read() as connection:
            return rights.untold(connection)

    def tell_rights(self, live: Live) -> None:
        """Tell an edge the vectors it has not echoed."""
        rights = self._parts.rights
        if rights is None:
            return
        with self._parts.database.read() as connection:
            due = _due(rights, connection, live.edge)
        self._say_rights(live, due)

    def _say_rights(self, live: Live, due: Due, *, echo: tuple[tuple[str, int], ...] = ()) -> None:
        """Say vectors to an edge, and echo what it told."""
        vectors, epoch = due
        rows = tuple(vector.model_dump() for vector in vectors) if epoch.is_open else ()
        if rows or echo:
            packet = RightsPacket(
                inc=live.inc, sess=live.sess, hub_inc=self.hub_inc, ep=epoch.ep, rows=rows, echo=echo
            )
            self._tell(live.edge, "rights", encode(packet))

    def _current(self, edge: str, inc: str, sess: str) -> Live | None:
        """Return the session that a packet belongs to; None when it is late, stale or unknown."""
        live = self._parts.sessions.met(edge, inc)
        if live is None:
            with self._parts.database.read() as connection:
                live = self._parts.sessions.find(connection, edge, inc)
        if live is None:
            self.tally.dropped += 1
            if self._may(self._rehello_at, edge, REHELLO_SPACING_SECONDS):
                self._rehello(edge, inc)
            return None
        if live.sess != sess:
            self.tally.dropped += 1
            return None
        if not live.drain_only:
            self._parts.presence.heard(edge)
            self.outflow.met(live, self.hub_inc)
            self.reopening.met(live, self.hub_inc)
        return live

    def _ack(
        self, live: Live, *, gap: bool = False, single: bool = False, need_blobs: tuple[str, ...] = ()
    ) -> None:
        with self._parts.database.read() as connection:
            row = stream(connection, live.edge, live.inc)
        if row is not None:
            self._tell_ack(live, row.upto, row.head, gap=gap, single=single, need_blobs=need_blobs)

    def _tell_ack(
        self,
        live: Live,
        upto: int,
        head: str,
        *,
        gap: bool = False,
        single: bool = False,
        need_blobs: tuple[str, ...] = (),
    ) -> None:
        ack = LogAck(
            inc=live.inc, sess=live.sess, upto=upto, head=head, gap=gap, single=single, need_blobs=need_blobs
        )
        self._tell(live.edge, "ack", encode(ack))

    def _rehello(self, edge: str, inc: str) -> None:
        self._tell(edge, "ctl", encode(Rehello(inc=inc, hub_boot=self._parts.hub_boot)))

    def _tell(self, edge: str, kind: str, payload: bytes) -> None:
        # What does not leave now is said again when the edge asks: nothing depends on this one packet.
        self._parts.publish(topics.down(edge, kind), payload)

    def _may(self, when: dict[str, float], edge: str, spacing_seconds: float) -> bool:
        now = self._parts.clock.monotonic()
        if now - when.get(edge, float("-inf")) < spacing_seconds:
            return False
        when[edge] = now
        return True


def _due(rights: Rights, connection: Connection, edge: str) -> Due:
    return rights.due(connection, edge, RIGHTS_ROWS), epoch_of(connection, edge)


def rejected_directive(edge: str, cseq: int, kind: str, outcome: DirectiveOutcome) -> Alarm:
    """Return the alarm for a directive that an edge could not carry out; each is its own."""
    return Alarm(
        "directive_rejected",
        edge,
        f"{edge} could not carry out {kind}: {outcome.detail or outcome.code}"[:300],
        (("cseq", cseq), ("directive", kind), ("code", outcome.code), ("detail", outcome.detail)),
        of=str(cseq),
    )


def _with_blobs(connection: Connection, batch: Batch) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Return the events with those that came over HTTPS in their places, and the hashes that are missing."""
    found = {
        row.sha256: row.bytes
        for row in connection.execute(
            sa.select(blobs.c.sha256, blobs.c.bytes).where(blobs.c.sha256.in_(set(batch.blobs.values())))
        )
    }
    missing = tuple(sorted(set(batch.blobs.values()) - found.keys()))
    if missing:
        return (), missing
    events = tuple(
        found[batch.blobs[seq]] if not data and seq in batch.blobs else data
        for seq, data in enumerate(batch.events, start=batch.first)
    )
    return events, ()
