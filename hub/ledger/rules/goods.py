"""What becomes of goods that came back, and of cash in a drawer. Pure (matrix 36-43, 53).

What only changes its bucket is posted by `rules.cost_of`; here is what changes the worth of goods.
Stages post them by `rules.returns`, but for `liquidated` and `disposed`, which they post with the movement.
"""

from typing import Final

from hub.ledger.rules import Draft, Line, draft_of
from hub.ledger.rules.aftersales import Taxes


def liquidated(
    cost_minor: int, worth_minor: int, memo: str, *, source: str = "inventory.returns"
) -> tuple[Draft, ...]:
    """Goods are to be sold off: worth no more than they will bring, and never more than they cost."""
    worth = max(0, min(worth_minor, cost_minor))
    sums = {"inventory.liquidation": worth, "write_down": cost_minor - worth, source: -cost_minor}
    return draft_of("liquidate", sums, memo)


def liquidation_sold(net_minor: int, taxes: Taxes, memo: str, *, paid_by: str = "bank") -> tuple[Draft, ...]:
    """Goods were sold off; what they cost is posted with their movement."""
    lines = (
        Line(paid_by, net_minor + sum(taxes.values())),
        Line("sales", -net_minor),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items() if tax),
    )
    return (Draft("sell_off", lines, memo),)


def disposed(cost_minor: int, memo: str, *, source: str = "inventory.returns") -> tuple[Draft, ...]:
    """Goods are thrown away."""
    return draft_of("dispose", {"disposal": cost_minor, source: -cost_minor}, memo)


def repair_bill(minor: int, memo: str) -> tuple[Draft, ...]:
    """A repair costs what its bill says."""
    return draft_of("repair", {"repair": minor, "payables": -minor}, memo)


_CASH: Final = {
    "paid_in": ("tender.cash", "petty_cash"),
    "paid_out": ("petty_cash", "tender.cash"),
    "loan": ("tender.cash", "safe"),
    "drop": ("safe", "tender.cash"),
    "pickup": ("safe", "tender.cash"),
}
"""Which purpose is debited and which is credited when cash moves without a sale."""


def cash_moved(kind: str, minor: int, memo: str) -> tuple[Draft, ...]:
    """Cash goes into a drawer or out of it without a sale."""
    debit, credit = _CASH[kind]
    return draft_of(kind, {debit: minor, credit: -minor}, memo)
