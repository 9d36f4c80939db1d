"""Slips and a durable print queue for tests: real SQLite, and every step checked against the table."""

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from printing.document import Document, dump_document, load_document
from printing.documents.receipt import ReceiptFacts, ReceiptLine, receipt
from printing.job import IN_FLIGHT, WHOLE, Job, JobState, check_step
from protocol.clock import Clock
from protocol.ids import slip_code

LONDON = ZoneInfo("Europe/London")
LINES = (
    ReceiptLine("Merino jumper, navy, M", "85123A", 1, 4900, 0, 4900),
    ReceiptLine("White hanging heart t-light holder", "85123A", 6, 255, 0, 1530),
    ReceiptLine("Café crème mug – 2 for £5", "84406B", 2, 275, 50, 500),
    ReceiptLine("Wool scarf, forest green, with a name so long that it wraps", "71053", 1, 3500, 350, 3150),
)


def receipt_facts(number: str = "LB1-00042", *, lines: tuple[ReceiptLine, ...] = LINES) -> ReceiptFacts:
    """Return the facts of a cash sale that opens the drawer."""
    return ReceiptFacts(
        store_name="London Bridge",
        store_lines=("12 Borough High Street", "London SE1 9QQ"),
        vat_number="GB 123 4567 89",
        number=number,
        sold_at=datetime(2026, 11, 28, 14, 5, tzinfo=LONDON),
        till="Till 1",
        associate="A. Osei",
        lines=lines,
        discount_minor=500,
        total_minor=9580,
        tax=((200_000, 7983, 1597),),
        tenders=(("Cash", 10_000),),
        change_minor=420,
        currency="GBP",
        code=slip_code("r", number, 1),
        open_drawer=True,
    )


def long_receipt(lines: int = 30) -> Document:
    """Return a receipt of many lines with both codes."""
    return receipt(receipt_facts(lines=tuple(LINES[at % len(LINES)] for at in range(lines))))


class SqliteJobStore:
    """A print queue in one SQLite file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, printer TEXT, class TEXT, document TEXT,"
            " state TEXT, attempt INT, ever_sent INT, queued_at_us INT, expires_at_us INT)"
        )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS step (job TEXT, state TEXT, attempt INT, detail TEXT, facts TEXT)"
        )
        self._clock = clock
        self._turn = threading.Condition()
        self._changes = 0
        self._seen = threading.local()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self,
        job_id: str,
        document: Document,
        *,
        document_class: str = "receipt",
        age_seconds: float = 0,
        expires_at_us: int | None = None,
    ) -> None:
        """Queue a slip."""
        queued_at_us = self._clock.now_us() - int(age_seconds * 1_000_000)
        with self._turn:
            self._db.execute(
                "INSERT INTO job VALUES (?, 'front', ?, ?, 'queued', 1, 0, ?, ?)",
                (job_id, document_class, dump_document(document), queued_at_us, expires_at_us),
            )
            self._changes += 1
            self._turn.notify_all()

    def next_job(self, printer_id: str) -> Job | None:
        """Return the job to work on next."""
        states = [state.value for state in IN_FLIGHT]
        with self._turn:
            self._seen.changes = self._changes
            row = self._db.execute(
                "SELECT * FROM job WHERE printer = ? AND (state = 'queued' OR state IN (?, ?, ?))"
                " ORDER BY state = 'queued', queued_at_us, rowid LIMIT 1",
                (printer_id, *states),
            ).fetchone()
        return None if row is None else self._job(row)

    def mark(
        self, job_id: str, state: JobState, *, attempt: int, detail: str, facts: Mapping[str, object]
    ) -> None:
        """Write a step down, if it is a legal one."""
        with self._turn:
            check_step(self.job(job_id).state, state)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE job SET state = ?1, attempt = ?2, ever_sent = ever_sent OR ?1 = 'sending'"
                " WHERE id = ?3",
                (state.value, attempt, job_id),
            )
            self._db.execute(
                "INSERT INTO step VALUES (?, ?, ?, ?, ?)",
                (job_id, state.value, attempt, detail, json.dumps(dict(facts))),
            )
            self._db.execute("COMMIT")
            self._turn.notify_all()

    def ended_whole(self, _printer_id: str) -> bool:
        """Tell whether what was sent last came out whole."""
        with self._turn:
            row = self._db.execute(
                "SELECT job.state FROM step JOIN job ON job.id = step.job WHERE step.state = 'sending'"
                " ORDER BY step.rowid DESC LIMIT 1"
            ).fetchone()
        return row is None or JobState(row[0]) in WHOLE

    def prove(self, job_id: str, *, attempt: int, detail: str) -> None:
        """Resolve a job that is still in doubt."""
        with self._turn:
            job = self.job(job_id)
            if job.state is JobState.UNKNOWN and job.attempt == attempt:
                self.mark(job_id, JobState.RESOLVED_PRINTED, attempt=attempt, detail=detail, facts={})

    def wait(self, timeout_seconds: float) -> None:
        """Return when a slip was queued since this thread looked, or after the timeout."""
        with self._turn:
            seen = getattr(self._seen, "changes", None)
            self._turn.wait_for(lambda: seen is not None and self._changes != seen, timeout_seconds)

    def job(self, job_id: str) -> Job:
        """Return a job as it stands."""
        with self._turn:
            return self._job(self._db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone())

    def steps(self, job_id: str) -> list[tuple[str, int]]:
        """Return every step of a job with its attempt."""
        with self._turn:
            return self._db.execute(
                "SELECT state, attempt FROM step WHERE job = ? ORDER BY rowid", (job_id,)
            ).fetchall()

    def facts(self, job_id: str) -> dict[str, object]:
        """Return the facts of a job's steps, the later ones over the earlier ones."""
        with self._turn:
            rows = self._db.execute(
                "SELECT facts FROM step WHERE job = ? ORDER BY rowid", (job_id,)
            ).fetchall()
        return {name: value for (facts,) in rows for name, value in json.loads(facts).items()}

    def wait_until(self, job_id: str, *states: JobState, timeout_seconds: float = 8) -> Job:
        """Return the job once it is in one of the states."""
        with self._turn:
            reached = self._turn.wait_for(lambda: self.job(job_id).state in states, timeout_seconds)
        job = self.job(job_id)
        assert reached, f"{job_id} is {job.state} after {self.steps(job_id)}"
        return job

    def resolve(self, job_id: str, *, printed: bool) -> None:
        """Write down a person's answer."""
        from printing.job import resolve

        for mark in resolve(self.job(job_id), printed=printed):
            self.mark(job_id, mark.state, attempt=mark.attempt, detail=mark.detail, facts={})

    @staticmethod
    def _job(row: tuple[str, str, str, str, str, int, int, int, int | None]) -> Job:
        job_id, printer, document_class, document, state, attempt, ever_sent, queued_at_us, expires_at_us = (
            row
        )
        return Job(
            job_id,
            printer,
            document_class,
            load_document(document),
            JobState(state),
            attempt,
            bool(ever_sent),
            queued_at_us,
            expires_at_us,
        )


def without_drawer(document: Document) -> Document:
    """Return the same slip without its drawer pulse."""
    return replace(document, blocks=document.blocks[1:]) if document.opens_drawer else document
