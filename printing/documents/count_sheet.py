"""The sheet of a count: what to count on which shelf, and room to write. It says no figure of the books.

Whoever counts with the books in hand counts what the books say. So the sheet has the items in walking
order, each with an empty field, and at its end some empty rows for what lies there and is not on it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Blocks,
    day_and_time,
    ending,
    heading,
    last_four,
    signature,
    slip_codes,
)
from protocol.kit.text import _, language

FIELD: Final = "______"
EMPTY_ROWS: Final = 3


@dataclass(frozen=True, slots=True)
class CountSheetLine:
    """One item to count."""

    bin: str
    name: str
    sku: str
    barcode: str = ""
    again: bool = False
    """Another pass has to confirm it."""


@dataclass(frozen=True, slots=True)
class CountSheetFacts:
    """All that a count sheet says. Without lines, whatever lies there is counted."""

    number: str
    title: str
    store_name: str
    place: str
    printed_at: datetime
    printed_by: str
    lines: tuple[CountSheetLine, ...]
    note: str = ""
    demo: bool = False


def count_sheet(facts: CountSheetFacts) -> Document:
    """Return the sheet of a count."""
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("Count sheet"), "center", bold=True),
        Text(facts.number, "center", size=2, bold=True),
        *slip_codes("ct", facts.number, facts.number),
        Space(),
        Text(facts.title, bold=True),
        Row.pair(facts.store_name, facts.place),
        Row.pair(day_and_time(facts.printed_at), facts.printed_by),
        *([Text(_("Note: {note}", note=facts.note), bold=True)] if facts.note else []),
        Text(_("Count what stands there. What is picked or packed is not counted.")),
        Rule(heavy=True),
    ]
    shelf = None
    for line in facts.lines:
        if line.bin != shelf:
            shelf = line.bin
            blocks += [Text(shelf or _("no bin is known"), size=2, bold=True)]
        blocks += _line(line)
    blocks += [Rule(), Text(_("Lies there and is not listed"), bold=True)]
    for _n in range(EMPTY_ROWS):
        blocks += [Space(), Row(("_" * 20, FIELD), (0, len(FIELD)), ("left", "right"))]
    blocks += [*signature(_("Counted by")), *ending("count_sheet")]
    return Document(_("Count sheet {number}", number=facts.number), tuple(blocks), language.get())


def _line(line: CountSheetLine) -> Blocks:
    known = f"{line.sku} ...{last_four(line.barcode)}" if line.barcode else line.sku
    said = _("count again") if line.again else ""
    return [
        Row((line.name, FIELD), (0, len(FIELD)), ("left", "right")),
        Row((known, said), (0, max(1, len(said))), ("left", "right")),
        Space(),
    ]
