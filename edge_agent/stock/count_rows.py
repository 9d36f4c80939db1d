"""The tables of counts: tasks, their rows, the passes that were confirmed, and what is being counted.

A tally is what one device has counted of one item in one pass. It is no fact: it becomes one, together with
the tallies of the other devices, when somebody confirms the item. `began_seq` is the last event that the
page knew when the counting of the item began there; movements after it may or may not be in the count.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.kit.sqlite import Connection
from protocol.movements import Bucket
from protocol.stock import (
    BUCKETS_OF,
    Books,
    CountCancelled,
    CountConfirmed,
    CountOpened,
    CountPosted,
    CountUndone,
    Place,
    Tolerance,
    crossing,
)

_TASK = (
    "count_id, number, source, title, place, scope, bins, tolerance_units, tolerance_minor, due_us, note,"
    " state, opened_seq, opened_us, opened_by, closed_us, closed_by, reason"
)


@dataclass(frozen=True, slots=True)
class Task:
    """One count task."""

    count_id: str
    number: str
    source: str
    title: str
    place: Place
    scope: str
    bins: tuple[str, ...]
    tolerance: Tolerance
    due_us: int | None
    note: str
    state: str
    opened_seq: int
    opened_us: int
    opened_by: str
    closed_us: int | None
    closed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassRow:
    """One confirmed pass over one item."""

    sku: str
    pass_no: int
    counted: int
    books: Books
    variance: int
    seq: int
    at_us: int
    by: str
    device: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """One row of a task. `listed`: it was asked for; others were found there. `posted` is its difference."""

    sku: str
    listed: bool
    posted: int | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """What one device has counted of an item in a pass that is not confirmed."""

    sku: str
    pass_no: int
    device: str
    units: int
    began_seq: int
    by: str
    changed_us: int


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan, or one number that was typed."""

    scan_id: str
    sku: str
    code: str
    pass_no: int
    units: int
    device: str
    at_us: int
    undone: int
    """1 when it was taken back."""


@dataclass(frozen=True, slots=True)
class Stray:
    """Something that lies there and is no row of the task; without a SKU nobody knows the code."""

    code: str
    sku: str
    units: int


def _task(row: tuple[object, ...]) -> Task:
    values = list(row)
    values[4] = Place(str(values[4]))
    values[6] = tuple(json.loads(str(values[6])))
    values[7:9] = [Tolerance(values[7], values[8])]  # type: ignore[arg-type]  # both are INTEGER NOT NULL
    return Task(*values)  # type: ignore[arg-type]  # the columns in the order of the fields


def find_task(connection: Connection, count_id: str) -> Task | None:
    """Return a task by its id or by its number."""
    row = connection.execute(
        f"SELECT {_TASK} FROM count_tasks WHERE count_id = ? OR number = ?", (count_id, count_id)
    ).fetchone()
    return None if row is None else _task(tuple(row))


def tasks(connection: Connection, *, is_open: bool, limit: int) -> list[Task]:
    """Return the open tasks, oldest first, or the closed ones, newest first."""
    where = (
        "state = 'open' ORDER BY opened_us, count_id"
        if is_open
        else "state <> 'open' ORDER BY closed_us DESC, count_id"
    )
    rows = connection.execute(f"SELECT {_TASK} FROM count_tasks WHERE {where} LIMIT ?", (limit,))
    return [_task(tuple(row)) for row in rows]


def open_task_of(connection: Connection, sku: str) -> str | None:
    """Return the open task that asks for an item, if there is one."""
    row = connection.execute(
        "SELECT count_id FROM count_tasks JOIN count_lines USING (count_id)"
        " WHERE sku = ? AND state = 'open' AND place = 'shelf' ORDER BY opened_us LIMIT 1",
        (sku,),
    ).fetchone()
    return None if row is None else str(row[0])


def lines_of(connection: Connection, count_id: str) -> dict[str, LineRow]:
    """Return the rows of a task."""
    rows = connection.execute(
        "SELECT sku, listed, posted, accepted FROM count_lines WHERE count_id = ? ORDER BY sku", (count_id,)
    )
    return {sku: LineRow(sku, bool(listed), posted, bool(ok)) for sku, listed, posted, ok in rows}


def passes_of(connection: Connection, count_id: str) -> dict[str, list[PassRow]]:
    """Return the confirmed passes of a task by item, in their order."""
    found: dict[str, list[PassRow]] = {}
    for sku, n, counted, balance, came, gone, variance, seq, at_us, by, device in connection.execute(
        "SELECT sku, pass_no, counted, balance, came, gone, variance, seq, at_us, by, device"
        " FROM count_passes WHERE count_id = ? ORDER BY sku, pass_no",
        (count_id,),
    ):
        row = PassRow(sku, n, counted, Books(balance, came, gone), variance, seq, at_us, by, device)
        found.setdefault(sku, []).append(row)
    return found


