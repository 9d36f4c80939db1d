"""A small company of real processes, and clients in it who write down what they were told.

A broker, the hub and two stores run under the demo's supervisor. Sellers sell until they are told to stop,
through whatever is killed meanwhile; `settle` waits for the hub and compares the three counts.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.books import one
from deploy.demo.check import check, told_by_clients, wait_for_catalogue, wait_for_sync
from deploy.demo.client import Login, StoreClient
from deploy.demo.history import History
from deploy.demo.layout import PLACES, Layout, choose_ports
from deploy.demo.people import ASSOCIATE, HUB_PERSON, MANAGER, SECOND_ASSOCIATE
from deploy.demo.setup import SetUp, as_csv, prepare
from deploy.demo.supervisor import HUB, Supervisor
from protocol.kit.system import SystemClock, SystemIds
from tests.support.processes import descendants, described
from tests.support.wire import eventually

TILLS = ("till-1", "till-2")
PRODUCTS = 800
UNITS = 100_000
FEW = 30
"""Units of each scarce article in each store."""
PATIENCE_SECONDS = 40.0
RETURN_EVERY = 6
PAUSE_SECONDS = 0.05


def product(n: int) -> dict[str, str]:
    """Return a product as a row of a catalogue file."""
    price_minor = 100 + 37 * n % 4900
    return {
        "sku": f"{n:05d}",
        "name": f"Thing number {n} with a name of some length",
        "price": f"{price_minor / 100:.2f}",
        "cost": f"{price_minor / 250:.2f}",
        "tax_rate": "20",
        "kind": "goods",
        "category": "Home",
        "bin": "",
        "barcode": "",
    }


def wipe_broker(supervisor: Supervisor) -> None:
    """Kill the broker of a company, throw away all it has, and start it again on the same port."""
    broker = supervisor._broker
    assert broker is not None
    with supervisor._lock:
        broker.kill()
        broker.wipe()
        supervisor._spawner.do(broker.start)


@dataclass
class Seller:
    """Somebody at a till who sells, sometimes takes something back, and writes every answer down."""

    client: StoreClient
    till: str
    history: History
    rng: random.Random
    name: str
    told: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    """(path, body, number) of everything that was answered."""
    _n: int = 0

    def sell(self, lines: int = 0) -> str:
        """Sell once and return the order's number."""
        picked = self.rng.sample(range(PRODUCTS), lines or self.rng.randint(1, 3))
        wanted = {
            "key": self._key("sale"),
            "till": self.till,
            "lines": [{"sku": f"{n:05d}", "quantity": self.rng.randint(1, 3)} for n in picked],
            "tenders": [{"kind": "cash", "amount_minor": 100_000_00}],
        }
        said = self.client.post("/api/sales", wanted)
        self._keep("sale", "/api/sales", wanted, said, lines=len(picked))
        return str(said["number"])

    def take_back(self, number: str) -> None:
        """Take one unit of an order back."""
        wanted = {"key": self._key("return"), "lines": [{"line_no": 1, "quantity": 1}], "till": self.till}
        path = f"/api/orders/{number}/returns"
        self._keep("return", path, wanted, self.client.post(path, wanted))

    def work(self, stopping: threading.Event, pause: float) -> None:
        """Sell until told to stop, with a pause (seconds) after every sale."""
        while not stopping.wait(pause):
            number = self.sell()
            if self._n % RETURN_EVERY == 0:
                self.take_back(number)

    def repeat(self) -> None:
        """Ask for everything again, with the same keys: the first answer comes back and nothing happens."""
        for path, wanted, number in self.told:
            assert self.client.post(path, wanted)["number"] == number
        self.told.clear()

    def _key(self, what: str) -> str:
        self._n += 1
        return f"{what}-{self.name}-{self._n}"

    def _keep(self, kind: str, path: str, wanted: dict[str, Any], said: dict[str, Any], **more: Any) -> None:
        self.history.write(
            kind,
            self.client.store,
            number=said["number"],
            total_minor=said["total_minor"],
            key=wanted["key"],
            **more,
        )
        self.told.append((path, wanted, said["number"]))


