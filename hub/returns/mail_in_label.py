"""What stands on the label of a return: who sends, where it goes, and the code that finds it."""

from sqlalchemy.engine import Connection

from hub.customers.rows import find as find_contact
from hub.fleet.rows import location
from hub.returns.mail_in_rows import MailIn
from hub.returns.policy import current
from printing.document import Document
from printing.documents.return_label import ReturnLabelFacts, return_label
from protocol.clock import from_us


def document_of(connection: Connection, found: MailIn, *, demo: bool) -> Document:
    """Return the label of a return."""
    place = location(connection, found.location)
    contact = find_contact(connection, found.contact_id) if found.contact_id else None
    address = current(connection).mail_in.addresses.get(found.location, "")
    return return_label(
        ReturnLabelFacts(
            number=found.number,
            order_number=found.order_number,
            tracking=found.tracking,
            sender_name=contact.full_name if contact else "",
            sender_lines=contact.address.lines if contact else (),
            recipient_name=place.name if place else found.location,
            recipient_lines=tuple(part.strip() for part in address.split(",") if part.strip()),
            send_by=from_us(found.due_us).date(),
            lines=tuple((line.units, line.name) for line in found.lines),
            demo=demo,
        )
    )
