"""An image of a disk that went on without a line does again what its store had done: both stand then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.stock.rows import on_hand
from tests.support.putting_back import Hub, begin_another_life, bring_back, copy_of, put_back
from tests.support.store import Store, ok, sale
from tests.support.transfer_ends import TRANSFER, End, one_end


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """A store with a hundred mugs and five coats, and a till that is open."""
    with one_end(tmp_path) as made:
        made.store.open_till()
        yield made


def sold(store: Store, key: str, sku: str) -> str:
    """Sell one unit and return the number on the receipt."""
    return str(ok(store.post("/api/sales", sale(key, (sku, 1), cash_minor=200_00)), 201)["number"])


def test_two_sales_of_one_number_both_stand_and_somebody_is_told(shop: End, tmp_path: Path) -> None:
    sold(shop.store, "before", "MUG-1")
    backup = copy_of(shop, tmp_path)
    number = sold(shop.store, "lost", "MUG-1")
    before = shop.buckets("MUG-1")

    with put_back(backup, tmp_path, image=True) as again:
        assert sold(again.store, "again", "COAT-M") == number
        begin_another_life(again)
        bring_back(again, Hub(shop.store))

        lines = "SELECT number, sku FROM orders JOIN order_lines USING (order_id) WHERE number LIKE ?"
        assert sorted(again.store.rows(lines, f"{number}%")) == [(number, "COAT-M"), (f"{number}/2", "MUG-1")]
        assert again.buckets("MUG-1") == before
        [told] = again.store.rows("SELECT facts FROM exceptions WHERE kind = 'store_restored'")
        assert f'"numbers_twice": "{number}/2"' in told[0]
        assert again.rebuilt(tmp_path) == ()


def test_what_was_shipped_twice_has_left_the_shelf_twice(shop: End, tmp_path: Path) -> None:
    shop.asked(("MUG-1", 2))
    shop.do(f"/{TRANSFER}/accept")
    shop.walk()
    shop.carton()
    backup, before = copy_of(shop, tmp_path), shop.buckets("MUG-1")
    shop.do(f"/{TRANSFER}/ship")

    with put_back(backup, tmp_path, image=True) as again:
        again.do(f"/{TRANSFER}/ship")
        begin_another_life(again)
        bring_back(again, Hub(shop.store))

        after = again.buckets("MUG-1")
        assert (before["picked"], after.get("picked", 0)) == (2, 0)
        assert after["in_transit"] == 4
        assert before["sellable"] - after["sellable"] == 2
        stock = on_hand(again.store.edge.database.read(), "MUG-1").rights
        assert (stock.bound, stock.physical) == (0, after["sellable"])
        assert "count_due:MUG-1" in again.open_exceptions()
        assert again.rebuilt(tmp_path) == ()


def test_what_was_voided_stays_so_though_the_other_machine_took_all_of_it_back(
    shop: End, tmp_path: Path
) -> None:
    number = sold(shop.store, "before", "MUG-1")
    backup = copy_of(shop, tmp_path)
    back = {"key": "back", "till": "till-1", "lines": [{"line_no": 1, "quantity": 1}]}
    ok(shop.store.post(f"/api/orders/{number}/returns", back), 201)

    with put_back(backup, tmp_path, image=True) as again:
        void = {"key": "void", "reason": "rung up twice"}
        ok(again.store.post(f"/api/orders/{number}/void", void, role="manager"), 201)
        begin_another_life(again)
        bring_back(again, Hub(shop.store))

        [(state, refunded, total)] = again.store.rows(
            "SELECT state, refunded_minor, total_minor FROM orders WHERE number = ?", number
        )
        assert (state, refunded) == ("voided", 2 * total)
        assert again.rebuilt(tmp_path) == ()
