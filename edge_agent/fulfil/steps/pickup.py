"""The pickup desk: recognise who collects, hand over, take a handover back within its minutes.

A wrong code is an answer of its own step and is counted in it, so that no refusal can undo the counting.
After too many the code is locked for five minutes; a lead's word still opens the desk.
"""

from datetime import date

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import (
    LOCKED_US,
    MINUTE_US,
    VERIFIED_FOR_US,
    leaving,
    locked_seconds,
)
from edge_agent.fulfil.steps import slips, taken_back
from edge_agent.fulfil.steps.commands import HandOver, UndoHandover, Verify
from edge_agent.fulfil.steps.common import may_leave, only_for, require, tell, workable
from edge_agent.fulfil.steps.inbox import settle_cancel
from edge_agent.fulfil.steps.models import Done, HandedOver, Verification
from edge_agent.lives import check_stands
from edge_agent.once import Asked, once
from edge_agent.paper.backs import words_of
from edge_agent.people.steps import require_word
from edge_agent.till.looks import calendar_date
from protocol import later
from protocol.customers import Contact, phone_matches
from protocol.errors import Invalid, NotFound, Refused
from protocol.fulfilment import FulfilKind, UnitsLine, Verified
from protocol.holds import Blocked
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState
from protocol.people import StoreRole

UNVERIFIED = "hand_over_unverified"
"""Action an approval names when a lead vouches for somebody who has neither code nor papers."""
_AT_DESK = frozenset({AssignmentState.PACKED, AssignmentState.READY})
_UNDOABLE = frozenset({AssignmentState.HANDED_OVER, AssignmentState.PACKED, AssignmentState.READY})


def verify(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Verify, *, person: CurrentPerson
) -> tuple[Verification, bool]:
    """Recognise who collects; a wrong try is counted and answered, never raised.

    Raises:
        Refused: `code_of_another_order`, or the assignment has ended.
        NotPermitted: `needs_approval`, for a lead's word.
    """

    def step() -> Verification:
        found = workable(unit.connection, assignment_id, person)
        only_for(found, FulfilKind.COLLECT)
        if command.how is Verified.LEAD:
            require_word(unit, edge, person, UNVERIFIED, StoreRole.LEAD, command.approval)
            return _verified(unit, edge, found, command, person)
        failed, locked_until_us = work.tries(unit.connection, found.order_id)
        seconds = locked_seconds(locked_until_us, edge.clock.now_us())
        if seconds:
            return Verification(verified=False, how=command.how, locked_seconds=seconds)
        if _matches(unit.connection, found, command):
            work.set_tries(unit, found.order_id, 0, 0)
            return _verified(unit, edge, found, command, person)
        failed = 1 if locked_until_us else failed + 1
        limit = edge.settings.fulfil.code_tries
        until_us = edge.clock.now_us() + LOCKED_US if failed >= limit else 0
        work.set_tries(unit, found.order_id, failed, until_us)
        return Verification(
            verified=False,
            how=command.how,
            tries_left=max(0, limit - failed),
            locked_seconds=LOCKED_US // 1_000_000 if until_us else 0,
        )

    asked = Asked(to=f"verify:{assignment_id}", command=command)
    return once(unit, edge, asked, command.key, Verification, step)


def _verified(
    unit: EdgeUnit, edge: Edge, found: Assignment, command: Verify, person: CurrentPerson
) -> Verification:
    # The key is the name of it: a handheld without a network can say which handover it was meant for.
    row = work.VerifiedRow(
        verification_id=command.key,
        order_id=found.order_id,
        how=command.how.value,
        proxy=command.proxy,
        at_us=edge.clock.now_us(),
    )
    work.put_verified(unit, row, person.person_id)
    return Verification(
        verified=True,
        verification=row.verification_id,
        how=command.how,
        tries_left=edge.settings.fulfil.code_tries,
    )


def _matches(connection: Connection, found: Assignment, command: Verify) -> bool:
    said = command.said.strip()
    if command.how is Verified.CODE:
        return _code_matches(found, said)
    contact = customers.find(connection, found.contact_id)
    if contact is None or contact.erased:
        raise Refused(
            _("Nothing is known here of the customer of order {number}.", number=found.number),
            _("Ask for the pickup code, or for the word of a lead."),
            code="no_contact",
        )
    if command.how is Verified.PHONE:
        return phone_matches(contact, said)
    if command.how is Verified.EMAIL:
        return bool(contact.email) and contact.email.casefold() == said.casefold()
    if not command.id_seen:
        raise Invalid(
            _("A name alone is not enough."),
            _("Look at an identity card, and say that you have."),
            code="id_not_seen",
        )
    return _name_matches(contact, said, proxy=command.proxy)


def _code_matches(found: Assignment, said: str) -> bool:
    """Tell whether a code or a scanned QR is this order's.

    Raises:
        Refused: `code_of_another_order`, a QR that belongs to another order: no guess, so no try.
    """
    slip = parse_slip_code(said)
    if slip is not None:
        if slip[0] == "po" and slip[1] == found.number:
            return True
        raise Refused(
            _("This is the code of another order, not of {number}.", number=found.number),
            _("Open the order that it belongs to."),
            code="code_of_another_order",
        )
    return bool(found.pickup_code) and "".join(said.split()) == found.pickup_code


def _name_matches(contact: Contact, said: str, *, proxy: bool) -> bool:
    wanted = contact.collector.split()[-1:] if proxy else [contact.last_name or contact.first_name]
    return bool(said) and any(name.casefold() == said.casefold() for name in wanted if name)


