"""Asking locations to give up what they hold, and what follows from their answers.

What was never sent is taken back with certainty. Everything else is a question: until the location has
answered, its units stay its own, nothing is cancelled or promised elsewhere, and the order says "requested".
A location that answers "too late" has handed the goods over, which a person must hear of.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeGuard

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture.rows import order_requests
from hub.capture.verdicts import MUST_TAKE, PAYING, VERDICT, refusal_of
from hub.customers.rows import version_of
from hub.database import Change, Lookup
from hub.fleet.rows import directives
from hub.spine.held import Holding, held
from hub.spine.orders import Orders
from hub.spine.steps import raise_exception, record, tell_of_assignment
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol import later
from protocol.directives import AssignmentAmend, AssignmentCancel
from protocol.fulfilment import AssignedLine, Promise
from protocol.orders import LineKind, OrderLine

RequestKind = Literal["cancel", "reroute", "change"]
PROMISE_CHANGED: Final = "promise_changed"
"""In `results`: the units that came back are routed by the change, not for having come back."""
ROUTE_REST: Final = "route_rest"
"""In `results`: whether what nobody holds by then is routed for this event."""
_ALL_OR_NOTHING: Final = frozenset({"checked_out", "picked_already", "unknown_kind"})
"""Why a location does not let go of some units, and may let go of all of them."""
EXCLUDE: Final = "exclude"
"""In `results`: the location that gave units up shall not get them again."""
_OPEN: Final = Lookup(
    sa.select(order_requests)
    .where(order_requests.c.order_id == sa.bindparam("of"), order_requests.c.settled_us.is_(None))
    .order_by(order_requests.c.asked_us, order_requests.c.request_id)
)
_KEEP: Final = Change(sa.insert(order_requests))
_SETTLE: Final = Change(
    sa.update(order_requests)
    .where(order_requests.c.request_id == sa.bindparam("of"))
    .values(settled_us=sa.bindparam("now_us"), outcome=sa.bindparam("how"))
)
_UNSENT: Final = Lookup(
    sa.select(directives.c.cseq, directives.c.bytes).where(
        directives.c.edge == sa.bindparam("to"),
        directives.c.hub_inc == sa.bindparam("life"),
        directives.c.state == "queued",
        directives.c.kind == "assignment.offer",
    )
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one location about one order."""

    kind: RequestKind
    reason: str
    by: str
    asked_us: int
    """The same for every location that one change or cancellation concerns."""
    by_customer: bool = False
    lines: Mapping[int, int] = field(default_factory=dict)
    """For a cancellation: units by line that the customer no longer wants."""
    promise: Promise | None = None
    """For a change: what shall be promised instead."""
    added: tuple[OrderLine, ...] = ()
    """For a cancellation: what is ordered in place of it, once it is certain."""
    paying_minor: int = 0
    """What is captured for what is added, with it."""
    was_before: bool = False
    """For a cancellation: the units are cancelled whatever the location says; it was found to have them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is kept until its location has answered."""

    request_id: str
    holding: Holding
    request: Request


def keep(work: Work, order_id: str, holding: Holding, request: Request) -> Asked:
    """Note a request before anything is done about it, so that an answer finds all of them."""
    request_id = work.ids.new_id()
    said = {
        "lines": {str(line_no): units for line_no, units in request.lines.items()},
        "promise": request.promise.model_dump(mode="json") if request.promise else None,
        "added": [line.model_dump(mode="json") for line in request.added],
        "was_before": request.was_before,
    }
    _KEEP.run(
        work.connection,
        request_id=request_id,
        order_id=order_id,
        assignment_id=holding.assignment_id,
        kind=request.kind,
        body=json.dumps(said),
        reason=request.reason,
        by=request.by,
        by_customer=request.by_customer,
        asked_us=request.asked_us,
        settled_us=None,
        outcome="",
    )
    return Asked(request_id, holding, request)


def ask(work: Work, order_id: str, number: str, asked: Asked) -> bool:
    """Take an assignment back if it was never sent, else ask for it; tell whether it is back already."""
    holding, request, post = asked.holding, asked.request, work.post
    assert post is not None, "nothing is asked while tables are made anew"
    cseq = _unsent_offer(work, holding)
    if cseq and post.withdraw(work.unit, holding.location, cseq):
        withdrawn = later.AssignmentWithdrawn(
            assignment_id=holding.assignment_id,
            order_id=order_id,
            number=number,
            location=holding.location,
            reason=request.reason,
        )
        record(work, withdrawn, by=request.by)
        return True
    part = _part_of(asked)
    if part:
        _ask_for_part(work, order_id, number, asked, part)
        return False
    wanted = later.CancelRequested(
        assignment_id=holding.assignment_id,
        order_id=order_id,
        number=number,
        location=holding.location,
        reason=request.reason,
        reroute=request.kind != "cancel",
    )
    _ask_for_all(work, wanted, by=request.by)
    return False


