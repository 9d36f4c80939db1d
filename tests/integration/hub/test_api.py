"""The hub over HTTP: who may ask what, and what is answered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.database import HubDatabase
from hub.fleet.steps import NewLocation, add_location
from hub.people.steps import add_person, add_token, revoke_token
from hub.schema import newest_version
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.support.hub import Shop, TestClock, TestIds, send

CSV = "sku,name,price,tax_rate,cost\nA,Pencil,9.99,20,3.00\nB,Broken,abc,20,1.00\nC,Rubber,1.50,20,0.50\n"
PASSWORD = "a long enough one"


@pytest.fixture
def app(hub_database: HubDatabase, tmp_path: Path) -> Iterator[FastAPI]:
    """Return a hub's application on this test's own, already migrated database."""
    url = hub_database.engine.url.render_as_string(hide_password=False)
    stamp(hub_database)
    made = build(HubSettings(data_dir=tmp_path, database_url=url), clock=TestClock(), ids=TestIds("hub"))
    yield made
    made.state.hub.database.close()


def stamp(database: HubDatabase) -> None:
    """Say that the schema is the newest, since it was made at once."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{newest_version()}')")


@pytest.fixture
def hub(app: FastAPI) -> Hub:
    made: Hub = app.state.hub
    return made


def client_of(app: FastAPI, role: HubRole | None = None) -> TestClient:
    headers = {}
    if role is not None:
        token = add_token(app.state.hub, name=f"program {role.value}", role=role)
        headers["authorization"] = f"Bearer {token}"
    return TestClient(app, base_url="http://hub.test", headers=headers, raise_server_exceptions=True)


def traded(hub: Hub) -> Shop:
    shop = Shop()
    shop.stock("A", 10)
    shop.open()
    order = shop.sell(("A", 2, 999), ("B", 1, 500))
    shop.give_back(order, (1, 1))
    send(hub, shop)
    return shop


def test_the_summary_says_what_was_sold_returned_and_booked(app: FastAPI, hub: Hub) -> None:
    traded(hub)

    answer = client_of(app, HubRole.OPS).get("/api/summary")

    assert answer.status_code == 200
    assert answer.json() == {
        "orders": 1,
        "order_lines": 2,
        "gross_minor": 2498,
        "returns": 1,
        "refund_minor": 999,
        "voids": 0,
        "voided_minor": 0,
        "missing": 0,
        "parked": 0,
        "duplicates": 0,
        "oversold_units": 1,
        "trial_balance_minor": 0,
        "unbalanced_journals": 0,
        "ledger_sales_minor": 1250,
        "ledger_vat_minor": 249,
        "zs": 0,
        "z_mismatches": 0,
        "exceptions_open": 0,
        "later_orders": 0,
        "web_orders": 0,
        "collected": 0,
        "shipped": 0,
        "short_picks": 0,
        "rerouted": 0,
        "double_fulfilled": 0,
        "promises_broken": 0,
    }


def test_an_order_is_found_and_tells_everything_that_happened_to_it(app: FastAPI, hub: Hub) -> None:
    traded(hub)
    client = client_of(app, HubRole.FINANCE)

    found = client.get("/api/orders", params={"q": "LB1-"}).json()
    order = client.get("/api/orders/LB1-00001").json()
    journals = client.get("/api/ledger/journals", params={"order": "LB1-00001"}).json()["journals"]

    assert (found["total"], found["orders"][0]["number"]) == (1, "LB1-00001")
    assert order["order"]["state"] == "part_returned"
    assert [step["kind"] for step in order["timeline"]] == ["order.sold", "return.completed"]
    assert [len(step["journals"]) for step in order["timeline"]] == [2, 3]
    assert [journal["rule"] for journal in journals] == [
        "sale",
        "sale_cost",
        "return",
        "return_refund",
        "return_cost",
    ]
    assert client.get("/api/orders/nothing").json()["error"]["code"] == "no_order"


def test_each_endpoint_is_closed_to_whoever_may_not_use_it(app: FastAPI, hub: Hub) -> None:
    traded(hub)
    nobody, ops, finance = client_of(app), client_of(app, HubRole.OPS), client_of(app, HubRole.FINANCE)

    for path in ("/api/summary", "/api/orders", "/api/exceptions", "/api/ledger/trial-balance", "/api/fleet"):
        assert nobody.get(path).status_code == 401, path
    assert ops.get("/api/ledger/trial-balance").status_code == 403
    assert ops.get("/api/people").status_code == 403
    assert finance.get("/api/ledger/trial-balance").json()["total_minor"] == 0
    assert finance.post("/api/catalog/import", content=CSV).status_code == 403
    assert nobody.get("/healthz").json()["applied"] == 4


