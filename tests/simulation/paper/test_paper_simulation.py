"""Three hundred seeds in every run of the tests, and proof that the paper would show what went wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from printing import spooler
from printing.document import Document
from printing.encoder import Encoded
from printing.evidence import Evidence
from printing.job import Job, JobState
from printing.session import Session
from printing.virtual.brands import BRANDS, brand_of
from tests.simulation.paper.__main__ import table
from tests.simulation.paper.line import SimLink
from tests.simulation.paper.plan import FAULTS, Fault, Plan, PlannedJob, plan_of
from tests.simulation.paper.run import Run, Verdict, run_seed

COUNT = 300
PART = 50
SEARCHED = 120
FAILED_ONCE = (309, 1905, 2309, 5318, 6695, 7547, 7556, 7751, 8093)
"""Each showed something: a stop taken for muteness, babble for an answer, a question for a picture's size."""

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_no_seed_finds_paper_that_contradicts_the_record(first: int) -> None:
    found = [run_seed(seed) for seed in range(first, first + PART)]

    assert {verdict.plan.seed: verdict.problems for verdict in found if verdict.problems} == {}
    assert max(verdict.unmarked_most for verdict in found) == 1
    assert max(verdict.kicks for verdict in found) == 1


def test_every_seed_that_failed_once_is_clean_for_ever() -> None:
    assert [problem for seed in FAILED_ONCE for problem in run_seed(seed).problems] == []


def test_the_same_seed_is_the_same_run() -> None:
    assert run_seed(5) == run_seed(5)
    assert plan_of(5) != plan_of(6)


def test_the_table_has_a_row_for_every_fault() -> None:
    lines = table([run_seed(seed) for seed in range(len(FAULTS))]).splitlines()

    assert [line.split()[0] for line in lines] == ["fault", *FAULTS]
    assert {line.split()[-1] for line in lines[1:]} == {"0"}


def long_list(brand: str, *faults: Fault) -> Run:
    """Run one list of nine hundred lines, three metres of paper."""
    job = PlannedJob(
        "j0", "pick_list", 900, drawn=False, kick=False, queued_at=0.0, of_use_seconds=None, void=False
    )
    run = Run(Plan(1, brand, faults, None, (job,), careless=0.0, scans=0.0))
    assert run.go().problems == []
    return run


def test_a_long_list_on_a_slow_printer_with_a_small_buffer_prints_once() -> None:
    run = long_list("citizen_ct_s310")

    assert [step.state for step in run.journal.steps] == [JobState.SENDING, JobState.SENT, JobState.PRINTED]
    assert [slip.text.count("Line ") for slip in run.bench.slips] == [900]


@pytest.mark.parametrize(("clears", "half"), [(True, []), (False, [477])])
def test_half_a_list_is_dropped_before_there_is_paper_for_it(
    monkeypatch: pytest.MonkeyPatch, clears: bool, half: list[int]
) -> None:
    """Paper out, then the line breaks in the middle: without the command a metre and a half comes out."""
    if not clears:
        monkeypatch.setitem(BRANDS, "epson_tm_t88", replace(brand_of("epson_tm_t88"), clears=False))

    run = long_list(
        "epson_tm_t88", Fault("paper_out", "bytes", 1000, 30), Fault("reset", "bytes", 20000, 0.05)
    )

    assert [slip.text.count("Line ") for slip in run.bench.slips if slip.text] == [*half, 900]
    told = [str(step.facts.get("detail")) for step in run.journal.steps if step.state is JobState.SENDING]
    assert ["has dropped the torn slip" in detail for detail in told] == [False, clears]


def test_a_printer_that_was_busy_when_it_was_asked_is_known_by_its_late_answer() -> None:
    job = replace(plan_of(1).jobs[0], queued_at=0.0, of_use_seconds=None, void=False)
    run = Run(Plan(1, "epson_tm_t88", (), None, (job,), careless=0.0, scans=0.0))
    run.bench.works.receive(b"A slip of somebody who was here before\n" * 700, SimLink(run.bench))

    run.go()

    assert [step.state for step in run.journal.steps][:2] == [JobState.SENDING, JobState.SENT_UNCONFIRMED]
    assert run.journal.evidence is Evidence.A


def problems_until(said: str) -> str:
    """Return the first problem of its kind that the seeds find, or nothing."""
    for seed in range(SEARCHED):
        verdict: Verdict = run_seed(seed)
        found = [problem for problem in verdict.problems if said in problem]
        if found:
            return found[0]
    return ""


def always_kick(_spooler: spooler.Spooler, _job: Job, encoded: Encoded) -> tuple[bytes, str]:
    """Open the drawer with every attempt."""
    return encoded.kick, "opened"


def as_it_was(document: Document, _attempt: int) -> Document:
    """Print a copy that does not say it is one."""
    return document


def any_answer(_evidence: Evidence, session: Session, _kind: str, _token: str) -> bool:
    """Believe whatever the printer says."""
    return session.heard_at is not None


def never_unknown(_spooler: spooler.Spooler, job: Job, why: str, facts: dict[str, object]) -> None:
    """Send what was interrupted once more, as if it had never begun."""
    store = _spooler._store
    store.mark(job.job_id, JobState.UNKNOWN, attempt=job.attempt, detail=why, facts=facts)
    store.mark(job.job_id, JobState.QUEUED, attempt=job.attempt, detail=why, facts=facts)


@pytest.mark.parametrize(
    ("where", "name", "wrong", "said"),
    [
        (spooler.Spooler, "_kick", always_kick, "the drawer was opened"),
        (spooler, "as_attempt", as_it_was, "unmarked 2 times"),
        (spooler, "answered", any_answer, "is called printed and is not there"),
        (spooler.Spooler, "_unknown", never_unknown, "unmarked"),
    ],
)
def test_a_queue_that_breaks_its_promise_is_found(
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
    wrong: Callable[..., object],
    said: str,
) -> None:
    monkeypatch.setattr(where, name, wrong)

    assert said in problems_until(said)


def test_a_queue_that_writes_down_after_it_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the steps is the whole point: SENDING first, then the first byte."""
    real = spooler.Spooler._print

    def late(
        self: spooler.Spooler, job: Job, encoded: Encoded, session: Session, evidence: Evidence
    ) -> float:
        session.exchange(encoded.body, 0.1)
        return real(self, job, encoded, session, evidence)

    monkeypatch.setattr(spooler.Spooler, "_print", late)

    assert "unmarked 2 times" in problems_until("unmarked 2 times")
