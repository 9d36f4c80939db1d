"""A month with every kind of return: what the rooms keep is what the books say, figure by figure."""

from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.ledger.chart import mapping_of
from hub.ledger.close import facts, rules
from hub.ledger.desk import move_money
from hub.ledger.reads import trial_balance
from hub.ledger.rows import account_mapping
from hub.ledger.rules.returns import sold
from hub.ledger.settlements.steps import matched
from hub.rebuild import verify
from hub.spine.rows import order_tenders, return_fees, return_lines
from hub.stock.rows import sold_off
from hub.stored_value.rows import gift_card_tenders, stored_value_moves
from hub.till.rows import cash_moves
from protocol.books import MoneyMoved, SettlementLine
from protocol.dispositions import Disposition
from protocol.errors import Refused
from protocol.events import OrderSold
from protocol.orders import TenderKind
from protocol.returns import ReturnFee
from tests.support.hub import VAT, TestClock, send
from tests.support.returns_shop import ReturnsShop, money
from tests.support.transfers import trial, two_stores

NOVEMBER = "2025-11"
DECEMBER_US = 1_764_600_000_000_000
CASH, CARD = TenderKind.CASH, TenderKind.CARD
CREDIT, GIFT = TenderKind.STORE_CREDIT, TenderKind.GIFT_CARD
FEE = ReturnFee(line_no=1, amount_minor=2_40, tax_minor=40, rate_ppm=VAT)


def later(hub: Hub) -> None:
    clock = hub.clock
    assert isinstance(clock, TestClock)
    clock.at_us = DECEMBER_US


def blocked(connection: sa.Connection, entity: str = "main") -> list[str]:
    return rules.blockers(rules.checks(facts.gather(connection, entity, NOVEMBER, default="main")))


def money_back(shop: ReturnsShop) -> None:
    """Refunds by parts, by both tenders, less a fee, without goods, for goods that stay; and a void."""
    both = shop.sell_for(("A", 3, 12_00), tenders=(money(CARD, 24_00, "T-1"), money(CASH, 12_00)))
    shop.refund_by(both, (1, 1), tenders=(money(CARD, 8_00), money(CASH, 4_00)))
    shop.refund_by(both, (1, 2), tenders=(money(CARD, 16_00), money(CASH, 8_00)))
    charged = shop.sell_for(("A", 2, 12_00), tenders=(money(CASH, 24_00),))
    shop.refund_by(charged, (1, 2), tenders=(money(CASH, 21_60),), fees=(FEE,))
    sorry = shop.sell(("B", 2, 6_00))
    shop.goodwill(sorry, 1_20)
    shop.refund_by(sorry, (1, 1), tenders=(money(CASH, 5_40),), to_bucket="customer")
    shop.void(shop.sell(("B", 1, 6_00)))


def stored_value(shop: ReturnsShop) -> None:
    """Store credit and gift cards, given, bought for cash and by card, spent, and given back onto."""
    shop.refund_by(shop.sell(("A", 1, 12_00)), (1, 1), tenders=(money(CREDIT, 12_00, "LB1-S1"),))
    shop.no_receipt("B", 6_00, 1_00, "LB1-S2")
    shop.sell_for(("B", 2, 6_00), tenders=(money(CREDIT, 9_00, "LB1-S1"), money(CASH, 3_00)))
    shop.gift_card("LB1-G1", 50_00, CASH)
    shop.gift_card("LB1-G2", 30_00, CARD, "T-2")
    bought = shop.sell_for(("A", 1, 12_00), tenders=(money(GIFT, 12_00, "LB1-G2"),))
    shop.refund_by(bought, (1, 1), tenders=(money(GIFT, 12_00, "LB1-G2"),))
    shop.sell_for(("A", 3, 12_00), tenders=(money(GIFT, 36_00, "LB1-G1"),))


def exchanges(shop: ReturnsShop) -> None:
    """One for dearer goods, paid by card, and one for cheaper goods, with cash back."""
    order = shop.sell_for(("B", 1, 6_00), ("A", 2, 12_00), tenders=(money(CASH, 30_00),))
    shop.exchange(order, (1, 1), buys=("A", 1, 12_00), rest=CARD)
    shop.exchange(order, (2, 2), buys=("B", 1, 6_00), rest=CASH)


