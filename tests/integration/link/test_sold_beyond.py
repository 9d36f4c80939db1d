"""A counter sells goods that a web order was promised: the whole hub and the whole store, on a real broker.

The goods are in the customer's hand, so the store sells them; whose promise breaks is on the hub's desk once
the store is heard, and goes off it when enough is there again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from hub.app import build
from hub.catalog.steps import put
from hub.context import Hub
from hub.fleet.steps import NewLocation, add_location
from hub.people.steps import add_token
from hub.settings import HubSettings
from hub.stock.rows import hub_rights
from protocol.catalog import Product
from protocol.kit.system import ShiftedClock, SystemIds
from protocol.people import HubRole
from tests.support.broker import TestBroker
from tests.support.hub import VAT
from tests.support.quick import quick_secrets
from tests.support.store import START_US, Store, begin_store, ok, sale, sign_everybody_in
from tests.support.wire import eventually

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]
HERE = "store-1"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick_secrets(monkeypatch):
        yield


class WebShop:
    """A channel at the hub, and somebody at its desk."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.hub: Hub = client.app.state.hub  # type: ignore[attr-defined]  # an application of FastAPI
        token = add_token(self.hub, name="shop", role=HubRole.OPS)
        client.headers["authorization"] = f"Bearer {token}"

    def order(self, name: str, units: int) -> str:
        """Order coats to collect, and return the number of the order that was accepted."""
        wanted = {
            "channel": "web",
            "external_id": name,
            "currency": "GBP",
            "lines": [{"sku": "COAT-M", "quantity": units}],
            "promise": {"kind": "collect", "location": HERE, "promise_class": "same_day"},
        }
        return str(ok(self.client.post("/api/orders", json=wanted), 201)["number"])

    def cards(self) -> list[dict[str, Any]]:
        """Return what is open on the desk because promised units are missing."""
        found = ok(self.client.get("/api/exceptions"))["exceptions"]
        return [card for card in found if card["kind"] == "stock_deficit"]

    def lent(self) -> int:
        with self.hub.database.read() as connection:
            return int(connection.execute(sa.select(sa.func.sum(hub_rights.c.granted_seen))).scalar() or 0)


@contextmanager
def web_shop(folder: Path, broker: TestBroker) -> Iterator[WebShop]:
    """Run a hub on the broker."""
    folder.mkdir()
    (folder / "word").write_text(broker.passwords["hub"], encoding="utf-8")
    settings = HubSettings(
        data_dir=folder,
        broker_host="127.0.0.1",
        broker_port=broker.process.port,
        mqtt_password_file=folder / "word",
        mqtt_version=broker.process.mqtt_version,
    )
    with TestClient(build(settings, clock=ShiftedClock(START_US), ids=SystemIds())) as client:
        shop = WebShop(client)
        coat = Product(
            sku="COAT-M", name="Wool coat M", price_minor=120_00, rate_ppm=VAT, unit_cost_minor=55_00
        )
        shop.hub.database.write(lambda unit: put(unit, [coat], START_US))
        yield shop


@contextmanager
def whole_store(folder: Path, broker: TestBroker, shop: WebShop) -> Iterator[Store]:
    """Run a store on the broker that lends all it has, with three coats and an open till."""
    new = NewLocation(edge=HERE, code="AB", name="Store one")
    shop.hub.database.write(lambda unit: add_location(unit, new, clock=shop.hub.clock, ids=shop.hub.ids))
    broker.admit(HERE)
    folder.mkdir()
    (folder / "word").write_text(broker.passwords[HERE], encoding="utf-8")
    store = begin_store(
        folder,
        edge=HERE,
        broker_host="127.0.0.1",
        broker_port=broker.process.port,
        mqtt_password_file=folder / "word",
        mqtt_version=broker.process.mqtt_version,
        lend_share_ppm=1_000_000,
    )
    with store.client:
        sign_everybody_in(store)
        store.stock("COAT-M", 3)
        store.open_till()
        yield store


@pytest.mark.parametrize("cut", [False, True], ids=["online", "on reconnect"])
def test_goods_sold_over_the_counter_that_were_promised_put_the_order_onto_the_desk_of_the_hub(
    tmp_path: Path, broker: TestBroker, *, cut: bool
) -> None:
    with web_shop(tmp_path / "hub", broker) as shop, whole_store(tmp_path / "store", broker, shop) as store:
        eventually(lambda: shop.lent() == 3, what="three coats to be lent")
        number = shop.order("W-1", 3)
        assert shop.cards() == []
        if cut:
            broker.kill()

        sold = ok(store.post("/api/sales", sale("s-1", ("COAT-M", 1), cash_minor=120_00)), 201)

        assert sold["total_minor"] == 120_00
        if cut:
            assert shop.cards() == []  # the store alone knows of it
            broker.start()
        eventually(shop.cards, what="the card of what is missing")
        [card] = shop.cards()
        facts = card["facts"]
        assert card["title"] == f"{HERE} misses promised units of COAT-M, 1 at first"
        assert (facts["location"], facts["missing"], facts["promised"], facts["numbers"]) == (
            HERE,
            1,
            3,
            [number],
        )
        store.stock("COAT-M", 1)
        eventually(lambda: shop.cards() == [], what="the card to be closed")
