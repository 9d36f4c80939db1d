"""`python -m tests.simulation.mutants`: print guard x seeds-to-catch; 0 when every guard was missed in time.

A mutant that no longer fits the product is broken, and as red as one that nobody noticed.

python -m tests.simulation.mutants --only nonce
python -m tests.simulation.mutants --jobs 2 --keep
"""

import argparse
import multiprocessing
import sys
from pathlib import Path

from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.catch import Caught, seeds_to_catch
from tests.simulation.run import runner

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- mutants -->\n", "<!-- /mutants -->\n"


def _caught(asked: tuple[int, int]) -> Caught:
    with runner() as here:
        return seeds_to_catch(here, MUTANTS[asked[0]], asked[1])


def main() -> int:
    """Print the matrix."""
    said = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    said.add_argument("--first", type=int, default=0, help="the first seed (0)")
    said.add_argument("--only", default="", help="guards whose name has this text")
    said.add_argument("--jobs", type=int, default=1, metavar="J", help="processes at once (1)")
    said.add_argument("--keep", action="store_true", help="write the table into tests/README.md")
    wanted = said.parse_args()
    asked = [(n, wanted.first) for n, mutant in enumerate(MUTANTS) if wanted.only in mutant.guard]
    table = ["| guard taken away | within | caught by seed | as |", "|---|---|---|---|"]
    print("\n".join(table), flush=True)
    missed = broken = 0
    with multiprocessing.get_context("fork").Pool(wanted.jobs) as pool:
        for caught in pool.imap(_caught, asked):
            table.append(caught.row())
            missed += not caught.seeds
            broken += caught.broken
            print(caught.row(), flush=True)
    print(f"\n{len(asked) - missed} of {len(asked)} caught" + (f", {broken} broken" if broken else ""))
    if wanted.keep:
        text = README.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        README.write_text(f"{before}{BEGIN}\n{chr(10).join(table)}\n\n{END}{after}", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
