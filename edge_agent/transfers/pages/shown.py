"""What the pages show of transfers: rows of lists, lines of a walk, what has arrived so far."""

import json
from dataclasses import dataclass, replace

from edge_agent.catalog.rows import barcodes_of
from edge_agent.context import Edge
from edge_agent.fulfil.pages.shown import ItemShown, PickShown
from edge_agent.fulfil.pages.shown import pick_lines as walk_shown
from edge_agent.fulfil.rules import SCANS_SHOWN
from edge_agent.fulfil.steps.models import PickLineView, ScanView
from edge_agent.fulfil.steps.views import pick_line
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import Slip, slip_label, state_label
from edge_agent.stock.rows import on_hand_of
from edge_agent.transfers.pages.words import cartons_word, next_word, reason_word, state_word
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rules import Counted, Line, loose
from edge_agent.transfers.steps import walking
from edge_agent.transfers.steps.common import arrived_so_far
from edge_agent.transfers.steps.models import TransferView
from edge_agent.transfers.steps.packing import packed_cartons
from edge_agent.words import items_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.stock import bin_key


@dataclass(frozen=True, slots=True)
class RowShown:
    """One transfer in a list."""

    transfer_id: str
    number: str
    place: str
    says: str
    state: tuple[str, Shape]
    next_word: str


@dataclass(frozen=True, slots=True)
class ArrivedShown:
    """One line of an arrival: what was announced, what has been said of it so far."""

    line_no: int
    sku: str
    name: str
    expected: int
    here: int
    damaged: int
    before: int
    order_number: str
    says: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class SlipShown:
    """A slip of a transfer, and what became of it."""

    job_id: str
    label: str
    state: str
    at_us: int


def names_of(connection: Connection) -> dict[str, str]:
    """Return the names of other locations."""
    return dict(rows.known_places(connection))


def row(names: dict[str, str], each: TransferView) -> RowShown:
    """Return one transfer for a list."""
    place = names.get(each.other, each.other)
    words = [items_word(each.units), reason_word(each.reason)]
    if each.cartons:
        words.insert(1, cartons_word(len(each.cartons)))
    return RowShown(
        transfer_id=each.transfer_id,
        number=each.number,
        place=_("to {place}", place=place) if each.way == "out" else _("from {place}", place=place),
        says=", ".join(words),
        state=state_word(each),
        next_word=next_word(each),
    )


def pick_lines(connection: Connection, edge: Edge, transfer_id: str) -> tuple[PickShown, ...]:
    """Return the lines of a walk in the order of the bins; the first not done is the one to find next."""
    lines = walking.pick_lines(connection, edge, transfer_id)
    lines.sort(key=lambda line: (bin_key(line.bin), line.line_no))
    here = on_hand_of(connection, [line.sku for line in lines])
    orders = {line.line_no: line.number for line in lines}

    def says(line: PickLineView) -> str:
        number = orders[line.line_no]
        return _("for order {number}", number=number) if number else ""

    views = [pick_line(replace(line, number=""), here[line.sku]) for line in lines]
    return walk_shown(connection, views, says)


def scans(connection: Connection, transfer_id: str) -> list[ScanView]:
    """Return the last scans of a walk, the newest first."""
    return [
        ScanView(
            scan_id=each.scan_id,
            assignment_id=each.work_id,
            line_no=each.line_no,
            name=each.name,
            units=each.units,
            how=each.how,
            at_us=each.at_us,
            undone=each.undone,
        )
        for each in work.scans(connection, transfer_id, "pick", SCANS_SHOWN)
    ]


def to_pack(connection: Connection, transfer_id: str) -> tuple[ItemShown, ...]:
    """Return what is picked and lies in no carton yet, by article."""
    lines = rows.lines_of(connection, transfer_id)
    closed = packed_cartons(connection, transfer_id)
    left = loose(lines, [line for carton in closed for line in carton.lines])
    units: dict[str, int] = {}
    for line in lines:
        if left.get(line.line_no):
            units[line.sku] = units.get(line.sku, 0) + left[line.line_no]
    named = {line.sku: line.name for line in lines}
    return tuple(
        ItemShown(named[sku], sku, count, json.dumps([sku, *barcodes_of(connection, sku)]))
        for sku, count in units.items()
    )


def arrived_lines(connection: Connection, edge: Edge, transfer_id: str) -> tuple[ArrivedShown, ...]:
    """Return what has been scanned and said so far of what arrives, line by line."""
    lines = rows.lines_of(connection, transfer_id)
    named = {line.line_no: line for line in lines}
    said = {(each.line_no, each.sku) for each in work.words(connection, transfer_id)}
    so_far = {(each.line_no, each.sku): each for each in arrived_so_far(connection, lines, transfer_id)}
    shown = [
        _arrived(line, so_far.get((line.line_no, line.sku)), (line.line_no, line.sku) in said)
        for line in lines
    ]
    unknown = [each for key, each in so_far.items() if key[0] not in named and each.units]
    products = edge.products.find_all(connection, [each.sku for each in unknown])
    for each in unknown:
        name = products[each.sku].name if each.sku in products else each.sku
        says = _("not announced, taken in as it is")
        shown.append(ArrivedShown(0, each.sku, name, 0, each.units, each.damaged, 0, "", says, "wait"))
    return tuple(shown)


def _arrived(line: Line, so_far: Counted | None, spoken: bool) -> ArrivedShown:
    here = so_far.units if so_far else 0
    damaged = so_far.damaged if so_far else 0
    words = []
    shape: Shape = "calm"
    if here > line.room:
        words.append(_("{n} more than announced", n=here - line.room))
        shape = "act"
    if damaged:
        words.append(_("{n} damaged", n=damaged))
        shape = "act"
    if spoken and here < line.expected:
        words.append(_("{n} not there", n=line.expected - here))
        shape = "act"
    if line.missing:
        words.append(_("{n} said to be missing", n=line.missing))
    if line.order_number:
        words.append(_("for order {number}", number=line.order_number))
    if not words and here and here >= line.expected:
        shape = "done"
    return ArrivedShown(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        expected=line.expected,
        here=here,
        damaged=damaged,
        before=line.received,
        order_number=line.order_number,
        says=", ".join(words),
        shape=shape,
    )


def slips(connection: Connection, number: str) -> tuple[SlipShown, ...]:
    """Return the paper of a transfer, the newest first."""
    jobs = paper_rows.jobs(connection, state="", business_id=number, limit=20)
    return tuple(
        SlipShown(job.job_id, slip_label(job.document), state_label(job.state), job.queued_us)
        for job in jobs
        if job.document in {Slip.CARTON_LABEL, Slip.TRANSFER_MANIFEST}
    )
