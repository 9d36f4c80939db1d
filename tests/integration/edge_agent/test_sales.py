import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.store import Store, ok, refused, sale


def test_a_sale_moves_stock_money_and_paper_in_one_go(store: Store) -> None:
    sold = ok(
        store.post("/api/sales", sale("k1", ("COAT-M", 1), ("MUG-1", 2), ("ALTER", 1), cash_minor=20_000)),
        201,
    )

    assert (sold["number"], sold["total_minor"], sold["tax_minor"]) == ("LB1-00001", 15_000, 2_500)
    assert sold["change_minor"] == 5_000
    assert store.rows("SELECT sku, quantity FROM balances WHERE sku IN ('COAT-M', 'MUG-1', 'ALTER')") == [
        ("COAT-M", 4),
        ("MUG-1", 98),
    ]
    assert store.rows("SELECT kind, amount_minor, tendered_minor FROM order_tenders") == [
        ("cash", 15_000, 20_000)
    ]
    assert store.rows("SELECT job_id, document, kick FROM print_jobs") == [
        (sold["receipt_job"], "receipt", 1)
    ]
    assert store.rows("SELECT kind, seq FROM events ORDER BY seq DESC LIMIT 1") == [
        ("order.sold", sold["seq"])
    ]


def test_the_same_key_again_gives_the_first_answer_and_sells_nothing(store: Store) -> None:
    first = ok(store.post("/api/sales", sale("k1", ("MUG-1", 1), cash_minor=750)), 201)
    before = store.fingerprint()

    again = ok(store.post("/api/sales", sale("k1", ("MUG-1", 1), cash_minor=750)), 200)

    assert again == first
    assert store.fingerprint() == before


def test_the_same_key_for_another_sale_is_a_conflict(store: Store) -> None:
    ok(store.post("/api/sales", sale("k1", ("MUG-1", 1), cash_minor=750)), 201)
    before = store.fingerprint()

    error = refused(store.post("/api/sales", sale("k1", ("MUG-1", 2), cash_minor=1500)), 409)

    assert error["code"] == "key_reused"
    assert store.fingerprint() == before


def card(amount_minor: int) -> dict[str, Any]:
    return {"kind": "card", "amount_minor": amount_minor, "reference": "T1", "last4": "4242"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (sale("r", ("NOPE", 1), cash_minor=100), 404, "unknown_sku"),
        (sale("r", ("OLD-1", 1), cash_minor=3000), 409, "product_inactive"),
        (sale("r", ("MUG-1", 1), cash_minor=749), 409, "unpaid_rest"),
        (sale("r", ("MUG-1", 1)), 409, "unpaid_rest"),
        (sale("r", ("MUG-1", 1), tenders=[card(751)]), 409, "overpaid_card"),
        (sale("r", ("MUG-1", 1), cash_minor=750, till="till-2"), 409, "till_closed"),
        (sale("r", ("MUG-1", 1), cash_minor=750, till="till-9"), 404, "unknown_till"),
        (sale("r", ("MUG-1", 0), cash_minor=750), 422, "invalid_field"),
        (sale("r", ("MUG-1", -1), cash_minor=750), 422, "invalid_field"),
        (sale("r", ("MUG-1", 10**30), cash_minor=750), 422, "invalid_field"),
        (sale("r", cash_minor=750), 422, "invalid_field"),
        (
            {
                "key": "r",
                "till": "till-1",
                "lines": [{"sku": "MUG-1", "quantity": 1_000_000, "unit_price_minor": 10**12}],
                "tenders": [{"kind": "cash", "amount_minor": 10**12}],
            },
            422,
            "amount_too_large",
        ),
        (sale("r", ("MUG-1", 1), cash_minor=750, order_discount_minor=751), 422, "bad_order_discount"),
        (sale("r", ("MUG-1", 1), cash_minor=750, surprise=1), 422, "invalid_field"),
        (sale("r", ("MUG-1", 1), cash_minor=750, approvals=["made-up"]), 403, "bad_approval"),
    ],
)
def test_a_refused_sale_changes_nothing_at_all(
    store: Store, body: dict[str, Any], status: int, code: str
) -> None:
    before = store.fingerprint()

    error = refused(store.post("/api/sales", body), status)

    assert error["code"] == code
    assert error["what"]
    assert error["remedy"]
    assert store.fingerprint() == before


