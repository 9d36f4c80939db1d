"""A hub and stores on one broker, with real databases on both sides, for tests of the wire.

The hub applies into one small table, so that what is tested is the wire: each event once, in order.
"""

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from edge_agent.context import Edge, identify
from edge_agent.database import EdgeDatabase
from edge_agent.journal import Journal
from edge_agent.link.directives import Kind
from edge_agent.link.service import ApplyCatalog, LinkService
from edge_agent.link.settings import LinkSettings
from edge_agent.settings import EdgeSettings
from hub.database import HubDatabase, HubUnit, metadata
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import CURRENT, link_sessions, stream, streams
from hub.fleet.steps import NewLocation, add_location
from hub.link.inbox import Received
from hub.link.line import Line
from hub.link.outbox import Outbox
from hub.link.rights import RightsRows
from hub.link.rules import Alarm
from hub.link.service import HubLink, LinkParts
from protocol import topics
from protocol.envelope import Batch
from protocol.errors import BrokenChain
from protocol.events import KINDS, DrawerOpened
from protocol.kit.mqtt import Packet
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.sse import Broadcaster
from protocol.stream import Cursor, Verdict, chain, first_hash, judge
from tests.support.broker import TestBroker

WAIT_SECONDS = 15.0
applied = sa.Table(
    "test_applied",
    sa.MetaData(),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("inc", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)


def eventually(true: Callable[[], object], seconds: float = WAIT_SECONDS, *, what: str = "") -> None:
    """Wait until something is so; fail with what it was about when it never is."""
    deadline = time.monotonic() + seconds
    waiting = threading.Event()
    while time.monotonic() < deadline:
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError(f"not within {seconds} s: {what or true}")


class SmallInbox:
    """Applies batches into one table and nothing else."""

    def __init__(self, database: HubDatabase) -> None:
        self._database = database
        self.calls = 0
        applied.create(database.engine, checkfirst=True)

    def receive(self, batch: Batch, events: Sequence[bytes], arrived_us: int) -> Received:
        assert arrived_us > 0
        self.calls += 1
        return self._database.write(lambda unit: self._step(unit, batch, events))

    def _step(self, unit: HubUnit, batch: Batch, events: Sequence[bytes]) -> Received:
        connection = unit.connection
        row = stream(connection, batch.edge, batch.inc)
        assert row is not None
        cursor = Cursor(row.upto, row.head)
        verdict = judge(cursor, batch)
        if verdict is not Verdict.APPLY:
            return Received(verdict, cursor.upto, cursor.head)
        if chain(batch.prev, events) != batch.head:
            raise BrokenChain("The events are not those of the head.", "Send them again.")
        connection.execute(
            sa.insert(applied),
            [
                {"edge": batch.edge, "inc": batch.inc, "seq": batch.first + n, "bytes": data}
                for n, data in enumerate(events)
            ],
        )
        connection.execute(
            sa.update(streams)
            .where(streams.c.edge == batch.edge, streams.c.inc == batch.inc)
            .values(upto=batch.last, head=batch.head, newest=batch.newest, oldest_ms=batch.oldest_ms)
        )
        return Received(Verdict.APPLY, batch.last, batch.head)


@dataclass
class HubSide:
    """A hub that can be stopped and started again on the same database."""

    database: HubDatabase
    broker: TestBroker
    alarms: list[Alarm] = field(default_factory=list)
    rights: RightsRows = field(default_factory=RightsRows)
    line: Line = field(default_factory=Line)
    link: HubLink = field(init=False)
    inbox: SmallInbox = field(init=False)
    outbox: Outbox = field(init=False)
    running: bool = False

    def start(self) -> None:
        clock, ids = SystemClock(), SystemIds()
        self.inbox = SmallInbox(self.database)
        self.outbox = Outbox(clock=clock, ids=ids)
        parts = LinkParts(
            database=self.database,
            inbox=self.inbox,
            outbox=self.outbox,
            clock=clock,
            ids=ids,
            raise_alarm=lambda _unit, alarm: self.alarms.append(alarm),
            presence=FleetPresence(clock),
            rights=self.rights,
            line=self.line,
        )
        self.link = HubLink(parts, self.broker.as_user("hub"))
        self.link.start()
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.link.stop()
            self.running = False

    def add(self, edge: str, code: str) -> str:
        new = NewLocation(edge=edge, code=code, name=edge.title())
        credentials = self.database.write(
            lambda unit: add_location(unit, new, clock=SystemClock(), ids=SystemIds())
        )
        return credentials.token

    def seqs(self, edge: str) -> list[int]:
        with self.database.read() as connection:
            rows = connection.execute(
                sa.select(applied.c.seq).where(applied.c.edge == edge).order_by(applied.c.n)
            )
            return [row.seq for row in rows]

    def bytes_of(self, edge: str) -> list[bytes]:
        with self.database.read() as connection:
            return list(
                connection.execute(
                    sa.select(applied.c.bytes).where(applied.c.edge == edge).order_by(applied.c.n)
                ).scalars()
            )

    def upto(self, edge: str) -> int:
        with self.database.read() as connection:
            found = connection.execute(
                sa.select(streams.c.upto).where(streams.c.edge == edge, streams.c.state == CURRENT)
            ).scalar()
        return int(found or 0)

    def sess(self, edge: str) -> str:
        with self.database.read() as connection:
            found = connection.execute(
                sa.select(link_sessions.c.sess).where(link_sessions.c.edge == edge)
            ).scalar()
        return str(found or "")

    def kinds_of_alarms(self) -> list[str]:
        return [alarm.kind for alarm in self.alarms]


@dataclass
class StoreSide:
    """A store that can be stopped and started again on the same file."""

    home: Path
    name: str
    broker: TestBroker
    hub_url: str = ""
    token: str = ""
    machine: str = "machine-1"
    kinds: dict[str, Kind] = field(default_factory=dict)
    apply_catalog: ApplyCatalog | None = None
    lend_share_ppm: int = 0
    marker: Path | None = None
    edge: Edge = field(init=False)
    link: LinkService = field(init=False)
    is_open: bool = False

    def open(self) -> None:
        """Open the database without the link."""
        clock, ids = SystemClock(), SystemIds()
        settings = EdgeSettings(edge=self.name, data_dir=self.home)
        database = EdgeDatabase(self.home / "edge.db")
        identity = identify(database, settings, ids)
        self.edge = Edge(
            settings=settings,
            database=database,
            clock=clock,
            ids=ids,
            identity=identity,
            broadcaster=Broadcaster(),
            products=None,  # type: ignore[arg-type]  # the wire asks the catalogue nothing
            authority=settings.authority,
        )
        self.edge.journal = Journal(
            identity,
            {kind: () for kind, _version in KINDS},
            clock=clock,
            ids=ids,
            on_commit=self.edge.committed,
        )
        self.is_open = True

    def start(self) -> None:
        """Open the database, if it is closed, and start the link."""
        if not self.is_open:
            self.open()
        self.link = LinkService(
            self.edge,
            kinds=self.kinds,
            apply_catalog=self.apply_catalog,
            settings=LinkSettings(
                broker=self.broker.as_user(self.name),
                marker_file=self.marker or self.home / "outside" / "marker",
                incoming=self.home / "incoming",
                hub_url=self.hub_url,
                hub_token=self.token,
                machine=self.machine,
                lend_share_ppm=self.lend_share_ppm,
            ),
            jitter=random.Random(7),
        )
        self.link.start()

    def stop(self) -> None:
        """Stop the link and close the database."""
        if hasattr(self, "link"):
            self.link.stop()
        if self.is_open:
            self.edge.database.close()
            self.is_open = False

    def sell(self, count: int = 1, reason: str = "") -> int:
        """Record some small facts in one commit each sixty-four, and return the newest number."""
        last = 0
        for start in range(0, count, 64):
            size = min(64, count - start)

            def step(unit: object, size: int = size, start: int = start) -> int:
                seq = 0
                for n in range(size):
                    body = DrawerOpened(
                        session_id="s-1",
                        till="till-1",
                        business_date="2026-11-23",
                        currency="GBP",
                        reason=reason or f"change {start + n}",
                    )
                    seq = self.edge.journal.record(unit, body).seq  # type: ignore[arg-type]  # an EdgeUnit
                return seq

            last = self.edge.database.write(step)
        return last

    def stored(self) -> list[bytes]:
        return [
            bytes(row[0])
            for row in self.edge.database.read().execute("SELECT bytes FROM events ORDER BY seq")
        ]

    def acked(self) -> int:
        """How far this database knows that the hub has its events."""
        return int(self.edge.database.read().execute("SELECT acked FROM link").fetchone()[0])

    def put_back(self, backup: Path) -> None:
        """Put a copy in the place of the database, while the store is stopped."""
        for file in self.home.glob("edge.db*"):
            file.unlink()
        shutil.copy(backup, self.home / "edge.db")

    def what(self) -> str:
        """What the strip says is wrong."""
        error = self.link.status().last_error
        return error.what if error is not None else ""

    def head_at(self, seq: int) -> str:
        row = self.edge.database.read().execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
        return bytes(row[0]).hex()

    def tell(self, kind: str, payload: bytes) -> None:
        """Put a packet before the link as if the hub had sent it here; wait until it is taken."""
        session = self.link._session
        assert session is not None
        taken = threading.Event()
        conn = self.link._talk._conn
        session.happened(Packet(conn, topics.down(self.name, kind), payload, retained=False, done=taken.set))
        assert taken.wait(WAIT_SECONDS), f"{self.name} never took the packet"

    @property
    def head0(self) -> str:
        return first_hash(self.name, self.edge.identity.inc)


@contextmanager
def hub_side(home: Path, broker: TestBroker) -> Iterator[HubSide]:
    home.mkdir(parents=True, exist_ok=True)
    database = HubDatabase(f"sqlite:///{home / 'hub.db'}")
    metadata.create_all(database.engine)
    hub = HubSide(database, broker)
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()
        database.close()


@contextmanager
def store_side(
    home: Path, hub: HubSide, name: str = "store-1", code: str = "AB", **said: object
) -> Iterator[StoreSide]:
    hub.broker.admit(name)
    token = hub.add(name, code)
    store = StoreSide(home / name, name, hub.broker, token=token, **said)  # type: ignore[arg-type]  # named there
    try:
        yield store
    finally:
        store.stop()
