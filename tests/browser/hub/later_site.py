"""A hub with orders for later in every state, from the web and from a counter; one of its stores is silent.

Run `python -m tests.browser.hub.later_site` and open the address it prints; it has the password of `site`.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

from hub.capture import steps as capture
from hub.capture.steps import By
from hub.capture.wanted import OrderAnswer, OrderWanted
from hub.catalog import steps as catalog
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import link_sessions
from hub.fleet.steps import NewLocation, add_location
from hub.people import steps as people
from hub.stock.rows import hub_rights
from protocol import later
from protocol.envelope import encode_event
from protocol.fulfilment import RejectReason, ShortReason
from protocol.orders import WireModel
from tests.browser.hub.site import EVIL, GOODS, NOW_US, PASSWORD, PEOPLE, PLACES, Site, at, hear, serving
from tests.support.hub import TestClock, send
from tests.support.later_shop import LaterShop, promised

STREET = {"line1": "14 Park Row", "city": "Leeds", "postcode": "LS1 5HD", "country": "GB"}
CUSTOMER = {"first_name": "Anna", "last_name": "Reed", "email": "anna@post.test", "phone": "0113 496 0001"}
MINUTE_US = 60_000_000


class Store(LaterShop):
    """A store whose events have the people of the pictures."""

    who = "a-osei"

    def say(self, body: WireModel, *, event_id: str = "") -> bytes:
        """Add a fact, by whoever walks."""
        seq = len(self.events) + 1
        self.at_us += self.step_us
        data = encode_event(seq, event_id or f"{self.edge}-e{seq:07d}", self.at_us, body, by=self.who)
        self.bodies.append(body)
        self.events.append(data)
        return data


class Web:
    """A web shop that sends orders to the hub, and what the stores say about them."""

    def __init__(self, app: FastAPI) -> None:
        self.hub: Hub = app.state.hub
        self.clock = self.hub.clock
        self.stores: dict[str, Store] = {}
        self.sent: dict[str, int] = {}
        self.count = 50_210

    def order(self, moment_us: int, *lines: tuple[str, int], place: str = "", **said: Any) -> OrderAnswer:
        """Take an order in, paid online."""
        assert isinstance(self.clock, TestClock)
        self.clock.at_us = moment_us
        self.hub.database.write(
            lambda unit: unit.connection.execute(sa.update(link_sessions).values(last_us=moment_us))
        )
        self.count += 1
        total = sum(GOODS[sku][1] * units for sku, units in lines)
        way = 0 if place else 3_95
        promise: dict[str, Any] = {"kind": "collect", "location": place} if place else {"kind": "ship"}
        wanted = OrderWanted.model_validate(
            {
                "channel": "web",
                "external_id": f"WEB-{self.count}",
                "currency": "GBP",
                "lines": [{"sku": sku, "quantity": units} for sku, units in lines],
                "shipping_minor": way,
                "promise": {**promise, "promise_class": said.pop("promise_class", "same_day")},
                "customer": {**CUSTOMER, "address": STREET},
                "payment": {
                    "gateway": "adyen",
                    "reference": f"PSP-{self.count}",
                    "amount_minor": total + way,
                },
                **said,
            }
        )
        by = By("web shop")
        return self.hub.database.write(lambda unit: capture.capture(self.hub, unit, wanted, by))[0]

    def leave(self, edge: str) -> None:
        """Let what waits for a store be sent to it."""
        self.hub.database.write(lambda unit: self.hub.outbox.take(unit, edge, 0, resend=False))

    def placed(self, answer: OrderAnswer) -> tuple[later.OrderPlaced, str, str]:
        """Return an order as a store speaks of it, its newest assignment, and the store that has it."""
        from hub.notify.rows import history

        with self.hub.database.read() as connection:
            told = history(connection, answer.order_id)
        body = next(each.body for each in told if isinstance(each.body, later.OrderPlaced))
        routed = [each.body for each in told if isinstance(each.body, later.OrderRouted)][-1].parts[0]
        self.stores[routed.location].lent.add(routed.assignment_id)
        return body, routed.assignment_id, routed.location

    def tell(self, edge: str, arrived_us: int) -> None:
        """Let what a store has said arrive."""
        assert isinstance(self.clock, TestClock)
        self.clock.at_us = arrived_us
        store = self.stores[edge]
        send(self.hub, store, self.sent.get(edge, 0) + 1)
        self.sent[edge] = len(store.events)


def furnish_later(app: FastAPI) -> dict[str, OrderAnswer]:
    """Fill a hub: people, places, stock that is lent, and orders in every state; return them by a word."""
    web = Web(app)
    hub, clock = web.hub, web.clock
    assert isinstance(clock, TestClock)
    clock.at_us = at(6, 0, 1)
    for role, name in PEOPLE.items():
        people.add_person(hub, name=name, role=role, password=PASSWORD)
    for edge, code, name, kind in PLACES:
        new = NewLocation(edge=edge, code=code, name=name, kind=kind)
        hub.database.write(partial(add_location, new=new, clock=clock, ids=hub.ids))
    rows = [f"{sku},{name},{price / 100:.2f}" for sku, (name, price) in GOODS.items()]
    catalog.import_csv(hub, io.StringIO("\n".join(["sku,name,price", *rows])))
    web.stores = {edge: Store(edge=edge, code=code) for edge, code, _name, _kind in PLACES}
    for store in web.stores.values():
        store.at_us = at(8, 0)
        for sku in GOODS:
            store.stock(sku, 60, cost=GOODS[sku][1] // 2)
        store.open()
        web.tell(store.edge, at(8, 30))
    hub.database.write(lend)
    clock.at_us = at(8, 40)
    hear(app, web.stores, now_us=at(8, 40), away_for="")  # type: ignore[arg-type]  # a store is a store
    found = _orders(web)
    clock.at_us = at(13, 54)
    app.state.presence.heard("store-4")
    clock.at_us = NOW_US
    hear(app, web.stores)  # type: ignore[arg-type]  # a store is a store
    return found


def lend(unit: HubUnit) -> None:
    """Let every location lend some of everything; the cakestand is scarce, and Hull misses one."""
    for n, (edge, _code, _name, _kind) in enumerate(PLACES):
        for sku in GOODS:
            count = (3 if n < 2 else 0) if sku == "22423" else 30 - 4 * n
            deficit = 1 if (edge, sku) == ("store-3", "47566") else 0
            unit.connection.execute(
                sa.insert(hub_rights).values(location=edge, sku=sku, granted_seen=count, deficit=deficit)
            )


def _orders(web: Web) -> dict[str, OrderAnswer]:
    leeds, york = web.stores["store-1"], web.stores["store-2"]
    found = {"short": _short(web, york)}
    found["ready"] = web.order(at(9, 20), ("85099B", 4), ("20725", 2), place="store-1")
    web.leave("store-1")
    body, part, _edge = web.placed(found["ready"])
    leeds.at_us = at(10, 2)
    leeds.accept(body, part)
    leeds.ready(body, part)
    web.tell("store-1", at(10, 8))
    found["collected"] = web.order(at(9, 30), ("47566", 1), place="store-1", gift=True)
    web.leave("store-1")
    body, part, _edge = web.placed(found["collected"])
    leeds.at_us = at(11, 0)
    leeds.ready(body, part)
    leeds.at_us = at(12, 40)
    handed = leeds.hand_over(body, assignment_id=part)
    leeds.undo(handed)
    leeds.at_us = at(12, 55)
    leeds.hand_over(body, assignment_id=part)
    web.tell("store-1", at(13, 30))
    found["shipped"] = web.order(at(9, 40), ("22720", 2), ("85123A", 3))
    body, part, edge = web.placed(found["shipped"])
    web.leave(edge)
    web.stores[edge].at_us = at(10, 30)
    web.stores[edge].pick(body, assignment_id=part)
    web.stores[edge].ship(body, part)
    web.tell(edge, at(10, 36))
    found["silent"] = web.order(at(12, 10), ("85123A", 2), place="store-4", note="Please wrap the hearts.")
    web.leave("store-4")
    found["unsent"] = web.order(at(14, 0), ("20725", 5), place="store-2", promise_class="same_hour")
    found["cancelled"] = _cancelled(web)
    found["nobody"] = web.order(at(13, 0), ("22423", 9), place="store-1", sold_already=True)
    found["evil"] = web.order(
        at(13, 10),
        ("EVIL", 1),
        place="store-3",
        note=EVIL,
        customer={"first_name": EVIL, "last_name": "Lamb", "email": "lamb@post.test"},
    )
    found["late"] = web.order(at(12, 50), ("47566", 2), place="store-2", promise_class="same_hour")
    web.leave("store-2")
    body, part, _edge = web.placed(found["late"])
    york.at_us = at(13, 5)
    york.accept(body, part)
    york.say(later.PickStarted(**york.about(body, part), list_id="YC1-L00002", picker="s-rowe"))
    web.tell("store-2", at(13, 8))
    leeds.at_us = at(13, 15)
    promise = promised(location="store-1", due_us=at(16, 30), keep_until_us=at(18, 0, 9))
    own = leeds.place(("85099B", 2, 2_50), promise=promise)
    leeds.pay(own, 2_00)
    web.tell("store-1", at(13, 22))
    return found


def _short(web: Web, york: Store) -> OrderAnswer:
    """Ordered for York, given back for one cakestand, which Leeds has."""
    order = web.order(
        at(9, 12), ("85099B", 12), ("22423", 1), place="store-2", note="Ring me when it is there."
    )
    web.leave("store-2")
    body, part, _edge = web.placed(order)
    york.at_us = at(9, 52)
    york.accept(body, part)
    york.who = "s-rowe"
    york.say(later.PickStarted(**york.about(body, part), list_id="YC1-L00001", picker="s-rowe"))
    york.at_us = at(10, 5)
    york.pick(body, {1: 12}, short={2: 1}, reason=ShortReason.NOT_FOUND, assignment_id=part)
    york.who = "a-osei"
    web.tell("store-2", at(10, 21))
    return order


def _cancelled(web: Web) -> OrderAnswer:
    """Given back by its store, cancelled by the customer; the money is owed and a person has to give it."""
    order = web.order(at(11, 0), ("20725", 3), place="store-3")
    web.leave("store-3")
    body, part, _edge = web.placed(order)
    hull = web.stores["store-3"]
    hull.at_us = at(11, 20)
    hull.reject(body, reason=RejectReason.CLOSING, assignment_id=part)
    web.tell("store-3", at(11, 21))
    from hub.capture import changes

    def step(unit: HubUnit) -> None:
        work = changes.begin(web.hub, unit)
        said = changes.Cancellation("Found it in another shop", "C. Ford")
        changes.cancel(work, order.order_id, said)
        web.hub.finish(work)

    assert isinstance(web.clock, TestClock)
    web.clock.at_us = at(11, 40)
    web.hub.database.write(step)
    return order


@contextmanager
def running_later(folder: Path) -> Iterator[tuple[Site, dict[str, OrderAnswer]]]:
    """Serve a hub with orders for later until the block ends."""
    found: dict[str, OrderAnswer] = {}

    def fill(app: FastAPI) -> dict[str, Any]:
        found.update(furnish_later(app))
        return {}

    with serving(folder, fill) as site:
        yield site, found


if __name__ == "__main__":
    import threading

    with tempfile.TemporaryDirectory() as place, running_later(Path(place)) as (running_site, orders):
        print(running_site.url, {word: answer.number for word, answer in orders.items()}, flush=True)
        threading.Event().wait()
