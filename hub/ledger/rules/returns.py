"""What restocking fees, stored value and decisions about goods do to the books.

A fee is kept of what a customer is owed, so it lowers the refund payable; its tax is output tax like that of
its line. A gift card is money that the company owes whoever holds its number: no revenue and no tax until it
is spent, when its tender takes it off the same account (rows 10, 24 and 26 of the posting matrix). Goods move
at what they cost; what they are worth less from then on is a loss of its own (rows 36 to 43).
"""

from collections.abc import Sequence
from typing import Final

from hub.ledger.rules import VARIANCE, Draft, Line, cost_of, draft_of
from hub.stock.rules import ValuedMove
from protocol.dispositions import GoodsDecided
from protocol.events import CashMoved, GiftCardSold, ReturnCompleted
from protocol.movements import Bucket
from protocol.orders import TenderKind


def fees_kept(body: ReturnCompleted) -> tuple[Draft, ...]:
    """Return the draft of the fees of a return; nothing where none was kept."""
    if not body.fees:
        return ()
    taxes: dict[int, int] = {}
    for fee in body.fees:
        taxes[fee.rate_ppm] = taxes.get(fee.rate_ppm, 0) + fee.tax_minor
    kept = sum(fee.amount_minor for fee in body.fees)
    lines = (
        Line("refunds_payable", kept),
        Line("restocking_fees", sum(taxes.values()) - kept),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items() if tax),
    )
    return (Draft("restocking_fee", lines, body.number),)


def gift_card(body: GiftCardSold) -> tuple[Draft, ...]:
    """Return the draft of a gift card that was sold; what its tenders miss goes to suspense by name."""
    lines = [Line(f"tender.{tender.kind.value}", tender.amount_minor) for tender in body.tenders]
    paid = sum(tender.amount_minor for tender in body.tenders)
    lines.append(Line(f"tender.{TenderKind.GIFT_CARD.value}", -body.amount_minor))
    lines.append(Line("suspense", body.amount_minor - paid))
    return (Draft("gift_card", tuple(lines), body.number),)


_BEYOND: Final = {
    Bucket.ADJUSTMENT: "disposal",
    Bucket.SUPPLIER: "payables",
    Bucket.CUSTOMER: "cogs",
}
"""The account of goods that leave by a decision: thrown away, back to the supplier, sold off."""


def decided(body: GoodsDecided, moves: Sequence[ValuedMove], written_down_minor: int) -> tuple[Draft, ...]:
    """Return the drafts of a decision: what moved, what it lost in worth, repairs, what was paid for it."""
    drafts = cost_of("disposition", moves, body.number, lambda _move, bucket: _BEYOND[bucket])
    drafts += draft_of(
        "write_down", {"write_down": written_down_minor, VARIANCE: -written_down_minor}, body.number
    )
    bills = sum(line.bill_minor for line in body.lines)
    drafts += draft_of("repair", {"repair": bills, "payables": -bills}, body.number)
    proceeds = sum(line.proceeds_minor for line in body.lines)
    if not proceeds:
        return drafts
    taxes: dict[int, int] = {}
    for line in body.lines:
        taxes[line.rate_ppm] = taxes.get(line.rate_ppm, 0) + line.tax_minor
    lines = (
        Line("receivable", proceeds),
        Line("sales", sum(taxes.values()) - proceeds),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items() if tax),
    )
    return (*drafts, Draft("sell_off", lines, body.number))


_CASH: Final = {
    "paid_in": ("tender.cash", "petty_cash"),
    "paid_out": ("petty_cash", "tender.cash"),
    "loan": ("tender.cash", "safe"),
    "drop": ("safe", "tender.cash"),
    "pickup": ("safe", "tender.cash"),
}
"""Which purpose is debited and which is credited when cash moves without a sale (row 53)."""


def cash_moved(body: CashMoved) -> tuple[Draft, ...]:
    """Return the draft of cash that went into a drawer or out of it."""
    debit, credit = _CASH[body.kind]
    return draft_of(body.kind, {debit: body.amount_minor, credit: -body.amount_minor}, body.reason)
