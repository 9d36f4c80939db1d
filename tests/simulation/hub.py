"""The hub of the simulation: the product's parts and its end of the wire."""

from collections.abc import Sequence
from typing import Any

from hub.context import Hub
from hub.database import HubDatabase
from hub.journey import JOURNEY
from hub.link import watch
from hub.link.service import SORTED_AT_ONCE, link_of
from hub.settings import HubSettings
from protocol.errors import OrderspineError
from protocol.kit.web.sse import Broadcaster
from protocol.kit.writer import Store
from tests.simulation.network import SimSession
from tests.simulation.node import Command, Node, Place
from tests.simulation.seams import Running, engine_url


class HubNode(Node):
    """The hub."""

    program: Hub | None
    own_table = "hub_meta"

    def __init__(self, world: Place, rng: Any) -> None:
        super().__init__(world, "hub", world.template.hub, rng)
        self.settings = HubSettings(
            data_dir=self.folder, broker_host="broker", marker_file=self.folder / "outside" / "marker"
        )
        self.promises: list[tuple[str, tuple[Any, ...], Any]] = []
        """What somebody at the hub was told: a question and the answer it must have for ever."""
        self.orders: list[str] = []
        self.shop: dict[str, tuple[int, ...]] = {}
        """What the web shop has ordered: the units of each line, by its own name for the order."""
        self.sent: list[Command] = []
        """The web shop's orders, for sending them again."""
        self.restored_life = ""
        """The life of the copy that was put in place, until a store's word begins a new one."""
        self.withdrawn: set[tuple[str, str]] = set()
        """(edge, id) of directives that the hub said it took back before they left."""

    def open_session(self, *args: Any, **said: Any) -> SimSession:
        """Return the session of the link that is being built."""
        self.session = SimSession(*args, owner=self, net=self.world.net, **said)
        return self.session

    def synchronous_of(self, store: Store[Any]) -> int:
        """Return how the writing connection waits for the disk."""
        self._writing = store.connection
        raw: Any = store.connection.connection.dbapi_connection
        return int(raw.execute("PRAGMA synchronous").fetchone()[0])

    def read_something(self, store: Store[Any]) -> None:
        """Read on the writing connection."""
        store.connection.exec_driver_sql("SELECT value FROM hub_meta").fetchall()

    def open(self) -> None:
        """Build the hub and its end of the wire, as its program does, without the threads."""
        self._database = HubDatabase(engine_url("hub", self.disk.file))
        hub = self.program = Hub(
            settings=self.settings,
            database=self._database,
            clock=self.clock,
            ids=self.ids,
            broadcaster=Broadcaster(),
            journey=JOURNEY,
        )
        watch.settle(hub)
        self._watched_at = self.clock.monotonic()
        self.link = link = link_of(hub, hub.presence)
        link._stopping = Running(waits=False)  # type: ignore[assignment]  # the schedule waits instead
        link.failed = self._failed  # type: ignore[attr-defined]  # the simulated link has it
        hub.outbox.wake = link.wake
        assert self.session is not None
        self.session.start()

    def close(self) -> None:
        """Close the file in order."""
        self._database.close()

    def abandon(self) -> None:
        """Let go of the file as a dead process does."""
        self._writing.invalidate()
        self._writing.close()
        self._database.close_readers()

    def goodbye(self) -> None:
        """Say that the hub ends."""
        self.link._say_presence(on=False)

    def turn(self) -> None:
        """Do what the link's thread does between two waits."""
        link, session = self.link, self.session
        assert session is not None
        for _ in range(SORTED_AT_ONCE):
            happening = session.take()
            if happening is None:
                break
            link._sort(happening)
        link._one_of_each()
        if link._outbox_changed.is_set():
            link._outbox_changed.clear()
            link._guarded("", link._desk.outflow.look)
        link._tick()
        self._watch()
        if link._waiting or session.waiting:
            self.wake()

    def _watch(self) -> None:
        """Look every second whether this database is an older copy, as the hub's own tick does."""
        assert self.program is not None
        if self.clock.monotonic() - self._watched_at >= 1.0:
            self._watched_at = self.clock.monotonic()
            watch.keep(self.program)

    def promise(self, sql: str, values: tuple[Any, ...], expected: Any) -> None:
        """Somebody was told something that must be found again after any crash."""
        self.promises.append((sql, values, expected))

    def life_in_file(self) -> str:
        """Return the life that this hub believes to live."""
        row = self.audit.execute("SELECT value FROM hub_meta WHERE key = 'hub_inc'").fetchone()
        return str(row[0]) if row else ""

    def told(self) -> None:
        """Nothing more: what somebody at the hub was told is kept as a question and its answer."""

    def learn_order(self, order_id: str, number: str) -> None:
        """A customer was told that an order stands."""
        self.orders.append(number)
        self.promise("SELECT number FROM orders WHERE order_id = ?", (order_id,), number)

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands one after the other."""
        return [self._ask(command) for command in commands]

    def _ask(self, command: Command) -> Any:
        try:
            return command.step(None, self.program)
        except OrderspineError as refused:
            return refused

    def _failed(self, error: BaseException) -> None:
        self.world.failed(f"the hub tripped: {type(error).__name__}: {error}")
