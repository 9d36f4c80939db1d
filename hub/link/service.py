"""The hub's end of the wire: one connection, one worker thread, every store in its turn.

Packets of one edge are handled in the order in which they came; edges take turns, so one that catches up
after three days does not hold up the others. A packet is acknowledged to the broker when its effect is
durable: until then it holds a place, and that is what slows a sender down.
"""

import random
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from pydantic import ValidationError

from hub.context import Hub
from hub.database import HubDatabase, HubUnit, Lookup
from hub.fleet.line import keep_forgotten
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import current_stream, link_sessions
from hub.fulfil.answers import answers_of
from hub.fulfil.found import found_of
from hub.link.alarms import Raise, raise_on
from hub.link.desk import Desk, DeskParts, Heard, Inbox, Rights, Tally, first_of, nobody_listens
from hub.link.leases import RENEW_SECONDS, Leases, everybodys
from hub.link.line import Line, Memory
from hub.link.outbox import Outbox
from hub.link.reopening import Found, nobody_knows
from hub.link.rights import RightsRows
from hub.link.rules import Alarm
from hub.link.sessions import Sessions
from hub.returns import keys as receipt_keys
from hub.stock.task_answers import answers_of as task_answers_of
from hub.transfers.answers import answers_of as transfer_answers_of
from protocol import topics
from protocol.clock import Clock
from protocol.errors import OrderspineError
from protocol.handshake import Hello, Presence, encode
from protocol.ids import IdMaker
from protocol.kit.mqtt import Broker, Down, Happening, Packet, Session, Undelivered, Up, Will, read_secret

NEXT_SECONDS: Final = 0.25
SORTED_AT_ONCE: Final = 200
AFTER_TROUBLE_SECONDS: Final = 0.2
TICK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 2.0
PRESENCE: Final = "st"
HUB: Final = "hub"
"""Stands where an edge's name does when it is about the hub itself."""
_KEPT: Final = Lookup(sa.select(link_sessions.c.edge, link_sessions.c.inc))


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the hub's end of the wire is."""

    connected: bool
    where: str
    """The broker, as `host:port`."""
    since_us: int | None
    """When the line came up, or when it was lost."""
    what: str
    remedy: str
    sessions: int
    undelivered: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What the hub's end works with."""

    database: HubDatabase
    inbox: Inbox
    outbox: Outbox
    clock: Clock
    ids: IdMaker
    raise_alarm: Raise
    presence: FleetPresence
    rights: Rights | None = None
    on_change: Callable[[str], None] = lambda _edge: None
    """Hears of every edge whose state, lag or heartbeat changed, and of `hub` when its own line did, on the
    link's thread."""
    leases: Leases | None = None
    """Which locations this process serves; None where one process serves them all."""
    heard: Heard = nobody_listens
    """Hears of every directive that was answered, in the transaction that keeps the answer."""
    greeted: Callable[[HubUnit, str, Hello], None] = lambda _unit, _edge, _hello: None
    """Hears of every HELLO that began a session, in its transaction."""
    found: Found = nobody_knows
    """Hears of assignments that a location has and this hub has forgotten."""
    line: Line = field(default_factory=Line)
    """How the line to the broker is, for the pages."""


