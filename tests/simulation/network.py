"""The network and the broker: they lose, repeat, reorder, hold back and forget, as the seed says.

A `SimSession` stands where the product has its MQTT session, with the same methods; what it is told comes out
of `take()` for the node to handle. The broker keeps nothing but presence, and loses that too when it is
killed. A packet that was held back may reach the connection after the one it was meant for, as behind a
real broker, so the nonces and sessions of the protocol have something to do.
"""

import random
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Protocol

from protocol import topics
from protocol.clock import Clock
from protocol.errors import TooLarge
from protocol.ids import IdMaker
from protocol.kit.mqtt import (
    FIRST_WAIT_SECONDS,
    NOBODY_LISTENS,
    PACKET_LIMIT,
    WAIT_LIMIT_SECONDS,
    Broker,
    Down,
    Happening,
    Packet,
    Undelivered,
    Up,
    Will,
)
from tests.simulation.options import Options
from tests.simulation.schedule import SECOND, Schedule
from tests.simulation.tally import Tally

KEEPALIVE = 15 * SECOND
GONE_AFTER = KEEPALIVE * 3 // 2
QUICK = 2_000
"""Microseconds from one machine to another when nothing is wrong."""


class Owner(Protocol):
    """The process behind a session."""

    name: str
    life: int
    line: "Line"

    def wake(self) -> None:
        """Something waits to be handled."""


@dataclass
class Line:
    """The wire between one machine and the rest, each way by itself."""

    up: bool = True
    down: bool = True
    clogged: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)
    """What left while the line was clogged."""

    @property
    def open(self) -> bool:
        """Whether both ways are."""
        return self.up and self.down


@dataclass(eq=False)
class Connection:
    """One life of one connection, as the broker knows it."""

    session: "SimSession"
    conn: str
    will: Will
    alive: bool = True


class SimSession:
    """Stands where the product has its MQTT session."""

    def __init__(
        self,
        broker: Broker,
        *,
        subscriptions: Sequence[str],
        will: Callable[[str], Will],
        clock: Clock,
        ids: IdMaker,
        jitter: random.Random,
        owner: Owner,
        net: "Network",
    ) -> None:
        del clock
        self.client_id = broker.client_id or broker.user
        self.subscriptions = tuple(subscriptions)
        self.will, self.ids, self.jitter = will, ids, jitter
        self.owner, self.net = owner, net
        self.life = owner.life
        self.connection: Connection | None = None
        self._happened: deque[Happening] = deque()
        self._wait = FIRST_WAIT_SECONDS
        self._hold = 0.0

    def start(self) -> None:
        """Begin to connect."""
        self._try_again(0.05)

    def take(self) -> Happening | None:
        """Return what happened next."""
        return self._happened.popleft() if self._happened else None

    @property
    def waiting(self) -> int:
        """How much has not been handled."""
        return len(self._happened)

    def poke(self) -> None:
        """There is something to do."""
        self.owner.wake()

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, conn: str = ""
    ) -> bool:
        """Hand a packet to the wire."""
        if len(payload) > PACKET_LIMIT:
            raise TooLarge("A packet is over the broker's limit.", "Send less at once.", size=len(payload))
        if self.connection is None or (conn and self.connection.conn != conn):
            return False
        self.net.send(self.connection, topic, payload, qos=qos, retain=retain)
        return True

    def drop(self, hold_seconds: float) -> None:
        """Leave the broker and stay away."""
        self._hold = hold_seconds
        if self.connection is not None:
            self.net.leave(self.connection)

    def happened(self, happening: Happening) -> None:
        """Queue something for the owner."""
        self._happened.append(happening)
        self.owner.wake()

    def lost(self) -> None:
        """The connection is gone, and this side knows it."""
        if self.connection is None:
            return
        conn, self.connection = self.connection.conn, None
        self.happened(Down(conn, "The connection to the broker ended.", "It is opened again by itself."))
        self._try_again(self._wait)

    def _try_again(self, seconds: float) -> None:
        hold, self._hold = self._hold, 0.0
        wait = hold + seconds * (0.5 + self.jitter.random() / 2)
        self.net.schedule.after(wait * SECOND, f"{self.owner.name} connects", self._connect)

    def _connect(self) -> bool | None:
        if self.life != self.owner.life or self.connection is not None:
            return False
        conn = self.ids.secret(8)
        if not (self.net.up and self.owner.line.open):
            self._wait = min(WAIT_LIMIT_SECONDS, self._wait * 2)
            self.happened(Down(conn, "The broker does not answer.", "Selling goes on."))
            self._try_again(self._wait)
            return None
        self._wait = FIRST_WAIT_SECONDS
        self.connection = Connection(self, conn, self.will(conn))
        self.happened(Up(conn))
        self.net.join(self.connection)
        return None


