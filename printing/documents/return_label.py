"""The label of a parcel in which a customer sends something back.

The driver reads the address; whoever opens the parcel scans the code, which finds the return also where
nobody has heard of it yet.
"""

from dataclasses import dataclass
from datetime import date

from printing.document import Document, Row, Rule, Text
from printing.documents.parts import Blocks, day, ending, heading, slip_codes
from protocol.kit.text import _, language

SLIP_TYPE = "ra"


@dataclass(frozen=True, slots=True)
class ReturnLabelFacts:
    """All that the label of a return says. Address lines are printed as they come."""

    number: str
    order_number: str
    tracking: str
    sender_name: str
    sender_lines: tuple[str, ...]
    recipient_name: str
    recipient_lines: tuple[str, ...]
    send_by: date
    lines: tuple[tuple[int, str], ...]
    """(units, name) of what belongs into the parcel."""
    demo: bool = False


def return_label(facts: ReturnLabelFacts) -> Document:
    """Return the label that a customer sticks on a parcel."""
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("From {sender}", sender=", ".join((facts.sender_name, *facts.sender_lines)).strip(", "))),
        Rule(heavy=True),
        Text(facts.recipient_name, size=2, bold=True),
        *(Text(line, size=2) for line in facts.recipient_lines),
        Rule(heavy=True),
        Row.pair(_("Return {number}", number=facts.number), _("Order {number}", number=facts.order_number)),
        Row.pair(_("Send it by"), day(facts.send_by)),
        *(Row.pair(name, str(units)) for units, name in facts.lines),
        *slip_codes(SLIP_TYPE, facts.number, facts.tracking),
        *ending("return_label"),
    ]
    return Document(_("Return {number}", number=facts.number), tuple(blocks), language.get())
