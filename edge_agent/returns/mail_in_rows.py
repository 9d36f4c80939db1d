"""Parcels that come back to this store: what the hub announced, what is here, what was looked at.

The rows follow from directives and events alone. A parcel that arrives before its announcement has a row by
the number on its label; the announcement fills it in.
"""

from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.events import ReturnInspected
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.mail_in import (
    MAIL_IN,
    ExpectedLine,
    MailInEvent,
    MailInState,
    ParcelArrived,
    ReturnExpect,
    ReturnExpectationEnded,
)

LISTED = 200


@dataclass(frozen=True, slots=True)
class MailIn:
    """One parcel. No `expected`: nobody has announced it here."""

    authorisation_id: str
    number: str
    state: MailInState
    due_us: int
    arrived_us: int | None
    expected: ReturnExpect | None
    looked: dict[int, tuple[int, int]]
    """Units taken back and units not, by line."""

    def open_of(self, line: ExpectedLine) -> int:
        """Return how many units of a line nobody has looked at."""
        accepted, refused = self.looked.get(line.line_no, (0, 0))
        return max(0, line.units - accepted - refused)


def find(connection: Connection, code: str) -> MailIn | None:
    """Return a parcel by what its label says: its code, its number or its tracking number."""
    slip = parse_slip_code(code)
    wanted = (slip[1] if slip else code.strip()).upper()
    row = connection.execute(
        "SELECT authorisation_id, number, state, due_us, arrived_us, body FROM mail_ins"
        " WHERE number = ? OR tracking = ?",
        (wanted, wanted),
    ).fetchone()
    return None if row is None else _read(connection, tuple(row))


def listed(connection: Connection) -> list[MailIn]:
    """Return what is expected, what is here, and what was over last."""
    rows = connection.execute(
        "SELECT authorisation_id, number, state, due_us, arrived_us, body FROM mail_ins"
        " ORDER BY state IN ('closed', 'cancelled', 'lost'), state = 'expected', due_us LIMIT ?",
        (LISTED,),
    ).fetchall()
    return [_read(connection, tuple(row)) for row in rows]


def _read(connection: Connection, row: tuple[str, str, str, int, int | None, str]) -> MailIn:
    authorisation_id, number, state, due_us, arrived_us, body = row
    looked = {
        found[0]: (int(found[1]), int(found[2]))
        for found in connection.execute(
            "SELECT line_no, accepted, refused FROM mail_in_lines WHERE authorisation_id = ?",
            (authorisation_id,),
        )
    }
    expected = ReturnExpect.model_validate_json(body) if body else None
    return MailIn(authorisation_id, number, MailInState(state), due_us, arrived_us, expected, looked)


def take_expect(unit: EdgeUnit, body: ReturnExpect, at_us: int) -> None:
    """The hub announces a parcel; one that is here already stays here."""
    connection = unit.connection
    connection.execute(
        "UPDATE mail_ins SET authorisation_id = ? WHERE number = ? AND authorisation_id = number",
        (body.authorisation_id, body.number),
    )
    connection.execute(
        "INSERT INTO mail_ins (authorisation_id, number, tracking, state, due_us, body, changed_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (authorisation_id) DO UPDATE SET"
        " due_us = excluded.due_us, tracking = excluded.tracking, body = excluded.body",
        (
            body.authorisation_id,
            body.number,
            body.tracking,
            MAIL_IN.initial.value,
            body.due_us,
            body.model_dump_json(),
            at_us,
        ),
    )


def take_unexpect(unit: EdgeUnit, body: ReturnExpectationEnded, at_us: int) -> None:
    """Nobody waits for a parcel any more."""
    event = MailInEvent.GIVEN_UP if body.given_up else MailInEvent.CANCELLED
    _step(unit, body.authorisation_id, event, at_us)


def on_parcel_arrived(unit: EdgeUnit, recorded: Recorded) -> None:
    """A parcel is here."""
    body = recorded.body
    assert isinstance(body, ParcelArrived)
    authorisation_id = body.authorisation_id or body.number
    unit.connection.execute(
        "INSERT OR IGNORE INTO mail_ins (authorisation_id, number, tracking, state, due_us, body, changed_us)"
        " VALUES (?, ?, '', ?, 0, '', ?)",
        (authorisation_id, body.number, MAIL_IN.initial.value, recorded.at_us),
    )
    _step(unit, authorisation_id, MailInEvent.ARRIVED, recorded.at_us)
    unit.connection.execute(
        "UPDATE mail_ins SET arrived_us = coalesce(arrived_us, ?) WHERE authorisation_id = ?",
        (recorded.at_us, authorisation_id),
    )


def on_inspected(unit: EdgeUnit, recorded: Recorded) -> None:
    """Somebody looked at goods of a parcel."""
    body = recorded.body
    assert isinstance(body, ReturnInspected)
    looked: dict[int, tuple[int, int]] = {}
    for line in body.lines:
        accepted, refused = looked.get(line.line_no, (0, 0))
        looked[line.line_no] = (accepted + line.quantity, refused)
    for each in body.refused:
        accepted, refused = looked.get(each.line_no, (0, 0))
        looked[each.line_no] = (accepted, refused + each.units)
    unit.connection.executemany(
        "INSERT INTO mail_in_lines (authorisation_id, line_no, accepted, refused) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (authorisation_id, line_no) DO UPDATE SET"
        " accepted = accepted + excluded.accepted, refused = refused + excluded.refused",
        [(body.authorisation_id, line_no, *units) for line_no, units in looked.items()],
    )
    event = MailInEvent.INSPECTED if body.done else MailInEvent.PART_INSPECTED
    _step(unit, body.authorisation_id, event, recorded.at_us)


def _step(unit: EdgeUnit, authorisation_id: str, event: MailInEvent, at_us: int) -> None:
    row = unit.connection.execute(
        "SELECT state FROM mail_ins WHERE authorisation_id = ?", (authorisation_id,)
    ).fetchone()
    if row is None:
        return
    state, _in_order = MAIL_IN.after_fact(MailInState(row[0]), event)
    unit.connection.execute(
        "UPDATE mail_ins SET state = ?, changed_us = ? WHERE authorisation_id = ?",
        (state.value, at_us, authorisation_id),
    )
