"""The crew of a day: two associates in each store, and a delivery to the warehouse.

One store is cut off for a third of the day, one store and the hub are killed in the middle of their work.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from deploy.demo.client import Login, StoreClient
from deploy.demo.day import Associate, Basket, Wish
from deploy.demo.extract import DATA
from deploy.demo.history import History
from deploy.demo.layout import Layout
from deploy.demo.milestones import Cut, Kill, Milestones
from deploy.demo.online import OnlineDay
from deploy.demo.people import ASSOCIATE, MANAGER, SECOND_ASSOCIATE
from deploy.demo.setup import Product, read_csv
from protocol.clock import Clock

DAY_CUTS: Final = (Cut("store-2", 0.3, 0.64),)
DAY_KILLS: Final = (Kill("store-1", 0.4), Kill("hub", 0.5))
TILLS: Final = ("till-1", "till-2")
OPENING_UNITS: Final = 500
DELIVERIES: Final = 3
LINES: Final = 1_000


class Day:
    """Who works where, and with which baskets."""

    def __init__(
        self,
        layout: Layout,
        products: Sequence[Product],
        *,
        seed: int,
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self.tills = TILLS
        self._layout = layout
        self._products = products
        self._seed = seed
        self._clock = clock
        self._stopping = stopping
        self._stores = [place for place in layout.places if place.kind == "store"]
        self._baskets = shared_out(baskets(products), len(self._stores) * len(TILLS))

    @property
    def orders(self) -> int:
        """How many sales the day will have."""
        return sum(len(share) for share in self._baskets)

    def crew(
        self, history: History, milestones: Milestones, is_cut: Callable[[str], bool]
    ) -> list[Callable[[], None]]:
        """Return everybody's work, and fill the shelves first."""
        self._open_shelves()
        shares = iter(self._baskets)
        workers: list[Callable[[], None]] = []
        for place in self._stores:
            for till, person in zip(TILLS, (ASSOCIATE, SECOND_ASSOCIATE), strict=True):
                workers.append(
                    Associate(
                        client=self._client(place.name, Login(person.person_id, person.pin, till)),
                        till=till,
                        baskets=next(shares),
                        history=history,
                        milestones=milestones,
                        rng=random.Random(f"{self._seed}-{place.name}-{till}"),
                        stopping=self._stopping,
                    ).work
                )
        online = OnlineDay(
            layout=self._layout,
            products=self._products,
            history=history,
            clock=self._clock,
            stopping=self._stopping,
            orders_taken=lambda: milestones.taken,
            sales=self.orders,
            is_cut=is_cut,
        )
        return [*map(online.opens, workers), self._deliver, *online.crew()]

    def _open_shelves(self) -> None:
        for place in self._layout.places:
            self._move(place.name, "opening", "opening", OPENING_UNITS)

    def _deliver(self) -> None:
        for number in range(DELIVERIES):
            self._move("warehouse", "received", f"delivery-{number}", 24)

    def _move(self, place: str, reason: str, key: str, units: int) -> None:
        client = self._client(place, Login(MANAGER.person_id, MANAGER.pin, "office"))
        client.sign_in()
        lines = [{"sku": product["sku"], "quantity": units} for product in self._products]
        for start in range(0, len(lines), LINES):
            wanted = {"key": f"{key}-{start}", "reason": reason, "lines": lines[start : start + LINES]}
            client.post("/api/stock/moves", wanted)
        client.close()

    def _client(self, place: str, login: Login) -> StoreClient:
        return StoreClient(place, self._layout.edge_url(place), login, self._clock, self._stopping)


def baskets(products: Sequence[Product]) -> list[Basket]:
    """Return the baskets of a real shop's day."""
    known: Mapping[str, Product] = {product["sku"]: product for product in products}
    by_invoice: dict[str, list[Wish]] = defaultdict(list)
    for row in read_csv(DATA / "baskets.csv.gz"):
        product = known[row["sku"]]
        price_minor = round(float(product["price"]) * 100)
        wish = Wish(row["sku"], product["barcode"], int(row["quantity"]), price_minor)
        by_invoice[row["invoice"]].append(wish)
    return [merged(basket) for basket in by_invoice.values()]


def merged(basket: Sequence[Wish]) -> Basket:
    """Return a basket with one line for each product: two scans of one thing are one line of two."""
    units: dict[str, int] = defaultdict(int)
    for wish in basket:
        units[wish.sku] += wish.quantity
    first = {wish.sku: wish for wish in reversed(basket)}
    return [Wish(sku, first[sku].barcode, count, first[sku].price_minor) for sku, count in units.items()]


def shared_out(everything: Sequence[Basket], shares: int) -> list[Sequence[Basket]]:
    """Deal the baskets out like cards."""
    return [everything[share::shares] for share in range(shares)]
