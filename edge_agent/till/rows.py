"""Till sessions as rows, and the stretch of the log that a session covers.

The totals of a session are kept as it goes on, so that a reading is instant with a hundred thousand sales
behind it; `recomputed` adds them up from the log instead, which is what the hub does with a Z.

The hash of a range is the sha256 over the stored 32-byte chain hashes of its events, concatenated in the
order of their numbers: sha256(hash[first_seq] || … || hash[last_seq]), in hex. Each stored hash already
covers its event and everything before it, so the hub can recompute the range from its own chain.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.till.rules import WaitingBasket, add_up, after
from protocol.clock import from_us
from protocol.envelope import decode_event, read_body
from protocol.errors import NotFound
from protocol.events import DrawerOpened, TillClosed, TillCounted, TillOpened
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.lifecycles import TillState
from protocol.till import AtTill, SessionTotals

_COLUMNS = (
    "session_id, till, business_date, state, currency, float_minor, opened_seq, opened_us, opened_by,"
    " counts, counted_minor, z_number, closed_seq, closed_us, left_open, totals"
)
_RANGE_CHUNK = 10_000
"""Hashes read at once: a day of 100,000 events must not be held in memory whole."""


@dataclass(frozen=True, slots=True)
class Session:
    """One till session, open or closed."""

    session_id: str
    till: str
    business_date: str
    state: TillState
    currency: str
    float_minor: int
    opened_seq: int
    opened_us: int
    opened_by: str
    counts: int
    counted_minor: int | None
    z_number: int | None
    closed_seq: int | None
    closed_us: int | None
    left_open: bool
    """True when it was open when this store's database was lost, and its till has been opened again since."""
    totals: SessionTotals


def _session(row: tuple[object, ...]) -> Session:
    values = list(row)
    values[3] = TillState(str(values[3]))
    values[-2] = bool(values[-2])
    values[-1] = SessionTotals.model_validate_json(str(values[-1]))
    return Session(*values)  # type: ignore[arg-type]  # the columns are STRICT and in this order


def open_session(connection: Connection, till: str) -> Session | None:
    """Return the session of a till that is not closed, or None.

    A restored store may have got a day back that was open when its database was lost, at a till that has been
    opened again since: that one comes after today's. It is counted and closed, and nothing is sold on it.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM till_sessions WHERE till = ? AND state <> 'closed'"
        " ORDER BY left_open, opened_seq LIMIT 1",
        (till,),
    ).fetchone()
    return None if row is None else _session(tuple(row))


def left_open(connection: Connection) -> list[str]:
    """Return the tills with a day that was open when this store's database was lost."""
    rows = connection.execute(
        "SELECT DISTINCT till FROM till_sessions WHERE state <> 'closed' AND left_open = 1 ORDER BY till"
    )
    return [row[0] for row in rows]


def session_by_id(connection: Connection, session_id: str) -> Session:
    """Return a session.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM till_sessions WHERE session_id = ?",
        (session_id,),
    ).fetchone()
    if row is None:
        raise NotFound(
            _("There is no till session {session_id}.", session_id=session_id[:40]),
            _("Open the till, then try again."),
            code="no_session",
        )
    return _session(tuple(row))


def latest_sessions(connection: Connection, *, limit: int) -> list[Session]:
    """Return the sessions that closed last, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM till_sessions WHERE state = 'closed' ORDER BY closed_seq DESC LIMIT ?",
        (limit,),
    )
    return [_session(tuple(row)) for row in rows]


def stream_range(connection: Connection, opened_row: int, last_row: int) -> tuple[int, int]:
    """Return the numbers, in the stream of this life, of a session that was opened with a row of the log.

    One that was opened before this database was restored begins with the first event of the new life.
    """
    base = int(connection.execute("SELECT base FROM link").fetchone()[0])
    return max(1, opened_row - base), max(0, last_row - base)


def range_hash(connection: Connection, first_seq: int, last_seq: int) -> str:
    """Return the hash of a stretch of this life's stream; the formula stands at the top of this module."""
    digest = hashlib.sha256()
    rows = connection.execute(
        "SELECT hash FROM carried WHERE inc = (SELECT value FROM meta WHERE key = 'inc')"
        " AND n BETWEEN ?1 AND ?2 UNION ALL SELECT hash FROM (SELECT hash FROM events"
        " WHERE seq BETWEEN (SELECT base + max(carried + 1, ?1) FROM link) AND (SELECT base + ?2 FROM link)"
        " ORDER BY seq)",
        (first_seq, last_seq),
    )
    while chunk := rows.fetchmany(_RANGE_CHUNK):
        digest.update(b"".join(row[0] for row in chunk))
    return digest.hexdigest()


def bodies_of(connection: Connection, session: Session, last_seq: int) -> Iterator[AtTill]:
    """Yield what happened in a session, read from the log, up to a number."""
    rows = connection.execute(
        "SELECT bytes FROM events WHERE seq BETWEEN ? AND ? AND kind IN"
        " ('till.opened', 'till.drawer_opened', 'till.cash_moved', 'order.sold', 'order.voided',"
        " 'return.completed', 'order.paid', 'order.refunded', 'gift_card.sold')"
        " ORDER BY seq",
        (session.opened_seq, last_seq),
    )
    for (data,) in rows:
        body = read_body(decode_event(data))
        if isinstance(body, AtTill) and body.session_id == session.session_id:
            yield body


def recomputed(connection: Connection, session: Session) -> SessionTotals:
    """Return a session's totals, added up from the log instead of kept."""
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    until = session.closed_seq if session.closed_seq is not None else last
    return add_up(bodies_of(connection, session, until))


