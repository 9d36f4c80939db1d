"""Counts at a store: blind, by scan and by hand, with sales in between, posted and taken back."""

from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.steps.promises import count_due
from edge_agent.rebuild import rebuild
from edge_agent.stock import directives
from protocol.errors import OrderspineError
from protocol.stock import CountCancel, CountRequest
from tests.support.store import Store, ok, refused, sale, sign_everybody_in

KEYS = count(1)
COAT, MUG, BOOK = "5012345678900", "4006381333931", "9783161484100"


def key(**more: Any) -> dict[str, Any]:
    return {"key": f"c{next(KEYS)}", **more}


def opened(store: Store, *skus: str, **more: Any) -> str:
    """Open a count and return its id."""
    done = ok(store.post("/api/stock/counts", key(skus=list(skus), **more), role="lead"), 201)
    return str(done["count_id"])


def scan(store: Store, task: str, code: str, units: int = 1, role: str = "associate", **more: Any) -> Any:
    """Scan something into a count."""
    return ok(store.post(f"/api/stock/counts/{task}/scan", key(code=code, units=units, **more), role=role))


def confirm(store: Store, task: str, **counted: int | None) -> Any:
    """Confirm items by name, with a figure or as they were scanned."""
    names = {"coat": "COAT-M", "mug": "MUG-1", "book": "BOOK-1"}
    lines = [{"sku": names[name], "counted": units} for name, units in counted.items()]
    return ok(store.post(f"/api/stock/counts/{task}/confirm", key(lines=lines)), 201)


def post(store: Store, task: str, **more: Any) -> Any:
    """Post a count as a manager who has looked at it as it is."""
    more.setdefault("as_of", ok(store.get(f"/api/stock/counts/{task}"))["as_of"])
    return ok(store.post(f"/api/stock/counts/{task}/post", key(**more), role="manager"), 201)


def sell(store: Store, sku: str, units: int = 1) -> None:
    """Sell at the till."""
    ok(store.post("/api/sales", sale(f"s{next(KEYS)}", (sku, units), cash_minor=1_000_000)), 201)


def here(store: Store, sku: str) -> dict[str, int]:
    """Return the buckets of an item."""
    found: dict[str, int] = ok(store.get(f"/api/stock/{sku}"))["buckets"]
    return found


def test_a_blind_count_shows_nobody_who_counts_what_the_books_say(store: Store) -> None:
    task = opened(store, "COAT-M", "MUG-1")
    scan(store, task, COAT, 4)
    confirm(store, task, coat=None)

    counting = ok(store.get(f"/api/stock/counts/{task}"))
    posting = ok(store.get(f"/api/stock/counts/{task}", role="manager"))

    coat = counting["lines"][0]
    assert (coat["sku"], coat["counted"], coat["state"]) == ("COAT-M", 4, "counted")
    assert (coat["variance"], coat["value_minor"]) == (None, None)
    assert (posting["lines"][0]["variance"], posting["lines"][0]["value_minor"]) == (-1, -5_500)
    assert {"balance", "physical", "expected"} & set(counting["lines"][0]) == set()


def test_a_posted_count_writes_the_difference_and_is_taken_back_by_its_opposite(
    store: Store, tmp_path: Path
) -> None:
    task = opened(store, "COAT-M", "MUG-1")
    confirm(store, task, coat=4, mug=101)

    done = post(store, task)

    assert (done["over"], done["short"], done["value_minor"]) == (1, 1, -5_290)
    assert (here(store, "COAT-M"), here(store, "MUG-1")) == ({"sellable": 4}, {"sellable": 101})
    why = ok(store.get("/api/stock/COAT-M"))["why"][0]
    assert (why["from_bucket"], why["to_bucket"], why["reason"]) == ("sellable", "adjustment", "count")

    back = ok(store.post(f"/api/stock/counts/{task}/reverse", key(reason="Wrong shelf"), role="manager"), 201)

    assert (back["state"], back["over"], back["short"]) == ("undone", 1, 1)
    assert (here(store, "COAT-M"), here(store, "MUG-1")) == ({"sellable": 5}, {"sellable": 100})
    again = store.post(f"/api/stock/counts/{task}/reverse", key(reason="Twice"), role="manager")
    assert refused(again, 409)["code"] == "undone_already"
    assert rebuild(store.edge.settings.database_file, tmp_path / "again.db").differences == ()


