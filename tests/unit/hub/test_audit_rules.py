"""What the audit of a store day hits, and what it leaves alone."""

from typing import Any

import pytest

from hub.till.audit_pages import limit_of, limit_text
from hub.till.audit_rules import DEFAULT, Said, hits
from protocol.audit import AuditRule, AuditTest
from protocol.events import CashMoved, DrawerOpened, OrderVoided, ReturnCompleted
from protocol.orders import TenderKind
from protocol.returns import Outcome, Proof, ReturnDecision
from tests.support.hub import Shop


def day() -> tuple[list[Said], Shop]:
    """One cashier's day: a discount, a void, a return without a receipt, petty cash, and 7.00 short."""
    shop = Shop()
    shop.open()
    first = shop.sell(("A", 2, 50_00), kind=TenderKind.CASH, order_discount=25_00)
    cut = shop.sale(("B", 1, 10_00))
    line = cut.lines[0].model_copy(update={"list_price_minor": 40_00})
    shop.tell_sale(cut.model_copy(update={"lines": (line,)}))
    shop.void(shop.sell(("C", 1, 5_00)))
    shop.give_back(first, (1, 1))
    shop.say(DrawerOpened(**till(shop)))
    shop.say(CashMoved(**till(shop), kind="paid_out", amount_minor=3_00, reason="milk"))
    shop.close(missing_minor=7_00)
    said = [("p-1", body) for body in shop.bodies]
    return [(by, judged(body)) for by, body in said], shop


def till(shop: Shop) -> dict[str, Any]:
    return {
        "session_id": shop.session_id,
        "till": "till-1",
        "business_date": shop.business_date,
        "currency": "GBP",
    }


def judged(body: Any) -> Any:
    if not isinstance(body, ReturnCompleted) or isinstance(body, OrderVoided):
        return body
    decision = ReturnDecision(
        policy_version=1, outcome=Outcome.AUTHORIZE, proof=Proof.NONE, own_sale=True, lines=()
    )
    return body.model_copy(update={"decision": decision})


@pytest.mark.parametrize(
    ("test", "value"),
    [
        ("over_short", 7_00),
        ("return_without_receipt", 37_50),
        ("refund_by_seller", 37_50),
        ("voids", 1),
        ("no_sales", 1),
        ("discount_share", 25_00 * 1_000_000 // (100_00 + 10_00 + 5_00)),
        ("price_cut", 750_000),
        ("paid_out", 3_00),
    ],
)
def test_a_rule_hits_what_is_above_its_limit_and_nothing_at_it(test: AuditTest, value: int) -> None:
    said, _shop = day()

    def found(limit: int, **more: Any) -> list[int]:
        rule = AuditRule(name="r", test=test, limit=limit, **more)
        return [hit.found.value for hit in hits([rule], "store-1", said)]

    assert found(value - 1) == [value]
    assert found(value) == []
    assert found(0, active=False) == []
    assert found(0, location="store-2") == []
    assert found(value - 1, location="store-1") == [value]


def test_the_rules_that_come_with_the_product_leave_an_ordinary_day_alone() -> None:
    shop = Shop()
    shop.open()
    sold = shop.sell(("A", 2, 50_00), order_discount=10_00)
    shop.give_back(sold, (1, 1))
    shop.void(shop.sell(("C", 1, 5_00)))
    shop.close()

    assert hits(DEFAULT, "store-1", [("p-1", body) for body in shop.bodies]) == ()


@pytest.mark.parametrize(
    ("test", "text", "limit"),
    [("over_short", "5.00", 5_00), ("voids", "3", 3), ("discount_share", "12.5", 125_000)],
)
def test_a_limit_reads_as_it_is_written(test: str, text: str, limit: int) -> None:
    assert limit_of(test, text, "GBP") == limit
    assert limit_text(test, limit, "GBP") == text
