import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.returns import steps
from edge_agent.returns.rules import TenderLeft, split_over
from protocol.errors import Conflict, Invalid, NotFound, NotPermitted, OrderspineError, Refused
from protocol.ids import slip_code
from protocol.orders import TenderKind
from tests.support.store_day import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path)
    running.open()
    yield running
    running.close()


def balance(store: Store, sku: str, bucket: str) -> int:
    found = (
        store.edge.database.read()
        .execute("SELECT quantity FROM balances WHERE sku = ? AND bucket = ?", (sku, bucket))
        .fetchone()
    )
    return found[0] if found else 0


def test_a_return_pays_out_what_the_line_kept_and_puts_the_goods_where_the_reason_says(store: Store) -> None:
    sold = store.sell([("85123A", 3), ("BOOK", 1)], discount_minor=64)  # 1564 - 64

    done = store.bring_back(sold.number, [(1, 1)], reason="damaged")

    assert (done.number, done.order_state, done.total_minor) == ("LB1-R00001", "part_returned", 245)
    assert [(t.kind, t.amount_minor) for t in done.refunds] == [("cash", 245)]
    assert (done.lines[0].to_bucket, done.lines[0].rate_ppm, done.tax_minor) == ("quarantine", 200_000, 41)
    assert balance(store, "85123A", "quarantine") == 1
    assert balance(store, "85123A", "sellable") == 100_000 - 3
    [slip] = [job for job in store.rows("print_jobs") if job[3] == "return_receipt"]
    assert (slip[0], slip[4], slip[8]) == (done.receipt_job, "LB1-R00001", 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quantities=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    discount=st.integers(0, 250),
    card=st.integers(0, 3_000),
    order=st.randoms(use_true_random=False),
)
def test_any_sequence_of_partial_returns_sums_exactly_to_the_sale(
    store: Store, quantities: list[int], discount: int, card: int, order: object
) -> None:
    skus = ("85123A", "71053", "BOOK")
    sold = store.sell(
        [(skus[n], quantity) for n, quantity in enumerate(quantities)],
        discount_minor=discount,
        card_minor=card,
    )
    units = [n for n, quantity in enumerate(quantities, start=1) for _unit in range(quantity)]
    order.shuffle(units)  # type: ignore[attr-defined]  # hypothesis' random

    answers = [store.bring_back(sold.number, [(line_no, 1)], person=store.manager) for line_no in units]

    assert sum(answer.total_minor for answer in answers) == sold.total_minor
    assert sum(answer.tax_minor for answer in answers) == sold.tax_minor
    assert answers[-1].order_state == "returned"
    found = steps.returnable(store.edge.database.read(), store.edge, sold.number)
    assert [tender.left_minor for tender in found.tenders] == [0] * len(found.tenders)
    assert all(line.refunded_minor == line.gross_minor for line in found.lines)
    assert all(part.amount_minor > 0 for answer in answers for part in answer.refunds)


def test_nothing_sold_before_a_backup_is_paid_out_while_the_records_since_then_are_missing(
    store: Store,
) -> None:
    before = store.sell([("85123A", 3)])
    voidable = store.sell([("POST", 1)])
    store.edge.database.write(
        lambda unit: unit.connection.execute(
            "UPDATE link SET recovery = 'pull', base = (SELECT max(seq) FROM events)"
        )
    )
    since = store.sell([("85123A", 1)])
    events = len(store.rows("events"))

    with pytest.raises(Refused) as returning:
        store.bring_back(before.number, [(1, 1)])
    with pytest.raises(Refused) as voiding:
        store.void(voidable.number, person=store.manager)

    assert (returning.value.reason, voiding.value.reason) == ("records_missing", "records_missing")
    assert len(store.rows("events")) == events
    assert store.bring_back(since.number, [(1, 1)]).total_minor == since.total_minor


def test_a_split_payment_is_refunded_in_proportion_to_what_is_left_on_each_tender(store: Store) -> None:
    sold = store.sell([("POST", 2)], card_minor=900)  # 3600: 2700 cash, 900 card

    done = store.bring_back(sold.number, [(1, 1)], person=store.manager)

    assert sorted((t.kind.value, t.amount_minor, t.last4) for t in done.refunds) == [
        ("card", 450, "4242"),
        ("cash", 1350, ""),
    ]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([(1, 2)], "too_many_units"),
        ([(9, 1)], "no_line"),
        ([(1, 1), (1, 1)], "too_many_units"),
    ],
)
def test_a_return_of_what_was_not_sold_changes_nothing(
    store: Store, lines: list[tuple[int, int]], code: str
) -> None:
    sold = store.sell([("85123A", 1)])
    before = (store.newest_seq(), store.shadows(), store.rows("counters"))

    with pytest.raises((Refused, Invalid)) as refused:
        store.bring_back(sold.number, lines)

    assert refused.value.reason == code
    assert (store.newest_seq(), store.shadows(), store.rows("counters")) == before


def test_an_order_of_another_store_is_not_known_and_says_where_to_ask(store: Store) -> None:
    with pytest.raises(NotFound) as refused:
        store.bring_back("YK1-00001", [(1, 1)])

    assert refused.value.reason == "unknown_order"
    assert refused.value.remedy.startswith("Sold elsewhere? Ask the hub when the line is back")


