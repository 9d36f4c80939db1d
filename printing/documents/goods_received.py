"""The slip of goods received: what a supplier brought, against what was announced.

It goes with the supplier's delivery note to whoever pays the invoice. So what was short, too many or damaged
stands beside the item, costs stand where they are known, and a correction prints the slip anew with its mark.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Band, Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, money, signature, slip_codes
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class GoodsReceivedLine:
    """One item of a receipt."""

    name: str
    sku: str
    expected: int
    good: int
    damaged: int
    unit_cost_minor: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GoodsReceivedFacts:
    """All that the slip says. `announced`: somebody had said what would come."""

    number: str
    store_name: str
    store_lines: tuple[str, ...]
    supplier: str
    reference: str
    received_at: datetime
    received_by: str
    currency: str
    lines: tuple[GoodsReceivedLine, ...]
    announced: bool
    corrections: int = 0
    demo: bool = False


def goods_received(facts: GoodsReceivedFacts) -> Document:
    """Return the slip of one receipt."""
    good, damaged = sum(line.good for line in facts.lines), sum(line.damaged for line in facts.lines)
    worth = sum((line.good + line.damaged) * line.unit_cost_minor for line in facts.lines)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("Goods received"), "center", bold=True),
        Text(facts.number, "center", size=2, bold=True),
        *slip_codes("gr", facts.number, facts.number),
        *([Band(_("CORRECTED {n} times", n=facts.corrections))] if facts.corrections else []),
        Space(),
        Row.pair(_("Supplier"), facts.supplier, bold=True),
        *([Row.pair(_("Delivery note"), facts.reference)] if facts.reference else []),
        Text(facts.store_name),
        *(Text(line) for line in facts.store_lines),
        Row.pair(day_and_time(facts.received_at), facts.received_by),
        Rule(heavy=True),
    ]
    for line in facts.lines:
        blocks += _line(line, facts)
    blocks += [
        Rule(heavy=True),
        Row.pair(_("To the shelf"), str(good), bold=True),
        *([Row.pair(_("Kept apart, damaged"), str(damaged), bold=True)] if damaged else []),
        Row.pair(_("Cost in {currency}", currency=facts.currency), money(worth, facts.currency)),
        *signature(_("Checked by")),
        *ending("goods_received"),
    ]
    return Document(_("Goods received {number}", number=facts.number), tuple(blocks), language.get())


def _line(line: GoodsReceivedLine, facts: GoodsReceivedFacts) -> Blocks:
    came = line.good + line.damaged
    cost = money(line.unit_cost_minor, facts.currency) if line.unit_cost_minor else "-"
    blocks: Blocks = [
        Row((f"{came}x", line.name), (max(3, len(str(came)) + 1), 0), ("right", "left"), bold=True),
        Row.pair(line.sku, _("{cost} each", cost=cost)),
    ]
    said = []
    if facts.announced and line.expected != came:
        gap = came - line.expected
        said.append(
            _("{n} too many, {expected} announced", n=gap, expected=line.expected)
            if gap > 0
            else _("{n} short of {expected}", n=-gap, expected=line.expected)
        )
    if line.damaged:
        said.append(_("{n} damaged", n=line.damaged))
    blocks += [Text("! " + text) for text in said]
    return blocks
