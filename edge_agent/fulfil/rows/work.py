"""The work in hand: pick lists, scans, shorts, what devices have taken along, who was recognised.

None of it is a fact yet, and none of it follows from the log. A store that was made anew from its log has
the lists that somebody walked with (`recall_list`), and nothing of what was scanned: the shelf is as it was.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge_agent.along import TakenAlong
from edge_agent.database import EdgeUnit
from edge_agent.walk import Walked
from protocol.fulfilment import ShortReason
from protocol.kit.sqlite import Connection
from protocol.later import PickStarted


@dataclass(frozen=True, slots=True)
class PickList:
    """One list and its state: waiting, picking, done, replaced or void."""

    list_id: str
    state: str
    made_us: int
    picker: str
    device: str
    job_id: str
    orders: tuple[tuple[str, str], ...] = ()
    """(assignment, tote)."""

    @property
    def assignments(self) -> tuple[str, ...]:
        """Return the assignments on it."""
        return tuple(assignment_id for assignment_id, _tote in self.orders)


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan, or one word of a person about a number."""

    scan_id: str
    list_id: str
    assignment_id: str
    line_no: int
    units: int
    how: str
    at_us: int
    undone: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """An assignment that a device has taken along."""

    assignment_id: str
    device: str
    person_id: str
    at_us: int


@dataclass(frozen=True, slots=True)
class VerifiedRow:
    """Somebody who was recognised at the desk."""

    verification_id: str
    order_id: str
    how: str
    proxy: bool
    at_us: int


REMEMBERED_US: Final = 30 * 24 * 3600 * 1_000_000
"""How long a device may stay away with an order that was taken back from it, and still be heard."""
_LIST: Final = "list_id, state, made_us, picker, device, job_id"


def find_list(connection: Connection, list_id: str) -> PickList | None:
    """Return a pick list by its number."""
    row = connection.execute(f"SELECT {_LIST} FROM pick_lists WHERE list_id = ?", (list_id,)).fetchone()
    if row is None:
        return None
    orders = connection.execute(
        "SELECT assignment_id, tote FROM pick_list_orders WHERE list_id = ? ORDER BY tote, assignment_id",
        (list_id,),
    )
    values = (*tuple(row), tuple((each[0], each[1]) for each in orders))
    return PickList(*values)


def list_of(connection: Connection, assignment_id: str) -> PickList | None:
    """Return the list that an assignment is on now: the newest that is not replaced."""
    row = connection.execute(
        "SELECT list_id FROM pick_lists JOIN pick_list_orders USING (list_id)"
        " WHERE assignment_id = ? AND state <> 'replaced' ORDER BY made_us DESC, list_id DESC LIMIT 1",
        (assignment_id,),
    ).fetchone()
    return find_list(connection, row[0]) if row else None


def put_list(
    unit: EdgeUnit, list_id: str, orders: Sequence[tuple[str, str]], *, state: str, at_us: int
) -> None:
    """Store a new list of (assignment, tote)."""
    unit.connection.execute(
        "INSERT INTO pick_lists (list_id, state, made_us) VALUES (?, ?, ?)", (list_id, state, at_us)
    )
    unit.connection.executemany(
        "INSERT INTO pick_list_orders (list_id, assignment_id, tote) VALUES (?, ?, ?)",
        [(list_id, assignment_id, tote) for assignment_id, tote in orders],
    )


def recall_list(unit: EdgeUnit, started: PickStarted, at_us: int) -> None:
    """Store the list of a walk again in a store that got its past back; one that is here stays as it is.

    Lists are work in hand and not in the log. What was scanned on this one is lost with the old disk, but
    whoever walks finds the list under its number, and what has to be fetched.
    """
    unit.connection.execute(
        "INSERT INTO pick_lists (list_id, state, made_us, picker) VALUES (?, 'picking', ?, ?)"
        " ON CONFLICT DO NOTHING",
        (started.list_id, at_us, started.picker),
    )
    unit.connection.execute(
        "INSERT INTO pick_list_orders (list_id, assignment_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (started.list_id, started.assignment_id),
    )


def end_list(unit: EdgeUnit, list_id: str, *, but: str) -> None:
    """Close a list once nobody walks for any of its orders `but` the one whose walk has just ended."""
    unit.connection.execute(
        "UPDATE pick_lists SET state = 'done' WHERE list_id = ?1 AND state = 'picking' AND NOT EXISTS"
        " (SELECT 1 FROM assignments WHERE list_id = ?1 AND state = 'picking' AND assignment_id <> ?2)",
        (list_id, but),
    )


def set_list(unit: EdgeUnit, list_id: str, state: str, *, picker: str = "", device: str = "") -> None:
    """Bring a list into another state; who walks is noted when it is said."""
    unit.connection.execute(
        "UPDATE pick_lists SET state = ?, picker = CASE WHEN ? = '' THEN picker ELSE ? END,"
        " device = CASE WHEN ? = '' THEN device ELSE ? END WHERE list_id = ?",
        (state, picker, picker, device, device, list_id),
    )


