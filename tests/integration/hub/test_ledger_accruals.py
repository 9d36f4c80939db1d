"""A month expects returns and breakage by data: posted by itself, corrected by a person, taken back after."""

import pytest

from hub.context import Hub
from hub.ledger.close import accruals, steps
from hub.ledger.close.rules import blockers
from hub.rebuild import verify
from protocol.books import AccrualsSet
from protocol.errors import Invalid, Refused
from protocol.events import GiftCardSold
from protocol.orders import Tender, TenderKind
from tests.support.hub import Shop, TestClock, send
from tests.support.later_shop import paid_online, record_at, web_order
from tests.support.transfers import trial

DECEMBER_US = 1_764_600_000_000_000
NOVEMBER, DECEMBER = "2025-11", "2025-12"
CARD = "LB1-G00001-7F3A09C2"
SHARES = AccrualsSet(
    entity="main",
    return_ppm=100_000,
    recover_ppm=500_000,
    breakage_ppm=200_000,
    fee_ppm=150_000,
    reason="as last year",
)
"""10 % of sales come back at half their cost; a fifth of gift cards is lost; marketplaces keep 15 %."""


@pytest.fixture
def month(hub: Hub) -> Hub:
    """Sales of 100.00 without tax at a cost of 40.00; 12.00 of a gift card spent; 20.00 at a marketplace."""
    shop = Shop()
    shop.stock("A", 20, 400)
    shop.open()
    cash = Tender(kind=TenderKind.CASH, amount_minor=50_00)
    shop.say(GiftCardSold(**shop._till(), number=CARD, amount_minor=50_00, tenders=(cash,)))
    for _n in range(9):
        shop.tell_sale(shop.sale(("A", 1, 12_00), kind=TenderKind.CASH))
    spent = Tender(kind=TenderKind.GIFT_CARD, amount_minor=12_00, reference=CARD)
    shop.tell_sale(shop.sale(("A", 1, 12_00)).model_copy(update={"tenders": (spent,)}))
    totals = shop.totals()
    gift = {"gift_cards": 1, "gift_cards_minor": 50_00, "cash_minor": totals.cash_minor + 50_00}
    shop.close(totals=totals.model_copy(update={**gift, "gift_card_minor": 12_00}))
    clock = hub.clock
    assert isinstance(clock, TestClock)
    order = web_order(("A", 1, 20_00))
    paid = paid_online(order).model_copy(update={"gateway": "bazaar", "marketplace": True})
    record_at(hub, order, paid=paid)
    clock.at_us = DECEMBER_US
    send(hub, shop)
    return hub


def standing(hub: Hub, *accounts: str) -> list[int]:
    """Return what accounts moved by in November, and what they stand at now."""
    with hub.database.read() as connection:
        then = {
            each.account: each.amount_minor
            for each in steps.asserted(connection, "main", NOVEMBER, default="main")
        }
    now = trial(hub)
    return [each for account in accounts for each in (then.get(account, 0), now.get(("main", account), 0))]


def expected(hub: Hub) -> list[tuple[int, int]]:
    with hub.database.read() as connection:
        return [
            (each.worked_out_minor, each.posted_minor) for each in accruals.look(connection, "main", NOVEMBER)
        ]


def test_what_a_month_expects_is_posted_when_it_begins_to_close_and_taken_back_in_the_next(
    month: Hub,
) -> None:
    accruals.set_rules(month, SHARES, by="A. Abel")
    assert expected(month) == [(10_00, 0), (3_00, 0), (3_00, 0)]
    assert "ACCRUALS" in blockers(steps.look(month, "main", NOVEMBER))
    steps.soft_close(month, "main", NOVEMBER, by="A. Abel")

    steps.begin(month, "main", NOVEMBER, by="A. Abel")

    assert standing(month, "2140", "1370", "4210") == [-10_00, 0, 2_00, 0, -3_00, 0]
    assert standing(month, "1110", "6110") == [20_00 - 3_00, 20_00, 3_00, 0]
    assert standing(month, "2130") == [-50_00 + 12_00 + 3_00, -50_00 + 12_00]
    assert expected(month) == [(10_00, 10_00), (3_00, 3_00), (3_00, 3_00)]
    assert blockers(steps.look(month, "main", NOVEMBER)) == []


def test_a_person_says_another_amount_and_the_difference_is_posted(month: Hub) -> None:
    accruals.set_rules(month, SHARES, by="A. Abel")
    said = {"kind": "expected_returns", "by": "A. Abel"}
    with pytest.raises(Refused):
        accruals.override(month, "main", NOVEMBER, amount_minor=4_00, reason="a recall", **said)
    steps.soft_close(month, "main", NOVEMBER, by="A. Abel")
    steps.begin(month, "main", NOVEMBER, by="A. Abel")
    for amount, reason in ((-1, "less"), (4_00, " ")):
        with pytest.raises(Invalid):
            accruals.override(month, "main", NOVEMBER, amount_minor=amount, reason=reason, **said)

    accruals.override(month, "main", NOVEMBER, amount_minor=4_00, reason="a recall is over", **said)

    assert standing(month, "2140", "1370") == [-4_00, 0, 80, 0]
    assert expected(month) == [(10_00, 4_00), (3_00, 3_00), (3_00, 3_00)]
    accruals.override(month, "main", NOVEMBER, amount_minor=0, reason="none at all", **said)
    assert standing(month, "2140", "1370") == [0, 0, 0, 0]
    assert blockers(steps.look(month, "main", NOVEMBER)) == []
    assert verify(month) == {}


def test_a_company_that_expects_nothing_posts_nothing(month: Hub) -> None:
    steps.soft_close(month, "main", NOVEMBER, by="A. Abel")
    steps.begin(month, "main", NOVEMBER, by="A. Abel")

    assert expected(month) == [(0, 0), (0, 0), (0, 0)]
    assert blockers(steps.look(month, "main", NOVEMBER)) == []
    accruals.set_rules(month, SHARES, by="A. Abel")
    with pytest.raises(Invalid):
        accruals.set_rules(month, SHARES.model_copy(update={"reason": "again"}), by="A. Abel")
