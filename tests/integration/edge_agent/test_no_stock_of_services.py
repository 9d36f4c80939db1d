"""A service, and what nobody knows, never becomes stock: typed lines are refused as scans are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fulfilment import CODES
from tests.support.transfer_ends import ENDS, TRANSFER, End, one_end


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """One store that expects four mugs."""
    with one_end(tmp_path, "store-2") as made:
        lines = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": 4}]
        made.tell("transfer.expect", {**ENDS, "lines": lines, "cartons": [], "orders": [], "receipts": []})
        yield made


def ask(shop: End, path: str, **body: Any) -> tuple[int, str]:
    """Ask something as a manager; return how it was answered."""
    answer = shop.store.post(path, {"key": shop.key(), **body}, role="manager")
    return answer.status_code, answer.json().get("error", {}).get("code", "")


SERVICE = [{"sku": "ALTER", "units": 2}]
STRANGE = [{"sku": "NOPE", "units": 2}]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/api/transfers/unannounced", {"sure": True, "lines": SERVICE}, "not_stock"),
        ("/api/transfers/unannounced", {"sure": True, "lines": STRANGE}, "unknown_sku"),
        (f"/api/transfers/{TRANSFER}/receive", {"lines": SERVICE}, "not_stock"),
        (f"/api/transfers/{TRANSFER}/receive", {"lines": STRANGE}, "unknown_sku"),
        (f"/api/transfers/{TRANSFER}/arrival/line", SERVICE[0], "not_stock"),
        (f"/api/transfers/{TRANSFER}/arrival/line", STRANGE[0], "unknown_sku"),
        (
            "/api/stock/moves",
            {"reason": "opening", "lines": [{"sku": "ALTER", "quantity": 1}]},
            "unknown_sku",
        ),
        (
            "/api/stock/moves",
            {"reason": "received", "lines": [{"sku": "NOPE", "quantity": 1}]},
            "unknown_sku",
        ),
    ],
)
def test_a_typed_line_of_no_article_is_refused_and_moves_nothing(
    shop: End, path: str, body: dict[str, Any], code: str
) -> None:
    before = shop.all_rows()

    assert ask(shop, path, **body) == (422, code)
    assert shop.all_rows() == before


@pytest.mark.parametrize("sku", ["NOPE", "ALTER"])
def test_a_count_of_everything_believes_no_item_that_is_none(shop: End, sku: str) -> None:
    opened = shop.store.post("/api/stock/counts", {"key": shop.key(), "scope": "all"}, role="manager").json()
    count = f"/api/stock/counts/{opened['count_id']}"

    assert ask(shop, f"{count}/confirm", lines=[{"sku": sku, "counted": 1}]) == (422, "unknown_sku")
    assert ask(shop, f"{count}/confirm", lines=[{"sku": "MUG-1", "counted": 1}])[0] == 201
    assert ask(shop, f"{count}/scan", code=CODES["COAT-M"])[0] == 200
    assert ask(shop, f"{count}/confirm", lines=[{"sku": "COAT-M"}])[0] == 201
