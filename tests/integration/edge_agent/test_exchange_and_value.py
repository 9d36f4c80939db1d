"""Exchanges, store credit and gift cards through the screens of a store, and what they leave behind."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from edge_agent.stored_value import rows as value_rows
from protocol.returns import Condition, NoReceipt, ReturnPolicy
from tests.support.store import PINS, Store, ok, refused, sale

HX = {"HX-Request": "true"}


@pytest.fixture
def seat(store: Store) -> Iterator[TestClient]:
    """Return a browser in which the associate is signed in at till 1."""
    who = {"person_id": "b-hale", "pin": PINS["associate"], "till": "till-1", "next": "/sell"}
    answer = store.client.post("/sign-in", data=who, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    yield store.client
    store.client.cookies.clear()


def csrf(seat: TestClient) -> str:
    return seat.get("/sell").text.split('"X-CSRF-Token":"')[1].split('"')[0]


def post(seat: TestClient, path: str, **data: Any) -> Any:
    fields = {name.replace("__", "-"): str(value) for name, value in data.items()}
    return seat.post(path, data=fields, headers=HX | {"X-CSRF-Token": csrf(seat)})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def bodies(store: Store, kind: str) -> list[dict[str, Any]]:
    found = store.rows("SELECT bytes FROM events WHERE kind = ? ORDER BY seq", kind)
    return [json.loads(row[0])["body"] for row in found]


def sold(store: Store, key: str, *lines: tuple[str, int]) -> str:
    body = ok(store.post("/api/sales", sale(key, *lines, cash_minor=100_000)), 201)
    return str(body["number"])


def basket_with(seat: TestClient, code: str) -> None:
    answer = post(seat, "/sell/scan", code=code)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("legs", "says", "due", "rest"),
    [
        (("MUG-1", "9783161484100"), "To pay", 249, 0),
        (("BOOK-1", "4006381333931"), "To give back", 0, 249),
        (("MUG-1", "4006381333931"), "Nobody pays anything", 0, 0),
    ],
)
def test_what_comes_back_pays_for_the_basket_and_the_clearing_ends_at_zero(  # noqa: PLR0917 - a table
    store: Store, seat: TestClient, legs: tuple[str, str], says: str, due: int, rest: int
) -> None:
    bought, wanted = legs
    number = sold(store, "s-1", (bought, 1))
    basket_with(seat, wanted)
    chosen = {"units__1": 1, "refund": "exchange"}

    shown = post(seat, f"/orders/{number}/return/preview", **chosen)
    assert says in shown.text
    fields = {name: hidden(shown.text, name) for name in ("key", "basket", "version", "due")}
    done = post(seat, f"/orders/{number}/return", **chosen, **fields, pay="cash")

    assert done.status_code == 200, done.text
    assert "Sold for it" in done.text
    [back] = bodies(store, "return.completed")
    fresh = bodies(store, "order.sold")[-1]
    [swapped] = [t for t in back["refunds"] if t["kind"] == "exchange"]
    [paying] = [t for t in fresh["tenders"] if t["kind"] == "exchange"]
    assert swapped == paying
    assert sum(t["amount_minor"] for t in fresh["tenders"] if t["kind"] == "cash") == due
    assert sum(t["amount_minor"] for t in back["refunds"] if t["kind"] == "cash") == rest
    assert "Scan the first item" in seat.get("/sell").text or "Sold" in seat.get("/sell").text
    totals = json.loads(store.rows("SELECT totals FROM till_sessions")[0][0])
    worth = {"MUG-1": 750, "BOOK-1": 999}
    assert totals["cash_minor"] == worth[bought] + due - rest


def test_an_exchange_whose_sale_is_refused_takes_nothing_back(store: Store, seat: TestClient) -> None:
    number = sold(store, "s-1", ("MUG-1", 1))
    basket_with(seat, "9783161484100")
    chosen = {"units__1": 1, "refund": "exchange"}
    shown = post(seat, f"/orders/{number}/return/preview", **chosen)
    fields = {name: hidden(shown.text, name) for name in ("key", "basket", "version")}
    before = store.fingerprint()

    answer = post(seat, f"/orders/{number}/return", **chosen, **fields, due=0)

    assert "2.49 of this sale are not paid." in answer.text
    assert store.fingerprint() == before


@pytest.mark.parametrize("wrong", [{"due": -5}, {"due": 249, "pay": "card", "last4": "12a"}])
def test_an_exchange_whose_money_cannot_be_read_is_refused_in_words_and_takes_nothing_back(
    store: Store, seat: TestClient, wrong: dict[str, Any]
) -> None:
    number = sold(store, "s-1", ("MUG-1", 1))
    basket_with(seat, "9783161484100")
    chosen = {"units__1": 1, "refund": "exchange"}
    shown = post(seat, f"/orders/{number}/return/preview", **chosen)
    fields = {name: hidden(shown.text, name) for name in ("key", "basket", "version")}
    before = store.fingerprint()

    answer = post(seat, f"/orders/{number}/return", **chosen, **fields, **wrong)

    assert "cannot be used" in answer.text
    assert store.fingerprint() == before


def test_store_credit_is_spent_at_the_till_and_no_more_than_is_on_it(store: Store, seat: TestClient) -> None:
    number = sold(store, "s-1", ("BOOK-1", 1))
    post(seat, f"/orders/{number}/return", units__1=1, refund="store_credit", key="r-1")
    credit = bodies(store, "return.completed")[0]["refunds"][0]["reference"]
    basket_with(seat, "9783161484100")
    basket_with(seat, "9783161484100")
    page = seat.get("/sell/pay?by=split").text

    taken = post(
        seat,
        "/sell/pay",
        by="split",
        kind="value",
        number=credit.lower(),
        basket=hidden(page, "basket"),
        version=hidden(page, "version"),
        key="p-1",
    )

    assert taken.headers["HX-Redirect"].startswith("/sell/pay?by=split&taken=store_credit%3A999%3A%3A")
    rest = seat.get(taken.headers["HX-Redirect"]).text
    assert "Store credit" in rest
    paid = post(
        seat,
        "/sell/pay",
        by="split",
        kind="card",
        got="9.99",
        taken=hidden(rest, "taken"),
        basket=hidden(rest, "basket"),
        version=hidden(rest, "version"),
        key="p-2",
    )
    assert paid.headers["HX-Redirect"].startswith("/sell?sold=")
    assert store.rows("SELECT balance_minor FROM stored_value") == [(0,)]
    again = sale("s-2", ("BOOK-1", 1)) | {
        "tenders": [{"kind": "store_credit", "amount_minor": 999, "reference": credit}]
    }
    assert refused(store.post("/api/sales", again), 409)["code"] == "too_little_value"


@pytest.mark.parametrize(
    ("tender", "code"),
    [
        ({"kind": "exchange", "reference": "x-1"}, "not_a_tender"),
        ({"kind": "gift_card", "reference": "LB1-G00001-7F3A09C2"}, "unknown_value"),
        ({"kind": "gift_card", "reference": "YK1-S00001-7F3A09C2"}, "unknown_value"),
        ({"kind": "store_credit", "reference": ""}, "unknown_value"),
    ],
)
def test_a_number_that_nobody_can_know_pays_for_nothing(
    store: Store, tender: dict[str, str], code: str
) -> None:
    before = store.fingerprint()

    body = sale("s-1", ("BOOK-1", 1)) | {"tenders": [tender | {"amount_minor": 999}]}

    assert refused(store.post("/api/sales", body), 409)["code"] == code
    assert store.fingerprint() == before


def test_without_a_line_another_stores_number_is_taken_up_to_the_limit_and_shown(
    store: Store, seat: TestClient
) -> None:
    number = "YK1-G00007-7F3A09C2"
    mug = {"kind": "gift_card", "reference": number, "amount_minor": 4_995}
    large = {"kind": "gift_card", "reference": number, "amount_minor": 999}

    ok(store.post("/api/sales", sale("s-1", ("BOOK-1", 5)) | {"tenders": [mug]}), 201)
    more = refused(store.post("/api/sales", sale("s-2", ("BOOK-1", 1)) | {"tenders": [large]}), 409)

    assert more["code"] == "too_little_value"
    assert more["facts"]["left_minor"] == 5
    page = seat.get("/sell/value").text
    assert "£49.95 were taken here from numbers of other stores." in page
    assert "from another store" in page


def test_the_hubs_word_counts_while_it_is_fresh_and_what_was_spent_since_is_off_it(store: Store) -> None:
    number = "YK1-G00007-7F3A09C2"
    at_us = store.edge.clock.now_us()
    store.edge.database.write(lambda unit: value_rows.note_told(unit, number, "gift_card", 20_000, at_us))
    body = {"kind": "gift_card", "reference": number}

    ok(
        store.post("/api/sales", sale("s-1", ("COAT-M", 1)) | {"tenders": [body | {"amount_minor": 12_000}]}),
        201,
    )
    short = sale("s-2", ("COAT-M", 1)) | {"tenders": [body | {"amount_minor": 12_000}]}

    assert refused(store.post("/api/sales", short), 409)["facts"]["left_minor"] == 8_000
    known = value_rows.find(store.edge.database.read(), number, at_us + 10**9)
    assert known is not None
    assert (known.told_minor, known.balance_minor, known.issued_here) == (None, -12_000, False)


def test_a_gift_card_is_sold_printed_and_no_sale(store: Store, seat: TestClient) -> None:
    done = post(seat, "/sell/value", amount="25.00", kind="cash", key="g-1")
    wrong = post(seat, "/sell/value", amount="2500.00", kind="cash", key="g-2")
    odd = post(seat, "/sell/value", amount="5.00", kind="exchange", key="g-3")

    [card] = bodies(store, "gift_card.sold")
    assert card["number"] in done.text
    assert (wrong.status_code, odd.status_code) == (422, 422)
    assert store.rows("SELECT balance_minor, issued_here FROM stored_value") == [(2_500, 1)]
    assert store.rows("SELECT document, kick FROM print_jobs") == [("value_slip", 1)]
    totals = json.loads(store.rows("SELECT totals FROM till_sessions")[0][0])
    assert (totals["sales"], totals["gift_cards_minor"], totals["cash_minor"]) == (0, 2_500, 2_500)
    looked = seat.get(f"/sell/value?q={card['number']}").text
    assert "£25.00" in looked


def test_an_override_asks_somebody_else_in_place_and_wants_their_reason(
    store: Store, seat: TestClient
) -> None:
    number = sold(store, "s-1", ("BOOK-1", 2))
    body = ReturnPolicy(version=1, approval_over_minor=100, reject_conditions=(Condition.ALTERED,))
    store.edge.database.write(
        lambda unit: unit.connection.execute(
            "INSERT INTO return_policy VALUES (1, 1, ?, 0)", (body.model_dump_json(),)
        )
    )
    shown = post(seat, f"/orders/{number}/return/preview", units__1=1, condition__1="altered")
    assert "In this condition it does not come back." in shown.text

    asked = post(seat, f"/orders/{number}/return", units__1=1, key="r-1")
    assert "Why is it allowed?" in asked.text
    assert "S. Rowe" in asked.text
    done = post(
        seat,
        f"/orders/{number}/return",
        units__1=1,
        key="r-1",
        approve_action="return_override",
        approve_role="lead",
        approver="s-rowe",
        approver_pin=PINS["lead"],
        approve_reason="Torn at the till",
    )

    assert done.status_code == 200, done.text
    override = bodies(store, "return.completed")[0]["decision"]["override"]
    assert override == {"by": "s-rowe", "role": "lead", "reason": "Torn at the till", "codes": ["APPROVAL"]}


def test_the_returns_box_is_worked_by_scanning(store: Store, seat: TestClient) -> None:
    number = sold(store, "s-1", ("BOOK-1", 2))
    post(seat, f"/orders/{number}/return", units__1=2, reason__1="other", key="r-1")
    scanned = post(seat, "/stock/decide/scan", code="9783161484100")
    unknown = post(seat, "/stock/decide/scan", code="0000")

    assert scanned.headers["HX-Redirect"] == "/stock/decide?sku=BOOK-1"
    assert "No article has the code 0000." in unknown.text
    page = seat.get("/stock/decide?sku=BOOK-1").text
    assert "2 × To be inspected" in page
    fields = {"sku": "BOOK-1", "bucket": "returns", "units": 1, "key": hidden(page, "key")}
    done = post(seat, "/stock/decide", **fields, disposition="restock")
    costly = post(seat, "/stock/decide", **fields | {"key": "d-2"}, disposition="liquidate", worth="1.00")
    blank = post(seat, "/stock/decide", **fields | {"key": "d-3"}, disposition="liquidate")

    assert "LB1-D00001: 1 unit decided." in done.text
    assert "Sell off cheap needs somebody&#39;s word" in costly.text
    assert (blank.status_code, "What does it still bring?" in blank.text) == (422, True)
    assert "1 × To be inspected" in seat.get("/stock/decide").text


def allow_without_proof(store: Store) -> None:
    body = ReturnPolicy(version=1, no_receipt=NoReceipt(max_amount_minor=5_000, max_count_90d=3))
    store.edge.database.write(
        lambda unit: unit.connection.execute(
            "INSERT INTO return_policy VALUES (1, 1, ?, 0)", (body.model_dump_json(),)
        )
    )


def test_something_without_a_receipt_is_scanned_looked_at_and_taken_back(
    store: Store, seat: TestClient
) -> None:
    allow_without_proof(store)
    fields = {"code": "9783161484100", "units": 2, "reason": "other", "key": "n-1"}

    shown = post(seat, "/returns/no-receipt/preview", **fields)
    unknown = post(seat, "/returns/no-receipt/preview", **fields | {"code": "nothing"})
    done = post(seat, "/returns/no-receipt", **fields)

    assert "Without proof up to £50.00 comes back, as store credit." in shown.text
    assert "£19.98" in shown.text
    assert (unknown.status_code, "No article has the code nothing." in unknown.text) == (422, True)
    assert "LB1-S00001-" in done.text
    assert store.rows("SELECT quantity FROM balances WHERE bucket = 'returns'") == [(2,)]


def test_a_program_exchanges_once_however_often_it_asks(store: Store) -> None:
    number = sold(store, "s-1", ("BOOK-1", 1))
    basket = ok(store.post("/api/baskets", {"till": "till-1"}))
    path = f"/api/baskets/{basket['basket_id']}/scan"
    seen = ok(store.post(path, {"code": "4006381333931", "quantity": 1, "scan_id": "x"}))["basket"]
    wanted = {
        "key": "e-1",
        "lines": [{"line_no": 1, "quantity": 1}],
        "basket_id": seen["basket_id"],
        "version": seen["version"],
    }

    done = ok(store.post(f"/api/orders/{number}/exchanges", wanted), 201)
    again = ok(store.post(f"/api/orders/{number}/exchanges", wanted))

    assert done == again
    assert done["exchanged_minor"] == done["sold"]["total_minor"] == 750
    assert [refund["kind"] for refund in done["returned"]["refunds"]] == ["exchange", "cash"]
    assert len(bodies(store, "return.completed")) == len(bodies(store, "order.sold")) - 1 == 1


def test_a_program_takes_nothing_back_without_proof_unless_the_policy_lets_it(store: Store) -> None:
    wanted = {"key": "n-1", "sku": "MUG-1"}
    before = store.fingerprint()

    error = refused(store.post("/api/returns/no-receipt", wanted), 403)

    assert (error["code"], store.fingerprint()) == ("needs_approval", before)
    allow_without_proof(store)
    done = ok(store.post("/api/returns/no-receipt", wanted), 201)
    assert ok(store.post("/api/returns/no-receipt", wanted)) == done
    assert [(refund["kind"], refund["amount_minor"]) for refund in done["refunds"]] == [("store_credit", 750)]


def test_what_was_got_in_an_exchange_comes_back_for_store_credit_and_is_not_voided(store: Store) -> None:
    number = sold(store, "s-1", ("BOOK-1", 1))
    basket = ok(store.post("/api/baskets", {"till": "till-1"}))
    path = f"/api/baskets/{basket['basket_id']}/scan"
    ok(store.post(path, {"code": "4006381333931", "quantity": 1, "scan_id": "x-1"}))
    seen = ok(store.post(path, {"code": "9783161484100", "quantity": 1, "scan_id": "x-2"}))["basket"]
    wanted = {
        "key": "e-1",
        "lines": [{"line_no": 1, "quantity": 1}],
        "basket_id": seen["basket_id"],
        "version": seen["version"],
        "tenders": [{"kind": "cash", "amount_minor": 750, "tendered_minor": 750}],
    }
    swapped = ok(store.post(f"/api/orders/{number}/exchanges", wanted), 201)["sold"]["number"]

    void = {"key": "v-1", "reason": "wrong", "approval": store.approve("manager", "post_void")}
    assert refused(store.post(f"/api/orders/{swapped}/void", void), 409)["code"] == "cannot_void"
    back: dict[str, int] = {}
    for line_no in (1, 2):
        one = {"key": f"r-{line_no}", "lines": [{"line_no": line_no, "quantity": 1}]}
        for refund in ok(store.post(f"/api/orders/{swapped}/returns", one), 201)["refunds"]:
            assert refund["reference"] or refund["kind"] == "cash"
            back[refund["kind"]] = back.get(refund["kind"], 0) + refund["amount_minor"]

    assert back == {"store_credit": 999, "cash": 750}
