"""The pick list: what to take from which bin, for which orders, by when.

Lines stand in the order of the walk, whatever order they come in. A list of several orders is a batch:
each order has a tote, and every line names the tote it goes into. Between the bins nobody reads, so
quantity, bin and tote are large and everything else is small.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from printing.document import Align, Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Blocks,
    day,
    day_and_time,
    ending,
    heading,
    last_four,
    short_name,
    slip_codes,
)
from protocol.kit.text import _, language
from protocol.stock import bin_key

TICK: Final = "[]"  # enlarged it is a box of its own
BOX: Final = "[ ]"


@dataclass(frozen=True, slots=True)
class PickAssignment:
    """One order on the list. Of `customer_name` only surname and initial are printed.

    `service` is the carrier's, for an order that is shipped. `tote` is a letter, used in a batch.
    """

    order_number: str
    kind: Literal["collect", "ship"]
    due_at: datetime | None
    customer_name: str = ""
    service: str = ""
    tote: str = ""
    note: str = ""
    gift: bool = False


@dataclass(frozen=True, slots=True)
class PickLine:
    """One thing to take. `substitution` says in words what may be taken instead."""

    bin: str
    name: str
    sku: str
    barcode: str
    quantity: int
    order_number: str
    tote: str = ""
    substitution: str = ""


@dataclass(frozen=True, slots=True)
class PickListFacts:
    """All that a pick list says."""

    number: str
    store_name: str
    station: str
    printed_at: datetime
    printed_by: str
    assignments: tuple[PickAssignment, ...]
    lines: tuple[PickLine, ...]
    demo: bool = False


def pick_list(facts: PickListFacts) -> Document:
    """Return the pick list of one order or of a batch."""
    units = sum(line.quantity for line in facts.lines)
    orders = len(facts.assignments)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(_("Pick list"), "center", bold=True),
        Text(facts.number, "center", size=2, bold=True),
        *slip_codes("pl", facts.number, facts.number),
        Space(),
        Row.pair(facts.store_name, facts.station),
        Row.pair(day_and_time(facts.printed_at), facts.printed_by),
        Row.pair(_("Orders: {count}", count=orders), _("Units: {count}", count=units), bold=True),
        Rule(heavy=True),
    ]
    for assignment in facts.assignments:
        blocks.extend(_assignment(assignment, facts))
        blocks.append(Rule())
    blocks[-1] = Rule(heavy=True)
    figures = max((len(_times(line)) for line in facts.lines), default=1)
    for at, line in enumerate(sorted(facts.lines, key=walk_order)):
        blocks.extend([Rule()] if at else [])
        blocks.extend(_line(line, figures, in_batch=orders > 1))
    blocks.extend(ending("pick_list"))
    return Document(_("Pick list {number}", number=facts.number), tuple(blocks), language.get())


def walk_order(line: PickLine) -> tuple[object, ...]:
    """Return where a line comes on the walk: bin 2 before bin 10, and what has no bin at the end."""
    return (bin_key(line.bin), line.name, line.sku, line.tote)


def _assignment(assignment: PickAssignment, facts: PickListFacts) -> Blocks:
    due = _("no hurry") if assignment.due_at is None else _("by {time}", time=f"{assignment.due_at:%H:%M}")
    if len(facts.assignments) > 1:
        due = f"{assignment.tote} {due}"
    way = _("Collect") if assignment.kind == "collect" else _("Ship")
    if assignment.service:
        way = f"{way} - {assignment.service}"
    blocks: Blocks = [Row.pair(due, last_four(assignment.order_number), size=2, bold=True)]
    if assignment.due_at is not None and assignment.due_at.date() != facts.printed_at.date():
        blocks.append(Text(_("on {day}", day=day(assignment.due_at)), bold=True))
    blocks.append(Row.pair(way, assignment.order_number))
    if assignment.customer_name:
        blocks.append(Text(short_name(assignment.customer_name)))
    if assignment.gift:
        blocks.append(Text(_("GIFT: no prices in the parcel"), bold=True))
    if assignment.note:
        blocks.append(Text(_("Note: {note}", note=assignment.note), bold=True))
    return blocks


def _times(line: PickLine) -> str:
    return f"{line.quantity}x"


def _line(line: PickLine, figures: int, *, in_batch: bool) -> Blocks:
    """Return one thing to take; what is small stands below the bin, clear of the quantities."""
    cells: tuple[str, ...] = (_times(line), line.bin.strip() or "-", TICK)
    widths: tuple[int, ...] = (figures, 0, len(TICK))
    aligns: tuple[Align, ...] = ("right", "left", "right")
    if in_batch:
        cells, widths, aligns = (
            (*cells[:2], line.tote, TICK),
            (*widths[:2], max(len(line.tote), 1), len(TICK)),
            (*aligns[:2], "right", "right"),
        )
    indent = 2 * (figures + 1) - 1
    known = f"{line.sku} ...{last_four(line.barcode)}" if line.barcode else line.sku
    short = _("short") + f" {BOX}"
    blocks: Blocks = [
        Row(cells, widths, aligns, size=2, bold=True),
        Row(("", line.name), (indent, 0)),
        Row(("", known, short), (indent, 0, len(short)), ("left", "left", "right")),
    ]
    if line.substitution:
        blocks.append(Row(("", _("If missing: {rule}", rule=line.substitution)), (indent, 0)))
    return blocks