class Network:
    """The broker and every line to it."""

    def __init__(
        self,
        schedule: Schedule,
        rng: random.Random,
        options: Options,
        tally: Tally,
        failed: Callable[[str], None],
    ) -> None:
        """`failed` ends the run."""
        self.schedule, self.rng, self.options, self.tally = schedule, rng, options, tally
        self.failed = failed
        self.up = True
        self.calm = False
        """In the second phase nothing is lost, repeated or held back any more."""
        self.heard: list[Callable[[Connection, str, bytes], None]] = []
        """Who listens to every packet that was handed to the broker, such as the invariants."""
        self._connections: dict[str, Connection] = {}
        self._retained: dict[str, tuple[str, bytes]] = {}

    def join(self, connection: Connection) -> None:
        """Take a client in; one of the same id is thrown out, and its will is said first."""
        before = self._connections.get(connection.session.client_id)
        if before is not None:
            self._end(before, tell=True)
        self._connections[connection.session.client_id] = connection
        for topic in sorted(self._retained):
            if any(matches(pattern, topic) for pattern in connection.session.subscriptions):
                payload = self._retained[topic][1]
                self._hand_over(connection.session.client_id, topic, payload, retained=True)

    def leave(self, connection: Connection) -> None:
        """A client says goodbye; nothing is said in its name."""
        self._forget(connection)
        connection.session.lost()

    def died(self, session: SimSession, *, at_once: bool) -> None:
        """A process is gone; the broker notices now, or when it misses its keepalive."""
        connection, session.connection = session.connection, None
        if connection is None:
            return
        if at_once:
            self._end(connection, tell=False)
        else:
            self.schedule.after(
                GONE_AFTER, f"{session.client_id} is missed", lambda: self._end(connection, tell=False)
            )

    def kill(self) -> None:
        """The broker dies and forgets everything; everybody notices soon, or by keepalive if cut off."""
        self.up = False
        self._retained.clear()
        for connection in list(self._connections.values()):
            connection.alive = False
            cut = not connection.session.owner.line.open
            wait = GONE_AFTER if cut else self.rng.randrange(1, SECOND)
            self.schedule.after(
                wait,
                f"{connection.session.client_id} misses the broker",
                partial(self._noticed, connection),
            )
        self._connections.clear()

    def cut(self, owner: Owner, *, up: bool, down: bool) -> None:
        """Break a line one way or both; each side that hears nothing gives up after its keepalive."""
        line = owner.line
        line.up, line.down = line.up and not up, line.down and not down
        for connection in list(self._connections.values()):
            if connection.session.owner is owner:
                self.schedule.after(GONE_AFTER, f"{owner.name} is missed", partial(self._missed, connection))

    def mend(self, owner: Owner) -> None:
        """Let a line carry again, and release what it held back in random order."""
        line = owner.line
        line.up = line.down = True
        line.clogged = False
        waiting, line.waiting = line.waiting, []
        self.rng.shuffle(waiting)
        for release in waiting:
            self.schedule.after(self.rng.randrange(50_000), f"{owner.name} unclogs", release)

    def send(self, connection: Connection, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Take a packet from a client."""
        self.tally.packets += 1
        self.schedule.note(f"> {topic} {len(payload)} {hash_of(payload)}")
        for listener in self.heard:
            try:
                listener(connection, topic, payload)
            except Exception as error:  # noqa: BLE001 - else the sender takes it for a line that is down
                self.failed(f"whoever listens tripped over {topic}: {type(error).__name__}: {error}")
        line = connection.session.owner.line
        if not line.up:
            self.tally.fault("packet cut off")
            return
        for delay in self._copies(qos):
            self._carry(
                line,
                delay,
                f"broker gets {topic}",
                lambda: self._route(connection, topic, payload, qos=qos, retain=retain),
            )

    def _copies(self, qos: int) -> list[int]:
        """Return when each copy of a packet arrives: none when it is lost, several when it is repeated."""
        if self.calm:
            return [QUICK]
        options, rng = self.options, self.rng
        if rng.random() < options.loss:
            self.tally.fault("packet lost")
            return []
        delays = [QUICK + self._delay()]
        while qos and rng.random() < options.repeat and len(delays) < 4:
            self.tally.fault("packet repeated")
            delays.append(QUICK + self._delay() + rng.randrange(200_000))
        return delays

    def _delay(self) -> int:
        options, rng = self.options, self.rng
        delay = rng.randrange(options.delay_us + 1)
        if rng.random() < options.reorder:
            self.tally.fault("packet late")
            delay += int(rng.expovariate(1.0) * options.late_us)
        return delay

    def _carry(self, line: Line, delay: int, what: str, arrive: Callable[[], Any]) -> None:
        if line.clogged and not self.calm:
            self.tally.fault("packet clogged")
            line.waiting.append(arrive)
        else:
            self.schedule.after(delay, what, arrive)

    def _route(
        self, sender: Connection, topic: str, payload: bytes, *, qos: int, retain: bool
    ) -> bool | None:
        if not self.up:
            return False
        if retain:
            self._retained[topic] = (sender.conn, payload)
        reached = False
        for client_id, connection in list(self._connections.items()):
            for pattern in connection.session.subscriptions:
                if matches(pattern, topic):
                    reached = True
                    self._to(connection, client_id, topic, payload, retained=False)
                    break
        if qos and not reached and self.options.tells_nobody and sender.session.connection is sender:
            sender.session.happened(Undelivered(sender.conn, NOBODY_LISTENS))
        return None

    def _to(
        self, connection: Connection, client_id: str, topic: str, payload: bytes, *, retained: bool
    ) -> None:
        line = connection.session.owner.line
        if not line.down:
            self.tally.fault("packet cut off")
        elif self.calm or (not line.clogged and self.rng.random() >= self.options.reorder):
            if self.calm or self.rng.random() >= self.options.loss:
                self._hand_over(client_id, topic, payload, retained=retained)
            else:
                self.tally.fault("packet lost")
        else:
            arrive = lambda: self._hand_over(client_id, topic, payload, retained=retained)  # noqa: E731 - bound twice
            self._carry(line, self._delay(), f"{client_id} gets {topic}", arrive)

    def _hand_over(self, client_id: str, topic: str, payload: bytes, *, retained: bool) -> bool | None:
        """Give a packet to whoever is connected under a name at this moment."""
        connection = self._connections.get(client_id)
        if connection is None or connection.session.connection is not connection:
            return False
        line = connection.session.owner.line
        if not line.down and not self.calm:
            return False
        connection.session.happened(Packet(connection.conn, topic, payload, retained, _done))
        return None

    def _missed(self, connection: Connection) -> bool | None:
        if not connection.alive or connection.session.owner.line.open:
            return False
        self._end(connection, tell=True)
        return None

    def _noticed(self, connection: Connection) -> bool | None:
        if connection.session.connection is not connection:
            return False
        connection.session.lost()
        return None

    def _end(self, connection: Connection, *, tell: bool) -> None:
        """End a connection and say its will."""
        if not connection.alive:
            return
        self._forget(connection)
        will = connection.will
        self._retained[will.topic] = (connection.conn, will.payload)
        for client_id, other in list(self._connections.items()):
            if any(matches(pattern, will.topic) for pattern in other.session.subscriptions):
                self._to(other, client_id, will.topic, will.payload, retained=False)
        if tell:
            connection.session.lost()

    def _forget(self, connection: Connection) -> None:
        connection.alive = False
        if self._connections.get(connection.session.client_id) is connection:
            del self._connections[connection.session.client_id]


@cache
def matches(pattern: str, topic: str) -> bool:
    """Tell whether a subscription covers a topic; `+` stands for one level."""
    if pattern == topic:
        return True
    if pattern == topics.UP_ALL:
        return topic.startswith("os/1/up/")
    if pattern == topics.PRESENCE_ALL:
        return topic.startswith("os/1/st/")
    return pattern.endswith("/+") and topic.startswith(pattern[:-1])


def hash_of(payload: bytes) -> str:
    """Return a few digits that tell one payload from another in the trace."""
    return f"{zlib.crc32(payload):08x}"


def _done() -> None:
    """Nothing waits for an acknowledgement in this broker."""
