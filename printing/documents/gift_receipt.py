"""The gift receipt: what was bought and where it can be changed, and no price anywhere.

Its code leads the store to the purchase, so whoever was given the thing can change it; nothing on the paper
tells what it cost, who paid, or how.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Back,
    Blocks,
    codes,
    company,
    day_and_time,
    ending,
    heading,
    own_back,
    return_until,
    usual_back,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class GiftLine:
    """One line as it was bought; there is no field for a price."""

    quantity: int
    name: str
    back: Back | None = None


@dataclass(frozen=True, slots=True)
class GiftReceiptFacts:
    """All that a gift receipt says."""

    store_name: str
    store_lines: tuple[str, ...]
    number: str
    sold_at: datetime
    lines: tuple[GiftLine, ...]
    code: str
    demo: bool = False


def gift_receipt(facts: GiftReceiptFacts) -> Document:
    """Return the gift receipt of a sale."""
    when = day_and_time(facts.sold_at)
    units = sum(line.quantity for line in facts.lines)
    usual = usual_back(line.back for line in facts.lines)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        *company(facts.store_name, facts.store_lines, ""),
        Rule(),
        Text(_("Gift receipt"), "center", size=2, bold=True),
        Row((facts.number, when), (0, len(when)), ("left", "right"), bold=True),
        Rule(),
        *(block for line in facts.lines for block in _line(line, usual)),
        Rule(),
        Text(_("Items: {count}", count=units)),
        Space(),
        *codes(facts.code, facts.number),
        *return_until(usual),
        Text(_("Bring this slip along if you would like to change something."), "center"),
        *ending("gift_receipt"),
    ]
    return Document(_("Gift receipt {number}", number=facts.number), tuple(blocks), language.get())


def _line(line: GiftLine, usual: Back | None) -> Blocks:
    return [Text(f"{line.quantity} x {line.name}"), *own_back(line.back, usual)]
