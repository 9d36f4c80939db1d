"""The lives of a store's database: when an older copy is put back, the store goes on under a new name.

A stream that was rolled back would give numbers a second time, so a copy never continues the old one. It
begins a new incarnation with a higher ordinal (no printed number repeats) and its own chain. Each life has
room for its numbers in `events.seq`: event `n` of life `k` is row `k * ROOM + n`, so whatever points to a row
stays right, and the events that the hub gives back find their place before those of the new life.

Events that the life before had not delivered are carried over: under new numbers, with their ids, and
without taking effect a second time. The hub knows them by their ids if it had them after all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.journal import Identity, Journal
from edge_agent.link.rows import set_meta
from edge_agent.link.rules import PULLING
from edge_agent.paper import rows as paper
from printing.job import ATTEMPTS_BY_ITSELF, JobState
from protocol.clock import Clock
from protocol.envelope import decode_event
from protocol.errors import Refused
from protocol.ids import IdMaker
from protocol.kit.marker import Note, read_note
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.stream import first_hash, next_hash

ROOM: Final = 10**9
Why = Literal["restored", "rolled_back", "chosen", "replaced"]
REASONS: Final[dict[Why, str]] = {
    "restored": "This store was restored from a backup.",
    "rolled_back": "This store's database was an older copy: it had used numbers that it no longer has.",
    "chosen": "Somebody at the hub decided that this computer is the store.",
    "replaced": "This computer takes the place of another one of this store.",
}
_UNFINISHED: Final = (
    "SELECT job_id, attempt FROM print_jobs"
    " WHERE state IN ('queued', 'sending', 'sent', 'held_at_printer') ORDER BY job_id"
)


@dataclass(frozen=True, slots=True)
class PastLife:
    """A stream that this database has written or taken in."""

    inc: str
    ordinal: int
    base: int
    acked: int
    """How much of it the hub certainly had."""


def begin_life(
    unit: EdgeUnit, journal: Journal, *, why: Why, clock: Clock, ids: IdMaker, ordinal_above: int = 0
) -> Identity:
    """Begin a new life, in the caller's unit of work; the journal goes on in it from the next event on."""
    connection = unit.connection
    old = identity_of(connection)
    base, acked = connection.execute("SELECT base, acked FROM link").fetchone()
    last, _head = journal.last(connection)
    acked = min(acked, last - base)
    left = list(_after(connection, old.inc, base, acked))
    connection.execute(
        "INSERT INTO lives (inc, ordinal, base, why, acked, began_us, ended_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (old.inc, old.ordinal, base, why, acked, 0, clock.now_us()),
    )
    new = Identity(old.edge, ids.secret(16), max(old.ordinal, ordinal_above) + 1)
    head = first_hash(new.edge, new.inc)
    for n, data in enumerate(left, start=1):
        again = _renumbered(data, n)
        head = next_hash(head, again)
        event = decode_event(again)
        connection.execute(
            "INSERT INTO carried (inc, n, bytes, hash, at_us, kind) VALUES (?, ?, ?, ?, ?, ?)",
            (new.inc, n, again, bytes.fromhex(head), event.at, event.kind),
        )
    for key, value in (("inc", new.inc), ("ordinal", str(new.ordinal)), ("was", old.inc), ("why", why)):
        set_meta(unit, key, value)
    connection.execute(
        "UPDATE link SET base = ?, carried = ?, acked = 0, safe = 0, sess = '', quarantine = ?, recovery = ?",
        ((last // ROOM + 1) * ROOM, len(left), REASONS[why], PULLING),
    )
    return new


def identity_of(connection: Connection) -> Identity:
    """Return who this database is today."""
    meta = dict(
        tuple(row)
        for row in connection.execute("SELECT key, value FROM meta WHERE key IN ('edge', 'inc', 'ordinal')")
    )
    return Identity(edge=meta["edge"], inc=meta["inc"], ordinal=int(meta["ordinal"]))


def check_records(connection: Connection, seq: int) -> None:
    """Refuse to give money back on what happened at `seq` while this store's own records are not whole.

    What went back since the backup is not known here before the hub has given the records back: the same
    units could be paid out twice. What was sold since then is known whole.

    Raises:
        Refused: `records_missing`.
    """
    if not _is_whole_since(connection, seq):
        raise Refused(
            _("This store is still getting its own records back: this may have been returned already."),
            _("Nothing was changed. It takes a minute once the line is back; operations can also refund it."),
            code="records_missing",
        )


def check_stands(connection: Connection, seq: int) -> None:
    """Refuse to take back or put right what happened at `seq` while this store's own records are not whole.

    It may have been taken back since the backup. What happened since then is known whole.

    Raises:
        Refused: `records_missing`.
    """
    if not _is_whole_since(connection, seq):
        raise _done_already()


def check_done_once(connection: Connection, begun: tuple[str, str] | None = None, work_id: str = "") -> None:
    """Refuse a step that may have been taken since the backup, while this store's own records are not whole.

    What left, arrived or was counted then would leave, arrive or be corrected a second time in the books.

    Raises:
        Refused: `records_missing`.
    """
    if not is_known_whole(connection, begun, work_id):
        raise _done_already()


def is_known_whole(connection: Connection, begun: tuple[str, str] | None = None, work_id: str = "") -> bool:
    """Tell whether no step of some work can have been taken that this store does not know of.

    `begun` is (event kind, path in its body) of what begins such work: while records are missing, work that
    was begun since the backup, and has the id `work_id` there, is known whole. Without it no work is.
    """
    base = _missing_before(connection)
    return base is None or (begun is not None and _began_after(connection, base, begun, work_id))


def _is_whole_since(connection: Connection, seq: int) -> bool:
    base = _missing_before(connection)
    return base is None or seq > base


def _done_already() -> Refused:
    return Refused(
        _("This store was restored and is still getting its own records back: this may be done already."),
        _("Nothing was changed. Do it again once the line is back and the records are here."),
        code="records_missing",
    )


def _began_after(connection: Connection, base: int, begun: tuple[str, str], work_id: str) -> bool:
    kind, path = begun
    row = connection.execute(
        "SELECT 1 FROM events WHERE seq > ? AND kind = ? AND CAST(bytes AS TEXT) ->> ? = ? LIMIT 1",
        (base, kind, f"$.body.{path}", work_id),
    ).fetchone()
    return row is not None


def _missing_before(connection: Connection) -> int | None:
    """Return up to which row events may be missing here; None when this store's own records are whole."""
    base, recovery = connection.execute("SELECT base, recovery FROM link").fetchone()
    return int(base) if recovery == PULLING else None


def past_lives(connection: Connection) -> dict[str, PastLife]:
    """Return the lives before this one."""
    rows = connection.execute("SELECT inc, ordinal, base, acked FROM lives")
    return {row[0]: PastLife(*row) for row in rows}


def is_rolled_back(note: Note | None, connection: Connection, newest: int) -> bool:
    """Tell whether a note outside of this database has seen more of it than there is."""
    if note is None:
        return False
    here = identity_of(connection)
    if note.inc == here.inc:
        return note.seq > newest
    blank = connection.execute("SELECT 1 FROM events LIMIT 1").fetchone() is None
    return not blank and note.seq > 0 and note.inc not in past_lives(connection)


def stream_number(seq: int) -> int:
    """Return the number of an event in its own life's stream."""
    return seq % ROOM


def _after(connection: Connection, inc: str, base: int, acked: int) -> Iterator[bytes]:
    """Yield the events of a life after a number, those that it had carried over first."""
    for (data,) in connection.execute(
        "SELECT bytes FROM carried WHERE inc = ? AND n > ? ORDER BY n", (inc, acked)
    ).fetchall():
        yield bytes(data)
    for (data,) in connection.execute(
        "SELECT bytes FROM events WHERE seq > ? ORDER BY seq", (base + acked,)
    ).fetchall():
        yield bytes(data)


def _renumbered(data: bytes, n: int) -> bytes:
    """Return an event under another number; everything else stays as it was said."""
    said = json.loads(data)
    said["seq"] = n
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def doubt_unfinished_slips(unit: EdgeUnit, clock: Clock) -> int:
    """Call every slip that an older copy holds for unprinted in doubt: it may have printed since."""
    waiting = unit.connection.execute(_UNFINISHED).fetchall()
    for job_id, attempt in waiting:
        paper.mark(
            unit,
            job_id,
            state=JobState.UNKNOWN,
            attempt=max(attempt, ATTEMPTS_BY_ITSELF),  # none of them is printed again without a person
            detail="this store was restored: the slip may have been printed since the backup",
            facts={},
            at_us=clock.now_us(),
        )
    return len(waiting)


def settle(
    database: EdgeDatabase, identity: Identity, marker: Path, *, clock: Clock, ids: IdMaker
) -> Identity:
    """Look at the marker file before anything is done, and begin a new life where this is an older copy."""
    note = read_note(marker)
    journal = Journal(identity, {}, clock=clock, ids=ids)

    def step(unit: EdgeUnit) -> Identity:
        last, _head = journal.last(unit.connection)
        base = unit.connection.execute("SELECT base FROM link").fetchone()[0]
        if note is None or not is_rolled_back(note, unit.connection, last - base):
            return _above(unit, identity, note)
        doubt_unfinished_slips(unit, clock)
        return begin_life(unit, journal, why="rolled_back", clock=clock, ids=ids, ordinal_above=note.ordinal)

    return database.write(step) if note is not None else identity


def _above(unit: EdgeUnit, identity: Identity, note: Note | None) -> Identity:
    """Let an empty database print other numbers than the one whose place it takes on this machine."""
    used = note.ordinal if note is not None and note.inc != identity.inc else 0
    blank = unit.connection.execute("SELECT 1 FROM events LIMIT 1").fetchone() is None
    if not blank or used < identity.ordinal:
        return identity
    set_meta(unit, "ordinal", str(used + 1))
    return replace(identity, ordinal=used + 1)
