"""Who is called about an assignment, and with which facts; one open card for each thing."""

from collections.abc import Sequence
from typing import Final

from hub.fulfil import rules
from hub.fulfil.room import Assignment, Assignments
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Applied, Work
from protocol import later
from protocol.fold import LineRecord
from protocol.lifecycles import AssignmentState

OPS = "ops"
TWICE = 2
LATE, NEED, RISK, SILENT, NO_SHOW = "late", "need", "risk", "silent", "keep"
"""What the keys of the cards begin with that the clocks raise (`hub.fulfil.steps`)."""
TOO_LATE: Final = "too_late"
NOT_AT_RISK: Final = "It has begun, or what made it risky is gone"
PROMISED_LATER: Final = "It is promised for a later moment"


def raise_odd(work: Work, applied: Applied, assignment: Assignment) -> None:
    """Something happened to an assignment that was given up, written off, or that had left already."""
    gone_on = assignment.written_off_us is not None
    others = [
        each.location
        for each in work.room(Assignments).of_order(assignment.order_id)
        if each.assignment_id != assignment.assignment_id
        if not each.ended_us or (gone_on and each.state not in rules.ENDED)
    ]
    over = "was written off; it may be fulfilled twice" if gone_on else "was over"
    raise_exception(
        work,
        kind="assignment_over",
        subject=f"order:{assignment.order_id}",
        title=f"{assignment.location} went on with its part of {assignment.number} after it {over}",
        facts={
            "number": assignment.number,
            "location": assignment.location,
            "assignment_id": assignment.assignment_id,
            "kind": applied.kind,
            "state": assignment.state.value,
            "also_at": others[:10],
            **({"written_off_us": assignment.written_off_us} if gone_on else {}),
        },
        dedupe_key=_over(assignment.assignment_id),
    )


def raise_shorts(work: Work, applied: Applied, assignment: Assignment) -> None:
    """Units were not there; the card closes itself when the order is routed again."""
    body: later.AssignmentPicked = applied.body
    units = sum(line.units for line in body.shorts)
    raise_exception(
        work,
        kind="short_pick",
        subject=f"order:{assignment.order_id}",
        title=f"{units} of {assignment.number} were not found at {assignment.location}",
        facts={
            "number": assignment.number,
            "location": assignment.location,
            "assignment_id": assignment.assignment_id,
            "lines": [
                {"line_no": line.line_no, "sku": line.sku, "units": line.units, "reason": line.reason.value}
                for line in body.shorts[:20]
            ],
            "by": applied.by,
        },
        dedupe_key=f"short_pick:{assignment.order_id}",
    )


def raise_too_late(work: Work, applied: Applied, assignment: Assignment) -> None:
    """A location could not give an assignment up any more."""
    body: later.CancelRefused = applied.body
    raise_exception(
        work,
        kind="cancel_too_late",
        subject=f"order:{assignment.order_id}",
        title=f"{assignment.location} could not give {assignment.number} up any more",
        facts={
            "number": assignment.number,
            "location": assignment.location,
            "assignment_id": assignment.assignment_id,
            "code": body.code,
            "detail": body.detail,
        },
        dedupe_key=f"{TOO_LATE}:{assignment.assignment_id}",
    )


def raise_rejections(work: Work, applied: Applied, assignment: Assignment) -> None:
    """Two locations gave the same order back: something is wrong with more than one of them."""
    gave_back = [
        each
        for each in work.room(Assignments).of_order(assignment.order_id)
        if each.state in {AssignmentState.REJECTED, AssignmentState.EXPIRED} and each.reason != "no_show"
        if each.written_off_us is None
    ]
    if len(gave_back) < TWICE:
        return
    raise_exception(
        work,
        kind="rejected_twice",
        subject=f"order:{assignment.order_id}",
        title=f"{assignment.number} was given back {len(gave_back)} times",
        facts={
            "number": assignment.number,
            "locations": [each.location for each in gave_back],
            "reasons": [each.reason for each in gave_back],
            "event": applied.event_id,
        },
        dedupe_key=_rejected_twice(assignment.order_id),
    )


