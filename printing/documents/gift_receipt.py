"""The gift receipt: what was bought and where it can be changed, and no price anywhere.

Its code leads the store to the purchase, so whoever was given the thing can change it; nothing on the paper
tells what it cost, who paid, or how.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, codes, company, day_and_time, ending, heading
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class GiftReceiptFacts:
    """All that a gift receipt says. `lines` are (units, name); there is no field for a price."""

    store_name: str
    store_lines: tuple[str, ...]
    number: str
    sold_at: datetime
    lines: tuple[tuple[int, str], ...]
    code: str
    demo: bool = False


def gift_receipt(facts: GiftReceiptFacts) -> Document:
    """Return the gift receipt of a sale."""
    when = day_and_time(facts.sold_at)
    units = sum(count for count, _name in facts.lines)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        *company(facts.store_name, facts.store_lines, ""),
        Rule(),
        Text(_("Gift receipt"), "center", size=2, bold=True),
        Row((facts.number, when), (0, len(when)), ("left", "right"), bold=True),
        Rule(),
        *(Text(f"{count} x {name}") for count, name in facts.lines),
        Rule(),
        Text(_("Items: {count}", count=units)),
        Space(),
        *codes(facts.code, facts.number),
        Text(_("Bring this slip along if you would like to change something."), "center"),
        *ending(),
    ]
    return Document(_("Gift receipt {number}", number=facts.number), tuple(blocks), language.get())
