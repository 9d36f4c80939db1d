"""A store (or warehouse) of the simulation: the product's parts, its link, its inbox of directives."""

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from edge_agent.app import KINDS, kinds_over, parts
from edge_agent.catalog import steps as catalog_steps
from edge_agent.context import Edge
from edge_agent.database import EdgeDatabase
from edge_agent.link.service import LinkService
from edge_agent.link.settings import LinkSettings
from edge_agent.settings import EdgeSettings
from protocol.errors import OrderspineError
from protocol.handshake import DirectiveBatch
from protocol.kit.mqtt import Broker, Happening
from protocol.kit.sqlite import Connection
from protocol.kit.web.signin import CurrentPerson
from protocol.kit.writer import Store
from protocol.stream import first_hash
from tests.simulation.https import SimCourier, SimRecovery, SimUploads
from tests.simulation.network import SimSession
from tests.simulation.node import Backup, Chain, Command, Node, Place
from tests.simulation.schedule import SECOND
from tests.simulation.seams import Postponed, Running, child

MANAGER = CurrentPerson("m-1", "M. One", "manager", "till-1", "s1")
TILLS = ("till-1", "till-2")


@cache
def _settings() -> EdgeSettings:
    """Return the settings that every store has: reading the environment for each takes as long as a sale."""
    return EdgeSettings(edge="store", code="ST", data_dir=Path(), tills=TILLS)


