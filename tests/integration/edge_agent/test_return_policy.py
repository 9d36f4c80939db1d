"""The policy of returns at the counter: what it lets back, whose word is needed, and what is written down."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.app import KINDS
from edge_agent.database import EdgeUnit
from edge_agent.returns import no_receipt, policy, steps
from edge_agent.returns.rules import TenderLeft, split_over
from protocol.errors import Invalid, NotPermitted, Refused
from protocol.orders import TenderKind
from protocol.people import StoreRole
from protocol.returns import Authority, Condition, CustomerLimit, GoodsRule, NoReceipt, Proof, ReturnPolicy
from tests.support.store_day import Store

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path)
    running.open()
    yield running
    running.close()


def tell(store: Store, **said: Any) -> None:
    """Take a policy over as the directive does."""
    said = {"version": 1, "default_days": 30, "grace_days": 10} | said
    body = ReturnPolicy(**said)
    store.edge.database.write(lambda unit: KINDS["return.policy"].carry_out(unit, store.edge, body))


def categorise(store: Store, **categories: str) -> None:
    def step(unit: EdgeUnit) -> None:
        unit.connection.executemany(
            "UPDATE products SET category = ? WHERE sku = ?",
            [(name, sku.lstrip("_")) for sku, name in categories.items()],
        )

    store.edge.database.write(step)


def later(store: Store, days: int) -> None:
    """Let days pass: the till is closed and opened anew."""
    store.count(10_000 + taken(store))
    store.close_till()
    store.clock.at_us += days * DAY_US
    store.open()


def taken(store: Store) -> int:
    row = (
        store.edge.database.read()
        .execute("SELECT json_extract(totals, '$.cash_minor') FROM till_sessions WHERE state <> 'closed'")
        .fetchone()
    )
    return int(row[0] or 0)


def look(store: Store, number: str, **terms: Any) -> steps.Look:
    lines = (steps.BringBack(line_no=1, quantity=1),)
    reader = store.edge.database.read()
    return steps.preview(reader, store.edge, number, lines, steps.Terms(**terms), person=store.associate)


def test_inside_its_window_a_return_carries_what_was_decided_and_from_what(store: Store) -> None:
    categorise(store, BOOK="Books")
    tell(store, categories={"Books": GoodsRule(days=60)})
    sold = store.sell([("BOOK", 2)])
    later(store, 45)

    store.bring_back(sold.number, [(1, 1)], person=store.associate)

    [body] = store.bodies("return.completed")
    assert body["decision"] == {
        "policy_version": 1,
        "outcome": "authorize",
        "proof": "receipt",
        "lines": [
            {
                "line_no": 1,
                "outcome": "authorize",
                "category": "Books",
                "start": "2010-12-01",
                "last_day": "2011-01-30",
            }
        ],
    }
    found = steps.returnable(store.edge.database.read(), store.edge, sold.number)
    assert found.lines[0].last_day is not None
    assert found.lines[0].last_day.isoformat() == "2011-01-30"


def test_in_the_days_of_grace_another_person_may_allow_it_and_nobody_their_own(store: Store) -> None:
    tell(store)
    sold = store.sell([("BOOK", 3)])
    later(store, 35)
    before = store.newest_seq()

    with pytest.raises(NotPermitted) as alone:
        store.bring_back(sold.number, [(1, 1)], person=store.manager)
    own = store.word(store.manager, "return_override")
    with pytest.raises(NotPermitted):
        store.bring_back(sold.number, [(1, 1)], person=store.manager, approval=own)
    with pytest.raises(NotPermitted):
        store.bring_back(
            sold.number, [(1, 1)], person=store.lead, approval=store.word(store.associate, "return_override")
        )
    assert store.newest_seq() == before
    word = store.word(store.lead, "return_override")
    store.bring_back(sold.number, [(1, 1)], person=store.manager, approval=word)

    assert alone.value.facts == {"action": "return_override", "role": "lead", "other_than": "m-khan"}
    [body] = store.bodies("return.completed")
    assert body["decision"]["override"] == {"by": "s-rowe", "role": "lead", "codes": ["WINDOW"]}
    assert body["decision"]["lines"][0]["codes"] == ["WINDOW"]
    assert body["approvals"] == [{"action": "return_override", "by": "s-rowe"}]


def test_long_after_its_window_nobody_may_allow_it_and_the_customer_hears_the_date(store: Store) -> None:
    tell(store)
    sold = store.sell([("BOOK", 1)])
    later(store, 41)

    with pytest.raises(Refused) as refused:
        store.bring_back(
            sold.number, [(1, 1)], person=store.lead, approval=store.word(store.manager, "return_override")
        )

    assert refused.value.reason == "outside_policy"
    assert refused.value.what == "It could come back until 31 Dec 2010."
    assert refused.value.facts["codes"] == ["WINDOW_HARD"]
    assert store.bodies("return.completed") == []


def test_a_word_reaches_no_further_than_the_policy_says(store: Store) -> None:
    tell(store, authorities=(Authority(role=StoreRole.MANAGER, up_to_minor=1_000),))
    small, large = store.sell([("BOOK", 1)]), store.sell([("BOOK", 2)])
    later(store, 35)

    with pytest.raises(NotPermitted) as lead:
        store.bring_back(
            small.number, [(1, 1)], person=store.associate, approval=store.word(store.lead, "return_override")
        )
    with pytest.raises(Refused) as beyond:
        store.bring_back(
            large.number,
            [(1, 2)],
            person=store.associate,
            approval=store.word(store.manager, "return_override"),
        )

    assert lead.value.facts["role"] == "manager"
    assert beyond.value.reason == "outside_policy"


def test_what_looks_used_comes_back_for_store_credit_with_a_number_nobody_can_guess(store: Store) -> None:
    tell(store, exchange_only_conditions=(Condition.USED,))
    sold = store.sell([("BOOK", 2)])
    command = {
        "key": store.key(),
        "lines": [{"line_no": 1, "quantity": 1, "condition": "used"}],
    }

    done = store.edge.database.write(
        lambda unit: steps.return_units(
            unit, store.edge, sold.number, steps.ReturnUnits.model_validate(command), person=store.lead
        )
    )[0]

    [credit] = done.refunds
    assert (credit.kind, credit.amount_minor) == ("store_credit", 799)
    assert credit.reference.startswith("LB1-S00001-")
    assert len(credit.reference) == len("LB1-S00001-") + 8
    assert store.rows("stored_value")[0][:4] == (credit.reference, "store_credit", 799, 1)
    slips = {job[3] for job in store.rows("print_jobs")}
    assert {"return_receipt", "value_slip"} <= slips
    assert taken(store) == 2 * 799  # no cash went out


def test_a_restocking_fee_is_kept_and_told_to_the_till(store: Store) -> None:
    categorise(store, BOOK="Books")
    tell(store, categories={"Books": GoodsRule(fee_ppm=100_000)})
    sold = store.sell([("BOOK", 2)])

    done = store.bring_back(sold.number, [(1, 1)])
    faulty = store.bring_back(sold.number, [(1, 1)], reason="faulty")

    assert (done.total_minor, done.fees[0].amount_minor, done.refunds[0].amount_minor) == (799, 80, 719)
    assert (faulty.fees, faulty.refunds[0].amount_minor) == ((), 799)
    session = store.edge.database.read().execute("SELECT totals FROM till_sessions").fetchone()[0]
    assert '"fees_minor":80' in session
    assert taken(store) == 80


def test_without_proof_a_customer_gets_so_much_as_credit_and_no_more(store: Store) -> None:
    tell(store, no_receipt=NoReceipt(max_amount_minor=800, max_count_90d=3))
    sold = store.sell([("BOOK", 2)])

    found = look(store, sold.number, proof="none")
    with pytest.raises(NotPermitted):
        store.bring_back(sold.number, [(1, 2)], terms={"proof": "none"})

    assert found.judged.codes == ()
    assert [(t.kind, t.amount_minor) for t in found.plan.refunds] == [("store_credit", 799)]


def test_who_returns_often_and_who_sold_it_need_another_look(store: Store) -> None:
    tell(store, customer_limit=CustomerLimit(count_90d=1), own_sale="contingent")
    sold = store.sell([("BOOK", 3)])
    store.edge.database.write(lambda unit: unit.connection.execute("UPDATE orders SET customer_id = 'C-1'"))
    store.bring_back(sold.number, [(1, 1)], person=store.associate)

    found = look(store, sold.number)
    reader = store.edge.database.read()
    lines = (steps.BringBack(line_no=1, quantity=1),)
    own = steps.preview(reader, store.edge, sold.number, lines, steps.Terms(), person=store.manager)

    assert found.judged.codes == ("CUSTOMER_LIMIT",)
    assert own.judged.codes == ("CUSTOMER_LIMIT", "OWN_SALE")
    assert found.judged.record.customer_returns_90d == 1


def test_an_older_policy_that_comes_late_changes_nothing_and_a_rebuild_keeps_what_followed(
    store: Store,
) -> None:
    tell(store, version=3, exchange_only_conditions=(Condition.NEW,))
    tell(store, version=2)
    sold = store.sell([("BOOK", 2)])
    store.bring_back(sold.number, [(1, 1)])
    before = store.shadows()

    store.rebuild()

    assert policy.current(store.edge.database.read()).version == 3
    assert store.shadows() == before
    assert len(before["stored_value"]) == 1


@pytest.mark.parametrize("terms", [{"proof": "a friend"}, {"condition": "shiny"}])
def test_a_word_that_is_none_of_the_policys_is_refused(store: Store, terms: dict[str, str]) -> None:
    sold = store.sell([("BOOK", 1)])
    lines = (steps.BringBack(line_no=1, quantity=1, condition=terms.get("condition", "new")),)
    wanted = steps.Terms(proof=terms.get("proof", Proof.RECEIPT))
    reader = store.edge.database.read()

    with pytest.raises(Invalid) as refused:
        steps.preview(reader, store.edge, sold.number, lines, wanted, person=store.lead)

    assert refused.value.reason == "unknown_word"


def goodwill(store: Store, number: str, amount: int, **said: Any) -> steps.Returned:
    wanted = steps.GiveGoodwill.model_validate(
        {"key": store.key(), "line_no": 1, "amount_minor": amount, "reason": "A scratch"} | said
    )
    who = store.associate
    return store.edge.database.write(
        lambda unit: steps.give_goodwill(unit, store.edge, number, wanted, person=who)
    )[0]


def test_money_goes_back_while_the_goods_stay_and_later_units_share_the_rest(store: Store) -> None:
    sold = store.sell([("85123A", 3)])  # 765

    first = goodwill(store, sold.number, 100)
    unit = store.bring_back(sold.number, [(1, 1)])
    rest = store.bring_back(sold.number, [(1, 2)])

    assert (first.order_state, first.total_minor, first.lines[0].quantity) == ("completed", 100, 0)
    assert first.total_minor + unit.total_minor + rest.total_minor == sold.total_minor
    assert first.tax_minor + unit.tax_minor + rest.tax_minor == sold.tax_minor
    assert (unit.total_minor, rest.order_state) == (222, "returned")
    [said] = store.bodies("return.completed")[0]["approvals"]
    assert said == {"action": "goodwill", "by": "a-osei", "reason": "A scratch"}
    before = store.shadows()
    store.rebuild()
    assert store.shadows() == before


def test_no_more_money_goes_back_than_is_left_of_a_line(store: Store) -> None:
    sold = store.sell([("85123A", 1)])
    goodwill(store, sold.number, 200)
    before = (store.newest_seq(), store.shadows())

    with pytest.raises(Refused) as refused:
        goodwill(store, sold.number, 56)

    assert refused.value.reason == "too_much_money"
    assert (store.newest_seq(), store.shadows()) == before


def test_goods_that_stay_with_the_customer_need_a_lead_and_move_no_stock(store: Store) -> None:
    sold = store.sell([("85123A", 2)])
    shelf = store.rows("balances")
    line = {"line_no": 1, "quantity": 1, "reason": "damaged", "to_bucket": "customer"}
    wanted = steps.ReturnUnits.model_validate({"key": store.key(), "lines": [line]})

    def give(unit: EdgeUnit, person: Any) -> steps.Returned:
        return steps.return_units(unit, store.edge, sold.number, wanted, person=person)[0]

    with pytest.raises(NotPermitted) as refused:
        store.edge.database.write(lambda unit: give(unit, store.associate))
    done = store.edge.database.write(lambda unit: give(unit, store.lead))

    assert refused.value.facts == {"action": "returnless", "role": "lead"}
    assert (done.order_state, done.total_minor) == ("part_returned", 255)
    assert store.rows("balances") == shelf


def without_receipt(store: Store, **said: Any) -> steps.Returned:
    body = {"key": store.key(), "sku": "BOOK", "customer_id": "C-1", "id_checked": True} | said
    wanted = no_receipt.ReturnUnknown.model_validate(body)
    return store.edge.database.write(
        lambda unit: no_receipt.take_back(unit, store.edge, wanted, person=store.associate)
    )[0]


def test_what_comes_without_a_receipt_is_worth_its_lowest_price_as_credit(store: Store) -> None:
    tell(store, no_receipt=NoReceipt(max_amount_minor=2_000, max_count_90d=2, id_required=True))
    store.sell([("BOOK", 2)], discount_minor=598)  # 5.00 each
    store.sell([("BOOK", 1)])

    done = without_receipt(store)

    assert (done.total_minor, done.order_number, done.order_state) == (500, done.number, "returned")
    [credit] = done.refunds
    assert (credit.kind, credit.amount_minor, credit.reference[:11]) == ("store_credit", 500, "LB1-S00001-")
    [body] = store.bodies("return.completed")
    assert body["order_id"] == body["return_id"]
    assert body["decision"]["proof"] == "none"
    assert body["decision"]["lines"][0]["codes"] == ["NO_RECEIPT"]
    before = store.shadows()
    store.rebuild()
    assert store.shadows() == before


def test_without_a_receipt_the_limits_hold_over_all_returns_of_a_customer(store: Store) -> None:
    tell(store, no_receipt=NoReceipt(max_amount_minor=2_000, max_count_90d=1, id_required=True))
    without_receipt(store)
    before = (store.newest_seq(), store.shadows())

    with pytest.raises(NotPermitted):
        without_receipt(store)
    with pytest.raises(NotPermitted):
        without_receipt(store, quantity=3, customer_id="C-2")
    with pytest.raises(Refused) as card:
        without_receipt(store, id_checked=False, customer_id="C-3")
    with pytest.raises(Invalid) as service:
        without_receipt(store, sku="POST")

    assert (card.value.reason, service.value.reason) == ("id_needed", "no_goods")
    assert (store.newest_seq(), store.shadows()) == before


def test_nothing_comes_back_without_a_receipt_where_the_policy_does_not_say_so(store: Store) -> None:
    with pytest.raises(NotPermitted) as refused:
        without_receipt(store)

    assert refused.value.facts["action"] == "return_override"


def test_cash_beyond_what_the_store_gives_back_in_a_day_needs_another_persons_word(store: Store) -> None:
    tell(store, cash={"day_minor": 99_999, "by_location": {"store-1": 800}})
    first, second = store.sell([("BOOK", 1)]), store.sell([("BOOK", 1)])
    store.bring_back(first.number, [(1, 1)], person=store.manager)

    with pytest.raises(NotPermitted) as asked:
        store.bring_back(second.number, [(1, 1)], person=store.manager)
    word = store.word(store.lead, "return_override")
    store.bring_back(second.number, [(1, 1)], person=store.manager, approval=word)

    assert asked.value.reason == "needs_approval"
    codes = [body["decision"]["lines"][0].get("codes", []) for body in store.bodies("return.completed")]
    assert codes == [[], ["CASH_LIMIT"]]


@pytest.mark.parametrize(
    ("first", "shared"), [("", [125, 374]), ("gift_card", [200, 299]), ("card", [0, 499])]
)
def test_a_refund_goes_first_to_the_tender_that_the_policy_names(first: str, shared: list[int]) -> None:
    paid = [
        TenderLeft(1, TenderKind.GIFT_CARD, 200, 200, "G1", ""),
        TenderLeft(2, TenderKind.CARD, 599, 599, "", "4242"),
    ]

    refunds = split_over(paid, 499, cash_step_minor=1, first=first)

    assert [(t.kind, t.amount_minor) for t in refunds] == [
        (kind, amount)
        for kind, amount in zip((TenderKind.GIFT_CARD, TenderKind.CARD), shared, strict=True)
        if amount
    ]
