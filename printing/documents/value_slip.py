"""The slip of a gift card or of store credit: whoever holds its number can spend it."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Symbol, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, money
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ValueSlipFacts:
    """All that the slip of a stored value says. `reference` is the return it was given for, if any."""

    store_name: str
    title: str
    number: str
    issued_at: datetime
    associate: str
    amount_minor: int
    currency: str
    code: str
    reference: str = ""
    open_drawer: bool = False
    demo: bool = False


def value_slip(facts: ValueSlipFacts) -> Document:
    """Return the slip that is as good as the money on it."""
    total = money(facts.amount_minor, facts.currency)
    blocks: Blocks = [
        *heading(open_drawer=facts.open_drawer, demo=facts.demo),
        Text(facts.store_name, "center", bold=True),
        Text(facts.title, "center", size=2, bold=True),
        Rule(),
        Row.pair(_("Worth {currency}", currency=facts.currency), total, size=2, bold=True),
        Row.pair(day_and_time(facts.issued_at), facts.associate),
    ]
    if facts.reference:
        blocks.append(Text(_("For the return {number}", number=facts.reference)))
    blocks.extend(
        [
            Space(),
            Symbol.qr(facts.code),
            Space(),
            Text(facts.number, "center", bold=True),
            Text(_("Pay with it in every store. Keep it like cash."), "center"),
            *ending("value_slip"),
        ]
    )
    return Document(f"{facts.title} {facts.number}", tuple(blocks), language.get())
