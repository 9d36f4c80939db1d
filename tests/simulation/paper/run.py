"""Run one seed: the queue works, a fault strikes, the program dies, a person looks; the paper is read."""

import random
from collections import Counter
from dataclasses import dataclass, field

from printing.evidence import Evidence
from printing.job import FINAL, JobState
from printing.printer import Printer
from printing.spooler import Spooler
from printing.virtual.brands import brand_of
from tests.simulation.paper.journal import Journal
from tests.simulation.paper.line import Bench, Crash
from tests.simulation.paper.plan import Plan, plan_of
from tests.simulation.paper.truth import Copy, copies_on

STEPS_AT_MOST = 6_000
QUESTIONS_AT_MOST = 12
WITHOUT_PAPER = frozenset({JobState.EXPIRED, JobState.VOIDED, JobState.REFUSED})
ASKED = frozenset({JobState.UNKNOWN, JobState.SENT_UNCONFIRMED})


class SimIds:
    """Ids and secrets of a seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new_id(self) -> str:
        return self._rng.randbytes(8).hex()

    def secret(self, n_bytes: int) -> str:
        return self._rng.randbytes(n_bytes).hex()


@dataclass
class Verdict:
    """What became of a seed: what was wrong, if anything, and how its jobs ended."""

    plan: Plan
    problems: list[str]
    outcomes: Counter[str]
    unmarked_most: int
    kicks: int
    crashed: bool
    lines: list[str] = field(default_factory=list)


class Run:
    """One seed, from its first slip to the last answer of a person."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed * 7 + 1)
        self.bench = Bench(plan, brand_of(plan.brand), self.rng)
        self.journal = Journal(self.bench)
        self.crashed = False
        self._asked: set[tuple[str, int]] = set()

    def go(self) -> Verdict:
        """Run it and read the paper."""
        for _question in range(QUESTIONS_AT_MOST):
            self._work_until_quiet()
            if not self._ask_the_person():
                break
        return self._verdict()

    # -- the program --------------------------------------------------------------------------------

    def _spooler(self) -> Spooler:
        printer = Printer("front", self.bench.brand.profile, self.bench, self.journal.evidence)
        return Spooler(printer, self.journal, self.bench.clock, SimIds(self.rng), on_evidence=self._learned)

    def _learned(self, evidence: Evidence) -> None:
        self.journal.evidence = evidence

    def _work_until_quiet(self) -> None:
        spooler = self._spooler()
        for _step in range(STEPS_AT_MOST):
            try:
                pause = spooler.step()
            except Crash:
                self.crashed = True
                spooler.hang_up()
                spooler = self._spooler()
                self.bench.pass_until(self.bench.clock.at + 2.0)
                continue
            self.bench.pass_until(self.bench.clock.at + pause)
            if self._quiet():
                break
        spooler.hang_up()
        self.bench.pass_until(self.bench.clock.at + 5.0)

    def _quiet(self) -> bool:
        waiting = any(job.state not in FINAL and job.state not in ASKED for job in self.journal.jobs.values())
        return self.journal.all_came and not waiting and self.bench.quiet

    # -- the person ---------------------------------------------------------------------------------

    def _ask_the_person(self) -> bool:
        """Let somebody look for every slip in doubt; tell whether there was one."""
        asked = False
        for job in list(self.journal.jobs.values()):
            if job.state not in ASKED:
                continue
            asked = True
            there = any(
                copy.whole and (copy.job_id, copy.attempt) == (job.job_id, job.attempt)
                for copy in self.copies()
            )
            first = (job.job_id, job.attempt) not in self._asked
            self._asked.add((job.job_id, job.attempt))
            if there and self.rng.random() < self.plan.scans:
                self.journal.seen(job)
            elif there and first and self.rng.random() < self.plan.careless:
                self.journal.answer(job, printed=False)  # it lies under the counter
            else:
                self.journal.answer(job, printed=there)
        return asked

    def copies(self) -> list[Copy]:
        """Return what lies there, and what hangs out of the printer."""
        paper = self.bench.works.paper
        hanging = [paper.text_so_far] if paper.has_ink else []
        return copies_on([slip.text for slip in self.bench.slips] + hanging)

    # -- the truth ----------------------------------------------------------------------------------

    def _verdict(self) -> Verdict:
        copies = self.copies()
        unmarked = Counter(copy.job_id for copy in copies if not copy.marked)
        problems = [f"{job_id} lies there unmarked {n} times" for job_id, n in unmarked.items() if n > 1]
        problems += self._wrong_claims(copies)
        wanted = sum(job.kick and not job.void for job in self.plan.jobs)
        if self.bench.works.kicks > wanted:
            problems.append(f"the drawer was opened {self.bench.works.kicks} times")
        return Verdict(
            self.plan,
            problems,
            Counter(self._outcome(job_id) for job_id in self.journal.jobs),
            max(unmarked.values(), default=0),
            self.bench.works.kicks,
            self.crashed,
        )

    def _wrong_claims(self, copies: list[Copy]) -> list[str]:
        problems = []
        whole = {(copy.job_id, copy.attempt) for copy in copies if copy.whole}
        for step in self.journal.steps:
            if step.state is JobState.PRINTED and (step.job_id, step.attempt) not in whole:
                problems.append(f"{step.job_id} attempt {step.attempt} is called printed and is not there")
            if step.state is JobState.RESOLVED_PRINTED and (step.job_id, step.attempt) not in whole:
                problems.append(f"{step.job_id} attempt {step.attempt} is taken as printed and is not there")
            if step.state is JobState.SENT_UNCONFIRMED and self.bench.brand.tokens and not self._deaf:
                problems.append(f"{step.job_id} ended unconfirmed on a printer that can confirm")
        for job in self.journal.jobs.values():
            there = any(copy.job_id == job.job_id for copy in copies)
            if job.state not in FINAL and job.state not in ASKED:
                problems.append(f"{job.job_id} is {job.state.value} when all is quiet")
            if job.state in WITHOUT_PAPER and there and not job.ever_sent:
                problems.append(f"{job.job_id} is {job.state.value} and lies there")
            if job.state not in WITHOUT_PAPER and not any(key[0] == job.job_id for key in whole):
                problems.append(f"{job.job_id} is {job.state.value} and no whole copy lies there")
        return problems

    @property
    def _deaf(self) -> bool:
        """Tell whether the printer's answers were kept from the queue for a while."""
        return any(
            fault.kind in {"answers_lost", "answers_late", "half_open", "slow", "nonsense"}
            for fault in self.plan.faults
        )

    def _outcome(self, job_id: str) -> str:
        """Return how a job ended, in the words of the table."""
        states = [step.state for step in self.journal.steps if step.job_id == job_id]
        final = self.journal.jobs[job_id].state
        if final in WITHOUT_PAPER:
            return final.value
        if JobState.RESOLVED_MISSING in states:
            return "printed again by a person"
        if JobState.UNKNOWN in states and final is JobState.PRINTED:
            return "printed again by itself"
        if JobState.SENT_UNCONFIRMED in states:
            return "unconfirmed, found by a person"
        if JobState.UNKNOWN in states:
            return "in doubt, then found"
        return "held, then printed" if JobState.HELD_AT_PRINTER in states else "printed"


def run_seed(seed: int) -> Verdict:
    """Run one seed."""
    return Run(plan_of(seed)).go()
