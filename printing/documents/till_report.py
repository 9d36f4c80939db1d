"""The X and the Z: what a till took, and at the close what was counted against it.

An X is a look at the open period and changes nothing; a Z closes it. The Z names the range of its
stream and the hash of that range, so that the paper in the folder can be held against the books.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import Blocks, codes, company, day_and_time, ending, heading, money, tax_table
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class TenderCount:
    """One way of paying: expected by the books, counted by hand (None on an X or if not counted)."""

    label: str
    expected_minor: int
    counted_minor: int | None = None


@dataclass(frozen=True, slots=True)
class TillReportFacts:
    """All that an X or a Z says. `counts` and `sums` are labels with figures, in the order to print."""

    kind: Literal["X", "Z"]
    store_name: str
    store_lines: tuple[str, ...]
    vat_number: str
    number: str
    business_date: str
    till: str
    associate: str
    opened_at: datetime
    printed_at: datetime
    counts: tuple[tuple[str, int], ...]
    sums: tuple[tuple[str, int], ...]
    tax: tuple[tuple[int, int, int], ...]
    tenders: tuple[TenderCount, ...]
    first_stream_number: int
    last_stream_number: int
    range_hash: str
    currency: str
    code: str
    demo: bool = False


def till_report(facts: TillReportFacts) -> Document:
    """Return the X or the Z of a till."""
    title = _("Day close (Z)") if facts.kind == "Z" else _("Reading (X)")
    blocks: Blocks = [
        *heading(demo=facts.demo),
        *company(facts.store_name, facts.store_lines, facts.vat_number),
        Rule(heavy=True),
        Text(title, "center", size=2, bold=True),
        Text(facts.number, "center", bold=True),
        Rule(heavy=True),
        Row.pair(_("Business date"), facts.business_date, bold=True),
        Row.pair(_("Till"), facts.till),
        Row.pair(_("By"), facts.associate),
        Row.pair(_("Opened"), day_and_time(facts.opened_at)),
        Row.pair(_("Printed"), day_and_time(facts.printed_at)),
        Rule(),
        *(Row.pair(label, str(count)) for label, count in facts.counts),
        Rule(),
        *(Row.pair(label, money(amount, facts.currency)) for label, amount in facts.sums),
        Rule(),
        *tax_table(facts.tax, facts.currency),
        Rule(),
        *_tenders(facts),
        Rule(),
        *_range(facts),
    ]
    if facts.kind == "Z":
        blocks.extend([Space(2), Rule(), Text(_("Signature")), Space(), *codes(facts.code)])
    else:
        blocks.append(Text(_("A reading closes nothing: the period goes on."), "center"))
    blocks.extend(ending("till_report"))
    return Document(f"{title} {facts.number}", tuple(blocks), language.get())


def _tenders(facts: TillReportFacts) -> Blocks:
    blocks: Blocks = []
    for tender in facts.tenders:
        blocks.append(Row.pair(tender.label, money(tender.expected_minor, facts.currency), bold=True))
        if tender.counted_minor is None:
            continue
        difference = tender.counted_minor - tender.expected_minor
        word = _("Over") if difference > 0 else _("Short") if difference < 0 else _("Difference")
        blocks.append(Row.pair("  " + _("Counted"), money(tender.counted_minor, facts.currency)))
        blocks.append(Row.pair(f"  {word}", money(difference, facts.currency), bold=difference != 0))
    return blocks


def _range(facts: TillReportFacts) -> Blocks:
    span = f"{facts.first_stream_number} - {facts.last_stream_number}"
    return [
        Row.pair(_("Stream numbers"), span),
        Row.pair(_("Hash of the range"), facts.range_hash[:16]),
    ]
