"""What the link keeps in the store's database, and what it reads of the journal.

The journal is the outbox: whatever is above `link.acked` has not reached the hub. `acked` may lag behind
the truth after a crash; the hub's WELCOME corrects it, so it is written seldom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from edge_agent.database import EdgeUnit
from protocol.directives import DirectiveOutcome, Outcome
from protocol.kit.sqlite import Connection
from protocol.stream import chain, first_hash

BOOT: Final = "link.boot"
FENCED: Final = "link.fenced"
CLOCK_OFFSET: Final = "link.clock_offset_us"
_THIS_LIFE: Final = "inc = (SELECT value FROM meta WHERE key = 'inc')"
_COLUMNS: Final = frozenset(
    {
        *("acked", "acked_us", "safe", "hub_inc", "cseq_done", "chead", "sess", "hub_boot", "window"),
        *("quarantine", "ep", "recovery"),
    }
)
_NEWEST: Final = "SELECT max(carried, coalesce((SELECT max(seq) FROM events), 0) - base) FROM link"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """How far this store and the hub have got with each other."""

    acked: int
    acked_us: int
    safe: int
    hub_inc: str
    cseq_done: int
    chead: str
    quarantine: str
    ep: int
    recovery: str
    """What a restored store waits for (`PULLING` or `REOPENING` of the rules); empty when for nothing."""

    @property
    def is_halted(self) -> bool:
        """Tell whether this store tells the hub nothing until a person has decided."""
        return bool(self.quarantine) and not self.recovery


class Stored(NamedTuple):
    """One event as it lies in the journal."""

    seq: int
    data: bytes
    head: bytes


def read_link(connection: Connection) -> LinkRow:
    """Return how far both sides have got."""
    row = connection.execute(
        "SELECT acked, acked_us, safe, hub_inc, cseq_done, chead, quarantine, ep, recovery FROM link"
    ).fetchone()
    return LinkRow(*row)


def set_link(unit: EdgeUnit, **values: str | int) -> None:
    """Write some of the link's columns."""
    assert values.keys() <= _COLUMNS
    names = ", ".join(f"{name} = :{name}" for name in values)
    unit.connection.execute(f"UPDATE link SET {names}", values)


def newest_row(connection: Connection) -> int:
    """Return the newest row of the journal, whatever life it belongs to."""
    row = connection.execute("SELECT seq FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return int(row[0]) if row else 0


def newest(connection: Connection) -> int:
    """Return the number of the newest event of this life, 0 before the first."""
    return int(connection.execute(_NEWEST).fetchone()[0])


def hash_at(connection: Connection, n: int) -> str | None:
    """Return the chain hash after an event of this life, or None when this database has no such event."""
    base, carried = _begin(connection)
    if n <= carried:
        row = connection.execute(f"SELECT hash FROM carried WHERE {_THIS_LIFE} AND n = ?", (n,)).fetchone()
    else:
        row = connection.execute("SELECT hash FROM events WHERE seq = ?", (base + n,)).fetchone()
    return bytes(row[0]).hex() if row else None


def events_after(connection: Connection, n: int, limit: int) -> list[Stored]:
    """Return the next events of this life in order."""
    base, carried = _begin(connection)
    if n < carried:
        rows = connection.execute(
            f"SELECT n, bytes, hash FROM carried WHERE {_THIS_LIFE} AND n > ? ORDER BY n LIMIT ?", (n, limit)
        )
    else:
        rows = connection.execute(
            "SELECT seq - ?1, bytes, hash FROM events WHERE seq > ?1 + ?2 ORDER BY seq LIMIT ?3",
            (base, n, limit),
        )
    return [Stored(*row) for row in rows.fetchall()]


def at_of(connection: Connection, n: int) -> int | None:
    """Return when an event of this life happened, or None when there is no such event."""
    base, carried = _begin(connection)
    if n <= carried:
        row = connection.execute(f"SELECT at_us FROM carried WHERE {_THIS_LIFE} AND n = ?", (n,)).fetchone()
    else:
        row = connection.execute("SELECT at_us FROM events WHERE seq = ?", (base + n,)).fetchone()
    return int(row[0]) if row else None


def unsent_by_kind(connection: Connection, acked: int) -> dict[str, int]:
    """Return how many events of each kind have not reached the hub."""
    base, _carried = _begin(connection)
    rows = connection.execute(
        "SELECT kind, count(*) FROM (SELECT kind FROM events WHERE seq > ? UNION ALL"
        f" SELECT kind FROM carried WHERE {_THIS_LIFE} AND n > ?) GROUP BY kind ORDER BY kind",
        (base + acked, acked),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def _begin(connection: Connection) -> tuple[int, int]:
    """Return the row before the first of this life, and how many events it carried over."""
    row = connection.execute("SELECT base, carried FROM link").fetchone()
    return int(row[0]), int(row[1])


def latest_us(connection: Connection) -> int:
    """Return when the newest event happened, 0 before the first."""
    row = connection.execute("SELECT at_us FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return int(row[0]) if row else 0


def returned_seen(connection: Connection) -> int:
    """Return how many rights the hub has given back in this epoch, as far as this store has heard."""
    return int(connection.execute("SELECT coalesce(sum(returned_seen), 0) FROM rights").fetchone()[0])


def granted(connection: Connection) -> int:
    """Return how many units this store has lent in this epoch."""
    return int(connection.execute("SELECT coalesce(sum(granted), 0) FROM rights").fetchone()[0])


def read_meta(connection: Connection, key: str) -> str:
    """Return one fact this database keeps about itself, empty when there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def set_meta(unit: EdgeUnit, key: str, value: str) -> None:
    """Keep one fact about this database."""
    unit.connection.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def is_known_directive(connection: Connection, directive_id: str) -> bool:
    """Tell whether a directive was carried out already, maybe under another life of the hub."""
    found = connection.execute("SELECT 1 FROM directives WHERE id = ?", (directive_id,)).fetchone()
    return found is not None


def carried_out_of(connection: Connection, hub_inc: str, edge: str) -> dict[str, Any]:
    """Return the place in the chain of directives of one life of the hub; it may have spoken here before.

    A hub that was put back to a copy goes on in the life of that copy until it learns of its restore.
    """
    data = [
        bytes(row[0])
        for row in connection.execute(
            "SELECT bytes FROM directives WHERE hub_inc = ? ORDER BY cseq", (hub_inc,)
        )
    ]
    return {"cseq_done": len(data), "chead": chain(first_hash(edge, hub_inc), data) if data else ""}


def newest_of(connection: Connection, hub_inc: str) -> int:
    """Return the highest number of a directive that is here of one life of the hub, 0 when none is."""
    found = connection.execute("SELECT max(cseq) FROM directives WHERE hub_inc = ?", (hub_inc,)).fetchone()
    return int(found[0] or 0)


def outcomes(connection: Connection, hub_inc: str, cseqs: Sequence[int]) -> tuple[DirectiveOutcome, ...]:
    """Return what became of the directives from the first to the last number given."""
    rows = connection.execute(
        "SELECT cseq, outcome, code, detail FROM directives"
        " WHERE hub_inc = ? AND cseq BETWEEN ? AND ? ORDER BY cseq DESC LIMIT 200",
        (hub_inc, cseqs[0], cseqs[-1]),
    ).fetchall()
    return tuple(
        DirectiveOutcome(cseq=cseq, res=Outcome(outcome), code=code, detail=detail)
        for cseq, outcome, code, detail in reversed(rows)
    )
