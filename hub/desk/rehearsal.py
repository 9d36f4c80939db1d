"""Running a command to see what it does, undoing it, and saying what would be otherwise.

Who is asked may say yes or no, so both answers are run as well: the location's own event is applied as it
would come. All of it is undone before anybody else's step begins.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.desk import looking
from hub.desk.consequences import (
    AGREED,
    AGREED_AND_PAID,
    PAID,
    REFUSED,
    CardSaid,
    Consequences,
    Message,
    Outcome,
    Paper,
    Posted,
    Preview,
    State,
    changes,
    merged,
)
from hub.desk.rehearsing import LONGEST_SECONDS, ListeningOutbox, acting_in, within
from hub.fulfil.rows import assignment_lines, assignments
from hub.payments.rows import queued_refunds
from hub.payments.steps import settle
from hub.spine.log import Log
from hub.spine.steps import take_orders
from hub.spine.work import Applied, Work
from protocol import later
from protocol.directives import DIRECTIVE_KINDS, AssignmentCancel, AssignmentChange, AssignmentOffer
from protocol.envelope import encode_event
from protocol.errors import OrderspineError
from protocol.events import KIND_OF, subjects_of
from protocol.fulfilment import PutBackLine
from protocol.orders import WireModel

Act = Callable[[Hub], object]
_IN_REHEARSAL: Final = "rehearsal"
"""The life of a store whose answer is tried out; no real one is called so."""
_REFUNDS: Final = 20
"""Refunds of one choice that are tried out."""
_KINDS: Final = {model: kind for (kind, _version), model in DIRECTIVE_KINDS.items()}
_PAPER: Final[dict[type[WireModel], tuple[str, ...]]] = {
    AssignmentOffer: ("pick_list",),
    AssignmentCancel: ("void_slip",),
    AssignmentChange: ("void_slip", "pick_list"),
}
"""What a location prints when it gets a directive, if it prints such slips by itself."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """How it is after something was run, before it is undone."""

    scope: looking.Scope
    after: State
    journals: tuple[Posted, ...]
    messages: tuple[Message, ...]
    paper: tuple[Paper, ...]
    cards: tuple[CardSaid, ...]
    late: bool


def rehearse(hub: Hub, unit: HubUnit, act: Act, *, subject: str) -> Preview:
    """Run a command within a unit of work, undo it, and return what it would do or why it cannot be done.

    `subject` is the record of the card, looked at even if nothing happens to it.

    Raises:
        Unavailable: it takes too long now.
    """
    outcomes: list[tuple[str, _Seen]] = []
    with within(unit.connection, hub.clock, LONGEST_SECONDS), unit.rehearsal() as inner:
        since = looking.mark(inner.connection)
        waiting = queued_refunds(inner.connection)
        acting, outbox = acting_in(hub, inner)
        try:
            act(acting)
        except OrderspineError as error:
            if error.retryable:
                raise
            return Preview(refused=error.what, remedy=error.remedy, code=error.reason)
        done = _seen(hub, inner, since, (outbox,), (subject,))
        if paid := _paid(hub, inner, since, (outbox,), subject, waiting):
            outcomes.append((PAID, paid))
        asked = [(edge, body) for edge, body in outbox.told if isinstance(body, _ASKS)]
        for answer, reply in ((AGREED, _agrees), (REFUSED, _refuses)) if asked else ():
            with inner.rehearsal() as deeper:
                then = _answer(hub, deeper, [(edge, reply(deeper, body)) for edge, body in asked])
                outcomes.append((answer, _seen(hub, deeper, since, (outbox, then), (subject,))))
                paid = _paid(hub, deeper, since, (outbox, then), subject, waiting)
                if answer == AGREED and paid:
                    outcomes.append((AGREED_AND_PAID, paid))
    return Preview(
        _compared(unit, done), tuple(Outcome(answer, _compared(unit, seen)) for answer, seen in outcomes)
    )


def _paid(  # noqa: PLR0917 - where it is, and what was so before
    hub: Hub,
    unit: HubUnit,
    since: int,
    outboxes: Sequence[ListeningOutbox],
    subject: str,
    before: frozenset[str],
) -> _Seen | None:
    """Return how it is once the services have made the refunds that are new; None where nothing is asked."""
    fresh = sorted(queued_refunds(unit.connection) - before)[:_REFUNDS]
    if not fresh:
        return None
    with unit.rehearsal() as deeper:
        acting, then = acting_in(hub, deeper)
        for command_id in fresh:
            settle(acting, command_id, reference=_IN_REHEARSAL)
        return _seen(hub, deeper, since, (*outboxes, then), (subject,))


def measure(
    hub: Hub, unit: HubUnit, act: Act, *, subject: str, before: State, scope: looking.Scope
) -> Consequences:
    """Run a command in earnest within a unit of work, and return what it did."""
    since = looking.mark(unit.connection)
    acting, outbox = acting_in(hub, unit)
    with unit.savepoint():
        act(acting)
    seen = _seen(hub, unit, since, (outbox,), (subject,))
    return _consequences(before, looking.state(unit.connection, scope), seen)


def _seen(
    hub: Hub, unit: HubUnit, since: int, outboxes: Sequence[ListeningOutbox], subjects: Iterable[str]
) -> _Seen:
    connection = unit.connection
    said = looking.happened(connection, since)
    scope = looking.scope(connection, since, said, subjects)
    after = looking.state(connection, scope)
    return _Seen(
        scope,
        after,
        looking.posted(connection, since),
        _messages(outboxes),
        _paper([each for outbox in outboxes for each in outbox.told]),
        looking.cards(connection, said),
        looking.is_late(connection, said, after, scope.order_ids, hub.clock.now_us()),
    )


def _compared(unit: HubUnit, seen: _Seen) -> Consequences:
    """Return what was otherwise, now that it is undone."""
    return _consequences(looking.state(unit.connection, seen.scope), seen.after, seen)


def _consequences(before: State, after: State, seen: _Seen) -> Consequences:
    return Consequences(
        changes(before, after), seen.journals, seen.messages, seen.paper, seen.cards, seen.late
    )


def _messages(outboxes: Sequence[ListeningOutbox]) -> tuple[Message, ...]:
    found = []
    for outbox in outboxes:
        for edge, body in outbox.told:
            found.append(Message(edge, _KINDS[type(body)], isinstance(body, _ASKS)))
        found += [Message(edge, "withdrawn") for edge, _cseq in outbox.taken_back]
    return merged(found)


def _paper(told: Sequence[tuple[str, WireModel]]) -> tuple[Paper, ...]:
    found = {Paper(edge, document) for edge, body in told for document in _PAPER.get(type(body), ())}
    return tuple(sorted(found, key=lambda each: (each.location, each.document)))


_ASKS: Final = (AssignmentCancel, AssignmentChange)
"""What a location may refuse, so that both answers are looked at."""
Asked = AssignmentCancel | AssignmentChange


def _agrees(unit: HubUnit, body: Asked) -> WireModel:
    """Return what the location says when it gives up what it is asked for."""
    part = _part(unit, body.assignment_id)
    lines = [
        (row.line_no, row.sku, int(row.quantity - row.short - row.given_up - row.fulfilled), int(row.picked))
        for row in part.lines
    ]
    named = {"assignment_id": body.assignment_id, "order_id": body.order_id, "number": part.number}
    if isinstance(body, AssignmentCancel):
        back = [
            _back(part, line_no, sku, units, picked) for line_no, sku, units, picked in lines if units > 0
        ]
        return later.AssignmentCancelled.model_validate({**named, "lines": back, "reason": body.reason})
    wanted = {line.line_no: line.units for line in body.dropped}
    dropped = [
        _back(part, line_no, sku, min(units, wanted[line_no]), 0)
        for line_no, sku, units, _picked in lines
        if min(units, wanted.get(line_no, 0)) > 0
    ]
    changed = {"change_id": body.change_id, "dropped": dropped, "added": body.added, "reason": body.reason}
    return later.AssignmentChanged.model_validate({**named, **changed})


def _back(part: "_Part", line_no: int, sku: str, units: int, picked: int) -> PutBackLine:
    kept = {"bound": units} if part.own else {"lent": units}
    return PutBackLine(line_no=line_no, sku=sku, picked=min(units, picked), **kept)


def _refuses(unit: HubUnit, body: Asked) -> WireModel:
    """Return what the location says when it is too late."""
    part = _part(unit, body.assignment_id)
    named = {"assignment_id": body.assignment_id, "order_id": body.order_id, "number": part.number}
    if isinstance(body, AssignmentCancel):
        return later.CancelRefused.model_validate({**named, "code": "too_late"})
    said = {"location": part.location, "change_id": body.change_id, "code": "too_late", "added": body.added}
    return later.ChangeRefused.model_validate({**named, **said})


@dataclass(frozen=True, slots=True)
class _Part:
    number: str
    location: str
    own: bool
    lines: Sequence[sa.Row[Any]]


def _part(unit: HubUnit, assignment_id: str) -> _Part:
    head = unit.connection.execute(
        sa.select(assignments).where(assignments.c.assignment_id == assignment_id)
    ).one()
    lines = unit.connection.execute(
        sa.select(assignment_lines)
        .where(assignment_lines.c.assignment_id == assignment_id)
        .order_by(assignment_lines.c.line_no)
    ).all()
    return _Part(head.number, head.location, bool(head.own), lines)


def _answer(hub: Hub, unit: HubUnit, said: Sequence[tuple[str, WireModel]]) -> ListeningOutbox:
    """Apply what locations would say, as if it had arrived; return what others are told because of it."""
    acting, outbox = acting_in(hub, unit)
    work = acting.spine.work(unit)
    for seq, (edge, body) in enumerate(said, start=1):
        _arrive(work, edge, seq, body)
    acting.finish(work)
    return outbox


def _arrive(work: Work, edge: str, seq: int, body: WireModel) -> None:
    kind, version = KIND_OF[type(body)]
    event_id, now_us = work.ids.new_id(), work.clock.now_us()
    applied = Applied(
        apply_order=take_orders(work.unit, 1),
        edge=edge,
        inc=_IN_REHEARSAL,
        seq=seq,
        event_id=event_id,
        kind=kind,
        v=version,
        at_us=now_us,
        arrived_us=now_us,
        by="",
        device="",
        subjects=subjects_of(body),
        body=body,
        data=encode_event(seq, event_id, now_us, body),
        hash=b"",
        results={},
    )
    work.prepare([applied])
    work.room(Log).append(applied)
    work.follow(applied)
