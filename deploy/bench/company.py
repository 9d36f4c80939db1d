"""What several benchmarks stand on: a broker, the hub and one store as real processes, set up by the steps.

Orders that a store took while nobody listened are made by the very steps of the counter, many to a commit, so
that ten thousand of them take seconds; nothing writes a table by itself.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.bench.edge_scan import gtin
from deploy.demo.books import one
from deploy.demo.client import Login, StoreClient
from deploy.demo.layout import PLACES, Layout, choose_ports
from deploy.demo.people import MANAGER
from deploy.demo.setup import Product, SetUp, as_csv, prepare
from deploy.demo.supervisor import Supervisor
from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.context import Edge
from edge_agent.counter.steps.sale import Sale, sell
from edge_agent.database import EdgeUnit
from edge_agent.settings import load_settings
from edge_agent.stock.steps import Moves, move
from edge_agent.till.steps import OpenTill, open_till
from protocol.errors import Unavailable
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.signin import CurrentPerson

STORE: Final = PLACES[0].name
TILL: Final = "till-1"
LINES: Final = 3
IN_A_COMMIT: Final = 250
MOVED_AT_ONCE: Final = 200
"""Few enough that the event needs no upload of its own beside the wire."""
UNITS: Final = 1_000_000
PATIENCE_SECONDS: Final = 240.0


def products(count: int) -> Iterator[Product]:
    """Yield goods with a bar code each."""
    for n in range(count):
        yield {
            "sku": f"SKU-{n:06d}",
            "name": f"Article number {n} in blue",
            "price": f"{n % 50 + 1}.99",
            "cost": "1.00",
            "tax_rate": "20",
            "kind": "goods",
            "category": "Home",
            "bin": "",
            "barcode": gtin(n),
        }


def take_orders(edge: Edge, count: int, goods: int, *, stocked: int = 2_000) -> None:
    """Let a store take so many orders of three lines, as one person at one till would."""
    person = CurrentPerson(MANAGER.person_id, MANAGER.name, MANAGER.role, TILL, "bench")
    draw = random.Random(11)
    stocked = min(stocked, goods)

    def begin(unit: EdgeUnit) -> None:
        open_till(unit, edge, TILL, OpenTill(key="open", float_minor=100_00), person=person)
        for start in range(0, stocked, MOVED_AT_ONCE):
            rows = [
                {"sku": f"SKU-{n:06d}", "quantity": UNITS}
                for n in range(start, min(stocked, start + MOVED_AT_ONCE))
            ]
            wanted = Moves.model_validate({"key": f"stock-{start}", "reason": "opening", "lines": rows})
            move(unit, edge, wanted, person=person)

    def some(unit: EdgeUnit, first: int) -> None:
        for n in range(first, min(count, first + IN_A_COMMIT)):
            skus = draw.sample(range(stocked), LINES)
            wanted = {
                "key": f"bench-{n}",
                "till": TILL,
                "lines": [{"sku": f"SKU-{sku:06d}", "quantity": 1} for sku in skus],
                "tenders": [{"kind": "cash", "amount_minor": 200_00}],
            }
            sell(unit, edge, Sale.model_validate(wanted), person=person)

    edge.database.write(begin)
    for first in range(0, count, IN_A_COMMIT):
        edge.database.write(lambda unit, first=first: some(unit, first))  # type: ignore[misc]  # bound now


@dataclass
class BenchCompany:
    """A hub, one store and the broker, prepared but not started."""

    layout: Layout
    supervisor: Supervisor

    @property
    def edge_file(self) -> Path:
        """The store's database."""
        return self.layout.folder / STORE / "edge.db"

    @property
    def hub_file(self) -> Path:
        """The hub's database."""
        return self.layout.folder / "hub" / "hub.db"

    @property
    def hub_pid(self) -> int:
        """The hub's process."""
        return int(self.supervisor.status()["hub"]["pid"])

    @property
    def edge_pid(self) -> int:
        """The store's process."""
        return int(self.supervisor.status()["places"][0]["pid"])

    def applied(self) -> int:
        """Return how far the hub is in the store's stream."""
        return int(one(self.hub_file, "SELECT max(upto) FROM streams WHERE edge = ?", STORE) or 0)

    def newest(self) -> int:
        """Return the store's newest event."""
        return int(one(self.edge_file, "SELECT coalesce(max(seq), 0) FROM events"))

    def wait_until_level(self) -> None:
        """Wait until the hub has everything."""
        until(lambda: self.applied() >= self.newest(), "the hub to catch up", pause_seconds=0.1)

    def person(self) -> StoreClient:
        """Return somebody at the till."""
        client = StoreClient(
            STORE, self.layout.edge_url(STORE), Login(MANAGER.person_id, MANAGER.pin, TILL), SystemClock()
        )
        client.sign_in()
        return client


def prepared(folder: Path, *, goods: int = 1_000, orders: int = 0) -> BenchCompany:
    """Set a company up, its store with so many orders that nobody has heard of."""
    clock, ids = SystemClock(), SystemIds()
    places = PLACES[:1]
    layout = Layout(folder, places, choose_ports(places, random.Random(os.getpid()), fixed=False))
    catalogue = as_csv(products(goods))
    prepare(layout, SetUp(catalogue, people=[MANAGER], printers=False), tills=[TILL], clock=clock, ids=ids)
    file = folder / "products.csv"
    file.write_text(catalogue, encoding="utf-8")
    edge = parts(load_settings(layout.config(STORE)))
    try:
        import_csv(edge, file)
        take_orders(edge, orders, goods)
    finally:
        edge.database.close()
    # Cold, as users start them: a process that shares the memory of another has no size of its own.
    supervisor = Supervisor(layout, clock=clock, ids=ids, say=lambda _: None, printers=False, warm=False)
    return BenchCompany(layout, supervisor)


@contextmanager
def running(company: BenchCompany) -> Iterator[BenchCompany]:
    """Run a company for the length of a block."""
    with company.supervisor:
        yield company


def until(true: Callable[[], object], what: str, *, pause_seconds: float = 0.002) -> None:
    """Wait until something is so.

    Raises:
        Unavailable: it never was.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    tick = threading.Event()
    while not true():
        if time.monotonic() > deadline:
            raise Unavailable(f"Waited in vain for {what}.", "Run it again on a machine with less to do.")
        tick.wait(pause_seconds)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds, in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
