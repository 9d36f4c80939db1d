"""`python -m tests.faults.run`: let everything go wrong for some minutes, and say what was kept.

python -m tests.faults.run --minutes 10 --seed 7
python -m tests.faults.run --minutes 2 --json
"""

import argparse
import sys
from pathlib import Path

from tests.faults.run.run import run

DEFAULT_MINUTES = 10.0


def main() -> int:
    """Run once and return 0 when all was as it must be."""
    said = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    said.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, metavar="N", help="how long (10)")
    said.add_argument(
        "--seed", type=int, default=1, metavar="S", help="what goes wrong, and in which order (1)"
    )
    said.add_argument(
        "--folder", type=Path, metavar="PATH", help="where everything is kept, also when it is good"
    )
    said.add_argument(
        "--only", action="append", default=[], metavar="KIND", help="one kind of fault; repeat it"
    )
    said.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")
    wanted = said.parse_args()

    def say(line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)

    verdict = run(wanted.minutes, wanted.seed, say, folder=wanted.folder, only=wanted.only)
    print(verdict.as_json() if wanted.json else verdict.as_text())
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