class EdgeNode(Node):
    """One location."""

    program: Edge | None

    def __init__(self, world: Place, name: str, code: str, token: str, rng: Any, *, label: str = "") -> None:
        super().__init__(world, label or name, world.template.edge, rng)
        self.edge = name
        self.machine = self.ids.secret(16)
        self.token = token
        self.sells = not name.startswith("warehouse")
        self.settings = _settings().model_copy(
            update={
                "edge": name,
                "code": code,
                "store_name": name,
                "data_dir": self.folder,
                "marker_file": self.folder / "outside" / "marker",
                "sell_beyond_stock": world.options.sells_beyond,
            }
        )
        self.chain = Chain(name, "")
        self.past: list[Chain] = []
        """The lives of this machine's databases before the present one."""
        self.orders: list[str] = []
        """Numbers of sales that a client was told, for those who bring something back."""
        self._printed: set[str] = set()
        self.is_copy = False
        """Whether this database was restored or cloned, so that its history may fork."""
        self.did_twice = False
        """Whether people may have done again what its copy did not know of, before anybody could tell."""
        self._database: EdgeDatabase | None = None
        self._jitter = child(rng)
        self._batch: DirectiveBatch | None = None
        self._carrying = False

    # --- built inside the seams ---

    def open_session(self, *args: Any, **said: Any) -> SimSession:
        """Return the session of the link that is being built."""
        self.session = SimSession(*args, owner=self, net=self.world.net, **said)
        return self.session

    def open_courier(self, hub_url: str, token: str, incoming: Any, **_said: Any) -> SimCourier:
        """Return the courier of the link that is being built."""
        return SimCourier(self, hub_url, token, incoming)

    def open_recovery(self, *args: Any) -> SimRecovery:
        """Return what brings back what is lost, of the link that is being built."""
        return SimRecovery(self, *args)

    def open_uploads(self, courier: SimCourier, moved: Any) -> SimUploads:
        """Return the uploads of the link that is being built."""
        return SimUploads(self, courier, moved)

    # --- the process ---

    def synchronous_of(self, store: Store[Any]) -> int:
        """Return how the writing connection waits for the disk."""
        self._raw = store.connection
        return int(store.connection.execute("PRAGMA synchronous").fetchone()[0])

    def read_something(self, store: Store[Any]) -> None:
        """Read on the writing connection."""
        store.connection.execute("SELECT value FROM meta").fetchall()

    def open(self) -> None:
        """Build the store and its link, as its program does, without the threads."""
        options = self.world.options
        self._batch, self._carrying = None, False
        self._database = None
        edge = self.program = parts(self.settings, clock=self.clock, ids=self.ids)
        self._database = edge.database
        self.link = LinkService(
            edge,
            apply_catalog=catalog_steps.apply_file,
            stage_catalog=catalog_steps.stage_file,
            kinds=KINDS,
            kinds_over=kinds_over(edge),
            settings=LinkSettings(
                broker=Broker("broker", 1883, self.edge, "-", self.edge),
                marker_file=self.settings.marker,
                incoming=self.folder / "incoming",
                hub_url="http://hub.invalid",
                hub_token=self.token,
                machine=self.machine,
                lend_share_ppm=options.lend_share_ppm,
                lend_cap=options.lend_cap,
            ),
            jitter=self._jitter,
        )
        self.inbox = self.link.directives
        self.inbox._stopping = self.inbox._again = Running()  # type: ignore[assignment]  # the schedule waits
        self.talk = self.link._talk
        edge.online = lambda: self.talk.is_open
        self.talk.load()
        edge.wake_link = self.link.wake
        assert self.session is not None
        self.session.start()

    def close(self) -> None:
        """Close the file in order."""
        assert self._database is not None
        self._database.close()

    def abandon(self) -> None:
        """Let go of the file as a dead process does."""
        if self._database is not None:
            self._database.readers.close()
        self._raw.close()

    def goodbye(self) -> None:
        """Take the presence back and keep what was acknowledged."""
        self.talk.goodbye()

    def turn(self) -> None:
        """Do what the link's thread does between two waits."""
        session = self.session
        assert session is not None
        while True:
            self._one(session.take())
            if not session.waiting:
                break
        self._work_directives()

    def _one(self, happening: Happening | None) -> None:
        link = self.link
        try:
            link._take(happening)
            self.talk.tick()
            link._failed = None
        except OrderspineError as error:
            link._failed = (error.what, error.remedy)
            self.world.tally.fault("link tripped")
        link._announce()

    def _work_directives(self) -> None:
        if self._carrying or (self._batch is None and self.inbox._waiting.empty()):
            return
        self._carrying = True
        self.later(self.rng.randrange(1_000, 50_000), "carries out", self._carry_out)

    def _carry_out(self) -> None:
        """Do what the inbox's thread does with one batch; where it would wait, come back later."""
        batch = self._batch or self.inbox._waiting.get_nowait()
        assert batch is not None
        self._batch, self._carrying = None, False
        try:
            said = self.inbox._take(batch)
        except Postponed as wait:
            self._batch, self._carrying = batch, True
            self.later(wait.seconds * SECOND, "carries out again", self._carry_out)
            return
        if said is not None:
            self.inbox.answer(said)
        self._work_directives()

    # --- its disk ---

    def back_up(self, memory: Any = None) -> None:
        """Keep a copy of the database, and of the marker file beside it."""
        marker = self.settings.marker
        super().back_up(memory or (marker.read_bytes() if marker.exists() else b""))

    def put_marker_back(self, backup: Backup) -> None:
        """Put the marker file back to what it was when the copy was made."""
        if backup.memory:
            self.settings.marker.write_bytes(backup.memory)
        else:
            self.settings.marker.unlink(missing_ok=True)

    # --- what people ask ---

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in one commit."""
        edge = self.program
        assert edge is not None
        writer: Any = edge.database.writer
        with writer.together():
            asked = [
                writer.submit(lambda unit, command=command: command.step(unit, edge)) for command in commands
            ]
        answers: list[Any] = []
        for future in asked:
            problem = future.exception()
            answers.append(problem if problem is not None else future.result()[0])
        return answers

    def told(self) -> None:
        """A client was told: what the journal ends with now must never be missing again."""
        assert self.program is not None
        if self.program.identity.inc == self.chain.inc:
            self.chain.told = max(self.chain.told, self._newest(self._raw))

    def begin_chain(self, inc: str) -> None:
        """Follow another life of this database; it begins with what the hub lacked of the one before."""
        before = self.chain
        ended = self.audit.execute("SELECT acked FROM lives WHERE inc = ?", (before.inc,)).fetchone()
        if before.inc:
            self.past.append(before)
        carried = before.moves[ended[0] + 1 :] if ended is not None else []
        self.chain = Chain(self.edge, inc, [first_hash(self.edge, inc)], carried=carried)

    def learn_number(self, number: str, *, order: bool = False) -> None:
        """A client was told a printed number; nobody may ever be told it again."""
        before = self.world.numbers.setdefault(number, self.name)
        if order:
            self.orders.append(number)
        if (before != self.name or number in self._printed) and not self.is_copy:
            self.world.failed(f"{self.name} printed {number}, which {before} had printed")
        self._printed.add(number)

    def till(self, rng: random.Random) -> str:
        """Return where somebody is served: nearly always a till that is open."""
        rows = self.audit.execute(
            "SELECT till FROM till_sessions WHERE state = 'open' AND left_open = 0 ORDER BY till"
        ).fetchall()
        return str(rng.choice(rows)[0]) if rows and rng.random() < 0.95 else rng.choice(TILLS)

    def prices(self, skus: Sequence[str]) -> dict[str, int]:
        """Return the prices on the shelf."""
        marks = ",".join("?" * len(skus))
        found = self.audit.execute(f"SELECT sku, price_minor FROM products WHERE sku IN ({marks})", skus)
        return dict(found.fetchall())

    def newest(self) -> int:
        """Return the newest number of this life's journal."""
        return self._newest(self.audit)

    @staticmethod
    def _newest(connection: Connection) -> int:
        row = connection.execute(
            "SELECT max(carried, coalesce((SELECT max(seq) FROM events), 0) - base) FROM link"
        ).fetchone()
        return int(row[0])

    @property
    def inc(self) -> str:
        """The life of this database."""
        return self.chain.inc

    @property
    def halted(self) -> bool:
        """Whether this store has stopped telling the hub anything, until a person has decided."""
        return bool(self.audit.execute("SELECT quarantine <> '' AND recovery = '' FROM link").fetchone()[0])

    @property
    def recovers(self) -> bool:
        """Whether this store brings back what it lost, or waits until the lending is begun anew."""
        row = self.audit.execute("SELECT quarantine <> '' OR recovery <> '' FROM link").fetchone()
        return bool(row[0])
