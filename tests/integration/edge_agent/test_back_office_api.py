from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from edge_agent.app import build
from edge_agent.database import EdgeUnit
from edge_agent.people import rows as people
from edge_agent.people.sessions import token_hash
from protocol.kit.system import SystemClock, SystemIds
from tests.support.store_day import Store

TOKENS = {"associate": "a" * 40, "lead": "b" * 40, "manager": "c" * 40}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    store = Store(tmp_path, clock=SystemClock(), ids=SystemIds())
    now_us = store.edge.clock.now_us()

    def sign_everybody_in(unit: EdgeUnit) -> None:
        for person in (store.associate, store.lead, store.manager):
            digest = token_hash(TOKENS[person.role])
            people.insert_sign_in(unit, digest, person.person_id, "till-1", now_us)

    store.edge.database.write(sign_everybody_in)
    settings = store.edge.settings
    store.close()
    with TestClient(build(settings)) as running:
        yield running


def ask(
    client: TestClient, method: str, path: str, body: object = None, role: str = "associate"
) -> tuple[int, dict[str, object]]:
    said = client.request(method, path, json=body, headers={"authorization": f"Bearer {TOKENS[role]}"})
    return said.status_code, said.json() if said.content else {}


def sale(client: TestClient, key: str) -> dict[str, object]:
    lines = [{"sku": "85123A", "quantity": 2}]
    tenders = [{"kind": "cash", "amount_minor": 510}]
    status, sold = ask(
        client, "POST", "/api/sales", {"key": key, "till": "till-1", "lines": lines, "tenders": tenders}
    )
    assert status == 201
    return sold


def test_a_day_from_the_float_to_the_z_goes_over_http(client: TestClient) -> None:
    opening = {"key": "o1", "float_minor": 10_000}
    assert ask(client, "POST", "/api/tills/till-1/open", opening)[0] == 201
    assert ask(client, "POST", "/api/tills/till-1/open", opening)[0] == 200
    first, second = sale(client, "s1"), sale(client, "s2")

    status, found = ask(client, "GET", f"/api/orders/{first['number']}/returnable")
    assert (status, found["refusal"], found["may_void"]) == (200, "", True)
    back = {"key": "r1", "lines": [{"line_no": 1, "quantity": 1, "reason": "faulty"}]}
    assert (
        ask(client, "POST", f"/api/orders/{first['number']}/returns/preview", {"lines": back["lines"]})[1][
            "cash_minor"
        ]
        == 255
    )
    status, returned = ask(client, "POST", f"/api/orders/{first['number']}/returns", back)
    assert (status, returned["total_minor"], returned["order_state"]) == (201, 255, "part_returned")
    assert ask(client, "POST", f"/api/orders/{first['number']}/returns", back)[0] == 200
    void = {"key": "v1", "reason": "rung up twice"}
    assert ask(client, "POST", f"/api/orders/{second['number']}/void", void)[0] == 403
    assert ask(client, "POST", f"/api/orders/{second['number']}/void", void, "lead")[0] == 201

    status, reading = ask(client, "GET", "/api/tills/till-1/x", role="lead")
    assert (status, reading["expected_cash_minor"]) == (200, 10_255)
    assert ask(client, "GET", "/api/tills/till-1/x")[0] == 403
    assert ask(client, "POST", "/api/tills/till-1/x", {}, "lead")[0] == 200
    assert ask(client, "POST", "/api/tills/till-1/close", {"key": "z1"})[1]["error"]["code"] == "till_blocked"  # type: ignore[index]  # JSON
    status, counted = ask(client, "POST", "/api/tills/till-1/count", {"counted_minor": 10_255})
    assert (status, sorted(counted)) == (201, ["attempt", "counted_minor", "may_repeat", "seq"])
    assert ask(client, "POST", "/api/tills/till-1/count/confirm")[1]["difference_minor"] == 0
    assert ask(client, "GET", "/api/tills/till-1/checklist")[1]["ready"] is True
    status, z = ask(client, "POST", "/api/tills/till-1/close", {"key": "z1"})
    assert (status, z["number"]) == (201, "LB1-Z00001")
    assert [
        each["z_number"]
        for each in client.get(
            "/api/tills/closes", headers={"authorization": f"Bearer {TOKENS['lead']}"}
        ).json()
    ] == [1]


def test_printers_and_jobs_are_served_and_only_a_manager_changes_printers(client: TestClient) -> None:
    ask(client, "POST", "/api/tills/till-1/open", {"key": "o1", "float_minor": 0})
    sold = sale(client, "s1")
    wanted = {"name": "Counter 1", "host": "127.0.0.1", "port": 9}

    assert ask(client, "POST", "/api/printers", wanted)[0] == 403
    status, printer = ask(client, "POST", "/api/printers", wanted, "manager")
    assert (status, printer["printer_id"], printer["waiting"]) == (201, "counter-1", 1)
    assert ask(client, "POST", "/api/printers", wanted | {"profile": "inkjet"}, "manager")[0] == 404
    assert ask(client, "PUT", "/api/printers/counter-1", wanted | {"active": False}, "manager")[0] == 200
    picture = client.get(
        f"/api/print-jobs/{sold['receipt_job']}/preview.png",
        headers={"authorization": f"Bearer {TOKENS['associate']}"},
    )
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert ask(client, "POST", f"/api/print-jobs/{sold['receipt_job']}/resolve", {"printed": True})[0] == 409
    assert ask(client, "POST", f"/api/print-jobs/{sold['receipt_job']}/void")[1]["state"] == "voided"
    assert ask(client, "GET", "/api/print-jobs/none")[0] == 404


def test_an_exception_is_listed_and_closed_by_a_lead_once(client: TestClient) -> None:
    ask(client, "POST", "/api/tills/till-1/open", {"key": "o1", "float_minor": 5_000})
    ask(client, "POST", "/api/tills/till-1/count", {"counted_minor": 0})
    assert ask(client, "POST", "/api/tills/till-1/close", {"key": "z1"}, "manager")[0] == 201

    listed = client.get("/api/exceptions", headers={"authorization": f"Bearer {TOKENS['associate']}"}).json()
    assert [(each["kind"], each["facts"]["difference_minor"]) for each in listed] == [
        ("till_difference", -5_000)
    ]
    path = f"/api/exceptions/{listed[0]['exception_id']}/close"
    assert ask(client, "POST", path, {"how": "found in the safe"})[0] == 403
    closed = ask(client, "POST", path, {"how": "found in the safe"}, "lead")[1]
    assert closed["closed_how"] == "found in the safe"
    assert ask(client, "POST", path, {"how": "again"}, "lead")[0] == 409
