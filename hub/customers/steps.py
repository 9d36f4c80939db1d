"""Keeping contacts: the newest version wins, whoever tells it; erasing keeps the id and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from hub.checks.rows import forget
from hub.customers import rows
from hub.database import HubUnit
from protocol.customers import Contact
from protocol.errors import Invalid, NotFound, NotPermitted
from protocol.kit.text import _

MaySee = Callable[[Connection, str, str], bool]
"""(connection, edge, contact_id) -> whether the edge has, or had, to do with an order of this contact."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the hub knows after somebody told it of a contact."""

    contact_id: str
    version: int
    kept: bool
    """False when the hub knew this version or a newer one, or the contact is erased."""


def tell(unit: HubUnit, edge: str, contact: Contact, *, now_us: int, may_see: MaySee) -> Kept:
    """Take what a store knows of a contact; a store may tell of a new one before its order arrives.

    Raises:
        NotPermitted: another store's contact, of whom this one has no order.
        Invalid: a store cannot erase.
    """
    if contact.erased:
        raise Invalid(_("A contact is erased at the hub."), _("Erase it there."), code="erase_at_hub")
    connection = unit.connection
    known = rows.find(connection, contact.contact_id)
    if known is None:
        rows.put(connection, contact, origin=edge, now_us=now_us)
        return Kept(contact.contact_id, contact.version, kept=True)
    _may(connection, edge, contact.contact_id, may_see)
    if known.erased or contact.version <= known.version:
        return Kept(contact.contact_id, known.version, kept=False)
    rows.put(connection, contact, origin=edge, now_us=now_us)
    return Kept(contact.contact_id, contact.version, kept=True)


def show(connection: Connection, edge: str, contact_id: str, *, may_see: MaySee) -> Contact:
    """Return a contact to a store that has to do with an order of theirs.

    Raises:
        NotFound: nobody has told of one.
        NotPermitted: this store has no order of theirs.
    """
    found = _known(connection, contact_id)
    _may(connection, edge, contact_id, may_see)
    return found


def write(connection: Connection, contact: Contact, *, now_us: int) -> Contact:
    """Write what the hub itself was told, as the next version, and return it."""
    known = rows.find(connection, contact.contact_id)
    newer = contact.model_copy(update={"version": known.version + 1 if known else 1})
    rows.put(connection, newer, origin=rows.HUB_ORIGIN, now_us=now_us)
    return newer


def erase(unit: HubUnit, contact_id: str, *, now_us: int) -> Contact:
    """Empty a contact and keep its id; erasing twice changes nothing more.

    Raises:
        NotFound: nobody has told of one.
    """
    known = _known(unit.connection, contact_id)
    if known.erased:
        return known
    empty = Contact(contact_id=contact_id, version=known.version + 1, erased=True)
    rows.put(unit.connection, empty, origin=rows.HUB_ORIGIN, now_us=now_us)
    forget(unit.connection, contact_id)
    return empty


def _known(connection: Connection, contact_id: str) -> Contact:
    found = rows.find(connection, contact_id)
    if found is None:
        raise NotFound(_("There is no such contact."), _("Look the order up again."), code="no_contact")
    return found


def _may(connection: Connection, edge: str, contact_id: str, may_see: MaySee) -> None:
    if rows.origin_of(connection, contact_id) != edge and not may_see(connection, edge, contact_id):
        raise NotPermitted(
            _("This store has no order of that customer."),
            _("Ask the store that has it, or operations."),
            code="not_your_customer",
        )
