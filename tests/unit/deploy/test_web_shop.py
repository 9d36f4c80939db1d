"""The demo's web shop sells what there is, and goes on whatever an order of it meets."""

import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.demo import shop
from deploy.demo.layout import PLACES, Layout, choose_ports
from deploy.demo.setup import Product
from deploy.demo.shop import WebShop
from protocol.errors import Refused, Unavailable
from tests.support.hub import TestClock

PRODUCTS: list[Product] = [{"sku": f"S{n}", "price": "1.00"} for n in range(40)]


class Hub:
    """A hub that takes orders of what its locations lend, and says how much of it is done."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.sold_out: set[str] = set()
        self.refuses = 0
        self.orders: list[Mapping[str, Any]] = []
        self.left = self.minutes = self.collected_at = 0

    def get(self, path: str, **params: Any) -> Any:
        if path == "/api/summary":
            return {"web_orders": len(self.orders), "collected": self.left, "shipped": 0}
        return [
            {
                "sku": sku,
                "parts": [
                    {"location": place.name, "promisable": 0 if self._is_out(place.name, sku) else 5}
                    for place in PLACES
                ],
            }
            for sku in params["sku"]
        ]

    def post(self, _path: str, wanted: Mapping[str, Any]) -> Any:
        if self.refuses:
            self.refuses -= 1
            raise Refused("Too late for today.", "Promise another day.")
        self.orders.append(wanted)
        return {"number": f"HB1-{len(self.orders):05}", "pickup_code": "123456"}

    def pass_a_minute(self) -> None:
        """Let somebody collect an order, once those wait that nobody works on."""
        self.minutes += 1
        self.left += self.minutes == self.collected_at

    def _is_out(self, place: str, sku: str) -> bool:
        return place in self.silent or sku in self.sold_out


class Ticks(threading.Event):
    """Somebody who stops the shop after so many waits between its orders."""

    def __init__(self, waits: int, hub: Hub) -> None:
        super().__init__()
        self.left, self.hub = waits, hub

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == shop.EVERY_SECONDS:
            self.left -= 1
            self.hub.pass_a_minute()
            if self.left < 0:
                self.set()
        return self.is_set()


@pytest.fixture
def hub() -> Hub:
    return Hub()


def sells(hub: Hub, said: list[str], *, waits: int) -> None:
    """Let a shop sell until it has waited so often."""
    layout = Layout(Path("demo"), PLACES, choose_ports(PLACES, random.Random(7), fixed=False))
    WebShop(layout, PRODUCTS, clock=TestClock(0), say=said.append).sell(hub, Ticks(waits, hub))


def test_a_store_that_is_cut_off_is_sold_around_and_sells_again_when_it_is_back(hub: Hub) -> None:
    said: list[str] = []
    hub.silent = {"store-2"}
    sells(hub, said, waits=20)
    around = {order["promise"].get("location", "") for order in hub.orders}
    hub.silent = set()
    sells(hub, said, waits=4)

    assert len(hub.orders) >= 24
    assert "store-2" not in around
    assert "store-2" in {order["promise"].get("location", "") for order in hub.orders}


def test_what_is_sold_out_is_left_out_and_other_goods_are_sold(hub: Hub) -> None:
    hub.sold_out = {f"S{n}" for n in range(0, 40, 2)}

    sells(hub, [], waits=12)

    assert len(hub.orders) >= 12
    assert {line["sku"] for order in hub.orders for line in order["lines"]}.isdisjoint(hub.sold_out)
    assert all(len({line["sku"] for line in order["lines"]}) == 2 for order in hub.orders)


def test_while_nothing_can_be_sold_it_says_so_once_and_goes_on_when_there_is_something(hub: Hub) -> None:
    said: list[str] = []
    hub.silent = {place.name for place in PLACES}
    sells(hub, said, waits=5)
    assert (len(hub.orders), len(said)) == (0, 1)

    hub.silent = set()
    sells(hub, said, waits=2)
    assert len(hub.orders) >= 2


def test_an_order_that_is_refused_closes_no_shop(hub: Hub) -> None:
    said: list[str] = []
    hub.refuses = 3

    sells(hub, said, waits=8)

    assert len(hub.orders) >= 4
    assert [line for line in said if "Too late for today." in line] != []
    assert len({order["key"] for order in hub.orders}) == len(hub.orders)


def test_a_shop_left_alone_waits_until_somebody_works_and_then_goes_on(hub: Hub) -> None:
    said: list[str] = []
    hub.collected_at = shop.UNTOUCHED + 20

    sells(hub, said, waits=hub.collected_at - 1)
    assert len(hub.orders) == shop.UNTOUCHED
    assert "The web shop waits: nobody works on its orders." in said

    hub.orders.clear()
    hub.minutes = 0
    sells(hub, said, waits=hub.collected_at + 10)
    assert shop.UNTOUCHED < len(hub.orders) <= shop.UNTOUCHED + 11


def test_a_hub_that_does_not_answer_is_asked_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    answers = iter([Unavailable("The hub did not answer.", "Look at its log.")])
    real = hub.get

    def get(path: str, **params: Any) -> Any:
        for trouble in answers:
            raise trouble
        return real(path, **params)

    monkeypatch.setattr(hub, "get", get)
    sells(hub, said, waits=4)

    assert len(hub.orders) >= 3