def note_list_job(unit: EdgeUnit, list_id: str, job_id: str) -> None:
    """Note which job prints a list: a list that was printed is void only with a slip that says so."""
    unit.connection.execute("UPDATE pick_lists SET job_id = ? WHERE list_id = ?", (job_id, list_id))


def replace_lists(unit: EdgeUnit, assignment_id: str, by: str) -> None:
    """An assignment is on another list now; single lists of it are of no use any more."""
    unit.connection.execute(
        "UPDATE pick_lists SET state = 'replaced' WHERE list_id <> ? AND state = 'waiting' AND list_id IN"
        " (SELECT list_id FROM pick_list_orders WHERE assignment_id = ?)",
        (by, assignment_id),
    )


def printed_lists(connection: Connection, assignment_id: str) -> tuple[str, ...]:
    """Return the lists of an assignment that were given to a printer."""
    rows = connection.execute(
        "SELECT list_id FROM pick_lists JOIN pick_list_orders USING (list_id)"
        " WHERE assignment_id = ? AND job_id <> '' ORDER BY made_us",
        (assignment_id,),
    )
    return tuple(row[0] for row in rows)


def add_scan(unit: EdgeUnit, scan: ScanRow, person_id: str) -> None:
    """Note units of a line that were found; a minus takes some back."""
    unit.connection.execute(
        "INSERT INTO pick_scans (scan_id, list_id, assignment_id, line_no, units, how, person_id, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            scan.scan_id,
            scan.list_id,
            scan.assignment_id,
            scan.line_no,
            scan.units,
            scan.how,
            person_id,
            scan.at_us,
        ),
    )


def undo_scan(unit: EdgeUnit, scan_id: str) -> None:
    """Take a scan back."""
    unit.connection.execute("UPDATE pick_scans SET undone = 1 WHERE scan_id = ?", (scan_id,))


def scans(connection: Connection, list_id: str, limit: int) -> tuple[ScanRow, ...]:
    """Return the last scans of a list, the newest first."""
    rows = connection.execute(
        "SELECT scan_id, list_id, assignment_id, line_no, units, how, at_us, undone FROM pick_scans"
        " WHERE list_id = ? ORDER BY at_us DESC, rowid DESC LIMIT ?",
        (list_id, limit),
    )
    return tuple(ScanRow(*(*tuple(row)[:7], bool(row[7]))) for row in rows)


def walked(connection: Connection, assignment_id: str) -> dict[int, Walked]:
    """Return what was found and what was not, by line."""
    found = {
        int(row[0]): int(row[1])
        for row in connection.execute(
            "SELECT line_no, sum(units) FROM pick_scans WHERE assignment_id = ? AND undone = 0"
            " GROUP BY line_no",
            (assignment_id,),
        )
    }
    shorts: dict[int, list[tuple[ShortReason, int]]] = {}
    for line_no, reason, units in connection.execute(
        "SELECT line_no, reason, units FROM pick_shorts WHERE assignment_id = ? ORDER BY line_no, reason",
        (assignment_id,),
    ):
        shorts.setdefault(line_no, []).append((ShortReason(reason), units))
    return {n: Walked(found.get(n, 0), tuple(shorts.get(n, ()))) for n in found.keys() | shorts.keys()}


def set_short(unit: EdgeUnit, assignment_id: str, line_no: int, reason: ShortReason, units: int) -> None:
    """Say how many units of a line are not there for a reason; none takes it back."""
    if units == 0:
        unit.connection.execute(
            "DELETE FROM pick_shorts WHERE assignment_id = ? AND line_no = ? AND reason = ?",
            (assignment_id, line_no, reason.value),
        )
        return
    unit.connection.execute(
        "INSERT INTO pick_shorts (assignment_id, line_no, reason, units) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (assignment_id, line_no, reason) DO UPDATE SET units = excluded.units",
        (assignment_id, line_no, reason.value, units),
    )


def forget_walk(unit: EdgeUnit, assignment_id: str) -> int:
    """Forget what was scanned for an assignment; return how many units lay in the tote."""
    row = unit.connection.execute(
        "SELECT coalesce(sum(units), 0) FROM pick_scans WHERE assignment_id = ? AND undone = 0",
        (assignment_id,),
    ).fetchone()
    unit.connection.execute("DELETE FROM pick_scans WHERE assignment_id = ?", (assignment_id,))
    unit.connection.execute("DELETE FROM pick_shorts WHERE assignment_id = ?", (assignment_id,))
    return int(row[0])


def hold_of(connection: Connection, assignment_id: str) -> Hold | None:
    """Return which device has taken an assignment along."""
    row = connection.execute(
        "SELECT assignment_id, device, person_id, at_us FROM device_holds WHERE assignment_id = ?",
        (assignment_id,),
    ).fetchone()
    return Hold(*row) if row else None


