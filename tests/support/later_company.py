"""A small company of real processes that fulfils web orders: a broker, the hub, two stores and a warehouse.

    with LaterCompany(tmp_path) as company:
        company.fault("store").strike()

Faults are things that happen to it: a line that is cut until it is mended, a process that is killed and, as
under any service manager, started again at once. People work through clients of their own, one for each
thread and place, which repeat with the same keys until they are answered.
"""

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from deploy.demo.books import one, reading
from deploy.demo.check import wait_for_catalogue, wait_for_sync
from deploy.demo.client import HubLogin, Login, StoreClient
from deploy.demo.layout import PLACES, Layout, Place, Ports, choose_ports
from deploy.demo.people import HUB_PERSON, MANAGER
from deploy.demo.setup import SetUp, as_csv, prepare
from deploy.demo.supervisor import HUB, Supervisor
from protocol.ids import IdMaker
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock, SystemIds
from tests.support.company import product, wipe_broker
from tests.support.processes import descendants, described
from tests.support.wire import eventually

STORE = "store-1"
OTHER = "store-2"
WAREHOUSE = "warehouse"
NAMES = (STORE, OTHER, WAREHOUSE)
TILL = "till-1"
PRODUCTS = 490
ORDERED = 450
"""Articles that orders take in their turn; the others are untouched until a test asks for them by name."""
ON_HAND = 100
"""Of every article in every place."""
LENT = 20
"""What a store lends of it; a warehouse lends more."""
HANDS = 6
"""People who work at the same time."""
PEOPLE = 24
"""People who have a PIN: whoever works is somebody else. Five who sign in at the same moment as one person,
while their store is killed, would be five guesses of that person's PIN, and lock it for minutes."""
PATIENCE_SECONDS = 180.0
"""What has not come by then never will: a slow machine that does much at once needs a minute for some."""
ALSO = """
INSERT INTO people (person_id, name, role, language, pin_hash)
SELECT ?, ?, role, language, pin_hash FROM people WHERE person_id = ?
"""

Made = TypeVar("Made")


