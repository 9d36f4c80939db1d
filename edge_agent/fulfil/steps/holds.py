"""Assignments that a handheld takes along, so that it can hand over, ship and short-pick without a network.

While a device has one, nobody else touches it, and a cancel of the hub waits: "too late" and "given up" can
both still come true. Counts of its items and the close of a till wait too (`edge_agent.along`). Coming back,
or a manager's word, settles it.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.steps import inbox
from edge_agent.fulfil.steps.commands import CheckIn, CheckOut, TakeBack
from edge_agent.fulfil.steps.common import require, tell, workable
from edge_agent.fulfil.steps.models import Held
from edge_agent.holds import steps as hold_steps
from edge_agent.once import Asked, once
from edge_agent.people.steps import require_word
from protocol.errors import Refused
from protocol.holds import Blocked
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole

TAKE_BACK = "fulfil_take_back"
"""Action an approval names when a manager takes work from a device that does not come back."""
_ALONG = (Blocked.HANDOVER, Blocked.SHIP)
"""What a device could do without a network that a hold forbids."""


def check_out(unit: EdgeUnit, edge: Edge, command: CheckOut, *, person: CurrentPerson) -> tuple[Held, bool]:
    """Take assignments along on this person's device.

    Raises:
        Refused: `checked_out_elsewhere`, `no_device`, `cancel_asked`, `on_hold`, or one of them has ended.
    """

    def step() -> Held:
        if not person.device:
            raise Refused(
                _("This sign-in belongs to no device."), _("Sign in at the handheld."), code="no_device"
            )
        for assignment_id in command.assignments:
            found = workable(unit.connection, assignment_id, person)
            if found.cancel_asked:
                raise Refused(
                    _("Order {number} is being cancelled.", number=found.number),
                    _("Check it in first."),
                    code="cancel_asked",
                )
            for what in _ALONG:
                hold_steps.check_free(unit.connection, edge, (found.order_id, found.number), what)
            work.forget_taken_back(unit, assignment_id, person.device)
            work.hold(unit, work.Hold(assignment_id, person.device, person.person_id, edge.clock.now_us()))
        _tell(unit, edge)
        return Held(device=person.device, assignments=command.assignments)

    return once(unit, edge, Asked(to="check-out", command=command), command.key, Held, step)


def check_in(unit: EdgeUnit, edge: Edge, command: CheckIn, *, person: CurrentPerson) -> tuple[Held, bool]:
    """Bring assignments of this device back; what the hub wanted cancelled is settled now.

    Raises:
        Refused: `checked_out_elsewhere`, another device has one of them.
    """

    def step() -> Held:
        mine = [held.assignment_id for held in work.holds(unit.connection, person.device or "-")]
        wanted = command.assignments or tuple(mine)
        for assignment_id in wanted:
            held = work.hold_of(unit.connection, assignment_id)
            if held is not None and held.device != person.device:
                raise Refused(
                    _("This order is checked out to {device}.", device=held.device),
                    _("Check it in there, or ask a manager to take it back."),
                    code="checked_out_elsewhere",
                    device=held.device,
                )
        return _brought_back(unit, edge, wanted, person)

    return once(unit, edge, Asked(to="check-in", command=command), command.key, Held, step)


def take_back(unit: EdgeUnit, edge: Edge, command: TakeBack, *, person: CurrentPerson) -> tuple[Held, bool]:
    """Take assignments from a device that does not come back; what it did meanwhile may come to light later.

    Raises:
        NotPermitted: `needs_approval`, a manager must agree.
    """

    def step() -> Held:
        require_word(unit, edge, person, TAKE_BACK, StoreRole.MANAGER, command.approval)
        for assignment_id in command.assignments:
            held = work.hold_of(unit.connection, assignment_id)
            if held is not None and held.device != person.device:
                work.note_taken_back(unit, assignment_id, held.device, edge.clock.now_us())
        return _brought_back(unit, edge, command.assignments, person)

    return once(unit, edge, Asked(to="take-back", command=command), command.key, Held, step)


def _brought_back(unit: EdgeUnit, edge: Edge, assignment_ids: tuple[str, ...], person: CurrentPerson) -> Held:
    cancelled = []
    for assignment_id in assignment_ids:
        require(unit.connection, assignment_id)
        work.release(unit, (assignment_id,))
        if inbox.settle_cancel(unit, edge, assignment_id, person):
            cancelled.append(assignment_id)
    _tell(unit, edge)
    return Held(device=person.device, assignments=assignment_ids, cancelled=tuple(cancelled))


def _tell(unit: EdgeUnit, edge: Edge) -> None:
    tell(unit, edge)
    unit.after_commit(lambda: edge.broadcaster.publish("counts"))  # they wait for what a device has