def _ask_for_all(work: Work, wanted: later.CancelRequested, *, by: str) -> None:
    """Ask a location to give its whole part up."""
    record(work, wanted, by=by)
    if work.post is not None:
        cancel = AssignmentCancel(
            assignment_id=wanted.assignment_id,
            order_id=wanted.order_id,
            reason=wanted.reason,
            unless_begun=by == HUB_EDGE and wanted.reroute,
            unpaid_minor=_due_minor(work, wanted.order_id) if by == HUB_EDGE and not wanted.reroute else 0,
        )
        tell_of_assignment(work, wanted.location, cancel)


def _due_minor(work: Work, order_id: str) -> int:
    """Return what is due of an order: of itself the hub cancels only what nobody has paid (`hub.unpaid`)."""
    entry = work.room(Orders).need(order_id)
    return entry.later.due_minor(entry.record) if entry is not None and entry.later is not None else 0


def is_unsent(work: Work, holding: Holding) -> bool:
    """Tell whether a location cannot have heard of what it holds, so that it is taken back with certainty."""
    return _unsent_offer(work, holding) > 0


def _part_of(asked: Asked) -> dict[int, int]:
    """Return the units that a location's part loses; nothing if it loses all, with nothing instead."""
    holding, request = asked.holding, asked.request
    if request.kind != "cancel":
        return {}
    part = {n: min(count, holding.open(n)) for n, count in request.lines.items()}
    part = {n: count for n, count in part.items() if count > 0}
    keeps = any(holding.open(n) > part.get(n, 0) for n in holding.units)
    return part if keeps or _instead(asked) else {}


def _instead(asked: Asked) -> tuple[OrderLine, ...]:
    """Return what a location is to fetch in the place of what it leaves.

    Nothing where it has set the rest aside itself: what is added there is nobody's before it is routed.
    """
    return () if asked.holding.own else asked.request.added


def _ask_for_part(work: Work, order_id: str, number: str, asked: Asked, part: Mapping[int, int]) -> None:
    """Ask a location to fetch less, and what was ordered in its place; it keeps the rest."""
    entry = work.room(Orders).need(order_id)
    skus = {line.line_no: line.sku for line in entry.record.lines} if entry else {}
    wanted = later.ChangeRequested(
        assignment_id=asked.holding.assignment_id,
        order_id=order_id,
        number=number,
        location=asked.holding.location,
        change_id=asked.request_id,
        added=assigned(_instead(asked)),
        dropped=tuple(
            later.CancelledLine(line_no=line_no, sku=skus[line_no], quantity=units)
            for line_no, units in sorted(part.items())
        ),
        reason=asked.request.reason,
    )
    record(work, wanted, by=asked.request.by)


def assigned(lines: Sequence[OrderLine]) -> tuple[AssignedLine, ...]:
    """Return the goods among some lines, as a location is told of them."""
    return tuple(
        AssignedLine(line_no=line.line_no, sku=line.sku, name=line.name, quantity=line.quantity)
        for line in lines
        if line.kind is LineKind.GOODS
    )


def open_requests(connection: Connection, order_id: str) -> Sequence[sa.Row[Any]]:
    """Return what was asked about an order and is not answered."""
    return _OPEN.all(connection, of=order_id)


def settle(work: Work, applied: Applied) -> None:
    """Complete the requests about an assignment, now that its location has answered."""
    body: later.OnAssignment = applied.body
    if isinstance(body, later.AssignmentAnswered) and body.outcome not in ("rejected", "expired"):
        return
    too_late = isinstance(body, later.CancelRefused | later.ChangeRefused)
    for row in open_requests(work.connection, body.order_id):
        if row.assignment_id != body.assignment_id or row.request_id != _answers(body, row.request_id):
            continue
        if _is_all_to_be_asked(body, row):
            wanted = later.CancelRequested(
                assignment_id=body.assignment_id,
                order_id=body.order_id,
                number=body.number,
                location=body.location,
                reason=row.reason,
            )
            _ask_for_all(work, wanted, by=row.by)
            continue
        how = "too_late" if too_late else "done"
        _SETTLE.run(work.connection, of=row.request_id, now_us=work.clock.now_us(), how=how)
        if row.kind == "cancel":
            _cancel_answered(work, applied, row, too_late=too_late)
        elif row.kind == "change":
            _changed(work, applied, row, too_late=too_late)
        elif not too_late:
            applied.results[EXCLUDE] = True
        elif row.by != HUB_EDGE:
            _too_late(work, applied, row, {})  # what the hub asked to save money is well where it is


