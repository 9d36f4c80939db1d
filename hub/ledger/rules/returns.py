"""What restocking fees and stored value do to the books.

A fee is kept of what a customer is owed, so it lowers the refund payable; its tax is output tax like that of
its line. A gift card is money that the company owes whoever holds its number: no revenue and no tax until it
is spent, when its tender takes it off the same account (rows 10, 24 and 26 of the posting matrix).
"""

from hub.ledger.rules import Draft, Line
from protocol.events import GiftCardSold, ReturnCompleted
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
