"""Cancel an order for later, or change what was promised: only while this store keeps it.

Whoever holds the goods decides. What the hub gave to another location, or has not decided yet, is changed at
the hub; a counter that did it too would leave two answers. What the customer paid for cancelled units goes
back in the same unit of work, also with the line down.
"""

from collections.abc import Mapping

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments
from edge_agent.fulfil.steps import changing, inbox
from edge_agent.fulfil.steps.common import workable
from edge_agent.later import elsewhere, rows, rules
from edge_agent.later.models import Cancelled, CancelLine, CancelPreview, CancelWanted, Changed, ChangeWanted
from edge_agent.later.steps import people
from edge_agent.later.steps.money import going_back, may_refund, refund, refunds_of, require
from edge_agent.later.steps.place import tell
from edge_agent.link.directives import arrived_us
from edge_agent.once import Asked, once
from protocol.directives import OrderSettled
from protocol.elsewhere import OrderElsewhere
from protocol.errors import Refused
from protocol.fulfilment import FulfilKind, PutBackLine
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.later import AssignmentCancelled, OrderCancelled, OrderChanged
from protocol.orders import LineKind, Tender


def why_not_changed(connection: Connection, order: rows.OrderRow) -> Refused | None:
    """Return why this store may not change or cancel an order any more; None when it may."""
    held = assignments.find(connection, order.head.assignment_id)
    lines = assignments.lines_of(connection, held.assignment_id) if held is not None else ()
    try:
        rules.check_changeable(
            order.head.state,
            order.head.number,
            assignment_id=order.head.assignment_id,
            parts=sum(line.open for line in lines),
        )
    except Refused as refusal:
        return refusal
    return None


def preview(
    connection: Connection, edge: Edge, number: str, wanted: Mapping[int, int] | None
) -> CancelPreview:
    """Return what a cancellation would do, to the penny and per tender; nothing is changed."""
    order = require(connection, number)
    plan, back, refunds, due_minor = _plan(connection, edge, order, wanted)
    return CancelPreview(
        lines=tuple(CancelLine(line_no=line.line_no, quantity=line.quantity) for line in plan.lines),
        whole=plan.whole,
        worth_minor=plan.worth_minor,
        refund_minor=back.here_minor,
        online_minor=back.online_minor,
        refunds=refunds,
        due_minor=due_minor,
    )


def may_cancel(connection: Connection, order: rows.OrderRow) -> dict[int, int]:
    """Return the units by line that this store may cancel."""
    kept = _kept(connection, order)
    return {line.line_no: rules.may_cancel(line.record, kept) for line in order.lines}


def _kept(connection: Connection, order: rows.OrderRow) -> dict[int, int]:
    """Return the units by line that this store set aside and has neither handed over nor given up.

    Units that were not found count too: nobody else has them before the hub has heard of it.
    """
    held = assignments.lines_of(connection, order.head.assignment_id)
    return {line.line_no: line.open + line.short for line in held}


def _plan(
    connection: Connection, edge: Edge, order: rows.OrderRow, wanted: Mapping[int, int] | None
) -> tuple[rules.Cancelling, rules.GoingBack, tuple[Tender, ...], int]:
    refusal = why_not_changed(connection, order)
    if refusal is not None:
        raise refusal
    plan = rules.cancelling(order.record.lines, wanted, _kept(connection, order))
    head = order.head
    after = rules.Account(
        head.total_minor, head.cancelled_minor + plan.worth_minor, head.paid_minor, head.refunded_minor
    )
    back = going_back(connection, order, after.owed_minor)
    step = edge.settings.cash_step_minor
    refunds = refunds_of(connection, head.order_id, back.here_minor, cash_step_minor=step)
    return plan, back, refunds, after.due_minor


