"""Closing and its neighbours as pure rules: what stops a close, where late facts post, who owes whom."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.ledger.close.rules import (
    EdgeGap,
    Facts,
    Tie,
    blockers,
    checks,
    last_month,
    next_month,
    posting,
    state_of,
    together,
    warnings,
)
from hub.ledger.exports.formats import Journal, Month, Side, beancount_of, csv_of, hledger_of
from hub.ledger.rules import Draft, Line, abroad, aftersales, desk
from hub.ledger.rules.abroad import Pair
from hub.ledger.rules.desk import money_moved
from hub.ledger.settlements.rules import MAPPERS, parse_signed, read_file
from protocol.books import Assertion, MoneyMoved, SettlementTaken
from protocol.errors import Invalid
from protocol.lifecycles import PeriodState
from protocol.rules.refund import RefundableLine, refund_units

DATA = json.loads((Path(__file__).parents[2] / "data" / "finance_books.json").read_text("utf-8"))
ACCOUNT_CHECKS = {"13": "TIE_INVENTORY"}


def of(category: str) -> pytest.MarkDecorator:
    cases = [
        pytest.param(each["input"], each["expected"], id=each["id"])
        for each in DATA["vectors"]
        if each["category"] == category
    ]
    return pytest.mark.parametrize(("given", "expected"), cases)


@of("deposit")
def test_what_the_bank_credits_less_than_was_prepared_is_over_and_short(given: Any, expected: Any) -> None:
    said = {"entity": "main", "business_date": "2026-01-30", "currency": "EUR", "reference": "B-1"}
    sums: dict[str, int] = {}
    for what, other in (("deposit_prepared", 0), ("deposit_credited", given["credited"])):
        body = MoneyMoved.model_validate(
            {**said, "what": what, "amount_minor": given["prepared"], "other_minor": other}
        )
        for draft in money_moved(body):
            for line in draft.lines:
                sums[line.purpose] = sums.get(line.purpose, 0) + line.amount_minor
    assert sums == {
        "safe": -given["prepared"],
        "bank": given["credited"],
        "over_short": -expected["variance"],
        "in_transit_cash": 0,
    }


def facts_of(given: Any) -> Facts:
    """Return the facts of a vector."""
    ties = tuple(
        Tie(ACCOUNT_CHECKS[name[:2]], name.partition("/")[0], name.partition("/")[2], minor, 0)
        for name, minor in given["tie_differences"].items()
    )
    return Facts(
        previous=PeriodState(given["previous_period"]),
        edges=(EdgeGap("store-1", given["edge_last_seq"], given["hub_contiguous_seq"]),),
        open_tills=tuple("till" for _n in range(given["open_tills"])),
        uncounted=tuple("till" for _n in range(given["uncounted_tenders"])),
        suspense_entries=given["suspense"],
        unposted=given["unposted"],
        trial_minor=given["trial_balance"],
        ties=ties,
        intercompany=(Tie("INTERCOMPANY", "due_from", "b", given["intercompany_difference"], 0),),
        transit_unmatched_minor=given["unmatched_transit"],
        negative_stock=tuple("A" for _n in range(given["negative_stock_rows"])),
        exceptions=tuple("x" for _n in range(given["open_blocking_exceptions"])),
    )


@pytest.mark.parametrize("vector", DATA["close_vectors"], ids=lambda each: each["id"])
def test_what_stops_a_close_is_named_and_nothing_else_is(vector: Any) -> None:
    found = checks(facts_of(vector["input"]))
    expected = vector["expected"]

    assert (not blockers(found), blockers(found), warnings(found)) == (
        expected["can_close"],
        expected["blockers"],
        expected["warnings"],
    )
    missing = next(check for check in found if check.name == "UNSYNCED_EDGE").facts["missing"]
    assert missing == expected.get("missing", 0)


@pytest.mark.parametrize(
    ("change", "stops", "warns"),
    [
        ({"open_tills": ("t",)}, ["OPEN_TILL"], []),
        ({"uncounted": ("t",)}, ["UNCOUNTED"], []),
        ({"untied_days": ("Z1",)}, ["DAY_NOT_TIED"], []),
        ({"unposted": 1}, ["UNPOSTED"], []),
        ({"trial_minor": 1}, ["TRIAL_BALANCE"], []),
        ({"chain_broken": "7"}, ["CHAIN"], []),
        ({"exceptions": ("x",)}, ["EXCEPTIONS"], []),
        ({"exchange_open": ("x",)}, ["EXCHANGE_CLEARING"], []),
        ({"ties": (Tie("TIE_TAX", "2200", "190000", 5, 4),)}, ["TIE_TAX"], []),
        ({"ties": (Tie("TIE_TAX", "2200", "a", 5, 4), Tie("TIE_TAX", "2200", "b", 4, 5))}, ["TIE_TAX"], []),
        ({"edges": (EdgeGap("s", 9, 5, declared=True),)}, [], []),
        ({"transit_unmatched_minor": 1}, [], ["TRANSIT_UNMATCHED"]),
        ({"negative_stock": ("A",)}, [], ["NEGATIVE_STOCK"]),
        ({"prior_period": 1}, [], ["PRIOR_PERIOD"]),
        ({"old_refunds": ("o",)}, [], ["OLD_REFUNDS"]),
    ],
)
def test_each_check_looks_at_its_own_fact(change: Any, stops: list[str], warns: list[str]) -> None:
    found = checks(Facts(**change))

    assert (blockers(found), warnings(found)) == (stops, warns)


@of("late_event")
def test_a_late_fact_posts_where_its_month_permits(given: Any, expected: Any) -> None:
    states = {each["from"][:7]: PeriodState(each["state"]) for each in given["periods"]}
    found = posting(given["business_date"], states)

    assert {
        "posting_date": found.date,
        "late": found.late,
        "prior_period": found.prior_period,
    } == expected


def test_a_fact_of_a_closed_month_goes_to_the_first_day_of_the_next_that_is_not() -> None:
    states = {"2026-01": PeriodState.CLOSED, "2026-02": PeriodState.SOFT_CLOSED}
    locked = {"2025-12": PeriodState.HARD_LOCKED, "2026-01": PeriodState.CLOSED}

    assert posting("2026-01-30", states).date == "2026-02-01"
    assert posting("2024-02-29", locked).date == "2026-02-01"
    assert state_of("2025-06", locked) is PeriodState.CLOSED
    assert (next_month("2025-12"), last_month("2026-01")) == ("2026-01", "2025-12")


def test_two_entities_post_on_the_latest_day_that_both_permit() -> None:
    one = {"2026-01": PeriodState.CLOSED}
    other = {"2026-01": PeriodState.CLOSED, "2026-02": PeriodState.CLOSED}

    found = together("2026-01-15", [one, other])

    assert (found.date, found.prior_period) == ("2026-03-01", True)
    assert together("2026-01-15", [{}, {}]) == posting("2026-01-15", {})


@of("commission")
def test_a_commission_is_taken_back_as_the_money_goes_back(given: Any, expected: Any) -> None:
    accrued = aftersales.commission_of(given["line_net"], given["rate_ppm"])
    tax = given["line_gross"] - given["line_net"]
    line = RefundableLine(given["line_gross"], tax, len(given["returns"]), 0, accrued)
    back = []
    for units in given["returns"]:
        step = refund_units(line, units)
        line = line.after(step)
        back.append(step.commission_minor)

    assert {"accrued": accrued, "clawback": back} == expected


@of("marketplace")
def test_a_marketplace_charges_each_order_and_not_their_sum(given: Any, expected: Any) -> None:
    fee = aftersales.commission_of(given["item"], given["rate_ppm"])

    assert {"per_order": fee, "sum": fee * given["orders"]} == expected


def test_money_that_one_entity_takes_for_another_is_owed_between_them() -> None:
    draft = Draft("payment", (Line("tender.cash", 500), Line("rounding", 2), Line("deposits", -502)))
    both = abroad.money([draft], Pair("a", "b"))

    assert [(line.purpose, line.amount_minor, line.ref) for line in both.here[0].lines] == [
        ("tender.cash", 500, ""),
        ("rounding", 2, ""),
        ("due_to", -502, "b"),
    ]
    assert [(line.purpose, line.amount_minor, line.ref) for line in both.seller[0].lines] == [
        ("deposits", -502, ""),
        ("due_from", 502, "a"),
    ]


def test_the_rows_of_each_provider_are_read_by_its_own_mapper() -> None:
    adyen = (
        "Company Account,Merchant Reference,Psp Reference,Type,Gross,Fee\n"
        "C,LB1-1,8835,Settled,50.00,0.50\nC,LB1-2,8836,Refunded,-10.00,0\nC,,,MerchantPayout,39.50,0\n"
    )
    amazon = (
        "settlement-id\torder-id\tamount-type\tamount\n"
        "1\t302-1\tItemPrice\t49.98\n1\t302-1\tItemFees\t-7.50\n1\t\tCurrent Reserve Amount\t-5.00\n"
    )
    one = read_file(adyen, MAPPERS["adyen"], "EUR")
    two = read_file(amazon, MAPPERS["amazon"], "EUR")

    assert [(line.kind, line.reference, line.amount_minor, line.fee_minor) for line in one.lines] == [
        ("sale", "8835", 5000, 50),
        ("refund", "8836", -1000, 0),
    ]
    assert one.payout_minor == 3950
    assert [(line.kind, line.amount_minor) for line in two.lines] == [
        ("sale", 4998),
        ("fee", -750),
        ("reserve", -500),
    ]
    (draft,) = desk.settlement(
        SettlementTaken(
            settlement_id="s",
            entity="e",
            provider="amazon",
            marketplace=True,
            business_date="2026-03-27",
            currency="EUR",
            payout_minor=3748,
            lines=tuple(line.model_copy(update={"order_id": line.reference}) for line in two.lines),
        )
    )
    assert {line.purpose: line.amount_minor for line in draft.lines} == {
        "marketplace.amazon": -4998,
        "marketplace_fees": 750,
        "reserve": 500,
        "bank": 3748,
    }


@pytest.mark.parametrize("text", ["", "-", "--1", "1.005", "one"])
def test_an_amount_that_is_none_is_not_guessed(text: str) -> None:
    with pytest.raises(Invalid):
        parse_signed(text, "EUR")


def test_a_journal_is_written_alike_in_every_format_and_currency() -> None:
    journal = Journal(
        journal_id=701,
        event_id="e-7",
        entity="main",
        rule="sale",
        rule_version=2,
        location="store-1",
        order_id="o-1",
        business_date="2026-02-28",
        posting_date="2026-03-01",
        currency="JPY",
        memo='A;"1"',
        reverses=None,
        chain="ab",
        sides=(Side("1000", 1200, None, ""), Side("2200", -1200, 100_000, "x")),
    )
    closing = (
        Assertion(account="1000", name="Till cash", kind="asset", amount_minor=1200, source="trial_balance"),
        Assertion(account="2200", name="Ausgangs­steuer", kind="liability", amount_minor=-1200, source="tax"),
    )
    month = Month("main", "2026-03", "2026-03-01", "2026-03-31", "2026-04-01", "JPY", {}, closing)

    bean, ledger = beancount_of(journal, month), hledger_of(journal, month)
    assert '2026-03-01 * "sale" "A;\\"1\\""' in bean
    assert "  Assets:1000-Till-Cash  1200 JPY" in bean
    assert '  business-date: "2026-02-28"' in bean
    assert '2026-03-01 * (701) sale A "1"' in ledger
    assert "    Liabilities:2200-Ausgangssteuer  -1200 JPY  ; reference: x" in ledger
    assert csv_of(journal, month).count("\n") == 2
