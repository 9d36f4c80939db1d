"""Orders for later at the counter: who keeps them, what is promised, and what a refusal leaves behind."""

import re
from pathlib import Path
from typing import Any

import pytest

from protocol.fulfilment import PromiseClass
from protocol.ids import slip_code
from tests.support.later import (
    ADDRESS,
    CUSTOMER,
    DAY_US,
    HOUR_US,
    AnsweringHub,
    basket_of,
    by_post,
    go_online,
    kinds,
    place,
    sellable,
    traces,
    wanted,
    york,
)
from tests.support.store import START_US, Store, begin_store, ok, refused, sign_everybody_in


def test_what_stands_here_is_set_aside_at_once_and_is_firm_with_the_line_down(store: Store) -> None:
    placed = place(store, "one", ("COAT-M", 2), ("MUG-1", 1))

    assert (placed["own"], placed["provisional"], placed["due_minor"]) == (True, False, 0)
    ready_us = START_US + HOUR_US + 5 * 60_000_000  # a moment after ten, an hour on, to the next five minutes
    assert placed["promise"]["due_us"] == ready_us
    assert placed["promise"]["promise_class"] == PromiseClass.SAME_HOUR
    assert placed["promise"]["keep_until_us"] == ready_us + 7 * DAY_US
    assert placed["promise"]["location"] == "store-1"
    assert re.fullmatch(r"[0-9]{6}", placed["pickup_code"])
    assert (sellable(store, "COAT-M"), sellable(store, "MUG-1")) == (3, 99)
    assert store.rows("SELECT state, origin, due_minor FROM assignments") == [("acknowledged", "own", 0)]
    assert store.rows("SELECT state FROM baskets") == [("paid",)]


def test_the_order_its_money_and_its_slip_come_from_one_unit_of_work(store: Store) -> None:
    before = store.rows("SELECT max(seq) FROM events")[0][0]
    placed = place(store, "one", ("MUG-1", 2))

    assert [kind for kind in kinds(store, before) if kind.startswith("order.")] == [
        "order.placed",
        "order.paid",
    ]
    job = store.rows("SELECT document, business_id FROM print_jobs WHERE job_id = ?", placed["slip_job"])
    assert job == [("order_slip", placed["number"])]


def test_the_same_key_gives_the_first_answer_and_another_body_is_a_conflict(store: Store) -> None:
    body = wanted(basket_of(store, ("MUG-1", 1)), "again")
    first = ok(store.post("/api/later", body), 201)
    before = traces(store)

    assert ok(store.post("/api/later", body), 200) == first
    assert refused(store.post("/api/later", body | {"note": "other"}), 409)["code"] == "key_reused"
    assert traces(store) == before


def test_what_does_not_stand_here_is_refused_for_collection_with_the_other_ways(store: Store) -> None:
    body = wanted(basket_of(store, ("COAT-M", 6)), "many")
    before = traces(store)
    error = refused(store.post("/api/later", body), 409)

    assert error["code"] == "not_here"
    assert error["facts"]["short"] == [{"sku": "COAT-M", "name": "Wool coat M", "wanted": 6, "free": 5}]
    assert error["facts"]["alternatives"] == ["elsewhere", "ship"]
    assert traces(store) == before


def test_units_of_two_lines_of_one_article_are_counted_together(store: Store) -> None:
    basket = basket_of(store, ("COAT-M", 3))
    line = f"/api/baskets/{basket['basket_id']}/lines/1"
    basket = ok(
        store.client.patch(
            line,
            json={"version": basket["version"], "line_discount_percent": 5, "reason": "worn"},
            headers=store.headers(),
        )
    )
    basket = basket_of(store, ("COAT-M", 3))
    assert len(basket["lines"]) == 2

    assert refused(store.post("/api/later", wanted(basket, "two")), 409)["code"] == "not_here"


def test_a_counter_that_reaches_the_hub_promises_what_the_hub_says_and_sets_nothing_aside(
    store: Store,
) -> None:
    hub = go_online(store, AnsweringHub([york()]))
    placed = place(store, "york", ("COAT-M", 1), way="elsewhere", location="store-2")

    assert (placed["own"], placed["provisional"]) == (False, False)
    assert placed["promise"]["location"] == "store-2"
    assert placed["promise"]["due_us"] == york().due_us
    assert hub.asked == [("promise", ("collect", (("COAT-M", 1),), "store-2"))]
    assert sellable(store, "COAT-M") == 5
    assert store.rows("SELECT state, assignment_id FROM later_orders") == [("captured", "")]
    assert store.rows("SELECT location, name FROM later_places") == [("store-2", "York Coney Street")]


def test_what_the_hub_no_longer_offers_is_refused_with_its_sentence(store: Store) -> None:
    hub = go_online(store, AnsweringHub([york()]))
    place(store, "first", ("COAT-M", 1), way="elsewhere", location="store-2")
    hub.options, hub.why_not = (), "York has none left."
    body = wanted(basket_of(store, ("COAT-M", 1)), "york", way="elsewhere", location="store-2")
    before = traces(store)
    error = refused(store.post("/api/later", body), 409)

    assert (error["code"], error["what"]) == ("not_offered", "York has none left.")
    assert traces(store) == before


