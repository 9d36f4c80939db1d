"""What one fact says about an assignment: how many units, who, where and when."""

from typing import Final

from hub.fulfil import rules
from hub.fulfil.room import Assignment, Line
from hub.spine.work import Applied
from protocol import later
from protocol.fulfilment import UnitsLine
from protocol.lifecycles import AssignmentState

LEAVING: Final = later.AssignmentShipped | later.AssignmentHandedOver
_NEVER: Final = ("rejected", "expired")
_UNHEARD: Final = frozenset({AssignmentState.PROPOSED, AssignmentState.SENT})


def never_had(body: later.OnAssignment) -> bool:
    """Tell whether a fact says that the location never had the assignment, and never will."""
    if isinstance(body, later.AssignmentAnswered):
        return body.outcome in _NEVER
    return isinstance(body, later.AssignmentWithdrawn)


def _line(assignment: Assignment, said: UnitsLine) -> Line:
    """Return the line that units belong to; a location may tell of one that the hub never gave it."""
    return assignment.lines.setdefault(said.line_no, Line(said.sku, said.sku, said.units))


def count(assignment: Assignment, body: later.OnAssignment) -> None:
    """Count what happened to its units."""
    if isinstance(body, later.AssignmentChanged):
        for more in body.added:
            assignment.lines.setdefault(more.line_no, Line(more.sku, more.name, more.quantity))
    if never_had(body):
        for line in assignment.lines.values():
            line.given_up += line.open
    for said, what, units in _counted(body):
        line = _line(assignment, said)
        setattr(line, what, max(0, getattr(line, what) + units))


def ended(body: later.OnAssignment) -> list[tuple[int, int]]:
    """Return (line, lent units) that a fact gives back: nothing of them will be fulfilled from there."""
    match body:
        case later.AssignmentRejected() | later.AssignmentCancelled():
            return [(line.line_no, line.lent) for line in body.lines]
        case later.AssignmentChanged():
            return [(line.line_no, line.lent) for line in body.dropped]
        case later.ChangeRefused():
            return [(line.line_no, line.quantity) for line in body.added]
        case _:
            return []


def _counted(body: later.OnAssignment) -> list[tuple[UnitsLine, str, int]]:
    """Return what a fact adds to which count of a line."""
    match body:
        case later.AssignmentPicked():
            found = [(line, "picked", line.units) for line in body.lines]
            return [*found, *((line, "short", line.units) for line in body.shorts)]
        case later.AssignmentShipped() | later.AssignmentHandedOver():
            return [(line, "fulfilled", line.units) for line in body.lines]
        case later.HandoverUndone():
            return [(line, "fulfilled", -line.units) for line in body.lines]
        case later.AssignmentRejected() | later.AssignmentCancelled():
            given = [(line, "given_up", line.units) for line in body.lines]
            return [*given, *((line, "picked", -line.picked) for line in body.lines)]
        case later.AssignmentChanged():
            return [(line, "given_up", line.units) for line in body.dropped]
        case _:
            return []


def note(assignment: Assignment, applied: Applied, before: AssignmentState) -> None:
    """Note who, where and when; `before` is where it was."""
    body = applied.body
    if isinstance(body, later.AssignmentAccepted):
        assignment.accepted_us = assignment.accepted_us or applied.at_us
    elif isinstance(body, later.PickStarted):
        assignment.picker = body.picker or applied.by
    elif isinstance(body, later.AssignmentStaged):
        assignment.shelf, assignment.bags = body.shelf, body.bags
    elif isinstance(body, later.AssignmentRejected):
        assignment.reason = body.reason.value
    elif isinstance(body, later.AssignmentAnswered) and body.outcome in _NEVER:
        assignment.reason = body.code or body.outcome
    elif isinstance(body, later.AssignmentCancelled | later.AssignmentWithdrawn | later.AssignmentWrittenOff):
        assignment.reason = body.reason
    _when(assignment, applied.at_us, before)


def _when(assignment: Assignment, at_us: int, before: AssignmentState) -> None:
    state = assignment.state
    if state not in _UNHEARD | rules.ENDED:
        assignment.acknowledged_us = assignment.acknowledged_us or at_us
    if state is AssignmentState.READY:
        assignment.ready_us = assignment.ready_us or at_us
        assignment.left_us = None
    if state in {AssignmentState.HANDED_OVER, AssignmentState.SHIPPED} and before is not state:
        assignment.left_us = at_us
    assignment.ended_us = None if state in rules.OPEN else assignment.ended_us or at_us
