"""Bad input at the hub, as a table: each gets a clear answer, changes nothing, and shows no trace."""

from typing import Any

import pytest
import sqlalchemy as sa

from hub.spine.rows import parked
from protocol.envelope import decode_event
from tests.contract.conftest import PASSWORD, RunningHub
from tests.support.hub import Shop, send

LARGE = b"{" + b" " * 1_100_000


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("POST", "/api/sign-in", {"content": b"{"}, 422, "invalid_field"),
        ("POST", "/api/sign-in", {"content": LARGE}, 413, "too_large"),
        ("POST", "/api/sign-in", {"json": {"name": 7, "password": []}}, 422, "invalid_field"),
        ("POST", "/api/sign-in", {"json": {"name": "admin", "password": "wrong"}}, 401, None),
        ("POST", "/api/sign-in", {"json": {"name": "a\x00b", "password": PASSWORD}}, 422, "invalid_field"),
        ("GET", "/api/orders/NO-SUCH-1", {}, 404, None),
        ("GET", "/api/orders/%00", {}, 422, "invalid_field"),
        ("GET", "/api/orders", {"params": {"limit": "-1"}}, 422, "invalid_field"),
        ("GET", "/api/orders", {"params": {"limit": "many"}}, 422, "invalid_field"),
        ("GET", "/api/ledger/journals/0", {}, 422, "invalid_field"),
        ("GET", "/api/ledger/journals/999999", {}, 404, None),
        ("GET", "/api/ledger/accounts/no-such", {}, 404, None),
        ("GET", "/api/exceptions", {"params": {"state": "perhaps"}}, 422, "invalid_field"),
        ("POST", "/api/exceptions/nothing/close", {"json": {"note": "done"}}, 404, None),
        ("POST", "/api/exceptions/nothing/close", {"json": {"note": ""}}, 422, "invalid_field"),
        ("POST", "/api/catalog/import", {"content": b"\xff\xfe\x00"}, 422, "not_csv"),
        ("POST", "/api/catalog/import", {"content": b"not,a,catalogue\n1,2,3\n"}, 422, None),
        ("DELETE", "/api/orders", {}, 405, None),
        ("GET", "/api/nowhere", {}, 404, None),
    ],
)
def test_bad_input_gets_a_clear_answer_and_changes_nothing(  # noqa: PLR0917 - a table
    running_hub: RunningHub, method: str, path: str, more: dict[str, Any], status: int, code: str | None
) -> None:
    before = running_hub.fingerprint()

    answer = running_hub.ask(method, path, **more)

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "what", "remedy", "facts", "id"}
    assert error["code"] == (code or error["code"])
    assert error["code"]
    assert error["what"]
    assert error["remedy"]
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    assert running_hub.fingerprint() == before


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("GET", "/api/summary", "", 401),
        ("GET", "/api/orders", "", 401),
        ("GET", "/api/fleet", "", 401),
        ("GET", "/api/ledger/trial-balance", "ops", 403),
        ("GET", "/api/people", "ops", 403),
        ("POST", "/api/catalog/publish", "finance", 403),
    ],
)
def test_nobody_sees_or_does_what_is_not_theirs(
    running_hub: RunningHub, method: str, path: str, role: str, status: int
) -> None:
    before = running_hub.fingerprint()

    answer = running_hub.ask(method, path, role)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["remedy"]
    assert running_hub.fingerprint() == before


def test_guessing_a_password_is_stopped_and_the_right_one_waits_too(own_hub: RunningHub) -> None:
    def attempt(password: str) -> Any:
        return own_hub.client.post("/api/sign-in", json={"name": "admin", "password": password})

    statuses = [attempt(f"wrong-{n}").status_code for n in range(12)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    last = attempt(PASSWORD)
    assert last.status_code == 429
    assert last.json()["error"]["remedy"]


@pytest.mark.parametrize("forge", ["", "store-9.made-up", "store-1.made-up", "hub.made-up"])
def test_a_forged_edge_brings_nothing_in(running_hub: RunningHub, forge: str) -> None:
    before = running_hub.fingerprint()
    headers = {"Authorization": f"Bearer {forge}"}

    put = running_hub.client.put(f"/edge/blobs/{'ab' * 32}", content=b"x", headers=headers)
    got = running_hub.client.get("/edge/catalog/1", headers=headers)

    assert (put.status_code, got.status_code) == (401, 401)
    assert put.json()["error"]["what"] == "The hub does not know this token."
    assert running_hub.fingerprint() == before


def test_bytes_under_a_wrong_hash_are_not_kept(running_hub: RunningHub) -> None:
    before = running_hub.fingerprint()
    headers = {"Authorization": f"Bearer {running_hub.edge_token}"}

    answer = running_hub.client.put(f"/edge/blobs/{'ab' * 32}", content=b"x", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "wrong_hash")
    assert running_hub.fingerprint() == before


def test_an_event_of_a_future_version_is_set_aside_and_the_next_sale_arrives(own_hub: RunningHub) -> None:
    shop = Shop(edge="store-2", code="YC")
    shop.open()
    future = shop.say(shop.sale(("MUG-1", 1, 750)))
    future = future.replace(b'"v":1', b'"v":99', 1)
    assert decode_event(future).v == 99
    shop.events[-1] = future
    order = shop.sell(("BOOK-1", 1, 999))

    answers = send(own_hub.hub, shop)

    assert sum(answer.parked for answer in answers) == 1
    assert own_hub.ask("GET", f"/api/orders/{order.number}").status_code == 200
    with own_hub.hub.database.read() as connection:
        row = connection.execute(sa.select(parked)).one()
    assert (row.edge, row.code, bytes(row.bytes)) == ("store-2", "unknown_kind", future)
    kinds = [found["kind"] for found in own_hub.ask("GET", "/api/exceptions").json()["exceptions"]]
    assert "event_parked" in kinds


def test_a_broken_row_of_a_catalogue_is_reported_and_the_others_are_taken(own_hub: RunningHub) -> None:
    rows = "sku,name,price,tax_rate\nCUP-1,Cup,4.00,20\nBAD-1,Bad,cheap,20\nCUP-2,Large cup,6.00,20\n"

    answer = own_hub.ask("POST", "/api/catalog/import", content=rows)

    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["rows"], report["taken"], report["left_out"]) == (3, 2, 1)
    assert [(fault["row"], fault["sku"]) for fault in report["faults"]] == [(3, "BAD-1")]
    assert report["faults"][0]["wrong"]
