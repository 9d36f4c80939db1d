"""Scan; say what is not there; end the walk.

A scan that is wrong is an answer and not a refusal, because a handheld's queue must go on behind it. The end
of the walk is one event for each order, and what was not found takes effect there and only there.
"""

from collections.abc import Sequence

from edge_agent.catalog.rules import meaning_of
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.steps import promises
from edge_agent.fulfil.steps.commands import FinishPick, ScanItem, SetFound, ShortPick, UndoScan
from edge_agent.fulfil.steps.common import check_device, tell, workable
from edge_agent.fulfil.steps.models import Done, Effect, Finished, Scanned, Shorted
from edge_agent.fulfil.steps.picking import current_list, pick_lines, walking
from edge_agent.once import Asked, once
from edge_agent.scans import nothing_to_undo, to_take_back
from edge_agent.stock.assigned import with_missed
from edge_agent.stock.rows import on_hand
from edge_agent.stock.rules import lost_before
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
from protocol import later
from protocol.errors import Invalid, NotFound
from protocol.fulfilment import ShortLine, ShortReason, UnitsLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState
from protocol.movements import Bucket


def scan(
    unit: EdgeUnit, edge: Edge, list_id: str, command: ScanItem, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Take an article that was scanned; a wrong one is named together with the one that is wanted.

    Raises:
        NotFound, Refused: the list cannot be walked.
    """

    def step() -> Scanned:
        found = walking(unit.connection, list_id)
        lines = pick_lines(unit.connection, edge, found)
        _check_devices(unit.connection, found, person)
        if meaning_of(command.code).kind == "slip":
            return Scanned(
                outcome="not_an_item",
                what=_("This is the code of a slip, not of an article."),
                remedy=_("Scan the code on the article."),
            )
        product = edge.products.scan(unit.connection, command.code)
        if product is None:
            return Scanned(
                outcome="unknown_code",
                what=_("{code} is not in the catalogue of this store.", code=command.code[:40]),
                remedy=_("Scan it once more, or set the number by hand."),
            )
        focus = None
        if command.assignment_id and command.line_no is not None:
            focus = (command.assignment_id, command.line_no)
        judged = judge_scan(lines, product.sku, focus=focus)
        return _judged(unit, edge, found, judged, (product.sku, product.name), person)

    asked = Asked(to=f"scan:{list_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def _judged(  # noqa: PLR0917 - one scan in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    found: work.PickList,
    judged: Took | WrongItem | OverScan,
    item: tuple[str, str],
    person: CurrentPerson,
) -> Scanned:
    sku, name = item
    match judged:
        case Took(line):
            scan_id = _note(unit, edge, found.list_id, line, units=1, how="scan", person=person)
            return _scanned("picked", line, scan_id=scan_id, found=line.found + 1)
        case OverScan(line):
            return _scanned(
                "over_scan",
                line,
                found=line.found,
                what=_("There is enough of {name} already: {wanted}.", name=name, wanted=line.wanted),
                remedy=_("Put this one back."),
            )
        case WrongItem(wanted):
            return Scanned(
                outcome="wrong_item",
                sku=sku,
                name=name,
                wanted_sku=wanted.sku if wanted else "",
                wanted_name=wanted.name if wanted else "",
                what=_("This is {name}.", name=name),
                remedy=_("Take {name} from {bin}.", name=wanted.name, bin=wanted.bin or "-")
                if wanted
                else _("Nothing more is wanted; end the walk."),
            )


def _scanned(
    outcome: str, line: PickLine, *, found: int, scan_id: str = "", what: str = "", remedy: str = ""
) -> Scanned:
    return Scanned.model_validate(
        {
            "outcome": outcome,
            "scan_id": scan_id,
            "assignment_id": line.assignment_id,
            "line_no": line.line_no,
            "tote": line.tote,
            "sku": line.sku,
            "name": line.name,
            "found": found,
            "wanted": line.wanted,
            "wanted_sku": line.sku,
            "wanted_name": line.name,
            "what": what,
            "remedy": remedy,
        }
    )


def _note(
    unit: EdgeUnit,
    edge: Edge,
    list_id: str,
    line: PickLine,
    *,
    units: int,
    how: str,
    person: CurrentPerson,
) -> str:
    scan_id = edge.ids.new_id()
    row = work.ScanRow(
        scan_id=scan_id,
        list_id=list_id,
        assignment_id=line.assignment_id,
        line_no=line.line_no,
        units=units,
        how=how,
        at_us=edge.clock.now_us(),
        undone=False,
    )
    work.add_scan(unit, row, person.person_id)
    tell(unit, edge)
    return scan_id


def _check_devices(connection: Connection, found: work.PickList, person: CurrentPerson) -> None:
    for assignment_id in found.assignments:
        each = rows.find(connection, assignment_id)
        if each is not None:
            check_device(connection, each, person)


def undo(
    unit: EdgeUnit, edge: Edge, list_id: str, command: UndoScan, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Take a scan back: the one that is named, else the last.

    Raises:
        Refused: `nothing_to_undo`.
    """

    def step() -> Scanned:
        found = walking(unit.connection, list_id)
        _check_devices(unit.connection, found, person)
        row = to_take_back(work.scans(unit.connection, found.list_id, 1_000), command.scan_id)
        lines = pick_lines(unit.connection, edge, found)
        line = None if row is None else _line_of(lines, row.assignment_id, row.line_no)
        if row is None or line is None or line.found < row.units:
            raise nothing_to_undo(_("Set the number by hand."))
        work.undo_scan(unit, row.scan_id)
        tell(unit, edge)
        return _scanned("picked", line, scan_id=row.scan_id, found=line.found - row.units)

    asked = Asked(to=f"undo:{list_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def _line_of(lines: Sequence[PickLine], assignment_id: str, line_no: int) -> PickLine | None:
    return next(
        (each for each in lines if (each.assignment_id, each.line_no) == (assignment_id, line_no)), None
    )


def _require_line(lines: Sequence[PickLine], assignment_id: str, line_no: int) -> PickLine:
    line = _line_of(lines, assignment_id, line_no)
    if line is None:
        raise NotFound(_("There is no such line on this list."), _("Look at the list again."), code="no_line")
    return line


def set_found(
    unit: EdgeUnit, edge: Edge, list_id: str, command: SetFound, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Say by hand how many of a line were found.

    Raises:
        Refused: `too_many`, more than is wanted.
    """

    def step() -> Scanned:
        found = walking(unit.connection, list_id)
        _check_devices(unit.connection, found, person)
        lines = pick_lines(unit.connection, edge, found)
        line = _require_line(lines, command.assignment_id, command.line_no)
        if command.units + line.short > line.wanted:
            raise too_many(line)
        scan_id = ""
        if command.units != line.found:
            change = command.units - line.found
            scan_id = _note(unit, edge, found.list_id, line, units=change, how="hand", person=person)
        return _scanned("picked", line, scan_id=scan_id, found=command.units)

    asked = Asked(to=f"set:{list_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def short(
    unit: EdgeUnit, edge: Edge, list_id: str, command: ShortPick, *, person: CurrentPerson
) -> tuple[Shorted, bool]:
    """Say that units of a line are not there, and what that will do; it happens when the walk ends.

    Raises:
        Refused: `too_many`, more than is left of the line.
    """

    def step() -> Shorted:
        found = walking(unit.connection, list_id)
        _check_devices(unit.connection, found, person)
        lines = pick_lines(unit.connection, edge, found)
        line = _require_line(lines, command.assignment_id, command.line_no)
        walked = work.walked(unit.connection, line.assignment_id).get(line.line_no, Walked(0))
        others = sum(units for reason, units in walked.shorts if reason is not command.reason)
        if line.found + others + command.units > line.wanted:
            raise too_many(line)
        work.set_short(unit, line.assignment_id, line.line_no, command.reason, command.units)
        tell(unit, edge)
        effect = effect_of(unit.connection, line, command.reason, command.units)
        return Shorted(
            assignment_id=line.assignment_id,
            line_no=line.line_no,
            units=command.units,
            effect=effect if command.units else None,
        )

    asked = Asked(to=f"short:{list_id}", command=command)
    return once(unit, edge, asked, command.key, Shorted, step)


def effects(
    connection: Connection, edge: Edge, list_id: str, line: tuple[str, int], units: int
) -> tuple[Effect, ...]:
    """Return what each reason would do to the stock, before anybody chooses one."""
    lines = pick_lines(connection, edge, current_list(connection, list_id))
    about = _require_line(lines, *line)
    return tuple(effect_of(connection, about, reason, units) for reason in ShortReason)


def effect_of(connection: Connection, line: PickLine, reason: ShortReason, units: int) -> Effect:
    """Return what a short pick does, in real numbers: what the books have lost before does not go again."""
    here = on_hand(connection, line.sku)
    before, left = here.rights.physical, here.standing_in(Bucket.SELLABLE) - line.found
    after = before - units + lost_before(reason, units, left=left, deficit=here.rights.deficit)
    change = _("stock {before} → {after}", before=before, after=after)
    routed = _("order goes back to routing")
    says = {
        ShortReason.NOT_FOUND: _(
            "not found: {change}, count task, web promises of this item here pause, {routed}",
            change=change,
            routed=routed,
        ),
        ShortReason.MISMATCH: _("fewer than in the books: {change}, {routed}", change=change, routed=routed),
        ShortReason.DAMAGED: _(
            "damaged: {change}, {units} kept apart, {routed}", change=change, units=units, routed=routed
        ),
        ShortReason.DISPLAY_WORN: _(
            "worn on display: {change}, {units} kept apart, {routed}",
            change=change,
            units=units,
            routed=routed,
        ),
    }
    return Effect(reason=reason, units=units, stock_before=before, stock_after=after, sentence=says[reason])


def finish(
    unit: EdgeUnit, edge: Edge, list_id: str, command: FinishPick, *, person: CurrentPerson
) -> tuple[Finished, bool]:
    """End the walk: what was found is picked, what was not takes the effect of its reason.

    Raises:
        Refused: `unfinished`, with the lines that nobody has looked for.
    """

    def step() -> Finished:
        found = walking(unit.connection, list_id)
        _check_devices(unit.connection, found, person)
        lines = pick_lines(unit.connection, edge, found)
        _check_finished(lines)
        done = [
            _end(unit, edge, assignment_id, found.list_id, person)
            for assignment_id in dict.fromkeys(line.assignment_id for line in lines)
        ]
        work.set_list(unit, found.list_id, "done")
        tell(unit, edge)
        return Finished(
            list_id=found.list_id,
            assignments=tuple(done),
            short_units=sum(line.short for line in lines),
        )

    asked = Asked(to=f"finish:{list_id}", command=command)
    return once(unit, edge, asked, command.key, Finished, step)


def _check_finished(lines: Sequence[PickLine]) -> None:
    left = [line for line in lines if line.left > 0]
    if left:
        raise unfinished(
            left,
            [
                {"assignment_id": line.assignment_id, "line_no": line.line_no, "left": line.left}
                for line in left
            ],
        )


def _end(unit: EdgeUnit, edge: Edge, assignment_id: str, list_id: str, person: CurrentPerson) -> Done:
    found = workable(unit.connection, assignment_id, person, {AssignmentState.PICKING})
    walked = work.walked(unit.connection, assignment_id)
    picked: list[UnitsLine] = []
    shorts: list[ShortLine] = []
    for line in rows.lines_of(unit.connection, assignment_id):
        units, missing = picked_lines(line, walked.get(line.line_no, Walked(0)))
        picked += [units] if units is not None else []
        shorts += missing
    shorts = [*with_missed(unit.connection, picked, shorts)]
    if not picked and not shorts:
        raise Invalid(_("Nothing was picked."), _("Scan something first."), code="nothing_picked")
    body = later.AssignmentPicked(
        assignment_id=assignment_id,
        order_id=found.order_id,
        number=found.number,
        list_id=list_id,
        lines=tuple(picked),
        shorts=tuple(shorts),
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    work.forget_walk(unit, assignment_id)
    for each in shorts:
        if each.reason is ShortReason.NOT_FOUND:
            promises.count_due(unit, edge, each.sku, number=found.number, units=each.units)
    if shorts:
        promises.watch(unit, edge, sorted({each.sku for each in shorts}))
    after = rows.find(unit.connection, assignment_id)
    assert after is not None
    if after.state is AssignmentState.SHORT:
        work.release(unit, (assignment_id,))
    return Done(assignment_id=assignment_id, state=after.state.value, seq=recorded.seq)
