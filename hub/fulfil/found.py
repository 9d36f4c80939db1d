"""Assignments that a location has and the hub had forgotten, as after it was restored from an older copy.

Beginning the rights anew tells of them (`protocol.reopening`). The record takes such an assignment over as a
decision that has been made already. Then whoever captures or reads the order again finds its units held, and
nobody else is given them. What the customer cancelled before the location had spoken is asked back.
"""

from collections.abc import Mapping, Sequence

from hub.capture.asking_back import ask_back
from hub.catalog.rows import names_of
from hub.context import Hub
from hub.database import HubUnit
from hub.fulfil.room import Assignments
from hub.link.epochs import unheard_since_restore
from hub.link.reopening import Found
from hub.spine.held import Held, held
from hub.spine.orders import Orders
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.fulfilment import AssignedLine, RoutedPart
from protocol.later import AssignmentAnswered, OrderRouted
from protocol.reopening import OpenOrder, OpenUnits

FOUND = "found"
"""What triggered the decision: it was found at a location."""


def found_of(hub: Hub) -> Found:
    """Return what takes a forgotten assignment over."""

    def found(unit: HubUnit, edge: str, order: OpenOrder, units: Sequence[OpenUnits]) -> bool:
        work = hub.spine.work(unit)
        taken = take_over(work, edge, order, units)
        hub.finish(work, "fulfil")
        return taken

    return found


def take_over(work: Work, edge: str, order: OpenOrder, units: Sequence[OpenUnits]) -> bool:
    """Record that a location has these units of an order, and ask it for those that were cancelled meanwhile.

    False where the hub knows the order and cannot tell why it does not miss them: somebody else may have them
    too, and a person decides. What the order still wants is recorded all the same: whoever else has it may
    give it back, and then it is not to be given to a third.
    """
    if work.room(Orders).need(order.order_id) is None:
        _record(work, edge, order, units)
        return True
    now = held(work, order.order_id)
    too_many = {line.line_no: line.units - now.loose.get(line.line_no, 0) for line in units}
    too_many = {line_no: count for line_no, count in too_many.items() if count > 0}
    if _are_cancelled(work, now, too_many):
        _record(work, edge, order, units)
        if too_many:
            ask_back(work, order.order_id, order.number, order.assignment_id, too_many)
        return True
    wanted = [line for line in units if now.ordered.get(line.line_no, 0) > now.cancelled.get(line.line_no, 0)]
    if wanted:
        _record(work, edge, order, wanted)
    return False


def _are_cancelled(work: Work, now: Held, too_many: Mapping[int, int]) -> bool:
    """Tell whether units are too many because as many were cancelled while nobody was known to have them.

    A location that has not spoken since the restore may have given up what it seems to hold: then not.
    """
    unheard = unheard_since_restore(work.connection)
    unsure = [each for each in now.open_holdings if each.location in unheard]
    return all(
        count <= now.cancelled.get(line_no, 0) and not any(each.open(line_no) for each in unsure)
        for line_no, count in too_many.items()
    )


def _record(work: Work, edge: str, order: OpenOrder, units: Sequence[OpenUnits]) -> None:
    said = order.model_dump()
    part = RoutedPart(
        assignment_id=order.assignment_id, location=edge, lines=_lines(work, order.assignment_id, units)
    )
    sentence = f"{edge} had it already when this hub was restored."
    routed = OrderRouted(
        decision_id=work.ids.new_id(),
        order_id=order.order_id,
        number=order.number,
        trigger=FOUND,
        parts=(part,),
        sentence=sentence,
    )
    record(work, routed)
    record(work, AssignmentAnswered.model_validate({**said, "location": edge, "outcome": "duplicate"}))


def _lines(work: Work, assignment_id: str, units: Sequence[OpenUnits]) -> tuple[AssignedLine, ...]:
    """Return what is open as lines of an assignment, with what is known to have left of it."""
    known = work.room(Assignments).get(assignment_id)
    left = {} if known is None else {number: line.fulfilled for number, line in known.lines.items()}
    names = names_of(work.connection, [line.sku for line in units])
    return tuple(
        AssignedLine(
            line_no=line.line_no,
            sku=line.sku,
            name=names.get(line.sku, line.sku),
            quantity=line.units + left.get(line.line_no, 0),
        )
        for line in units
    )
