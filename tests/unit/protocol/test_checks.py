"""What checks say of an order, rule by rule; what contradicts itself; what a customer is named by."""

from typing import Any

import pytest

from protocol.checks import CheckKind, CheckOutcome, CheckRule, CheckRules, CustomerTerm, OrderFacts
from protocol.rules.checks import STANDARD, contradiction, customer_keys, evaluate, for_store

NOW_US = 1_700_000_000_000_000
[ADA] = customer_keys("Ada@Example.org ", "")


def rules(*said: dict[str, Any], customers: tuple[CustomerTerm, ...] = ()) -> CheckRules:
    found = tuple(CheckRule.model_validate({"rule_id": f"r{n}", **each}) for n, each in enumerate(said))
    return CheckRules(rules=found, customers=customers)


def said(found: CheckRules, **facts: Any) -> list[tuple[str, str, str]]:
    """Return (rule, outcome, code) of what did not pass."""
    verdict = evaluate(found, OrderFacts(total_minor=100_00, at_us=NOW_US, day="2026-11-26", **facts))
    return [(each.rule.rule_id, each.outcome.value, each.code) for each in verdict.findings]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"ships": True, "paid_minor": 100_00}, ""),
        ({"ships": True, "paid_minor": 99_99}, "not_paid"),
        ({"ships": False, "paid_minor": 30_00}, ""),
        ({"ships": False, "paid_minor": 29_99}, "not_paid"),
        ({"ships": True, "paid_minor": 0, "authorised_minor": 100_00, "authorised_until_us": NOW_US}, ""),
        (
            {"ships": True, "paid_minor": 0, "authorised_minor": 100_00, "authorised_until_us": NOW_US - 1},
            "payment_expired",
        ),
        ({"ships": True, "paid_minor": None}, ""),
    ],
)
def test_payment_is_enough_captured_or_authorised_and_still_good(facts: dict[str, Any], code: str) -> None:
    found = rules({"kind": "payment", "collect_paid_ppm": 300_000})

    assert said(found, **facts) == ([("r0", "hold", code)] if code else [])


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"offline_minor": 50_00, "exposure_minor": 50_00}, ""),
        ({"offline_minor": 50_01, "exposure_minor": 0}, "offline_over_cap"),
        ({"offline_minor": 50_00, "exposure_minor": 50_01}, "offline_exposure"),
        ({"offline_minor": 0, "exposure_minor": 900_00}, ""),
    ],
)
def test_what_is_paid_without_the_bank_has_a_cap_and_so_has_all_of_it(
    facts: dict[str, Any], code: str
) -> None:
    rule = {"kind": "offline_payment", "outcome": "refuse", "cap_minor": 50_00, "exposure_minor": 100_00}

    assert said(rules(rule), **facts) == ([("r0", "refuse", code)] if code else [])


SIGNS: tuple[tuple[str, int, dict[str, Any], dict[str, Any] | None], ...] = (
    ("velocity", 5, {"orders_24h": 5}, {"orders_24h": 4}),
    ("amount", 100_00, {}, None),
    ("address", 0, {"address_differs": True}, {"address_differs": False}),
    ("payer", 0, {"payer_differs": True}, {"payer_differs": None}),
    ("quick_pickup", 0, {"known_customer": False, "same_hour": True}, {"same_hour": True}),
    ("many_cards", 3, {"cards_30d": 3}, {"cards_30d": 2}),
    ("proxy", 0, {"proxy": True}, {"proxy": False}),
    ("chargebacks", 1, {"chargebacks": 1}, {"chargebacks": 0}),
    ("refund_abuse", 6, {"refunds_90d": 6}, {"refunds_90d": None}),
)  # fmt: skip


@pytest.mark.parametrize(("signal", "limit", "there", "absent"), SIGNS)
def test_each_sign_counts_from_its_limit_on_and_never_where_it_is_not_known(
    signal: str, limit: int, there: dict[str, Any], absent: dict[str, Any] | None
) -> None:
    sign = {"signal": signal, "points": 10, "limit": limit}
    found = rules({"kind": "fraud", "review_points": 10, "signals": [sign]})

    assert said(found, **there) == [("r0", "hold", "fraud_points")]
    if absent is not None:
        assert said(found, **absent) == []


def test_points_add_up_to_a_review_and_then_to_a_refusal_with_every_sign_named() -> None:
    signs = [
        {"signal": "proxy", "points": 10},
        {"signal": "velocity", "points": 30, "limit": 3},
        {"signal": "chargebacks", "points": 60, "limit": 1},
    ]
    found = rules({"kind": "fraud", "review_points": 40, "deny_points": 100, "signals": signs})

    assert said(found, proxy=True) == []
    assert said(found, proxy=True, orders_24h=3) == [("r0", "hold", "fraud_points")]
    verdict = evaluate(found, OrderFacts(proxy=True, orders_24h=7, chargebacks=2))
    assert verdict.refused is not None
    assert verdict.refused.reason == "100 points: proxy, velocity, chargebacks."
    assert verdict.refused.facts["signals"][1] == {"signal": "velocity", "points": 30, "count": 7}


