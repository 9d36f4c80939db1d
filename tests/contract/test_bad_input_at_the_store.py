"""Bad input at a store, as a table: each gets a clear answer, changes nothing, and shows no trace."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.store import Store, begin_store, sale, sign_everybody_in

LARGE = b"{" + b" " * 1_100_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store that the tests share, because what is refused changes nothing."""
    store = begin_store(tmp_path_factory.mktemp("store"))
    with store.client:
        sign_everybody_in(store)
        store.open_till()
        store.stock("MUG-1", 100)
        yield store


def assert_clear(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "what", "remedy", "facts", "id"}
    assert error["code"] == code
    assert error["what"]
    assert error["remedy"]
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text


@pytest.mark.parametrize(
    ("path", "more", "status", "code"),
    [
        ("/api/sales", {"content": b"{"}, 422, "invalid_field"),
        ("/api/sales", {"content": LARGE}, 413, "too_large"),
        ("/api/sales", {"json": {"key": 7, "till": [], "lines": "MUG-1"}}, 422, "invalid_field"),
        ("/api/sales", {"json": sale("b", ("NOPE", 1), cash_minor=100)}, 404, "unknown_sku"),
        ("/api/sales", {"json": sale("b", ("MUG-1", -1), cash_minor=750)}, 422, "invalid_field"),
        ("/api/sales", {"json": sale("b", ("MUG-1", 10**30), cash_minor=750)}, 422, "invalid_field"),
        ("/api/sales", {"json": sale("b", ("MUG-1", 1), cash_minor=-5)}, 422, "invalid_field"),
        ("/api/orders/NO-1/returns", {"json": {"key": "b", "lines": []}}, 422, "invalid_field"),
        ("/api/tills/till-9/open", {"json": {"key": "b", "float_minor": 0}}, 404, "unknown_till"),
        ("/api/baskets/nothing/scan", {"json": {"code": ""}}, 422, "invalid_field"),
    ],
)
def test_bad_input_at_the_counter_gets_a_clear_answer_and_changes_nothing(
    store: Store, path: str, more: dict[str, Any], status: int, code: str
) -> None:
    before = store.fingerprint()

    answer = store.client.post(path, headers=store.headers("manager"), **more)

    assert_clear(answer, status, code)
    assert store.fingerprint() == before


def test_a_stale_basket_is_refused_and_stays_as_it_is(store: Store) -> None:
    basket = store.post("/api/baskets", {"device": "till-1"}).json()
    path = f"/api/baskets/{basket['basket_id']}"
    seen = store.post(f"{path}/scan", {"code": "4006381333931"}).json()["basket"]
    before = store.fingerprint()

    answer = store.client.put(
        f"{path}/discount",
        json={"version": basket["version"], "amount_minor": 1, "reason": "late"},
        headers=store.headers(),
    )

    assert_clear(answer, 409, "stale_version")
    assert store.get(path).json()["version"] == seen["version"]
    assert store.fingerprint() == before


def test_the_fifth_wrong_pin_is_told_to_wait(store: Store) -> None:
    def attempt() -> Any:
        wanted = {"person_id": "s-rowe", "pin": "0001", "device": "till-2"}
        return store.client.post("/api/sign-in", json=wanted)

    for _ in range(4):
        assert_clear(attempt(), 401, "wrong_pin")
    assert_clear(attempt(), 429, "person_locked")


def test_a_broken_row_of_a_price_list_is_reported_and_the_others_are_taken(store: Store) -> None:
    rows = "sku,name,price,tax_rate\nCUP-1,Cup,4.00,20\nBAD-1,Bad,cheap,20\nCUP-2,Large cup,6.00,20\n"

    answer = store.client.post("/api/catalog/import", content=rows, headers=store.headers("manager"))

    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert [(fault["row"], fault["sku"]) for fault in report["faults"]] == [(3, "BAD-1")]
    assert store.rows("SELECT sku FROM products WHERE sku IN ('CUP-1', 'BAD-1', 'CUP-2') ORDER BY sku") == [
        ("CUP-1",),
        ("CUP-2",),
    ]