def goods(shop: ReturnsShop) -> str:
    """Goods that came back go every way there is; return the number of what was sold off."""
    shop.decide("A", "returns", Disposition.RESTOCK)
    shop.decide("A", "returns", Disposition.QUARANTINE)
    shop.decide("A", "quarantine", Disposition.INSPECT)
    shop.decide("A", "returns", Disposition.LIQUIDATE, units=2, worth_minor=3_00)
    number = shop.decide(
        "A",
        "liquidation",
        Disposition.SELL_OFF,
        units=2,
        proceeds_minor=4_80,
        tax_minor=80,
        rate_ppm=VAT,
    )
    shop.decide("A", "returns", Disposition.RETURN_TO_VENDOR)
    shop.decide("A", "returns", Disposition.REPAIR)
    shop.decide("A", "repair", Disposition.RESTOCK, bill_minor=1_50)
    shop.decide("B", "returns", Disposition.DISPOSE)
    return number


def a_month(hub: Hub) -> tuple[ReturnsShop, str]:
    """Let a store trade, take back, exchange and decide; it is told in December. Return what was sold off."""
    shop = ReturnsShop()
    shop.stock("A", 40, 4_00)
    shop.stock("B", 40, 2_00)
    shop.open()
    money_back(shop)
    stored_value(shop)
    exchanges(shop)
    number = goods(shop)
    for kind, amount in (("paid_in", 5_00), ("paid_out", 7_50), ("loan", 40_00), ("drop", 60_00)):
        shop.cash(kind, amount)
    shop.close()
    later(hub)
    assert not any(answer.parked for answer in send(hub, shop))
    return shop, number


def test_a_month_with_every_kind_of_return_ties_in_every_check(hub: Hub) -> None:
    _shop, number = a_month(hub)

    with hub.database.read() as connection:
        stands = {row.account: row.amount_minor for row in trial_balance(connection)}
        assert blocked(connection) == []
    assert sum(stands.values()) == 0
    owed = {
        "1010": 60_00 - 40_00,
        "1200": 4_80,
        "2110": 0,
        "2120": -(12_00 + 6_00 - 9_00),
        "2130": -(50_00 - 36_00 + 30_00),
        "2150": 0,
        "4200": -2_00,
        "5110": 2_00,
        "5120": 5_00,
        "5140": 1_50,
        "6160": 7_50 - 5_00,
    }
    assert {account: stands.get(account, 0) for account in owed} == owed
    assert verify(hub) == {}

    pay_for_what_was_sold_off(hub, number)
    with hub.database.read() as connection:
        (row,) = matched(
            connection, [SettlementLine(row=1, kind="sale", reference="T-2", amount_minor=30_00)]
        )
    assert row.order_id == "LB1-G2"


def pay_for_what_was_sold_off(hub: Hub, number: str) -> None:
    """Note what the bank was credited, once and to the penny, and see the books tie as before."""

    def paid(minor: int) -> MoneyMoved:
        return MoneyMoved(
            what="sell_off_paid",
            entity="main",
            business_date="2025-11-30",
            currency="GBP",
            reference=number,
            amount_minor=minor,
        )

    for minor, reason in ((4_79, "nothing_waits"), (4_80, ""), (4_80, "posted_already")):
        if not reason:
            move_money(hub, paid(minor), by="A. Abel")
            continue
        with pytest.raises(Refused) as refusal:
            move_money(hub, paid(minor), by="A. Abel")
        assert refusal.value.reason == reason
    with hub.database.read() as connection:
        stands = {row.account: row.amount_minor for row in trial_balance(connection)}
        assert (stands["1030"], stands.get("1200", 0)) == (4_80, 0)
        assert blocked(connection) == []


