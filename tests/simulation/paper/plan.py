"""What a seed means: whose printer, which slips, which fault when, and where the program dies."""

import random
from dataclasses import dataclass

FAULTS = (
    "none",
    "paper_out",
    "cover_open",
    "offline",
    "cutter_jam",
    "near_end",
    "slow",
    "half_open",
    "reset",
    "hang_up",
    "answers_lost",
    "answers_late",
    "foreign_token",
    "report_storm",
    "nonsense",
    "power_cycle",
    "unplugged",
)
BRANDS = ("epson_tm_t88", "epson_tm_m30_58", "citizen_ct_s310", "rongta_rp80", "xprinter_58", "no_name_80")
WEIGHTS = (5, 3, 4, 2, 2, 2)
CRASHES = ("before the mark", "after the mark", "chunk", "answer")


@dataclass(frozen=True)
class Fault:
    """One fault: it strikes when a count reaches `when`, and is put right some seconds later."""

    kind: str
    unit: str
    when: float
    seconds: float


@dataclass(frozen=True)
class PlannedJob:
    """One slip. `lines` of text stand between its first and its last."""

    job_id: str
    document_class: str
    lines: int
    drawn: bool
    kick: bool
    queued_at: float
    of_use_seconds: float | None
    void: bool


@dataclass(frozen=True)
class Plan:
    """One run."""

    seed: int
    brand: str
    faults: tuple[Fault, ...]
    crash: tuple[str, int] | None
    jobs: tuple[PlannedJob, ...]
    careless: float
    scans: float

    @property
    def fault(self) -> str:
        """Return the fault that stands for this run in the table."""
        return self.faults[0].kind if self.faults else "none"


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed. Faults take turns, so that each one meets every crash point somewhere."""
    rng = random.Random(seed)
    kind = FAULTS[seed % len(FAULTS)]
    count = rng.choice((0, 1, 1, 2)) if kind != "none" else 0
    faults = [_fault(rng, kind)] if kind != "none" else []
    faults += [_fault(rng, rng.choice(FAULTS[1:])) for _ in range(max(count - 1, 0))]
    crash = (rng.choice(CRASHES), rng.randint(1, 24)) if rng.random() < 0.6 else None
    kicked = rng.randrange(3)
    return Plan(
        seed,
        rng.choices(BRANDS, WEIGHTS)[0],
        tuple(faults),
        crash,
        tuple(_job(rng, n, kick=n == kicked) for n in range(rng.randint(2, 4))),
        careless=rng.choice((0.0, 0.0, 0.3)),
        scans=rng.choice((0.0, 0.5)),
    )


def _fault(rng: random.Random, kind: str) -> Fault:
    unit = rng.choice(("bytes", "commands", "seconds", "bytes"))
    latest = {"bytes": 2500, "commands": 120, "seconds": 3}[unit]
    when = rng.uniform(0, latest) if unit == "seconds" else rng.randint(0, latest)
    return Fault(kind, unit, when, rng.choice((0.05, 1.0, 4.0, 12.0, 50.0)))


def _job(rng: random.Random, n: int, *, kick: bool) -> PlannedJob:
    document_class = rng.choice(("receipt", "receipt", "pick_list", "packing_slip", "return_receipt"))
    return PlannedJob(
        f"j{n}",
        "receipt" if kick else document_class,
        lines=rng.choice((1, 3, 8, 20)),
        drawn=rng.random() < 0.3,
        kick=kick,
        queued_at=rng.choice((0.0, 0.0, 0.4, 3.0)),
        of_use_seconds=rng.choice((None, None, None, 5.0)),
        void=rng.random() < 0.05,
    )
