"""Whose order it is: a customer who is known, or one who is written down now.

Who they are stays in the room `customers`; an event and a basket name an id and nothing else.
"""

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.customers.steps import put
from edge_agent.database import EdgeUnit
from edge_agent.later.models import ContactWanted, PlaceWanted
from edge_agent.later.rules import Way
from protocol.customers import Contact
from protocol.errors import Invalid, NotFound
from protocol.kit.sqlite import Connection
from protocol.kit.text import _


def contact_for(unit: EdgeUnit, edge: Edge, command: PlaceWanted, of_basket: str) -> Contact:
    """Return the customer of an order: as said now, else as chosen before.

    Raises:
        Invalid: `contact_needed` or `address_needed`.
        NotFound: `unknown_contact`.
    """
    if command.contact is not None:
        found = add(unit, edge, command.contact)
    else:
        found = require(unit.connection, command.contact_id or of_basket)
    check_reachable(found)
    if command.way is Way.SHIP:
        check_address(found)
    return found


def add(unit: EdgeUnit, edge: Edge, said: ContactWanted) -> Contact:
    """Write a new customer down.

    Raises:
        Invalid: `contact_needed`: no name, or neither phone nor e-mail.
    """
    contact = Contact(contact_id=edge.ids.new_id(), **said.model_dump())
    check_reachable(contact)
    return put(unit, edge, contact)


def correct(unit: EdgeUnit, edge: Edge, contact_id: str, said: ContactWanted) -> Contact:
    """Write down what changed of a customer; what only other rooms ask for stays as it is.

    Raises:
        NotFound: `unknown_contact`.
        Invalid: `contact_needed`.
    """
    known = require(unit.connection, contact_id)
    contact = known.model_copy(update=dict(said))
    check_reachable(contact)
    return put(unit, edge, contact)


def require(connection: Connection, contact_id: str) -> Contact:
    """Return a known customer.

    Raises:
        Invalid: `contact_needed`, nobody was said.
        NotFound: `unknown_contact`, never known or forgotten.
    """
    if not contact_id:
        raise Invalid(
            _("An order for later needs somebody it is for."),
            _("Find the customer by phone or mail, or add them."),
            code="contact_needed",
        )
    found = customers.find(connection, contact_id)
    if found is None or found.erased:
        raise NotFound(
            _("This customer is not known here."),
            _("Find them by phone or mail, or add them."),
            code="unknown_contact",
        )
    return found


def check_reachable(contact: Contact) -> None:
    """Refuse somebody who cannot be called by name or told that the goods are ready.

    Raises:
        Invalid: `contact_needed`.
    """
    if not contact.full_name or not (contact.phone or contact.email):
        raise Invalid(
            _("A customer needs a name, and a phone number or an e-mail address."),
            _("Ask for one of the two: it tells them when the goods are ready."),
            code="contact_needed",
        )


def check_address(contact: Contact) -> None:
    """Refuse to ship to nowhere.

    Raises:
        Invalid: `address_needed`.
    """
    address = contact.address
    if not (address.line1 and address.city and address.postcode and address.country):
        raise Invalid(
            _("A parcel needs an address: street, town, postcode and country."),
            _("Add it to the customer."),
            code="address_needed",
        )
