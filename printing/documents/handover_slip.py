"""The handover slip: proof of what went over the counter, and of what did not yet.

The first question is always whether anything is missing, so that is what is large. How the collector
was verified is said, who they are is not.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Block, Document, Row, Rule, Text
from printing.documents.parts import (
    Back,
    Blocks,
    day_and_time,
    ending,
    heading,
    money,
    own_back,
    return_until,
    signature,
    slip_codes,
    usual_back,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class HandoverLine:
    """Units that were handed over, or that remain."""

    name: str
    sku: str
    quantity: int
    back: Back | None = None
    """Until when it may come back, of what was handed over; None where that is not said."""


@dataclass(frozen=True, slots=True)
class HandoverSlipFacts:
    """All that a handover slip says. `handover_id` is what its code says; `paid` only what was paid now."""

    store_name: str
    store_lines: tuple[str, ...]
    order_number: str
    handover_id: str
    handed_over_at: datetime
    associate: str
    verified: str
    lines: tuple[HandoverLine, ...]
    remaining: tuple[HandoverLine, ...] = ()
    paid: tuple[tuple[str, int], ...] = ()
    currency: str = ""
    sign: bool = True
    demo: bool = False


def handover_slip(facts: HandoverSlipFacts) -> Document:
    """Return the proof of a handover."""
    usual = usual_back(line.back for line in facts.lines)
    left = sum(line.quantity for line in facts.remaining)
    outcome: Block = Text(_("All handed over"), "center", size=2, bold=True)
    if left:
        outcome = Row.pair(_("Still to come"), str(left), size=2, bold=True)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(facts.store_name, "center", size=2, bold=True),
        *(Text(line, "center") for line in facts.store_lines),
        Rule(),
        Row.pair(_("Handover"), facts.order_number, bold=True),
        Row.pair(day_and_time(facts.handed_over_at), facts.associate),
        Row.pair(_("Verified by"), facts.verified),
        Rule(),
        *_lines(facts.lines, usual),
        Rule(heavy=True),
        outcome,
        *_lines(facts.remaining),
        *_paid(facts),
    ]
    blocks.extend(return_until(usual))
    if facts.sign:
        blocks.extend(signature(_("Customer's signature")))
    blocks.extend([*slip_codes("ho", facts.handover_id, facts.order_number), *ending("handover_slip")])
    return Document(_("Handover {number}", number=facts.order_number), tuple(blocks), language.get())


def _lines(lines: tuple[HandoverLine, ...], usual: Back | None = None) -> Blocks:
    blocks: Blocks = []
    for line in lines:
        blocks.extend([Text(f"{line.quantity} x {line.name}"), Text(f"  {line.sku}")])
        blocks.extend(own_back(line.back, usual))
    return blocks


def _paid(facts: HandoverSlipFacts) -> Blocks:
    if not facts.paid:
        return []
    total = money(sum(amount for _label, amount in facts.paid), facts.currency)
    return [
        Rule(),
        Row.pair(_("Paid now {currency}", currency=facts.currency), total, bold=True),
        *(Row.pair(label, money(amount, facts.currency)) for label, amount in facts.paid),
    ]
