from typing import Any

from protocol.ids import slip_code
from tests.support.store import Store, ok, refused, sign_everybody_in

COAT = "5012345678900"
MUG = "4006381333931"


def begin(store: Store) -> dict[str, Any]:
    return dict(ok(store.post("/api/baskets", {})))


def scan(store: Store, basket: dict[str, Any], code: str, **more: Any) -> dict[str, Any]:
    answer = ok(store.post(f"/api/baskets/{basket['basket_id']}/scan", {"code": code} | more))
    return dict(answer["basket"])


def test_scanning_the_same_item_again_adds_one_to_its_line(store: Store) -> None:
    basket = scan(store, scan(store, begin(store), COAT), "]E0" + COAT)

    assert [(line["sku"], line["quantity"], line["gross_minor"]) for line in basket["lines"]] == [
        ("COAT-M", 2, 24_000)
    ]
    assert (basket["total_minor"], basket["tax_minor"], basket["units"], basket["version"]) == (
        24_000,
        4_000,
        2,
        2,
    )


def test_the_same_scan_sent_twice_adds_once(store: Store) -> None:
    basket = begin(store)
    scan(store, basket, COAT, scan_id="s-1")

    again = scan(store, basket, COAT, scan_id="s-1")

    assert (again["units"], again["version"]) == (1, 1)


def test_a_code_that_means_nothing_becomes_a_row_and_no_line(store: Store) -> None:
    basket = scan(store, begin(store), "no such thing")

    assert basket["lines"] == []
    assert basket["scans"][0]["problem"] == "unknown_code"
    assert scan(store, basket, "5012345678901")["scans"][0]["problem"] == "misread"
    assert scan(store, basket, "10009")["scans"][0]["problem"] == "product_inactive"


def test_the_last_five_changes_can_be_undone_one_by_one(store: Store) -> None:
    basket = begin(store)
    for code in (COAT, MUG, MUG):
        basket = scan(store, basket, code)
    path = f"/api/baskets/{basket['basket_id']}"
    basket = ok(
        store.client.request(
            "DELETE", f"{path}/lines/1", params={"version": basket["version"]}, headers=store.headers()
        )
    )
    assert [line["sku"] for line in basket["lines"]] == ["MUG-1"]

    seen = []
    while basket["undo"]:
        basket = ok(store.post(f"{path}/undo", {"version": basket["version"]}))
        seen.append([(line["sku"], line["quantity"]) for line in basket["lines"]])

    assert seen == [
        [("COAT-M", 1), ("MUG-1", 2)],
        [("COAT-M", 1), ("MUG-1", 1)],
        [("COAT-M", 1)],
        [],
    ]
    assert (
        refused(store.post(f"{path}/undo", {"version": basket["version"]}), 404)["code"] == "nothing_to_undo"
    )


