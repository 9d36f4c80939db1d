"""One MQTT session that keeps coming back, for the hub and for every edge.

The broker is only a wire: clean sessions, nothing retained but presence, and a PUBACK proves nothing. Each
connection gets a client object of its own, because the library would otherwise send what it still holds in
memory once more, after the other side has moved on. Reconnecting is done here, with jitter, because the
library's own doubles without it and brings a whole fleet back in the same second.

What happens comes out of `next()`, in order, for one worker thread. A packet must be acknowledged by the
worker when it is done with it: a broker holds only so many unacknowledged packets, and that is what slows
a sender down. TCP_NODELAY is set here and must be set at the broker too; one side alone does nothing.
"""

import queue
import random
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from protocol.clock import Clock
from protocol.errors import Invalid, TooLarge
from protocol.ids import IdMaker

PACKET_LIMIT: Final = 250_000
"""The broker's `max_packet_size` is 262,144; a larger packet would cut the connection again and again."""
WAITING_PACKETS: Final = 2_000
"""Packets that wait for the worker; beyond it they are dropped and the streams ask for them again."""
IN_FLIGHT: Final = 200
"""Packets that the broker hands over before the first of them must be acknowledged."""
OUT_WAITING: Final = 5_000
CONNECT_SECONDS: Final = 5.0
SUBSCRIBED_SECONDS: Final = 10.0
FIRST_WAIT_SECONDS: Final = 0.25
WAIT_LIMIT_SECONDS: Final = 5.0
"""A store whose line is back is heard within seconds; one try in five costs a broker nothing."""
LOOP_SECONDS: Final = 0.2
GOODBYE_LOOPS: Final = 20
NOBODY_LISTENS: Final = 0x10


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and as whom to speak to it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    client_id: str = ""
    version: Literal["5", "3.1.1"] = "5"
    keepalive_seconds: int = 15
    ca_file: Path | None = None
    """Certificates to trust; with it the connection is TLS."""
    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when the connection breaks."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Up:
    """Connected and subscribed."""

    conn: str


@dataclass(frozen=True, slots=True)
class Down:
    """Not connected; `what` and `remedy` are for a person."""

    conn: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The broker took a packet and says that it reached nobody, or was not allowed."""

    conn: str
    code: int


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that arrived. Call `done` once its effect is durable, or once it is dropped."""

    conn: str
    topic: str
    payload: bytes
    retained: bool
    done: Callable[[], None]


Happening = Up | Down | Undelivered | Packet


