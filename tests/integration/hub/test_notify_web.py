"""Who may see and send notices over HTTP, and what is refused."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.notify import rows
from hub.notify.rules import Kind, Wanted
from hub.people.steps import add_token
from hub.schema import newest_version
from hub.settings import HubSettings
from protocol.people import HubRole
from tests.support.hub import MONDAY_US, TestClock, TestIds


@pytest.fixture
def app(hub_database: HubDatabase, tmp_path: Path) -> Iterator[FastAPI]:
    """Return a hub's application on this test's own, already migrated database."""
    with hub_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{newest_version()}')")
    url = hub_database.engine.url.render_as_string(hide_password=False)
    settings = HubSettings(
        data_dir=tmp_path, database_url=url, smtp_host="127.0.0.1", mail_from="shop@shop.test"
    )
    made = build(settings, clock=TestClock(), ids=TestIds("hub"))
    hub: Hub = made.state.hub
    for n, kind in enumerate((Kind.RECEIVED, Kind.READY, Kind.SHIPPED), start=1):
        hub.database.write(partial(want, n=n, kind=kind))
    yield made
    hub.database.close()


def want(unit: HubUnit, *, n: int, kind: Kind) -> None:
    wanted = Wanted(kind, f"o-{n}", f"HB1-0000{n}", f"s-{n}")
    rows.add(unit.connection, wanted, notice_id=f"n-{n}", now_us=MONDAY_US + n)


def client_of(app: FastAPI, role: HubRole | None = HubRole.OPS) -> TestClient:
    headers = {}
    if role is not None:
        token = add_token(app.state.hub, name=f"program {role.value}", role=role)
        headers["authorization"] = f"Bearer {token}"
    return TestClient(app, base_url="http://hub.test", headers=headers)


def test_notices_are_listed_newest_first_by_number_kind_and_state(app: FastAPI) -> None:
    client = client_of(app)

    def ids(**asked: str | int) -> list[str]:
        answer = client.get("/api/notices", params=asked)
        assert answer.status_code == 200, answer.text
        return [notice["notice_id"] for notice in answer.json()["notices"]]

    assert ids() == ["n-3", "n-2", "n-1"]
    assert ids(limit=1, offset=1) == ["n-2"]
    assert ids(kind="ready") == ["n-2"]
    assert ids(number="HB1-00003") == ["n-3"]
    assert ids(state="sent") == []
    assert client.get("/api/notices", params={"limit": 1}).json()["total"] == 3


def test_what_is_on_its_way_is_not_sent_once_more(app: FastAPI) -> None:
    answer = client_of(app).post("/api/notices/n-2/resend", json={"why": "they asked"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "notice_waits"


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", "/api/notices", {"params": {"state": "perhaps"}}, 422, "invalid_field"),
        ("GET", "/api/notices", {"params": {"kind": "gossip"}}, 422, "invalid_field"),
        ("GET", "/api/notices", {"params": {"number": "a\x00b"}}, 422, "invalid_field"),
        ("GET", "/api/notices", {"params": {"limit": "0"}}, 422, "invalid_field"),
        ("POST", "/api/notices/nothing/resend", {"json": {"why": "they asked"}}, 404, "no_notice"),
        ("POST", "/api/notices/n-1/resend", {"json": {"again": -1}}, 422, "invalid_field"),
        ("POST", "/api/notices/n-1/resend", {"json": {"to": "me@post.test"}}, 422, "invalid_field"),
        ("POST", "/api/notices/n-1/resend", {"json": {"again": 7, "why": "they asked"}}, 409, "sent_again"),
        ("POST", f"/api/notices/{'n' * 65}/resend", {"json": {"why": "they asked"}}, 422, "invalid_field"),
    ],
)
def test_a_bad_request_about_notices_gets_a_clear_answer_and_changes_nothing(  # noqa: PLR0917 - a table
    app: FastAPI, method: str, path: str, more: dict[str, object], status: int, code: str
) -> None:
    client = client_of(app)
    before = client.get("/api/notices").json()

    answer = client.request(method, path, **more)  # type: ignore[arg-type]  # a row of the table

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get("/api/notices").json() == before


@pytest.mark.parametrize(("role", "status"), [(None, 401), (HubRole.FINANCE, 403), (HubRole.ADMIN, 200)])
def test_notices_are_for_operations_and_admins(app: FastAPI, role: HubRole | None, status: int) -> None:
    client = client_of(app, role)

    assert client.get("/api/notices").status_code == status
    if status != 200:
        assert client.post("/api/notices/n-1/resend", json={"why": "they asked"}).status_code == status


def test_the_pages_of_notices_are_locked_for_finance_and_refuse_what_they_do_not_know(app: FastAPI) -> None:
    finance, ops = client_of(app, HubRole.FINANCE), client_of(app)

    assert finance.get("/notices").status_code == 403
    assert finance.get("/notices/n-1").status_code == 403
    assert finance.post("/notices/n-1/resend", data={"again": "0", "why": "they asked"}).status_code == 403
    assert ops.get("/notices").status_code == 200
    assert "There is no mail to show" in ops.get("/notices/n-1").text
    assert ops.get("/notices/nothing").status_code == 404
    assert ops.get("/notices", params={"state": "perhaps"}).status_code == 422
    assert ops.get("/notices", params={"page": "0"}).status_code == 422
    assert ops.post("/notices/n-1/resend", data={"again": "many", "why": "they asked"}).status_code == 422
    assert ops.post("/notices/n-1/resend", data={"again": "0", "why": "they asked"}).status_code == 409