class KeyedClient(StoreClient):
    """A client of the hub that can send its key as a header, as the hub's verbs about orders want it."""

    key = ""

    def post_keyed(self, path: str, wanted: dict[str, Any], key: str) -> Any:
        """Have something done once, however often it has to be sent."""
        self.key = key
        try:
            return self.post(path, wanted)
        finally:
            self.key = ""

    def _headers(self) -> dict[str, str]:
        headers = super()._headers()
        return {**headers, "Idempotency-Key": self.key} if self.key else headers


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to the company, and how it ends."""

    name: str
    strike: Callable[[], None]
    mend: Callable[[], None] = lambda: None


class LaterCompany:
    """Everything that runs, and the people who work there. Use it as a context manager."""

    places: tuple[Place, ...] = tuple(place for place in PLACES if place.name in NAMES)

    def __init__(self, folder: Path) -> None:
        self.clock, self.stopping = SystemClock(), threading.Event()
        ids = SystemIds()
        rng = random.Random(int(ids.secret(8), 16))
        self.layout = self.new_layout(folder, choose_ports(self.places, rng, fixed=False))
        goods = SetUp(as_csv(product(n) for n in range(PRODUCTS)), people=[MANAGER], printers=False)
        prepare(self.layout, goods, tills=[TILL], clock=self.clock, ids=ids)
        self._people = self._add_people()
        self.supervisor = self.new_supervisor(ids)
        self.hands = ThreadPoolExecutor(HANDS, thread_name_prefix="hand")
        self.orders = 0
        """How many were begun; each has a number, and articles of its own."""
        self._local = threading.local()
        self._clients: list[StoreClient] = []
        self._lock = threading.Lock()
        self._before = set(descendants(os.getpid()))

    def new_layout(self, folder: Path, ports: Ports) -> Layout:
        """Return where everything lies."""
        return Layout(folder, self.places, ports)

    def new_supervisor(self, ids: IdMaker) -> Supervisor:
        """Return what runs it."""
        return Supervisor(self.layout, clock=self.clock, ids=ids, say=lambda _: None, printers=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every place."""
        return tuple(place.name for place in self.places)

    @property
    def hub_file(self) -> Path:
        """The hub's database."""
        return self.layout.folder / HUB / "hub.db"

    def edge_file(self, place: str) -> Path:
        """Return the database of a place."""
        return self.layout.folder / place / "edge.db"

    def __enter__(self) -> Self:
        """Start everything, fill the shelves, and wait until the hub may promise what is lent."""
        try:
            self.supervisor.start()
            wait_for_catalogue(self.layout, self.clock, self.stopping, PATIENCE_SECONDS)
            self.map(self._open, self.names)
            eventually(self._all_is_lent, PATIENCE_SECONDS, what="the stores to lend")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stock(self, n: int) -> int:  # noqa: ARG002 - other companies give each article its own
        """Return how many of an article each place has at first."""
        return ON_HAND

    def _add_people(self) -> Iterator[str]:
        """Let more people have the manager's role and PIN everywhere; return their names in their turn."""
        names = [f"hand-{n}" for n in range(PEOPLE)]
        for place in self.names:
            edge = connect(self.edge_file(place))
            try:
                edge.executemany(ALSO, [(name, name, MANAGER.person_id) for name in names])
            finally:
                edge.close()
        return cycle(names)

    def _open(self, place: str) -> None:
        lines = [{"sku": f"{n:05d}", "quantity": self.stock(n)} for n in range(PRODUCTS)]
        self.at(place).post("/api/stock/moves", {"key": "opening", "reason": "opening", "lines": lines})
        # A store lends when a session begins, and then every half minute.
        self.supervisor.cut(place)
        self.supervisor.restore(place)

    def _all_is_lent(self) -> bool:
        lent = one(self.hub_file, "SELECT count(*) FROM hub_rights WHERE granted_seen >= ?", LENT)
        return int(lent or 0) == len(self.names) * PRODUCTS

    def close(self) -> None:
        """Stop everything; fails when a process is left behind."""
        self.stopping.set()
        self.hands.shutdown()
        self.supervisor.stop()
        for client in self._clients:
            client.close()
        left = sorted(set(descendants(os.getpid())) - self._before - {self.supervisor._spawner._nursery.pid})
        assert left == [], f"processes were left behind: {[described(pid) for pid in left]}"

    def at(self, place: str) -> KeyedClient:
        """Return this thread's client of a place, or of the hub."""
        known: dict[str, KeyedClient] = self._local.__dict__.setdefault("clients", {})
        if place not in known:
            known[place] = self._signed_in(place)
        return known[place]

    def _signed_in(self, place: str) -> KeyedClient:
        if place == HUB:
            login: Login | HubLogin = HubLogin(HUB_PERSON, self.layout.read_secret("hub.password"))
            url = self.layout.hub_url
        else:
            login, url = self._login(), self.layout.edge_url(place)
        client = KeyedClient(place, url, login, self.clock, self.stopping)
        client.sign_in()
        with self._lock:
            self._clients.append(client)
        return client

    def _login(self) -> Login:
        """Return this thread's person and device, the same at every place."""
        known: Login | None = getattr(self._local, "login", None)
        if known is None:
            with self._lock:
                person = next(self._people)
            known = self._local.login = Login(person, MANAGER.pin, f"handheld-{threading.get_ident()}")
        return known

    def map(self, work: Callable[[str], Made], over: Iterable[str]) -> list[Made]:
        """Let several people do something at the same time."""
        return list(self.hands.map(work, over))

    def next_order(self) -> int:
        """Return the number of a new order."""
        with self._lock:
            self.orders += 1
            return self.orders

    def read(self, place: str, query: str, *values: Any) -> list[Any]:
        """Return rows of the hub's database, or of a place's, read from outside."""
        file = self.hub_file if place == HUB else self.edge_file(place)
        with reading(file) as connection:
            return connection.execute(query, values).fetchall()

    def fault(self, name: str) -> Fault:
        """Return what may happen: `line` of every place, `store`, `hub`, `broker`, or `store and hub`."""

        def kill(*names: str) -> Callable[[], None]:
            def strike() -> None:
                for each in names:
                    self.supervisor.kill(each)

            return strike

        found = {
            "line": Fault(name, self.cut_all, self.restore_all),
            "store": Fault(name, kill(STORE, WAREHOUSE)),
            "hub": Fault(name, kill(HUB)),
            "broker": Fault(name, self.wipe_broker),
            "store and hub": Fault(name, kill(HUB, STORE)),
        }
        return found[name]

    def wipe_broker(self) -> None:
        """Kill the broker, throw away all it has, and start it again on the same port."""
        wipe_broker(self.supervisor)

    def cut_all(self) -> None:
        """Cut every place off."""
        for place in self.names:
            self.supervisor.cut(place)

    def restore_all(self) -> None:
        """Give every place its line back."""
        for place in self.names:
            self.supervisor.restore(place)

    def settle(self) -> None:
        """Wait until everybody has heard everything and answered every directive."""
        self.restore_all()
        for name in (HUB, *self.names):
            child = self.supervisor._process(name)
            eventually(child.healthy, PATIENCE_SECONDS, what=f"{name} to answer")
        eventually(self._all_is_answered, PATIENCE_SECONDS, what="every directive to be answered")
        wait_for_sync(self.layout, self.clock, self.stopping)

    def _all_is_answered(self) -> bool:
        waiting = one(
            self.hub_file, "SELECT count(*) FROM directives WHERE state NOT IN ('answered', 'withdrawn')"
        )
        return not waiting