def cancel(
    unit: EdgeUnit, edge: Edge, number: str, command: CancelWanted, *, person: CurrentPerson
) -> tuple[Cancelled, bool]:
    """Cancel units of an order that this store keeps, and give back what was paid too much.

    Raises:
        NotFound: `unknown_order`.
        Refused: `held_elsewhere`, `order_over`, `too_many_units`, `picked_already`, `till_closed`,
            `checked_out_elsewhere`.
        NotPermitted: `needs_approval`, the amount is above this person's limit for returns.
    """

    def work() -> Cancelled:
        order = require(unit.connection, number)
        chosen = {line.line_no: line.quantity for line in command.lines} if command.lines else None
        plan, back, refunds, due_minor = _plan(unit.connection, edge, order, chosen)
        word = (command.till, command.approval)
        session, approval = may_refund(unit, edge, order.head, word, back.here_minor, person=person)
        body = OrderCancelled(
            cancel_id=edge.ids.new_id(),
            order_id=order.head.order_id,
            number=order.head.number,
            lines=plan.lines,
            reason=command.reason,
            by_customer=command.by_customer,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        _release(unit, edge, order, plan, command.reason, person=person)
        rounding, slip = 0, ""
        if session is not None:
            given, slip = refund(
                unit,
                edge,
                order.head,
                session,
                amount_minor=back.here_minor,
                due_minor=due_minor,
                tenders=refunds,
                reason=command.reason,
                approval=approval,
                person=person,
            )
            rounding = given.rounding_minor
        tell(unit, edge)
        now = require(unit.connection, order.head.order_id).head
        return Cancelled(
            cancel_id=body.cancel_id,
            number=now.number,
            state=now.state.value,
            refund_minor=back.here_minor,
            online_minor=back.online_minor,
            refunds=refunds,
            rounding_minor=rounding,
            due_minor=due_minor,
            seq=recorded.seq,
            slip_job=slip,
        )

    to = f"later-cancel:{number}"
    return once(unit, edge, Asked(to=to, command=command), command.key, Cancelled, work)


def _release(
    unit: EdgeUnit,
    edge: Edge,
    order: rows.OrderRow,
    plan: rules.Cancelling,
    reason: str,
    *,
    person: CurrentPerson,
) -> None:
    """Have the store set nothing aside any more for what was cancelled."""
    held = assignments.find(unit.connection, order.head.assignment_id)
    assert held is not None
    goods = {line.line_no: line.kind is LineKind.GOODS for line in order.lines}
    units = {line.line_no: line.quantity for line in plan.lines if goods[line.line_no]}
    if not units:
        return
    lines = assignments.lines_of(unit.connection, held.assignment_id)
    if all(units.get(line.line_no, 0) >= line.open for line in lines):
        inbox.give_up(unit, edge, held.assignment_id, reason, person=person)
        return
    free = changing.unpicked(unit.connection, held)
    if any(count > free.get(line_no, 0) for line_no, count in units.items()):
        raise Refused(
            _("Not so many units of {number} lie on their shelf any more.", number=held.number),
            _("Cancel all of it, or hand over what is wanted and cancel the rest then."),
            code="picked_already",
            state=held.state.value,
            lines=free,
        )
    _give_up_units(unit, edge, held, units, reason, person=person)


def _give_up_units(
    unit: EdgeUnit,
    edge: Edge,
    held: assignments.Assignment,
    units: Mapping[int, int],
    reason: str,
    *,
    person: CurrentPerson,
) -> None:
    """Give units up that still lie on their shelf; the rest of the assignment stays as it is."""
    workable(unit.connection, held.assignment_id, person)
    lines = tuple(
        PutBackLine(line_no=line.line_no, sku=line.sku, bound=min(units[line.line_no], line.bound))
        for line in assignments.lines_of(unit.connection, held.assignment_id)
        if units.get(line.line_no, 0) and line.bound
    )
    body = AssignmentCancelled(
        assignment_id=held.assignment_id,
        order_id=held.order_id,
        number=held.number,
        lines=lines,
        reason=reason,
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    changing.new_paper(unit, edge, held, str(recorded.seq), by=person)
    unit.after_commit(lambda: edge.broadcaster.publish("fulfil"))


def change(
    unit: EdgeUnit, edge: Edge, number: str, command: ChangeWanted, *, person: CurrentPerson
) -> tuple[Changed, bool]:
    """Change the note, the customer or the time of an order that this store keeps.

    Raises:
        NotFound: `unknown_order`, `unknown_contact`.
        Invalid: `promise_in_past`, `contact_needed`.
        Refused: `held_elsewhere`, `order_over`, `nothing_changed`.
    """

    def work() -> Changed:
        order = require(unit.connection, number)
        refusal = why_not_changed(unit.connection, order)
        if refusal is not None:
            raise refusal
        body = _changed(unit.connection, edge, order.head, command)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        return Changed(
            number=body.number,
            promise=body.promise,
            contact_id=body.contact_id,
            note=body.note,
            seq=recorded.seq,
        )

    asked = Asked(to=f"later-change:{number}", command=command)
    return once(unit, edge, asked, command.key, Changed, work)


def _changed(connection: Connection, edge: Edge, head: rows.OrderHead, command: ChangeWanted) -> OrderChanged:
    what, promise = [], head.promise
    if command.due_us is not None and command.due_us != promise.due_us:
        due_us = rules.check_due(command.due_us, edge.clock.now_us())
        keep = due_us + edge.settings.collect_keep_days * rules.DAY_US
        promise = promise.model_copy(
            update={
                "due_us": due_us,
                "keep_until_us": keep if promise.kind is FulfilKind.COLLECT else 0,
            }
        )
        what.append("promise")
    contact_id = command.contact_id or head.contact_id
    if contact_id != head.contact_id:
        contact = people.require(connection, contact_id)
        people.check_reachable(contact)
        if promise.kind is FulfilKind.SHIP:
            people.check_address(contact)
        what.append("contact")
    note = head.note if command.note is None else command.note
    if note != head.note:
        what.append("note")
    if not what:
        raise Refused(
            _("This is how {number} stands already.", number=head.number),
            _("Change something of it first."),
            code="nothing_changed",
        )
    return OrderChanged(
        order_id=head.order_id,
        number=head.number,
        what=tuple(what),
        promise=promise,
        contact_id=contact_id,
        note=note,
        reason=command.reason,
    )


def settle(unit: EdgeUnit, edge: Edge, body: OrderSettled) -> None:
    """Keep what the hub says of an order that this store took: a directive, so no event and no rebuild."""
    rows.take_settled(unit, body, arrived_us(unit, edge))
    tell(unit, edge)


def take_elsewhere(unit: EdgeUnit, edge: Edge, body: OrderElsewhere) -> None:
    """Let what others recorded about an order that this store took count in its account."""
    elsewhere.take(unit, body, arrived_us(unit, edge))
    tell(unit, edge)
