"""The tables `people`, `sign_ins` and `approvals`: rows in, frozen values out."""

from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from protocol.kit.sqlite import Connection
from protocol.people import StoreRole

_COLUMNS = "person_id, name, role, badge, language, active, failed, locked_until_us, pin_hash"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works in this store. `pin_hash` never leaves this room."""

    person_id: str
    name: str
    role: StoreRole
    badge: str | None
    language: str
    active: bool
    failed: int
    locked_until_us: int
    pin_hash: str


def _person(row: tuple[str, str, str, str | None, str, int, int, int, str]) -> Person:
    person_id, name, role, badge, language, active, failed, locked_until_us, pin_hash = row
    return Person(
        person_id, name, StoreRole(role), badge, language, bool(active), failed, locked_until_us, pin_hash
    )


def everybody(connection: Connection, *, active_only: bool = True) -> tuple[Person, ...]:
    """Return the people of this store by name."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM people WHERE active >= ? ORDER BY name, person_id", (int(active_only),)
    )
    return tuple(_person(tuple(row)) for row in rows)


def find_person(connection: Connection, person_id: str) -> Person | None:
    """Return one person by id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM people WHERE person_id = ?", (person_id,)).fetchone()
    return _person(tuple(row)) if row else None


def find_badge(connection: Connection, badge: str) -> Person | None:
    """Return the person who wears a badge."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM people WHERE badge = ?", (badge,)).fetchone()
    return _person(tuple(row)) if row else None


def insert_person(unit: EdgeUnit, person: Person) -> None:
    """Add a person."""
    unit.connection.execute(
        "INSERT INTO people (person_id, name, role, badge, language, pin_hash) VALUES (?, ?, ?, ?, ?, ?)",
        (person.person_id, person.name, person.role, person.badge, person.language, person.pin_hash),
    )


def set_pin_hash(unit: EdgeUnit, person_id: str, pin_hash: str) -> None:
    """Store a new PIN and lift a lock."""
    unit.connection.execute(
        "UPDATE people SET pin_hash = ?, failed = 0, locked_until_us = 0 WHERE person_id = ?",
        (pin_hash, person_id),
    )


def set_tries(unit: EdgeUnit, person_id: str, *, failed: int, locked_until_us: int) -> None:
    """Store how often a PIN was tried in a row and until when the tile is locked."""
    unit.connection.execute(
        "UPDATE people SET failed = ?, locked_until_us = ? WHERE person_id = ?",
        (failed, locked_until_us, person_id),
    )


def lock_undecided(unit: EdgeUnit, tries: int, until_us: int) -> None:
    """Lock whoever used all tries up and was never answered."""
    unit.connection.execute(
        "UPDATE people SET locked_until_us = ? WHERE failed >= ? AND locked_until_us = 0", (until_us, tries)
    )


def insert_sign_in(unit: EdgeUnit, token_hash: str, person_id: str, device: str, at_us: int) -> None:
    """Store that somebody signed in."""
    unit.connection.execute(
        "INSERT INTO sign_ins (token_hash, person_id, device, at_us) VALUES (?, ?, ?, ?)",
        (token_hash, person_id, device, at_us),
    )


def end_sign_ins(unit: EdgeUnit, column: str, value: str, at_us: int) -> None:
    """End the open sign-ins of a session (`token_hash`, its beginning) or of a person (`person_id`)."""
    condition = "substr(token_hash, 1, 24) = ?" if column == "session" else "person_id = ?"
    unit.connection.execute(
        f"UPDATE sign_ins SET ended_us = ? WHERE ended_us IS NULL AND {condition}",
        (at_us, value),
    )


def open_sign_ins(connection: Connection, since_us: int) -> list[tuple[str, str, str, str, str, int]]:
    """Return (token hash, person id, name, role, device, at) of the sign-ins that still hold."""
    rows = connection.execute(
        "SELECT s.token_hash, p.person_id, p.name, p.role, s.device, s.at_us FROM sign_ins s"
        " JOIN people p USING (person_id) WHERE s.ended_us IS NULL AND p.active = 1 AND s.at_us >= ?",
        (since_us,),
    )
    return [tuple(row) for row in rows]


def insert_approval(
    unit: EdgeUnit, *, token_hash: str, person_id: str, action: str, reason: str, device: str, expires_us: int
) -> None:
    """Store another person's word, and forget the words that have lapsed."""
    unit.connection.execute("DELETE FROM approvals WHERE expires_us < ?", (expires_us - 3600 * 1_000_000,))
    unit.connection.execute(
        "INSERT INTO approvals (token_hash, person_id, action, reason, device, expires_us)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (token_hash, person_id, action, reason, device, expires_us),
    )


def take_approval(unit: EdgeUnit, token_hash: str) -> tuple[str, str, str, int] | None:
    """Use a word up and return (person id, action, reason, expires); None when there is no such word."""
    row = unit.connection.execute(
        "DELETE FROM approvals WHERE token_hash = ? RETURNING person_id, action, reason, expires_us",
        (token_hash,),
    ).fetchone()
    return tuple(row) if row else None


def set_language(unit: EdgeUnit, person_id: str, language: str) -> None:
    """Store which language a person reads."""
    unit.connection.execute("UPDATE people SET language = ? WHERE person_id = ?", (language, person_id))
