"""Walk for a transfer: scan, say what is not there, end the walk.

As with orders, a wrong scan is an answer and not a refusal, because a handheld's queue must go on behind
it. The end of the walk is one event, and what was not found takes effect there and only there.
"""

from collections.abc import Sequence

from edge_agent.catalog.rules import meaning_of
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.steps import promises
from edge_agent.once import Asked, once
from edge_agent.scans import nothing_to_undo, to_take_back
from edge_agent.stock.assigned import with_missed
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import Transfer
from edge_agent.transfers.rules import Line
from edge_agent.transfers.steps.commands import KeyOnly, ScanItem, SetFound, ShortPick, UndoScan
from edge_agent.transfers.steps.common import done_now, require, sending, tell
from edge_agent.transfers.steps.models import Done, Picked, Scanned
from edge_agent.walk import (
    OverScan,
    PickLine,
    Took,
    Walked,
    WrongItem,
    judge_scan,
    picked_lines,
    too_many,
    unfinished,
)
from protocol import transfer_messages as said
from protocol.errors import NotFound, Refused
from protocol.fulfilment import ShortLine, ShortReason, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import read_label
from protocol.transfers import SendState

_NOW = frozenset({SendState.ACCEPTED})
_WALKED = frozenset({SendState.PICKED, SendState.PACKED})


