"""The packing slip: lies in the parcel and tells the customer what is in it and what follows.

The recipient of a gift reads it too, so a gift never shows a price, whatever the facts hold.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from printing.document import Align, Block, Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, day, ending, heading, money, slip_codes
from protocol.kit.text import _, language

_WIDTHS: Final = (0, 8, 4, 6)
_ALIGNS: Final[tuple[Align, ...]] = ("left", "right", "right", "right")


@dataclass(frozen=True, slots=True)
class PackedLine:
    """One line of the order. `price_minor` is what was paid for all of it; None leaves it out."""

    name: str
    sku: str
    ordered: int
    in_parcel: int
    to_follow: int
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class PackingSlipFacts:
    """All that a packing slip says. `ship_to` is name and address; else `collector` comes for it."""

    shop_name: str
    shop_lines: tuple[str, ...]
    order_number: str
    parcel_id: str
    parcel_no: int
    parcels: int
    packed_on: date
    lines: tuple[PackedLine, ...]
    ship_to: tuple[str, ...] = ()
    collector: str = ""
    service: str = ""
    tracking: str = ""
    gift: bool = False
    gift_message: str = ""
    currency: str = ""
    demo: bool = False


def packing_slip(facts: PackingSlipFacts) -> Document:
    """Return the slip that is packed into a parcel."""
    parcel = _("Parcel {number} of {count}", number=facts.parcel_no, count=facts.parcels)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(facts.shop_name, "center", size=2, bold=True),
        *(Text(line, "center") for line in facts.shop_lines),
        Rule(),
        Row.pair(_("Packing slip"), day(facts.packed_on)),
        Text(facts.order_number, size=2, bold=True),
        Text(parcel, bold=True),
        Rule(),
        *_recipient(facts),
    ]
    if facts.gift_message:
        blocks.extend([Space(), Text(facts.gift_message, "center", bold=True), Space(), Rule()])
    head = ("", _("Ordered"), _("Here"), _("Later"))
    blocks.append(Row(head, _WIDTHS, _ALIGNS))
    for line in facts.lines:
        blocks.extend(_line(line, facts))
    blocks.extend([Rule(), *_delivery(facts), *slip_codes("ps", facts.parcel_id, facts.order_number)])
    blocks.extend(ending("packing_slip"))
    title = _("Packing slip {number}", number=facts.order_number)
    return Document(f"{title}, {parcel}", tuple(blocks), language.get())


def _recipient(facts: PackingSlipFacts) -> Blocks:
    if facts.ship_to:
        return [Text(_("Ship to")), *(Text(line, bold=True) for line in facts.ship_to), Rule()]
    if facts.collector:
        return [Text(_("Collected by")), Text(facts.collector, bold=True), Rule()]
    return []


def _line(line: PackedLine, facts: PackingSlipFacts) -> Blocks:
    """Return one line; a nought is a dash, so that what is here stands out."""
    counts = tuple(str(count) if count else "-" for count in (line.ordered, line.in_parcel, line.to_follow))
    here = line.in_parcel > 0
    if line.price_minor is None or facts.gift:
        name: Block = Text(line.name, bold=here)
    else:
        name = Row.pair(line.name, money(line.price_minor, facts.currency), bold=here)
    return [name, Row((f"  {line.sku}", *counts), _WIDTHS, _ALIGNS, bold=here)]


def _delivery(facts: PackingSlipFacts) -> Blocks:
    here = sum(line.in_parcel for line in facts.lines)
    later = sum(line.to_follow for line in facts.lines)
    blocks: Blocks = [Row.pair(_("This parcel"), str(here), size=2, bold=True)]
    if later:
        blocks.append(Row.pair(_("To follow"), str(later), bold=True))
    if facts.service:
        blocks.append(Row.pair(_("Delivery"), facts.service))
    if facts.tracking:
        blocks.append(Row.pair(_("Tracking"), facts.tracking))
    blocks.append(Text(_("To return something, bring it with this slip to one of our stores."), "center"))
    return blocks
