"""Walk for a transfer: scan, say what is not there, end the walk.

As with orders, a wrong scan is an answer and not a refusal, because a handheld's queue must go on behind
it. The end of the walk is one event, and what was not found takes effect there and only there.
"""

from collections.abc import Sequence

from edge_agent.catalog.rules import meaning_of
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.steps import promises
from edge_agent.once import once
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rules import Line, Walked, picked_line
from edge_agent.transfers.steps.commands import KeyOnly, ScanItem, SetFound, ShortPick, UndoScan
from edge_agent.transfers.steps.common import Asked, require, sending, tell
from edge_agent.transfers.steps.models import Done, Picked, Scanned
from protocol import transfer_messages as said
from protocol.errors import NotFound, Refused
from protocol.fulfilment import ShortLine, ShortReason, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import read_label
from protocol.transfers import SendState

_NOW = frozenset({SendState.ACCEPTED})


def scan(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: ScanItem, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Take an article that was scanned; a wrong one is named together with the one that is wanted.

    Raises:
        NotFound, Refused: there is nothing to walk for.
    """

    def step() -> Scanned:
        sending(unit.connection, transfer_id, _NOW)
        lines, walked = _walk(unit.connection, transfer_id)
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
        if command.line_no:
            lines = [line for line in lines if line.line_no == command.line_no]
        fitting = [line for line in lines if line.sku == product.sku]
        taking = next((line for line in fitting if _left(line, walked) > 0), None)
        if taking is not None:
            scan_id = _note(unit, edge, transfer_id, taking, units=1, how="scan", person=person)
            return _scanned("counted", taking, walked, scan_id=scan_id, more=1)
        if fitting:
            return _scanned(
                "over_scan",
                fitting[-1],
                walked,
                what=_("There is enough of {name} already: {wanted}.",
                       name=product.name, wanted=fitting[-1].open),
                remedy=_("Put this one back."),
            )  # fmt: skip
        wanted = next((line for line in lines if _left(line, walked) > 0), None)
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
        sending(unit.connection, transfer_id, _NOW)
        lines, walked = _walk(unit.connection, transfer_id)
        row = next(
            (
                each
                for each in work.scans(unit.connection, transfer_id, "pick")
                if not each.undone and command.scan_id in {"", each.scan_id}
            ),
            None,
        )
        line = next((each for each in lines if row is not None and each.line_no == row.line_no), None)
        if row is None or line is None or walked.get(line.line_no, Walked()).found < row.units:
            raise Refused(
                _("There is no scan to take back."), _("Set the number by hand."), code="nothing_to_undo"
            )
        work.undo_scan(unit, row.scan_id)
        tell(unit, edge)
        return _scanned("counted", line, walked, scan_id=row.scan_id, more=-row.units)

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
        sending(unit.connection, transfer_id, _NOW)
        lines, walked = _walk(unit.connection, transfer_id)
        line = _require_line(lines, command.line_no)
        known = walked.get(line.line_no, Walked())
        if command.units + known.short > line.open:
            raise _too_many(line, known)
        scan_id = ""
        if command.units != known.found:
            change = command.units - known.found
            scan_id = _note(unit, edge, transfer_id, line, units=change, how="hand", person=person)
        return _scanned("counted", line, walked, scan_id=scan_id, more=command.units - known.found)

    asked = Asked(to=f"transfer-set:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def short(unit: EdgeUnit, edge: Edge, transfer_id: str, command: ShortPick) -> tuple[Done, bool]:
    """Say that units of a line are not there; it takes effect when the walk ends.

    Raises:
        Refused: `too_many`, more than is left of the line.
    """

    def step() -> Done:
        found = sending(unit.connection, transfer_id, _NOW)
        lines, walked = _walk(unit.connection, transfer_id)
        line = _require_line(lines, command.line_no)
        known = walked.get(line.line_no, Walked())
        others = sum(units for reason, units in known.shorts if reason is not command.reason)
        if known.found + others + command.units > line.open:
            raise _too_many(line, known)
        work.set_short(unit, transfer_id, line.line_no, command.reason, command.units)
        tell(unit, edge)
        return Done(transfer_id=transfer_id, number=found.number, state=found.state)

    asked = Asked(to=f"transfer-short:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def finish(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: KeyOnly, *, person: CurrentPerson
) -> tuple[Picked, bool]:
    """End the walk: what was found is picked, what was not takes the effect of its reason.

    Raises:
        Refused: `unfinished`, with the lines that nobody has looked for.
    """

    def step() -> Picked:
        found = sending(unit.connection, transfer_id, _NOW)
        lines, walked = _walk(unit.connection, transfer_id)
        _check_finished(lines, walked)
        picked: list[UnitsLine] = []
        shorts: list[ShortLine] = []
        for line in lines:
            units, missing = picked_line(line, walked.get(line.line_no, Walked()))
            picked += [units] if units is not None else []
            shorts += missing
        body = said.TransferPicked(**found.ends, lines=tuple(picked), shorts=tuple(shorts))
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.forget(unit, [transfer_id])
        for each in shorts:
            if each.reason is ShortReason.NOT_FOUND:
                promises.count_due(unit, edge, each.sku, number=found.number, units=each.units)
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


def _walk(connection: Connection, transfer_id: str) -> tuple[list[Line], dict[int, Walked]]:
    lines = [line for line in rows.lines_of(connection, transfer_id) if line.open]
    return lines, work.walked(connection, transfer_id)


def _left(line: Line, walked: dict[int, Walked]) -> int:
    known = walked.get(line.line_no, Walked())
    return line.open - known.found - known.short


def _note(
    unit: EdgeUnit,
    edge: Edge,
    transfer_id: str,
    line: Line,
    *,
    units: int,
    how: str,
    person: CurrentPerson,
) -> str:
    row = work.ScanRow(
        scan_id=edge.ids.new_id(),
        work_id=transfer_id,
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
    outcome: str,
    line: Line,
    walked: dict[int, Walked],
    *,
    scan_id: str = "",
    more: int = 0,
    what: str = "",
    remedy: str = "",
) -> Scanned:
    return Scanned.model_validate(
        {
            "outcome": outcome,
            "scan_id": scan_id,
            "line_no": line.line_no,
            "sku": line.sku,
            "name": line.name,
            "found": walked.get(line.line_no, Walked()).found + more,
            "wanted": line.open,
            "what": what,
            "remedy": remedy,
        }
    )


def _require_line(lines: Sequence[Line], line_no: int) -> Line:
    line = next((each for each in lines if each.line_no == line_no), None)
    if line is None:
        raise NotFound(_("There is no such line."), _("Look at the transfer again."), code="no_line")
    return line


def _too_many(line: Line, known: Walked) -> Refused:
    return Refused(
        _("{wanted} of {name} are wanted: {found} found, {short} not there.",
          wanted=line.open, name=line.name, found=known.found, short=known.short),
        _("Take a number that fits."),
        code="too_many",
        wanted=line.open,
    )  # fmt: skip


def _check_finished(lines: Sequence[Line], walked: dict[int, Walked]) -> None:
    left = [line for line in lines if _left(line, walked) > 0]
    if left:
        raise Refused(
            _("{count} lines are not done: {names}.",
              count=len(left), names=", ".join(line.name for line in left[:3])),
            _("Scan what is there, and say of the rest why it is not."),
            code="unfinished",
            lines=[line.line_no for line in left],
        )  # fmt: skip
