"""A transfer between two real stores while one is dark: what arrives before it was sent ends at zero."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from deploy.demo.books import one
from deploy.demo.client import HubLogin, Login, StoreClient
from deploy.demo.people import HUB_PERSON, MANAGER
from deploy.demo.supervisor import HUB
from tests.support.company import Company
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
SOURCE, DESTINATION = "store-1", "store-2"
WAIT_SECONDS = 60.0
SKUS = ("00011", "00012")
KEYS = count()
"""Each is used once in the company, which all tests share."""


class People:
    """Somebody at the hub and at both stores."""

    def __init__(self, company: Company) -> None:
        self.company = company
        login = HubLogin(HUB_PERSON, company.layout.read_secret("hub.password"))
        self.hub = StoreClient(HUB, company.layout.hub_url, login, company.clock, company.stopping)
        self.hub.sign_in()
        self.stores = {
            name: company._client(name, Login(MANAGER.person_id, MANAGER.pin, "handheld-1"))
            for name in (SOURCE, DESTINATION)
        }

    def at(self, store: str, path: str, **said: Any) -> Any:
        """Do something at a store, once."""
        return self.stores[store].post(f"/api/transfers{path}", {"key": f"move-{next(KEYS)}", **said})

    def shown(self, number: str) -> Any:
        """Return a transfer as the hub shows it."""
        return self.hub.get(f"/api/transfers/{number}")

    def state(self, number: str) -> str:
        """Return where its goods are."""
        return str(self.shown(number)["transfer"]["state"])

    def in_transit(self, store: str) -> int:
        """Return what a store's own books have on its way."""
        file = self.company.layout.folder / store / "edge.db"
        query = "SELECT sum(abs(quantity)) FROM balances WHERE bucket = 'in_transit'"
        return int(one(file, query) or 0)

    def close(self) -> None:
        """Go home."""
        for client in (self.hub, *self.stores.values()):
            client.close()


@pytest.fixture
def people(company: Company) -> Iterator[People]:
    found = People(company)
    yield found
    found.close()


def test_goods_sent_while_their_store_is_dark_arrive_first_and_end_with_nothing_in_transit(
    company: Company, people: People
) -> None:
    with company.selling():
        company.wait_for_sales(8)
    lines = [{"sku": sku, "quantity": 4, "grant": 1} for sku in SKUS]
    asked = people.hub.post("/api/transfers", {"source": SOURCE, "destination": DESTINATION, "lines": lines})
    number, transfer_id = asked["number"], asked["transfer_id"]

    def is_asked() -> bool:
        waiting = people.stores[SOURCE].get("/api/transfers", way="out")
        return any(each["transfer_id"] == transfer_id for each in waiting)

    eventually(is_asked, WAIT_SECONDS, what="the source to hear of it")
    people.at(SOURCE, f"/{transfer_id}/accept")
    for line_no in (1, 2):
        people.at(SOURCE, f"/{transfer_id}/pick/set", line_no=line_no, units=4)
    people.at(SOURCE, f"/{transfer_id}/pick/finish")
    eventually(lambda: people.state(number) == "picked", WAIT_SECONDS, what="the hub to hear of the walk")

    company.supervisor.cut(SOURCE)
    sscc = people.at(SOURCE, f"/{transfer_id}/cartons")["sscc"]
    people.at(SOURCE, f"/{transfer_id}/ship", carrier="Van")
    arrived = [{"sku": sku, "units": 4} for sku in SKUS]
    people.at(DESTINATION, "/unannounced", sscc=sscc, source=SOURCE, lines=arrived, sure=True)
    eventually(
        lambda: people.hub.get("/api/transfers/unexplained"),
        WAIT_SECONDS,
        what="the hub to hear of the goods",
    )
    (nobodys,) = people.hub.get("/api/transfers/unexplained")
    sent_meanwhile = people.in_transit(SOURCE)
    company.supervisor.kill(DESTINATION)
    company.supervisor.restore(SOURCE)
    eventually(
        lambda: people.shown(number)["closed_us"] is not None, WAIT_SECONDS, what="the source to close it"
    )

    found = people.shown(number)
    assert (nobodys["destination"], nobodys["cartons"], sent_meanwhile) == (DESTINATION, [sscc], 8)
    assert (found["transfer"]["state"], found["transfer"]["transit"], found["transfer"]["unmatched"]) == (
        "settled",
        0,
        0,
    )
    assert [(line["shipped"], line["received"], line["granted"]) for line in found["lines"]] == [
        (4, 4, 1)
    ] * 2
    assert [carton["state"] for carton in found["cartons"]] == ["received"]
    assert people.hub.get("/api/transfers/unexplained") == []
    assert (people.in_transit(SOURCE), people.in_transit(DESTINATION)) == (0, 0)
    hub_file = company.layout.folder / HUB / "hub.db"
    unmatched = "SELECT sum(e.amount_minor) FROM entries e WHERE e.account IN ('1340', '1345')"
    assert int(one(hub_file, unmatched) or 0) == 0
    company.settle()


def test_units_that_never_arrive_are_written_off_though_their_source_is_dark(
    company: Company, people: People
) -> None:
    with company.selling():
        company.wait_for_sales(8)
    lines = [{"sku": SKUS[0], "quantity": 3}]
    sent = people.at(SOURCE, "", way="out", other=DESTINATION, lines=lines, sure=True)
    transfer_id, number = sent["transfer_id"], sent["number"]
    people.at(SOURCE, f"/{transfer_id}/pick/set", line_no=1, units=3)
    people.at(SOURCE, f"/{transfer_id}/pick/finish")
    people.at(SOURCE, f"/{transfer_id}/cartons")
    people.at(SOURCE, f"/{transfer_id}/ship")

    def is_expected() -> bool:
        coming = people.stores[DESTINATION].get("/api/transfers", way="in")
        return any(each["transfer_id"] == transfer_id for each in coming)

    eventually(is_expected, WAIT_SECONDS, what="the destination to expect it")
    company.supervisor.cut(SOURCE)
    people.at(DESTINATION, f"/{transfer_id}/receive", lines=[{"line_no": 1, "units": 2}], final=True)
    eventually(lambda: people.state(number) == "received", WAIT_SECONDS, what="the hub to hear of it")
    choice = {"line_no": 1, "sku": SKUS[0], "choice": "write_off"}
    people.hub.post(f"/api/transfers/{number}/decide", {"lines": [choice], "reason": "lost"})
    in_the_dark = people.shown(number)["transfer"]["transit"], people.in_transit(SOURCE)
    company.supervisor.restore(SOURCE)
    eventually(
        lambda: people.shown(number)["closed_us"] is not None, WAIT_SECONDS, what="the source to close it"
    )

    assert in_the_dark == (0, 3)
    assert people.in_transit(SOURCE) == 0
    assert [line["lost"] for line in people.shown(number)["lines"]] == [1]
    company.settle()
