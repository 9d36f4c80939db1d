"""The online half of a day: a web shop that sends orders to the hub, pickers in every location, customers.

All through the real HTTP APIs and the real wire. The shop places an order after every so many sales;
in each location somebody works what arrives (one order is rejected, one comes up short, and both are routed
again); customers collect with the code they were sent, one of them while the store has no line to the hub.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from deploy.demo.client import HubLogin, Login, StoreClient
from deploy.demo.history import History
from deploy.demo.layout import Layout
from deploy.demo.people import HUB_PERSON, MANAGER
from deploy.demo.setup import Product
from protocol.clock import Clock
from protocol.errors import Unavailable

PACE_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 120.0
CHANNEL: Final = "web"
SHIPPING_MINOR: Final = 3_95
DARK_STORE: Final = "store-2"
Trouble = Literal["", "reject", "short"]


@dataclass(frozen=True, slots=True)
class WebOrder:
    """One order of the day: where it is collected (or empty: shipped), and what it goes through."""

    n: int
    collect_at: str
    first_sku: int
    units: int
    trouble: Trouble = ""


WEB_ORDERS: Final = (
    WebOrder(1, DARK_STORE, first_sku=3, units=2),
    WebOrder(2, "store-1", first_sku=5, units=1),
    WebOrder(3, "", first_sku=7, units=2, trouble="reject"),
    WebOrder(4, "store-3", first_sku=9, units=1),
    WebOrder(5, "", first_sku=11, units=3, trouble="short"),
    WebOrder(6, "", first_sku=13, units=1),
    WebOrder(7, "store-1", first_sku=15, units=2),
    WebOrder(8, "store-3", first_sku=17, units=1),
)
LINES: Final = 2


@dataclass
class OnlineDay:
    """Who works on web orders, and what everybody was told."""

    layout: Layout
    products: Sequence[Product]
    history: History
    clock: Clock
    stopping: threading.Event
    orders_taken: Callable[[], int]
    """How many sales were rung up; the shop's orders come in step with them."""
    sales: int
    is_cut: Callable[[str], bool]
    placed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Number -> what the hub answered."""
    _troubles: dict[str, Trouble] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)
    """Number -> units that no customer has yet."""
    _first_ready: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def crew(self) -> list[Callable[[], None]]:
        """Return everybody's work."""
        return [self._shop, *(self._worker(place.name) for place in self.layout.places)]

    def opens(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return somebody's work that begins once the order for the dark store waits on its shelf."""

        def wait_and_work() -> None:
            self._wait(self._first_ready.is_set)
            work()

        return wait_and_work

    def is_ready(self, place: str) -> None:
        """Note that an order waits to be collected."""
        if place == DARK_STORE:
            self._first_ready.set()

    def _shop(self) -> None:
        """Place the orders, the first before any line is cut, the others in step with the day."""
        login = HubLogin(HUB_PERSON, self.layout.read_secret("hub.password"))
        hub = StoreClient("hub", self.layout.hub_url, login, self.clock, self.stopping)
        hub.sign_in()
        for order in WEB_ORDERS:
            due = (order.n - 1) * self.sales // (2 * len(WEB_ORDERS))
            self._wait(lambda due=due: self.orders_taken() >= due)  # type: ignore[misc]  # binds the number now
            self._place(hub, order)
        hub.close()

    def _place(self, hub: StoreClient, order: WebOrder) -> None:
        said = placed_once_lent(hub, wanted_of(order, self.products), self.clock, self.stopping)
        with self._lock:
            self.placed[said["number"]] = said
            self._troubles[said["number"]] = order.trouble
            self._left[said["number"]] = LINES * order.units
        self.history.write("web_order", "hub", number=said["number"], total_minor=said["total_minor"])

    def _worker(self, place: str) -> Callable[[], None]:
        return lambda: Fulfiller(self, place).work()

    def trouble_of(self, number: str, place: str) -> Trouble:
        """Return what goes wrong with an order here; it goes wrong once."""
        with self._lock:
            trouble = self._troubles.get(number, "")
            if trouble:
                self._troubles[number] = ""
        if trouble:
            self.history.write("trouble", place, number=number, trouble=trouble)
        return trouble

    def code_of(self, number: str) -> str:
        """Return the code that a customer was sent; empty while the shop awaits its own answer."""
        with self._lock:
            said = self.placed.get(number)
        return str(said["pickup_code"]) if said else ""

    def may_collect(self, place: str) -> bool:
        """Tell whether a customer comes now: to the dark store only while it is dark."""
        return place != DARK_STORE or self.is_cut(DARK_STORE)

    def left(self, number: str, kind: str, place: str, units: int) -> None:
        """Note that units of an order are in their customer's hands, or on their way."""
        with self._lock:
            self._left[number] = self._left.get(number, 0) - units
        self.history.write(kind, place, number=number, units=units, dark=self.is_cut(place))

    def all_done(self) -> bool:
        """Tell whether every order of the day is fulfilled."""
        with self._lock:
            return len(self.placed) == len(WEB_ORDERS) and not any(self._left.values())

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        while not until():
            if self.clock.monotonic() > deadline or self.stopping.wait(PACE_SECONDS):
                raise Unavailable("The day did not get on.", "Look at the logs of the stores.")


def wanted_of(order: WebOrder, products: Sequence[Product]) -> dict[str, Any]:
    """Return an order as the web shop sends it to the hub."""
    goods = [products[(order.first_sku + n) % len(products)] for n in range(LINES)]
    total = sum(round(float(product["price"]) * 100) * order.units for product in goods)
    shipping = 0 if order.collect_at else SHIPPING_MINOR
    promise = (
        {"kind": "collect", "location": order.collect_at, "promise_class": "same_day"}
        if order.collect_at
        else {"kind": "ship", "promise_class": "standard", "service": "standard"}
    )
    payment = {"gateway": "simulator", "reference": f"pay_{order.n}", "amount_minor": total + shipping}
    return {
        "key": f"web-{order.n}",
        "channel": CHANNEL,
        "external_id": f"W-{1000 + order.n}",
        "currency": "GBP",
        "lines": [{"sku": product["sku"], "quantity": order.units} for product in goods],
        "shipping_minor": shipping,
        "promise": promise,
        "customer": {
            "first_name": "Web",
            "last_name": f"Customer {order.n}",
            "email": f"customer-{order.n}@example.com",
            "phone": f"+44 20 7946 0{100 + order.n % 800}",
            "address": {"line1": f"{order.n} Test Lane", "city": "Leeds", "postcode": "LS1 6NP"},
        },
        "payment": payment,
    }


def placed_once_lent(
    hub: StoreClient, wanted: Mapping[str, Any], clock: Clock, stopping: threading.Event
) -> Mapping[str, Any]:
    """Send an order once a location has lent the hub the goods; stores lend when their day begins.

    Raises:
        Unavailable: nobody lends them.
    """
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        free = hub.get("/api/availability", sku=[line["sku"] for line in wanted["lines"]])
        if all(enough(item, wanted["promise"], wanted["lines"][0]["quantity"]) for item in free):
            answer: Mapping[str, Any] = hub.post("/api/orders", wanted)
            return answer
        if clock.monotonic() > deadline or stopping.wait(PACE_SECONDS):
            raise Unavailable("No location lends the hub what the web shop sells.", "Look at the logs.")


def enough(item: Mapping[str, Any], promise: Mapping[str, Any], units: int) -> bool:
    """Tell whether the hub may promise units of an item from where the promise needs them."""
    wanted = promise.get("location", "")
    return any(
        part["promisable"] >= units for part in item["parts"] if not wanted or part["location"] == wanted
    )


@dataclass
class Fulfiller:
    """Somebody in one location who works what arrives and serves who collects."""

    day: OnlineDay
    place: str
    _n: int = 0

    def work(self) -> None:
        """Work until every order of the day is fulfilled.

        Raises:
            Unavailable: the day did not end in time.
        """
        login = Login(MANAGER.person_id, MANAGER.pin, "handheld-1")
        url = self.day.layout.edge_url(self.place)
        client = StoreClient(self.place, url, login, self.day.clock, self.day.stopping)
        client.sign_in()
        deadline = self.day.clock.monotonic() + PATIENCE_SECONDS
        while not self.day.all_done():
            for work in client.get("/api/fulfil/work"):
                self._step(client, work)
            if self.day.clock.monotonic() > deadline or self.day.stopping.wait(PACE_SECONDS):
                raise Unavailable(
                    f"{self.place} waited in vain for web orders to be done.", "Look at the logs."
                )
        client.close()

    def _step(self, client: StoreClient, work: Mapping[str, Any]) -> None:
        path = f"/api/fulfil/assignments/{work['assignment_id']}"
        match work["state"]:
            case "acknowledged" | "picking":
                self._pick(client, work, path)
            case "picked":
                self._pack(client, work, path)
            case "packed" if work["kind"] == "ship":
                units = self._units(client, path)
                client.post(f"{path}/ship", {"key": self._key("ship")})
                self.day.left(work["number"], "shipped", self.place, units)
            case "packed":
                shelf = f"P-{self._n % 20 + 1:02d}"
                client.post(f"{path}/stage", {"key": self._key("stage"), "shelf": shelf})
                self.day.is_ready(self.place)
            case "ready" if self.day.may_collect(self.place) and self.day.code_of(work["number"]):
                self._hand_over(client, work, path)

    def _pick(self, client: StoreClient, work: Mapping[str, Any], path: str) -> None:
        trouble = self.day.trouble_of(work["number"], self.place)
        if trouble == "reject":
            client.post(f"{path}/reject", {"key": self._key("reject"), "reason": "no_capacity"})
            return
        list_id = work["list_id"]
        if work["state"] == "acknowledged":
            wanted = {"list_id": list_id} if list_id else {"assignments": [work["assignment_id"]]}
            list_id = client.post("/api/fulfil/picks", {"key": self._key("pick"), **wanted})["list_id"]
        for line in client.get(path)["items"]:
            units = line["open"]
            if trouble == "short":
                trouble = ""
                units -= 1
                short = {"assignment_id": work["assignment_id"], "line_no": line["line_no"], "units": 1}
                client.post(
                    f"/api/fulfil/picks/{list_id}/short",
                    {"key": self._key("short"), **short, "reason": "damaged"},
                )
            found = {"assignment_id": work["assignment_id"], "line_no": line["line_no"], "units": units}
            client.post(f"/api/fulfil/picks/{list_id}/set", {"key": self._key("set"), **found})
        client.post(f"/api/fulfil/picks/{list_id}/finish", {"key": self._key("finish")})

    def _pack(self, client: StoreClient, work: Mapping[str, Any], path: str) -> None:
        packed: dict[str, Any] = {"key": self._key("pack")}
        if work["kind"] == "ship":
            packed["parcels"] = [{"weight_g": 700}]
        else:
            packed["bags"] = 1
        client.post(f"{path}/pack", packed)

    def _hand_over(self, client: StoreClient, work: Mapping[str, Any], path: str) -> None:
        units = self._units(client, path)
        code = {"key": self._key("verify"), "how": "code", "said": self.day.code_of(work["number"])}
        verified = client.post(f"{path}/verify", code)
        wanted = {"key": self._key("hand-over"), "verification": verified["verification"]}
        client.post(f"{path}/hand-over", wanted)
        self.day.left(work["number"], "collected", self.place, units)

    @staticmethod
    def _units(client: StoreClient, path: str) -> int:
        """Return how many units of an assignment are picked and still here."""
        return sum(line["picked"] - line["fulfilled"] for line in client.get(path)["items"])

    def _key(self, what: str) -> str:
        self._n += 1
        return f"{self.place}-online-{self._n}-{what}"
