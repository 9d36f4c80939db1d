"""Which directives transfers carry out, for the link: each with what it has to fetch first.

A transfer may bring the goods of orders, so their customers' contacts are fetched before it is answered, as
with an order that is offered: when the goods arrive the line may be down.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from edge_agent.context import Edge
from edge_agent.customers import steps as customers
from edge_agent.fulfil.steps.inbox import contact_wanted
from edge_agent.link.courier import Courier
from edge_agent.link.directives import Kind
from edge_agent.transfers.steps import inbox
from protocol.transfer_messages import TransferExpect


def kinds_of(edge: Edge) -> Callable[[Courier], Mapping[str, Kind]]:
    """Return the directives of this room, once the line they fetch over is known."""

    def over(courier: Courier) -> Mapping[str, Kind]:
        def prepare(body: TransferExpect, stopping: threading.Event) -> None:
            for order in body.orders:
                if stopping.is_set() or not contact_wanted(edge, order.contact_id, order.contact_version):
                    continue
                contact = courier.fetch_contact(order.contact_id)
                if contact is not None:
                    edge.database.write(partial(customers.take, edge=edge, contact=contact))

        return {
            "transfer.request": Kind(inbox.request),
            "transfer.cancel": Kind(inbox.cancel_by_hub),
            "transfer.expect": Kind(inbox.expect, prepare),
            "transfer.settled": Kind(inbox.settled),
            "transfer.told": Kind(inbox.told),
        }

    return over