def test_a_stale_change_is_refused_with_the_basket_as_it_is_now(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    scan(store, basket, MUG)

    error = refused(
        store.client.patch(
            f"/api/baskets/{basket['basket_id']}/lines/1",
            json={"version": basket["version"], "quantity": 3},
            headers=store.headers(),
        ),
        409,
    )

    assert error["code"] == "stale_version"
    assert [line["quantity"] for line in error["facts"]["basket"]["lines"]] == [1, 1]
    assert ok(store.get(f"/api/baskets/{basket['basket_id']}"))["units"] == 2


def patch(store: Store, basket: dict[str, Any], n: int, role: str = "associate", **change: Any) -> Any:
    return store.client.patch(
        f"/api/baskets/{basket['basket_id']}/lines/{n}",
        json={"version": basket["version"]} | change,
        headers=store.headers(role),
    )


def test_discount_and_price_change_go_as_far_as_the_role_and_then_ask_in_place(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    basket = ok(patch(store, basket, 1, line_discount_percent=10, reason="mark"))
    assert basket["total_minor"] == 10_800
    kept = basket
    error = refused(patch(store, basket, 1, line_discount_percent=25), 403)
    assert (error["code"], error["facts"]["role"]) == ("needs_approval", "lead")
    assert ok(store.get(f"/api/baskets/{basket['basket_id']}")) == kept

    token = store.approve("lead", "line_discount", reason="scratch")
    basket = ok(patch(store, basket, 1, line_discount_percent=25, approval=token))
    assert (basket["total_minor"], basket["lines"][0]["allowed_by"]) == (9_000, ["s-rowe"])
    assert refused(patch(store, basket, 1, unit_price_minor=10_000), 422)["code"] == "reason_needed"
    assert refused(patch(store, basket, 1, unit_price_minor=10_000, reason="tag"), 403)["facts"][
        "action"
    ] == ("price_override")


def test_what_a_lead_allowed_stands_when_an_associate_takes_the_money(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    basket = ok(patch(store, basket, 1, role="lead", unit_price_minor=10_000, reason="tag"))

    paid = ok(
        store.post(
            f"/api/baskets/{basket['basket_id']}/pay",
            {
                "key": "p1",
                "version": basket["version"],
                "till": "till-1",
                "tenders": [{"kind": "cash", "amount_minor": 10_000}],
            },
        ),
        201,
    )

    assert (paid["sold"]["total_minor"], paid["basket"]["state"]) == (10_000, "paid")
    event = store.rows("SELECT bytes FROM events WHERE kind = 'order.sold'")[0][0]
    assert b'{"action":"price_override","by":"s-rowe","reason":"tag"}' in event


def test_a_discount_on_the_whole_is_judged_by_what_it_takes(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    path = f"/api/baskets/{basket['basket_id']}/discount"
    body = {"version": basket["version"], "amount_minor": 1_201}
    assert store.client.put(path, json=body, headers=store.headers()).status_code == 403

    changed = ok(store.client.put(path, json=body | {"amount_minor": 1_200}, headers=store.headers()))

    assert (changed["discount_minor"], changed["total_minor"]) == (1_200, 10_800)


def test_a_parked_basket_is_brought_back_once_at_any_till(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    parked = ok(
        store.post(
            f"/api/baskets/{basket['basket_id']}/park", {"version": basket["version"], "note": "blue bag"}
        )
    )
    assert parked["code"] == slip_code("bk", parked["number"], 1)
    assert store.rows("SELECT document FROM print_jobs") == [("parked_slip",)]
    sign_everybody_in(store, device="till-2")

    back = ok(store.post("/api/baskets/recall", {"code": parked["code"]}))

    assert (back["device"], back["state"], back["total_minor"]) == ("till-2", "open", 12_000)
    assert refused(store.post("/api/baskets/recall", {"code": parked["number"]}), 409)["code"] == (
        "basket_not_parked"
    )
    assert ok(store.get("/api/baskets/parked")) == []


def test_a_basket_belongs_to_the_device_it_is_open_at(store: Store) -> None:
    basket = scan(store, begin(store), COAT)
    sign_everybody_in(store, device="till-2")

    error = refused(store.post(f"/api/baskets/{basket['basket_id']}/scan", {"code": MUG}), 409)

    assert error["code"] == "other_device"
    assert ok(store.get(f"/api/baskets/{basket['basket_id']}"))["units"] == 1


def test_recalling_does_not_lose_the_basket_that_is_open_here(store: Store) -> None:
    first = scan(store, begin(store), COAT)
    parked = ok(store.post(f"/api/baskets/{first['basket_id']}/park", {"version": first["version"]}))
    second = scan(store, begin(store), MUG)

    error = refused(store.post("/api/baskets/recall", {"code": parked["code"]}), 409)

    assert (error["code"], error["facts"]["basket_id"]) == ("basket_in_use", second["basket_id"])
    assert ok(store.get(f"/api/baskets/{first['basket_id']}"))["state"] == "parked"


def test_paying_twice_with_one_key_sells_once(store: Store) -> None:
    basket = scan(store, begin(store), MUG)
    body = {
        "key": "p1",
        "version": basket["version"],
        "till": "till-1",
        "tenders": [{"kind": "cash", "amount_minor": 1_000}],
    }
    path = f"/api/baskets/{basket['basket_id']}/pay"
    first = ok(store.post(path, body), 201)

    again = ok(store.post(path, body), 200)

    assert again == first
    assert store.rows("SELECT count(*) FROM orders") == [(1,)]
    assert refused(store.post(path, body | {"key": "p2"}), 409)["code"] == "basket_closed"


def test_an_unpaid_basket_stays_as_it_was(store: Store) -> None:
    basket = scan(store, begin(store), MUG)
    before = store.fingerprint()

    error = refused(
        store.post(
            f"/api/baskets/{basket['basket_id']}/pay",
            {"key": "p1", "version": basket["version"], "till": "till-1", "tenders": []},
        ),
        409,
    )

    assert (error["code"], error["facts"]["rest_minor"]) == ("unpaid_rest", 750)
    assert ok(store.get(f"/api/baskets/{basket['basket_id']}")) == basket
    assert store.fingerprint() == before


def test_an_abandoned_basket_sells_nothing_and_cannot_come_back(store: Store) -> None:
    basket = scan(store, begin(store), MUG)
    path = f"/api/baskets/{basket['basket_id']}"

    gone = ok(store.post(f"{path}/abandon", {"version": basket["version"]}))

    assert gone["state"] == "abandoned"
    assert refused(store.post(f"{path}/scan", {"code": MUG}), 409)["code"] == "basket_closed"
    assert begin(store)["basket_id"] != basket["basket_id"]
