"""What was taken back, put right or decided before a store was put back to a backup is not done again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.returns.deciding import DecideGoods, decide_goods
from protocol.errors import Refused
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import make_sscc
from tests.support.putting_back import Hub, bring_back, copy_of, put_back
from tests.support.store import ok
from tests.support.transfer_ends import End, one_end


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """A store with a hundred mugs."""
    with one_end(tmp_path) as made:
        yield made


def counted(shop: End, units: int = 90) -> str:
    """Return a count of mugs that is posted."""
    count = ok(shop.store.post("/api/stock/counts", {"key": shop.key(), "skus": ["MUG-1"]}, role="lead"), 201)
    path = f"/api/stock/counts/{count['count_id']}"
    lines = [{"sku": "MUG-1", "counted": units}]
    ok(shop.store.post(f"{path}/confirm", {"key": shop.key(), "lines": lines}, role="manager"), 201)
    seen = {"accept": ["MUG-1"], "as_of": ok(shop.store.get(path))["as_of"]}
    ok(shop.store.post(f"{path}/post", {"key": shop.key(), **seen}, role="manager"), 201)
    return f"{path}/reverse"


def broken(shop: End) -> str:
    """Return a correction of mugs."""
    body = {"key": shop.key(), "reason": "damaged", "lines": [{"sku": "MUG-1", "quantity": 10}]}
    made = ok(shop.store.post("/api/stock/adjustments", body, role="manager"), 201)
    return f"/api/stock/adjustments/{made['adjustment_id']}/undo"


def delivered(shop: End, units: int = 10) -> str:
    """Return a delivery that nobody had announced."""
    body = {"key": shop.key(), "supplier": "ACME", "reference": "R-1"}
    begun = ok(shop.store.post("/api/stock/receivings", body, role="manager"), 201)
    path = f"/api/stock/receivings/{begun['receiving_id']}"
    ok(shop.store.post(f"{path}/line", {"key": shop.key(), "sku": "MUG-1", "good": units}))
    made = ok(shop.store.post(f"{path}/finish", {"key": shop.key()}), 201)
    return f"/api/stock/receipts/{made['receipt_id']}/correct"


def arrived(shop: End) -> str:
    """Return an arrival from another location."""
    made = shop.do("/unannounced", sure=True, lines=[{"sku": "MUG-1", "units": 4}])
    return f"/api/transfers/receipts/{made['receipt_id']}/undo"


@pytest.mark.parametrize(
    ("did", "again_with"),
    [
        (counted, {"reason": "Wrong shelf"}),
        (broken, {"reason": "They are whole"}),
        (delivered, {"reason": "Six came", "lines": [{"sku": "MUG-1", "good": 6}]}),
        (arrived, {"reason": "Not ours"}),
    ],
)
def test_what_was_taken_back_since_the_backup_is_taken_back_once(
    shop: End, tmp_path: Path, did: Callable[[End], str], again_with: dict[str, Any]
) -> None:
    path = did(shop)
    backup = copy_of(shop, tmp_path)
    ok(shop.store.post(path, {"key": shop.key(), **again_with}, role="manager"), 201)
    buckets = shop.buckets("MUG-1")

    with put_back(backup, tmp_path) as again:
        before = again.all_rows()
        refusal = again.store.post(path, {"key": again.key(), **again_with}, role="manager").json()["error"]
        assert refusal["code"] == "records_missing"
        assert again.all_rows() == before
        bring_back(again, Hub(shop.store))

        assert again.buckets("MUG-1") == buckets
        late = again.store.post(path, {"key": again.key(), **again_with}, role="manager").json()["error"]
        assert late["code"] in {"not_posted", "undone_already", "stale_receipt", "undone"}
        assert again.rebuilt(tmp_path) == ()


def test_what_a_restored_store_did_itself_it_may_take_back_at_once(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)

    with put_back(backup, tmp_path) as again:
        for path in (broken(again), arrived(again)):
            ok(again.store.post(path, {"key": again.key(), "reason": "A mistake"}, role="manager"), 201)

        assert again.buckets("MUG-1")["sellable"] == 100


def test_goods_are_decided_about_once(shop: End, tmp_path: Path) -> None:
    broken(shop)
    backup = copy_of(shop, tmp_path)
    person = CurrentPerson("a-osei", "A. Osei", "manager", "till-1")

    def decide(end: End) -> None:
        line = {"sku": "MUG-1", "quantity": 4, "from_bucket": "quarantine", "disposition": "dispose"}
        wanted = DecideGoods.model_validate({"key": end.key(), "lines": [line]})
        edge = end.store.edge
        edge.database.write(lambda unit: decide_goods(unit, edge, wanted, person=person))

    decide(shop)
    with put_back(backup, tmp_path) as again:
        with pytest.raises(Refused) as refusal:
            decide(again)
        assert refusal.value.reason == "records_missing"
        bring_back(again, Hub(shop.store))

        assert again.buckets("MUG-1") == shop.buckets("MUG-1")


def test_a_carton_that_nobody_announced_waits_for_the_records(tmp_path: Path) -> None:
    carton = make_sscc("12345678", 1, 1)
    body: dict[str, Any] = {
        "sscc": carton,
        "source": "store-1",
        "sure": True,
        "lines": [{"sku": "MUG-1", "units": 4}],
    }
    with one_end(tmp_path, "store-2") as shop:
        backup = copy_of(shop, tmp_path)
        shop.do("/unannounced", **body)

        with put_back(backup, tmp_path, edge="store-2") as again:
            before = again.all_rows()
            assert again.do("/unannounced", 409, **body)["code"] == "records_missing"
            assert again.all_rows() == before
            bring_back(again, Hub(shop.store))

            assert again.do("/unannounced", 409, **body)["code"] == "carton_again"
            assert again.letters("MUG-1")["P"] == 4


def test_a_delivery_that_is_there_twice_once_the_records_are_back_is_said(shop: End, tmp_path: Path) -> None:
    backup = copy_of(shop, tmp_path)
    delivered(shop)
    [was] = shop.store.rows("SELECT number FROM receipts")[0]

    with put_back(backup, tmp_path) as again:
        delivered(again)
        [here] = again.store.rows("SELECT number FROM receipts")[0]
        bring_back(again, Hub(shop.store))

        cards = {each["kind"]: each for each in ok(again.store.get("/api/exceptions"))}
        assert f"{was} and as {here}" in cards["count_due"]["title"]
        assert cards["count_due"]["owner_role"] == "manager"
        assert cards["store_restored"]["facts"]["received_twice"] == f"{was} = {here}"


def test_a_delivery_that_came_once_is_said_to_nobody(shop: End, tmp_path: Path) -> None:
    delivered(shop)
    backup = copy_of(shop, tmp_path)
    broken(shop)

    with put_back(backup, tmp_path) as again:
        bring_back(again, Hub(shop.store))

        cards = {each["kind"]: each for each in ok(again.store.get("/api/exceptions"))}
        assert "received twice" not in cards["count_due"]["title"]
        assert cards["store_restored"]["facts"]["received_twice"] == ""
