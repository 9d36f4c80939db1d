"""`python -m tests.simulation.paper`: run seeds and print the table of faults and outcomes.

python -m tests.simulation.paper --seeds 10000 --jobs 2
python -m tests.simulation.paper --replay 4711
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.paper.plan import FAULTS, plan_of
from tests.simulation.paper.run import Run, Verdict, run_seed

OUTCOMES = (
    ("printed", "printed"),
    ("held, then printed", "held"),
    ("printed again by itself", "again itself"),
    ("printed again by a person", "again person"),
    ("in doubt, then found", "found"),
    ("unconfirmed, found by a person", "unconfirmed"),
    ("expired", "expired"),
    ("voided", "voided"),
    ("refused", "refused"),
)


def main() -> int:
    """Run what was asked for and return 0 when all was as it must be."""
    said = argparse.ArgumentParser(prog="python -m tests.simulation.paper", description=__doc__)
    said.add_argument("--seeds", type=int, default=300, metavar="N", help="how many seeds (300)")
    said.add_argument("--first", type=int, default=0, metavar="S", help="the first of them (0)")
    said.add_argument("--jobs", type=int, default=1, metavar="J", help="processes at once (1)")
    said.add_argument("--replay", type=int, metavar="SEED", help="run one seed and show its steps")
    wanted = said.parse_args()
    if wanted.replay is not None:
        return replay(wanted.replay)
    began = time.perf_counter()
    verdicts = list(many(range(wanted.first, wanted.first + wanted.seeds), wanted.jobs))
    print(table(verdicts))
    print(f"{len(verdicts):,} seeds in {time.perf_counter() - began:,.1f} s")
    bad = [verdict for verdict in verdicts if verdict.problems]
    for verdict in bad[:20]:
        print(f"seed {verdict.plan.seed}: {'; '.join(verdict.problems)}")
    return 1 if bad else 0


def many(seeds: range, jobs: int) -> Iterator[Verdict]:
    """Run seeds, on several processors if wanted."""
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=25)


def replay(seed: int) -> int:
    """Run one seed and show what became of every slip."""
    run = Run(plan_of(seed))
    verdict = run.go()
    print(run.plan)
    for step in run.journal.steps:
        print(
            f"{step.job_id} {step.attempt} {step.state.value:<17} {step.facts.get('detail', 'by a person')}"
        )
    for copy in run.copies():
        print(copy)
    print("; ".join(verdict.problems) or "as it must be")
    return 1 if verdict.problems else 0


def table(verdicts: Iterable[Verdict]) -> str:
    """Return faults by outcomes: how slips ended, and the worst that lay on the counter."""
    counts: dict[str, Counter[str]] = {fault: Counter() for fault in FAULTS}
    for verdict in verdicts:
        row = counts[verdict.plan.fault]
        row.update(verdict.outcomes)
        row["seeds"] += 1
        row["crashes"] += verdict.crashed
        row["wrong"] += bool(verdict.problems)
        row["unmarked"] = max(row["unmarked"], verdict.unmarked_most)
        row["kicks"] = max(row["kicks"], verdict.kicks)
    heads = [
        "fault",
        "seeds",
        "crashes",
        *(short for _name, short in OUTCOMES),
        "unmarked",
        "drawer",
        "wrong",
    ]
    names = ["seeds", "crashes", *(name for name, _short in OUTCOMES), "unmarked", "kicks", "wrong"]
    rows = [[fault, *(f"{row[name]:,}" for name in names)] for fault, row in counts.items()]
    widths = [max(len(line[at]) for line in [heads, *rows]) for at in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in [heads, *rows]
    )


if __name__ == "__main__":
    sys.exit(main())