def tallies_of(connection: Connection, count_id: str) -> dict[str, list[Tally]]:
    """Return what is counted and not confirmed, by item: the tallies of its newest pass."""
    found: dict[str, list[Tally]] = {}
    for row in connection.execute(
        "SELECT t.sku, t.pass_no, t.device, t.units, t.began_seq, t.by, t.changed_us"
        " FROM count_tallies t"
        " WHERE t.count_id = ? AND t.pass_no > coalesce((SELECT max(p.pass_no) FROM count_passes p"
        " WHERE p.count_id = t.count_id AND p.sku = t.sku), 0) ORDER BY t.sku, t.device",
        (count_id,),
    ):
        found.setdefault(row[0], []).append(Tally(*row))
    return found


def scans_of(connection: Connection, count_id: str, device: str, limit: int) -> list[ScanRow]:
    """Return the last scans of a device, the newest first."""
    rows = connection.execute(
        "SELECT scan_id, sku, code, pass_no, units, device, at_us, undone FROM count_scans WHERE count_id = ?"
        " AND device = ? ORDER BY at_us DESC, rowid DESC LIMIT ?",
        (count_id, device, limit),
    )
    return [ScanRow(*row) for row in rows]


def strays_of(connection: Connection, count_id: str) -> list[Stray]:
    """Return what lies there and is no row of the task."""
    rows = connection.execute(
        "SELECT code, sku, units FROM count_strays WHERE count_id = ? AND units > 0 ORDER BY code",
        (count_id,),
    )
    return [Stray(*row) for row in rows]


def add_tally(  # noqa: PLR0913 - one row, all by name
    unit: EdgeUnit, *, count_id: str, sku: str, pass_no: int, device: str, units: int, began_seq: int,
    by: str, at_us: int,
) -> None:  # fmt: skip
    """Add units to what a device has counted; its counting began with the earliest."""
    unit.connection.execute(
        "INSERT INTO count_tallies (count_id, sku, pass_no, device, units, began_seq, by, changed_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (count_id, sku, pass_no, device) DO UPDATE SET"
        " units = units + excluded.units, began_seq = min(began_seq, excluded.began_seq), by = excluded.by,"
        " changed_us = excluded.changed_us",
        (count_id, sku, pass_no, device, units, began_seq, by, at_us),
    )


def take_tallies(unit: EdgeUnit, count_id: str, sku: str, pass_no: int) -> int | None:
    """Forget what devices counted of an item in a pass; return with which event its counting had begun."""
    key = (count_id, sku, pass_no)
    row = unit.connection.execute(
        "SELECT min(began_seq) FROM count_tallies WHERE count_id = ? AND sku = ? AND pass_no = ?", key
    ).fetchone()
    unit.connection.execute("DELETE FROM count_tallies WHERE count_id = ? AND sku = ? AND pass_no = ?", key)
    return None if row[0] is None else int(row[0])


def add_scan(unit: EdgeUnit, count_id: str, scan: ScanRow, by: str) -> None:
    """Keep one scan, so that it can be taken back."""
    unit.connection.execute(
        "INSERT INTO count_scans (scan_id, count_id, sku, code, pass_no, units, device, by, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (scan.scan_id, count_id, scan.sku, scan.code, scan.pass_no, scan.units, scan.device, by, scan.at_us),
    )


def undo_scan(unit: EdgeUnit, scan_id: str) -> None:
    """Mark a scan as taken back."""
    unit.connection.execute("UPDATE count_scans SET undone = 1 WHERE scan_id = ?", (scan_id,))


def add_stray(unit: EdgeUnit, count_id: str, code: str, sku: str, units: int) -> None:
    """Note units that are no row of the task."""
    unit.connection.execute(
        "INSERT INTO count_strays (count_id, code, sku, units) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (count_id, code) DO UPDATE SET units = units + excluded.units",
        (count_id, code, sku, units),
    )


def books_of(connection: Connection, sku: str, place: Place, began_seq: int) -> Books:
    """Return what the books say of an item at a place now, and what crossed its edge since an event."""
    buckets = [bucket.value for bucket in BUCKETS_OF[place]]
    marks = ",".join("?" * len(buckets))
    balance = connection.execute(
        f"SELECT coalesce(sum(quantity), 0) FROM balances WHERE sku = ? AND bucket IN ({marks})",
        (sku, *buckets),
    ).fetchone()[0]
    moved = connection.execute(
        "SELECT from_bucket, to_bucket, quantity FROM movements WHERE sku = ? AND seq > ?", (sku, began_seq)
    ).fetchall()
    came, left = crossing(((row[0], row[1], row[2]) for row in moved), place)
    return Books(int(balance), came, left)


