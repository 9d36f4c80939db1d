"""The label of a carton that goes to another location of the company.

The code is the carton's SSCC as GS1-128, `(00)` in front, so that every scanner in every warehouse reads
it; it stands below in letters too, in groups, for when the label is wet. Who receives it is the largest
word, because a carton that was put into the wrong van is read by somebody who cannot scan it.
"""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Symbol, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, kilograms
from protocol.kit.text import _, language
from protocol.sscc import APPLICATION_IDENTIFIER, spaced


@dataclass(frozen=True, slots=True)
class CartonLabelFacts:
    """All that a carton label says. `orders` are the orders some of it is for."""

    sscc: str
    carton_no: int
    transfer: str
    source_name: str
    source_lines: tuple[str, ...]
    destination_name: str
    units: int
    packed_at: datetime
    orders: tuple[str, ...] = ()
    weight_grams: int | None = None
    demo: bool = False


def carton_label(facts: CartonLabelFacts) -> Document:
    """Return the label that is stuck on a carton."""
    items = _("1 item") if facts.units == 1 else _("{n} items", n=facts.units)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("From {sender}", sender=", ".join((facts.source_name, *facts.source_lines)))),
        Rule(heavy=True),
        Text(_("To")),
        Text(facts.destination_name, size=3, bold=True),
        Rule(heavy=True),
        Row.pair(_("Carton {n}", n=facts.carton_no), items, size=2, bold=True),
        Row.pair(_("Transfer"), facts.transfer, bold=True),
        Row.pair(_("Packed"), day_and_time(facts.packed_at)),
    ]
    if facts.weight_grams is not None:
        blocks.append(Row.pair(_("Weight"), kilograms(facts.weight_grams)))
    if facts.orders:
        blocks.append(Text(_("For orders: {numbers}", numbers=", ".join(facts.orders)), bold=True))
    blocks += [
        Space(),
        Symbol.gs1_128(APPLICATION_IDENTIFIER + facts.sscc),
        Text(f"({APPLICATION_IDENTIFIER}) {spaced(facts.sscc)}", "center"),
        *ending("carton_label"),
    ]
    title = _("Carton {n} of {transfer}", n=facts.carton_no, transfer=facts.transfer)
    return Document(title, tuple(blocks), language.get())