def test_what_is_sold_while_an_item_is_counted_makes_no_difference_by_itself(store: Store) -> None:
    task = opened(store, "COAT-M")
    scan(store, task, COAT, 2)
    sell(store, "COAT-M")
    scan(store, task, COAT, 3)  # all five were seen before one left

    confirm(store, task, coat=None)
    sell(store, "COAT-M", 2)
    done = post(store, task)

    assert (done["over"], done["short"]) == (0, 0)
    assert here(store, "COAT-M") == {"sellable": 2}


def test_a_scan_that_arrives_late_counts_from_when_it_was_made(store: Store) -> None:
    task = opened(store, "COAT-M")
    seen = ok(store.get(f"/api/stock/counts/{task}"))["as_of"]
    sell(store, "COAT-M", 2)
    scan(store, task, COAT, 5, as_of=seen)

    confirm(store, task, coat=None)

    assert (post(store, task)["over"], here(store, "COAT-M")) == (0, {"sellable": 3})


def test_a_difference_that_movements_blur_asks_for_a_calm_pass(store: Store) -> None:
    task = opened(store, "MUG-1", tolerance_units=50)
    scan(store, task, MUG, 60)
    sell(store, "MUG-1", 10)
    assert confirm(store, task, mug=None)["lines"][0]["again"]

    ok(store.post(f"/api/stock/counts/{task}/recount", key(skus=["MUG-1"])), 201)
    scan(store, task, MUG, 55)

    assert not confirm(store, task, mug=None)["lines"][0]["again"]
    assert post(store, task)["short"] == 35
    assert here(store, "MUG-1") == {"sellable": 55}


def test_a_large_difference_needs_another_pass_or_a_manager_who_believes_it(store: Store) -> None:
    task = opened(store, "COAT-M", "MUG-1")
    assert [line["again"] for line in confirm(store, task, coat=2, mug=100)["lines"]] == [True, False]
    before = store.fingerprint()

    stopped = refused(store.post(f"/api/stock/counts/{task}/post", key(), role="manager"), 409)

    assert (stopped["code"], stopped["facts"]["skus"]) == ("recount_needed", ["COAT-M"])
    assert store.fingerprint() == before
    ok(store.post(f"/api/stock/counts/{task}/recount", key(skus=["COAT-M"])), 201)
    assert not confirm(store, task, coat=2)["lines"][0]["again"]
    assert post(store, task)["short"] == 3

    other = opened(store, "COAT-M")
    confirm(store, other, coat=9)
    assert post(store, other, accept=["COAT-M"])["over"] == 7


def test_a_small_difference_of_much_value_needs_another_pass_too(store: Store) -> None:
    task = opened(store, "COAT-M", "MUG-1", tolerance_units=5, tolerance_minor=5_000)

    found = confirm(store, task, coat=4, mug=98)["lines"]

    assert [line["again"] for line in found] == [True, False]


def test_two_devices_count_one_item_and_their_scans_add_up(store: Store) -> None:
    task = opened(store, "MUG-1")
    scan(store, task, MUG, 60)
    sign_everybody_in(store, device="handheld-1")
    assert scan(store, task, MUG, 40)["counted"] == 100

    blind = store.post(f"/api/stock/counts/{task}/confirm", key(lines=[{"sku": "MUG-1", "counted": 40}]))
    old = store.post(f"/api/stock/counts/{task}/confirm", key(lines=[{"sku": "MUG-1", "seen": 60}]))

    assert (refused(blind, 409)["code"], refused(blind, 409)["facts"]["counted"]) == ("stale_count", 100)
    assert refused(old, 409)["code"] == "stale_count"
    assert confirm(store, task, mug=None)["lines"][0]["counted"] == 100


def test_a_scan_of_an_item_that_another_device_has_confirmed_is_a_stale_count_and_counts_nothing(
    store: Store,
) -> None:
    task = opened(store, "MUG-1")
    scan(store, task, MUG, 100)
    confirm(store, task, mug=None)

    late = scan(store, task, MUG)

    assert (late["outcome"], late["counted"]) == ("stale_count", 100)
    again = store.post(f"/api/stock/counts/{task}/confirm", key(lines=[{"sku": "MUG-1", "counted": 99}]))
    assert refused(again, 409)["code"] == "stale_count"
    assert post(store, task)["over"] == 0