def test_customers_have_rules_of_their_own_before_those_of_everybody() -> None:
    terms = CustomerTerm(key=ADA, order_limit_minor=500_00, open_orders=9, tax_exempt=True)
    found = rules(
        {"kind": "customer", "order_limit_minor": 99_99, "open_orders": 3},
        {"kind": "tax"},
        customers=(terms,),
    )

    assert said(found, open_orders=2) == [("r0", "hold", "customer_limit")]
    assert said(found, customer=(ADA,), open_orders=8, tax_minor=0, tax_again_minor=20_00) == []
    assert said(found, customer=(ADA,), open_orders=9) == [("r0", "hold", "customer_open_limit")]
    blocked = found.model_copy(update={"customers": (terms.model_copy(update={"blocked": True}),)})
    assert said(blocked, customer=(ADA,)) == [("r0", "hold", "customer_blocked")]


@pytest.mark.parametrize(
    ("charged", "again", "code"),
    [(20_00, 20_01, ""), (20_00, 20_02, "tax_differs"), (0, 20_00, "tax_exempt_unknown"), (5, None, "")],
)
def test_tax_is_worked_out_again_and_compared(charged: int, again: int | None, code: str) -> None:
    found = rules({"kind": "tax", "tolerance_minor": 1})

    assert [each[2] for each in said(found, tax_minor=charged, tax_again_minor=again)] == [code][: bool(code)]


def test_what_nobody_could_keep_is_said_so_and_what_is_not_known_is_not() -> None:
    found = rules({"kind": "availability", "outcome": "refuse"})

    assert said(found, available=False) == [("r0", "refuse", "not_available")]
    assert said(found, available=None) == said(found, available=True) == []


def test_the_first_rule_of_a_kind_that_fits_entity_channel_and_day_counts() -> None:
    found = rules(
        {"kind": "customer", "channels": ["web"], "last_day": "2026-11-25", "order_limit_minor": 1},
        {"kind": "customer", "channels": ["web"], "entities": ["de"], "order_limit_minor": 2},
        {"kind": "customer", "first_day": "2026-11-26", "order_limit_minor": 3},
    )

    assert said(found, channel="web", entity="de") == [("r1", "hold", "customer_limit")]
    assert said(found, channel="web", entity="gb") == [("r2", "hold", "customer_limit")]
    assert evaluate(found, OrderFacts(total_minor=9, day="2026-11-25")).outcome is CheckOutcome.PASS
    assert evaluate(found, OrderFacts(total_minor=9), [CheckKind.TAX]).findings == ()


FRAUD = {"kind": "fraud", "review_points": 10, "signals": [{"signal": "proxy", "points": 10}]}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("same_name", [{"kind": "tax", "rule_id": "r1"}, {"kind": "payment", "rule_id": "r1"}]),
        ("never_asked", [{"kind": "tax"}, {"kind": "tax", "channels": ["web"]}]),
        ("ends_before", [{"kind": "tax", "first_day": "2026-02-01", "last_day": "2026-01-01"}]),
        ("blocks_nothing", [{"kind": "tax", "blocks": []}]),
        ("no_time", [{"kind": "tax", "then": "release"}]),
        ("signal_twice", [{**FRAUD, "signals": [{"signal": "proxy", "points": 9}] * 2}]),
        ("deny_below_review", [{**FRAUD, "deny_points": 10}]),
        ("never_reached", [{**FRAUD, "review_points": 11}]),
        ("no_threshold", [{**FRAUD, "review_points": 0}]),
        ("no_signals", [{"kind": "fraud"}]),
        ("cap_above_exposure", [{"kind": "offline_payment", "cap_minor": 2, "exposure_minor": 1}]),
        ("passes", [{"kind": "tax", "outcome": "pass"}]),
    ],
)
def test_rules_that_contradict_themselves_or_each_other_are_found(
    code: str, wrong: list[dict[str, Any]]
) -> None:
    found = contradiction(rules(*wrong))

    assert found is not None
    assert found.code == code


def test_the_first_rules_agree_and_a_narrow_rule_may_stand_before_a_wide_one() -> None:
    assert contradiction(STANDARD) is None
    assert contradiction(rules({"kind": "tax", "channels": ["web"]}, {"kind": "tax"})) is None
    assert evaluate(STANDARD, OrderFacts(paid_minor=0, total_minor=5_00)).outcome is CheckOutcome.PASS
    twice = (CustomerTerm(key=ADA), CustomerTerm(key=ADA))
    assert contradiction(rules(customers=twice)) is not None


def test_a_store_is_told_what_it_asks_itself_and_only_of_its_own_entity() -> None:
    found = rules(
        {"kind": "tax"}, {"kind": "customer", "entities": ["de"]}, {"kind": "customer", "entities": ["gb"]}
    )

    assert [(each.rule_id, each.entities) for each in for_store(found, "gb").rules] == [("r2", ())]
