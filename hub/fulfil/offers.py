"""What the hub tells locations about assignments: what to fulfil, what is due, what became of an order.

Each is numbered in the transaction that decided it. An offer that never left is taken back with certainty
(`withdraw`); everything else is asked for (`hub.capture.asking`). Nothing is told while tables are made anew.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from hub.customers.rows import version_of
from hub.fulfil.room import Assignment, Assignments
from hub.fulfil.rows import assignment_directives
from hub.fulfil.rules import OPEN
from hub.spine.bulk import Upsert
from hub.spine.entries import Entry
from hub.spine.later import Later
from hub.spine.packets import fitting
from hub.spine.steps import tell_of_assignment
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.directives import (
    AssignmentAmend,
    AssignmentCancel,
    AssignmentChange,
    AssignmentOffer,
    DroppedLine,
    OrderSettled,
)
from protocol.fulfilment import AssignedLine, Promise
from protocol.later import ChangeRequested
from protocol.lifecycles import AssignmentState

_DIRECTIVES: Final = Upsert(assignment_directives)
"""An assignment is offered once; the row says where."""


def offer(
    work: Work, assignment: Assignment, entry: Entry, later: Later, lines: Sequence[AssignedLine]
) -> None:
    """Tell a location what it is to fulfil."""
    if work.post is None:
        return
    body = AssignmentOffer(
        assignment_id=assignment.assignment_id,
        order_id=assignment.order_id,
        number=assignment.number,
        channel=later.channel,
        currency=later.currency,
        promise=Promise.model_validate_json(later.promise),
        lines=tuple(lines),
        due_minor=later.due_minor(entry.record),
        contact_id=later.contact_id,
        contact_version=version_of(work.connection, later.contact_id),
        pickup_code=later.pickup_code,
        note=later.note,
        gift=later.gift,
        requested=later.location == assignment.location,
    )
    cseq = tell_of_assignment(work, assignment.location, fitting(body))
    row = (assignment.assignment_id, assignment.location, work.hub_inc, cseq)
    _DIRECTIVES.run(work.connection, [row])


def withdraw(work: Work, assignment: Assignment) -> bool:
    """Take an offer back if it never left the hub; False when the location may have heard of it."""
    if work.post is None or assignment.own:
        return False
    if assignment.state is not AssignmentState.PROPOSED:
        return False  # whoever has spoken of it has it, from a life of this hub that a restore took away
    row = work.connection.execute(
        sa.select(assignment_directives).where(
            assignment_directives.c.assignment_id == assignment.assignment_id
        )
    ).first()
    if row is None or row.hub_inc != work.hub_inc:
        return False
    return work.post.withdraw(work.unit, row.edge, row.cseq)


def stop(work: Work, assignment: Assignment, reason: str) -> None:
    """Have a location that nobody counts on give its part up as soon as it is heard.

    Told anew though it may have been asked before: that may have been unless somebody had begun, or of some
    units, or was answered "too late" before the location fell silent. Asked twice, it answers once.
    """
    if work.post is None:
        return
    order_id, assignment_id = assignment.order_id, assignment.assignment_id
    body = AssignmentCancel(assignment_id=assignment_id, order_id=order_id, reason=reason)
    tell_of_assignment(work, assignment.location, body)


def change(work: Work, body: ChangeRequested) -> None:
    """Ask a location to fetch other units for an assignment, all of it or nothing."""
    if work.post is None:
        return
    said = AssignmentChange(
        assignment_id=body.assignment_id,
        order_id=body.order_id,
        change_id=body.change_id,
        dropped=tuple(DroppedLine(line_no=line.line_no, units=line.quantity) for line in body.dropped),
        added=body.added,
        reason=body.reason,
    )
    tell_of_assignment(work, body.location, said)


def amend(work: Work, applied: Applied) -> None:
    """Tell the locations that work on an order what is still due on it; one that took the money knows."""
    entry: Entry | None = applied.results["entry"]
    if work.post is None or entry is None or entry.later is None:
        return
    due_minor = entry.later.due_minor(entry.record)
    for assignment in work.room(Assignments).of_order(entry.record.order_id):
        if assignment.state not in OPEN or assignment.location == applied.edge:
            continue
        body = AssignmentAmend(
            assignment_id=assignment.assignment_id, order_id=assignment.order_id, due_minor=due_minor
        )
        tell_of_assignment(work, assignment.location, body)


def settle(work: Work, applied: Applied, entry: Entry | None, state: str, sentence: str = "") -> None:
    """Tell the store that took an order, and could not decide it alone, what became of it."""
    if work.post is None or entry is None or entry.later is None:
        return
    later = entry.later
    if later.own or later.location in {HUB_EDGE, applied.edge}:
        return
    body = OrderSettled(
        order_id=entry.record.order_id,
        number=entry.record.number,
        state=state,
        promise=Promise.model_validate_json(later.promise),
        sentence=sentence[:300],
    )
    work.post.send_directive(work.unit, later.location, body, subjects=(f"order:{entry.record.order_id}",))