def test_an_item_whose_books_were_corrected_since_its_count_is_refused_as_stale(store: Store) -> None:
    one, two = opened(store, "COAT-M"), opened(store, "COAT-M")
    confirm(store, one, coat=4)
    confirm(store, two, coat=4)
    post(store, one)
    before = here(store, "COAT-M")

    stopped = refused(store.post(f"/api/stock/counts/{two}/post", key(), role="manager"), 409)

    assert (stopped["code"], stopped["facts"]["skus"]) == ("stale_count", ["COAT-M"])
    assert here(store, "COAT-M") == before == {"sellable": 4}
    ok(store.post(f"/api/stock/counts/{two}/recount", key(skus=["COAT-M"])), 201)
    confirm(store, two, coat=4)
    assert (post(store, two)["short"], here(store, "COAT-M")) == (0, {"sellable": 4})


def test_a_count_is_not_taken_back_once_a_later_one_of_the_item_stands(store: Store) -> None:
    first, second = opened(store, "MUG-1"), opened(store, "MUG-1", "COAT-M")
    confirm(store, first, mug=90)
    post(store, first, accept=["MUG-1"])
    confirm(store, second, mug=100, coat=5)
    post(store, second, accept=["MUG-1"])
    before = store.fingerprint()

    undo = store.post(f"/api/stock/counts/{first}/reverse", key(reason="Wrong shelf"), role="manager")

    error = refused(undo, 409)
    assert (error["code"], error["facts"]["skus"]) == ("stale_count", ["MUG-1"])
    assert (store.fingerprint(), here(store, "MUG-1")) == (before, {"sellable": 100})
    ok(store.post(f"/api/stock/counts/{second}/reverse", key(reason="Wrong too"), role="manager"), 201)
    ok(store.post(f"/api/stock/counts/{first}/reverse", key(reason="Wrong shelf"), role="manager"), 201)
    assert here(store, "MUG-1") == {"sellable": 100}


@pytest.mark.parametrize("counted", [90, 100])
def test_a_correction_is_not_taken_back_once_the_item_was_counted(store: Store, counted: int) -> None:
    lines = [{"sku": "MUG-1", "quantity": 10}]
    made = ok(
        store.post("/api/stock/adjustments", key(reason="theft", lines=lines), role="manager"),
        201,
    )
    task = opened(store, "MUG-1")
    confirm(store, task, mug=counted)
    post(store, task, accept=["MUG-1"])
    before = store.fingerprint()

    path = f"/api/stock/adjustments/{made['number']}/undo"
    error = refused(store.post(path, key(reason="They are there"), role="manager"), 409)

    assert (error["code"], error["facts"]["skus"]) == ("stale_count", ["MUG-1"])
    assert (store.fingerprint(), here(store, "MUG-1")) == (before, {"sellable": counted})


def test_a_closed_count_takes_no_more_scans(store: Store) -> None:
    task = opened(store, "COAT-M")
    confirm(store, task, coat=5)
    post(store, task)

    late = store.post(f"/api/stock/counts/{task}/scan", key(code=COAT))

    assert (refused(late, 409)["code"], refused(late, 409)["facts"]["state"]) == ("stale_count", "posted")


def test_an_unknown_code_and_an_item_of_another_shelf_are_rows_and_never_a_refusal(store: Store) -> None:
    task = opened(store, bins=["A"], scope="bins")

    strange, elsewhere = scan(store, task, "5999999999994"), scan(store, task, MUG, 2)
    service = scan(store, task, "ALTER")

    assert [each["outcome"] for each in (strange, elsewhere, service)] == [
        "unknown_code",
        "elsewhere",
        "not_stock",
    ]
    assert elsewhere["remedy"] == "Its place is B-02."
    found = ok(store.get(f"/api/stock/counts/{task}"))
    assert [(stray["code"], stray["bin"], stray["units"]) for stray in found["strays"]] == [
        ("5999999999994", "", 1),
        ("MUG-1", "B-02", 2),
    ]
    ok(store.post(f"/api/stock/counts/{task}/undo", key(scan_id=elsewhere["scan_id"])))
    assert len(ok(store.get(f"/api/stock/counts/{task}"))["strays"]) == 1
    confirm(store, task, coat=5)
    post(store, task)
    assert here(store, "MUG-1") == {"sellable": 100}


