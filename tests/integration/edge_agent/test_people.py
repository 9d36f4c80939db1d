import asyncio
from typing import Any

import pytest

from edge_agent.people import steps
from edge_agent.people.steps import sign_in
from protocol.errors import NotSignedIn, TooManyTries
from tests.support.store import PINS, Store, ok, refused


def attempt(store: Store, pin: str, person_id: str = "b-hale") -> tuple[int, Any]:
    answer = store.client.post("/api/sign-in", json={"person_id": person_id, "pin": pin, "device": "till-1"})
    store.client.cookies.clear()
    return answer.status_code, answer.json()


def test_the_tiles_show_names_and_roles_and_no_secret(store: Store) -> None:
    assert ok(store.client.get("/api/people")) == [
        {"person_id": "a-osei", "name": "A. Osei", "role": "manager"},
        {"person_id": "b-hale", "name": "B. Hale", "role": "associate"},
        {"person_id": "s-rowe", "name": "S. Rowe", "role": "lead"},
    ]


def test_the_fifth_wrong_pin_locks_the_tile_says_how_long_and_is_an_event(store: Store) -> None:
    left = [attempt(store, "0001")[1]["error"]["facts"]["tries_left"] for _ in range(4)]
    assert left == [4, 3, 2, 1]

    status, body = attempt(store, "0001")

    assert status == 429
    assert body["error"]["code"] == "person_locked"
    assert body["error"]["facts"]["retry_after_seconds"] == 300
    assert attempt(store, PINS["associate"])[0] == 429
    assert store.rows("SELECT count(*) FROM events WHERE kind = 'person.locked_out'") == [(1,)]
    store.clock.set(store.clock.now_us() + 301_000_000)
    assert attempt(store, PINS["associate"])[0] == 200
    assert store.rows("SELECT failed, locked_until_us FROM people WHERE person_id = 'b-hale'") == [(0, 0)]


def test_guessing_many_at_once_compares_no_more_than_five(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    async def compare(_stored: str | None, secret: str) -> bool:
        compared.append(secret)
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(steps, "verify_secret_aside", compare)

    async def guess(n: int) -> str:
        try:
            await sign_in(
                store.edge, store.app.state.sign_ins, person_id="b-hale", pin=f"{n:04d}", device="x"
            )
        except NotSignedIn:
            return "wrong"
        except TooManyTries:
            return "stopped"
        return "in"

    async def all_at_once() -> list[str]:
        return list(await asyncio.gather(*(guess(n) for n in range(20))))

    answers = asyncio.run(all_at_once())

    assert len(compared) == 5
    assert "in" not in answers
    assert store.rows("SELECT count(*) FROM events WHERE kind = 'person.locked_out'") == [(1,)]


def test_a_wrong_name_and_a_wrong_pin_are_refused_alike(store: Store) -> None:
    assert attempt(store, "2580", person_id="nobody")[1]["error"]["code"] == "wrong_pin"
    assert attempt(store, "1", person_id="a-osei")[1]["error"]["code"] == "wrong_pin"


def test_signing_out_ends_the_token_at_once(store: Store) -> None:
    assert store.get("/api/products").status_code == 200

    assert store.client.post("/api/sign-out", headers=store.headers()).status_code == 204

    assert refused(store.get("/api/products"), 401)["code"] == "not_signed_in"
    assert store.get("/api/products", role="lead").status_code == 200


def test_a_cookie_needs_the_csrf_token_for_every_change(store: Store) -> None:
    answer = ok(store.client.post("/api/sign-in", json={"person_id": "a-osei", "pin": PINS["manager"]}))
    before = store.fingerprint()
    body = {"key": "m", "reason": "opening", "lines": [{"sku": "MUG-1", "quantity": 1}]}

    assert refused(store.client.post("/api/stock/moves", json=body), 403)["code"] == "stale_page"
    assert store.fingerprint() == before
    sent = store.client.post("/api/stock/moves", json=body, headers={"X-CSRF-Token": answer["csrf"]})
    assert sent.status_code == 201


def test_an_approval_lapses_after_two_minutes(store: Store) -> None:
    token = store.approve("lead", "line_discount")
    store.clock.set(store.clock.now_us() + 121_000_000)
    body = {
        "key": "k",
        "till": "till-1",
        "lines": [{"sku": "COAT-M", "quantity": 1, "line_discount_minor": 2_400}],
        "tenders": [{"kind": "card", "amount_minor": 9_600}],
        "approvals": [token],
    }
    before = store.fingerprint()

    assert refused(store.post("/api/sales", body), 403)["code"] == "bad_approval"
    assert store.fingerprint() == before


def test_tries_that_a_power_cut_interrupted_lock_the_tile_for_a_while_not_for_ever(store: Store) -> None:
    edge = store.edge
    edge.database.write(
        lambda unit: (
            unit.connection.execute("UPDATE people SET failed = 5 WHERE person_id = 'b-hale'").rowcount
        )
    )

    edge.database.write(lambda unit: steps.settle_tries(unit, edge))

    assert attempt(store, PINS["associate"])[0] == 429
    store.clock.set(store.clock.now_us() + 301_000_000)
    assert attempt(store, PINS["associate"])[0] == 200


def test_sign_ins_are_still_there_after_a_restart(store: Store) -> None:
    from edge_agent.people import rows
    from edge_agent.people.sessions import SignIns

    again = SignIns(store.clock)
    again.load(rows.open_sign_ins(store.edge.database.read(), again.since_us))

    found = again.bearer(store.tokens["lead"])
    assert found is not None
    assert found.person_id == "s-rowe"