def test_nobody_who_is_not_signed_in_sells_anything(store: Store) -> None:
    before = store.fingerprint()

    error = refused(store.client.post("/api/sales", json=sale("k", ("MUG-1", 1), cash_minor=750)), 401)

    assert error["code"] == "not_signed_in"
    assert store.fingerprint() == before


def test_a_sale_is_split_over_a_card_and_cash_with_change(store: Store) -> None:
    body = sale("k", ("COAT-M", 1), tenders=[card(10_000), {"kind": "cash", "amount_minor": 5_000}])

    sold = ok(store.post("/api/sales", body), 201)

    assert sold["change_minor"] == 3_000
    assert store.rows("SELECT kind, amount_minor, tendered_minor, last4 FROM order_tenders ORDER BY n") == [
        ("card", 10_000, 0, "4242"),
        ("cash", 2_000, 5_000, ""),
    ]


def test_a_price_finer_than_a_penny_is_rounded_once_over_its_quantity(store: Store) -> None:
    lines = [{"sku": "MUG-1", "quantity": 12, "unit_price_exact": "0.125"}]
    body = sale("k", tenders=[card(150)]) | {"lines": lines}

    sold = ok(store.post("/api/sales", body, role="manager"), 201)

    assert sold["total_minor"] == 150


def test_a_discount_above_ones_limit_needs_a_lead_and_names_them_in_the_event(store: Store) -> None:
    lines = [{"sku": "COAT-M", "quantity": 1, "line_discount_minor": 2_400, "reason": "mark"}]
    body = sale("k", tenders=[card(9_600)]) | {"lines": lines}
    before = store.fingerprint()
    error = refused(store.post("/api/sales", body), 403)
    assert (error["code"], error["facts"]["role"], error["facts"]["action"]) == (
        "needs_approval",
        "lead",
        "line_discount",
    )
    assert store.fingerprint() == before

    token = store.approve("lead", "line_discount", reason="scratched")
    ok(store.post("/api/sales", body | {"approvals": [token]}), 201)

    event = store.rows("SELECT bytes FROM events WHERE kind = 'order.sold'")[0][0]
    assert b'"approvals":[{"action":"line_discount","by":"s-rowe","reason":"scratched"}]' in event


def test_an_approval_is_used_once_and_only_for_what_it_was_given(store: Store) -> None:
    lines = [{"sku": "COAT-M", "quantity": 1, "line_discount_minor": 2_400}]
    body = sale("k1", tenders=[card(9_600)]) | {"lines": lines}
    wrong = store.approve("lead", "price_override")
    assert refused(store.post("/api/sales", body | {"approvals": [wrong]}), 403)["code"] == "needs_approval"
    token = store.approve("lead", "line_discount")
    ok(store.post("/api/sales", body | {"approvals": [token]}), 201)
    before = store.fingerprint()

    error = refused(store.post("/api/sales", body | {"key": "k2", "approvals": [token]}), 403)

    assert error["code"] == "bad_approval"
    assert store.fingerprint() == before


def test_a_refused_sale_gives_the_approval_back(store: Store) -> None:
    lines = [{"sku": "COAT-M", "quantity": 1, "line_discount_minor": 2_400}]
    token = store.approve("lead", "line_discount")
    short = sale("k1", tenders=[card(1)]) | {"lines": lines, "approvals": [token]}
    assert refused(store.post("/api/sales", short), 409)["code"] == "unpaid_rest"

    ok(store.post("/api/sales", short | {"tenders": [card(9_600)]}), 201)