class Company:
    """Everything that runs, and everybody who sells. Use it as a context manager."""

    def __init__(self, folder: Path, *, stores: int = 2, scarce: int = 0) -> None:
        """Prepare it; so many articles more are kept of which there are few, and which no counter sells."""
        clock, ids = SystemClock(), SystemIds()
        rng = random.Random(int(ids.secret(8), 16))
        places = PLACES[:stores]
        self.layout = Layout(folder, places, choose_ports(places, rng, fixed=False))
        self.history = History(folder / "clients.jsonl")
        self.stopping = threading.Event()
        self.clock = clock
        self.stores = [place.name for place in places]
        goods = SetUp(as_csv(product(n) for n in range(PRODUCTS + scarce)), printers=False)
        self.scarce = tuple(f"{PRODUCTS + n:05d}" for n in range(scarce))
        prepare(self.layout, goods, tills=TILLS, clock=clock, ids=ids)
        self.supervisor = Supervisor(self.layout, clock=clock, ids=ids, say=lambda _: None, printers=False)
        self.sellers: dict[str, list[Seller]] = {}
        self.checks = 0
        self._before = set(descendants(os.getpid()))
        self._hub_token = ""

    def start(self) -> None:
        """Start everything, fill the shelves and open the tills."""
        self.supervisor.start()
        wait_for_catalogue(self.layout, self.clock, self.stopping, PATIENCE_SECONDS)
        for store in self.stores:
            manager = self._client(store, Login(MANAGER.person_id, MANAGER.pin, "office"))
            lines = [{"sku": f"{n:05d}", "quantity": UNITS} for n in range(PRODUCTS)]
            lines += [{"sku": sku, "quantity": FEW} for sku in self.scarce]
            manager.post("/api/stock/moves", {"key": "opening", "reason": "opening", "lines": lines})
            self.sellers[store] = []
            for till, person in zip(TILLS, (ASSOCIATE, SECOND_ASSOCIATE), strict=True):
                manager.post(f"/api/tills/{till}/open", {"key": f"open-{till}", "float_minor": 500_00})
                client = self._client(store, Login(person.person_id, person.pin, till))
                self.sellers[store] += [
                    Seller(client, till, self.history, random.Random(f"{store}{till}"), f"{store}-{till}")
                ]
            manager.close()
            if self.scarce:  # a store lends when a session begins, and then every half minute
                self.supervisor.cut(store)
                self.supervisor.restore(store)

    def close(self) -> None:
        """Stop everything; fails when a process is left behind."""
        self.stopping.set()
        self.supervisor.stop()
        self.history.close()
        for seller in self.everybody:
            seller.client.close()
        left = sorted(set(descendants(os.getpid())) - self._before - {self.supervisor._spawner._nursery.pid})
        assert left == [], f"processes were left behind: {[described(pid) for pid in left]}"

    @property
    def everybody(self) -> list[Seller]:
        """Every seller of every store."""
        return [seller for sellers in self.sellers.values() for seller in sellers]

    @contextmanager
    def selling(self, *stores: str, pause: float = PAUSE_SECONDS) -> Iterator[None]:
        """Let the sellers of these stores (or all) sell for the length of a block.

        Without a pause what strikes a store strikes in the middle of a sale, and two cores do little else.
        """
        stopping = threading.Event()
        troubles: list[BaseException] = []

        def work(seller: Seller) -> None:
            try:
                seller.work(stopping, pause)
            except BaseException as error:  # noqa: BLE001 - raised again on the test's thread
                troubles.append(error)

        wanted = [seller for store in stores or self.stores for seller in self.sellers[store]]
        threads = [threading.Thread(target=work, args=(seller,)) for seller in wanted]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        if troubles:
            raise troubles[0]

    def sold(self, *stores: str) -> int:
        """Return how many answers these stores' (or all) sellers wrote down since the last check."""
        return sum(len(seller.told) for store in stores or self.stores for seller in self.sellers[store])

    def wait_for_sales(self, more: int, *stores: str) -> None:
        """Wait until so many more answers were written down."""
        goal = self.sold(*stores) + more
        eventually(lambda: self.sold(*stores) >= goal, PATIENCE_SECONDS, what=f"{more} more sales")

    def applied(self, store: str) -> int:
        """Return how far the hub is in a store's stream."""
        file = self.layout.folder / "hub" / "hub.db"
        return int(one(file, "SELECT max(upto) FROM streams WHERE edge = ?", store) or 0)

    def wait_until_applied_beyond(self, store: str, number: int) -> None:
        """Wait until the hub has applied more of a store's stream."""
        eventually(lambda: self.applied(store) > number, PATIENCE_SECONDS, what=f"more of {store}")

    def wipe_broker(self) -> None:
        """Kill the broker, throw away all it has, and start it again on the same port."""
        wipe_broker(self.supervisor)

    def signal_hub(self, number: signal.Signals) -> None:
        """Send the hub a signal."""
        os.killpg(self.supervisor._hub.pid, number)

    def wait_ready(self, *names: str) -> None:
        """Wait until the hub or stores answer again."""
        for name in names:
            child = self.supervisor._process(name)
            eventually(child.healthy, PATIENCE_SECONDS, what=f"{name} to answer")

    def settle(self) -> None:
        """Compare what clients, stores and hub count, once the hub has heard everything."""
        self.wait_ready(HUB, *self.stores)
        for seller in self.everybody:
            seller.repeat()
        newest = wait_for_sync(self.layout, self.clock, self.stopping)
        told = self.history.lines()
        clients = told_by_clients(told)
        verdict = check(self.layout, told, clients, newest)
        assert verdict.reasons == []
        assert verdict.clients == verdict.edges == verdict.hub
        keys = [(line["store"], line["key"]) for line in told]
        assert len(keys) == len(set(keys))
        summary = self.summary()
        assert (summary["orders"], summary["order_lines"], summary["gross_minor"]) == (
            clients.orders,
            clients.order_lines,
            clients.gross_minor,
        )
        assert (summary["returns"], summary["refund_minor"]) == (clients.returns, clients.refund_minor)
        assert {
            name: summary[name] for name in ("missing", "duplicates", "oversold_units", "parked")
        } == dict.fromkeys(("missing", "duplicates", "oversold_units", "parked"), 0)
        assert (summary["trial_balance_minor"], summary["unbalanced_journals"]) == (0, 0)
        booked = summary["ledger_sales_minor"] + summary["ledger_vat_minor"]
        assert booked == clients.gross_minor - clients.refund_minor
        self.checks += 1

    def summary(self) -> dict[str, Any]:
        """Return what the hub says of itself."""
        found: dict[str, Any] = self.ask("/api/summary").json()
        return found

    def line(self) -> dict[str, Any]:
        """Return what the hub says of its line to the broker."""
        found: dict[str, Any] = self.ask("/api/fleet/line").json()
        return found

    def ask(self, path: str) -> httpx.Response:
        """Return what the hub answers somebody of its people."""
        with httpx.Client(base_url=self.layout.hub_url, timeout=20, trust_env=False) as client:
            if not self._hub_token:
                password = self.layout.read_secret("hub.password")
                signed = client.post("/api/sign-in", json={"name": HUB_PERSON, "password": password})
                self._hub_token = signed.json()["token"]
            answer = client.get(path, headers={"Authorization": f"Bearer {self._hub_token}"})
        assert answer.status_code == 200, answer.text
        return answer

    def sync(self, store: str) -> dict[str, Any]:
        """Return what a store says of its line."""
        said: dict[str, Any] = self.sellers[store][0].client.get("/api/sync")
        return said

    def _client(self, store: str, login: Login) -> StoreClient:
        client = StoreClient(store, self.layout.edge_url(store), login, self.clock, self.stopping)
        client.sign_in()
        return client
