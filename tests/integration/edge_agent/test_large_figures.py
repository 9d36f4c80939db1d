"""Figures beyond what one line of a document says: counted where they lie there, else refused in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.orders import UNITS
from protocol.sscc import make_sscc
from protocol.stock import FIGURES
from tests.support.fulfilment import CODES
from tests.support.store import refused
from tests.support.transfer_ends import ENDS, TRANSFER, End, one_end

MUG = CODES["MUG-1"]
FIRST, SECOND = make_sscc("9501101001", 1, 1), make_sscc("9501101001", 1, 2)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """One store with a hundred mugs."""
    with one_end(tmp_path, "store-2") as made:
        yield made


def post(shop: End, path: str, **body: Any) -> Any:
    """Ask something of the stock room as a manager."""
    return shop.store.post(f"/api/stock{path}", {"key": shop.key(), **body}, role="manager")


def fill(shop: End, times: int) -> None:
    """Bring in the most that one line says, several times."""
    for _ in range(times):
        lines = [{"sku": "MUG-1", "quantity": UNITS}]
        assert post(shop, "/moves", reason="received", lines=lines).status_code == 201


def a_count(shop: End) -> str:
    """Open a count of the mugs."""
    return str(post(shop, "/counts", skus=["MUG-1"]).json()["count_id"])


def test_more_than_a_million_screws_are_counted_like_anything_else(shop: End) -> None:
    before = shop.buckets("MUG-1").get("sellable", 0)
    fill(shop, 3)
    count = a_count(shop)

    line = {"sku": "MUG-1", "counted": before + 3 * UNITS - 2}
    assert post(shop, f"/counts/{count}/confirm", lines=[line]).status_code == 201
    seen = shop.store.get(f"/api/stock/counts/{count}").json()["as_of"]
    done = post(shop, f"/counts/{count}/post", accept=["MUG-1"], as_of=seen)

    assert (done.status_code, done.json()["short"]) == (201, 2)
    assert shop.buckets("MUG-1")["sellable"] == before + 3 * UNITS - 2
    assert post(shop, f"/counts/{count}/reverse", reason="Wrong shelf").status_code == 201
    assert shop.buckets("MUG-1")["sellable"] == before + 3 * UNITS


def test_scans_that_add_up_to_more_than_a_million_are_confirmed(shop: End) -> None:
    count = a_count(shop)
    post(shop, f"/counts/{count}/scan", code=MUG, units=1_000)
    shop.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE count_tallies SET units = ?", (2 * UNITS,)).rowcount
    )

    done = post(shop, f"/counts/{count}/confirm", lines=[{"sku": "MUG-1"}])

    assert (done.status_code, done.json()["lines"][0]["counted"]) == (201, 2 * UNITS)


def test_strays_of_more_than_a_million_do_not_keep_a_count_from_being_posted(shop: End) -> None:
    count = a_count(shop)
    post(shop, f"/counts/{count}/scan", code="9999999999994", units=1_000)
    shop.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE count_strays SET units = ?", (2 * UNITS,)).rowcount
    )
    here = shop.buckets("MUG-1").get("sellable", 0)
    post(shop, f"/counts/{count}/confirm", lines=[{"sku": "MUG-1", "counted": here}])

    assert post(shop, f"/counts/{count}/post").status_code == 201


def test_books_that_no_count_can_speak_of_are_refused_in_words(shop: End) -> None:
    count = a_count(shop)
    shop.store.edge.database.write(
        lambda unit: (
            unit.connection.execute(
                "INSERT OR REPLACE INTO balances VALUES ('MUG-1', 'sellable', ?)", (FIGURES + 1,)
            ).rowcount
        )
    )

    said = refused(post(shop, f"/counts/{count}/confirm", lines=[{"sku": "MUG-1", "counted": 5}]), 409)

    assert said["code"] == "beyond_counting"
    assert "1,000,000,001" in said["what"]


def test_an_adjustment_that_adds_up_to_too_much_is_refused_and_nothing_moves(shop: End) -> None:
    before = shop.buckets("MUG-1")
    lines = [{"sku": "MUG-1", "quantity": UNITS}, {"sku": "MUG-1", "quantity": 1}]

    said = refused(post(shop, "/adjustments", reason="found", lines=lines), 422)

    assert (said["code"], shop.buckets("MUG-1")) == ("too_many_units", before)
    assert said["what"] == "1,000,001 units of MUG-1 are more than one line can say; at most 1,000,000."


def test_a_delivery_that_adds_up_to_too_much_stays_open_and_is_mended_by_hand(shop: End) -> None:
    receiving = post(shop, "/receivings", supplier="Northern Cloth").json()["receiving_id"]
    post(shop, f"/receivings/{receiving}/line", sku="MUG-1", good=UNITS)
    post(shop, f"/receivings/{receiving}/scan", code=MUG, units=7)

    assert refused(post(shop, f"/receivings/{receiving}/finish"), 422)["code"] == "too_many_units"

    seen = {"good": UNITS + 7}
    post(shop, f"/receivings/{receiving}/line", sku="MUG-1", good=UNITS, seen=seen)
    assert post(shop, f"/receivings/{receiving}/finish").status_code == 201


def test_a_transfer_that_adds_up_to_too_much_is_not_asked_for(shop: End) -> None:
    lines = [{"sku": "MUG-1", "quantity": UNITS}, {"sku": "MUG-1", "quantity": 1}]
    body = {"key": shop.key(), "way": "in", "other": "store-1", "lines": lines}

    assert refused(shop.store.post("/api/transfers", body), 422)["code"] == "too_many_units"
    assert shop.bodies("transfer.requested") == []


def test_cartons_that_add_up_to_too_much_are_taken_in_one_by_one(shop: End) -> None:
    lines = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": UNITS}]
    inside = [{"line_no": 1, "sku": "MUG-1", "quantity": UNITS}]
    cartons = [{"sscc": sscc, "lines": inside} for sscc in (FIRST, SECOND)]
    shop.tell("transfer.expect", {**ENDS, "lines": lines, "cartons": cartons, "orders": [], "receipts": []})

    def take(*labels: str) -> Any:
        body = {"key": shop.key(), "cartons": list(labels)}
        return shop.store.post(f"/api/transfers/{TRANSFER}/receive", body)

    assert refused(take(FIRST, SECOND), 422)["code"] == "too_many_units"
    assert (take(FIRST).status_code, take(SECOND).status_code) == (201, 201)
    settled = [{"line_no": 1, "sku": "MUG-1", "received": UNITS, "over": UNITS}]
    assert shop.tell("transfer.settled", {**ENDS, "lines": settled}) == "applied"


def test_goods_that_nobody_announced_add_up_to_too_much_and_are_refused(shop: End) -> None:
    work = "unannounced-1"
    shop.store.post(f"/transfers/arrivals/{work}/scan", {"key": shop.key(), "code": MUG})
    shop.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE transfer_scans SET units = ?", (UNITS + 1,)).rowcount
    )
    body = {"key": shop.key(), "work_id": work, "sure": True}

    assert refused(shop.store.post("/api/transfers/unannounced", body), 422)["code"] == "too_many_units"
