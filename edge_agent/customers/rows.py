"""The table `contacts`: one row for each customer, with what people search by beside it."""

from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from protocol.customers import PHONE_DIGITS, Contact, phone_digits
from protocol.kit.sqlite import Connection

FOUND_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact that the hub has not taken yet."""

    contact_id: str
    version: int
    body: str


def find(connection: Connection, contact_id: str) -> Contact | None:
    """Return one customer, erased or not; None when nothing was ever known."""
    if not contact_id:
        return None
    row = connection.execute("SELECT body FROM contacts WHERE contact_id = ?", (contact_id,)).fetchone()
    return Contact.model_validate_json(row[0]) if row else None


def version_of(connection: Connection, contact_id: str) -> int:
    """Return the version that is stored; 0 when there is none."""
    row = connection.execute("SELECT version FROM contacts WHERE contact_id = ?", (contact_id,)).fetchone()
    return int(row[0]) if row else 0


def store(unit: EdgeUnit, contact: Contact, *, uploaded: int, at_us: int) -> bool:
    """Store a contact if it is newer than what is known; tell whether it was."""
    cursor = unit.connection.execute(
        "INSERT INTO contacts (contact_id, version, body, name, email, phone, uploaded, changed_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (contact_id) DO UPDATE SET version = excluded.version,"
        " body = excluded.body, name = excluded.name, email = excluded.email, phone = excluded.phone,"
        " uploaded = max(uploaded, excluded.uploaded), changed_us = excluded.changed_us"
        " WHERE excluded.version > version",
        (
            contact.contact_id,
            contact.version,
            contact.model_dump_json(),
            f"{contact.last_name} {contact.first_name}".strip().casefold(),
            contact.email.casefold(),
            phone_digits(contact.phone),
            uploaded,
            at_us,
        ),
    )
    return cursor.rowcount > 0


def search(connection: Connection, text: str) -> tuple[str, ...]:
    """Return the ids of customers by e-mail, by the last digits of a phone, or by the beginning of a name."""
    said = text.strip().casefold()
    if not said:
        return ()
    digits = phone_digits(said)
    found: dict[str, None] = {}
    if "@" in said:
        rows = connection.execute(
            "SELECT contact_id FROM contacts WHERE email = ? AND email <> '' LIMIT ?", (said, FOUND_LIMIT)
        )
        found.update((row[0], None) for row in rows)
    elif len(digits) >= PHONE_DIGITS and not any(letter.isalpha() for letter in said):
        rows = connection.execute(
            "SELECT contact_id FROM contacts WHERE substr(phone, -?) = ? LIMIT ?",
            (len(digits), digits, FOUND_LIMIT),
        )
        found.update((row[0], None) for row in rows)
    else:
        rows = connection.execute(
            "SELECT contact_id FROM contacts WHERE name >= ? AND name < ? LIMIT ?",
            (said, said + "\U0010ffff", FOUND_LIMIT),
        )
        found.update((row[0], None) for row in rows)
    return tuple(found)


def next_waiting(connection: Connection, after: str = "") -> Waiting | None:
    """Return the next contact that the hub has not taken yet."""
    row = connection.execute(
        "SELECT contact_id, version, body FROM contacts WHERE version > uploaded AND contact_id > ?"
        " ORDER BY contact_id LIMIT 1",
        (after,),
    ).fetchone()
    return Waiting(*row) if row else None


def note_uploaded(unit: EdgeUnit, contact_id: str, version: int) -> None:
    """Note that the hub has a version."""
    unit.connection.execute(
        "UPDATE contacts SET uploaded = max(uploaded, ?) WHERE contact_id = ?", (version, contact_id)
    )