def test_without_the_hub_collecting_elsewhere_is_provisional_and_only_once_the_customer_was_told(
    store: Store,
) -> None:
    hub = go_online(store, AnsweringHub([york()]))
    place(store, "known", ("COAT-M", 1), way="elsewhere", location="store-2")
    hub.silent = True
    body = wanted(basket_of(store, ("COAT-M", 1)), "dark", way="elsewhere", location="store-2")
    before = traces(store)
    assert refused(store.post("/api/later", body), 409)["code"] == "would_be_provisional"
    assert traces(store) == before
    placed = ok(store.post("/api/later", body | {"provisional": True, "key": "told"}), 201)

    assert (placed["own"], placed["provisional"]) == (False, True)
    assert placed["promise"]["provisional"] is True
    assert len(placed["pickup_code"]) == 6


def test_a_location_that_nobody_has_named_is_refused(store: Store) -> None:
    body = wanted(basket_of(store, ("MUG-1", 1)), "where", way="elsewhere", location="atlantis")
    before = traces(store)
    assert refused(store.post("/api/later", body | {"provisional": True}), 422)["code"] == "unknown_location"
    own = body | {"location": "store-1", "provisional": True, "key": "own"}
    assert refused(store.post("/api/later", own), 422)["code"] == "unknown_location"
    assert traces(store) == before


def test_without_the_hub_this_store_ships_from_its_own_shelf_and_that_is_firm(store: Store) -> None:
    placed = place(store, "ship", ("MUG-1", 2), way="ship")

    assert (placed["own"], placed["provisional"], placed["total_minor"]) == (True, False, 1500 + 395)
    promise = placed["promise"]
    assert (promise["kind"], promise["service"], promise["location"]) == ("ship", "standard", "store-1")
    assert promise["due_us"] == START_US + DAY_US + 8 * HOUR_US
    assert placed["pickup_code"] == ""
    assert sellable(store, "MUG-1") == 98
    line = store.rows(
        "SELECT kind, gross_minor, rate_ppm FROM later_order_lines ORDER BY line_no DESC LIMIT 1"
    )
    assert line == [("shipping", 395, 200_000)]
    assert store.rows("SELECT sku FROM assignment_lines") == [("MUG-1",)]


def test_without_hub_and_stock_shipping_is_provisional(store: Store) -> None:
    body = wanted(basket_of(store, ("COAT-M", 9)), "far", way="ship")
    assert refused(store.post("/api/later", body), 409)["code"] == "would_be_provisional"
    placed = ok(store.post("/api/later", body | {"provisional": True, "key": "told"}), 201)

    assert (placed["own"], placed["provisional"]) == (False, True)
    assert sellable(store, "COAT-M") == 5


def test_with_the_hub_shipping_is_decided_there_even_when_it_stands_here(store: Store) -> None:
    go_online(store, AnsweringHub([by_post()]))
    placed = place(store, "hub", ("MUG-1", 1), way="ship")

    assert (placed["own"], placed["promise"]["due_us"]) == (False, by_post().due_us)
    assert sellable(store, "MUG-1") == 100


def test_a_parcel_keeps_the_day_and_the_price_that_the_hub_said(store: Store) -> None:
    arrives_us = by_post().due_us + 2 * DAY_US
    offer = by_post().model_copy(update={"deliver_us": arrives_us, "price_minor": 7_45})
    hub = go_online(store, AnsweringHub([offer]))
    paid = [{"kind": "cash", "amount_minor": 14_95, "tendered_minor": 14_95}]
    placed = place(store, "hub", ("MUG-1", 1), way="ship", tenders=paid)

    assert (placed["promise"]["deliver_us"], placed["promise"]["price_minor"]) == (arrives_us, 7_45)
    assert placed["total_minor"] == 7_50 + 7_45, "the line costs what was said, not what the settings say"
    assert hub.asked == [("promise", ("ship", (("MUG-1", 1),), ""))]


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"contact": {"first_name": "Ada"}}, 422, "contact_needed"),
        ({"contact": {"phone": "01134960001"}}, 422, "contact_needed"),
        ({"contact_id": "nobody"}, 404, "unknown_contact"),
        ({"contact_id": ""}, 422, "contact_needed"),
        ({"contact": CUSTOMER, "way": "ship"}, 422, "address_needed"),
        ({"contact": CUSTOMER | {"address": ADDRESS | {"city": ""}}, "way": "ship"}, 422, "address_needed"),
        ({"way": "ship", "service": "pigeon"}, 422, "unknown_service"),
        ({"when": "on", "on": "2026-11-24"}, 422, "promise_in_past"),
        ({"when": "on", "on": "2027-11-24"}, 422, "promise_too_far"),
        ({"when": "on", "on": "soon"}, 422, "bad_date"),
        ({"till": "till-2"}, 409, "till_closed"),
        ({"till": "till-9"}, 404, "unknown_till"),
        ({"deposit_minor": 751}, 409, "deposit_too_large"),
        (
            {"deposit_minor": 0, "tenders": [{"kind": "cash", "amount_minor": 5}]},
            409,
            "money_without_deposit",
        ),
        ({"tenders": []}, 409, "unpaid_rest"),
        ({"tenders": [{"kind": "card", "amount_minor": 900}]}, 409, "overpaid_card"),
        ({"version": 99}, 409, "stale_version"),
        ({"basket_id": "none"}, 404, "unknown_basket"),
        ({"approvals": ["nothing"]}, 403, ""),
        ({"way": "fly"}, 422, ""),
        ({"extra": 1}, 422, ""),
    ],
)
def test_a_refused_order_says_why_and_leaves_nothing_behind(
    store: Store, said: dict[str, Any], status: int, code: str
) -> None:
    body = wanted(basket_of(store, ("MUG-1", 1)), "bad", **said)
    before = traces(store)
    error = refused(store.post("/api/later", body), status)

    assert code in {error["code"], ""}
    assert traces(store) == before


