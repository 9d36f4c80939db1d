"""The durable queue as `printing.spooler` wants it, over the store's one writer.

Every mark is a unit of work of its own and durable when it returns: SENDING must be on the disk before the
first byte is on the wire. A slip that cannot be made (its event is gone, a printer profile is unknown) is
marked REFUSED here and passed over, because one bad job must not stop the printer; one that was overtaken
by a cancellation is VOIDED.
"""

import threading
from collections.abc import Mapping

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper import rows, steps
from edge_agent.paper.rules import Slip, expires_us
from edge_agent.paper.slips import Slips
from printing.document import Document
from printing.job import IN_FLIGHT, WHOLE, Job, JobState
from protocol.errors import OrderspineError


class EdgeJobStore:
    """The print queue of one store; shared by the threads of all its printers."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._slips = Slips(edge.settings, edge.sign_receipt)
        self._changed = threading.Condition()
        self._generation = 0
        self._seen = threading.local()

    def wake(self) -> None:
        """Tell every printer's thread that a job may have been queued; never blocks for long."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def wait(self, timeout_seconds: float) -> None:
        """Return when something was queued since this thread last looked, or after the timeout."""
        seen = getattr(self._seen, "generation", -1)
        with self._changed:
            self._changed.wait_for(lambda: self._generation != seen, timeout_seconds)

    def next_job(self, printer_id: str) -> Job | None:
        """Return the interrupted job of a printer, else the oldest that waits, else None."""
        while True:
            self._seen.generation = self._generation
            row = rows.next_job(self._edge.database.read(), printer_id)
            if row is None:
                return None
            job = self._job(row)
            if job is not None:
                return job

    def _job(self, row: rows.JobRow) -> Job | None:
        state = JobState(row.state)
        document = Document(row.title, ())
        if state not in IN_FLIGHT:  # what was interrupted is not sent again as it is
            try:
                document = self._slips.printed(self._edge.database.read(), row)
            except OrderspineError as error:
                self.mark(
                    row.job_id,
                    JobState.VOIDED if error.reason == steps.OVERTAKEN else JobState.REFUSED,
                    attempt=row.attempt,
                    detail=f"{error.what} {error.remedy}",
                    facts={"code": error.reason},
                )
                return None
        return Job(
            job_id=row.job_id,
            printer_id=row.printer_id,
            document_class=row.document,
            document=document,
            state=state,
            attempt=row.attempt,
            ever_sent=row.kicked,
            queued_at_us=row.queued_us,
            expires_at_us=expires_us(Slip(row.document), row.queued_us),
        )

    def ended_whole(self, printer_id: str) -> bool:
        """Tell whether what this printer was sent last is known to have come out whole."""
        state = rows.last_sent(self._edge.database.read(), printer_id)
        return state is None or JobState(state) in WHOLE

    def prove(self, job_id: str, *, attempt: int, detail: str) -> None:
        """Take a job that is still UNKNOWN in this attempt as RESOLVED_PRINTED; else change nothing."""
        self._edge.database.write(
            lambda unit: steps.prove(unit, self._edge, job_id, attempt=attempt, detail=detail)
        )

    def mark(
        self, job_id: str, state: JobState, *, attempt: int, detail: str, facts: Mapping[str, object]
    ) -> None:
        """Write a step down; durable when this returns."""

        def step(unit: EdgeUnit) -> None:
            rows.mark(
                unit,
                job_id,
                state=state,
                attempt=attempt,
                detail=detail,
                facts=facts,
                at_us=self._edge.clock.now_us(),
            )
            tell_somebody = {JobState.UNKNOWN: steps.doubt, JobState.REFUSED: steps.cannot}.get(state)
            row = rows.find_job(unit.connection, job_id) if tell_somebody else None
            if tell_somebody is not None and row is not None:
                tell_somebody(unit, self._edge, row)
            unit.after_commit(lambda: self._edge.broadcaster.publish("printers"))

        self._edge.database.write(step)
