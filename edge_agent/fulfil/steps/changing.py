"""Other units are wanted for an assignment: less of it, more of it, all of what was asked for or nothing.

Only what lies on its shelf can be left there, and only a walk that nobody has begun can become longer: so a
change is refused rather than half done. Paper that was printed before is taken back by a slip that names the
new list, because whoever walks with the old one would fetch what nobody wants any more.
"""

from collections.abc import Iterable, Mapping

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import facts, work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import OPEN_STATES, Line
from edge_agent.fulfil.steps import promises, slips
from edge_agent.fulfil.steps.common import tell
from edge_agent.walk import Walked
from protocol import later
from protocol.directives import AssignmentChange
from protocol.errors import Refused
from protocol.fulfilment import AssignedLine, PutBackLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState


def change(unit: EdgeUnit, edge: Edge, body: AssignmentChange) -> None:
    """Take a change of the hub's over; the event that it records is the answer.

    Raises:
        Refused: nothing of it can be done, and why: `no_assignment`, `too_late`, `cancel_asked`,
            `checked_out`, `picked_already`, `picking_begun` or `unknown_sku`.
    """
    found = rows.find(unit.connection, body.assignment_id)
    if found is None:
        raise Refused("This store never had that assignment.", "Offer it first.", code="no_assignment")
    if _made_before(unit.connection, body.change_id):
        return
    _must_be_free(unit.connection, found)
    dropped = _dropped(unit.connection, found, {line.line_no: line.units for line in body.dropped})
    _must_be_known(unit, edge, found, body.added)
    changed = later.AssignmentChanged(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        change_id=body.change_id,
        dropped=dropped,
        added=facts.goods_of(body.added),
        reason=body.reason,
    )
    edge.journal.record(unit, changed)
    new_paper(unit, edge, found, body.change_id, by=SYSTEM)
    skus = {line.sku for line in body.added} | {line.sku for line in dropped}
    promises.watch(unit, edge, sorted(skus))
    tell(unit, edge)


def unpicked(connection: Connection, found: Assignment) -> dict[int, int]:
    """Return the units by line that still lie on their shelf and that nobody looked for in vain."""
    walked = work.walked(connection, found.assignment_id)
    return {
        line.line_no: max(0, line.to_pick - _looked_for(walked.get(line.line_no, Walked(0))))
        for line in rows.lines_of(connection, found.assignment_id)
    }


def _made_before(connection: Connection, change_id: str) -> bool:
    """Tell whether a change was made before this database was put back: its event is here again by now."""
    row = connection.execute(
        "SELECT 1 FROM brought_back JOIN events USING (seq) WHERE kind = 'assignment.changed'"
        " AND CAST(bytes AS TEXT) ->> '$.body.change_id' = ? LIMIT 1",
        (change_id,),
    ).fetchone()
    return row is not None


def _looked_for(walked: Walked) -> int:
    return walked.found + sum(units for _reason, units in walked.shorts)


def _must_be_free(connection: Connection, found: Assignment) -> None:
    if found.state not in OPEN_STATES:
        raise Refused(
            f"The assignment is {found.state.value.replace('_', ' ')} already.",
            "Tell the customer that it is too late.",
            code="too_late",
            state=found.state.value,
        )
    if found.cancel_asked:
        raise Refused(
            f"Order {found.number} is to be given up already.", "Wait for its answer.", code="cancel_asked"
        )
    held = work.hold_of(connection, found.assignment_id)
    if held is not None:
        raise Refused(
            f"Order {found.number} is checked out to {held.device}.",
            "Ask again when that device is back.",
            code="checked_out",
            device=held.device,
        )


def _must_be_known(unit: EdgeUnit, edge: Edge, found: Assignment, added: Iterable[AssignedLine]) -> None:
    wanted = [line.sku for line in facts.goods_of(added)]
    if wanted and found.state is not AssignmentState.ACKNOWLEDGED:
        raise Refused(
            f"Order {found.number} is being picked or is ready already.",
            "Have it fetched as a part of its own.",
            code="picking_begun",
            state=found.state.value,
        )
    missing = sorted(set(wanted) - edge.products.find_all(unit.connection, wanted).keys())
    if missing:
        raise Refused(
            f"This store does not know {', '.join(missing[:5])}.",
            "Publish a catalogue that has it, or have it fetched elsewhere.",
            code="unknown_sku",
            skus=missing,
        )


def _dropped(connection: Connection, found: Assignment, units: Mapping[int, int]) -> tuple[PutBackLine, ...]:
    free = unpicked(connection, found)
    short = {n: count for n, count in units.items() if count > free.get(n, 0)}
    if short:
        raise Refused(
            f"Of order {found.number} not so many units lie on their shelf any more.",
            "Take what is picked back as a return, or cancel all of it.",
            code="picked_already",
            lines=short,
        )
    return tuple(
        _left_there(line, units[line.line_no])
        for line in rows.lines_of(connection, found.assignment_id)
        if units.get(line.line_no, 0)
    )


def _left_there(line: Line, units: int) -> PutBackLine:
    """Return units that stay on the shelf, the lent ones first: they are the hub's again."""
    lent = min(units, line.lent - line.picked_lent)
    return PutBackLine(line_no=line.line_no, sku=line.sku, lent=lent, bound=units - lent)


def new_paper(unit: EdgeUnit, edge: Edge, found: Assignment, change_id: str, *, by: CurrentPerson) -> None:
    """Take a list back that was printed before, and print what is wanted now; nothing where none was printed.

    A list that nobody walks is replaced by another one. One that somebody walks keeps its number, because
    what was scanned stands under it.
    """
    list_ = work.list_of(unit.connection, found.assignment_id)
    if list_ is None or not list_.job_id:
        return
    list_id = list_.list_id
    if list_.state == "waiting":
        list_id = edge.number(unit, "L")
        work.put_list(unit, list_id, list_.orders, state="waiting", at_us=edge.clock.now_us())
        for assignment_id in list_.assignments:
            work.replace_lists(unit, assignment_id, list_id)
    slips.print_void(
        unit,
        edge,
        found,
        reason=_("The customer wants something else."),
        by=by.person_id,
        new_list=list_id,
        revision=change_id,
    )
    if _something_to_walk_for(unit.connection, list_):
        slips.print_list(unit, edge, list_id, by=by.person_id, revision=change_id)


def _something_to_walk_for(connection: Connection, list_: work.PickList) -> bool:
    return any(
        line.to_pick > 0
        for assignment_id in list_.assignments
        for line in rows.lines_of(connection, assignment_id)
    )