class HubLink:
    """Runs the hub's end; built once per process."""

    def __init__(self, parts: LinkParts, broker: Broker | None) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._boot = parts.ids.secret(8)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.presence = parts.presence
        self._sessions = Sessions(parts.outbox, clock=parts.clock, ids=parts.ids, hub_boot=self._boot)
        self._session = self._open_session(broker) if broker is not None else None
        self._desk = Desk(
            DeskParts(
                database=parts.database,
                inbox=parts.inbox,
                outbox=parts.outbox,
                sessions=self._sessions,
                presence=parts.presence,
                clock=parts.clock,
                ids=parts.ids,
                raise_alarm=parts.raise_alarm,
                publish=self._publish,
                on_change=parts.on_change,
                hub_boot=self._boot,
                rights=parts.rights,
                heard=parts.heard,
                greeted=parts.greeted,
                guard=everybodys if parts.leases is None else parts.leases.guard,
                found=parts.found,
            )
        )
        self._waiting: OrderedDict[str, deque[tuple[str, Packet]]] = OrderedDict()
        self._line = parts.line
        self._line.at(f"{broker.host}:{broker.port}" if broker is not None else "")
        self._memory = Memory()
        self._lost_us = parts.clock.now_us()
        self._forgot_us: int | None = None
        self._outbox_changed = threading.Event()
        self._tick_at = 0.0
        self._renew_at = 0.0
        self._pills: dict[str, str] = {}
        self.undelivered = 0

    def start(self) -> None:
        """Begin, in the background."""
        if self._session is None:
            return
        self._parts.outbox.wake = self.wake
        if self._parts.leases is not None:
            self._parts.leases.start()
        self._session.start()
        self._thread = threading.Thread(target=self._run, name="hub-link", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the packet at hand, say goodbye and end."""
        self._stopping.set()
        self._parts.outbox.wake = _nothing
        if self._session is not None and self._thread is not None:
            self._session.poke()
            self._thread.join(STOP_SECONDS)
            self._session.stop()

    def wake(self) -> None:
        """Something is in the outbox; called after its commit, from the writer's thread."""
        self._outbox_changed.set()
        if self._session is not None:
            self._session.poke()

    def status(self) -> LinkStatus:
        """Return how the hub's end is; may be called from any thread."""
        line = self._line.status
        return LinkStatus(
            connected=line.connected,
            where=line.where,
            since_us=line.since_us,
            what=line.what,
            remedy=line.remedy,
            sessions=len(self._sessions.all()),
            undelivered=self.undelivered,
            tally=self._desk.tally,
        )

    def _run(self) -> None:
        session = self._session
        assert session is not None
        while not self._stopping.is_set():
            happening = session.next(0.0 if self._waiting else NEXT_SECONDS)
            for _ in range(SORTED_AT_ONCE):
                if happening is None:
                    break
                self._sort(happening)
                happening = session.next(0.0)
            self._one_of_each()
            if self._outbox_changed.is_set():
                self._outbox_changed.clear()
                self._guarded("", self._desk.outflow.look)
            self._tick()
        leases = self._parts.leases
        if leases is not None:
            self._guarded("", lambda: self._parts.database.write(leases.release))
        self._say_presence(on=False)

    def _sort(self, happening: Happening) -> None:
        """Put a packet into its edge's queue; take everything else at once."""
        match happening:
            case Up():
                self._came(happening.conn)
            case Down():
                if self._line.status.connected:
                    self._lost_us = self._clock.now_us()
                self._show(is_news=self._line.went(happening.what, happening.remedy, self._clock.now_us()))
                # What this connection brought is not acknowledged; the edges send it again.
                self._waiting.clear()
            case Undelivered():
                self.undelivered += 1  # an edge that is away; it begins with HELLO when it is back
            case Packet():
                self._sort_packet(happening)

    def _came(self, conn: str) -> None:
        self._show(is_news=self._line.came(conn, self._clock.now_us()))
        if self._memory.had_spoken is None:
            # Asked before this process takes its first HELLO: on a first installation nobody has spoken.
            self._guarded("", self._remember)
        self._say_presence(on=True)

    def _remember(self) -> None:
        with self._parts.database.read() as connection:
            self._memory.had_spoken = bool(_KEPT.all(connection))

    def _show(self, *, is_news: bool) -> None:
        if is_news:
            self._parts.on_change(HUB)

    def _sort_packet(self, packet: Packet) -> None:
        # Presence waits in line too: a goodbye counts after what was said before it.
        edge, kind = topics.parse_up(packet.topic) or (packet.topic.rpartition("/")[2], PRESENCE)
        leases = self._parts.leases
        if kind != PRESENCE and leases is not None and not leases.holds(edge):
            # Another process serves it, or nobody does yet; then the edge says it again.
            if kind != "hello":
                self.presence.heard(edge)
            packet.done()
            return
        self._waiting.setdefault(edge, deque()).append((kind, packet))

    def _one_of_each(self) -> None:
        """Handle one packet of every edge that has some."""
        for edge in list(self._waiting):
            if self._stopping.is_set():
                return
            kind, packet = self._waiting[edge].popleft()
            if not self._waiting[edge]:
                del self._waiting[edge]
            self._guarded(edge, lambda edge=edge, kind=kind, packet=packet: self._handle(edge, kind, packet))  # type: ignore[misc]  # bound now
            packet.done()

    def _handle(self, edge: str, kind: str, packet: Packet) -> None:
        if kind == PRESENCE:
            self._on_presence(edge, packet)
            return
        self._desk.handle(edge, kind, packet.payload)

    def _guarded(self, edge: str, act: Callable[[], None]) -> None:
        """Do something that may fail; nothing of it is acknowledged then, so the edge sends it again."""
        try:
            act()
        except (OrderspineError, sa.exc.SQLAlchemyError) as error:
            what = (
                error.what if isinstance(error, OrderspineError) else f"The database answers: {error}"[:300]
            )
            self._trouble(what, "Nothing is lost; it is tried again by itself.")
            self._stopping.wait(AFTER_TROUBLE_SECONDS)
        except Exception as error:  # noqa: BLE001 - one packet that trips a bug must not silence every store
            said = f"{type(error).__name__}: {error}"[:200]
            self._trouble(f"A packet of {edge or 'the hub'} could not be handled: {said}", "Call support.")
            alarm = Alarm("link_failed", edge, f"A packet of {edge} could not be handled.", (("why", said),))
            self._guarded_alarm(alarm)
        else:
            if self._line.status.connected and self._line.status.what:
                self._trouble()

    def _trouble(self, what: str = "", remedy: str = "") -> None:
        self._show(is_news=self._line.trouble(what, remedy))

    def _guarded_alarm(self, alarm: Alarm) -> None:
        try:
            self._parts.database.write(lambda unit: self._parts.raise_alarm(unit, alarm))
        except (OrderspineError, sa.exc.SQLAlchemyError):
            self._stopping.wait(AFTER_TROUBLE_SECONDS)

    def _on_presence(self, edge: str, packet: Packet) -> None:
        said: Presence | None
        try:
            said = Presence.model_validate_json(packet.payload)
        except ValidationError:
            said = None
        if edge == HUB:
            self._on_own_presence(packet, said)
        elif said is not None:
            self.presence.hint(edge, on=said.on, conn=said.conn)

    def _on_own_presence(self, packet: Packet, said: Presence | None) -> None:
        own = said is not None and said.conn == packet.conn
        if self._memory.is_gone(packet.conn, retained=packet.retained, own=own):
            # Counted from when the line came: every HELLO that is heard on it came later.
            self._forgot_us = self._line.status.since_us
        if said is not None and not said.on and said.conn != self._line.status.conn:
            self._say_presence(on=True)  # the will of our own last connection came late

    def _keep_forgotten(self) -> None:
        """Note that the broker had forgotten, for the pages of every process of the hub."""
        at_us = self._forgot_us
        if at_us is None:
            return
        self._parts.database.write(
            lambda unit: keep_forgotten(unit.connection, at_us=at_us, lost_us=self._lost_us)
        )
        self._forgot_us = None
        self._parts.on_change(HUB)

    def _renew(self) -> None:
        """Renew the leases, and begin with what this process did not serve a moment ago."""
        leases = self._parts.leases
        now = self._clock.monotonic()
        if leases is None or now < self._renew_at:
            return
        self._renew_at = now + RENEW_SECONDS
        changes = self._parts.database.write(leases.renew)
        for edge in (*changes.lost, *changes.gained):
            self._sessions.forget(edge)
            self._desk.closed(edge)
        with self._parts.database.read() as connection:
            for edge in changes.gained:
                current = current_stream(connection, edge)
                live = self._sessions.find(connection, edge, current.inc) if current is not None else None
                if live is not None and not live.drain_only:
                    self._desk.outflow.met(live, self._desk.hub_inc)
        # What another process put into the outbox wakes nobody here.
        self._desk.outflow.look()

    def _tick(self) -> None:
        self._guarded("", self._renew)
        now = self._clock.monotonic()
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_SECONDS
        self._guarded("", self._desk.tick)
        self._guarded("", self._keep_forgotten)
        untold: set[str] = set()
        self._guarded("", lambda: untold.update(self._desk.untold()))
        for live in self._sessions.all():
            if not live.drain_only and live.edge in untold:
                self._guarded(live.edge, lambda live=live: self._desk.tell_rights(live))  # type: ignore[misc]  # bound now
            state = self.presence.pill(live.edge).state
            if self._pills.get(live.edge) != state:
                self._pills[live.edge] = state
                self._parts.on_change(live.edge)
        self._drop_revoked()

    def _drop_revoked(self) -> None:
        """Forget sessions that are gone from the database: their location was shut out."""
        with self._parts.database.read() as connection:
            kept = {tuple(row) for row in _KEPT.all(connection)}
        for live in self._sessions.all():
            if (live.edge, live.inc) not in kept:
                self._sessions.forget(live.edge)
                self._desk.closed(live.edge)

    def _say_presence(self, *, on: bool) -> None:
        conn = self._line.status.conn
        if self._session is not None and conn:
            said = Presence(on=on, conn=conn, inc=self._desk.hub_inc, boot=self._boot)
            self._session.publish(topics.HUB_PRESENCE, encode(said), retain=True)

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self._session is not None and self._session.publish(topic, payload)

    def _open_session(self, broker: Broker) -> Session:
        ids = self._parts.ids
        return Session(
            broker,
            subscriptions=(topics.UP_ALL, topics.PRESENCE_ALL),
            will=lambda conn: Will(
                topics.HUB_PRESENCE, encode(Presence(on=False, conn=conn, boot=self._boot))
            ),
            clock=self._clock,
            ids=ids,
            jitter=random.Random(ids.secret(8)),  # noqa: S311 - spreads retries, hides nothing
        )


def link_of(hub: Hub, presence: FleetPresence) -> HubLink:
    """Return the hub's end of the wire, made of the hub's parts; `start` it with the server.

    Raises:
        Invalid: the file with the broker's password is named and cannot be read.
    """
    settings = hub.settings
    broker = None
    if settings.broker_host:
        broker = Broker(
            host=settings.broker_host,
            port=settings.broker_port,
            user=settings.broker_user,
            password=read_secret(settings.mqtt_password_file),
            client_id=settings.worker,
            version=settings.mqtt_version,
            ca_file=settings.broker_ca_file,
        )
    parts = LinkParts(
        database=hub.database,
        inbox=hub.inbox,
        outbox=hub.outbox,
        clock=hub.clock,
        ids=hub.ids,
        raise_alarm=raise_on(hub.spine),
        presence=presence,
        rights=RightsRows(hub),
        on_change=lambda edge: _changed(hub, edge),
        heard=first_of(answers_of(hub), transfer_answers_of(hub), task_answers_of(hub)),
        line=hub.line,
        leases=None if hub.database.is_sqlite else hub.leases,
        greeted=lambda unit, edge, hello: _greeted(hub, unit, edge, hello),
        found=found_of(hub),
    )
    link = HubLink(parts, broker)
    hub.wake_link = link.wake
    return link


def _changed(hub: Hub, edge: str) -> None:
    """Let open pages look again; the desk, too, says when the hub has no line."""
    hub.broadcaster.publish("fleet")
    if edge == HUB:
        hub.broadcaster.publish("exceptions")


def _greeted(hub: Hub, unit: HubUnit, edge: str, hello: Hello) -> None:
    """Keep what a store says of itself that others need."""
    receipt_keys.heard(hub, unit, edge, hello.receipt_key)


def _nothing() -> None:
    """Stand in for a link that has stopped."""
