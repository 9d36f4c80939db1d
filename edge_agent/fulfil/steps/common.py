"""What every verb of fulfilment begins and ends with: find it, see that it may be touched, tell screens."""

from collections.abc import Collection

from edge_agent.along import TakenAlong, way_out
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import OPEN_STATES, ended
from edge_agent.holds import steps as holds
from edge_agent.lives import check_done_once
from protocol.errors import NotFound, Refused
from protocol.fulfilment import FulfilKind
from protocol.holds import Blocked
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState

OWN_ORDER = ("order.placed", "own.assignment_id")
"""What begins an assignment of this store's own: the only one that a restored store knows whole."""


def require(connection: Connection, assignment_id: str) -> Assignment:
    """Return an assignment of this store.

    Raises:
        NotFound: `no_assignment`.
    """
    found = rows.find(connection, assignment_id)
    if found is None:
        raise NotFound(
            _("There is no such assignment in this store."),
            _("Look the order up by its number."),
            code="no_assignment",
        )
    return found


def workable(
    connection: Connection,
    assignment_id: str,
    person: CurrentPerson,
    states: Collection[AssignmentState] = OPEN_STATES,
) -> Assignment:
    """Return an assignment that this person, at this device, may do the next step with.

    Raises:
        NotFound: `no_assignment`.
        Refused: `cancelled` and others when it has ended, `records_missing` in a restored store,
            `checked_out_elsewhere`, or `not_ready`.
    """
    found = require(connection, assignment_id)
    if found.state not in OPEN_STATES:
        why = ended(found.state, found.number, found.ended_how)
        if person.device and work.was_taken_back(connection, assignment_id, person.device):
            why.remedy = _(
                "It was taken back from this device. Put back what is here; if goods have left, hand"
                " it over on this device all the same, so that a manager hears of it."
            )
        raise why
    check_done_once(connection, OWN_ORDER, assignment_id)
    check_device(connection, found, person)
    if found.state not in states:
        raise not_ready(found)
    return found


def check_device(connection: Connection, found: Assignment, person: CurrentPerson) -> None:
    """Refuse what another device has taken along: it may be doing the same at this moment."""
    held = work.hold_of(connection, found.assignment_id)
    if held is not None and held.device != person.device:
        raise Refused(
            TakenAlong(found.assignment_id, found.number, held.device).says,
            way_out(),
            code="checked_out_elsewhere",
            device=held.device,
        )


def not_ready(found: Assignment) -> Refused:
    """Return the refusal of a step that comes later, saying where the assignment is."""
    says = {
        AssignmentState.ACKNOWLEDGED: _("Order {number} has not been picked.", number=found.number),
        AssignmentState.PICKING: _("Order {number} is being picked.", number=found.number),
        AssignmentState.PICKED: _("Order {number} has not been packed.", number=found.number),
        AssignmentState.PACKED: _("Order {number} is packed already.", number=found.number),
        AssignmentState.READY: _("Order {number} is ready already.", number=found.number),
    }
    return Refused(
        says[found.state],
        _("Do the steps in their order: pick, pack, then hand over or ship."),
        code="not_ready",
        state=found.state.value,
    )


def only_for(found: Assignment, kind: FulfilKind) -> None:
    """Refuse to ship what is collected, and to hand over what is shipped."""
    if found.kind is kind:
        return
    if kind is FulfilKind.COLLECT:
        raise Refused(
            _("Order {number} goes out with a carrier.", number=found.number),
            _("Ship it; nobody collects it."),
            code="not_for_collection",
        )
    raise Refused(
        _("Order {number} is collected here.", number=found.number),
        _("Stage it and hand it over; no carrier takes it."),
        code="not_for_shipping",
    )


def check_paid(found: Assignment) -> None:
    """Refuse to let goods go that are not paid.

    Raises:
        Refused: `unpaid_rest`, with the amount in `facts`.
    """
    if found.due_minor > 0:
        raise Refused(
            _("Order {number} is not paid in full.", number=found.number),
            _("Take the rest at a till first, then hand it over."),
            code="unpaid_rest",
            due_minor=found.due_minor,
            currency=found.currency,
            order_id=found.order_id,
        )


def may_leave(
    connection: Connection, edge: Edge, found: Assignment, what: Blocked, person: CurrentPerson
) -> None:
    """Refuse to let goods go that are not paid, or that a hold keeps here.

    What a device did with an order that it had taken along before the hold was heard of is a fact.

    Raises:
        Refused: `unpaid_rest`, `on_hold`.
    """
    check_paid(found)
    held = work.hold_of(connection, found.assignment_id)
    along = held is not None and bool(person.device) and held.device == person.device
    holds.check_free(
        connection,
        edge,
        (found.order_id, found.number),
        what,
        told_until_us=held.at_us if held is not None and along else None,
    )


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Tell every screen that shows work, stock or exceptions."""

    def told() -> None:
        edge.broadcaster.publish("fulfil")
        edge.broadcaster.publish("stock")

    unit.after_commit(told)
