"""A month of two legal entities through the posting rules: 89 journals (`data/finance_books.json`).

Each fact of the scenario is handed to the rule that the product posts it with; what comes out must be the
journal that was worked out by hand, and all of them together the trial balance, the layers and the deposits.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from pydantic import BaseModel

from hub.ledger.chart import CHART, MAPPING, account_for
from hub.ledger.close.rules import posting
from hub.ledger.rules import Draft, abroad, aftersales, cost_of, desk, goods, later, sale, till_closed
from hub.ledger.rules import stock as stock_rules
from hub.ledger.rules import transfers as transfer_rules
from hub.ledger.rules.abroad import Pair
from hub.stock.rules import ValuedMove
from hub.transfers.rules.booking import Arrived
from protocol.books import MoneyMoved, SettlementLine, SettlementTaken
from protocol.events import OrderSold, TillClosed
from protocol.later import OrderPaidOnline, OrderRefundedOnline
from protocol.lifecycles import PeriodState
from protocol.movements import Bucket
from protocol.orders import LineKind, OrderLine, Tender, TenderKind
from protocol.till import SessionTotals, TenderTotal

DATA = json.loads((Path(__file__).parents[2] / "data" / "finance_books.json").read_text("utf-8"))
JOURNALS = DATA["scenario"]["journals"]
RATES = {"DE19": 190_000, "DE07": 70_000}
CHOSEN = MAPPING | {
    "gateway.psp1": "1100",
    "gateway.mkt1": "1110",
    "marketplace.mkt1": "1110",
    "stock_gain": "5100",
}
"""This company keeps both kinds of card money on one account, and what a count finds with what it loses."""
MARKUP_PPM = 50_000


def charge_for(cost: int) -> abroad.Charge:
    return abroad.PriceList(MARKUP_PPM).charge("", 1, cost)


Body = TypeVar("Body", bound=BaseModel)
BUCKETS = {
    "1300": Bucket.SELLABLE,
    "1310": Bucket.RETURNS,
    "1320": Bucket.REPAIR,
    "1330": Bucket.LIQUIDATION,
}


def made(model: type[Body], **said: Any) -> Body:
    """Return a body of which a rule reads no more than this."""
    construct: Callable[..., Body] = model.model_construct
    return construct(**said)


class Facts:
    """What a journal of the scenario says happened, as a rule wants it: amounts without their signs."""

    def __init__(self, journal: Mapping[str, Any]) -> None:
        self.journal = journal
        self.memo = str(journal["id"])

    def of(self, *accounts: str) -> int:
        """Return what was posted to accounts, without its sign."""
        found = [int(line["amount"]) for line in self.journal["lines"] if line["account"] in accounts]
        return abs(sum(found))

    def signed(self, account: str) -> int:
        found = [int(line["amount"]) for line in self.journal["lines"] if line["account"] == account]
        return sum(found)

    def dim(self, account: str) -> str:
        return next(str(line["dim"]) for line in self.journal["lines"] if line["account"] == account)

    @property
    def taxes(self) -> dict[int, int]:
        return {
            RATES[line["dim"]]: abs(line["amount"])
            for line in self.journal["lines"]
            if line["account"] == "2200"
        }

    @property
    def bucket(self) -> Bucket:
        """Return the bucket of the one account of stock that it touches."""
        return next(BUCKETS[line["account"]] for line in self.journal["lines"] if line["account"] in BUCKETS)


def moved(source: Bucket, target: Bucket, value: int, variance: int = 0) -> list[ValuedMove]:
    return [ValuedMove("A", source, target, 1, value, variance)]


def shares(facts: Facts) -> list[later.Share]:
    """Return what left, a line for each rate, with the net of the first taking the rest."""
    taxes, net = facts.taxes, facts.of("4000")
    found, left = [], net
    for n, (rate, tax) in enumerate(taxes.items(), start=1):
        part = left if n == len(taxes) else min(left, round(tax * 1_000_000 / rate))
        left -= part
        found.append(later.Share(n, LineKind.GOODS, rate, part + tax, tax))
    return found


def paid(facts: Facts, gateway: str) -> Iterable[Draft]:
    body = made(OrderPaidOnline, gateway=gateway, amount_minor=facts.of("2100"))
    return later.paid(body, None, facts.memo).drafts


def paid_with_tax(facts: Facts) -> Iterable[Draft]:
    """A deposit whose tax is due at once: what comes in is held, and its tax is taken out of that."""
    gross = facts.of("2100") + sum(facts.taxes.values())
    body = made(OrderPaidOnline, gateway="psp1", amount_minor=gross)
    held = later.Held(gross, 0, 0, gross)
    taxes = later.deposit_taxes(facts.taxes, held)
    return (*later.paid(body, None, facts.memo).drafts, *later.tax_on_deposits({}, taxes, facts.memo))


def fulfilled(facts: Facts) -> Iterable[Draft]:
    held = later.Held(facts.of("2100"), 0, 0, facts.of("2100"))
    return later.fulfilled(shares(facts), held, facts.memo).drafts


def refunded(facts: Facts) -> Iterable[Draft]:
    body = made(OrderRefundedOnline, gateway="psp1", amount_minor=facts.of("2110"))
    return later.refunded(body, later.Held(0, 0, facts.of("2110"), 0), facts.memo).drafts


def cancelled(facts: Facts) -> Iterable[Draft]:
    worth = facts.of("2100")
    share = later.Share(1, LineKind.GOODS, 190_000, worth, 0)
    return later.cancelled([share], later.Held(worth, 0, 0, worth), facts.memo)[0].drafts


class Kind(StrEnum):
    """A tender that a till takes beside cash and cards."""

    GIFT_CARD = "gift_card"


def at_till(facts: Facts) -> Iterable[Draft]:
    """Return what a sale at a counter posts."""
    kinds = {"1000": TenderKind.CASH, "1100": TenderKind.CARD, "2130": Kind.GIFT_CARD}
    tenders = [
        made(Tender, kind=cast("TenderKind", kinds[line["account"]]), amount_minor=line["amount"])
        for line in facts.journal["lines"]
        if line["account"] in kinds
    ]
    lines = [
        made(OrderLine, gross_minor=each.gross_minor, tax_minor=each.tax_minor, rate_ppm=each.rate_ppm)
        for each in shares(facts)
    ]
    rounding = facts.signed("6140")
    body = made(
        OrderSold, number=facts.memo, tenders=tuple(tenders), lines=tuple(lines), rounding_minor=rounding
    )
    return sale(body, [])


def counted(facts: Facts) -> Iterable[Draft]:
    short = facts.signed("6100")
    tender = TenderTotal(kind=TenderKind.CASH, expected_minor=short, counted_minor=0, difference_minor=-short)
    body = made(TillClosed, number="Z", tenders=(tender,), totals=SessionTotals())
    return till_closed(body)


def desk_of(facts: Facts, what: str, account: str, other: int = 0) -> Iterable[Draft]:
    body = MoneyMoved.model_validate({
        "what": what,
        "entity": facts.journal["entity"],
        "business_date": facts.journal["date"],
        "currency": "EUR",
        "reference": facts.dim(account) or facts.memo,
        "gateway": "psp1" if what.startswith("chargeback") else "",
        "amount_minor": facts.of(account),
        "other_minor": other,
    })  # fmt: skip
    return desk.money_moved(body)


def settled(facts: Facts) -> Iterable[Draft]:
    lines = (
        SettlementLine(row=2, kind="sale", reference="M-1", order_id="M-1", amount_minor=facts.of("1110")),
        SettlementLine(row=3, kind="reserve", amount_minor=-facts.of("1120")),
    )
    return desk.settlement(
        SettlementTaken(
            settlement_id="s",
            entity="DE01",
            provider="mkt1",
            marketplace=True,
            business_date="2026-03-27",
            currency="EUR",
            payout_minor=facts.of("1030"),
            lines=lines,
        )
    )


PAIR = Pair("DE01", "DE02")
RULES: dict[str, Callable[[Facts], Iterable[Draft]]] = {
    "goods_receipt": lambda f: stock_rules.moved(
        "receipt", moved(Bucket.SUPPLIER, Bucket.SELLABLE, f.of("2000")), f.memo
    ),
    "goods_receipt_covers_negative": lambda f: stock_rules.moved(
        "receipt", moved(Bucket.SUPPLIER, Bucket.SELLABLE, f.of("2000"), f.of("5130")), f.memo
    ),
    "payment_captured_before_fulfilment": lambda f: paid(f, "psp1"),
    "marketplace_order_paid": lambda f: paid(f, "mkt1"),
    "payment_captured_tax_on_payment": paid_with_tax,
    "pickup_handoff": fulfilled,
    "ship": fulfilled,
    "cogs": lambda f: cost_of("cost", moved(f.bucket, Bucket.CUSTOMER, f.of("5000")), f.memo),
    "cogs_negative_stock": lambda f: cost_of("cost", moved(f.bucket, Bucket.CUSTOMER, f.of("5000")), f.memo),
    "commission_accrual": lambda f: aftersales.commission_due(f.of("6000"), f.dim("2300"), f.memo),
    "commission_clawback": lambda f: aftersales.commission_due(-f.of("6000"), f.dim("2300"), f.memo),
    "commission_paid": lambda f: desk_of(f, "commission_paid", "2300"),
    "return_accepted": lambda f: aftersales.accepted(
        f.of("4020"), f.taxes, f.memo, owed_to="exchange" if f.of("2150") else "refunds_payable"
    ),
    "appeasement": lambda f: aftersales.accepted(f.of("4020"), f.taxes, f.memo, rule="appeasement"),
    "return_received": lambda f: cost_of(
        "back", moved(Bucket.CUSTOMER, Bucket.RETURNS, f.of("5010")), f.memo
    ),
    "refund_card": refunded,
    "refund_store_credit": lambda f: aftersales.paid_back({"tender.store_credit": f.of("2120")}, f.memo),
    "refund_paid_by_other_entity": lambda f: (
        abroad.money(aftersales.paid_back({"tender.cash": f.of("2110")}, f.memo), PAIR).seller
    ),
    "refund_cash_for_other_entity": lambda f: (
        abroad.money(aftersales.paid_back({"tender.cash": f.of("1000")}, f.memo), PAIR).here
    ),
    "restocking_fee": lambda f: aftersales.fee_kept(f.of("4200"), f.taxes, f.memo),
    "disposition_restock": lambda f: cost_of(
        "restock", moved(Bucket.RETURNS, Bucket.SELLABLE, f.of("1300")), f.memo
    ),
    "disposition_liquidate": lambda f: goods.liquidated(f.of("1310"), f.of("1330"), f.memo),
    "liquidation_sale": lambda f: goods.liquidation_sold(f.of("4000"), f.taxes, f.memo),
    "disposition_repair": lambda f: cost_of(
        "repair", moved(Bucket.RETURNS, Bucket.REPAIR, f.of("1320")), f.memo
    ),
    "repair_cost": lambda f: goods.repair_bill(f.of("5140"), f.memo),
    "repair_done": lambda f: cost_of("repaired", moved(Bucket.REPAIR, Bucket.SELLABLE, f.of("1320")), f.memo),
    "disposition_dispose": lambda f: goods.disposed(f.of("5110"), f.memo, source="inventory"),
    "till_loan": lambda f: goods.cash_moved("loan", f.of("1000"), f.memo),
    "till_pickup": lambda f: goods.cash_moved("pickup", f.of("1000"), f.memo),
    "till_over_short": counted,
    "gift_card_sold": lambda f: aftersales.gift_card_sold(
        [("tender.cash", f.of("1000"))], f.of("1000"), f.dim("2130")
    ),
    "gift_card_breakage": lambda f: aftersales.broken(f.of("2130"), f.dim("2130")),
    "pos_sale": at_till,
    "transfer_ship": lambda f: cost_of("out", moved(Bucket.PICKED, Bucket.IN_TRANSIT, f.of("1340")), f.memo),
    "transfer_receive": lambda f: transfer_rules.arrived(
        "in", Arrived("S2", {Bucket.SELLABLE: f.of("1300")}, matched_minor=f.of("1340")), f.memo
    ),
    "transfer_received_before_ship": lambda f: transfer_rules.arrived(
        "in", Arrived("S2", {Bucket.SELLABLE: f.of("1300")}, open_minor=f.of("1345")), f.memo
    ),
    "transfer_match_true_up": lambda f: transfer_rules.arrived(
        "match",
        Arrived(
            "S2", {Bucket.SELLABLE: f.signed("1300")}, matched_minor=f.of("1340"), open_minor=-f.of("1345")
        ),
        f.memo,
    ),
    "transfer_short_closed": lambda f: transfer_rules.lost(f.of("5100"), f.memo),
    "ic_fulfilment_supplier": lambda f: (
        abroad.supplied(
            cost_of("cost", moved(Bucket.SELLABLE, Bucket.CUSTOMER, f.of("5020"))),
            PAIR,
            charge_for(f.of("5020")),
        ).here
    ),
    "ic_fulfilment_seller": lambda _f: (
        abroad.supplied(
            cost_of("cost", moved(Bucket.SELLABLE, Bucket.CUSTOMER, 7007)), PAIR, charge_for(7007)
        ).seller
    ),
    "ic_return_supplier": lambda f: (
        abroad.supply_returned(
            cost_of("back", moved(Bucket.CUSTOMER, Bucket.RETURNS, f.of("5020"))),
            PAIR,
            charge_for(f.of("5020")),
        ).here
    ),
    "ic_return_seller": lambda f: (
        abroad.supply_returned(
            cost_of("back", moved(Bucket.CUSTOMER, Bucket.RETURNS, 7007)), PAIR, charge_for(7007)
        ).seller
        if f.memo.startswith("R-3")
        else abroad.kept(cost_of("back", moved(Bucket.CUSTOMER, Bucket.RETURNS, 7100)), PAIR).seller
    ),
    "ic_return_stock_kept": lambda f: (
        abroad.kept(cost_of("back", moved(Bucket.CUSTOMER, Bucket.RETURNS, f.of("1310"))), PAIR).here
    ),
    "ic_netting": lambda f: abroad.netted(f.of("2400"), f.dim("2400")),
    "marketplace_fee": lambda f: desk.fee_estimated("mkt1", f.of("6110"), f.memo),
    "marketplace_settlement": settled,
    "bank_deposit_prepared": lambda f: desk_of(f, "deposit_prepared", "1020"),
    "bank_deposit_credited": lambda f: desk_of(f, "deposit_credited", "1020", f.of("1030")),
    "chargeback_received": lambda f: desk_of(f, "chargeback_received", "1210", f.of("6120")),
    "chargeback_lost": lambda f: desk_of(f, "chargeback_lost", "1210"),
    "count_adjustment": lambda f: stock_rules.counted(
        "count",
        moved(Bucket.SELLABLE, Bucket.ADJUSTMENT, f.of("1300"))
        if f.signed("1300") < 0
        else moved(Bucket.ADJUSTMENT, Bucket.SELLABLE, f.of("1300")),
        f.memo,
        undone=False,
    ),
    "exchange_sale": lambda f: aftersales.exchanged(f.of("4000"), f.taxes, f.memo),
    "exchange_up_paid": lambda f: aftersales.exchange_paid({"gateway.psp1": f.of("1100")}, f.memo),
    "order_cancelled": cancelled,
}
"""Which rule posts which fact. What an entity begins with is the one journal that a person makes by hand."""


def posted(journal: Mapping[str, Any]) -> dict[str, int]:
    """Return what the rule of a fact posts, by account."""
    if journal["event"] == "opening":
        return wanted(journal)
    sums: dict[str, int] = {}
    for draft in RULES[journal["event"]](Facts(journal)):
        assert sum(line.amount_minor for line in draft.lines) == 0
        for line in draft.lines:
            account = account_for(CHOSEN, line.purpose)
            assert account is not None, line.purpose
            sums[account] = sums.get(account, 0) + line.amount_minor
    return {account: minor for account, minor in sums.items() if minor}


def wanted(journal: Mapping[str, Any]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in journal["lines"]:
        sums[line["account"]] = sums.get(line["account"], 0) + line["amount"]
    return {account: minor for account, minor in sums.items() if minor}


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda each: each["id"])
def test_every_fact_posts_the_journal_that_was_worked_out_by_hand(journal: Mapping[str, Any]) -> None:
    assert posted(journal) == wanted(journal)
    assert {account for account, _name, _kind in CHART} >= set(posted(journal))


def test_the_month_comes_to_its_trial_balance_its_layers_and_its_deposits() -> None:
    totals: dict[str, dict[str, int]] = {"DE01": {}, "DE02": {}}
    for journal in JOURNALS:
        sums = totals[journal["entity"]]
        for account, minor in posted(journal).items():
            sums[account] = sums.get(account, 0) + minor

    found = {entity: {a: m for a, m in sorted(sums.items()) if m} for entity, sums in totals.items()}
    assert found == DATA["scenario"]["trial_balance"]
    assert [sum(sums.values()) for sums in found.values()] == [0, 0]
    layers: dict[tuple[str, str], int] = {}
    for layer in DATA["scenario"]["inventory_layers"]:
        key = layer["entity"], layer["bucket"]
        layers[key] = layers.get(key, 0) + layer["value"]
    assert {key: found[key[0]].get(key[1], 0) for key in layers} == layers
    assert -found["DE01"]["2100"] == sum(DATA["scenario"]["open_deposits"].values())
    assert found["DE01"]["1400"] == -found["DE02"]["2400"]
    assert found["DE02"]["1400"] == -found["DE01"]["2400"]


def test_a_late_sale_of_the_scenario_posts_on_the_first_open_day_with_its_own_date() -> None:
    late = [journal for journal in JOURNALS if journal.get("late")]
    states = {"2026-02": PeriodState.CLOSED}

    assert len(late) == 2
    for journal in late:
        found = posting(journal["original_business_date"], states)
        assert (found.date, found.late, found.prior_period) == (journal["date"], True, True)
