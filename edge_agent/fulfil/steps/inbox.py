"""Assignments come and go: what the hub offers, amends and asks back, and what the store gives back itself.

A directive only ever ends in one of three ways here: it is refused and leaves nothing behind, it writes what
`rows.facts.take_*` says (which a rebuild plays again), or beyond that it records events, which answer.
"""

from edge_agent.context import SYSTEM, Edge
from edge_agent.customers import rows as contacts
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception, raise_exception
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import facts, work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import OPEN_STATES, Line, keep_until_us
from edge_agent.fulfil.steps import missing, promises, slips
from edge_agent.fulfil.steps.commands import Accept, PutBack, Reject
from edge_agent.fulfil.steps.common import require, tell, workable
from edge_agent.fulfil.steps.models import Done
from edge_agent.journal import Recorded
from edge_agent.link.directives import arrived_us
from edge_agent.link.recovered import check_the_shelf
from edge_agent.once import Asked, once
from edge_agent.walk import put_back
from protocol import later
from protocol.directives import AssignmentAmend, AssignmentCancel, AssignmentOffer, OrderSettled
from protocol.elsewhere import OrderElsewhere
from protocol.errors import Refused
from protocol.fulfilment import RejectReason
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState
from protocol.transfer_messages import ReceiptMatched, TransferReceived

NOTHING_TAKEN = missing.Taken()
_LEFT = {
    AssignmentState.HANDED_OVER: "handed_over",
    AssignmentState.SHIPPED: "shipped",
}


def offer(unit: EdgeUnit, edge: Edge, body: AssignmentOffer) -> None:
    """Take an assignment of the hub's on.

    Raises:
        Refused: `no_capability`, `unknown_sku` or `nothing_to_pick`: the store never gets it.
    """
    if rows.find(unit.connection, body.assignment_id) is not None:
        return  # told twice under two numbers, such as after the hub was restored
    if facts.OWN.waits(unit, body.assignment_id):
        _again(unit, edge, body)
        return
    if body.promise.kind not in edge.settings.fulfil.capabilities:
        raise Refused(
            f"This store does not fulfil orders to {body.promise.kind.value}.",
            "Route it elsewhere, or give this store the capability.",
            code="no_capability",
            kind=body.promise.kind.value,
        )
    wanted = [line.sku for line in facts.goods_of(body.lines)]
    if not wanted:
        raise Refused("There are no goods in it.", "Nothing has to be fulfilled.", code="nothing_to_pick")
    known = edge.products.find_all(unit.connection, wanted)
    missing = sorted(set(wanted) - known.keys())
    if missing:
        raise Refused(
            f"This store does not know {', '.join(missing[:5])}.",
            "Publish a catalogue that has it, or route the order elsewhere.",
            code="unknown_sku",
            skus=missing,
        )
    facts.take_offer(unit, body, arrived_us(unit, edge))
    _arrived(unit, edge, body.assignment_id)


def _again(unit: EdgeUnit, edge: Edge, body: AssignmentOffer) -> None:
    """It was taken on before this database was put back: what this store has said of it stands."""
    facts.take_offer(unit, body, arrived_us(unit, edge))
    if require(unit.connection, body.assignment_id).state in OPEN_STATES:
        check_the_shelf(unit, edge, body.assignment_id, body.order_id, body.number)
    tell(unit, edge)