def test_an_amount_above_the_limit_needs_a_lead_and_is_kept_for_the_second_try(store: Store) -> None:
    sold = store.sell([("POST", 6)])  # 108.00
    before = store.newest_seq()

    with pytest.raises(NotPermitted) as refused:
        store.bring_back(sold.number, [(1, 6)], person=store.associate)
    assert store.newest_seq() == before
    word = store.word(store.lead, "return")
    done = store.bring_back(sold.number, [(1, 6)], person=store.associate, approval=word)

    assert refused.value.facts == {"action": "return", "role": "lead"}
    assert done.order_state == "returned"
    assert store.bodies("return.completed")[0]["approvals"] == [{"action": "return", "by": "s-rowe"}]


def test_a_closed_or_counting_till_gives_no_money_back(store: Store) -> None:
    sold = store.sell([("85123A", 2)])
    store.count(10_510)

    with pytest.raises(Refused) as counting:
        store.bring_back(sold.number, [(1, 1)])
    store.close_till()
    with pytest.raises(Refused) as closed:
        store.bring_back(sold.number, [(1, 1)])

    assert (counting.value.reason, closed.value.reason) == ("till_counting", "till_closed")
    assert store.rows("returns") == []


def test_the_same_key_returns_once_and_another_order_under_it_is_a_conflict(store: Store) -> None:
    first, second = store.sell([("85123A", 2)]), store.sell([("85123A", 2)])

    done = store.bring_back(first.number, [(1, 1)], key="twice")
    again = store.bring_back(first.number, [(1, 1)], key="twice")
    with pytest.raises(Conflict):
        store.bring_back(second.number, [(1, 1)], key="twice")

    assert done == again
    assert len(store.bodies("return.completed")) == 1


def test_of_two_tills_that_return_the_last_unit_at_once_exactly_one_succeeds(store: Store) -> None:
    store.open("till-2")
    sold = store.sell([("85123A", 1)])
    gate = threading.Barrier(2)
    answers: list[object] = []

    def give_back(till: str) -> None:
        gate.wait(5)
        try:
            answers.append(store.bring_back(sold.number, [(1, 1)], till=till))
        except OrderspineError as error:
            answers.append(error.reason)

    threads = [threading.Thread(target=give_back, args=(name,)) for name in ("till-1", "till-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(isinstance(answer, steps.Returned) for answer in answers) == [False, True]
    assert "all_returned" in answers
    assert len(store.bodies("return.completed")) == 1


def test_a_void_mirrors_the_whole_sale_once_with_a_leads_word(store: Store) -> None:
    sold = store.sell([("85123A", 3), ("POST", 1)], card_minor=1_000)

    with pytest.raises(NotPermitted):
        store.void(sold.number, person=store.associate)
    done = store.void(sold.number, person=store.associate, approval=store.word(store.lead, "post_void"))
    with pytest.raises(Refused) as twice:
        store.void(sold.number)
    with pytest.raises(Refused) as after:
        store.bring_back(sold.number, [(1, 1)])

    assert (done.order_state, done.total_minor, done.tax_minor) == (
        "voided",
        sold.total_minor,
        sold.tax_minor,
    )
    assert sorted((t.kind.value, t.amount_minor) for t in done.refunds) == [("card", 1_000), ("cash", 1_565)]
    assert (twice.value.reason, after.value.reason) == ("cannot_void", "order_voided")
    assert balance(store, "85123A", "sellable") == 100_000
    assert len(store.bodies("order.voided")) == 1


def test_a_sale_of_an_earlier_session_or_with_something_returned_cannot_be_voided(store: Store) -> None:
    partly, earlier = store.sell([("85123A", 2)]), store.sell([("85123A", 2)])
    store.bring_back(partly.number, [(1, 1)])
    with pytest.raises(Refused) as returned:
        store.void(partly.number)
    store.count(10_765)
    store.close_till()
    store.open()
    with pytest.raises(Refused) as closed:
        store.void(earlier.number)

    assert returned.value.what == f"Something of {partly.number} has come back already."
    assert closed.value.what == f"The till session in which {earlier.number} was sold is closed."
    assert store.bodies("order.voided") == []


def test_what_may_come_back_is_said_with_its_money_and_a_preview_is_exact(store: Store) -> None:
    sold = store.sell([("85123A", 3)], card_minor=400)
    store.bring_back(sold.number, [(1, 1)])
    reader = store.edge.database.read()

    found = steps.returnable(reader, store.edge, slip_code("rc", sold.number, 1))
    wanted = (steps.BringBack(line_no=1, quantity=2),)
    shown = steps.preview(reader, store.edge, sold.number, wanted, steps.Terms(), person=store.lead).plan
    done = store.bring_back(sold.number, [(1, 2)])

    assert (found.lines[0].left, found.lines[0].refund_all_minor, found.may_void) == (2, 510, False)
    assert (shown.total_minor, shown.refunds) == (done.total_minor, done.refunds)
    assert (
        steps.returnable(reader, store.edge, sold.number).refusal
        == f"All of {sold.number} has come back already."
    )


def test_one_line_of_six_hundred_comes_back_quickly(store: Store) -> None:
    sold = store.sell([("85123A", 2)] * 600)

    for line_no in range(1, 101):
        store.bring_back(sold.number, [(line_no, 2)], person=store.manager)

    found = steps.returnable(store.edge.database.read(), store.edge, sold.number)
    assert found.refunded_minor == 100 * 510
    assert sum(line.left for line in found.lines) == 1_000


def test_cash_that_was_rounded_at_the_sale_never_refunds_more_than_was_paid() -> None:
    paid = TenderLeft(n=1, kind=TenderKind.CASH, amount_minor=750, left_minor=750, reference="", last4="")

    refunds = split_over([paid], 752, cash_step_minor=5)

    assert [refund.amount_minor for refund in refunds] == [750]
