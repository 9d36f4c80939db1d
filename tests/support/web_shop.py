"""A web shop that sells the last of a few articles while hub processes are stopped, killed and replaced.

It orders again and again, one unit at a time and more than there are, and repeats under one key until it is
answered. What it was told it writes down; `WebShop.differences` holds that against the hub's tables and the
files of the stores, where nobody fulfils anything: what is promised stays promised.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from deploy.demo.books import reading
from deploy.demo.client import HubLogin
from deploy.demo.people import HUB_PERSON
from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from tests.faults.run.checker import EDGE_CELLS
from tests.support.company import FEW, PATIENCE_SECONDS, Company
from tests.support.later_company import KeyedClient
from tests.support.later_walk import NOBODY
from tests.support.wire import eventually

PAUSE_SECONDS: Final = 0.1
_HUB_CELLS: Final = """
SELECT sku, granted_seen - returned - allocated + ended, allocated - ended - finished_seen
FROM hub_rights WHERE location = :place
"""
"""H and U."""
_HELD: Final = """
SELECT a.order_id, l.sku, l.quantity - l.short - l.given_up AS units
FROM assignments a JOIN assignment_lines l USING (assignment_id)
WHERE a.state NOT IN ('rejected', 'cancelled', 'expired')
"""
_TWICE: Final = """
SELECT id, count(*) FROM directives WHERE outcome = 'done' GROUP BY id HAVING count(*) > 1
"""
_KNOWN: Final = "SELECT external_id, number, order_id FROM later_orders JOIN orders USING (order_id)"
_NAMED: Final = "SELECT subject FROM exceptions WHERE state = 'open' AND subject LIKE 'order:%'"
_OWNED: Final = """
SELECT DISTINCT order_id FROM assignments WHERE state NOT IN ('rejected', 'short', 'cancelled', 'expired')
"""


@dataclass
class WebShop:
    """Who orders, and what they were told."""

    company: Company
    told: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    """Name of an order in the shop -> (what was sent, the number that it was given)."""
    refused: int = 0

    def __post_init__(self) -> None:
        company = self.company
        login = HubLogin(HUB_PERSON, company.layout.read_secret("hub.password"))
        self._client = KeyedClient(HUB, company.layout.hub_url, login, company.clock, company.stopping)
        self._client.sign_in()
        self._rng = random.Random("web shop")
        self._n = 0

    def close(self) -> None:
        """Let go of the line."""
        self._client.close()

    @contextmanager
    def selling(self) -> Iterator[None]:
        """Take orders for the length of a block, in a thread of its own."""
        stopping, troubles = threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                while not stopping.wait(PAUSE_SECONDS):
                    self._order()
            except BaseException as error:  # noqa: BLE001 - raised again on the test's thread
                troubles.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
        if troubles:
            raise troubles[0]

    def wait_for_orders(self, more: int) -> None:
        """Wait until so many more were accepted."""
        goal = len(self.told) + more
        eventually(lambda: len(self.told) >= goal, PATIENCE_SECONDS, what=f"{more} more web orders")

    def sell_out(self) -> None:
        """Order until nobody can promise another unit of anything, as far as it is lent."""
        for sku in self.company.scarce:
            refused = self.refused
            for _ in range(2 * FEW + 1):
                self._order(sku)
                if self.refused > refused:
                    break

    def repeat(self) -> list[str]:
        """Send everything again, and return the numbers that are others now.

        What a store had heard of has the number it had. What a lost database alone knew is an order anew, and
        if what it wanted is gone by now, the shop says that it has sold it: somebody has to decide.
        """
        gone = []
        for name, (wanted, number) in self.told.items():
            try:
                said = self._client.post("/api/orders", wanted)
            except Refused as refusal:
                if refusal.reason not in NOBODY:
                    raise
                again = {**wanted, "key": f"{wanted['key']}-again", "sold_already": True}
                said = self._client.post("/api/orders", again)
            now = str(said["number"])
            if now != number:
                gone.append(number)
                self.told[name] = (wanted, now)
        return gone

    def at_stores(self) -> set[str]:
        """Return the numbers of all that was ever offered to a store."""
        found: set[str] = set()
        for store in self.company.stores:
            with reading(self.company.layout.folder / store / "edge.db") as edge:
                found |= {str(row[0]) for row in edge.execute("SELECT number FROM assignments")}
        return found

    def _order(self, sku: str = "") -> None:
        self._n += 1
        name = f"W-{self._n}"
        wanted = {
            "key": f"shop-{self._n}",
            "channel": "web",
            "external_id": name,
            "currency": "GBP",
            "lines": [{"sku": sku or self._rng.choice(self.company.scarce), "quantity": 1}],
            "promise": {"kind": "collect", "location": self._rng.choice(self.company.stores)},
        }
        try:
            said = self._client.post("/api/orders", wanted)
        except Refused as refusal:
            if refusal.reason not in NOBODY:
                raise
            self.refused += 1
            return
        self.told[name] = (wanted, str(said["number"]))
        self.company.history.write("web", HUB, number=said["number"], key=wanted["key"])

    @property
    def numbers(self) -> list[str]:
        """Every number that a customer was given and that counts."""
        return [number for _wanted, number in list(self.told.values())]

    def differences(self, connection: sa.Connection) -> list[str]:
        """Return what is not as it was told, or not as it must be at rest."""
        known = connection.execute(sa.text(_KNOWN)).all()
        found = [] if len({row.external_id for row in known}) == len(known) else ["an order is there twice"]
        if {row.external_id: row.number for row in known} != {n: told[1] for n, told in self.told.items()}:
            found.append("numbers are not those that were told")
        if missing := self.told.keys() - {row.external_id for row in known}:
            found.append(f"the hub has not what it accepted: {sorted(missing)}")
        if more := {row.external_id for row in known} - self.told.keys():
            found.append(f"the hub has what nobody was told: {sorted(more)}")
        owned = {row[0] for row in connection.execute(sa.text(_OWNED))}
        owned |= {row[0].removeprefix("order:") for row in connection.execute(sa.text(_NAMED))}
        found += [f"nobody owns {row.number}" for row in known if row.order_id not in owned]
        held: Counter[str] = Counter()
        for store in self.company.stores:
            at_hub = {
                row[0]: (row[1], row[2]) for row in connection.execute(sa.text(_HUB_CELLS), {"place": store})
            }
            found += self._at(store, at_hub, held)
        found += [f"{count} have {order}" for order, count in held.items() if count > 1]
        return found

    def _at(self, store: str, at_hub: Mapping[str, tuple[int, int]], held: Counter[str]) -> list[str]:
        """Return what is wrong at a store, and count whose order it holds."""
        found, promised = [], Counter[str]()
        with reading(self.company.layout.folder / store / "edge.db") as edge:
            found += [f"{store} carried {row[0]} out {row[1]} times" for row in edge.execute(_TWICE)]
            for order_id, sku, units in edge.execute(_HELD):
                held[order_id] += units
                promised[sku] += units
            cells = {
                sku: (p, b, o) for sku, p, b, o in edge.execute(EDGE_CELLS) if sku in self.company.scarce
            }
        for sku in self.company.scarce:
            p, b, o = cells.get(sku, (0, 0, 0))
            h, u = at_hub.get(sku, (0, 0))
            if p != FEW or o != h + u or b + o > p or u != promised[sku]:
                found.append(f"{store} {sku}: P {p}, B {b}, O {o}; H {h}, U {u}; it holds {promised[sku]}")
        return found