def test_a_basket_without_goods_waits_for_nobody(store: Store) -> None:
    body = wanted(basket_of(store, ("ALTER", 1)), "service")

    assert refused(store.post("/api/later", body), 409)["code"] == "no_goods"


def test_a_deposit_below_the_stores_least_is_refused_and_the_least_is_enough(tmp_path: Path) -> None:
    made = begin_store(tmp_path, deposit_percent_min=30)
    with made.client:
        sign_everybody_in(made)
        made.open_till()
        made.stock("MUG-1", 5)
        body = wanted(basket_of(made, ("MUG-1", 1)), "little", deposit_minor=224)
        error = refused(made.post("/api/later", body), 409)
        assert (error["code"], error["facts"]["least_minor"]) == ("deposit_too_small", 225)
        placed = place(made, "least", deposit_minor=225)

    assert (placed["paid_minor"], placed["due_minor"]) == (225, 525)


def test_nothing_is_paid_now_where_no_deposit_is_asked_and_no_till_need_be_open(store: Store) -> None:
    placed = place(store, "later", ("MUG-1", 1), deposit_minor=0, till="till-2")

    assert (placed["paid_minor"], placed["due_minor"]) == (0, 750)
    assert store.rows("SELECT count(*) FROM later_payments") == [(0,)]
    assert store.rows("SELECT due_minor FROM assignments") == [(750,)]


def test_a_discount_above_the_associates_limit_needs_the_same_word_as_in_a_sale(store: Store) -> None:
    basket = basket_of(store, ("MUG-1", 2))
    answer = store.client.put(
        f"/api/baskets/{basket['basket_id']}/discount",
        json={"version": basket["version"], "percent": 20, "reason": "Goodwill",
              "approval": store.approve("lead", "order_discount")},
        headers=store.headers(),
    )  # fmt: skip
    body = wanted(ok(answer), "cheap")
    placed = ok(store.post("/api/later", body), 201)

    assert placed["total_minor"] == 1200
    event = store.rows("SELECT bytes FROM events WHERE kind = 'order.placed'")[0][0]
    assert b'"by":"s-rowe"' in event


def test_a_known_customer_is_found_by_phone_and_by_mail_and_named_by_id_alone_in_the_event(
    store: Store,
) -> None:
    first = place(store, "first", ("MUG-1", 1))
    again = place(store, "again", ("MUG-1", 1), contact_id=first["contact_id"])

    by_phone = ok(store.get("/api/later", q="496 0001"))
    by_mail = ok(store.get("/api/later", q="ADA@example.org"))
    by_slip = ok(store.get("/api/later", q=slip_code("po", again["number"], 1)))
    assert (
        [head["number"] for head in by_phone]
        == [again["number"], first["number"]]
        == [head["number"] for head in by_mail]
    )
    assert [head["number"] for head in by_slip] == [again["number"]]
    for (data,) in store.rows("SELECT bytes FROM events"):
        assert b"Byron" not in data
        assert b"496 0001" not in data


def test_the_hub_says_where_else_an_article_is_or_that_it_cannot_be_reached(store: Store) -> None:
    assert refused(store.get("/api/later/stock/COAT-M"), 503)["code"] == "hub_not_reachable"
    hub = go_online(store, AnsweringHub())
    assert ok(store.get("/api/later/stock/COAT-M")) == {"sku": "COAT-M", "locations": []}
    hub.silent = True
    assert refused(store.get("/api/later/stock/COAT-M"), 503)["code"] == "hub_not_reachable"


@pytest.mark.parametrize("path", ["", "/LB1-00001", "/stock/MUG-1"])
def test_nobody_sees_an_order_without_signing_in(store: Store, path: str) -> None:
    assert store.client.get(f"/api/later{path}").status_code == 401
