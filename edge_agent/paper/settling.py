"""What one act does for several slips: a scan of the last one, a stand-in, one that goes with another."""

from dataclasses import dataclass
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper import rows
from edge_agent.paper.rules import COMPANIONS, STAYS, Slip
from edge_agent.paper.steps import (
    bare,
    queue_slip,
    require_job,
    require_printer,
    settle,
    slip_seen,
    tell,
    write_step,
)
from printing.job import JobState, resolve
from protocol.errors import NotFound, Refused
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

LOOKED_BACK_US: Final = 24 * 3600 * 1_000_000
MOVED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class LastSlip:
    """What the scan of the last slip settled: its job, and how many are taken as printed and as missing."""

    job: rows.JobRow
    printed: int
    missing: int


def last_slip(unit: EdgeUnit, edge: Edge, code: str, *, person: CurrentPerson) -> LastSlip:
    """Take the last slip that came out of a printer as the answer for all that it left in doubt.

    Those that went before it over the same connection lie above it, since a printer keeps the order; those
    that went after it never came out and are printed again, marked. What went over another connection, which
    broke in between, is asked for one by one.

    Raises:
        NotFound: the code is none of a slip that was queued here.
    """
    seen = slip_seen(unit, edge, code, person=person, asked=True)
    if seen is None:
        raise NotFound(
            _("This code is on no slip that was printed here."),
            _("Scan the code of the slip that came out last: the square one, where there is one."),
            code="no_slip",
        )
    sent_us, line = rows.sending_of(unit.connection, seen.job_id)
    before, after = (
        _("it was sent before a slip that came out"),
        _("it was sent after the last that came out"),
    )
    printed = missing = 0
    for job, job_us, job_line in rows.sent_by(unit.connection, seen.printer_id, sent_us - LOOKED_BACK_US):
        if job.job_id == seen.job_id:
            continue
        if job_us > sent_us:
            _take(unit, edge, job, printed=False, why=after, by=person)
            missing += 1
        elif job_line == line:
            _take(unit, edge, job, printed=True, why=before, by=person)
            printed += 1
    tell(unit, edge)
    return LastSlip(seen, printed, missing)


def _take(
    unit: EdgeUnit, edge: Edge, job: rows.JobRow, *, printed: bool, why: str, by: CurrentPerson
) -> None:
    for mark in resolve(bare(job), printed=printed):
        write_step(unit, edge, job.job_id, mark.state, mark.attempt, why, by)
    settle(unit, edge, job.job_id, why, by)


def move_waiting(
    unit: EdgeUnit, edge: Edge, printer_id: str, backup: str, *, why: str, by: CurrentPerson
) -> int:
    """Give the slips that wait for a printer and were never begun to another; return how many.

    A slip that was begun stays where it may lie, and what is about the printer itself stays with it.

    Raises:
        Refused: `no_backup`, the other one is not there or is switched off.
    """
    other = rows.find_printer(unit.connection, backup) if backup else None
    if other is None or not other.active or backup == printer_id:
        raise Refused(
            _("This printer has no other one that could stand in for it."),
            _("Choose one under Change, and try again."),
            code="no_backup",
        )
    moved = 0
    for job in rows.waiting_at(unit.connection, printer_id, MOVED_AT_ONCE):
        if Slip(job.document) in STAYS:
            continue
        rows.move(unit, job.job_id, backup, printer_id)
        write_step(
            unit,
            edge,
            job.job_id,
            JobState.QUEUED,
            None,
            _("goes to {printer}: {why}", printer=other.name, why=why),
            by,
        )
        moved += 1
    if moved:
        tell(unit, edge)
    return moved


def queue_calibration(unit: EdgeUnit, edge: Edge, printer_id: str) -> str:
    """Queue the code page slip of one printer."""
    printer = require_printer(unit.connection, printer_id)
    facts = {"printer": printer.name, "profile": printer.profile}
    return queue_slip(
        unit, edge, Slip.CALIBRATION, printer.name, edge.ids.new_id(), facts, printer_id=printer_id
    )


def queue_companion(unit: EdgeUnit, edge: Edge, job_id: str) -> str:
    """Queue the slip that goes with another one: a receipt's gift receipt, a return's item stickers.

    The same one asked for twice is the same job; a further copy is a reprint, with its reason.

    Raises:
        NotFound: there is no such job.
        Refused: `no_companion`, no other slip goes with this one.
    """
    row = require_job(unit.connection, job_id)
    companion = COMPANIONS.get(Slip(row.document))
    if companion is None:
        raise Refused(
            _("No other slip goes with this one."), _("Print it again instead."), code="no_companion"
        )
    return queue_slip(unit, edge, companion, row.title, row.business_id, dict(row.facts), station=row.station)
