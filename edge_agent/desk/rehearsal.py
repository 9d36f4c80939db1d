"""Running a choice to see what it does here, and undoing it: promise, stock, money and paper of this store.

The books are the hub's. A rehearsal is a part of a unit of work that is undone whatever happens; what it
wanted to follow a commit (a wake-up of a printer, a live page) is dropped with it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from edge_agent.database import EdgeUnit
from protocol.envelope import decode_event, read_body
from protocol.errors import OrderspineError
from protocol.kit.sqlite import Connection
from protocol.orders import WireModel

Key = tuple[str, ...]
State = Mapping[Key, int | str]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise afterwards: `promise`, `stock`, `lent` or `due`."""

    facet: str
    of: Key
    before: int | str
    after: int | str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a choice does at this store, or why it cannot be made."""

    changes: tuple[Change, ...] = ()
    paper: tuple[str, ...] = ()
    """Slips that come out of a printer here."""
    tells: tuple[str, ...] = ()
    """Facts that the hub hears, at once or when the line is back."""
    cards: tuple[tuple[str, bool], ...] = ()
    """(kind, whether it is raised by it)."""
    refused: str = ""
    remedy: str = ""

    @property
    def digest(self) -> str:
        """Return what names this preview: another one says something else."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def rehearse(unit: EdgeUnit, act: Callable[[EdgeUnit], object]) -> Preview:
    """Run a step, undo it, and return what it would do or why it cannot be done."""
    with unit.rehearsal() as inner:
        since = _last(inner.connection)
        jobs = _jobs(inner.connection)
        try:
            act(inner)
        except OrderspineError as error:
            if error.retryable:
                raise
            return Preview(refused=error.what, remedy=error.remedy)
        said = _happened(inner.connection, since)
        touched = _touched(inner.connection, [body for _kind, body in said])
        after = state(inner.connection, *touched)
        paper = sorted(document for job, document in _jobs(inner.connection).items() if job not in jobs)
    before = state(unit.connection, *touched)
    keys = sorted({*before, *after})
    return Preview(
        changes=tuple(
            Change(key[0], key[1:], before.get(key, ""), after.get(key, ""))
            for key in keys
            if before.get(key, "") != after.get(key, "")
        ),
        paper=tuple(paper),
        tells=tuple(dict.fromkeys(kind for kind, _body in said if not kind.startswith("exception."))),
        cards=tuple(_cards(unit.connection, [body for _kind, body in said])),
    )


def state(connection: Connection, assignment_ids: Sequence[str], skus: Sequence[str]) -> State:
    """Return what is so now of some parts of orders, and of some items."""
    found: dict[Key, int | str] = {}
    for assignment_id in assignment_ids:
        for number, is_now, due_minor in connection.execute(
            "SELECT number, state, due_minor FROM assignments WHERE assignment_id = ?", (assignment_id,)
        ):
            found["promise", number] = is_now
            found["due", number] = due_minor
    for sku in skus:
        for bucket, units in connection.execute(
            "SELECT bucket, quantity FROM balances WHERE sku = ? AND quantity <> 0", (sku,)
        ):
            found["stock", sku, bucket] = units
        for (lent,) in connection.execute("SELECT granted - finished FROM rights WHERE sku = ?", (sku,)):
            found["lent", sku] = lent
    return found


def _last(connection: Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def _jobs(connection: Connection) -> dict[str, str]:
    """Return the slips that are not printed yet, by job and with its attempt: printing again is another."""
    rows = connection.execute("SELECT job_id, attempt, document FROM print_jobs WHERE state = 'queued'")
    return {f"{job_id}/{attempt}": document for job_id, attempt, document in rows}


def _happened(connection: Connection, since: int) -> list[tuple[str, WireModel]]:
    rows = connection.execute("SELECT bytes FROM events WHERE seq > ? ORDER BY seq", (since,))
    events = [decode_event(bytes(data)) for (data,) in rows]
    return [(event.kind, read_body(event)) for event in events]


def _touched(connection: Connection, said: Sequence[WireModel]) -> tuple[list[str], list[str]]:
    """Return the parts of orders and the items that facts name."""
    ids = sorted({str(name) for body in said if (name := getattr(body, "assignment_id", ""))})
    skus = {str(line.sku) for body in said for line in getattr(body, "lines", ()) if hasattr(line, "sku")}
    for assignment_id in ids:
        rows = connection.execute(
            "SELECT sku FROM assignment_lines WHERE assignment_id = ?", (assignment_id,)
        )
        skus |= {sku for (sku,) in rows}
    return ids, sorted(skus)


def _cards(connection: Connection, said: Sequence[WireModel]) -> list[tuple[str, bool]]:
    """Return the kinds of cards that are raised, and of those that were open and are closed."""
    found = []
    for body in said:
        key = getattr(body, "dedupe_key", "")
        if not key:
            continue
        if hasattr(body, "kind"):
            found.append((str(body.kind), True))
        else:
            row = connection.execute(
                "SELECT kind FROM exceptions WHERE dedupe_key = ? AND closed_us IS NULL", (key,)
            ).fetchone()
            found += [(row[0], False)] if row else []
    return sorted(found)