def test_a_scan_is_taken_back_once_and_only_by_the_device_that_made_it(store: Store) -> None:
    task = opened(store, "COAT-M")
    made = scan(store, task, COAT, 3)
    scan(store, task, COAT)

    assert ok(store.post(f"/api/stock/counts/{task}/undo", key(scan_id=made["scan_id"])))["counted"] == 1
    gone = store.post(f"/api/stock/counts/{task}/undo", key(scan_id=made["scan_id"]))
    assert refused(gone, 409)["code"] == "nothing_to_undo"
    sign_everybody_in(store, device="handheld-1")
    assert refused(store.post(f"/api/stock/counts/{task}/undo", key()), 409)["code"] == "nothing_to_undo"


def test_counting_a_shelf_covers_what_has_its_home_there_and_the_rest_can_be_none(store: Store) -> None:
    task = opened(store, bins=["A-01", "C"], scope="bins")
    confirm(store, task, coat=5)

    done = ok(store.post(f"/api/stock/counts/{task}/confirm", key(rest=True)), 201)

    assert [(line["sku"], line["counted"]) for line in done["lines"]] == [("BOOK-1", 0)]
    assert (done["rows"], done["counted"]) == (2, 2)


def test_what_is_reserved_is_counted_on_the_shelf_and_what_is_picked_is_not(store: Store) -> None:
    store.edge.database.write(
        lambda unit: (
            unit.connection.executemany(
                "INSERT INTO balances (sku, bucket, quantity) VALUES ('BOOK-1', ?, ?)",
                [("reserved", 3), ("picked", 2)],
            ).rowcount
        )
    )
    task = opened(store, "BOOK-1")
    confirm(store, task, book=22)

    assert post(store, task)["short"] == 1
    assert here(store, "BOOK-1") == {"sellable": 19, "reserved": 3, "picked": 2}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("confirm", {"lines": [{"sku": "COAT-M", "counted": -1}]}, 422, "below_zero"),
        ("confirm", {"lines": [{"sku": "MUG-1", "counted": 1}]}, 422, "not_in_count"),
        ("confirm", {"lines": [{"sku": "COAT-M"}]}, 409, "nothing_counted"),
        ("confirm", {}, 409, "nothing_counted"),
        ("confirm", {"lines": [{"sku": "COAT-M", "counted": 2_000_000_000}]}, 422, "invalid_field"),
        ("scan", {"code": COAT, "units": 0}, 422, "invalid_field"),
        ("undo", {}, 409, "nothing_to_undo"),
        ("post", {}, 409, "nothing_counted"),
        ("cancel", {"reason": ""}, 422, "invalid_field"),
    ],
)
def test_what_cannot_be_counted_is_refused_and_changes_nothing(
    store: Store, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    task = opened(store, "COAT-M")
    before, tallies = store.fingerprint(), store.rows("SELECT * FROM count_tallies")

    assert refused(store.post(f"/api/stock/counts/{task}/{path}", key(**body), role="manager"), status)[
        "code"
    ] == (code)
    assert (store.fingerprint(), store.rows("SELECT * FROM count_tallies")) == (before, tallies)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"skus": ["NO-1"]}, "unknown_sku"),
        ({"skus": ["ALTER"]}, "unknown_sku"),
        ({"skus": []}, "unknown_sku"),
        ({"scope": "bins", "bins": ["Z-99"]}, "empty_bin"),
        ({"skus": ["COAT-M"], "place": "roof"}, "invalid_field"),
    ],
)
def test_a_count_of_nothing_is_refused(store: Store, body: dict[str, Any], code: str) -> None:
    before = store.fingerprint()

    assert refused(store.post("/api/stock/counts", key(**body), role="lead"), 422)["code"] == code
    assert store.fingerprint() == before