def on_order_placed(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """An own part has arrived as work, like an offer of the hub does."""
    assert isinstance(recorded.body, later.OrderPlaced)
    if recorded.body.own is not None:
        _arrived(unit, edge, recorded.body.own.assignment_id)


def on_goods_arrived(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """An order whose goods came from elsewhere has arrived as work; more goods of it are no new work."""
    assert isinstance(recorded.body, TransferReceived | ReceiptMatched)
    for assignment_id in dict.fromkeys(line.assignment_id for line in recorded.body.lines if line.bound):
        found = rows.find(unit.connection, assignment_id)
        if (
            found is not None
            and not found.accepted_us
            and work.list_of(unit.connection, assignment_id) is None
        ):
            _arrived(unit, edge, assignment_id)


def _arrived(unit: EdgeUnit, edge: Edge, assignment_id: str) -> None:
    found = require(unit.connection, assignment_id)
    if edge.settings.fulfil.auto_accept:
        _record_accepted(unit, edge, found, SYSTEM)
    if edge.settings.fulfil.print_pick_lists == "on_arrival":
        list_id = edge.number(unit, "L")
        work.put_list(unit, list_id, [(assignment_id, "")], state="waiting", at_us=edge.clock.now_us())
        slips.print_list(unit, edge, list_id, by="")
    tell(unit, edge)


def cancel(unit: EdgeUnit, edge: Edge, body: AssignmentCancel) -> None:
    """Give an assignment up, or say that it is too late; while a device has it, wait for the device.

    What only would be better off elsewhere stays with whoever has begun: no picker's walk is for nothing.
    What the hub takes to be unpaid stays where somebody has paid, or has it in hand.

    Raises:
        Refused: `no_assignment`, this store never had it.
    """
    found = rows.find(unit.connection, body.assignment_id)
    if found is None:
        raise Refused(
            "This store never had that assignment.", "It is free to be routed again.", code="no_assignment"
        )
    facts.take_cancel(unit, body, arrived_us(unit, edge))
    held = work.hold_of(unit.connection, found.assignment_id) is not None
    if found.state in _LEFT:
        _too_late(unit, edge, found, SYSTEM)
    elif found.state in OPEN_STATES:
        begun = held or found.state is not AssignmentState.ACKNOWLEDGED
        if found.due_minor < body.unpaid_minor:
            _paid(unit, edge, found)
        elif (body.unless_begun and begun) or (body.unpaid_minor and held):
            _begun(unit, edge, found)
        elif not held:
            _cancelled(unit, edge, found, body.reason, SYSTEM)
    tell(unit, edge)


def settle_cancel(unit: EdgeUnit, edge: Edge, assignment_id: str, person: CurrentPerson) -> bool:
    """Answer a cancel that had to wait for a device; tell whether the assignment was given up."""
    found = require(unit.connection, assignment_id)
    if not found.cancel_asked:
        return False
    if found.state in _LEFT:
        _too_late(unit, edge, found, person)
        return False
    if found.state not in OPEN_STATES:
        return False
    _cancelled(unit, edge, found, found.cancel_reason, person)
    return True


def give_up(
    unit: EdgeUnit, edge: Edge, assignment_id: str, reason: str, *, person: CurrentPerson
) -> Recorded:
    """Give an own order up that nobody has collected: its units may be sold again.

    Raises:
        Refused: it has ended, or `checked_out_elsewhere`.
    """
    found = workable(unit.connection, assignment_id, person)
    recorded = _cancelled(unit, edge, found, reason, person)
    tell(unit, edge)
    return recorded


def amend(unit: EdgeUnit, edge: Edge, body: AssignmentAmend) -> None:
    """Take over what changed.

    Raises:
        Refused: `no_assignment`, or `too_late` once it has left or was given back.
    """
    found = rows.find(unit.connection, body.assignment_id)
    if found is None:
        raise Refused("This store never had that assignment.", "Offer it first.", code="no_assignment")
    if found.state not in OPEN_STATES:
        raise Refused(
            f"The assignment is {found.state.value.replace('_', ' ')} already.",
            "Tell the customer that it is too late.",
            code="too_late",
            state=found.state.value,
        )
    facts.take_amend(unit, body, arrived_us(unit, edge))
    tell(unit, edge)


def settled(unit: EdgeUnit, edge: Edge, body: OrderSettled) -> None:
    """Hand on what the hub says of an order that this store took."""
    edge.order_settled(unit, body)
    tell(unit, edge)


def elsewhere(unit: EdgeUnit, edge: Edge, body: OrderElsewhere) -> None:
    """Hand on what others recorded about an order that this store took."""
    edge.order_elsewhere(unit, body)
    tell(unit, edge)


def contact_wanted(edge: Edge, contact_id: str, version: int) -> bool:
    """Tell whether a contact must be fetched before an assignment is answered."""
    return bool(contact_id) and version > contacts.version_of(edge.database.read(), contact_id)


def accept(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Accept, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Take the work on; an assignment that somebody took on already stays theirs."""

    def step() -> Done:
        found = workable(unit.connection, assignment_id, person)
        seq = _record_accepted(unit, edge, found, person)
        tell(unit, edge)
        return Done(assignment_id=assignment_id, state=found.state.value, seq=seq)

    return once(unit, edge, Asked(to=f"accept:{assignment_id}", command=command), command.key, Done, step)


def _record_accepted(unit: EdgeUnit, edge: Edge, found: Assignment, person: CurrentPerson) -> int:
    if found.accepted_us:
        return 0
    body = later.AssignmentAccepted(
        assignment_id=found.assignment_id, order_id=found.order_id, number=found.number
    )
    return edge.journal.record(unit, body, by=person.person_id, device=person.device).seq


def ensure_accepted(unit: EdgeUnit, edge: Edge, found: Assignment, person: CurrentPerson) -> None:
    """Whoever begins to walk has taken the work on."""
    _record_accepted(unit, edge, found, person)


def reject(
    unit: EdgeUnit,
    edge: Edge,
    assignment_id: str,
    command: Reject,
    *,
    person: CurrentPerson,
    looked: bool = True,
) -> tuple[Done, bool]:
    """Give the work back, whole; what is picked goes back to the shelf, and the order is routed again.

    Goods that were not found, or are damaged, leave the stock, and their articles have to be counted. Not so
    where nobody has `looked` for them: what is missing then the books know already.

    Raises:
        Refused: it has ended, or `checked_out_elsewhere`.
    """

    def step() -> Done:
        found = workable(unit.connection, assignment_id, person)
        return send_back(unit, edge, found, command.reason, command.note, person, looked=looked)

    return once(unit, edge, Asked(to=f"reject:{assignment_id}", command=command), command.key, Done, step)


def put_back_no_show(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: PutBack, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Nobody came in time: the goods go back to the shelf, and the order back to the hub.

    Raises:
        Refused: `still_kept`, the customer was promised more time.
    """

    def step() -> Done:
        found = workable(unit.connection, assignment_id, person, {AssignmentState.READY})
        until_us = keep_until_us(found.keep_until_us, found.staged_us, edge.settings.collect_keep_days)
        if edge.clock.now_us() <= until_us:
            raise Refused(
                _("Order {number} is still kept for its customer.", number=found.number),
                _("Wait until the time that was promised is over, or cancel the order with the customer."),
                code="still_kept",
                keep_until_us=until_us,
            )
        return send_back(unit, edge, found, RejectReason.NO_SHOW, command.note, person)

    asked = Asked(to=f"put-back:{assignment_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def send_back(  # noqa: PLR0917 - one refusal in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    found: Assignment,
    reason: RejectReason,
    note: str,
    person: CurrentPerson,
    *,
    looked: bool = False,
) -> Done:
    """Write that this store gives work back, whoever says so; the caller has seen that it may.

    With `looked` somebody has looked for the goods: what the reason says of them takes effect on the stock.
    """
    lines = rows.lines_of(unit.connection, found.assignment_id)
    gone = missing.gone_of_order(unit.connection, found, lines, reason) if looked else ()
    body = later.AssignmentRejected(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        reason=reason,
        note=note,
        lines=put_back(lines),
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    # Before anything else looks at the stock: at no moment are these units free for somebody else.
    taken = missing.take_away(unit, edge, found.number, reason, gone, person=person)
    _after(unit, edge, found, lines, reject_word(reason), person, taken=taken)
    missing.have_counted(unit, edge, found.number, reason, gone)
    tell(unit, edge)
    return Done(assignment_id=found.assignment_id, state=AssignmentState.REJECTED.value, seq=recorded.seq)


def goods_put_back(
    unit: EdgeUnit, edge: Edge, assignment_id: str, command: Accept, *, person: CurrentPerson
) -> tuple[Done, bool]:
    """Say that the goods of a cancelled order lie on their shelf again: it ends the task."""

    def step() -> Done:
        found = require(unit.connection, assignment_id)
        close_exception(unit, edge, f"put_back:{assignment_id}", how=_("They were put back."), person=person)
        tell(unit, edge)
        return Done(assignment_id=assignment_id, state=found.state.value)

    asked = Asked(to=f"put-back-done:{assignment_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def _cancelled(unit: EdgeUnit, edge: Edge, found: Assignment, reason: str, person: CurrentPerson) -> Recorded:
    lines = rows.lines_of(unit.connection, found.assignment_id)
    body = later.AssignmentCancelled(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        lines=put_back(lines),
        reason=reason,
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    _after(unit, edge, found, lines, reason or _("The order was cancelled."), person)
    return recorded


def _after(  # noqa: PLR0917 - one ending in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    found: Assignment,
    lines: tuple[Line, ...],
    reason: str,
    person: CurrentPerson,
    *,
    taken: missing.Taken = NOTHING_TAKEN,
) -> None:
    """Stop the paper, forget the walk, and have the goods carried back that are not on their shelf.

    What is lost nobody can carry, and what is damaged is carried to another place.
    """
    picked = max(0, sum(line.picked for line in lines) - taken.lost)
    scanned = work.forget_walk(unit, found.assignment_id) if found.state is AssignmentState.PICKING else 0
    work.release(unit, (found.assignment_id,))
    slips.print_void(unit, edge, found, reason=reason, by=person.person_id)
    list_ = work.list_of(unit.connection, found.assignment_id)
    if list_ is not None and len(list_.orders) == 1:
        work.set_list(unit, list_.list_id, "void")
    close_exception(unit, edge, f"no_show:{found.assignment_id}", how=reason, person=None)
    if picked or scanned:
        raise_exception(
            unit,
            edge,
            kind="put_back",
            subject=f"assignment:{found.assignment_id}",
            title=_("Keep the goods of order {number} apart: they are damaged", number=found.number)
            if taken.damaged
            else _("Put the goods of order {number} back on their shelf", number=found.number),
            facts={
                "assignment_id": found.assignment_id,
                "order": found.number,
                "shelf": found.shelf,
                "units": picked or scanned,
            }
            | ({"damaged": True} if taken.damaged else {}),
            dedupe_key=f"put_back:{found.assignment_id}",
        )
    promises.watch(unit, edge, sorted({line.sku for line in lines}))


def _too_late(unit: EdgeUnit, edge: Edge, found: Assignment, person: CurrentPerson) -> None:
    body = later.CancelRefused(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        code=_LEFT[found.state],
        detail=_("It had left the store already."),
    )
    edge.journal.record(unit, body, by=person.person_id, device=person.device)


def _begun(unit: EdgeUnit, edge: Edge, found: Assignment) -> None:
    _stays(unit, edge, found, "begun", _("Somebody has begun to pick it."))


def _paid(unit: EdgeUnit, edge: Edge, found: Assignment) -> None:
    _stays(unit, edge, found, "paid", _("The customer has paid for it here."))


def _stays(unit: EdgeUnit, edge: Edge, found: Assignment, code: str, detail: str) -> None:
    """Answer a cancel that nobody but the hub wants: the work goes on."""
    body = later.CancelRefused(
        assignment_id=found.assignment_id,
        order_id=found.order_id,
        number=found.number,
        code=code,
        detail=detail,
    )
    edge.journal.record(unit, body, by=SYSTEM.person_id, device=SYSTEM.device)


def reject_word(reason: RejectReason) -> str:
    """Return why an assignment was given back, as a slip says it."""
    words = {
        RejectReason.NO_CAPACITY: _("No time to pick it."),
        RejectReason.NOT_FOUND: _("The goods were not found."),
        RejectReason.DAMAGED: _("The goods are damaged."),
        RejectReason.CLOSING: _("The store is closing."),
        RejectReason.NO_SHOW: _("Nobody came for it."),
        RejectReason.OTHER: _("It was given back."),
    }
    return words[reason]
