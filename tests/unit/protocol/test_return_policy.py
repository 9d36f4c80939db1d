"""Every worked example about returns in `tests/data/returns.json`, and what no example says."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.dispositions import CHOICES, GOES_TO, ROLES, Disposition
from protocol.kit.return_words import code_says, says
from protocol.movements import OUTSIDE, Bucket
from protocol.people import StoreRole
from protocol.returns import (
    Authority,
    Channel,
    ChannelRule,
    Condition,
    CustomerLimit,
    GoodsRule,
    Holiday,
    NoReceipt,
    Outcome,
    Proof,
    ReturnPolicy,
)
from protocol.rules.disposition import GoodsFacts, suggest
from protocol.rules.exchange import Exchange, exchange
from protocol.rules.policy import (
    BackFacts,
    Decision,
    Finding,
    SoldFacts,
    decide,
    last_day,
    restocking_fee,
    role_needed,
    strictest,
)
from protocol.rules.refund import RefundableLine, refund_units
from protocol.rules.tax import tax_inclusive

FILE = json.loads((Path(__file__).parents[2] / "data" / "returns.json").read_text("utf-8"))
TABLE = FILE["table"]
START = date(2026, 3, 2)


def of(category: str) -> pytest.MarkDecorator:
    cases = [
        pytest.param(v["input"], v["expected"], id=v["id"])
        for v in FILE["vectors"]
        if v["category"] == category
    ]
    return pytest.mark.parametrize(("given", "expected"), cases)


def table_policy() -> ReturnPolicy:
    """Return the policy of the examples, said in our words."""
    without, often = TABLE["no_receipt"], TABLE["customer_limit"]
    return ReturnPolicy(
        version=1,
        default_days=TABLE["default_days"],
        grace_days=TABLE["grace_days_overridable"],
        defective_days=TABLE["defective"]["days"],
        categories={
            name: GoodsRule(
                days=rule.get("days"),
                final_sale=rule.get("final_sale"),
                fee_ppm=rule.get("restocking_fee_ppm"),
                fee_when=tuple(rule.get("fee_when", ())),
            )
            for name, rule in TABLE["categories"].items()
        },
        channels={
            name: ChannelRule(in_store=rule["in_store_allowed"]) for name, rule in TABLE["channels"].items()
        },
        no_receipt=NoReceipt(max_amount_minor=without["max_amount"], max_count_90d=without["max_count_90d"]),
        customer_limit=CustomerLimit(count_90d=often["count_90d"], outcome=often["outcome"]),
        approval_over_minor=TABLE["approval"]["amount_over"],
        exchange_only_conditions=tuple(TABLE["exchange_only_conditions"]),
        reject_conditions=tuple(TABLE["reject_conditions"]),
    )


def asked(policy: ReturnPolicy, *, days: int = 10, **said: Any) -> Decision:
    sold = SoldFacts(
        sku=said.get("sku", "A"),
        category=said.get("category", "apparel"),
        start=START,
        channel=said.get("channel", Channel.STORE),
        final_sale=said.get("final_sale", False),
        serial=said.get("serial_sold") or "",
    )
    back = BackFacts(
        today=START + timedelta(days=days),
        condition=Condition(said.get("condition", "new")),
        reason=said.get("reason", "changed_mind"),
        proof=Proof.RECEIPT if said.get("receipt", True) else Proof.NONE,
        amount_minor=said.get("amount", 4000),
        customer_returns_90d=said.get("customer_returns_90d", 0),
        no_receipt_returns_90d=said.get("no_receipt_returns_90d", 0),
        own_sale=said.get("own_sale", False),
        serial=said.get("serial_returned") or "",
    )
    return decide(policy, sold, back)


@of("return_policy")
def test_the_policy_decides_every_example(given: Any, expected: Any) -> None:
    found = asked(table_policy(), days=given["days_since_start"], **given)

    assert found.outcome == expected["outcome"]
    assert list(found.codes) == expected["codes"]
    if "refund" in expected:
        assert list(found.refund) == expected["refund"]
    assert list(found.needs) == expected.get("needs", list(found.needs))


@of("return_window")
def test_a_window_ends_where_the_calendar_says(given: Any, expected: Any) -> None:
    closed = given["extend_to_business_day"] or []
    holidays = [
        Holiday(
            bought_from=rule["purchased_from"],
            bought_to=rule["purchased_to"],
            until=rule["returnable_until"],
        )
        for rule in given["holiday_rules"]
    ]

    end = last_day(date.fromisoformat(given["start"]), given["days"], holidays=holidays, closed_dates=closed)

    assert end is not None
    assert end.isoformat() == expected["last_day"]
    assert (date.fromisoformat(given["today"]) <= end) is expected["in_window"]


@of("restocking_fee")
def test_a_fee_is_part_of_what_goes_back(given: Any, expected: Any) -> None:
    fee, tax = restocking_fee(
        given["line_gross"],
        given["line_tax"],
        given["fee_ppm"],
        given["rate_ppm"],
        taxed=given["fee_tax_treatment"] == "inclusive",
    )

    assert (fee, tax, fee - tax) == (expected["fee_gross"], expected["fee_tax"], expected["fee_net"])
    assert given["line_gross"] - fee == expected["paid_to_customer"]


@of("exchange")
def test_two_legs_of_an_exchange_settle_to_the_cent(given: Any, expected: Any) -> None:
    line = RefundableLine(
        gross_minor=given["line_gross"], tax_minor=given["line_tax"], quantity=given["units"]
    )
    back = refund_units(line, given["returned"])
    how = exchange(back.gross_minor, given["new_gross"], given["fee_gross"])
    tax = tax_inclusive(given["new_gross"], given["new_rate_ppm"])

    assert {
        "return_gross": back.gross_minor,
        "return_tax": back.tax_minor,
        "sale_gross": given["new_gross"],
        "sale_tax": tax,
        "fee": given["fee_gross"],
        "due_from_customer": how.due_minor,
        "due_to_customer": how.rest_minor,
        "tax_delta": tax - back.tax_minor,
    } == expected
    assert how.exchanged_minor + how.due_minor == given["new_gross"]
    assert how.exchanged_minor + how.rest_minor + given["fee_gross"] == back.gross_minor


def test_a_fee_above_what_came_back_is_paid_by_the_customer() -> None:
    assert exchange(100, 500, 150) == Exchange(exchanged_minor=0, due_minor=550, rest_minor=0)


FAULTY_80 = GoodsFacts(
    Condition.DEFECTIVE, sealed=False, resale_minor=100, repair_minor=80, liquidation_minor=30
)


@of("disposition")
def test_what_becomes_of_goods_is_proposed_from_what_is_known(given: Any, expected: Any) -> None:
    facts = GoodsFacts(
        condition=Condition(given["condition"]),
        sealed=given["sealed"],
        hygiene=given["hygiene"],
        sku_active_here=given["sku_active_here"],
        resale_minor=given["resale"],
        repair_minor=given.get("repair_cost"),
    )

    assert suggest(facts) == expected["disposition"]


@pytest.mark.parametrize(
    ("facts", "proposed"),
    [
        (GoodsFacts(Condition.NEW, sealed=True, recalled=True), "quarantine"),
        (GoodsFacts(Condition.DEFECTIVE, sealed=False, vendor_takes_back=True), "return_to_vendor"),
        (FAULTY_80,
         "liquidate"),
        (replace(FAULTY_80, repair_minor=60),
         "repair"),
        (GoodsFacts(Condition.DEFECTIVE, sealed=False), "dispose"),
        (GoodsFacts(Condition.ALTERED, sealed=False, liquidation_minor=10), "liquidate"),
        (GoodsFacts(Condition.OPENED, sealed=False), "inspect"),
        (GoodsFacts(Condition.USED, sealed=False), "inspect"),
    ],
)  # fmt: skip
def test_costs_of_the_past_do_not_count(facts: GoodsFacts, proposed: str) -> None:
    assert suggest(facts) == proposed


def test_goods_may_be_decided_about_wherever_they_wait_and_every_choice_leads_somewhere() -> None:
    ends = {Bucket.SELLABLE} | OUTSIDE

    for bucket, choices in CHOICES.items():
        assert all(GOES_TO[choice] is not bucket for choice in choices)
        assert any(GOES_TO[choice] in ends for choice in choices)
        assert all(GOES_TO[choice] in ends | set(CHOICES) for choice in choices)
    assert set(ROLES) == set(GOES_TO) == set(Disposition)


def test_an_untaxed_fee_is_taken_of_the_net_and_gives_the_whole_tax_back() -> None:
    assert restocking_fee(10_888, 888, 150_000, 88_750, taxed=False) == (1_500, 0)


def test_a_window_that_ends_on_a_closed_day_ends_on_the_next_open_one() -> None:
    # 30 days from 2026-08-20 end on Saturday 19 September; that weekend and the Monday are closed.
    end = last_day(date(2026, 8, 20), 30, closed_weekdays=(6, 7), closed_dates=("2026-09-21",))

    assert end == date(2026, 9, 22)


def test_a_calendar_without_an_open_day_ends_all_the_same() -> None:
    shut = tuple((date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(365))

    assert last_day(date(2026, 1, 1), 1, closed_dates=shut) == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("days", "outcome", "code"),
    [
        (60, Outcome.AUTHORIZE, None),
        (61, Outcome.DENY_OVERRIDABLE, "WINDOW"),
        (75, Outcome.DENY_OVERRIDABLE, "WINDOW"),
        (76, Outcome.DENY, "WINDOW_HARD"),
    ],
)
def test_grace_lies_between_the_window_and_the_end(days: int, outcome: Outcome, code: str | None) -> None:
    found = asked(table_policy(), days=days)

    assert found.outcome is outcome
    assert found.codes == ((code,) if code else ())


@pytest.mark.parametrize(
    ("said", "outcome", "codes"),
    [
        ({"category": "underwear"}, Outcome.DENY, ("FINAL_SALE",)),
        ({"channel": Channel.MARKETPLACE}, Outcome.DENY, ("CHANNEL",)),
        ({"condition": "altered"}, Outcome.DENY, ("CONDITION",)),
        ({"amount": 30_001}, Outcome.CONTINGENT, ("APPROVAL",)),
        ({"amount": 30_000}, Outcome.AUTHORIZE, ()),
        ({"receipt": False}, Outcome.AUTHORIZE, ("NO_RECEIPT",)),
        ({"receipt": False, "no_receipt_returns_90d": 3}, Outcome.DENY_OVERRIDABLE, ("NO_RECEIPT_COUNT",)),
        ({"days": 400, "reason": "faulty"}, Outcome.DENY, ("WINDOW_HARD",)),
        ({"days": 365, "reason": "faulty", "category": "perishable"}, Outcome.AUTHORIZE, ("WARRANTY",)),
    ],
)
def test_each_rule_speaks_with_its_own_code(
    said: dict[str, Any], outcome: Outcome, codes: tuple[str, ...]
) -> None:
    found = asked(table_policy(), **said)

    assert (found.outcome, found.codes) == (outcome, codes)


def test_no_setting_undercuts_the_law() -> None:
    mean = ReturnPolicy(
        default_days=1,
        categories={"apparel": GoodsRule(days=0, final_sale=True, fee_ppm=500_000)},
        exchange_only_conditions=(Condition.OPENED,),
        law_days={Channel.WEB: 14},
        law_defective_days=730,
        defective_days=10,
    )

    on_the_web = asked(mean, days=14, channel=Channel.WEB, condition="opened")
    in_a_store = asked(mean, days=14)
    faulty = asked(mean, days=730, reason="faulty")
    too_late = asked(mean, days=15, channel=Channel.WEB)

    assert (on_the_web.outcome, on_the_web.codes, on_the_web.fee_ppm) == (Outcome.AUTHORIZE, ("LAW",), 0)
    assert on_the_web.refund == ("original_tender",)
    assert in_a_store.outcome is Outcome.DENY
    assert (faulty.outcome, faulty.codes) == (Outcome.AUTHORIZE, ("WARRANTY",))
    assert too_late.outcome is Outcome.DENY


def test_the_article_says_more_than_its_category_and_both_more_than_the_channel() -> None:
    policy = ReturnPolicy(
        default_days=5,
        channels={Channel.STORE: ChannelRule(days=10)},
        categories={"apparel": GoodsRule(days=20, fee_ppm=100_000)},
        items={"COAT": GoodsRule(days=30)},
    )

    ends = [
        asked(policy, sku=sku, category=category).last_day
        for sku, category in (("COAT", "apparel"), ("HAT", "apparel"), ("MUG", "kitchen"))
    ]

    assert ends == [START + timedelta(days=n) for n in (30, 20, 10)]
    assert asked(policy, sku="COAT").fee_ppm == 100_000


def test_a_fee_is_due_in_its_conditions_and_never_for_what_is_our_mistake() -> None:
    policy = table_policy()

    assert asked(policy, category="electronics", condition="opened").fee_ppm == 150_000
    assert asked(policy, category="electronics", condition="new").fee_ppm == 0
    assert asked(policy, category="electronics", condition="opened", reason="wrong_item").fee_ppm == 0
    assert asked(policy, category="electronics", condition="opened", reason="faulty").fee_ppm == 0


def test_nothing_was_said_lets_everything_come_back_and_says_so() -> None:
    found = asked(ReturnPolicy(), days=3_000, condition="altered", own_sale=True, amount=10**9)

    assert (found.outcome, found.codes, found.last_day) == (Outcome.AUTHORIZE, (), None)
    assert says(found, "GBP") == ("It may come back at any time.",)


def test_the_strictest_of_all_outcomes_counts() -> None:
    assert strictest(Outcome) is Outcome.DENY
    assert strictest(()) is Outcome.AUTHORIZE


@pytest.mark.parametrize(
    ("amount", "role"),
    [(100, StoreRole.LEAD), (101, StoreRole.MANAGER), (500, StoreRole.MANAGER), (501, None)],
)
def test_the_word_of_a_role_reaches_so_far(amount: int, role: StoreRole | None) -> None:
    policy = ReturnPolicy(
        authorities=(
            Authority(role=StoreRole.MANAGER, up_to_minor=500),
            Authority(role=StoreRole.LEAD, up_to_minor=100),
        )
    )

    assert role_needed(policy, amount) is role


def test_every_code_has_a_sentence_with_its_date_or_limit() -> None:
    policy = table_policy()
    late = asked(policy, days=65, customer_returns_90d=10)

    assert says(late, "GBP") == (
        "It could come back until 1 May 2026; somebody with authority may still allow it.",
        "This customer has returned 10 times or more in 90 days.",
    )
    assert all(code_says(code) != code.value for code in Finding)
    assert code_says("NEWER") == "NEWER"


@settings(max_examples=60, deadline=None)
@given(
    days=st.integers(-1, 90),
    grace=st.integers(0, 30),
    law=st.integers(0, 60),
    final=st.booleans(),
    came=st.integers(0, 200),
)
def test_a_longer_window_is_never_worse_and_the_law_always_holds(
    days: int, grace: int, law: int, final: bool, came: int
) -> None:
    def policy(window: int) -> ReturnPolicy:
        return ReturnPolicy(
            default_days=window,
            grace_days=grace,
            categories={"apparel": GoodsRule(final_sale=final)},
            law_days={Channel.WEB: law},
        )

    strict = list(Outcome)
    now = asked(policy(days), days=came, channel=Channel.WEB)
    longer = asked(policy(-1 if days == -1 else days + 7), days=came, channel=Channel.WEB)

    assert strict.index(longer.outcome) >= strict.index(now.outcome)
    assert now.outcome is Outcome.AUTHORIZE or came > law or not law
