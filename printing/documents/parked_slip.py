"""The slip of a parked basket: scanned at any till of the store, it brings the basket back."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Symbol, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, money
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ParkedSlipFacts:
    """All that the slip of a parked basket says. `note` is what the associate typed, if anything."""

    store_name: str
    number: str
    parked_at: datetime
    till: str
    associate: str
    units: int
    total_minor: int
    currency: str
    code: str
    note: str = ""
    demo: bool = False


def parked_slip(facts: ParkedSlipFacts) -> Document:
    """Return the slip that recalls a parked basket."""
    total = money(facts.total_minor, facts.currency)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(facts.store_name, "center", bold=True),
        Text(_("Parked basket"), "center", size=2, bold=True),
        Text(facts.number, "center", bold=True),
        Rule(),
        Row.pair(day_and_time(facts.parked_at), facts.associate),
        Row.pair(_("Items: {count}", count=facts.units), f"{facts.currency} {total}"),
    ]
    if facts.note:
        blocks.append(Text(facts.note, bold=True))
    blocks.extend(
        [
            Space(),
            Symbol.qr(facts.code),
            Space(),
            Text(_("Scan at any till of this store to go on."), "center"),
            Text(_("Nothing is sold yet."), "center"),
            *ending("parked_slip"),
        ]
    )
    return Document(_("Parked basket {number}", number=facts.number), tuple(blocks), language.get())