def _cancel_answered(work: Work, applied: Applied, row: sa.Row[Any], *, too_late: bool) -> None:
    said = json.loads(row.body)
    if said.get("was_before"):
        if too_late:
            _too_late(work, applied, row, said["lines"])
    elif not (too_late and row.by == HUB_EDGE):
        _cancelled(work, applied, row, too_late=too_late)
    # What the hub asked for by itself was paid, or collected, before: nothing is wrong with it.


def _is_all_to_be_asked(body: later.OnAssignment, row: sa.Row[Any]) -> TypeGuard[later.ChangeRefused]:
    """Tell whether a location that cannot leave some units on the shelf can still give all of them back.

    What takes the place of units is another matter: the customer wants it instead of them, and nothing else.
    """
    if not isinstance(body, later.ChangeRefused) or body.code not in _ALL_OR_NOTHING:
        return False
    return row.kind == "cancel" and not json.loads(row.body).get("added")


def _answers(body: later.OnAssignment, request_id: str) -> str:
    """Return the request that an answer is about; an assignment that has ended answers any."""
    about_one = isinstance(body, later.AssignmentChanged | later.ChangeRefused)
    return body.change_id if about_one else request_id  # type: ignore[attr-defined]  # both have it


def _cancelled(work: Work, applied: Applied, row: sa.Row[Any], *, too_late: bool) -> None:
    """Cancel the units that came back, for what takes their place; those that are gone need a person."""
    body, said = applied.body, json.loads(row.body)
    wanted = {int(line_no): units for line_no, units in said["lines"].items()}
    free = {} if too_late else cancellable(work, body.order_id)
    units = {n: min(count, free.get(n, 0)) for n, count in wanted.items()}
    request = Request("cancel", row.reason, row.by, row.asked_us, by_customer=bool(row.by_customer))
    added = tuple(OrderLine.model_validate(line) for line in said.get("added", ()))
    replaced = bool(added) and units == wanted
    if replaced:
        applied.results[PROMISE_CHANGED] = True
        request = replace(request, added=added)
        add_lines(work, body.order_id, body.number, request, row.request_id, certain=True)
    change_id = row.request_id if replaced else ""
    cancel_units(work, body.order_id, body.number, units, request, change_id=change_id)
    gone = {n: count - units[n] for n, count in wanted.items() if count > units[n]}
    if gone:
        _too_late(work, applied, row, gone)


def _changed(work: Work, applied: Applied, row: sa.Row[Any], *, too_late: bool) -> None:
    """Promise anew once nobody is asked any more; a location that was too late leaves it as it was."""
    body = applied.body
    if too_late:
        _too_late(work, applied, row, {})
    else:
        applied.results[PROMISE_CHANGED] = True
    if any(other.kind == "change" for other in open_requests(work.connection, body.order_id)):
        return
    entry = work.room(Orders).need(body.order_id)
    if entry is None or entry.later is None:
        return
    refused = too_late or _was_refused(work.connection, body.order_id, row.asked_us)
    said = json.dumps(json.loads(row.body)["promise"])
    promise = entry.later.promise if refused else said
    record(
        work,
        later.OrderChanged(
            order_id=body.order_id,
            number=body.number,
            what=("promise",),
            promise=Promise.model_validate_json(promise),
            contact_id=entry.later.contact_id,
            note=entry.later.note,
            reason="too late" if refused else row.reason,
        ),
        by=row.by,
    )


def _was_refused(connection: Connection, order_id: str, asked_us: int) -> bool:
    """Tell whether a location has refused its part of the change that was asked for at this moment."""
    return (
        connection.execute(
            sa.select(order_requests.c.request_id).where(
                order_requests.c.order_id == order_id,
                order_requests.c.kind == "change",
                order_requests.c.asked_us == asked_us,
                order_requests.c.outcome == "too_late",
            )
        ).first()
        is not None
    )


