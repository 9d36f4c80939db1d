"""`python -m tests.simulation`: run seeds, say what they were through, and how to see the first that failed.

python -m tests.simulation --seeds 1000 --jobs 2
python -m tests.simulation --replay 4711 --trace
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.run import run_many, runner
from tests.simulation.schedule import SECOND
from tests.simulation.tally import Tally
from tests.simulation.world import Verdict

SHOWN_LINES = 400


def main() -> int:
    """Run what was asked for and return 0 when all was as it must be."""
    said = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    said.add_argument("--seeds", type=int, default=100, metavar="N", help="how many seeds (100)")
    said.add_argument("--first", type=int, default=0, metavar="S", help="the first of them (0)")
    said.add_argument("--jobs", type=int, default=1, metavar="J", help="processes at once (1)")
    said.add_argument("--replay", type=int, metavar="SEED", help="run one seed alone")
    said.add_argument("--trace", action="store_true", help="with --replay: print its last steps")
    said.add_argument("--whole", action="store_true", help="with --trace: print every step")
    wanted = said.parse_args()
    if wanted.replay is not None:
        return replay(wanted.replay, trace=wanted.trace, whole=wanted.whole)
    return many(range(wanted.first, wanted.first + wanted.seeds), wanted.jobs)


def replay(seed: int, *, trace: bool, whole: bool) -> int:
    """Run one seed and say what became of it."""
    with runner() as here:
        verdict = here.run(seed, trace=trace)
    lines = verdict.lines if whole else verdict.lines[-SHOWN_LINES:]
    sys.stdout.writelines(lines)
    print(summary(1, verdict.tally, verdict.tally.seconds))
    print(f"trace       {verdict.trace}")
    print(verdict.problem or "as it must be")
    return 1 if verdict.problem else 0


def many(seeds: range, jobs: int) -> int:
    """Run seeds and say what they were through."""
    total, failed, began = Tally(), [], time.perf_counter()
    for n, verdict in enumerate(run_many(seeds, jobs), start=1):
        total.add(verdict.tally)
        if verdict.problem:
            failed.append(verdict)
            print(f"seed {verdict.seed}: {verdict.problem.splitlines()[0]}", flush=True)
        if sys.stderr.isatty():
            print(f"\r{n:,} seeds, {total.steps:,} steps", end="", file=sys.stderr)
    print(summary(len(seeds), total, time.perf_counter() - began))
    return _report(failed)


def _report(failed: list[Verdict]) -> int:
    if not failed:
        print("failed      0")
        return 0
    first = failed[0]
    print(f"failed      {len(failed)}; the first is seed {first.seed}: {first.problem}")
    print(f"            replay it: python -m tests.simulation --replay {first.seed} --trace")
    return 1


def summary(seeds: int, tally: Tally, seconds: float) -> str:
    """Return what a run was, as lines for a person."""
    days = tally.store_us / SECOND / 86_400
    rate = tally.steps / tally.seconds if tally.seconds else 0.0
    return "\n".join(
        (
            f"seeds       {seeds:,} in {seconds:,.1f} s ({tally.seconds:,.1f} s of processor time)",
            f"steps       {tally.steps:,}, {rate:,.0f} a second and core",
            f"simulated   {tally.sim_us / SECOND / 3_600:,.1f} hours, {days:,.1f} store-days",
            f"till days   {tally.commands['close till']:,} closed",
            f"went by     {tally.commits:,} commits, {tally.packets:,} packets, {tally.events:,} events",
            f"checks      {tally.checks:,} after steps",
            f"asked       {counted(tally.commands)}",
            f"refused     {counted(tally.refused)}",
            f"faults      {sum(tally.faults.values()):,}: {counted(tally.faults)}",
        )
    )


def counted(found: Counter[str]) -> str:
    """Return counts in words, the most frequent first."""
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common()) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
