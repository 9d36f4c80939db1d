"""The web shop of the interactive demo: an order now and then, for people to pick and hand over themselves.

It goes on where it was after a restart: the hub says how many it has, and the next is one more. What it sells
is paid; the terminal says what the customer would be told, with the pickup code. It sells what there is: a
store that is cut off gets no new promise, so another one is sold for until it is back, and an order that is
refused is tried again a minute later. Nothing but the end of the demo closes it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from deploy.demo.client import HubLogin, StoreClient
from deploy.demo.layout import Layout
from deploy.demo.online import LINES, WebOrder, enough, wanted_of
from deploy.demo.people import HUB_PERSON
from deploy.demo.setup import Product
from protocol.clock import Clock
from protocol.errors import OrderspineError
from protocol.kit.text import _

EVERY_SECONDS: Final = 60.0
UNTOUCHED: Final = 40
"""Orders in a row while none leaves: a demo left alone overnight does not drown its stores in work."""
SHELF: Final = 12
"""Articles that are looked at for an order; what is sold out among them is passed over."""
PLACES: Final = ("store-1", "store-2", "", "store-3")
AT_ONCE: Final = len(PLACES)
"""The first visitor finds one of each kind."""


class Asked(Protocol):
    """The hub, as somebody who is signed in asks it."""

    def get(self, path: str, **params: Any) -> Any:
        """Ask for something."""

    def post(self, path: str, wanted: Mapping[str, Any]) -> Any:
        """Have something done."""


class WebShop:
    """Sends orders on a thread of its own until it is stopped."""

    def __init__(
        self, layout: Layout, products: Sequence[Product], *, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._layout = layout
        self._products = products
        self._clock = clock
        self._say = say
        self._untouched = self._left = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-shop", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; an order that is being sent is sent."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        login = HubLogin(HUB_PERSON, self._layout.read_secret("hub.password"))
        hub = StoreClient("hub", self._layout.hub_url, login, self._clock, self._stopping)
        try:
            hub.sign_in()
            self.sell(hub, self._stopping)
        except OrderspineError as error:
            if not self._stopping.is_set():
                self._say(_("The web shop has closed: {what}", what=error.what))
        finally:
            hub.close()

    def sell(self, hub: Asked, stopping: threading.Event) -> None:
        """Send orders until it is told to stop; what keeps it from selling is said once, and tried again."""
        trouble, sent = "", 0
        while not stopping.is_set():
            before = trouble
            try:
                trouble = self._next(hub)
            except OrderspineError as error:
                trouble = _("The web shop cannot sell now: {what}", what=error.what)
            sent += not trouble
            if trouble and trouble != before and not stopping.is_set():
                self._say(trouble)
            if (trouble or sent >= AT_ONCE) and stopping.wait(EVERY_SECONDS):
                return

    def _next(self, hub: Asked) -> str:
        """Send the next order; return why it cannot be, or nothing."""
        known = hub.get("/api/summary")
        left = int(known["collected"]) + int(known["shipped"])
        self._untouched = self._untouched if left == self._left else 0
        self._left = left
        if self._untouched >= UNTOUCHED:
            return _("The web shop waits: nobody works on its orders.")
        n = int(known["web_orders"]) + 1
        for place in (PLACES[(n - 1 + turn) % len(PLACES)] for turn in range(len(PLACES))):
            order = WebOrder(n, place, first_sku=0, units=1 + n % 2)
            goods = self._goods(hub, order)
            if len(goods) == LINES:
                self._send(hub, order, goods)
                self._untouched += 1
                return ""
        return _("The web shop waits: no location that is heard lends the hub what it sells.")

    def _goods(self, hub: Asked, order: WebOrder) -> list[Product]:
        """Return what an order is for: the first articles from its own on that can be promised there."""
        shelf = [self._products[(3 * order.n + turn) % len(self._products)] for turn in range(SHELF)]
        promise = wanted_of(order, shelf)["promise"]
        skus = [product["sku"] for product in shelf]
        free = hub.get("/api/availability", sku=skus, promise_class=promise["promise_class"])
        there = {item["sku"] for item in free if enough(item, promise, order.units)}
        return [product for product in shelf if product["sku"] in there][:LINES]

    def _send(self, hub: Asked, order: WebOrder, goods: Sequence[Product]) -> None:
        said = hub.post("/api/orders", wanted_of(order, goods))
        titles = {place.name: place.title for place in self._layout.places}
        if order.collect_at:
            sentence = _(
                "Web order {number}: to be collected at {place} with the code {code}",
                number=said["number"],
                place=titles[order.collect_at],
                code=said["pickup_code"],
            )
        else:
            sentence = _("Web order {number}: to be shipped", number=said["number"])
        self._say(sentence)