def hand_over(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: HandOver, *, person: CurrentPerson
) -> tuple[HandedOver, bool]:
    """Hand over everything that is here, or a part of it.

    Raises:
        Refused: `unpaid_rest`, `not_ready`, `cancelled`, `checked_out_elsewhere`, `code_of_another_order`,
            `not_verified`, `on_hold`.
    """

    def step() -> HandedOver:
        over = taken_back.conflicting(unit.connection, assignment_id, person)
        if over is not None:
            taken_back.call_a_manager(unit, edge, over, person)
            return HandedOver(
                assignment_id=assignment_id,
                state=over.state.value,
                handover_id="",
                rest=0,
                undo_until_us=0,
                went_on=over.number,
            )
        found = workable(unit.connection, assignment_id, person, _AT_DESK)
        only_for(found, FulfilKind.COLLECT)
        may_leave(unit.connection, edge, found, Blocked.HANDOVER, person)
        recognised = _recognised(unit.connection, edge, found, command.verification)
        lines = rows.lines_of(unit.connection, assignment_id)
        picked = {line.line_no: line for line in lines if line.picked}
        wanted: dict[int, int] = {}
        for each in command.lines:
            wanted[each.line_no] = wanted.get(each.line_no, 0) + each.units
        if not command.lines:
            wanted = {n: line.picked for n, line in picked.items()}
        unknown = sorted(wanted.keys() - picked.keys())
        if unknown or not wanted:
            raise Invalid(
                _("Line {line} is not here to be handed over.", line=unknown[0] if unknown else "-"),
                _("Look at the order again."),
                code="not_picked",
                line=unknown[0] if unknown else None,
            )
        units = tuple(leaving(picked[n], count) for n, count in sorted(wanted.items()))
        gone = {each.line_no: each.units for each in units}
        rest = [
            (line.line_no, line.sku, line.open - gone.get(line.line_no, 0))
            for line in lines
            if line.open > gone.get(line.line_no, 0)
        ]
        return _handed_over(unit, edge, found, units, rest, recognised, person)

    asked = Asked(to=f"hand-over:{assignment_id}", command=command)
    return once(unit, edge, asked, command.key, HandedOver, step)


def _handed_over(  # noqa: PLR0917 - one handover in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    found: Assignment,
    units: tuple[UnitsLine, ...],
    rest: list[tuple[int, str, int]],
    recognised: work.VerifiedRow,
    person: CurrentPerson,
) -> HandedOver:
    body = later.AssignmentHandedOver(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        handover_id=edge.ids.new_id(),
        lines=units,
        verified=Verified(recognised.how),
        proxy=recognised.proxy,
        rest=bool(rest),
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    work.forget_taken_back(unit, found.assignment_id, person.device)
    if not rest:
        work.release(unit, (found.assignment_id,))
        settle_cancel(unit, edge, found.assignment_id, person)
        close_exception(unit, edge, f"no_show:{found.assignment_id}", how=_("It was collected."))
    left = date.fromisoformat(calendar_date(edge))
    back = words_of(unit.connection, [line.sku for line in units], left, found.channel)
    job_id = slips.print_handover(unit, edge, found, body.handover_id, recorded.seq, rest, back)
    tell(unit, edge)
    return HandedOver(
        assignment_id=found.assignment_id,
        state=found.state.value if rest else AssignmentState.HANDED_OVER.value,
        seq=recorded.seq,
        handover_id=body.handover_id,
        rest=sum(count for _n, _sku, count in rest),
        undo_until_us=recorded.at_us + edge.settings.fulfil.undo_minutes * MINUTE_US,
        job_id=job_id,
    )


def _recognised(
    connection: Connection, edge: Edge, found: Assignment, verification_id: str
) -> work.VerifiedRow:
    row = work.find_verified(connection, verification_id)
    if row is not None and row.order_id != found.order_id:
        raise Refused(
            _("Somebody was recognised for another order, not for {number}.", number=found.number),
            _("Ask for the code of this order."),
            code="code_of_another_order",
        )
    if row is None or edge.clock.now_us() - row.at_us > VERIFIED_FOR_US:
        raise Refused(
            _("Nobody was recognised for order {number}.", number=found.number),
            _("Ask for the pickup code first."),
            code="not_verified",
        )
    return row


def undo_handover(
    unit: EdgeUnit, edge: Edge, handover_id: str, command: UndoHandover, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Take a handover back: the goods stand at the desk again, for the same order.

    Raises:
        NotFound: `no_handover`.
        Refused: `already_undone`, `undo_too_late`, `records_missing`, or the rest of the order was given up
            meanwhile.
    """

    def step() -> Done:
        done = rows.find_handover(unit.connection, handover_id)
        if done is None:
            raise NotFound(_("There is no such handover here."), _("Look the order up."), code="no_handover")
        check_stands(unit.connection, done.seq)
        found = require(unit.connection, done.assignment_id)
        if done.undone_us:
            raise Refused(
                _("This handover was taken back already."), _("Reload the order."), code="already_undone"
            )
        late_us = edge.clock.now_us() - done.at_us - edge.settings.fulfil.undo_minutes * MINUTE_US
        if late_us > 0 or found.state not in _UNDOABLE:
            raise Refused(
                _("It is too late to undo the handover of order {number}.", number=found.number),
                _("Take it as a return."),
                code="undo_too_late",
                handed_over_us=done.at_us,
            )
        body = later.HandoverUndone(
            assignment_id=found.assignment_id,
            order_id=found.order_id,
            number=found.number,
            handover_id=handover_id,
            lines=done.lines,
            reason=command.reason,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        after = require(unit.connection, found.assignment_id)
        return Done(assignment_id=found.assignment_id, state=after.state.value, seq=recorded.seq)

    asked = Asked(to=f"undo-handover:{handover_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)
