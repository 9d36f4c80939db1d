"""The web shop of the interactive demo: an order now and then, for people to pick and hand over themselves.

It goes on where it was after a restart: each order has a number of its own at the hub, so a number that was
used already is answered as it was the first time. What it sells is paid; the terminal says what the customer
would be told, with the pickup code.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from deploy.demo.client import HubLogin, StoreClient
from deploy.demo.layout import Layout
from deploy.demo.online import WebOrder, placed_once_lent, wanted_of
from deploy.demo.people import HUB_PERSON
from deploy.demo.setup import Product
from protocol.clock import Clock
from protocol.errors import OrderspineError
from protocol.kit.text import _

EVERY_SECONDS: Final = 60.0
ORDERS_A_RUN: Final = 40
"""A demo that is left alone overnight does not drown its stores in work."""
PLACES: Final = ("store-1", "store-2", "", "store-3")
AT_ONCE: Final = len(PLACES)
"""The first visitor finds one of each kind."""


class WebShop:
    """Sends orders on a thread of its own until it is stopped."""

    def __init__(
        self, layout: Layout, products: Sequence[Product], *, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._layout = layout
        self._products = products
        self._clock = clock
        self._say = say
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
            first = int(hub.get("/api/summary")["web_orders"]) + 1
            for n in range(first, first + ORDERS_A_RUN):
                self._send(hub, n)
                if n >= AT_ONCE and self._stopping.wait(EVERY_SECONDS):
                    return
        except OrderspineError as error:
            if not self._stopping.is_set():
                self._say(_("The web shop has closed: {what}", what=error.what))
        finally:
            hub.close()

    def _send(self, hub: StoreClient, n: int) -> None:
        order = WebOrder(n, PLACES[(n - 1) % len(PLACES)], first_sku=3 * n, units=1 + n % 2)
        said = placed_once_lent(hub, wanted_of(order, self._products), self._clock, self._stopping)
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
