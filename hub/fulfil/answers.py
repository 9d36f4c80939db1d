"""What a location's answer to a directive means for an assignment; in the transaction that keeps the answer.

The answer to an offer is definite: the location has the assignment, or it never will. The answer to a
cancellation is not, as "noted" is no giving up, with one exception: a location that says it has no such
assignment will never fulfil it.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fulfil.room import Assignments
from hub.fulfil.rules import OPEN
from hub.spine.steps import record
from protocol.directives import AssignmentChange, DirectiveOutcome, Outcome
from protocol.later import AssignmentAnswered, ChangeRefused
from protocol.lifecycles import AssignmentState

OFFER: Final = "assignment.offer"
CANCEL: Final = "assignment.cancel"
CHANGE: Final = "assignment.change"
NO_ASSIGNMENT: Final = "no_assignment"
_REFUSING: Final = frozenset({Outcome.REJECTED, Outcome.EXPIRED})

Heard = Callable[[HubUnit, str, sa.Row[Any], DirectiveOutcome], bool]


def answers_of(hub: Hub) -> Heard:
    """Return what listens to answers; it takes care of those about assignments."""

    def heard(unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
        if row.kind == OFFER and row.state != "withdrawn":
            return _answered(hub, unit, edge, row, outcome)
        if row.kind == CHANGE and row.state != "withdrawn" and outcome.res in _REFUSING:
            return _change_refused(hub, unit, edge, row, outcome)
        if row.kind == CANCEL and (outcome.res, outcome.code) == (Outcome.REJECTED, NO_ASSIGNMENT):
            return _answered(hub, unit, edge, row, outcome)
        return False

    return heard


def _change_refused(hub: Hub, unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
    """A change that was taken over is told by the location's own event; only a refusal is heard here."""
    said = AssignmentChange.model_validate(json.loads(row.bytes)["body"])
    work = hub.spine.work(unit)
    assignment = work.room(Assignments).get(said.assignment_id)
    if assignment is None:
        return True  # it belongs to a log that was lost
    refused = ChangeRefused(
        assignment_id=said.assignment_id,
        order_id=said.order_id,
        number=assignment.number,
        location=edge,
        change_id=said.change_id,
        code=outcome.code,
        detail=outcome.detail[:300],
        added=said.added,
    )
    record(work, refused)
    hub.finish(work)
    return True


def _counts(state: AssignmentState, outcome: DirectiveOutcome) -> bool:
    """Tell whether an answer is news: of a part that was written off only that it never will be."""
    return state in OPEN or (state is AssignmentState.WRITTEN_OFF and outcome.res in _REFUSING)


def _answered(hub: Hub, unit: HubUnit, edge: str, row: sa.Row[Any], outcome: DirectiveOutcome) -> bool:
    said = json.loads(row.bytes)["body"]
    work = hub.spine.work(unit)
    assignment = work.room(Assignments).get(said["assignment_id"])
    if assignment is None or not _counts(assignment.state, outcome):
        # It ended by an event that overtook this answer, or belongs to a log that was lost.
        return True
    record(
        work,
        AssignmentAnswered(
            assignment_id=assignment.assignment_id,
            order_id=assignment.order_id,
            number=assignment.number,
            location=edge,
            outcome=outcome.res.value,
            code=outcome.code,
            detail=outcome.detail[:300],
        ),
    )
    hub.finish(work)
    return True
