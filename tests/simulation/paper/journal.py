"""The durable queue of a simulated store: what was marked before a crash is there after it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from printing.document import Cut, Document, Kick, Symbol, Text
from printing.evidence import Evidence
from printing.job import IN_FLIGHT, WHOLE, Job, JobState, check_step, resolve
from protocol.ids import slip_code
from tests.simulation.paper.line import Bench
from tests.simulation.paper.plan import PlannedJob

SECOND_US = 1_000_000


def slip_of(planned: PlannedJob) -> Document:
    """Return a slip whose first and last line say which it is."""
    drawn = (Text("القاهرة 東京 Łódź"),) if planned.drawn else ()
    return Document(
        planned.job_id,
        (
            *((Kick(),) if planned.kick else ()),
            Text(f"BEGIN {planned.job_id}"),
            *(Text(f"Line {n} of something that was sold, 12.50") for n in range(planned.lines)),
            *drawn,
            Symbol.qr(slip_code("rc", planned.job_id, 1)),
            Text(f"END {planned.job_id}"),
            Cut(),
        ),
    )


@dataclass(frozen=True)
class Step:
    """One mark."""

    job_id: str
    state: JobState
    attempt: int
    facts: Mapping[str, object]


class Journal:
    """The store's jobs. Dies before or after a mark when the plan says so; what was written stays."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.jobs: dict[str, Job] = {}
        self.steps: list[Step] = []
        self.evidence: Evidence | None = None
        self._coming = sorted(bench.plan.jobs, key=lambda each: each.queued_at)

    def _queue_due(self) -> None:
        while self._coming and self._coming[0].queued_at <= self._bench.clock.at:
            planned = self._coming.pop(0)
            now = self._bench.clock.now_us()
            use = planned.of_use_seconds
            state = JobState.VOIDED if planned.void else JobState.QUEUED
            self.jobs[planned.job_id] = Job(
                planned.job_id,
                "front",
                planned.document_class,
                slip_of(planned),
                state,
                1,
                ever_sent=False,
                queued_at_us=now,
                expires_at_us=None if use is None else now + int(use * SECOND_US),
            )

    def next_job(self, _printer_id: str) -> Job | None:
        self._queue_due()
        flying = [job for job in self.jobs.values() if job.state in IN_FLIGHT]
        waiting = [job for job in self.jobs.values() if job.state is JobState.QUEUED]
        return next(iter(flying or sorted(waiting, key=lambda job: job.queued_at_us)), None)

    def mark(
        self, job_id: str, state: JobState, *, attempt: int, detail: str, facts: Mapping[str, object]
    ) -> None:
        self._bench.point("before the mark")
        self._write(job_id, state, attempt, dict(facts) | {"detail": detail})
        self._bench.point("after the mark")

    def _write(self, job_id: str, state: JobState, attempt: int, facts: Mapping[str, object]) -> None:
        job = self.jobs[job_id]
        check_step(job.state, state)
        self.jobs[job_id] = replace(
            job, state=state, attempt=attempt, ever_sent=job.ever_sent or state is JobState.SENDING
        )
        self.steps.append(Step(job_id, state, attempt, facts))

    def ended_whole(self, _printer_id: str) -> bool:
        sent = [step.job_id for step in self.steps if step.state is JobState.SENDING]
        return not sent or self.jobs[sent[-1]].state in WHOLE

    def prove(self, job_id: str, *, attempt: int, detail: str) -> None:
        job = self.jobs[job_id]
        if job.state is JobState.UNKNOWN and job.attempt == attempt:
            self.mark(job_id, JobState.RESOLVED_PRINTED, attempt=attempt, detail=detail, facts={})

    def wait(self, timeout_seconds: float) -> None:
        bench = self._bench
        due = self._coming[0].queued_at if self._coming else float("inf")
        bench.pass_until(max(bench.clock.at + 0.001, min(bench.clock.at + timeout_seconds, due)))

    def answer(self, job: Job, *, printed: bool) -> None:
        """Write down what a person said; both steps in one transaction, so no crash comes between."""
        for step in resolve(job, printed=printed):
            self._write(job.job_id, step.state, step.attempt, {})

    def seen(self, job: Job) -> None:
        """Write down that somebody scanned the slip."""
        self._write(job.job_id, JobState.SEEN, job.attempt, {})

    @property
    def all_came(self) -> bool:
        """Tell whether every slip of the plan was queued."""
        return not self._coming
