"""The money of orders for later: rests, cancellations, refunds, the till's day, and the tables made anew."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.paper import rows as paper
from edge_agent.paper.slips import Slips
from edge_agent.rebuild import rebuild
from edge_agent.till import rows as till_rows
from printing.document import Kick, Row, Text
from protocol.directives import OrderSettled
from protocol.fulfilment import FulfilKind, Promise
from tests.support.fulfilment import Desk
from tests.support.later import (
    CUSTOMER,
    HOUR_US,
    AnsweringHub,
    go_online,
    kinds,
    place,
    sellable,
    traces,
    york,
)
from tests.support.store import START_US, Store, begin_store, ok, refused, sign_everybody_in


def pay(store: Store, number: str, key: str, **said: Any) -> Any:
    """Ask for money to be taken."""
    body = {"key": key, "till": "till-1", "tenders": [{"kind": "cash", "amount_minor": 10_000}]} | said
    return store.post(f"/api/later/{number}/payments", body)


def cancel(store: Store, number: str, key: str, role: str = "manager", **said: Any) -> Any:
    """Ask for an order to be cancelled."""
    body = {"key": key, "reason": "Changed their mind"} | said
    return store.post(f"/api/later/{number}/cancel", body, role=role)


def totals(store: Store) -> dict[str, Any]:
    """Return what the first till adds up to, checked against its own log."""
    connection = store.edge.database.read()
    session = till_rows.open_session(connection, "till-1")
    assert session is not None
    assert session.totals == till_rows.recomputed(connection, session)
    return session.totals.model_dump()


def test_the_rest_is_taken_at_any_till_and_gives_change(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 2), deposit_minor=500)
    store.open_till("till-2")
    paid = ok(pay(store, placed["number"], "rest", till="till-2",
                  tenders=[{"kind": "cash", "amount_minor": 1000, "tendered_minor": 2000}]), 201)  # fmt: skip

    assert (paid["amount_minor"], paid["due_minor"], paid["change_minor"]) == (1000, 0, 1000)
    assert store.rows("SELECT paid_minor FROM later_orders") == [(1500,)]
    assert store.rows("SELECT due_minor FROM assignments") == [(0,)]
    job = store.rows("SELECT document, kick FROM print_jobs WHERE job_id = ?", paid["slip_job"])
    assert job == [("payment_slip", 1)]


def test_a_part_of_the_rest_leaves_the_other_part_due(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 2), deposit_minor=0)
    card = [{"kind": "card", "amount_minor": 400}]

    assert ok(pay(store, placed["number"], "part", amount_minor=400, tenders=card), 201)["due_minor"] == 1100


def test_a_repeated_payment_takes_the_money_once(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 2), deposit_minor=500)
    first = ok(pay(store, placed["number"], "rest"), 201)
    before = traces(store)

    assert ok(pay(store, placed["number"], "rest"), 200) == first
    assert traces(store) == before


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"amount_minor": 1001}, 409, "overpaid"),
        ({"amount_minor": 0}, 409, "nothing_paid"),
        ({"till": "till-2"}, 409, "till_closed"),
        ({"tenders": [{"kind": "cash", "amount_minor": 999}]}, 409, "unpaid_rest"),
        ({"tenders": [{"kind": "card", "amount_minor": 1001}]}, 409, "overpaid_card"),
        ({"tenders": []}, 422, ""),
    ],
)
def test_a_refused_payment_says_why_and_changes_nothing(
    store: Store, said: dict[str, Any], status: int, code: str
) -> None:
    placed = place(store, "one", ("MUG-1", 2), deposit_minor=500)
    before = traces(store)
    error = refused(pay(store, placed["number"], "bad", **said), status)

    assert code in {error["code"], ""}
    assert traces(store) == before


def test_nothing_more_is_taken_for_what_is_paid_or_over_or_unknown(store: Store) -> None:
    paid = place(store, "paid", ("MUG-1", 1))
    over = place(store, "over", ("MUG-1", 1), deposit_minor=100)
    ok(cancel(store, over["number"], "gone"), 201)

    assert refused(pay(store, paid["number"], "a"), 409)["code"] == "nothing_due"
    assert refused(pay(store, over["number"], "b"), 409)["code"] == "order_over"
    assert refused(pay(store, "LB1-99999", "c"), 404)["code"] == "unknown_order"


def test_cash_too_small_for_any_coin_is_rounding_and_the_order_is_paid(tmp_path: Path) -> None:
    made = begin_store(tmp_path, cash_step_minor=5)
    with made.client:
        sign_everybody_in(made)
        made.open_till()
        made.stock("BOOK-1", 5)
        placed = place(made, "one", ("BOOK-1", 1), deposit_minor=997)
        paid = ok(pay(made, placed["number"], "rest", tenders=[{"kind": "cash", "amount_minor": 2}]), 201)

        assert (paid["amount_minor"], paid["rounding_minor"], paid["due_minor"]) == (2, 2, 0)
        assert totals(made)["payments_minor"] == 999


def test_a_whole_cancellation_gives_up_what_was_set_aside_and_pays_back_the_way_it_came(store: Store) -> None:
    placed = place(store, "one", ("COAT-M", 2), ("MUG-1", 1), deposit_minor=5000)
    ok(pay(store, placed["number"], "rest", tenders=[{"kind": "cash", "amount_minor": 50_000}]), 201)
    before = store.rows("SELECT max(seq) FROM events")[0][0]
    done = ok(cancel(store, placed["number"], "gone"), 201)

    assert done["state"] == "cancelled"
    assert done["refund_minor"] == 24_750
    assert [(each["kind"], each["amount_minor"]) for each in done["refunds"]] == [
        ("card", 5000),
        ("cash", 19_750),
    ]
    assert kinds(store, before)[:2] == ["order.cancelled", "assignment.cancelled"]
    assert "order.refunded" in kinds(store, before)
    assert (sellable(store, "COAT-M"), sellable(store, "MUG-1")) == (5, 100)
    assert store.rows("SELECT refunded_minor, cancelled_minor FROM later_orders") == [(24_750, 24_750)]
    assert store.rows("SELECT refunded_minor FROM later_tenders WHERE kind = 'card'")[0] == (5000,)


def test_cancelled_units_give_back_only_what_was_paid_beyond_the_rest(store: Store) -> None:
    placed = place(store, "one", ("COAT-M", 2), ("MUG-1", 2), deposit_minor=20_000)
    preview = ok(store.post(f"/api/later/{placed['number']}/cancel/preview",
                            {"lines": [{"line_no": 1, "quantity": 1}]}))  # fmt: skip
    assert (preview["worth_minor"], preview["refund_minor"], preview["due_minor"]) == (12_000, 6_500, 0)
    done = ok(cancel(store, placed["number"], "some", lines=[{"line_no": 1, "quantity": 1}]), 201)

    assert (done["state"], done["refund_minor"], done["due_minor"]) == ("routed", 6_500, 0)
    assert sellable(store, "COAT-M") == 4
    assert store.rows("SELECT state FROM assignments") == [("acknowledged",)]
    assert store.rows("SELECT line_no, bound FROM assignment_lines ORDER BY line_no") == [(1, 1), (2, 2)]
    again = ok(cancel(store, placed["number"], "more", lines=[{"line_no": 2, "quantity": 1}]), 201)
    assert (again["refund_minor"], again["due_minor"]) == (750, 0)
    rest = ok(cancel(store, placed["number"], "rest"), 201)
    assert rest["state"] == "cancelled"
    assert store.rows("SELECT paid_minor - refunded_minor FROM later_orders") == [(0,)]
    assert sellable(store, "COAT-M") == 5


def test_units_that_lie_on_their_shelf_are_cancelled_while_somebody_walks(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 3), ("BOOK-1", 1))
    desk, assignment = Desk(store), store.rows("SELECT assignment_id FROM assignments")[0][0]
    list_id = desk.start(str(assignment))
    desk.scan(list_id, "MUG-1")

    found = refused(cancel(store, placed["number"], "all", lines=[{"line_no": 1, "quantity": 3}]), 409)
    assert (found["code"], found["facts"]["lines"]) == ("picked_already", {"1": 2, "2": 1})
    done = ok(cancel(store, placed["number"], "two", lines=[{"line_no": 1, "quantity": 2}]), 201)

    assert done["state"] == "picking"
    assert store.rows("SELECT line_no, bound FROM assignment_lines ORDER BY line_no") == [(1, 1), (2, 1)]
    assert sellable(store, "MUG-1") == 99
    desk.scan(list_id, "BOOK-1")
    desk.verb(f"picks/{list_id}/finish")
    late = refused(cancel(store, placed["number"], "late", lines=[{"line_no": 1, "quantity": 1}]), 409)
    assert (desk.state(str(assignment)), late["code"]) == ("picked", "picked_already")


def test_the_way_is_cancelled_with_the_last_goods(store: Store) -> None:
    placed = place(store, "ship", ("MUG-1", 1), ("BOOK-1", 1), way="ship")
    first = ok(cancel(store, placed["number"], "mug", lines=[{"line_no": 1, "quantity": 1}]), 201)
    last = ok(cancel(store, placed["number"], "book", lines=[{"line_no": 2, "quantity": 1}]), 201)

    assert (first["refund_minor"], last["refund_minor"]) == (750, 999 + 395)
    assert last["state"] == "cancelled"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"lines": [{"line_no": 1, "quantity": 3}]}, 409, "too_many_units"),
        ({"lines": [{"line_no": 7, "quantity": 1}]}, 422, "no_line"),
        ({"lines": [{"line_no": 1, "quantity": 0}]}, 422, ""),
        ({"lines": []}, 422, ""),
        ({"till": "till-2"}, 409, "till_closed"),
        ({"reason": ""}, 422, ""),
    ],
)
def test_a_refused_cancellation_says_why_and_changes_nothing(
    store: Store, said: dict[str, Any], status: int, code: str
) -> None:
    placed = place(store, "one", ("MUG-1", 2))
    before = traces(store)
    error = refused(cancel(store, placed["number"], "bad", **said), status)

    assert code in {error["code"], ""}
    assert traces(store) == before


def test_a_refund_above_the_associates_limit_needs_a_leads_word(store: Store) -> None:
    placed = place(store, "one", ("COAT-M", 1))
    before = traces(store)
    error = refused(cancel(store, placed["number"], "big", role="associate"), 403)
    assert error["code"] == "needs_approval"
    assert traces(store) == before
    word = store.approve("lead", "return")

    assert (
        ok(cancel(store, placed["number"], "big", role="associate", approval=word), 201)["refund_minor"]
        == 12_000
    )
    [body] = Desk(store).bodies("order.refunded")
    assert [each["action"] for each in body["approvals"]] == ["return"]
    assert body["reason"] == "Changed their mind"


def test_what_the_hub_holds_is_cancelled_and_changed_at_the_hub(store: Store) -> None:
    go_online(store, AnsweringHub([york()]))
    placed = place(store, "york", ("COAT-M", 1), way="elsewhere", location="store-2")
    before = traces(store)

    assert refused(cancel(store, placed["number"], "x"), 409)["code"] == "held_elsewhere"
    changed = store.post(f"/api/later/{placed['number']}/change", {"key": "y", "note": "wrap it"})
    assert refused(changed, 409)["code"] == "held_elsewhere"
    assert traces(store) == before


def test_what_the_hub_says_of_an_order_is_kept_and_ends_what_may_be_paid(store: Store) -> None:
    go_online(store, AnsweringHub([york()]))
    placed = place(store, "york", ("MUG-1", 1), way="elsewhere", location="store-2", deposit_minor=100)
    promise = Promise(kind=FulfilKind.COLLECT, location="store-3", due_us=START_US + 9 * HOUR_US)

    def say(state: str, sentence: str) -> None:
        body = OrderSettled(order_id=placed["order_id"], number=placed["number"], state=state,
                            promise=promise, sentence=sentence)  # fmt: skip
        store.edge.database.write(lambda unit: store.edge.order_settled(unit, body))

    say("routed", "Harrogate has it.")
    found = ok(store.get(f"/api/later/{placed['number']}"))
    assert (found["head"]["settled"], found["sentence"]) == ("routed", "Harrogate has it.")
    assert found["head"]["promise"]["location"] == "store-3"
    say("handed_over", "Collected at Harrogate.")
    assert refused(pay(store, placed["number"], "late"), 409)["code"] == "order_over"


def test_note_customer_and_time_of_an_own_order_change_also_where_it_is_picked(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 1))
    other = place(store, "two", ("MUG-1", 1), contact=CUSTOMER | {"first_name": "Max"})
    due_us = START_US + 30 * HOUR_US
    body = {"key": "c", "note": "Wrap it", "due_us": due_us, "contact_id": other["contact_id"]}
    changed = ok(store.post(f"/api/later/{placed['number']}/change", body), 201)

    assert (changed["note"], changed["promise"]["due_us"]) == ("Wrap it", due_us)
    row = store.rows("SELECT note, due_us, contact_id FROM assignments WHERE number = ?", placed["number"])
    assert row == [("Wrap it", due_us, other["contact_id"])]
    event = store.rows("SELECT bytes FROM events WHERE kind = 'order.changed'")[0][0]
    assert b'["promise","contact","note"]' in event


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({}, 409, "nothing_changed"),
        ({"note": ""}, 409, "nothing_changed"),
        ({"due_us": START_US - 1}, 422, "promise_in_past"),
        ({"due_us": 2**61}, 422, "promise_too_far"),
        ({"contact_id": "nobody"}, 404, "unknown_contact"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(
    store: Store, said: dict[str, Any], status: int, code: str
) -> None:
    placed = place(store, "one", ("MUG-1", 1))
    before = traces(store)
    answer = store.post(f"/api/later/{placed['number']}/change", {"key": "c"} | said)

    assert refused(answer, status)["code"] == code
    assert traces(store) == before


def test_deposits_rests_and_refunds_stand_beside_the_sales_of_a_till_and_in_its_z(store: Store) -> None:
    placed = place(store, "one", ("COAT-M", 1), ("MUG-1", 1), deposit_minor=5000)
    ok(pay(store, placed["number"], "rest", tenders=[{"kind": "cash", "amount_minor": 7_750}]), 201)
    ok(cancel(store, placed["number"], "mug", lines=[{"line_no": 2, "quantity": 1}]), 201)
    found = totals(store)

    assert (found["payments"], found["payments_minor"]) == (2, 12_750)
    assert (found["refunds"], found["refunds_minor"]) == (1, 750)
    assert (found["sales"], found["sales_minor"], found["by_rate"]) == (0, 0, ())
    assert found["cash_minor"] + found["card_minor"] == 12_000
    counted = 10_000 + found["cash_minor"]
    ok(store.post("/api/tills/till-1/count", {"counted_minor": counted}, role="manager"), 201)
    confirmed = ok(store.post("/api/tills/till-1/count/confirm", {}, role="manager"))
    assert confirmed["difference_minor"] == 0
    closed = ok(store.post("/api/tills/till-1/close", {"key": "z"}, role="manager"), 201)
    assert closed["totals"]["payments_minor"] == 12_750


def test_the_slips_say_what_was_promised_paid_and_given_back(store: Store) -> None:
    placed = place(store, "one", ("MUG-1", 2), deposit_minor=500,
                   tenders=[{"kind": "cash", "amount_minor": 500}])  # fmt: skip
    done = ok(cancel(store, placed["number"], "gone"), 201)
    slips, connection = Slips(store.edge.settings), store.edge.database.read()

    def text(job_id: str) -> tuple[bool, str]:
        job = paper.find_job(connection, job_id)
        assert job is not None
        blocks = slips.document(connection, job).blocks
        words = [block.text for block in blocks if isinstance(block, Text)]
        cells = [" ".join(block.cells) for block in blocks if isinstance(block, Row)]
        return isinstance(blocks[0], Kick), "\n".join(words + cells)

    kicked, order = text(placed["slip_job"])
    assert (kicked, placed["pickup_code"] in order) == (True, True)
    assert "Deposit 5.00" in order
    assert "Due GBP 10.00" in order
    kicked, refund = text(done["slip_job"])
    assert (kicked, "Changed their mind" in refund) == (True, True)
    assert "Paid back GBP 5.00" in refund


def test_the_tables_of_orders_for_later_follow_from_the_log_alone(store: Store, tmp_path: Path) -> None:
    placed = place(store, "one", ("COAT-M", 2), ("MUG-1", 2), deposit_minor=20_000)
    ok(pay(store, placed["number"], "rest", tenders=[{"kind": "cash", "amount_minor": 10_000}]), 201)
    ok(cancel(store, placed["number"], "some", lines=[{"line_no": 1, "quantity": 1}]), 201)
    ok(store.post(f"/api/later/{placed['number']}/change", {"key": "c", "note": "Wrap it"}), 201)
    gone = place(store, "two", ("MUG-1", 1))
    ok(cancel(store, gone["number"], "gone"), 201)
    made = rebuild(store.edge.settings.database_file, tmp_path / "again.db")

    assert made.differences == ()
    assert (made.rows["later_orders"], made.rows["later_payments"]) == (2, 5)
