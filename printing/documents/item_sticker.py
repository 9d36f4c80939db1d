"""Stickers for goods that came back: one for each, so that whoever inspects them knows what they are and why.

They are cut one by one. A return of very many units gets stickers for the first of them only, and the last
says how many more there are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from printing.document import Band, Cut, Document, Row, Text
from printing.documents.parts import Blocks, day, heading, slip_codes
from printing.documents.versions import template_of
from protocol.kit.text import _, language

STICKERS_AT_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class StickerLine:
    """Units that came back in one condition."""

    name: str
    sku: str
    quantity: int
    reason: str
    disposition: str


@dataclass(frozen=True, slots=True)
class ItemStickerFacts:
    """All that the stickers of one return say."""

    number: str
    returned_at: datetime
    lines: tuple[StickerLine, ...]
    demo: bool = False


def item_stickers(facts: ItemStickerFacts) -> Document:
    """Return the stickers of one return."""
    units = [line for line in facts.lines for _unit in range(min(line.quantity, STICKERS_AT_MOST + 1))]
    total = sum(line.quantity for line in facts.lines)
    blocks: Blocks = []
    for n, line in enumerate(units[:STICKERS_AT_MOST], start=1):
        blocks += [
            *heading(demo=facts.demo),
            Band(line.disposition),
            Text(line.name, bold=True),
            Row.pair(line.sku, day(facts.returned_at.date())),
            Row.pair(line.reason, _("{number} of {count}", number=n, count=total)),
            *slip_codes("st", f"{facts.number}-{n}", facts.number),
            Text(template_of("item_sticker"), "center"),
            Cut(),
        ]
    if total > STICKERS_AT_MOST:
        more = _("{n} more without a sticker", n=total - STICKERS_AT_MOST)
        blocks += [Text(more, bold=True), Text(facts.number), Cut()]
    return Document(_("Stickers {number}", number=facts.number), tuple(blocks), language.get())