def holds(connection: Connection, device: str = "") -> tuple[Hold, ...]:
    """Return what devices have taken along; of one device when it is named."""
    rows = connection.execute(
        "SELECT assignment_id, device, person_id, at_us FROM device_holds WHERE ? = '' OR device = ?"
        " ORDER BY at_us, assignment_id",
        (device, device),
    )
    return tuple(Hold(*row) for row in rows)


def taken_along(connection: Connection, skus: Collection[str] | None = None) -> tuple[TakenAlong, ...]:
    """Return the orders that devices have taken along and that still owe units; those with some SKUs only."""
    along: dict[str, TakenAlong] = {}
    for assignment_id, number, device, sku in connection.execute(
        "SELECT h.assignment_id, a.number, h.device, l.sku FROM device_holds h"
        " JOIN assignments a USING (assignment_id) JOIN assignment_lines l USING (assignment_id)"
        " WHERE l.lent + l.bound > 0 ORDER BY h.at_us, h.assignment_id, l.line_no"
    ):
        if skus is None or sku in skus:
            before = along.get(assignment_id, TakenAlong(assignment_id, number, device))
            along[assignment_id] = replace(before, skus=tuple(dict.fromkeys((*before.skus, sku))))
    return tuple(along.values())


def hold(unit: EdgeUnit, held: Hold) -> None:
    """Note that a device takes an assignment along."""
    unit.connection.execute(
        "INSERT INTO device_holds (assignment_id, device, person_id, at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (assignment_id) DO NOTHING",
        (held.assignment_id, held.device, held.person_id, held.at_us),
    )


def release(unit: EdgeUnit, assignment_ids: Iterable[str]) -> None:
    """Note that a device has brought assignments back."""
    unit.connection.executemany(
        "DELETE FROM device_holds WHERE assignment_id = ?", [(each,) for each in assignment_ids]
    )


def note_taken_back(unit: EdgeUnit, assignment_id: str, device: str, at_us: int) -> None:
    """Note that an assignment was taken back from a device; what is older than a month is forgotten."""
    unit.connection.execute("DELETE FROM taken_back WHERE at_us < ?", (at_us - REMEMBERED_US,))
    unit.connection.execute(
        "INSERT OR REPLACE INTO taken_back (assignment_id, device, at_us) VALUES (?, ?, ?)",
        (assignment_id, device, at_us),
    )


def was_taken_back(connection: Connection, assignment_id: str, device: str) -> bool:
    """Tell whether an assignment was taken back from a device."""
    row = connection.execute(
        "SELECT 1 FROM taken_back WHERE assignment_id = ? AND device = ?", (assignment_id, device)
    ).fetchone()
    return row is not None


def forget_taken_back(unit: EdgeUnit, assignment_id: str, device: str) -> None:
    """Note that a device has its assignment again, or has told what it did with it."""
    unit.connection.execute(
        "DELETE FROM taken_back WHERE assignment_id = ? AND device = ?", (assignment_id, device)
    )


def put_verified(unit: EdgeUnit, row: VerifiedRow, person_id: str) -> None:
    """Note who was recognised."""
    unit.connection.execute(
        "INSERT INTO verifications (verification_id, order_id, how, proxy, person_id, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (row.verification_id, row.order_id, row.how, int(row.proxy), person_id, row.at_us),
    )


def find_verified(connection: Connection, verification_id: str) -> VerifiedRow | None:
    """Return who was recognised."""
    row = connection.execute(
        "SELECT verification_id, order_id, how, proxy, at_us FROM verifications WHERE verification_id = ?",
        (verification_id,),
    ).fetchone()
    return VerifiedRow(row[0], row[1], row[2], bool(row[3]), row[4]) if row else None


def tries(connection: Connection, order_id: str) -> tuple[int, int]:
    """Return (wrong tries, locked until) of an order's code."""
    row = connection.execute(
        "SELECT failed, locked_until_us FROM code_tries WHERE order_id = ?", (order_id,)
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def set_tries(unit: EdgeUnit, order_id: str, failed: int, locked_until_us: int) -> None:
    """Note how often the code of an order was wrong."""
    unit.connection.execute(
        "INSERT INTO code_tries (order_id, failed, locked_until_us) VALUES (?, ?, ?)"
        " ON CONFLICT (order_id) DO UPDATE SET failed = excluded.failed,"
        " locked_until_us = excluded.locked_until_us",
        (order_id, failed, locked_until_us),
    )


def forget_old(unit: EdgeUnit, before_us: int) -> None:
    """Forget who was recognised long ago, and the scans of walks that ended long ago."""
    unit.connection.execute("DELETE FROM verifications WHERE at_us < ?", (before_us,))
    unit.connection.execute("DELETE FROM pick_scans WHERE at_us < ?", (before_us,))