def close_rejections(work: Work, order_id: str, *, how: str = "All of it has left") -> None:
    """Somebody has fulfilled it after all, or it is cancelled: nobody has to decide who does."""
    close_exception(work, _rejected_twice(order_id), how=how)


def unheld_keys(order_id: str) -> tuple[str, ...]:
    """Return the keys of the cards of this room about units of an order that nobody has."""
    return f"short_pick:{order_id}", f"not_collected:{order_id}"


def close_unheld(work: Work, order_id: str, *, how: str) -> None:
    """Somebody has them again, or nobody is to: who fulfils them needs no decision."""
    for key in unheld_keys(order_id):
        close_exception(work, key, how=how)


def close_late_order(work: Work, order_id: str, *, how: str) -> None:
    """An order that was due while nobody had it is not so any more."""
    close_exception(work, f"{LATE}:{order_id}", how=how)


def close_given_up(work: Work, assignment: Assignment) -> None:
    """A location does not do its part, so nothing about it is late or uncollected.

    It may still be too late to stop some of it: what had left before.
    """
    begun = any(line.fulfilled for line in assignment.lines.values())
    for prefix in (LATE, NEED, RISK, NO_SHOW, *(() if begun else (TOO_LATE,))):
        close_exception(work, f"{prefix}:{assignment.assignment_id}", how="The location has given it up")
    if assignment.written_off_us is not None and not begun:
        close_exception(work, _over(assignment.assignment_id), how="The location has given it up after all")


def close_written_off(work: Work, assignment: Assignment) -> None:
    """Nobody waits for a location any more, so nothing is late there. What was too late to stop stays."""
    for prefix in (LATE, NEED, RISK, NO_SHOW):
        how = "Somebody decided to go on without the location"
        close_exception(work, f"{prefix}:{assignment.assignment_id}", how=how)


def _over(assignment_id: str) -> str:
    return f"over:{assignment_id}"


def close_late_part(work: Work, assignment_id: str) -> None:
    """The part of a location is promised for a later moment."""
    close_exception(work, f"{LATE}:{assignment_id}", how=PROMISED_LATER)


def risk_key(assignment_id: str) -> str:
    """Return under which key a part of an order is raised that will be late."""
    return f"odds:{assignment_id}"


def close_risk(work: Work, assignment_id: str) -> None:
    """Somebody has begun it, or it is over: how likely it was late is past."""
    close_exception(work, risk_key(assignment_id), how=NOT_AT_RISK)


def _rejected_twice(order_id: str) -> str:
    return f"rejected_twice:{order_id}"


def raise_uncollected(work: Work, applied: Applied, assignment: Assignment) -> None:
    """Nobody came and the goods are back on the shelf; the order and its money still are the customer's."""
    raise_exception(
        work,
        kind="no_show",
        subject=f"order:{assignment.order_id}",
        title=f"{assignment.number} was not collected; {assignment.location} put it back",
        facts={
            "number": assignment.number,
            "location": assignment.location,
            "assignment_id": assignment.assignment_id,
            "by": applied.by,
        },
        owner_role=OPS,
        dedupe_key=f"not_collected:{assignment.order_id}",
    )


def raise_both_changed(work: Work, applied: Applied, still: Sequence[LineRecord]) -> None:
    """A store cancelled an order while more was ordered at the hub; closed when nothing is open any more."""
    body: later.OrderCancelled = applied.body
    raise_exception(
        work,
        kind="both_changed",
        subject=f"order:{body.order_id}",
        title=f"{body.number} was cancelled at {applied.edge}, and more of it was ordered at the hub",
        facts={
            "number": body.number,
            "location": applied.edge,
            "reason": body.reason,
            "cancelled": [
                {"line_no": line.line_no, "sku": line.sku, "units": line.quantity} for line in body.lines[:20]
            ],
            "lines": [{"line_no": line.line_no, "sku": line.sku, "units": line.open} for line in still[:20]],
        },
        dedupe_key=_both_changed(body.order_id),
    )


def close_both_changed(work: Work, order_id: str) -> None:
    """Nothing of an order is open any more, so nobody has to decide what is still wanted."""
    close_exception(work, _both_changed(order_id), how="Nothing of it is open any more")


def _both_changed(order_id: str) -> str:
    return f"both_changed:{order_id}"
