"""What a month expects: worked out from its own figures, never below nothing, never more than there is."""

import pytest

from hub.ledger.rules.accruals import accrued, breakage, expected_returns, recovered
from protocol.books import Accrued


@pytest.mark.parametrize(
    ("sales", "returned", "rate", "expected"),
    [(2_000_000, 0, 75_000, 150_000), (2_000_000, 30_000, 75_000, 120_000), (1_000, 900, 75_000, 0)],
)
def test_what_came_back_already_is_not_expected_again(
    sales: int, returned: int, rate: int, expected: int
) -> None:
    assert expected_returns(sales, returned, rate) == expected


def test_goods_that_come_back_are_worth_their_part_of_the_months_cost() -> None:
    said = {"sales_minor": 2_000_000, "cost_minor": 1_600_000}
    assert recovered(150_000, recover_ppm=1_000_000, **said) == 120_000
    assert recovered(150_000, recover_ppm=500_000, **said) == 60_000
    assert recovered(150_000, recover_ppm=500_000, sales_minor=0, cost_minor=5) == 0


@pytest.mark.parametrize(
    ("spent", "rate", "left", "expected"),
    [(90_00, 100_000, 1_000_00, 10_00), (90_00, 100_000, 4_00, 4_00), (0, 100_000, 50_00, 0)],
)
def test_breakage_follows_what_was_spent_and_never_exceeds_what_is_left(
    spent: int, rate: int, left: int, expected: int
) -> None:
    assert breakage(spent, rate, left) == expected


@pytest.mark.parametrize("kind", ["expected_returns", "breakage", "fees_expected"])
def test_an_accrual_and_its_taking_back_are_opposites_that_balance(kind: str) -> None:
    said = {"entity": "main", "period": "2025-11", "kind": kind, "currency": "GBP"}
    on = accrued(Accrued(**said, business_date="2025-11-30", amount_minor=100, cost_minor=40))
    off = accrued(
        Accrued(**said, business_date="2025-12-01", amount_minor=-100, cost_minor=-40, taken_back=True)
    )

    ((posted,), (back,)) = on, off
    assert sum(line.amount_minor for line in posted.lines) == 0
    assert [(x.purpose, x.amount_minor) for x in posted.lines] == [
        (x.purpose, -x.amount_minor) for x in back.lines
    ]
    assert (posted.rule, back.rule) == (kind, f"{kind}_back")