def corrected_since(connection: Connection, sku: str, place: Place, seq: int) -> bool:
    """Tell whether an item's books were corrected after an event: a count before that is stale.

    What was sold or received since changes nothing about a difference; what was corrected may be that very
    difference, written a second time.
    """
    buckets = [bucket.value for bucket in BUCKETS_OF[place]]
    marks = ",".join("?" * len(buckets))
    found = connection.execute(
        "SELECT 1 FROM movements WHERE sku = ? AND seq > ? AND"
        f" ((from_bucket IN ({marks}) AND to_bucket IN ('adjustment', 'missing'))"
        f" OR (to_bucket IN ({marks}) AND from_bucket IN ('adjustment', 'missing'))) LIMIT 1",
        (sku, seq, *buckets, *buckets),
    ).fetchone()
    return found is not None


def counted_since(connection: Connection, sku: str, buckets: Collection[Bucket], seq: int) -> bool:
    """Tell whether an item was counted anew after an event, in a count that is posted and stands.

    Its difference was found beside what the event had written; to take the event back would bring the books
    away from what was counted.
    """
    places = [place.value for place, there in BUCKETS_OF.items() if set(buckets) & set(there)]
    found = connection.execute(
        "SELECT 1 FROM count_passes JOIN count_tasks USING (count_id)"
        " JOIN count_lines USING (count_id, sku) WHERE sku = ? AND seq > ? AND state = 'posted'"
        f" AND posted IS NOT NULL AND place IN ({','.join('?' * len(places))}) LIMIT 1",
        (sku, seq, *places),
    ).fetchone()
    return found is not None


def skus_in_bins(connection: Connection, bins: Iterable[str], limit: int) -> list[str]:
    """Return the items whose home is in these bins, or in one whose name begins so, in walking order."""
    found: dict[str, None] = {}
    for name in bins:
        rows = connection.execute(
            "SELECT sku FROM products WHERE kind = 'goods' AND (bin = ? OR bin LIKE ? ESCAPE '\\')"
            " ORDER BY bin, sku LIMIT ?",
            (name, _like(name) + "-%", limit + 1),
        )
        found.update(dict.fromkeys(str(row[0]) for row in rows))
    return list(found)


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def on_count_opened(unit: EdgeUnit, recorded: Recorded) -> None:
    """There is a count to make."""
    body = recorded.body
    assert isinstance(body, CountOpened)
    unit.connection.execute(
        "INSERT INTO count_tasks (count_id, number, source, title, place, scope, bins, tolerance_units,"
        " tolerance_minor, due_us, note, state, opened_seq, opened_us, opened_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?)",
        (
            body.count_id, body.number, body.source, body.title, body.place.value, body.scope,
            json.dumps(list(body.bins)), body.tolerance_units, body.tolerance_minor, body.due_us, body.note,
            recorded.seq, recorded.at_us, recorded.by,
        ),
    )  # fmt: skip
    unit.connection.executemany(
        "INSERT OR IGNORE INTO count_lines (count_id, sku, listed) VALUES (?, ?, 1)",
        [(body.count_id, sku) for sku in body.skus],
    )


def on_count_confirmed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Items were counted."""
    body = recorded.body
    assert isinstance(body, CountConfirmed)
    for line in body.lines:
        unit.connection.execute(
            "INSERT OR IGNORE INTO count_lines (count_id, sku, listed) VALUES (?, ?, 0)",
            (body.count_id, line.sku),
        )
        unit.connection.execute(
            "INSERT INTO count_passes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                body.count_id, line.sku, line.pass_no, line.counted, line.balance, line.came, line.left,
                line.variance, recorded.seq, recorded.at_us, recorded.by, recorded.device,
            ),
        )  # fmt: skip


def on_count_posted(unit: EdgeUnit, recorded: Recorded) -> None:
    """The differences of a count are written."""
    body = recorded.body
    assert isinstance(body, CountPosted)
    _close(unit, recorded, body.count_id, "posted")
    unit.connection.executemany(
        "UPDATE count_lines SET posted = ?, accepted = ? WHERE count_id = ? AND sku = ?",
        [(line.variance, int(line.accepted), body.count_id, line.sku) for line in body.lines],
    )


def on_count_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """A posted count is taken back."""
    body = recorded.body
    assert isinstance(body, CountUndone)
    _close(unit, recorded, body.count_id, "undone", body.reason)


def on_count_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """A count is given up."""
    body = recorded.body
    assert isinstance(body, CountCancelled)
    _close(unit, recorded, body.count_id, "cancelled", body.reason)


def _close(unit: EdgeUnit, recorded: Recorded, count_id: str, state: str, reason: str = "") -> None:
    unit.connection.execute(
        "UPDATE count_tasks SET state = ?, closed_us = ?, closed_by = ?, reason = ? WHERE count_id = ?",
        (state, recorded.at_us, recorded.by, reason, count_id),
    )