def test_goods_in_hand_beyond_the_stock_are_sold_and_reported_once(store: Store) -> None:
    ok(store.post("/api/sales", sale("k1", ("COAT-M", 6), tenders=[card(72_000)])), 201)
    ok(store.post("/api/sales", sale("k2", ("COAT-M", 1), tenders=[card(12_000)])), 201)

    assert ok(store.get("/api/stock/COAT-M"))["sellable"] == -2
    assert store.rows("SELECT kind, subject, dedupe_key FROM exceptions") == [
        ("stock_oversold", "sku:COAT-M", "stock_oversold:COAT-M")
    ]


def test_a_strict_store_asks_a_lead_before_it_sells_beyond_its_stock(strict_store: Store) -> None:
    body = sale("k1", ("COAT-M", 6), tenders=[card(72_000)])
    before = strict_store.fingerprint()
    error = refused(strict_store.post("/api/sales", body), 409)
    assert (error["code"], error["facts"]["sellable"], error["facts"]["wanted"]) == ("out_of_stock", 5, 6)
    assert strict_store.fingerprint() == before

    token = strict_store.approve("lead", "sell_beyond_stock")
    ok(strict_store.post("/api/sales", body | {"approvals": [token]}), 201)

    assert ok(strict_store.get("/api/stock/COAT-M"))["sellable"] == -1


def test_sixteen_tills_at_once_sell_exactly_the_units_there_are(strict_store: Store) -> None:
    def one(n: int) -> int:
        answer = strict_store.post("/api/sales", sale(f"k{n}", ("COAT-M", 1), tenders=[card(12_000)]))
        return int(answer.status_code)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(40)))

    assert (answers.count(201), answers.count(409)) == (5, 35)
    assert ok(strict_store.get("/api/stock/COAT-M"))["sellable"] == 0
    assert strict_store.rows("SELECT count(DISTINCT number), count(*) FROM orders") == [(5, 5)]


def test_cash_is_rounded_to_the_coins_there_are_and_a_card_is_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from tests.support.store import begin_store, sign_everybody_in

    store = begin_store(tmp_path_factory.mktemp("step"), cash_step_minor=5)
    with store.client:
        sign_everybody_in(store)
        store.open_till()
        cash = ok(store.post("/api/sales", sale("k1", ("BOOK-1", 1), cash_minor=1_000)), 201)
        by_card = ok(store.post("/api/sales", sale("k2", ("BOOK-1", 1), tenders=[card(999)])), 201)

    assert (cash["change_minor"], cash["rounding_minor"], by_card["rounding_minor"]) == (0, -1, 0)


def test_orders_are_found_by_number_by_its_end_and_by_the_receipts_code(store: Store) -> None:
    sold = ok(store.post("/api/sales", sale("k1", ("MUG-1", 1), cash_minor=750, customer_id="C-7")), 201)
    number = sold["number"]

    found = ok(store.get(f"/api/orders/{number}"))

    assert found["head"]["total_minor"] == 750
    assert found["lines"][0]["returned"] == 0
    for text in (number, "00001", "C-7", number.lower()):
        assert [order["number"] for order in ok(store.get("/api/orders", q=text))] == [number]
    assert refused(store.get("/api/orders/LB1-99999"), 404)["code"] == "unknown_order"


def test_a_card_that_was_taken_without_a_line_is_told_as_one_and_cash_never_is(store: Store) -> None:
    offline = {**card(650), "offline": True}
    cash = {"kind": "cash", "amount_minor": 100, "offline": True}
    wanted = sale("k1", ("MUG-1", 1))
    ok(store.post("/api/sales", {**wanted, "tenders": [offline, cash]}), 201)

    ((data,),) = store.rows("SELECT bytes FROM events WHERE kind = 'order.sold'")
    tenders = json.loads(data)["body"]["tenders"]
    assert [(each["kind"], each.get("offline", False)) for each in tenders] == [
        ("card", True),
        ("cash", False),
    ]
