"""Contacts and questions of stores over HTTPS: the newest version wins, and nobody sees a stranger."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from hub.customers.rows import contacts
from hub.database import HubDatabase
from hub.fleet.steps import renew_credentials
from hub.people.steps import add_token
from hub.stock.policy import CompanyPolicy
from hub.stock.policy_steps import save
from hub.stock.rows import hub_rights
from protocol.customers import CONTACT_BYTES
from protocol.lending import LendingRule
from protocol.people import HubRole
from tests.support.promising import ADDRESS, Channel, company, rows


class Stores:
    """Three stores with their tokens, and the channel they serve."""

    def __init__(self, database: HubDatabase) -> None:
        self.channel = Channel(database)
        hub = self.channel.hub
        company(
            hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}, "store-3": {}}, warehouses={"dc-1": {}}
        )
        self.tokens = {
            store: hub.database.write(partial(renew_credentials, edge=store, ids=hub.ids)).token
            for store in ("store-1", "store-2", "store-3")
        }

    def ask(self, store: str, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        headers = {"authorization": f"Bearer {self.tokens[store]}"}
        answer = self.channel.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if status < 400 else answer.json()["error"]

    def put(self, store: str, *, status: int = 200, contact_id: str = "c-1", **said: Any) -> Any:
        body = {"contact_id": contact_id, "version": 1, "last_name": "Byron", **said}
        return self.ask(store, "PUT", f"/edge/contacts/{contact_id}", body, status=status)

    def get(self, store: str, *, status: int = 200, contact_id: str = "c-1") -> Any:
        return self.ask(store, "GET", f"/edge/contacts/{contact_id}", status=status)


@pytest.fixture
def stores(hub_database: HubDatabase) -> Iterator[Stores]:
    made = Stores(hub_database)
    yield made
    made.channel.close()


def test_the_newest_version_of_a_contact_wins_in_whatever_order_they_come(stores: Stores) -> None:
    assert stores.put("store-1", version=2, last_name="Lovelace") == {
        "contact_id": "c-1",
        "version": 2,
        "kept": True,
    }
    assert stores.put("store-1", version=1) == {"contact_id": "c-1", "version": 2, "kept": False}
    assert stores.put("store-1", version=2) == {"contact_id": "c-1", "version": 2, "kept": False}
    assert stores.get("store-1")["last_name"] == "Lovelace"
    assert stores.put("store-1", version=3, phone="020 7946 0000")["kept"] is True
    [row] = rows(stores.channel.hub, contacts)
    assert (row["name"], row["phone"], row["origin"]) == ("byron", "02079460000", "store-1")


def test_a_store_sees_only_the_customers_of_its_own_orders(stores: Stores) -> None:
    stores.put("store-1")
    assert stores.get("store-2", status=403)["code"] == "not_your_customer"
    assert stores.put("store-2", version=9, status=403)["code"] == "not_your_customer"
    assert stores.get("store-1", contact_id="c-9", status=404)["code"] == "no_contact"

    order = stores.channel.send(
        stores.channel.collect("store-2", customer={"last_name": "Somerville", "address": ADDRESS})
    )

    seen = stores.get("store-2", contact_id=order["contact_id"])
    assert (seen["last_name"], seen["address"]["city"]) == ("Somerville", "London")
    assert stores.get("store-1", contact_id=order["contact_id"], status=403)["code"] == "not_your_customer"


def test_what_is_no_contact_is_refused(stores: Stores) -> None:
    for said, status, code in (
        ({"email": "no address"}, 422, "bad_contact"),
        ({"version": 0}, 422, "bad_contact"),
        ({"last_name": "a\x00b"}, 422, "bad_contact"),
        ({"gift_message": "x" * CONTACT_BYTES}, 413, "too_large"),
        ({"erased": True}, 422, "erase_at_hub"),
    ):
        assert stores.put("store-1", status=status, **said)["code"] == code, said
    assert rows(stores.channel.hub, contacts) == []


def test_a_contact_is_put_under_its_own_address_by_somebody_known(stores: Stores) -> None:
    body = {"contact_id": "c-1", "last_name": "Byron"}
    assert stores.ask("store-1", "PUT", "/edge/contacts/c-2", body, status=422)["code"] == "other_contact"
    stores.tokens["store-1"] = "store-1.wrong"
    assert stores.put("store-1", status=401)["code"] == "not_signed_in"


def test_an_erased_contact_keeps_its_id_and_nothing_else(stores: Stores) -> None:
    stores.put("store-1", email="ada@example.org")
    admin = add_token(stores.channel.hub, name="office", role=HubRole.ADMIN)
    assert stores.channel.ask("GET", "/api/contacts/c-1")["email"] == "ada@example.org"
    assert stores.channel.ask("POST", "/api/contacts/c-1/erase", status=403)["code"] == "not_permitted"
    stores.channel.client.headers["authorization"] = f"Bearer {admin}"

    erased = stores.channel.ask("POST", "/api/contacts/c-1/erase")

    assert (erased["contact_id"], erased["version"], erased["erased"], erased["email"]) == (
        "c-1",
        2,
        True,
        "",
    )
    assert stores.channel.ask("POST", "/api/contacts/c-1/erase") == erased
    assert stores.put("store-1", version=9)["kept"] is False
    [row] = rows(stores.channel.hub, contacts)
    assert (row["name"], row["email"], row["erased"]) == ("", "", True)
    assert "Byron" not in row["body"]
    assert stores.channel.ask("POST", "/api/contacts/c-9/erase", status=404)["code"] == "no_contact"


def test_a_store_asks_where_something_could_be_collected(stores: Stores) -> None:
    wanted = {"kind": "collect", "lines": [{"sku": "A", "quantity": 2}]}

    found = stores.ask("store-1", "POST", "/edge/promise", wanted)

    assert [(each["location"], each["free"], each["promise_class"]) for each in found["options"]] == [
        ("store-2", 2, "same_hour"),
        ("store-1", 2, "same_hour"),
    ]
    ready_us = stores.channel.clock.at_us + 30 * 60_000_000
    assert found["options"][0]["due_us"] == -(-ready_us // 900_000_000) * 900_000_000
    assert found["options"][0]["age_seconds"] == 0
    there = stores.ask("store-1", "POST", "/edge/promise", {**wanted, "location": "store-3"})
    assert (there["options"], there["why_not"]) == ([], "has none of A free")
    parcel = {**wanted, "kind": "ship", "country": "GB", "postcode": "WC2E 9LH"}
    shipped = stores.ask("store-1", "POST", "/edge/promise", parcel)["options"]
    assert {(each["location"], each["service"]) for each in shipped} == {("", "express"), ("", "standard")}
    assert all(stores.channel.clock.at_us < each["due_us"] < each["deliver_us"] for each in shipped)
    bad = {**wanted, "lines": [{"sku": "A", "quantity": 0}]}
    assert stores.ask("store-1", "POST", "/edge/promise", bad, status=422)["code"] == "invalid_field"


def test_a_store_sees_what_the_others_have_and_how_old_that_is(stores: Stores) -> None:
    stores.channel.clock.at_us += 50_000_000

    found = stores.ask("store-1", "GET", "/edge/stock/A")

    assert found["locations"] == [
        {
            "location": "store-2",
            "name": "Store 2",
            "sellable": 0,
            "promisable": 4,
            "free": 4,
            "excluded": "",
            "state": "late",
            "age_seconds": 50,
        }
    ]
    assert stores.ask("store-1", "GET", "/edge/stock/Z")["locations"] == []


def test_a_store_sees_what_a_number_elsewhere_is_made_of(stores: Stores) -> None:
    def there() -> tuple[int, int, str]:
        [one] = stores.ask("store-1", "GET", "/edge/stock/A")["locations"]
        return one["free"], one["promisable"], one["excluded"]

    hub = stores.channel.hub
    rule = LendingRule(scope="sku", name="A", safety_stock=3)
    save(hub, CompanyPolicy(rules=(rule,)), base=0, by="ops")
    assert there() == (4, 1, "")

    missing = hub_rights.update().where(hub_rights.c.location == "store-2").values(deficit=1)
    hub.database.write(lambda unit: unit.connection.execute(missing))
    assert there() == (4, 0, "DEFICIT")

    stores.channel.clock.at_us += 3_600_000_000
    assert there() == (4, 0, "STALE")
