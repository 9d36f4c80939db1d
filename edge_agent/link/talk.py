"""What is said on the wire, packet by packet: handshake, stream, directives, lending, heartbeat.

Nothing but HELLO is said before this connection's WELCOME, and an answer that does not echo this connection's
nonce is not heard: a broker may deliver an old one minutes late. All of this runs on the link's one thread.
"""

import queue
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import TypeAdapter, ValidationError

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.journal import Identity
from edge_agent.link import rows
from edge_agent.link.batches import Batcher
from edge_agent.link.courier import Uploads
from edge_agent.link.directives import Answer, DirectiveInbox
from edge_agent.link.facts import heartbeat_of, hello_of
from edge_agent.link.marker import MarkerFile
from edge_agent.link.recovery import Recovery, carried_out, is_new_computer
from edge_agent.link.rights import Rights
from edge_agent.link.rules import (
    HUB_AWAY,
    PULLING,
    ROLLED_BACK,
    STORE_FIRST,
    UNREADABLE,
    Trouble,
    clock_offset_us,
    is_fenced,
    judge_welcome,
    not_passed_on,
    rejection,
)
from edge_agent.link.settings import LinkSettings
from edge_agent.link.stream import Stream
from edge_agent.lives import REASONS, Why, begin_life
from protocol import topics
from protocol.envelope import decompress
from protocol.errors import BadMessage, OrderspineError
from protocol.handshake import (
    DirectiveBatch,
    LogAck,
    Marker,
    Presence,
    Rehello,
    Reject,
    RejectCode,
    RightsPacket,
    Welcome,
    WindowChange,
    encode,
)
from protocol.kit.mqtt import NOBODY_LISTENS, Packet, Session
from protocol.kit.system import FlooredClock
from protocol.reopening import NewEpoch, Who

FIRST_HELLO_WAIT: Final = 2.0
HELLO_WAIT_LIMIT: Final = 30.0
HEARTBEAT_SECONDS: Final = 15.0
HUB_PRESENCE_SECONDS: Final = 1.0
SET_ASIDE_SECONDS: Final = 30.0
"""How often a store that was set aside asks whether a person has decided."""
_Said = Welcome | Reject | Rehello | WindowChange | Who | NewEpoch
_Control = TypeAdapter[_Said](_Said)


@dataclass(frozen=True, slots=True)
class Line:
    """What the conversation is carried by."""

    session: Session | None
    uploads: Uploads
    inbox: DirectiveInbox
    recovery: Recovery
    printers: Callable[[], Mapping[str, str]]