class Session:
    """One name's connection to the broker, as long as the program runs."""

    def __init__(
        self,
        broker: Broker,
        *,
        subscriptions: Sequence[str],
        will: Callable[[str], Will],
        clock: Clock,
        ids: IdMaker,
        jitter: random.Random,
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._ids = ids
        self._jitter = jitter
        self._happened: queue.SimpleQueue[Happening | None] = queue.SimpleQueue()
        self._poked = threading.Event()
        self._stopping = threading.Event()
        self._hold_seconds = 0.0
        self._link: _Connection | None = None
        self._thread: threading.Thread | None = None
        self.dropped_packets = 0

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._broker.user}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end; takes a second at most unless a connection attempt hangs."""
        self._stopping.set()
        link = self._link
        if link is not None:
            link.goodbye()
        if self._thread is not None:
            self._thread.join(CONNECT_SECONDS + 2)
        self.poke()

    def next(self, timeout_seconds: float) -> Happening | None:
        """Return what happened next; None after `poke` or when nothing happened in time."""
        try:
            happening = self._happened.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if happening is None:
            self._poked.clear()
        return happening

    def poke(self) -> None:
        """Make `next` return: there is something to do."""
        if not self._poked.is_set():
            self._poked.set()
            self._happened.put(None)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, conn: str = ""
    ) -> bool:
        """Hand a packet to the wire; False when there is none. Nothing is kept for later.

        With `conn` it leaves on that connection or not at all: whoever works off what came in on one may not
        have heard yet that another has taken its place.

        Raises:
            TooLarge: the broker would cut the connection.
        """
        if len(payload) > PACKET_LIMIT:
            raise TooLarge(
                f"A packet of {len(payload):,} bytes is over the broker's limit.",
                "Send less at once, or send it over HTTPS.",
                size=len(payload),
            )
        link = self._link
        if link is None or (conn and link.conn != conn):
            return False
        return link.publish(topic, payload, qos=qos, retain=retain)

    def drop(self, hold_seconds: float) -> None:
        """Leave the broker and stay away for a while, as when another holds our name."""
        self._hold_seconds = hold_seconds
        link = self._link
        if link is not None:
            link.goodbye()

    def happened(self, happening: Happening) -> None:
        """Queue something for the worker; packets are dropped when it is hopelessly behind."""
        if isinstance(happening, Packet) and self._happened.qsize() >= WAITING_PACKETS:
            self.dropped_packets += 1
            happening.done()
            return
        self._happened.put(happening)

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            conn = self._ids.secret(8)
            link = _Connection(self._broker, conn, self._will(conn), self._subscriptions, self.happened)
            self._link = link
            was_up = link.run(self._stopping, self._clock)
            self._link = None
            if self._stopping.is_set():
                return
            wait = FIRST_WAIT_SECONDS if was_up else min(WAIT_LIMIT_SECONDS, wait * 2)
            hold, self._hold_seconds = self._hold_seconds, 0.0
            self._stopping.wait(hold + wait * (0.5 + self._jitter.random() / 2))


class _Connection:
    """One life of one socket, run on the session's thread."""

    def __init__(
        self,
        broker: Broker,
        conn: str,
        will: Will,
        subscriptions: Sequence[str],
        tell: Callable[[Happening], None],
    ) -> None:
        self._broker = broker
        self.conn = conn
        self._subscriptions = subscriptions
        self._tell = tell
        self._up = False
        self._leaving = threading.Event()
        self._trouble: tuple[str, str] | None = None
        self._client = self._new_client(will)

    def run(self, stopping: threading.Event, clock: Clock) -> bool:
        """Connect and serve until it ends; return whether it was ever usable."""
        try:
            self._connect()
            self._serve(stopping, clock)
        except Exception as error:  # noqa: BLE001 - whatever the library trips over ends only this connection
            self._trouble = self._trouble or _unreachable(self._broker, error)
        what, remedy = self._trouble or _lost(self._broker)
        self._tell(Down(self.conn, what, remedy))
        return self._up

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a packet to the library, if this connection is usable."""
        if not self._up or self._leaving.is_set():
            return False
        try:
            info = self._client.publish(topic, payload, qos=qos, retain=retain)
        except (OSError, ValueError):
            return False
        return info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def goodbye(self) -> None:
        """Leave in order, so that the broker keeps the last word about presence that we published."""
        self._leaving.set()

    def _new_client(self, will: Will) -> mqtt.Client:
        five = self._broker.version == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id or self._broker.user,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.username_pw_set(self._broker.user, self._broker.password)
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(OUT_WAITING)
        client.connect_timeout = CONNECT_SECONDS
        if self._broker.ca_file is not None:
            client.tls_set(
                ca_certs=str(self._broker.ca_file),
                certfile=str(self._broker.certificate_file) if self._broker.certificate_file else None,
                keyfile=str(self._broker.key_file) if self._broker.key_file else None,
            )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        # Without this the library writes to the socket from whichever thread publishes, beside our loop.
        client.on_socket_register_write = lambda *_: None
        return client

    def _connect(self) -> None:
        host, port, alive = self._broker.host, self._broker.port, self._broker.keepalive_seconds
        if self._broker.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # untyped in the library
            properties.ReceiveMaximum = IN_FLIGHT
            self._client.connect(host, port, alive, clean_start=True, properties=properties)
        else:
            self._client.connect(host, port, alive)
        raw = self._client.socket()
        if isinstance(raw, socket.socket):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _serve(self, stopping: threading.Event, clock: Clock) -> None:
        deadline = clock.monotonic() + SUBSCRIBED_SECONDS
        while not (stopping.is_set() or self._leaving.is_set() or self._trouble):
            if self._client.loop(LOOP_SECONDS) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if not self._up and clock.monotonic() > deadline:
                return
        self._leave()

    def _leave(self) -> None:
        """Send what is queued, then DISCONNECT; never waits for long."""
        for _ in range(GOODBYE_LOOPS):
            if not self._client.want_write():
                break
            if self._client.loop(0.02) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
        self._client.disconnect()
        for _ in range(GOODBYE_LOOPS):
            if self._client.loop(0.02) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self._trouble = _refused(self._broker, str(reason))
            return
        self._client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, reasons: Sequence[Any], _props: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._trouble = (
                f"The broker does not let {self._broker.user} listen.",
                "Check the broker's access list for this name.",
            )
            return
        self._up = True
        self._tell(Up(self.conn))

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        def done(mid: int = message.mid, qos: int = message.qos) -> None:
            if qos:
                client.ack(mid, qos)

        try:
            topic = message.topic
        except UnicodeDecodeError:
            done()
            return
        self._tell(Packet(self.conn, topic, bytes(message.payload), message.retain, done))

    def _on_publish(self, _client: mqtt.Client, _data: Any, _mid: int, reason: Any, _props: Any) -> None:
        if reason.value >= 0x80 or reason.value == NOBODY_LISTENS:
            self._tell(Undelivered(self.conn, int(reason.value)))


def read_secret(path: Path | None) -> str:
    """Return the secret in a file, nothing where no file is named.

    Raises:
        Invalid: the file cannot be read.
    """
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(
            f"The secret in {path} cannot be read.",
            "Copy the file that the hub wrote, and give it to this program's account.",
            code="no_secret",
        ) from error


def _unreachable(broker: Broker, error: Exception) -> tuple[str, str]:
    return (
        f"The broker at {broker.host}:{broker.port} does not answer ({type(error).__name__}).",
        "Selling goes on. Check the network; everything is sent when the line is back.",
    )


def _lost(broker: Broker) -> tuple[str, str]:
    return (
        f"The connection to the broker at {broker.host}:{broker.port} ended.",
        "Selling goes on. It is opened again by itself.",
    )


def _refused(broker: Broker, reason: str) -> tuple[str, str]:
    return (
        f"The broker does not accept {broker.user} ({reason}).",
        "Compare the password file of this program with the one the hub gave out.",
    )
