"""What restocking fees, stored value and decisions about goods do to the books.

A fee is kept of what a customer is owed, so it lowers the refund payable; its tax is output tax like that of
its line. A gift card is money that the company owes whoever holds its number: no revenue and no tax until it
is spent, when its tender takes it off the same account (rows 10, 24 and 26 of the posting matrix). Goods move
at what they cost; what they are worth less from then on is a loss of its own (rows 36 to 43).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from hub.ledger.rules import VARIANCE, Draft, aftersales, cost_of, draft_of, goods
from hub.stock.rules import ValuedMove
from protocol.dispositions import DecidedGoods, GoodsDecided
from protocol.events import CashMoved, GiftCardSold, ReturnCompleted
from protocol.mail_in import ReturnCredited
from protocol.movements import Bucket
from protocol.returns import ReturnFee


def fees_kept(body: ReturnCompleted) -> tuple[Draft, ...]:
    """Return the draft of the fees of a return; nothing where none was kept."""
    if not body.fees:
        return ()
    taxes = taxes_of(body.fees)
    kept = sum(fee.amount_minor for fee in body.fees)
    return aftersales.fee_kept(kept - sum(taxes.values()), taxes, body.number)


def accepted(body: ReturnCompleted) -> tuple[Draft, ...]:
    """Return the drafts of a return that is accepted and not paid yet: sales taken back, a fee kept."""
    taxes = {line.rate_ppm: 0 for line in body.lines}
    for line in body.lines:
        taxes[line.rate_ppm] += line.tax_minor
    if not body.total_minor:
        return ()
    owed = aftersales.accepted(body.total_minor - sum(taxes.values()), taxes, body.number)
    return (*owed, *fees_kept(body))


def paid_as_credit(body: ReturnCredited) -> tuple[Draft, ...]:
    """Return the draft of what was owed and is now on a number that the customer can spend."""
    return aftersales.paid_back({aftersales.STORE_CREDIT: body.amount_minor}, body.number)


def gift_card(body: GiftCardSold) -> tuple[Draft, ...]:
    """Return the draft of a gift card that was sold."""
    tenders = [(f"tender.{tender.kind.value}", tender.amount_minor) for tender in body.tenders]
    return aftersales.gift_card_sold(tenders, body.amount_minor, body.number)


def taxes_of(parts: Iterable[ReturnFee | DecidedGoods]) -> dict[int, int]:
    """Return the tax of fees or of sold lines, by rate."""
    taxes: dict[int, int] = {}
    for part in parts:
        taxes[part.rate_ppm] = taxes.get(part.rate_ppm, 0) + part.tax_minor
    return taxes


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
    drafts += goods.repair_bill(bills, body.number)
    proceeds = sum(line.proceeds_minor for line in body.lines)
    if not proceeds:
        return drafts
    taxes = taxes_of(body.lines)
    net = proceeds - sum(taxes.values())
    return (*drafts, *goods.liquidation_sold(net, taxes, body.number, paid_by="receivable"))


def cash_moved(body: CashMoved) -> tuple[Draft, ...]:
    """Return the draft of cash that went into a drawer or out of it."""
    return goods.cash_moved(body.kind, body.amount_minor, body.reason)
