"""The pickup label: one per bag on the shelf, read from two metres away.

It hangs where everybody can see it. So it says surname, initial and the end of the order's number, and
there is no field for a telephone, an e-mail or an address that somebody could fill.
"""

from dataclasses import dataclass
from datetime import date

from printing.document import Band, Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, day, ending, heading, last_four, short_name, slip_codes
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class PickupLabelFacts:
    """All that a pickup label says. Of `customer_name` only surname and initial are printed."""

    store_name: str
    order_number: str
    customer_name: str
    bag_id: str
    bag_no: int
    bags: int
    shelf: str
    ready_on: date
    keep_until: date
    id_check: bool = False
    cold: bool = False
    fragile: bool = False
    demo: bool = False


def pickup_label(facts: PickupLabelFacts) -> Document:
    """Return the label of one bag that waits for its customer."""
    bag = _("{number} of {count}", number=facts.bag_no, count=facts.bags)
    flags = (
        (facts.id_check, _("ID CHECK")),
        (facts.cold, _("KEEP COLD")),
        (facts.fragile, _("FRAGILE")),
    )
    warning = " - ".join(words for flag, words in flags if flag)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(last_four(facts.order_number), "center", size=6, bold=True),
        Text(short_name(facts.customer_name), "center", size=2, bold=True),
        Space(),
        *([Band(warning)] if warning else []),
        Rule(),
        Row.pair(_("Shelf"), facts.shelf, size=2, bold=True),
        Row.pair(_("Bag"), bag, size=2, bold=True),
        Rule(),
        Row.pair(_("Ready"), day(facts.ready_on)),
        Row.pair(_("Keep until"), day(facts.keep_until), bold=True),
        *slip_codes("bg", facts.bag_id),
        Row.pair(facts.store_name, facts.order_number),
        *ending("pickup_label"),
    ]
    return Document(_("Pickup label {number}", number=facts.order_number), tuple(blocks), language.get())