class Talk:
    """The conversation with the hub, over as many connections as it takes."""

    def __init__(
        self,
        edge: Edge,
        settings: LinkSettings,
        line: Line,
        *,
        boot: str,
        jitter: random.Random,
    ) -> None:
        self._edge = edge
        self._settings = settings
        self._session = line.session
        self._uploads = line.uploads
        self._inbox = line.inbox
        self._printers = line.printers
        self._boot = boot
        self._prev_boot = ""
        self._jitter = jitter
        self._name = edge.identity.edge
        self._forked_at: int | None = None
        self._be(edge.identity)
        self._recovery = line.recovery
        self._marker_said = Marker.OK
        self._rights = Rights(edge, settings, partial(self._publish, "rights"))
        self._conn = ""
        self._nonce = ""
        self._hello_at = 0.0
        self._hello_due = float("inf")
        self._hello_wait = FIRST_HELLO_WAIT
        self._heartbeat_due = 0.0
        self._stream: Stream | None = None
        self._hub_boot = ""
        self._drain_only = False
        self._halted = False
        self._handlers: Final[Mapping[str, Callable[[bytes], None]]] = {
            "ctl": self._on_control,
            "ack": self._on_ack,
            "cmd": self._on_directives,
            "rights": self._on_rights,
        }
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.trouble: Trouble | None = None
        self.rejected: Trouble | None = None
        self.clock_offset_us = 0
        self.acked_us = 0

    @property
    def is_open(self) -> bool:
        """Tell whether the hub answers: a session is open and the hub has not gone silent."""
        return self._stream is not None and not self._drain_only and self.trouble is not HUB_AWAY

    def acked(self, stored: int) -> int:
        """Return the newest acknowledged number, which may not be stored yet."""
        stream = self._stream
        return stream.acked if stream is not None else stored

    def load(self) -> None:
        """Read what the last run left, note this start, and ask the marker file about the database."""
        last_seq = rows.newest(self._edge.database.read())
        self._marker_said = self._marker.judge(last_seq)

        def step(unit: EdgeUnit) -> str:
            before = rows.read_meta(unit.connection, rows.BOOT)
            rows.set_meta(unit, rows.BOOT, self._boot)
            return before if before != self._boot else self._prev_boot  # read a second time, after trouble

        self._prev_boot = self._edge.database.write(step)
        self._halted = rows.read_link(self._edge.database.read()).is_halted
        offset = rows.read_meta(self._edge.database.read(), rows.CLOCK_OFFSET)
        self.clock_offset_us = int(offset or 0)
        if self._marker_said is Marker.ROLLED_BACK:
            self._begin_life("rolled_back")
        elif not self._halted:
            self._marker.keep(last_seq, self._now(), at_once=True)

    def up(self, conn: str) -> None:
        """A connection stands: say HELLO."""
        self._conn = conn
        self._close()
        self.rejected = None
        self._hello(fresh=True)

    def down(self) -> None:
        """The connection is gone; what was in flight is sent again in the next session."""
        self._conn = ""
        self._close()
        self._hello_due = float("inf")

    def undelivered(self, code: int) -> None:
        """The broker says that nobody listens, or that we may not speak."""
        if code == NOBODY_LISTENS:
            self.trouble = HUB_AWAY
        else:
            self.trouble = not_passed_on(code)
        self._close()
        self._hello_due = min(self._hello_due, self._now() + self._hello_wait * self._jitter.random())

    def packet(self, packet: Packet) -> None:
        """Take one packet; what cannot be read or is not for this session is dropped."""
        if packet.conn != self._conn:
            return
        if packet.topic == topics.HUB_PRESENCE:
            self._on_hub_presence(packet.payload)
            return
        where = topics.parse_down(packet.topic)
        if where is None or where[0] != self._name:
            return
        try:
            self._handlers[where[1]](decompress(packet.payload))
        except (ValidationError, BadMessage):
            self.trouble = UNREADABLE

    def tick(self) -> None:
        """Do what is due."""
        now = self._now()
        self._answer_directives()
        if now >= self._hello_due:
            self._hello(fresh=False)
        stream = self._stream
        if stream is not None:
            if stream.tick(now, self._jitter.random()):
                self._hello(fresh=True)
            if not self._drain_only:
                self._heartbeat(now, stream)
                self._rights.tick(now)
            self.acked_us = max(self.acked_us, stream.acked_us)
        if not self._halted:
            self._marker.keep(stream.newest if stream else rows.newest(self._edge.database.read()), now)

    def goodbye(self) -> None:
        """Leave in order: keep what the hub acknowledged and take our presence back."""
        if self._stream is not None:
            self._stream.keep(self._now(), at_once=True)
            self._presence(on=False)
        if not self._halted:
            self._marker.keep(rows.newest(self._edge.database.read()), self._now(), at_once=True)

    def _hello(self, *, fresh: bool) -> None:
        """Say HELLO; a repeated one keeps its nonce, so that a late answer still counts."""
        if self._session is None or not self._conn:
            return
        if fresh or not self._nonce:
            self._close()
            self._nonce = self._edge.ids.secret(16)
            self._hello_wait = FIRST_HELLO_WAIT
        else:
            self._hello_wait = min(HELLO_WAIT_LIMIT, self._hello_wait * 2)
        self._hello_at = self._now()
        self._hello_due = self._hello_at + self._hello_wait * (0.5 + self._jitter.random() / 2)
        hello = hello_of(
            self._edge,
            self._settings,
            boots=(self._boot, self._prev_boot),
            nonce=self._nonce,
            marker=self._marker_said,
            upto=self._forked_at,
        )
        self._publish("hello", encode(hello))

    def _on_control(self, data: bytes) -> None:
        said = _Control.validate_json(data)
        if said.inc != self._inc:
            return
        match said:
            case Welcome():
                news = self._stream is None or self._stream.sess != said.sess  # a late repeat is old news
                if said.nonce == self._nonce and self._conn and news:
                    self._on_welcome(said)
            case Reject():
                if said.nonce == self._nonce:
                    self._on_reject(said)
            case Rehello():
                self._hello(fresh=True)
            case WindowChange():
                if self._stream is not None and said.sess == self._stream.sess:
                    self._stream.set_window(said.window)
            case Who() | NewEpoch():
                self._heard()
                self._rights.reopen(said, self._now())

    def _on_welcome(self, welcome: Welcome) -> None:
        connection = self._edge.database.read()
        last_seq, own_head = rows.newest(connection), self._hash_at(welcome.upto)
        done = carried_out(connection, welcome)
        wrong = judge_welcome(welcome, last_seq=last_seq, own_head=own_head, carried_out=done)
        if wrong is not None:
            self._set_aside(wrong, at=welcome.upto)
            return
        self._forked_at, now = None, self._now()
        if isinstance(self._edge.clock, FlooredClock):
            self._edge.clock.trust(welcome.hub_clock_us)
        self.clock_offset_us = clock_offset_us(
            hub_clock_us=welcome.hub_clock_us,
            edge_clock_us=welcome.edge_clock_us,
            round_trip_seconds=now - self._hello_at,
        )
        try:
            fenced = self._edge.database.write(lambda unit: self._store_welcome(unit, welcome))
        except OrderspineError:
            self.trouble = STORE_FIRST
            return
        stream = Stream(
            self._edge,
            self._batcher,
            self._uploads,
            publish=partial(self._publish, "log"),
            sess=welcome.sess,
        )
        stream.begin(welcome.upto, welcome.window)
        self._hub_boot = welcome.hub_boot
        self._drain_only = welcome.drain_only
        self.rejected = _drained() if welcome.drain_only else None
        self.trouble = None
        self._hello_due = float("inf")
        self._heartbeat_due = now
        self._stream = stream
        self._rights.opened(stream, now, fenced=fenced, drain_only=welcome.drain_only)
        if not welcome.drain_only:
            self._presence(on=True)
            self._say(self._inbox.known_answer(welcome.cseq_next))
            if self._recovery.lacks(self._edge.database.read(), welcome.lives):
                self._recovery.begin(welcome.lives, welcome.hub_inc)
        stream.push(now)

    def _store_welcome(self, unit: EdgeUnit, welcome: Welcome) -> bool:
        """Store what the hub said, and return whether lending is fenced."""
        link = rows.read_link(unit.connection)
        fenced = is_fenced(welcome, hub_inc_seen=link.hub_inc)
        rows.set_link(
            unit,
            acked=welcome.upto,
            safe=welcome.safe,
            hub_inc=welcome.hub_inc,
            sess=welcome.sess,
            hub_boot=welcome.hub_boot,
            window=welcome.window,
        )
        if link.hub_inc != welcome.hub_inc:
            rows.set_link(unit, **rows.carried_out_of(unit.connection, welcome.hub_inc, self._name))
        if not link.quarantine and is_new_computer(unit.connection, welcome.lives):
            rows.set_link(unit, quarantine=REASONS["replaced"], recovery=PULLING)
        elif link.is_halted:
            rows.set_link(unit, quarantine="")
            self._halted = False
        rows.set_meta(unit, rows.FENCED, "1" if fenced else "")
        rows.set_meta(unit, rows.CLOCK_OFFSET, str(self.clock_offset_us))
        return fenced

    def _on_reject(self, reject: Reject) -> None:
        self._close()
        self.rejected = rejection(reject)
        if reject.code in (RejectCode.QUARANTINE, RejectCode.NEW_LIFE):
            self.rejected = None
            self._begin_life("rolled_back" if reject.code is RejectCode.QUARANTINE else "chosen")
            return
        if reject.code is RejectCode.FORK:
            self._set_aside(rejection(reject))
        if reject.code is RejectCode.DUPLICATE and self._session is not None:
            # Two of one name throw each other off the broker; the one that came second stays away.
            self._session.drop(reject.retry_seconds * (0.5 + self._jitter.random() / 2))
            return
        self._nonce = ""
        self._hello_due = self._now() + reject.retry_seconds

    def _on_ack(self, data: bytes) -> None:
        ack = LogAck.model_validate_json(data)
        stream = self._stream
        if stream is None or ack.inc != self._inc or ack.sess != stream.sess:
            return
        self._heard()
        wrong = stream.on_ack(ack, self._now())
        if wrong is not None:
            self._set_aside(wrong, at=ack.upto)

    def _on_directives(self, data: bytes) -> None:
        batch = DirectiveBatch.model_validate_json(data)
        stream = self._stream
        if stream is None or batch.inc != self._inc or batch.sess != stream.sess:
            return
        self._heard()
        # A store that was restored begins nothing of the hub's before both agree on what is open.
        if not rows.read_link(self._edge.database.read()).recovery:
            self._inbox.offer(batch)

    def _on_rights(self, data: bytes) -> None:
        packet = RightsPacket.model_validate_json(data)
        stream = self._stream
        if stream is None or packet.inc != self._inc or packet.sess != stream.sess:
            return
        self._heard()
        self._rights.take(packet)

    def _on_hub_presence(self, data: bytes) -> None:
        try:
            hub = Presence.model_validate_json(data)
        except ValidationError:
            return
        if not hub.on:
            if self._stream is not None:
                self.trouble = HUB_AWAY
            return
        if self._stream is None:
            # Right after connecting, this is the retained word of a hub that has our HELLO already.
            waited = self._now() - self._hello_at > HUB_PRESENCE_SECONDS or self.trouble is HUB_AWAY
            if waited and self._hello_due < float("inf") and self.rejected is None:
                self._hello(fresh=False)
        elif hub.boot != self._hub_boot:
            self._hello(fresh=True)
        else:
            self._heard()

    def _answer_directives(self) -> None:
        while not self.answers.empty():
            answer = self.answers.get_nowait()
            if answer.broken:
                self._hello(fresh=True)
            else:
                self._say(answer)

    def _say(self, answer: Answer) -> None:
        if self._stream is not None:
            packet = answer.packet(self._inc, self._stream.sess)
            self._publish("ack", encode(packet))

    def _heartbeat(self, now: float, stream: Stream) -> None:
        if now < self._heartbeat_due:
            return
        self._heartbeat_due = now + HEARTBEAT_SECONDS
        beat = heartbeat_of(
            self._edge,
            self._settings,
            sess=stream.sess,
            acked=stream.acked,
            oldest_ms=stream.oldest_ms(),
            printers=self._printers(),
        )
        self._publish("hb", encode(beat), qos=0)

    def _set_aside(self, why: Trouble, *, at: int | None = None) -> None:
        """This database is not the store's one history: begin a new life, or wait for a person's word.

        `at`: a number under which both have other events. The hub sees that by a HELLO that ends there only.
        """
        if why is ROLLED_BACK:
            self._begin_life("rolled_back")
            return
        self._forked_at = self._forked_at if at is None else at
        self._close()
        self._halted, self._nonce = True, ""
        self._hello_due = self._now() + SET_ASIDE_SECONDS
        self._edge.database.write(lambda unit: rows.set_link(unit, quarantine=why[0]))
        self._tell_pages()

    def _begin_life(self, why: Why) -> None:
        """Go on under a new name, with what the hub has not got, and have the rest brought back."""
        self._close()
        edge = self._edge
        identity = edge.database.write(
            lambda unit: begin_life(unit, edge.journal, why=why, clock=edge.clock, ids=edge.ids)
        )
        edge.identity = edge.journal.identity = identity
        self._be(identity)
        self._halted = False
        self._marker_said = Marker.OK
        self._marker.keep(rows.newest(edge.database.read()), self._now(), at_once=True)
        self._tell_pages()
        if self._conn:
            self._hello(fresh=True)

    def _be(self, identity: Identity) -> None:
        self._inc = identity.inc
        self._forked_at = None
        self._batcher = Batcher(identity)
        self._marker = MarkerFile(
            self._settings.marker_file,
            inc=identity.inc,
            machine=self._settings.machine,
            ordinal=identity.ordinal,
        )

    def _tell_pages(self) -> None:
        self._edge.broadcaster.publish("strip")
        self._edge.broadcaster.publish("sync")

    def _presence(self, *, on: bool) -> None:
        said = Presence(on=on, conn=self._conn, inc=self._inc, boot=self._boot)
        if self._session is not None:
            self._session.publish(topics.presence(self._name), encode(said), retain=True, conn=self._conn)

    def _publish(self, kind: str, payload: bytes, *, qos: int = 1) -> bool:
        topic = topics.up(self._name, kind)
        return self._session is not None and self._session.publish(topic, payload, qos=qos, conn=self._conn)

    def _hash_at(self, seq: int) -> str | None:
        return rows.hash_at(self._edge.database.read(), seq) if seq else self._batcher.first_hash

    def _heard(self) -> None:
        if self.trouble is HUB_AWAY:
            self.trouble = None

    def _close(self) -> None:
        if self._stream is not None:
            self.acked_us = max(self.acked_us, self._stream.acked_us)
            self._stream.keep(self._now(), at_once=True)
        self._stream = None
        self._rights.closed()
        self._drain_only = False

    def _now(self) -> float:
        return self._edge.clock.monotonic()


def _drained() -> Trouble:
    return rejection(Reject(nonce="0" * 16, inc="0" * 32, code=RejectCode.DRAIN_ONLY))
