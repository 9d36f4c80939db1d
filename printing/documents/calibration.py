"""The code page slip: which letters this printer has under which number, to be read off by a person.

Clones renumber code pages, and even libraries disagree about them. The slip prints the upper half of the
tables that matter, each under its number; whoever set the printer up then says where the euro and the
umlauts stand.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from printing.document import Document, Letters, Row, Rule, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading
from protocol.kit.text import _, language

TABLES: Final = (0, 2, 3, 4, 5, 13, 15, 16, 17, 18, 19, 47)
SAMPLES: Final = {  # shown on the screen, not on the slip, whose letters are what is in question
    "cp858": "é ü ñ £ €",
    "cp437": "é ü ñ £",
    "cp1252": "é ü € „ “",
    "cp852": "č š ž ł ő",
    "cp866": "Ж д Я",
    "iso8859_7": "α β Ω",
    "cp857": "ğ ı ş",
}


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """What the slip says about the printer it was sent to."""

    printer: str
    profile: str
    printed_at: datetime
    demo: bool = False


def calibration(facts: CalibrationFacts) -> Document:
    """Return the code page slip of one printer."""
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("Code pages"), "center", size=2, bold=True),
        Row.pair(facts.printer, facts.profile),
        Row.pair(_("Printed"), day_and_time(facts.printed_at)),
        Rule(),
        Text(_("Look for the letters that the printer's page shows, and tell it their tables.")),
        Rule(),
    ]
    for table in TABLES:
        blocks += [Text(_("Table {number}", number=table), bold=True), Letters(table)]
    return Document(_("Code pages"), (*blocks, *ending("calibration")), language.get())