BROKEN: list[tuple[str, sa.Table, str, dict[str, Any]]] = [
    ("TIE_STORE_CREDIT", stored_value_moves, "amount_minor", {"number": "LB1-S1"}),
    ("TIE_GIFT_CARD", stored_value_moves, "amount_minor", {"number": "LB1-G1"}),
    ("TIE_SETTLEMENT", gift_card_tenders, "amount_minor", {"kind": "card"}),
    ("TIE_CASH", gift_card_tenders, "amount_minor", {"kind": "cash"}),
    ("TIE_CASH", cash_moves, "amount_minor", {"kind": "drop"}),
    ("TIE_TAX", return_fees, "tax_minor", {}),
    ("TIE_TAX", return_lines, "tax_minor", {"reason": "goodwill"}),
    ("TIE_TAX", sold_off, "tax_minor", {}),
    ("TIE_RECEIVABLE", sold_off, "proceeds_minor", {}),
    ("EXCHANGE_CLEARING", order_tenders, "amount_minor", {"kind": "exchange"}),
]


def test_what_a_company_keeps_on_one_account_ties_as_one(hub: Hub) -> None:
    with hub.database.engine.begin() as connection:
        mapping_of(connection, "main")
        purposes = ("tender.store_credit", "tender.gift_card", "refunds_payable")
        shared = account_mapping.c.purpose.in_(purposes)
        connection.execute(sa.update(account_mapping).where(shared).values(account="2120"))
    a_month(hub)

    with hub.database.engine.connect() as connection:
        stands = {row.account: row.amount_minor for row in trial_balance(connection)}
        assert stands["2120"] == -(12_00 + 6_00 - 9_00) - (50_00 - 36_00 + 30_00)
        assert blocked(connection) == []
        off = {"amount_minor": stored_value_moves.c.amount_minor + 1}
        connection.execute(
            sa.update(stored_value_moves).where(stored_value_moves.c.kind == "gift_card").values(off)
        )
        assert blocked(connection) == ["TIE_REFUNDS", "TIE_STORE_CREDIT", "TIE_GIFT_CARD"]
        connection.rollback()


def test_one_penny_off_in_one_record_stops_the_close(hub: Hub) -> None:
    a_month(hub)

    for check, table, column, where in BROKEN:
        with hub.database.engine.connect() as connection:
            one_off = {table.c[column]: table.c[column] + 1}
            chosen = [table.c[name] == value for name, value in where.items()]
            connection.execute(sa.update(table).where(*chosen).values(one_off))
            assert blocked(connection) == [check], (table.name, column)
            connection.rollback()


def test_a_fee_is_kept_by_the_entity_whose_refund_it_is_kept_of(hub: Hub) -> None:
    two_stores(hub, entities=("main", "north"))
    one, two = ReturnsShop(), ReturnsShop(edge="store-2", code="YC")
    for shop in (one, two):
        shop.stock("A", 10, 4_00)
        shop.open()
    sold = one.sell(("A", 2, 12_00))
    two.sell(("A", 1, 12_00))
    two.backs.update(one.backs)
    two.refund_by(sold, (1, 2), tenders=(money(CREDIT, 21_60, "YC1-S1"),), fees=(FEE,))
    one.close()
    two.close()
    later(hub)
    send(hub, one)
    send(hub, two)

    books = trial(hub)
    assert (books["main", "4200"], books.get(("north", "4200"), 0)) == (-2_00, 0)
    assert books.get(("main", "2110"), 0) == books.get(("north", "2110"), 0) == 0
    assert (books["north", "2120"], books.get(("main", "2120"), 0)) == (-21_60, 0)
    with hub.database.read() as connection:
        assert [blocked(connection, entity) for entity in ("main", "north")] == [[], []]
    assert verify(hub) == {}


def test_what_an_exchange_sells_stands_apart_from_what_the_customer_adds() -> None:
    shop = ReturnsShop()
    shop.open()
    order = shop.sell(("A", 1, 12_00))
    shop.exchange(order, (1, 1), buys=("B", 1, 15_00), rest=CARD)
    [body] = [each for each in shop.bodies if isinstance(each, OrderSold) and len(each.tenders) > 1]

    leg, paid = sold(body, ())

    assert [(line.purpose, line.amount_minor) for line in leg.lines] == [
        ("tender.exchange", 15_00), ("sales", -12_50), ("sales_tax", -2_50),
    ]  # fmt: skip
    sums = {line.purpose: line.amount_minor for line in paid.lines if line.amount_minor}
    assert sums == {"tender.card": 3_00, "tender.exchange": -3_00}
    assert (leg.rule, paid.rule) == ("exchange_sale", "exchange_paid")
