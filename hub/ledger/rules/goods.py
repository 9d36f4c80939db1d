"""What becomes of goods that came back, and of cash in a drawer. Pure (matrix 36-43, 53).

What only changes its bucket is posted by `rules.cost_of`; here is what changes the worth of goods.
"""

from hub.ledger.rules import Draft, Line, draft_of
from hub.ledger.rules.aftersales import Taxes


def liquidated(
    cost_minor: int, worth_minor: int, memo: str, *, source: str = "inventory.returns"
) -> tuple[Draft, ...]:
    """Goods are to be sold off: worth no more than they will bring, and never more than they cost."""
    worth = max(0, min(worth_minor, cost_minor))
    sums = {"inventory.liquidation": worth, "write_down": cost_minor - worth, source: -cost_minor}
    return draft_of("liquidate", sums, memo)


def marked_down(cost_minor: int, worth_minor: int, memo: str) -> tuple[Draft, ...]:
    """Goods go back on the shelf as opened ones, worth at most what they will bring."""
    worth = max(0, min(worth_minor, cost_minor))
    sums = {"inventory": worth, "write_down": cost_minor - worth, "inventory.returns": -cost_minor}
    return draft_of("open_box", sums, memo)


def liquidation_sold(net_minor: int, taxes: Taxes, memo: str, *, paid_by: str = "bank") -> tuple[Draft, ...]:
    """Goods were sold off; what they cost is posted with their movement."""
    lines = (
        Line(paid_by, net_minor + sum(taxes.values())),
        Line("sales", -net_minor),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items()),
    )
    return (Draft("liquidation_sale", lines, memo),)


def disposed(cost_minor: int, memo: str, *, source: str = "inventory.returns") -> tuple[Draft, ...]:
    """Goods are thrown away."""
    return draft_of("dispose", {"disposal": cost_minor, source: -cost_minor}, memo)


def to_vendor(cost_minor: int, claim_minor: int, memo: str) -> tuple[Draft, ...]:
    """Goods go back to their supplier, who owes what was agreed."""
    sums = {
        "payables": claim_minor,
        "inventory.returns": -cost_minor,
        "cost_variance": cost_minor - claim_minor,
    }
    return draft_of("return_to_vendor", sums, memo)


def repair_bill(minor: int, memo: str) -> tuple[Draft, ...]:
    """A repair costs what its bill says."""
    return draft_of("repair_bill", {"repair": minor, "payables": -minor}, memo)


def loan(minor: int, memo: str) -> tuple[Draft, ...]:
    """Cash goes from the safe into a drawer; below zero it is picked up again."""
    rule = "till_loan" if minor >= 0 else "till_pickup"
    return draft_of(rule, {"tender.cash": minor, "safe": -minor}, memo)


def paid_in(minor: int, other: str, memo: str) -> tuple[Draft, ...]:
    """Cash comes into a drawer for something else, or is paid out of it when below zero."""
    return draft_of("paid_in" if minor >= 0 else "paid_out", {"tender.cash": minor, other: -minor}, memo)