def cancellable(work: Work, order_id: str) -> dict[int, int]:
    """Return the units by line that may be cancelled at once: nobody holds them, and they are not gone.

    What is no goods (the way, a service) is held by nobody and goes with the last goods.
    """
    now = held(work, order_id)
    free = dict(now.loose)
    entry = work.room(Orders).need(order_id)
    for line in entry.record.lines if entry else ():
        if line.line_no not in now.ordered:
            free[line.line_no] = line.ordered - line.fulfilled - now.cancelled.get(line.line_no, 0)
    return {line_no: units for line_no, units in free.items() if units > 0}


def add_lines(
    work: Work,
    order_id: str,
    number: str,
    request: Request,
    change_id: str,
    *,
    route: bool = False,
    certain: bool = False,
) -> None:
    """Record that more was ordered. `route`: nothing else belongs to the change, so it is routed at once.

    `certain`: what it takes the place of is given up by now, so it is held where it would be refused.

    Raises:
        Refused: `check_refused`, a rule says so; with the facts that were used.
    """
    added = later.LinesAdded(
        change_id=change_id,
        order_id=order_id,
        number=number,
        lines=request.added,
        total_minor=sum(line.gross_minor for line in request.added),
        tax_minor=sum(line.tax_minor for line in request.added),
        reason=request.reason,
    )
    told = {ROUTE_REST: route, MUST_TAKE: certain, PAYING: request.paying_minor}
    verdict = record(work, added, by=request.by, results=told).results.get(VERDICT)
    if verdict is not None and verdict.refused is not None and not certain:
        raise refusal_of(verdict.refused)


def cancel_units(
    work: Work, order_id: str, number: str, units: Mapping[int, int], request: Request, *, change_id: str = ""
) -> tuple[later.CancelledLine, ...]:
    """Record that units are cancelled for good, and return them.

    `change_id`: they make room for lines that were added before, and what nobody holds then is routed.
    """
    entry = work.room(Orders).need(order_id)
    skus = {line.line_no: line.sku for line in entry.record.lines} if entry else {}
    lines = tuple(
        later.CancelledLine(line_no=line_no, sku=skus[line_no], quantity=count)
        for line_no, count in sorted(units.items())
        if count > 0 and line_no in skus
    )
    if lines:
        record(
            work,
            later.OrderCancelled(
                cancel_id=work.ids.new_id(),
                order_id=order_id,
                number=number,
                lines=lines,
                reason=request.reason,
                by_customer=request.by_customer,
                change_id=change_id,
            ),
            by=request.by,
            results={ROUTE_REST: bool(change_id)},
        )
    return lines


def tell_holders(work: Work, applied: Applied) -> None:
    """Tell every other location that holds a part of an order what is different from now on."""
    body: later.OrderChanged = applied.body
    entry = work.room(Orders).need(body.order_id)
    if entry is None or entry.later is None or work.post is None:
        return
    before = entry.later
    promise = body.promise if body.promise != Promise.model_validate_json(before.promise) else None
    note = body.note if "note" in body.what and body.note != before.note else None
    contact = body.contact_id if "contact" in body.what else ""
    if ("promise" not in body.what or promise is None) and note is None and not contact:
        return
    version = version_of(work.connection, contact)
    for holding in held(work, body.order_id).open_holdings:
        if holding.location != applied.edge:
            amend = AssignmentAmend(
                assignment_id=holding.assignment_id,
                order_id=body.order_id,
                promise=promise if "promise" in body.what else None,
                contact_id=contact,
                contact_version=version,
                note=note,
            )
            tell_of_assignment(work, holding.location, amend)


def _too_late(work: Work, applied: Applied, row: sa.Row[Any], gone: Mapping[Any, int]) -> None:
    body = applied.body
    raise_exception(
        work,
        kind="cancel_too_late",
        subject=f"order:{body.order_id}",
        title=f"{body.number} could not be taken back any more",
        facts={
            "number": body.number,
            "location": applied.edge,
            "assignment_id": body.assignment_id,
            "asked_for": row.kind,
            "asked_us": row.asked_us,
            "asked_by": row.by,
            "reason": row.reason,
            "code": getattr(body, "code", ""),
            "units": {str(line_no): units for line_no, units in gone.items()},
        },
        dedupe_key=f"too_late:{body.assignment_id}",
    )


def _unsent_offer(work: Work, holding: Holding) -> int:
    """Return the number of an assignment's offer that never left, 0 when there is none.

    A location that has spoken of the assignment has it from a life of this hub that a restore took away.
    """
    if holding.own or holding.heard:
        return 0
    for row in _UNSENT.all(work.connection, to=holding.location, life=work.hub_inc):
        if json.loads(row.bytes)["body"].get("assignment_id") == holding.assignment_id:
            return int(row.cseq)
    return 0
