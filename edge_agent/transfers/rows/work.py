"""The work in hand: what was scanned for a request, on a walk, or while goods arrive. No fact yet.

`work_id` names what it is about: a transfer, a request that is being written, or an arrival nobody announced.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.database import EdgeUnit
from edge_agent.transfers.rules import Counted
from edge_agent.walk import Walked
from protocol.fulfilment import ShortReason
from protocol.kit.sqlite import Connection

Step = Literal["ask", "pick", "receive"]
SCANS_KEPT: Final = 5_000
_SCAN: Final = "scan_id, work_id, step, line_no, sku, name, sscc, units, how, at_us, undone"


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan, or one word of a person about a number. With `sscc` it is a carton, whole."""

    scan_id: str
    work_id: str
    step: Step
    line_no: int
    sku: str
    name: str
    sscc: str
    units: int
    how: str
    at_us: int
    undone: bool = False


def add_scan(unit: EdgeUnit, scan: ScanRow, person_id: str) -> None:
    """Note what was scanned."""
    unit.connection.execute(
        "INSERT INTO transfer_scans (scan_id, work_id, step, line_no, sku, name, sscc, units, how, person_id,"
        " at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            scan.scan_id,
            scan.work_id,
            scan.step,
            scan.line_no,
            scan.sku,
            scan.name,
            scan.sscc,
            scan.units,
            scan.how,
            person_id,
            scan.at_us,
        ),
    )


def undo_scan(unit: EdgeUnit, scan_id: str) -> None:
    """Take a scan back."""
    unit.connection.execute("UPDATE transfer_scans SET undone = 1 WHERE scan_id = ?", (scan_id,))


def scans(connection: Connection, work_id: str, step: Step, limit: int = SCANS_KEPT) -> tuple[ScanRow, ...]:
    """Return what was scanned, the newest first."""
    rows = connection.execute(
        f"SELECT {_SCAN} FROM transfer_scans WHERE work_id = ? AND step = ?"
        " ORDER BY at_us DESC, rowid DESC LIMIT ?",
        (work_id, step, limit),
    )
    return tuple(ScanRow(*(*tuple(row)[:10], bool(row[10]))) for row in rows)


def units_by_line(connection: Connection, work_id: str, step: Step) -> dict[int, int]:
    """Return how many units were scanned one by one, by line."""
    rows = connection.execute(
        "SELECT line_no, sum(units) FROM transfer_scans WHERE work_id = ? AND step = ? AND undone = 0"
        " AND sscc = '' GROUP BY line_no",
        (work_id, step),
    )
    return {row[0]: row[1] for row in rows}


def asked_for(connection: Connection, work_id: str) -> tuple[Counted, ...]:
    """Return what was scanned of a request that is being written, by SKU."""
    rows = connection.execute(
        "SELECT line_no, sku, max(name), sum(units) FROM transfer_scans WHERE work_id = ? AND step = 'ask'"
        " AND undone = 0 AND sscc = '' GROUP BY line_no, sku HAVING sum(units) > 0 ORDER BY min(at_us), sku",
        (work_id,),
    )
    return tuple(Counted(*row) for row in rows)


def arrived_loose(connection: Connection, work_id: str) -> tuple[Counted, ...]:
    """Return what was scanned one by one of what arrives: every scan, the oldest first."""
    rows = connection.execute(
        "SELECT line_no, sku, name, units, 0, '', at_us FROM transfer_scans WHERE work_id = ?"
        " AND step = 'receive' AND undone = 0 AND sscc = '' ORDER BY at_us, rowid",
        (work_id,),
    )
    return tuple(Counted(*row) for row in rows)


def ticked(connection: Connection, work_id: str) -> dict[str, int]:
    """Return the cartons whose label was scanned and when, in the order of the scans."""
    rows = connection.execute(
        "SELECT sscc, min(at_us) FROM transfer_scans WHERE work_id = ? AND step = 'receive' AND undone = 0"
        " AND sscc <> '' GROUP BY sscc ORDER BY min(at_us), sscc",
        (work_id,),
    )
    return {row[0]: row[1] for row in rows}


def walked(connection: Connection, transfer_id: str) -> dict[int, Walked]:
    """Return what was found on a walk and what was not, by line."""
    found = units_by_line(connection, transfer_id, "pick")
    shorts: dict[int, list[tuple[ShortReason, int]]] = {}
    for line_no, reason, units in connection.execute(
        "SELECT line_no, reason, units FROM transfer_shorts WHERE transfer_id = ? ORDER BY line_no, reason",
        (transfer_id,),
    ):
        shorts.setdefault(line_no, []).append((ShortReason(reason), units))
    return {n: Walked(found.get(n, 0), tuple(shorts.get(n, ()))) for n in found.keys() | shorts.keys()}


def set_short(unit: EdgeUnit, transfer_id: str, line_no: int, reason: ShortReason, units: int) -> None:
    """Say how many units of a line are not there for a reason; none takes it back."""
    unit.connection.execute(
        "DELETE FROM transfer_shorts WHERE transfer_id = ? AND line_no = ? AND reason = ?",
        (transfer_id, line_no, reason.value),
    )
    if units:
        unit.connection.execute(
            "INSERT INTO transfer_shorts (transfer_id, line_no, reason, units) VALUES (?, ?, ?, ?)",
            (transfer_id, line_no, reason.value, units),
        )


def words(connection: Connection, work_id: str) -> tuple[Counted, ...]:
    """Return what a person said of lines of an arrival by hand; the name is looked up elsewhere."""
    rows = connection.execute(
        "SELECT line_no, sku, sku, units, damaged, note, at_us FROM transfer_words WHERE work_id = ?"
        " ORDER BY line_no, sku",
        (work_id,),
    )
    return tuple(Counted(*row) for row in rows)


def next_us(connection: Connection, work_id: str, now_us: int) -> int:
    """Return a time for what happens now that is later than all that was scanned and said of an arrival.

    What comes after a word counts beside it, also when the clock was set back in between.
    """
    last_us = connection.execute(
        "SELECT max(coalesce((SELECT max(at_us) FROM transfer_scans WHERE work_id = :of), 0),"
        " coalesce((SELECT max(at_us) FROM transfer_words WHERE work_id = :of), 0))",
        {"of": work_id},
    ).fetchone()[0]
    return max(now_us, int(last_us) + 1)


def set_word(unit: EdgeUnit, work_id: str, word: Counted) -> None:
    """Note the last word about a line of an arrival, as of `word.at_us`."""
    unit.connection.execute(
        "INSERT INTO transfer_words (work_id, line_no, sku, units, damaged, note, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (work_id, line_no, sku) DO UPDATE SET"
        " units = excluded.units, damaged = excluded.damaged, note = excluded.note, at_us = excluded.at_us",
        (work_id, word.line_no, word.sku, word.units, word.damaged, word.note, word.at_us),
    )


def forget(unit: EdgeUnit, work_ids: Iterable[str]) -> None:
    """Forget work that has become a fact, or will not."""
    for table, column in (
        ("transfer_scans", "work_id"),
        ("transfer_words", "work_id"),
        ("transfer_shorts", "transfer_id"),
    ):
        unit.connection.executemany(
            f"DELETE FROM {table} WHERE {column} = ?",
            [(each,) for each in work_ids],
        )


def forget_old(unit: EdgeUnit, before_us: int) -> None:
    """Forget scans that nobody went on with."""
    unit.connection.execute("DELETE FROM transfer_scans WHERE at_us < ?", (before_us,))
