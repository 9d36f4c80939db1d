"""The void slip: takes a pick list back that is already out on the floor.

A list that was printed cannot be unprinted, so the order's number is as large as on the list itself:
whoever carries it sees at a glance that it is theirs.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Band, Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, last_four, slip_codes
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class VoidSlipFacts:
    """All that a void slip says. `assignment` is its id; `pick_list` the number of the list, if any."""

    store_name: str
    order_number: str
    assignment: str
    reason: str
    voided_at: datetime
    voided_by: str = ""
    pick_list: str = ""
    new_list: str = ""
    """Another list says what is wanted instead; empty when nothing of it is wanted any more."""
    demo: bool = False


def void_slip(facts: VoidSlipFacts) -> Document:
    """Return the slip that stops a pick."""
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Band(_("VOID - other units are wanted") if facts.new_list else _("VOID - do not pick")),
        Text(last_four(facts.order_number), "center", size=4, bold=True),
        Text(facts.order_number, "center"),
        Space(),
        Text(facts.reason, "center", bold=True),
        Rule(),
        Text(_instead(facts), "center", size=2, bold=True),
        Rule(),
    ]
    if facts.pick_list:
        blocks.append(Row.pair(_("Pick list"), facts.pick_list))
    if facts.new_list:
        blocks.append(Row.pair(_("New pick list"), facts.new_list))
    blocks.extend(
        [
            Row.pair(_("Assignment"), facts.assignment),
            Row.pair(day_and_time(facts.voided_at), facts.voided_by),
            Text(facts.store_name),
            *slip_codes("vs", facts.assignment),
            *ending("void_slip"),
        ]
    )
    return Document(_("Void {number}", number=facts.order_number), tuple(blocks), language.get())


def _instead(facts: VoidSlipFacts) -> str:
    if facts.new_list:
        return _("Throw this list away and take the new one.")
    return _("Put back what is picked already.")