def test_a_revoked_token_opens_nothing_any_more(app: FastAPI, hub: Hub) -> None:
    client = client_of(app, HubRole.OPS)
    assert client.get("/api/summary").status_code == 200

    revoke_token(hub, name="program ops")

    assert client.get("/api/summary").status_code == 401


def test_a_person_signs_in_by_password_and_a_browser_needs_its_csrf_token(app: FastAPI, hub: Hub) -> None:
    add_person(hub, name="S. Rowe", role=HubRole.ADMIN, password=PASSWORD)
    browser = client_of(app)

    wrong = browser.post("/api/sign-in", json={"name": "S. Rowe", "password": "guess"})
    unknown = browser.post("/api/sign-in", json={"name": "N. Body", "password": "guess"})
    right = browser.post("/api/sign-in", json={"name": "S. Rowe", "password": PASSWORD})
    forged = browser.post("/api/catalog/publish")
    csrf = {"x-csrf-token": right.json()["csrf"]}
    refused = browser.post("/api/catalog/publish", headers=csrf)
    gone = browser.post("/api/sign-out", headers=csrf)

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json()["error"]["what"] == unknown.json()["error"]["what"]
    assert right.json()["person"]["role"] == "admin"
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "stale_page")
    assert refused.json()["error"]["code"] == "empty_catalog"
    assert gone.status_code == 204
    assert browser.get("/api/me").status_code == 401


def test_guessing_passwords_is_stopped_after_ten_tries_of_a_minute(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Comparing takes long on purpose; here it is the tries that are counted.
    monkeypatch.setattr("hub.people.steps.verify_secret", lambda _stored, _secret: False)
    client = client_of(app)
    answers = [
        client.post("/api/sign-in", json={"name": "N. Body", "password": "guess"}).status_code
        for _ in range(11)
    ]

    assert answers == [401] * 10 + [429]


def test_a_catalogue_is_imported_with_a_report_and_published_to_every_store(app: FastAPI, hub: Hub) -> None:
    new = NewLocation(edge="store-1", code="LB", name="Lamb Street")
    credentials = hub.database.write(lambda unit: add_location(unit, new, clock=hub.clock, ids=hub.ids))
    client = client_of(app, HubRole.OPS)

    report = client.post("/api/catalog/import", content=CSV).json()
    done = client.post("/api/catalog/publish").json()
    file = client_of(app).get("/edge/catalog/1", headers={"authorization": f"Bearer {credentials.token}"})

    assert (report["rows"], report["taken"], report["faults"][0]["row"]) == (3, 2, 3)
    assert (done["version"], done["products"], done["locations"]) == (1, 2, 1)
    assert (file.status_code, file.headers["x-sha256"], len(file.content)) == (
        200,
        done["sha256"],
        done["size"],
    )
    assert client_of(app).get("/edge/catalog/1").status_code == 401


def test_an_exception_is_closed_with_a_note_and_stays_closed(app: FastAPI, hub: Hub) -> None:
    shop = Shop()
    shop.say_bytes(b"{}")
    send(hub, shop)
    client = client_of(app, HubRole.OPS)

    (card,) = client.get("/api/exceptions").json()["exceptions"]
    path = f"/api/exceptions/{card['exception_id']}/close"
    closed = client.post(path, json={"note": "looked at it"}).json()
    again = client.post(path, json={"note": "twice"})

    assert (card["kind"], card["location"], card["state"]) == ("event_parked", "hub", "open")
    assert (closed["state"], closed["note"], closed["closed_by"]) == ("closed", "looked at it", "program ops")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "exception_closed")
    assert client.get("/api/exceptions").json()["total"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders?limit=0",
        "/api/orders?limit=9999999999999999999999",
        "/api/orders?q=%00",
        "/api/orders/%00",
        "/api/ledger/journals/99999999999999999999999",
        "/api/ledger/accounts/%00",
        "/api/exceptions?state=maybe",
        "/api/stock/%00",
    ],
)
def test_nonsense_is_answered_with_what_is_wrong_and_never_with_a_trace(app: FastAPI, path: str) -> None:
    answer = client_of(app, HubRole.ADMIN).get(path)

    body: dict[str, Any] = answer.json()
    assert answer.status_code == 422, body
    assert body["error"]["remedy"]


def test_the_figures_for_prometheus_are_read_from_the_tables(app: FastAPI, hub: Hub) -> None:
    traded(hub)

    text = client_of(app).get("/metrics").text

    assert "orderspine_hub_orders_total 1.0" in text
    assert 'orderspine_hub_applied_seq{edge="store-1"' in text