def test_an_associate_counts_and_only_a_manager_posts_or_lends_their_word(store: Store) -> None:
    assert refused(store.post("/api/stock/counts", key(skus=["COAT-M"])), 403)["code"] == "needs_approval"
    task = opened(store, "COAT-M")
    confirm(store, task, coat=4)
    before = store.fingerprint()

    error = refused(store.post(f"/api/stock/counts/{task}/post", key(), role="lead"), 403)

    assert (error["code"], error["facts"]["role"], error["facts"]["action"]) == (
        "needs_approval",
        "manager",
        "post_count",
    )
    assert store.fingerprint() == before
    word = store.approve("manager", "post_count")
    ok(store.post(f"/api/stock/counts/{task}/post", key(approval=word)), 201)


def test_a_count_that_finds_promised_goods_missing_shows_the_deficit_at_once(store: Store) -> None:
    store.edge.database.write(
        lambda unit: (
            unit.connection.execute("INSERT INTO rights (sku, granted) VALUES ('COAT-M', 4)").rowcount
        )
    )
    task = opened(store, "COAT-M")
    confirm(store, task, coat=1)

    done = post(store, task, accept=["COAT-M"])

    assert done["deficits"] == [{"sku": "COAT-M", "name": "Wool coat M", "missing": 3}]
    seen = ok(store.get("/api/stock/COAT-M"))
    assert (seen["sellable"], seen["deficit"]) == (-3, 3)


def test_an_item_that_was_not_found_gets_a_task_and_is_lent_again_once_it_is_counted(store: Store) -> None:
    def missing(unit: EdgeUnit) -> None:
        count_due(unit, store.edge, "COAT-M", number="LB1-00001", units=1)
        count_due(unit, store.edge, "COAT-M", number="LB1-00002", units=1)

    store.edge.database.write(missing)
    tasks = ok(store.get("/api/stock/counts"))
    assert [(task["title"], task["source"]) for task in tasks] == [("Wool coat M", "exception")]
    due = "SELECT closed_us IS NULL FROM exceptions WHERE dedupe_key = 'count_due:COAT-M'"
    assert store.rows(due) == [(1,)]

    confirm(store, tasks[0]["count_id"], coat=5)
    post(store, tasks[0]["count_id"])

    assert store.rows(due) == [(0,)]
    assert ok(store.get("/api/exceptions")) == []


def test_the_hub_asks_for_a_count_and_takes_it_back_and_each_is_done_once(store: Store) -> None:
    edge = store.edge
    ask = CountRequest(count_id="hub-1", title="Coats", skus=("COAT-M", "NO-1"), tolerance_units=2)
    edge.database.write(lambda unit: directives.count(unit, edge, ask))
    edge.database.write(lambda unit: directives.count(unit, edge, ask))

    task = ok(store.get("/api/stock/counts/hub-1"))
    assert [line["sku"] for line in task["lines"]] == ["COAT-M"]
    assert (task["number"], task["source"]) == ("LB1-C00001", "hub")

    edge.database.write(lambda unit: directives.count_no_more(unit, edge, CountCancel(count_id="hub-1")))
    assert ok(store.get("/api/stock/counts/hub-1"))["state"] == "cancelled"
    asked: list[tuple[Any, Any]] = [
        (CountRequest(count_id="hub-2", title="X", skus=("NO-1",)), directives.count),
        (CountRequest(count_id="hub-3", title="X", scope="bins", bins=("Z",)), directives.count),
        (CountCancel(count_id="hub-1"), directives.count_no_more),
        (CountCancel(count_id="none"), directives.count_no_more),
    ]
    refusals = []
    for body, act in asked:
        with pytest.raises(OrderspineError) as refusal:
            edge.database.write(partial(carry_out, edge, act, body))
        refusals.append(refusal.value.reason)
    assert refusals == ["unknown_sku", "empty_bin", "stale_count", "no_count"]


def carry_out(edge: Edge, act: Any, body: Any, unit: EdgeUnit) -> None:
    """Do what a directive says."""
    act(unit, edge, body)


def test_the_same_request_twice_counts_once(store: Store) -> None:
    task = opened(store, "COAT-M")
    body = key(code=COAT)
    first = ok(store.post(f"/api/stock/counts/{task}/scan", body))

    assert ok(store.post(f"/api/stock/counts/{task}/scan", body)) == first
    other = opened(store, "COAT-M")
    assert refused(store.post(f"/api/stock/counts/{other}/scan", body), 409)["code"] == "key_reused"
    assert ok(store.get(f"/api/stock/counts/{task}"))["lines"][0]["counted"] == 1
