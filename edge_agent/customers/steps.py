"""Keep a customer, take over what the hub knows of one, forget one.

A contact that was written here goes up over HTTPS by itself, again and again until the hub has it: what
waits is a row (`version > uploaded`), so it survives a restart. A newer version always wins, on both sides.
"""

from edge_agent.context import Edge
from edge_agent.customers import rows
from edge_agent.database import EdgeUnit
from protocol.customers import Contact


def put(unit: EdgeUnit, edge: Edge, contact: Contact) -> Contact:
    """Store what a customer said, as the next version, and have it brought to the hub.

    Saying again what is known already changes nothing.
    """
    known = rows.find(unit.connection, contact.contact_id)
    if known is not None and known == contact.model_copy(update={"version": known.version}):
        return known
    version = (known.version if known else 0) + 1
    saved = contact.model_copy(update={"version": max(version, contact.version)})
    rows.store(unit, saved, uploaded=0, at_us=edge.clock.now_us())
    unit.after_commit(edge.wake_contacts)
    return saved


def take(unit: EdgeUnit, edge: Edge, contact: Contact) -> bool:
    """Take over a contact that came from the hub; tell whether it was newer than what is known here."""
    return rows.store(unit, contact, uploaded=contact.version, at_us=edge.clock.now_us())


def erase(unit: EdgeUnit, edge: Edge, contact_id: str) -> None:
    """Forget who a customer is; their orders stay, and name nobody. What never was is not remembered."""
    if rows.version_of(unit.connection, contact_id):
        put(unit, edge, Contact(contact_id=contact_id, erased=True))
