"""The contacts: one row each, with what an order is looked up by beside the whole.

Erasing empties a row and keeps its id, so what names it in the log still points somewhere.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup, metadata
from protocol.customers import PHONE_DIGITS, Contact, phone_digits

HUB_ORIGIN: Final = "hub"
LETTERS: Final = 3
"""Of a name; fewer find half of all customers."""

contacts: Final = sa.Table(
    "contacts",
    metadata,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("email", sa.Text, nullable=False, index=True),
    sa.Column("phone", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("changed_us", sa.BigInteger, nullable=False),
)
"""`origin` is who told of them first. `name` and `email` are in small letters, `phone` is digits."""


def _put(insert: Any) -> Any:
    made = insert(contacts)
    kept = ("contact_id", "origin")
    columns = [column.name for column in contacts.columns if column.name not in kept]
    changed = {name: made.excluded[name] for name in columns}
    return made.on_conflict_do_update(index_elements=[contacts.c.contact_id], set_=changed)


_THIS: Final = contacts.c.contact_id == sa.bindparam("of")
_BODY: Final = Lookup(sa.select(contacts.c.body).where(_THIS))
_VERSION: Final = Lookup(sa.select(contacts.c.version).where(_THIS))
_ORIGIN: Final = Lookup(sa.select(contacts.c.origin).where(_THIS))
_PUT: Final = {
    "sqlite": Change(_put(sqlite.insert)),
    "postgresql": Change(_put(postgresql.insert)),
}


def find(connection: Connection, contact_id: str) -> Contact | None:
    """Return a contact, or None when nobody has told of one under this id."""
    body = _BODY.scalar(connection, of=contact_id)
    return None if body is None else Contact.model_validate_json(body)


def is_like(text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a contact has this mail address, or a telephone number or name like it."""
    who = [contacts.c.email == text.lower()]
    digits = phone_digits(text)
    if len(digits) >= PHONE_DIGITS and not any(letter.isalpha() for letter in text):
        who.append(contacts.c.phone.like(f"%{digits.lstrip('0') or digits}"))
    if len(text) >= LETTERS and any(letter.isalpha() for letter in text):
        escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        who.append(contacts.c.name.like(f"%{escaped}%", escape="\\"))
    return sa.and_(~contacts.c.erased, sa.or_(*who))


def version_of(connection: Connection, contact_id: str) -> int:
    """Return the newest version of a contact, 0 where there is none yet."""
    if not contact_id:
        return 0
    return int(_VERSION.scalar(connection, of=contact_id) or 0)


def origin_of(connection: Connection, contact_id: str) -> str | None:
    """Return who told of a contact first, None when there is none."""
    origin: str | None = _ORIGIN.scalar(connection, of=contact_id)
    return origin


def put(connection: Connection, contact: Contact, *, origin: str, now_us: int) -> None:
    """Write a contact over the one of the same id; who told of it first stays."""
    row = {
        "contact_id": contact.contact_id,
        "version": contact.version,
        "origin": origin,
        "name": contact.full_name.lower(),
        "email": contact.email.lower(),
        "phone": phone_digits(contact.phone),
        "body": contact.model_dump_json(),
        "erased": contact.erased,
        "changed_us": now_us,
    }
    _PUT[connection.dialect.name].run(connection, **row)
