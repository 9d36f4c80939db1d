"""The shipping label of a parcel that goes with a carrier whose labels we print ourselves.

The driver reads the address and scans the tracking number; both have the room. A tracking number too
long for narrow paper is printed in letters, and its QR code says it to the scanner.
"""

from dataclasses import dataclass

from printing.document import Document, Row, Rule, Text
from printing.documents.parts import Blocks, ending, heading, kilograms, slip_codes
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ShippingLabelFacts:
    """All that a shipping label says. Address lines are printed as they come, the country last."""

    sender_lines: tuple[str, ...]
    recipient_name: str
    recipient_lines: tuple[str, ...]
    service: str
    order_number: str
    tracking: str
    parcel_no: int
    parcels: int
    weight_grams: int | None = None
    demo: bool = False


def shipping_label(facts: ShippingLabelFacts) -> Document:
    """Return the label that is stuck on a parcel."""
    tracking = "".join(facts.tracking.split())  # people write it in groups, scanners want none
    parcel = _("Parcel {number} of {count}", number=facts.parcel_no, count=facts.parcels)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("From {sender}", sender=", ".join(facts.sender_lines))),
        Rule(heavy=True),
        Text(facts.recipient_name, size=2, bold=True),
        *(Text(line, size=2) for line in facts.recipient_lines),
        Rule(heavy=True),
        Text(facts.service, size=2, bold=True),
        Row.pair(parcel, kilograms(facts.weight_grams), bold=True),
        Row.pair(_("Order"), facts.order_number),
        *slip_codes("tr", tracking, tracking),
        *ending("shipping_label"),
    ]
    return Document(f"{facts.order_number}, {parcel}", tuple(blocks), language.get())
