"""What a device says that it did with an order after the order was taken back from it.

A manager takes an order back from a device that does not come back, and then it ends here: given back,
cancelled, or done by somebody else. When the device is back in the Wi-Fi, its queue says that the customer
has the goods, or that the parcel has left. That was done by hand and cannot be refused away; it is not
counted a second time either. It becomes a card, and whoever holds the device is told what to do.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import raise_exception
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import OPEN_STATES
from edge_agent.fulfil.steps.common import tell
from edge_agent.fulfil.steps.models import HandedOver, Shipped
from protocol.errors import Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson


def conflicting(connection: Connection, assignment_id: str, person: CurrentPerson) -> Assignment | None:
    """Return the order that this device had, that was taken back from it, and that went on without it."""
    if not person.device or not work.was_taken_back(connection, assignment_id, person.device):
        return None
    found = rows.find(connection, assignment_id)
    if found is None:
        return None
    held = work.hold_of(connection, assignment_id)
    elsewhere = held is not None and held.device != person.device
    return found if found.state not in OPEN_STATES or elsewhere else None


def call_a_manager(unit: EdgeUnit, edge: Edge, found: Assignment, person: CurrentPerson) -> None:
    """Raise the card: goods have left, as a device says, of an order that is not there to be fulfilled."""
    lines = rows.lines_of(unit.connection, found.assignment_id)
    raise_exception(
        unit,
        edge,
        kind="left_after_take_back",
        subject=f"assignment:{found.assignment_id}",
        title=_("{device} says that order {number} has left, after it was taken back from it",
                device=person.device, number=found.number),
        facts={
            "assignment_id": found.assignment_id,
            "order": found.number,
            "device": person.device,
            "by": person.person_id,
            "state": found.state.value,
            "units": sum(line.quantity for line in lines),
        },
        dedupe_key=f"left:{found.assignment_id}",
    )  # fmt: skip
    tell(unit, edge)


def check_left(done: object) -> None:
    """Refuse, after the card is kept, what a device did with an order that had gone on without it.

    Raises:
        Refused: `left_after_take_back`.
    """
    if isinstance(done, HandedOver | Shipped) and done.went_on:
        raise Refused(
            _("Order {number} was taken back from this device, and went on without it. Stock is unchanged;"
              " a manager has a card that says what you did.", number=done.went_on),
            _("If the customer or the carrier has the goods, tell the manager now. Put back only what is"
              " still here."),
            code="left_after_take_back",
            order=done.went_on,
        )  # fmt: skip
