"""What a slip looks up in the record of the location: when something was, and how it was counted."""

from protocol.envelope import decode_event, read_body
from protocol.events import TillCounted
from protocol.kit.sqlite import Connection


def sold_at_us(connection: Connection, order_id: str) -> int | None:
    """Return when an order was sold here, or None."""
    row = connection.execute("SELECT at_us FROM orders WHERE order_id = ?", (order_id,)).fetchone()
    return None if row is None else int(row[0])


def last_count(connection: Connection, session_id: str) -> list[tuple[str, int]]:
    """Return the notes and coins of the count that a session was closed with, the largest first."""
    row = connection.execute(
        "SELECT bytes FROM events WHERE kind = 'till.counted'"
        " AND seq <= (SELECT closed_seq FROM till_sessions WHERE session_id = ?1)"
        " AND json_extract(bytes, '$.body.session_id') = ?1 ORDER BY seq DESC LIMIT 1",
        (session_id,),
    ).fetchone()
    body = None if row is None else read_body(decode_event(row[0]))
    pieces = body.denominations if isinstance(body, TillCounted) else {}
    return sorted(pieces.items(), key=lambda each: -int(each[0]))


def opened_us(connection: Connection, session_id: str) -> int | None:
    """Return when a till session was opened, or None when there is no such session."""
    row = connection.execute(
        "SELECT opened_us FROM till_sessions WHERE session_id = ?", (session_id,)
    ).fetchone()
    return None if row is None else int(row[0])


def event_at(connection: Connection, seq: int) -> tuple[int, bytes] | None:
    """Return (time, bytes) of an event."""
    row = connection.execute("SELECT at_us, bytes FROM events WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else (row[0], row[1])
