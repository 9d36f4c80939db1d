"""The slip of money for an order for later: what was paid towards it, or went back, and what is still due.

It is no invoice: tax is told when the goods leave. It proves to the customer that the store has their money.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Blocks,
    codes,
    company,
    day_and_time,
    ending,
    head_and_person,
    heading,
    money,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class PaymentSlipFacts:
    """All that the slip says. `tenders` add up to the amount; cash shows what was put on the counter."""

    store_name: str
    store_lines: tuple[str, ...]
    vat_number: str
    number: str
    at: datetime
    till: str
    associate: str
    back: bool
    """Whether the money went back to the customer."""
    tenders: tuple[tuple[str, int], ...]
    amount_minor: int
    change_minor: int
    due_minor: int
    currency: str
    code: str
    reason: str = ""
    open_drawer: bool = False
    demo: bool = False


def payment_slip(facts: PaymentSlipFacts) -> Document:
    """Return the slip of a payment, or of a refund."""
    word = _("Refund of order") if facts.back else _("Payment for order")
    blocks: Blocks = [
        *heading(open_drawer=facts.open_drawer, demo=facts.demo),
        *company(facts.store_name, facts.store_lines, facts.vat_number),
        Rule(),
        *head_and_person(word, facts.number, day_and_time(facts.at), facts.till, facts.associate),
        Rule(),
        Row.pair(
            _("Paid back {currency}", currency=facts.currency)
            if facts.back
            else _("Paid {currency}", currency=facts.currency),
            money(facts.amount_minor, facts.currency),
            size=2,
            bold=True,
        ),
        *(Row.pair(f"  {label}", money(amount, facts.currency)) for label, amount in facts.tenders),
    ]
    if facts.change_minor:
        blocks.append(Row.pair(_("Change"), money(facts.change_minor, facts.currency), bold=True))
    if facts.reason:
        blocks.append(Text(facts.reason))
    blocks.append(Rule())
    due = money(facts.due_minor, facts.currency)
    blocks.append(Row.pair(_("Still due {currency}", currency=facts.currency), due, bold=True))
    blocks.extend([Space(), *codes(facts.code, facts.number), *ending("payment_slip")])
    return Document(f"{word} {facts.number}", tuple(blocks), language.get())
