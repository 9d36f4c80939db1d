"""Which directives fulfilment carries out, for the link: each with what it has to fetch first.

A customer's contact comes over HTTPS before the assignment is answered, so that a store that says "I have it"
can recognise who collects, or write the label, even if the line goes down a second later.
"""

import threading
from collections.abc import Callable, Mapping

from edge_agent.context import Edge
from edge_agent.customers import steps as customers
from edge_agent.fulfil.steps import changing, inbox
from edge_agent.link.courier import Courier
from edge_agent.link.directives import Kind
from protocol.directives import AssignmentAmend, AssignmentOffer


def kinds_of(edge: Edge) -> Callable[[Courier], Mapping[str, Kind]]:
    """Return the directives of this room, once the line they fetch over is known."""

    def over(courier: Courier) -> Mapping[str, Kind]:
        def prepare(body: AssignmentOffer | AssignmentAmend, _stopping: threading.Event) -> None:
            if not inbox.contact_wanted(edge, body.contact_id, body.contact_version):
                return
            contact = courier.fetch_contact(body.contact_id)
            if contact is not None:
                edge.database.write(lambda unit: customers.take(unit, edge, contact))

        return {
            "assignment.offer": Kind(inbox.offer, prepare),
            "assignment.cancel": Kind(inbox.cancel),
            "assignment.amend": Kind(inbox.amend, prepare),
            "assignment.change": Kind(changing.change),
            "order.settled": Kind(inbox.settled),
            "order.elsewhere": Kind(inbox.elsewhere),
        }

    return over
