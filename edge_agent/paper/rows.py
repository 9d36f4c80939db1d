"""The tables `print_jobs`, `print_log` and `printers`.

A job keeps only what cannot be read again: for what happened, the number of its event, whose bytes never
change. So a receipt that waits for paper costs a hundred bytes, and a reprint after years says the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.database import EdgeUnit
from edge_agent.paper.rules import Load, Slip, Station, key_of, priority_of, route
from printing.job import IN_FLIGHT, JobState
from protocol.kit.sqlite import Connection

TROUBLES_KEPT = 20
_JOB = (
    "job_id, key, printer_id, document, title, business_id, state, attempt, kick, kicked, facts, detail,"
    " queued_us, changed_us, station, priority, moved_from"
)
_PRINTER = (
    "printer_id, name, host, port, profile, purposes, active, transport, path, baud, station, backup, pages"
)
_FLYING = ", ".join(f"'{state.value}'" for state in sorted(IN_FLIGHT))


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as it stands."""

    job_id: str
    key: str
    printer_id: str
    document: str
    title: str
    business_id: str
    state: str
    attempt: int
    kick: bool
    kicked: bool
    facts: Mapping[str, Any]
    detail: str
    queued_us: int
    changed_us: int
    station: str = ""
    priority: int = 1
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One step of a job."""

    at_us: int
    state: str
    attempt: int
    detail: str
    facts: Mapping[str, Any]
    by: str


@dataclass(frozen=True, slots=True)
class PrinterRow:
    """One printer of the store.

    `transport` is tcp (host and port), device or serial (path), or file (a name in the data folder); `pages`
    are the code pages as they were read off its calibration slip, `codec:number` separated by commas.
    """

    printer_id: str
    name: str
    host: str
    port: int
    profile: str
    purposes: tuple[str, ...]
    active: bool
    transport: str = "tcp"
    path: str = ""
    baud: int = 9600
    station: str = ""
    backup: str = ""
    pages: str = ""

    @property
    def address(self) -> str:
        """Return where it is, as people write it."""
        return f"{self.host}:{self.port}" if self.transport == "tcp" else self.path


@dataclass(frozen=True, slots=True)
class NewJob:
    """A slip to be queued."""

    job_id: str
    slip: Slip
    title: str
    business_id: str
    facts: Mapping[str, Any]
    queued_us: int
    kick: bool = False
    kicked: bool = False
    attempt: int = 1
    printer_id: str | None = None
    detail: str = ""
    by: str = ""
    station: str = ""


def _job(row: tuple[Any, ...]) -> JobRow:
    values = list(row)
    values[8], values[9], values[10] = bool(values[8]), bool(values[9]), json.loads(values[10])
    return JobRow(*values)


def _printer(row: tuple[Any, ...]) -> PrinterRow:
    values = list(row)
    values[5], values[6] = tuple(values[5].split(",")), bool(values[6])
    return PrinterRow(*values)


def printers(connection: Connection, *, active_only: bool = False) -> list[PrinterRow]:
    """Return the printers of the store."""
    rows = connection.execute(
        f"SELECT {_PRINTER} FROM printers WHERE active >= ? ORDER BY name, printer_id",
        (int(active_only),),
    )
    return [_printer(tuple(row)) for row in rows]


def find_printer(connection: Connection, printer_id: str) -> PrinterRow | None:
    """Return one printer."""
    return next((each for each in printers(connection) if each.printer_id == printer_id), None)


def put_printer(unit: EdgeUnit, printer: PrinterRow) -> None:
    """Add or change a printer; one at another place, or of another kind, has to show anew what it can say."""
    before = find_printer(unit.connection, printer.printer_id)
    unit.connection.execute(
        f"INSERT OR REPLACE INTO printers ({_PRINTER}) VALUES ({', '.join('?' * 13)})",
        (
            printer.printer_id,
            printer.name,
            printer.host,
            printer.port,
            printer.profile,
            ",".join(printer.purposes),
            int(printer.active),
            printer.transport,
            printer.path,
            printer.baud,
            printer.station,
            printer.backup,
            printer.pages,
        ),
    )
    if before is None or (before.address, before.profile) != (printer.address, printer.profile):
        forget_evidence(unit, printer.printer_id)


def evidence(connection: Connection) -> dict[str, tuple[str, int]]:
    """Return what each printer was found to be able to say, as (grade, when)."""
    rows = connection.execute("SELECT printer_id, grade, found_us FROM printer_evidence")
    return {row[0]: (row[1], row[2]) for row in rows}


def put_evidence(unit: EdgeUnit, printer_id: str, grade: str, found_us: int) -> None:
    """Remember what a printer can say."""
    unit.connection.execute(
        "INSERT OR REPLACE INTO printer_evidence (printer_id, grade, found_us) VALUES (?, ?, ?)",
        (printer_id, grade, found_us),
    )


def forget_evidence(unit: EdgeUnit, printer_id: str) -> None:
    """Let a printer be probed anew."""
    unit.connection.execute("DELETE FROM printer_evidence WHERE printer_id = ?", (printer_id,))


def note_trouble(unit: EdgeUnit, printer_id: str, state: str, detail: str, at_us: int) -> None:
    """Remember that a printer was in trouble; the last few are kept."""
    unit.connection.execute(
        "INSERT INTO printer_troubles (printer_id, at_us, state, detail) VALUES (?, ?, ?, ?)",
        (printer_id, at_us, state, detail),
    )
    unit.connection.execute(
        "DELETE FROM printer_troubles WHERE printer_id = ?1 AND rowid NOT IN"
        " (SELECT rowid FROM printer_troubles WHERE printer_id = ?1"
        " ORDER BY at_us DESC, rowid DESC LIMIT ?2)",
        (printer_id, TROUBLES_KEPT),
    )


def troubles(connection: Connection, printer_id: str) -> list[tuple[int, str, str]]:
    """Return the last troubles of a printer as (when, state, what), newest first."""
    rows = connection.execute(
        "SELECT at_us, state, detail FROM printer_troubles WHERE printer_id = ?"
        " ORDER BY at_us DESC, rowid DESC",
        (printer_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def stations(connection: Connection) -> list[Station]:
    """Return the active printers as routing sees them."""
    return [
        Station(each.printer_id, frozenset(each.purposes), each.station)
        for each in printers(connection, active_only=True)
    ]


def queue(unit: EdgeUnit, job: NewJob) -> str:
    """Queue a slip and return its job; a key that is known already is the job it was."""
    connection = unit.connection
    printer_id = job.printer_id
    if printer_id is None:
        printer_id = route(job.slip, stations(connection), job.station)
    key = key_of(job.slip, job.business_id, job.attempt)
    cursor = connection.execute(
        f"INSERT INTO print_jobs ({_JOB}) VALUES ({', '.join('?' * 17)}) ON CONFLICT (key) DO NOTHING",
        (
            job.job_id,
            key,
            printer_id,
            job.slip.value,
            job.title,
            job.business_id,
            JobState.QUEUED.value,
            job.attempt,
            int(job.kick),
            int(job.kicked),
            json.dumps(job.facts, ensure_ascii=False, separators=(",", ":")),
            job.detail,
            job.queued_us,
            job.queued_us,
            job.station,
            priority_of(job.slip),
            "",
        ),
    )
    if cursor.rowcount == 0:
        found: str = connection.execute("SELECT job_id FROM print_jobs WHERE key = ?", (key,)).fetchone()[0]
        return found
    return job.job_id


def find_job(connection: Connection, job_id: str) -> JobRow | None:
    """Return one job."""
    row = connection.execute(f"SELECT {_JOB} FROM print_jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _job(tuple(row))


def next_job(connection: Connection, printer_id: str) -> JobRow | None:
    """Return the job of a printer that was interrupted, else the most urgent, oldest one that waits."""
    for condition in (f"state IN ({_FLYING})", "state = 'queued'"):
        row = connection.execute(
            f"SELECT {_JOB} FROM print_jobs WHERE printer_id = ? AND {condition}"
            " ORDER BY priority, queued_us, rowid LIMIT 1",
            (printer_id,),
        ).fetchone()
        if row is not None:
            return _job(tuple(row))
    return None


def jobs(connection: Connection, *, state: str, business_id: str, limit: int) -> list[JobRow]:
    """Return jobs, newest first; `state` and `business_id` narrow them down when they are not empty."""
    conditions, values = ["1"], []
    if state:
        conditions.append("state = ?")
        values.append(state)
    if business_id:
        conditions.append("(business_id = ? OR title = ?)")
        values += [business_id, business_id]
    rows = connection.execute(
        f"SELECT {_JOB} FROM print_jobs WHERE {' AND '.join(conditions)}"
        " ORDER BY queued_us DESC, rowid DESC LIMIT ?",
        [*values, limit],
    )
    return [_job(tuple(row)) for row in rows]


def log_of(connection: Connection, job_id: str) -> list[LogRow]:
    """Return what became of a job, step by step."""
    rows = connection.execute(
        "SELECT at_us, state, attempt, detail, facts, by FROM print_log WHERE job_id = ? ORDER BY n",
        (job_id,),
    )
    return [LogRow(r[0], r[1], r[2], r[3], json.loads(r[4]), r[5]) for r in rows]


def mark(  # noqa: PLR0913 - what is written down of a step, all by name
    unit: EdgeUnit,
    job_id: str,
    *,
    state: JobState,
    attempt: int,
    detail: str,
    facts: Mapping[str, object],
    at_us: int,
    by: str = "",
) -> None:
    """Write one step of a job down. The first sending of a job is the only one that may open a drawer."""
    unit.connection.execute(
        "UPDATE print_jobs SET state = ?, attempt = ?, detail = ?, changed_us = ?, kicked = max(kicked, ?)"
        " WHERE job_id = ?",
        (state.value, attempt, detail, at_us, int(state is JobState.SENDING), job_id),
    )
    if state is JobState.SENDING:
        unit.connection.execute(
            "UPDATE print_jobs SET sent_us = ?, connection = ? WHERE job_id = ?",
            (at_us, str(facts.get("connection", "")), job_id),
        )
    unit.connection.execute(
        "INSERT INTO print_log (job_id, n, at_us, state, attempt, detail, facts, by) SELECT ?,"
        " coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ? FROM print_log WHERE job_id = ?",
        (job_id, at_us, state.value, attempt, detail, json.dumps(dict(facts), default=str), by, job_id),
    )


def latest_attempt(connection: Connection, job: JobRow) -> int:
    """Return how often a slip was queued or sent, over all of its jobs."""
    row = connection.execute(
        "SELECT max(attempt) FROM print_jobs WHERE document = ? AND business_id = ?",
        (job.document, job.business_id),
    ).fetchone()
    return int(row[0])


def in_flight_without(connection: Connection, printer_ids: tuple[str, ...]) -> list[JobRow]:
    """Return jobs that were being sent by a printer that nobody looks after any more."""
    rows = connection.execute(f"SELECT {_JOB} FROM print_jobs WHERE state IN ({_FLYING})")
    return [job for job in (_job(tuple(row)) for row in rows) if job.printer_id not in printer_ids]


def sent_by(connection: Connection, printer_id: str, since_us: int) -> list[tuple[JobRow, int, str]]:
    """Return the slips in doubt that a printer was sent since a time, as (job, when, connection)."""
    rows = connection.execute(
        f"SELECT sent_us, connection, {_JOB} FROM print_jobs WHERE printer_id = ? AND sent_us >= ?"
        " AND state IN ('unknown', 'sent_unconfirmed') ORDER BY sent_us",
        (printer_id, since_us),
    )
    return [(_job(tuple(row)[2:]), row[0], row[1]) for row in rows]


def last_sent(connection: Connection, printer_id: str) -> str | None:
    """Return the state of the job that a printer was sent last, or None when it was sent none."""
    row = connection.execute(
        "SELECT state FROM print_jobs WHERE printer_id = ? AND sent_us > 0 ORDER BY sent_us DESC LIMIT 1",
        (printer_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def sending_of(connection: Connection, job_id: str) -> tuple[int, str]:
    """Return when and over which connection a job was last sent."""
    row = connection.execute(
        "SELECT sent_us, connection FROM print_jobs WHERE job_id = ?", (job_id,)
    ).fetchone()
    return (row[0], row[1])


def find_copies(connection: Connection, slip: Slip, business_id: str, attempt: int) -> list[JobRow]:
    """Return the jobs that printed a copy, then those that wait to print that copy's slip once more.

    What was changed and printed anew has `:` or `@` and a revision behind its id.
    """
    rows = connection.execute(
        f"SELECT {_JOB} FROM print_jobs WHERE document = ? AND (business_id = ?"
        " OR business_id BETWEEN ? || ':' AND ? || ';' OR business_id BETWEEN ? || '@' AND ? || 'A')"
        " AND (attempt = ? OR (attempt > ? AND state = 'queued')) ORDER BY attempt, queued_us LIMIT 50",
        (slip.value, *(business_id,) * 5, attempt, attempt),
    )
    return [_job(tuple(row)) for row in rows]


def find_newest(connection: Connection, slip: Slip, business_id: str) -> JobRow | None:
    """Return the latest job of a slip."""
    row = connection.execute(
        f"SELECT {_JOB} FROM print_jobs WHERE document = ? AND business_id = ? ORDER BY attempt DESC LIMIT 1",
        (slip.value, business_id),
    ).fetchone()
    return None if row is None else _job(tuple(row))


def find_titled(connection: Connection, title: str) -> list[JobRow]:
    """Return the jobs of two slips at most that are called so, as the number on their paper says it."""
    rows = connection.execute(f"SELECT {_JOB} FROM print_jobs WHERE title = ? LIMIT 2", (title,))
    return [_job(tuple(row)) for row in rows]


def waiting_at(connection: Connection, printer_id: str, limit: int) -> list[JobRow]:
    """Return the slips that wait for a printer and were never begun, in the order they print."""
    rows = connection.execute(
        f"SELECT {_JOB} FROM print_jobs WHERE printer_id = ? AND state = 'queued'"
        " ORDER BY priority, queued_us, rowid LIMIT ?",
        (printer_id, limit),
    )
    return [_job(tuple(row)) for row in rows]


def load_of(connection: Connection, printer_id: str, before_us: int) -> Load:
    """Return how many slips wait for a printer, and how many are in doubt since before a time."""
    waiting, doubts = connection.execute(
        "SELECT (SELECT count(*) FROM print_jobs WHERE printer_id = ? AND state = 'queued'),"
        " (SELECT count(*) FROM print_jobs WHERE printer_id = ? AND state = 'unknown' AND changed_us <= ?)",
        (printer_id, printer_id, before_us),
    ).fetchone()
    return Load(waiting, doubts)


def move(unit: EdgeUnit, job_id: str, printer_id: str, moved_from: str) -> None:
    """Give a waiting job to another printer; its drawer stays shut, since nobody stands at the other one."""
    unit.connection.execute(
        "UPDATE print_jobs SET printer_id = ?, moved_from = ?, kicked = 1"
        " WHERE job_id = ? AND state = 'queued'",
        (printer_id, moved_from, job_id),
    )


def reroute(unit: EdgeUnit) -> int:
    """Give jobs that wait without an active printer to one; return how many moved."""
    connection = unit.connection
    known = stations(connection)
    names = [station.printer_id for station in known]
    moved = 0
    lost = connection.execute(
        "SELECT DISTINCT document, station, printer_id FROM print_jobs WHERE state = 'queued'"
        f" AND printer_id NOT IN ({','.join('?' * len(names))})",
        names,
    ).fetchall()
    for document, station, printer_id in lost:
        moved += connection.execute(
            "UPDATE print_jobs SET printer_id = ? WHERE state = 'queued' AND document = ? AND station = ?"
            " AND printer_id = ? AND printer_id <> ?",
            (
                route(Slip(document), known, station),
                document,
                station,
                printer_id,
                route(Slip(document), known, station),
            ),
        ).rowcount
    return moved


def expire_waiting(unit: EdgeUnit, slip: Slip, *, before_us: int, at_us: int, limit: int) -> int:
    """Let slips expire that wait for no printer at all since before a time; return how many."""
    old = [
        (row[0], row[1])
        for row in unit.connection.execute(
            "SELECT job_id, attempt FROM print_jobs WHERE printer_id = '' AND state = 'queued'"
            " AND document = ? AND queued_us <= ? ORDER BY queued_us LIMIT ?",
            (slip.value, before_us, limit),
        )
    ]
    for job_id, attempt in old:
        mark(
            unit,
            job_id,
            state=JobState.EXPIRED,
            attempt=attempt,
            detail="too old to be of use, and there was no printer",
            facts={},
            at_us=at_us,
        )
    return len(old)


def prune(unit: EdgeUnit, before_us: int, *, limit: int) -> int:
    """Forget the oldest jobs that are done with, a few at a time; return how many there were."""
    connection = unit.connection
    old = [
        row[0]
        for row in connection.execute(
            "SELECT job_id FROM print_jobs WHERE queued_us < ? AND state NOT IN"
            f" ('queued', 'unknown', 'resolved_missing', {_FLYING}) ORDER BY queued_us LIMIT ?",
            (before_us, limit),
        )
    ]
    connection.executemany("DELETE FROM print_log WHERE job_id = ?", [(job_id,) for job_id in old])
    connection.executemany("DELETE FROM print_jobs WHERE job_id = ?", [(job_id,) for job_id in old])
    return len(old)
