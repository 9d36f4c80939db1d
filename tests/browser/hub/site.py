"""A hub behind a real server, filled through its real inbox with the days of four stores and a warehouse.

Run `python -m tests.browser.hub.site` and open the address it prints; the password is `spine-and-paper`.
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI

from hub.app import build
from hub.catalog import steps as catalog
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import heartbeats, link_sessions, streams
from hub.fleet.steps import NewLocation, add_location
from hub.people import steps as people
from hub.settings import HubSettings
from protocol.clock import to_us
from protocol.envelope import encode_event
from protocol.events import CatalogApplied, OrderSold
from protocol.handshake import Heartbeat
from protocol.kit.web.server import WebServer
from protocol.orders import TenderKind, WireModel
from protocol.people import HubRole
from tests.support.hub import Shop, TestClock, TestIds, send

PASSWORD = "spine-and-paper"
MINUTE_US = 60_000_000
NOW_US = to_us(datetime(2026, 11, 2, 14, 32, tzinfo=UTC))
PEOPLE = {HubRole.OPS: "C. Ford", HubRole.FINANCE: "R. Lamb", HubRole.ADMIN: "J. Reid"}
PLACES = (
    ("store-1", "LB", "Leeds Briggate", "store"),
    ("store-2", "YC", "York Coppergate", "store"),
    ("store-3", "HT", "Hull Trinity", "store"),
    ("store-4", "SF", "Sheffield Fargate", "store"),
    ("depot-1", "WD", "Wakefield DC", "warehouse"),
)
EVIL = "<script>document.title='owned'</script>"
GOODS = {
    "85099B": ("Jumbo Bag Red Retrospot", 250),
    "22423": ("Regency Cakestand 3 Tier", 1275),
    "20725": ("Lunch Bag Red Retrospot", 165),
    "85123A": ("White Hanging Heart T-Light Holder", 295),
    "47566": ("Party Bunting", 495),
    "22720": ("Set of 3 Cake Tins Pantry Design", 495),
    "EVIL": (EVIL, 100),
}


def at(hour: int, minute: int = 0, day: int = 2) -> int:
    """Return a moment of early November 2026."""
    return to_us(datetime(2026, 11, day, hour, minute, tzinfo=UTC))


class Store(Shop):
    """A shop with the goods and the people of the pictures."""

    who = "a-osei"

    def say(self, body: WireModel, *, event_id: str = "") -> bytes:
        """Add a fact, by whoever is at the till."""
        self.at_us += self.step_us
        seq = len(self.events) + 1
        data = encode_event(
            seq, event_id or f"{self.edge}-e{seq:07d}", self.at_us, body, by=self.who, device="till-1"
        )
        self.bodies.append(body)
        self.events.append(data)
        return data

    def sale(self, *lines: tuple[str, int, int], **more: object) -> OrderSold:
        """Return a sale whose lines have their names."""
        body = super().sale(*lines, **more)  # type: ignore[arg-type]  # handed through as it came
        named = tuple(line.model_copy(update={"name": GOODS[line.sku][0]}) for line in body.lines)
        return body.model_copy(update={"lines": named})

    def buys(self, *what: tuple[str, int], cash: bool = False, moment_us: int = 0) -> OrderSold:
        """Sell what was taken from the shelves."""
        if moment_us:
            self.at_us = moment_us
        lines = tuple((sku, quantity, GOODS[sku][1]) for sku, quantity in what)
        return self.sell(*lines, kind=TenderKind.CASH if cash else TenderKind.CARD)

    def begin(self, day: int) -> None:
        """Open the till in the morning."""
        self.business_date = f"2026-11-{day:02d}"
        self.at_us = at(8, 0, day)
        self.open()


@dataclass
class Site:
    """One running hub."""

    app: FastAPI
    server: WebServer
    url: str
    stores: dict[str, Store]

    @property
    def hub(self) -> Hub:
        """Its parts."""
        hub: Hub = self.app.state.hub
        return hub

    @property
    def clock(self) -> TestClock:
        """Its clock, which a test moves."""
        clock = self.hub.clock
        assert isinstance(clock, TestClock)
        return clock


def furnish(app: FastAPI) -> dict[str, Store]:
    """Fill a hub: people, locations, a catalogue, and two days of trade."""
    hub: Hub = app.state.hub
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us = at(6, 0, 1)
    for role, name in PEOPLE.items():
        people.add_person(hub, name=name, role=role, password=PASSWORD)
    for edge, code, name, kind in PLACES:
        new = NewLocation(edge=edge, code=code, name=name, kind=kind)
        hub.database.write(partial(add_location, new=new, clock=clock, ids=hub.ids))
    rows = [f"{sku},{name},{price / 100:.2f}" for sku, (name, price) in GOODS.items()]
    catalog.import_csv(hub, io.StringIO("\n".join(["sku,name,price", *rows])))
    catalog.publish(hub, by=PEOPLE[HubRole.ADMIN])
    stores = {edge: Store(edge=edge, code=code) for edge, code, _name, kind in PLACES if kind == "store"}
    trade(hub, clock, stores)
    clock.at_us = NOW_US
    hear(app, stores)
    return stores


def trade(hub: Hub, clock: TestClock, stores: dict[str, Store]) -> None:
    """Let the stores have a Sunday with closes and a Monday that is not over."""
    for n, store in enumerate(stores.values()):
        store.at_us = at(7, 0, 1)
        store.say(CatalogApplied(version=1, sha256="0" * 64, products=len(GOODS)))
        for sku in GOODS:
            store.stock(sku, 40 + n, cost=GOODS[sku][1] // 2)
        store.begin(1)
        for count in range(1, 5 + n):
            store.buys(("85099B", count), ("85123A", 1), cash=count % 2 == 0)
        store.who = "s-rowe"
        store.close(missing_minor=750 if store.edge == "store-2" else 0)
        store.who = "a-osei"
        store.begin(2)
        clock.at_us = at(8, 1)
        send(hub, store)
    leeds, york, hull, sheffield = stores.values()
    _leeds(hub, clock, leeds)
    _york(hub, clock, york)
    _hull(hub, clock, hull)
    sold = len(sheffield.events)
    for count in range(1, 4):
        sheffield.buys(("47566", count), ("20725", 2), moment_us=at(13, 30 + 5 * count))
    clock.at_us = at(13, 54)
    send(hub, sheffield, sold + 1)


def _leeds(hub: Hub, clock: TestClock, store: Store) -> None:
    before = len(store.events)
    for n in range(9):
        store.buys(("85099B", 1 + n % 3), ("20725", 2), cash=n % 3 == 0, moment_us=at(9 + n // 2, 7 + 3 * n))
    wrong = store.buys(("22423", 1), moment_us=at(13, 50))
    store.void(wrong)
    store.buys(("EVIL", 1), ("22720", 1), moment_us=at(14, 2))
    short = store.sale(("47566", 1, GOODS["47566"][1]))
    store.tell_sale(
        short.model_copy(update={"tenders": (short.tenders[0].model_copy(update={"amount_minor": 395}),)})
    )
    clock.at_us = at(14, 6)
    send(hub, store, before + 1)


def _york(hub: Hub, clock: TestClock, store: Store) -> None:
    before = len(store.events)
    kept = store.buys(("22720", 4), ("20725", 2), moment_us=at(10, 12))
    store.give_back(kept, (1, 1))
    seq = len(store.events) + 1
    strange = (
        f'{{"seq":{seq},"id":"store-2-x1","kind":"order.gift_wrapped","v":1,"at":{at(11, 5)},"by":"a-osei",'
        f'"device":"till-1","subjects":["order:{kept.order_id}"],"body":{{"paper":"{EVIL}"}}}}'
    )
    store.say_bytes(strange.encode())
    store.buys(("85123A", 6), moment_us=at(12, 40))
    clock.at_us = at(12, 41)
    send(hub, store, before + 1)


def _hull(hub: Hub, clock: TestClock, store: Store) -> None:
    before = len(store.events)
    store.buys(("85099B", 12), ("85123A", 6), ("22423", 1), moment_us=at(9, 11))
    order = list(store.sales.values())[-1]
    clock.at_us = at(9, 53)
    send(hub, store, before + 1)
    before = len(store.events)
    store.at_us = at(13, 19)
    store.who = "s-rowe"
    store.give_back(order, (2, 1))
    store.who = "a-osei"
    clock.at_us = at(13, 20)
    send(hub, store, before + 1)


def hear(app: FastAPI, stores: dict[str, Store], *, now_us: int = NOW_US, away_for: str = "store-4") -> None:
    """Let the stores be heard: a printer is in trouble, one store is away with 14 events to send."""
    hub: Hub = app.state.hub
    presence: FleetPresence = app.state.presence
    for store in stores.values():
        away = store.edge == away_for
        last_us = now_us - (38 * MINUTE_US if away else 2_000_000)
        newest = len(store.events) + (14 if away else 0)
        beat = Heartbeat(
            inc=store.inc,
            sess="0" * 16,
            last_seq=newest,
            acked=len(store.events),
            oldest_ms=38 * 60_000 if away else 0,
            clock_us=last_us,
            disk_free_mb=48_210,
            printers={"Till 1": "paper_out" if store.edge == "store-3" else "ready"},
            catalog_version=1,
            software="0.1.0",
        )
        hub.database.write(partial(_note, store=store, beat=beat, last_us=last_us))
        if not away:
            presence.heard(store.edge)


def _note(unit: HubUnit, *, store: Store, beat: Heartbeat, last_us: int) -> None:
    connection = unit.connection
    for table in (heartbeats, link_sessions):
        connection.execute(sa.delete(table).where(table.c.edge == store.edge))
    connection.execute(
        sa.insert(heartbeats).values(
            edge=store.edge, inc=store.inc, body=beat.model_dump_json(), arrived_us=last_us
        )
    )
    connection.execute(
        sa.insert(link_sessions).values(
            edge=store.edge,
            inc=store.inc,
            sess=beat.sess,
            nonce="0" * 16,
            boot="b1",
            software="0.1.0",
            opened_us=at(7, 55),
            last_us=last_us,
        )
    )
    connection.execute(
        sa.update(streams)
        .where(streams.c.edge == store.edge)
        .values(newest=beat.last_seq, oldest_ms=beat.oldest_ms, last_us=last_us)
    )


@contextmanager
def serving(folder: Path, fill: Callable[[FastAPI], dict[str, Store]], **said: object) -> Iterator[Site]:
    """Serve a hub until the block ends, filled before its server starts."""
    settings = HubSettings.model_validate({"data_dir": folder} | said)
    app = build(settings, clock=TestClock(NOW_US), ids=TestIds("hub"))
    hub: Hub = app.state.hub
    stores = fill(app)
    server = WebServer(app, on_stop=[hub.broadcaster.close])
    server.start()
    try:
        yield Site(app, server, server.url, stores)
    finally:
        server.stop()


@contextmanager
def running(folder: Path, *, empty: bool = False, **said: object) -> Iterator[Site]:
    """Serve a hub until the block ends; `empty` has an admin and nothing else."""
    with serving(folder, _admin if empty else furnish, **said) as site:
        yield site


def _admin(app: FastAPI) -> dict[str, Store]:
    people.add_person(app.state.hub, name=PEOPLE[HubRole.ADMIN], role=HubRole.ADMIN, password=PASSWORD)
    return {}


if __name__ == "__main__":
    import threading

    with tempfile.TemporaryDirectory() as place, running(Path(place)) as site:
        print(site.url, flush=True)
        threading.Event().wait()
