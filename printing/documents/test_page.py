"""The test page: shows in one look whether width, letters, codes and knife are as configured."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Band, Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, codes, day_and_time, ending, heading
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class PrinterTestFacts:
    """What the test page says about the printer it was sent to."""

    place: str
    printer: str
    profile: str
    columns: int
    dots: int
    printed_at: datetime
    code: str
    demo: bool = False


def printer_test(facts: PrinterTestFacts) -> Document:
    """Return the test page of one printer."""
    ruler = "".join(str(column % 10) for column in range(1, facts.columns + 1))
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("Test page"), "center", size=2, bold=True),
        Text(facts.place, "center"),
        Rule(),
        Row.pair(_("Printer"), facts.printer),
        Row.pair(_("Profile"), facts.profile),
        Row.pair(_("Width"), _("{columns} columns, {dots} dots", columns=facts.columns, dots=facts.dots)),
        Row.pair(_("Printed"), day_and_time(facts.printed_at)),
        Rule(),
        Text(ruler),
        Text(_("The figures above must fill one line exactly.")),
        Space(),
        Text("ABCDEFGHIJKLM nopqrstuvwxyz 0123456789"),
        Text("£ € § ° ½ é è ñ ç å ø ä ö ü ß"),
        Text("č š ž ł ő Ж д Я α β Ω"),
        Text("東京 서울 القاهرة"),
        Text(_("Bold"), bold=True),
        Text(_("Large"), size=2),
        Band(_("White on black")),
        Space(),
        *codes(facts.code, "TEST-0123456789"),
        *ending("test_page"),
    ]
    return Document(_("Test page"), tuple(blocks), language.get())