def scan(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: ScanItem, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Take an article that was scanned; a wrong one is named together with the one that is wanted.

    Raises:
        NotFound, Refused: there is nothing to walk for.
    """

    def step() -> Scanned:
        _walked_for(unit.connection, transfer_id)
        if meaning_of(command.code).kind == "slip" or read_label(command.code):
            return Scanned(
                outcome="not_an_item",
                what=_("This is the code of a slip or a carton, not of an article."),
                remedy=_("Scan the code on the article."),
            )
        product = edge.products.scan(unit.connection, command.code)
        if product is None:
            return Scanned(
                outcome="unknown_code",
                what=_("{code} is not in the catalogue of this store.", code=command.code[:40]),
                remedy=_("Scan it once more, or set the number by hand."),
            )
        focus = (transfer_id, command.line_no) if command.line_no else None
        match judge_scan(pick_lines(unit.connection, edge, transfer_id), product.sku, focus=focus):
            case Took(line):
                scan_id = _note(unit, edge, line, units=1, how="scan", person=person)
                return _scanned("counted", line, scan_id=scan_id, found=line.found + 1)
            case OverScan(line):
                return _scanned(
                    "over_scan",
                    line,
                    found=line.found,
                    what=_("There is enough of {name} already: {wanted}.",
                           name=product.name, wanted=line.wanted),
                    remedy=_("Put this one back."),
                )  # fmt: skip
            case WrongItem(wanted):
                return Scanned(
                    outcome="wrong_item",
                    sku=product.sku,
                    name=product.name,
                    what=_("This is {name}.", name=product.name),
                    remedy=_("Take {name}.", name=wanted.name) if wanted else _("Nothing more is wanted."),
                )

    asked = Asked(to=f"transfer-scan:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def undo(unit: EdgeUnit, edge: Edge, transfer_id: str, command: UndoScan) -> tuple[Scanned, bool]:
    """Take a scan back: the one that is named, else the last.

    Raises:
        Refused: `nothing_to_undo`.
    """

    def step() -> Scanned:
        _walked_for(unit.connection, transfer_id)
        lines = pick_lines(unit.connection, edge, transfer_id)
        row = to_take_back(work.scans(unit.connection, transfer_id, "pick"), command.scan_id)
        line = next((each for each in lines if row is not None and each.line_no == row.line_no), None)
        if row is None or line is None or line.found < row.units:
            raise nothing_to_undo(_("Set the number by hand."))
        work.undo_scan(unit, row.scan_id)
        tell(unit, edge)
        return _scanned("counted", line, scan_id=row.scan_id, found=line.found - row.units)

    asked = Asked(to=f"transfer-undo:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def set_found(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: SetFound, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Say by hand how many of a line were found.

    Raises:
        Refused: `too_many`, more than is wanted.
    """

    def step() -> Scanned:
        _walked_for(unit.connection, transfer_id)
        line = _require_line(pick_lines(unit.connection, edge, transfer_id), command.line_no)
        if command.units + line.short > line.wanted:
            raise too_many(line)
        scan_id = ""
        if command.units != line.found:
            change = command.units - line.found
            scan_id = _note(unit, edge, line, units=change, how="hand", person=person)
        return _scanned("counted", line, scan_id=scan_id, found=command.units)

    asked = Asked(to=f"transfer-set:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def short(unit: EdgeUnit, edge: Edge, transfer_id: str, command: ShortPick) -> tuple[Done, bool]:
    """Say that units of a line are not there; it takes effect when the walk ends.

    Raises:
        Refused: `too_many`, more than is left of the line.
    """

    def step() -> Done:
        _walked_for(unit.connection, transfer_id)
        line = _require_line(pick_lines(unit.connection, edge, transfer_id), command.line_no)
        known = work.walked(unit.connection, transfer_id).get(line.line_no, Walked())
        others = sum(units for reason, units in known.shorts if reason is not command.reason)
        if line.found + others + command.units > line.wanted:
            raise too_many(line)
        work.set_short(unit, transfer_id, line.line_no, command.reason, command.units)
        tell(unit, edge)
        return done_now(unit, transfer_id)

    asked = Asked(to=f"transfer-short:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def finish(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: KeyOnly, *, person: CurrentPerson
) -> tuple[Picked, bool]:
    """End the walk: what was found is picked, what was not takes the effect of its reason.

    Raises:
        Refused: `unfinished`, with the lines that nobody has looked for; `not_now`, it has ended.
    """

    def step() -> Picked:
        found = _walked_for(unit.connection, transfer_id)
        left = [line for line in pick_lines(unit.connection, edge, transfer_id) if line.left > 0]
        if left:
            raise unfinished(left, [line.line_no for line in left])
        walked = work.walked(unit.connection, transfer_id)
        picked: list[UnitsLine] = []
        shorts: list[ShortLine] = []
        for line in open_lines(unit.connection, transfer_id):
            units, missing = picked_lines(line, walked.get(line.line_no, Walked()))
            picked += [units] if units is not None else []
            shorts += missing
        shorts = [*with_missed(unit.connection, picked, shorts)]
        body = said.TransferPicked(**found.ends, lines=tuple(picked), shorts=tuple(shorts))
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.forget(unit, [transfer_id])
        for each in shorts:
            if each.reason is ShortReason.NOT_FOUND:
                promises.count_due(
                    unit, edge, each.sku, number=found.number, units=each.units, work="transfer"
                )
        if shorts:
            promises.watch(unit, edge, sorted({each.sku for each in shorts}))
        tell(unit, edge)
        return Picked(
            transfer_id=transfer_id,
            state=require(unit.connection, transfer_id).state,
            short_units=sum(each.units for each in shorts),
            seq=recorded.seq,
        )

    asked = Asked(to=f"transfer-finish:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Picked, step)


def open_lines(connection: Connection, transfer_id: str) -> list[Line]:
    """Return the lines of a transfer of which this store still sends something."""
    return [line for line in rows.lines_of(connection, transfer_id) if line.open]


def pick_lines(connection: Connection, edge: Edge, transfer_id: str) -> list[PickLine]:
    """Return what there is to take, as a walk sees it, in the order of the transfer."""
    lines = open_lines(connection, transfer_id)
    walked = work.walked(connection, transfer_id)
    products = edge.products.find_all(connection, [line.sku for line in lines])
    found = []
    for line in lines:
        done = walked.get(line.line_no, Walked())
        found.append(
            PickLine(
                assignment_id=transfer_id,
                line_no=line.line_no,
                number=line.order_number,
                tote="",
                sku=line.sku,
                name=line.name,
                bin=products[line.sku].bin if line.sku in products else "",
                wanted=line.open,
                found=done.found,
                short=done.short,
                due_us=0,
            )
        )
    return found


def _note(unit: EdgeUnit, edge: Edge, line: PickLine, *, units: int, how: str, person: CurrentPerson) -> str:
    row = work.ScanRow(
        scan_id=edge.ids.new_id(),
        work_id=line.assignment_id,
        step="pick",
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        sscc="",
        units=units,
        how=how,
        at_us=edge.clock.now_us(),
    )
    work.add_scan(unit, row, person.person_id)
    tell(unit, edge)
    return row.scan_id


def _scanned(
    outcome: str, line: PickLine, *, found: int, scan_id: str = "", what: str = "", remedy: str = ""
) -> Scanned:
    return Scanned.model_validate(
        {
            "outcome": outcome,
            "scan_id": scan_id,
            "line_no": line.line_no,
            "sku": line.sku,
            "name": line.name,
            "found": found,
            "wanted": line.wanted,
            "what": what,
            "remedy": remedy,
        }
    )


def _walked_for(connection: Connection, transfer_id: str) -> Transfer:
    """Return a transfer that somebody walks for; of one that was walked for, what comes next."""
    found = sending(connection, transfer_id, _NOW | _WALKED)
    if SendState(found.state) in _WALKED:
        raise Refused(
            _("The walk for transfer {number} has ended.", number=found.number),
            _("Pack what was found, then ship it.")
            if found.state == SendState.PICKED
            else _("It is packed: ship it."),
            code="not_now",
            state=found.state,
        )
    return found


def _require_line(lines: Sequence[PickLine], line_no: int) -> PickLine:
    line = next((each for each in lines if each.line_no == line_no), None)
    if line is None:
        raise NotFound(_("There is no such line."), _("Look at the transfer again."), code="no_line")
    return line
