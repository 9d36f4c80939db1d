"""A hub behind its real web side, which has heard of a day of a store, and somebody signed in per role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.database import metadata
from hub.fleet.steps import NewLocation, add_location
from hub.flow.steps import follow as follow_flow
from hub.people.steps import add_person
from hub.route.facts.demand import measure as measure_demand
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.support.hub import Shop, send

PASSWORD = "correct horse battery"
CHANGES_BY_LOOKING = {"sign_ins", "sessions"}
CATALOG = "sku,name,price,tax_rate\nMUG-1,Mug,7.50,20\nBOOK-1,Picture book,9.99,0\n"


@dataclass
class RunningHub:
    """The hub, a client, and everybody's token."""

    app: FastAPI
    client: TestClient
    tokens: dict[str, str]
    edge_token: str
    order_number: str

    @property
    def hub(self) -> Hub:
        """Its parts."""
        hub: Hub = self.app.state.hub
        return hub

    def headers(self, role: str) -> dict[str, str]:
        """Return what a program of this role sends."""
        return {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}

    def fingerprint(self) -> dict[str, int]:
        """Return the rows of every table, which must not change when something is refused."""
        with self.hub.database.read() as connection:
            return {
                name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for name, table in sorted(metadata.tables.items())
                if name not in CHANGES_BY_LOOKING
            }

    def ask(self, method: str, path: str, role: str = "admin", **more: Any) -> Any:
        """Send a request as somebody."""
        headers = self.headers(role) | more.pop("headers", {})
        return self.client.request(method, path, headers=headers, **more)


@contextmanager
def hub_with_a_day(folder: Path) -> Iterator[RunningHub]:
    """Run a hub that has something to show."""
    app = build(HubSettings(data_dir=folder / "hub"))
    hub: Hub = app.state.hub
    for role in HubRole:
        add_person(hub, name=role.value, role=role, password=PASSWORD)
    new = NewLocation("store-1", "LB", "Leeds Briggate")
    known = hub.database.write(lambda unit: add_location(unit, new, clock=hub.clock, ids=hub.ids))
    shop = Shop()
    shop.open()
    shop.stock("MUG-1", 100)
    order = shop.sell(("MUG-1", 2, 750))
    shop.give_back(order, (1, 1))
    shop.close()
    assert [answer.parked for answer in send(hub, shop)] == [0]
    with TestClient(app) as client:
        tokens = {}
        for role in HubRole:
            signed = client.post("/api/sign-in", json={"name": role.value, "password": PASSWORD})
            assert signed.status_code == 200, signed.text
            tokens[role.value] = signed.json()["token"]
            client.cookies.clear()
        running = RunningHub(app, client, tokens, known.token, order.number)
        assert running.ask("POST", "/api/catalog/import", content=CATALOG).status_code == 200
        # What follows the log at its own pace is done with it before anybody compares tables.
        measure_demand(hub)
        follow_flow(hub)
        yield running


@pytest.fixture(scope="module")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Return a hub that the tests of a module share, because what is refused changes nothing."""
    with hub_with_a_day(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[RunningHub]:
    """Return a hub for one test that changes it."""
    with hub_with_a_day(tmp_path) as running:
        yield running