def confirmed(connection: Connection, session_id: str) -> bool:
    """Tell whether the count of a session was confirmed, which is when the expected cash may be seen."""
    row = connection.execute("SELECT 1 FROM counters WHERE name = ?", (_mark(session_id),)).fetchone()
    return row is not None


def confirm(unit: EdgeUnit, session_id: str) -> None:
    """Note that the count stands. Private to this program: no event, and not part of a rebuild."""
    unit.connection.execute(
        "INSERT OR IGNORE INTO counters (name, value) VALUES (?, 1)", (_mark(session_id),)
    )


def _mark(session_id: str) -> str:
    return f"count_confirmed:{session_id}"


def on_till_opened(unit: EdgeUnit, recorded: Recorded) -> None:
    """A session begins, or a restored store gets one back at a till that is open again."""
    body = recorded.body
    assert isinstance(body, TillOpened)
    unit.connection.execute(
        "INSERT INTO till_sessions (left_open, session_id, till, business_date, state, currency, float_minor,"
        " opened_seq, opened_us, opened_by, totals) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?)",
        (
            int(recorded.replayed and open_session(unit.connection, body.till) is not None),
            body.session_id,
            body.till,
            body.business_date,
            body.currency,
            body.float_minor,
            recorded.seq,
            recorded.at_us,
            recorded.by,
            after(SessionTotals(), body).model_dump_json(),
        ),
    )


def on_order_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money came in."""
    _grow(unit, recorded)


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money went out."""
    _grow(unit, recorded)


def on_order_voided(unit: EdgeUnit, recorded: Recorded) -> None:
    """A sale of this session was taken back."""
    _grow(unit, recorded)


def on_order_paid(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money came in for an order for later."""
    _grow(unit, recorded)


def on_order_refunded(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money of a cancelled order for later went out."""
    _grow(unit, recorded)


def on_gift_card_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Money came in for a gift card."""
    _grow(unit, recorded)


def on_till_cash_moved(unit: EdgeUnit, recorded: Recorded) -> None:
    """Cash went in or out without a sale."""
    _grow(unit, recorded)


def on_till_drawer_opened(unit: EdgeUnit, recorded: Recorded) -> None:
    """The drawer was opened without a sale."""
    _grow(unit, recorded)


def _grow(unit: EdgeUnit, recorded: Recorded) -> None:
    """Add one event to its session. Money that moves after a count makes it worthless: it starts over."""
    body = recorded.body
    assert isinstance(body, AtTill)
    row = unit.connection.execute(
        "SELECT totals, state FROM till_sessions WHERE session_id = ?", (body.session_id,)
    ).fetchone()
    if row is None:
        session_by_id(unit.connection, body.session_id)
    totals = after(SessionTotals.model_validate_json(row[0]), body)
    unit.connection.execute(
        "UPDATE till_sessions SET totals = ? WHERE session_id = ?",
        (totals.model_dump_json(), body.session_id),
    )
    if row[1] == TillState.COUNTING and not isinstance(body, DrawerOpened):
        _start_over(unit, body.session_id)


def _start_over(unit: EdgeUnit, session_id: str) -> None:
    unit.connection.execute(
        "UPDATE till_sessions SET state = 'open', counts = 0, counted_minor = NULL WHERE session_id = ?",
        (session_id,),
    )
    unit.connection.execute("DELETE FROM counters WHERE name = ?", (_mark(session_id),))


def on_till_counted(unit: EdgeUnit, recorded: Recorded) -> None:
    """A drawer was counted, or its count was given up."""
    body = recorded.body
    assert isinstance(body, TillCounted)
    if body.abandoned:
        _start_over(unit, body.session_id)
        return
    unit.connection.execute(
        "UPDATE till_sessions SET state = 'counting', counts = ?, counted_minor = ? WHERE session_id = ?",
        (body.attempt, body.counted_minor, body.session_id),
    )


def on_till_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """A session is sealed."""
    body = recorded.body
    assert isinstance(body, TillClosed)
    unit.connection.execute(
        "UPDATE till_sessions SET state = 'closed', z_number = ?, closed_seq = ?, closed_us = ?, totals = ?"
        " WHERE session_id = ?",
        (body.z_number, recorded.seq, recorded.at_us, body.totals.model_dump_json(), body.session_id),
    )
    unit.connection.execute("DELETE FROM counters WHERE name = ?", (_mark(body.session_id),))


def waiting_baskets(connection: Connection, till: str, *, zone: str) -> tuple[WaitingBasket, ...]:
    """Return the baskets that this till parked, or left open with something in them."""
    found = connection.execute(
        "SELECT basket_id, coalesce(number, ''), state, changed_us FROM baskets WHERE device = ? AND"
        " (state = 'parked' OR (state = 'open' AND json_array_length(body, '$.lines') > 0))"
        " ORDER BY changed_us",
        (till,),
    )
    local = ZoneInfo(zone)
    return tuple(
        WaitingBasket(basket_id, number, state, f"{from_us(changed_us).astimezone(local):%H:%M}")
        for basket_id, number, state, changed_us in found
    )


def doubtful_slips(connection: Connection) -> int:
    """Return how many slips may or may not have printed."""
    row = connection.execute("SELECT count(*) FROM print_jobs WHERE state = 'unknown'").fetchone()
    return int(row[0])


def unsent(connection: Connection) -> int:
    """Return how many events the hub has not acknowledged."""
    row = connection.execute(
        "SELECT max(carried, coalesce((SELECT max(seq) FROM events), 0) - base) - acked FROM link"
    ).fetchone()
    return max(0, int(row[0]))
