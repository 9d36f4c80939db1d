"""All benchmarks of `make bench`, one after the other: a table for people, `bench.json` for programs.

    python -m deploy.bench [--only ROW] [--quick] [--out bench.json]

Each row stands beside its bare limit, measured in the same run. `--quick` takes a tenth of everything: it
shows that the benchmarks work, its figures say little. Progress goes to stderr.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from deploy.bench import (
    catchup,
    contention,
    desk,
    edge_capture,
    edge_scan,
    flow,
    ledger,
    live,
    on_screen,
    paper,
    promise,
    route,
    size,
    start,
)
from deploy.bench.table import Row, from_facts, save, show

FILE_COLUMNS: Final = 200
"""Written into a file or a log, the table is not squeezed into eighty columns."""
Measure = Callable[[bool], list[Row]]


def _capture(quick: bool) -> list[Row]:
    return [from_facts(facts) for facts in edge_capture.measure(1.0 if quick else 5.0)]


def _scan(quick: bool) -> list[Row]:
    return [from_facts(facts) for facts in edge_scan.measure(20_000 if quick else 200_000)]


def _contention(_quick: bool) -> list[Row]:
    return contention.measure()


def _catchup(quick: bool) -> list[Row]:
    return catchup.measure(1_000, 1_000) if quick else catchup.measure(10_000, 50_000)


def _live(quick: bool) -> list[Row]:
    return live.measure(20 if quick else 150)


def _promise(quick: bool) -> list[Row]:
    return promise.measure(1.0, 50) if quick else promise.measure()


def _desk(quick: bool) -> list[Row]:
    return desk.measure(1_000) if quick else desk.measure()


def _ledger(quick: bool) -> list[Row]:
    return ledger.measure(10_000, 50_000) if quick else ledger.measure(100_000, 1_000_000)


def _flow(quick: bool) -> list[Row]:
    return flow.measure(2_000 if quick else 20_000)


def _route(quick: bool) -> list[Row]:
    return route.measure(quick=quick)


def _print(quick: bool) -> list[Row]:
    return paper.measure(20 if quick else 200)


def _on_screen(quick: bool) -> list[Row]:
    return on_screen.measure(5 if quick else 60)


def _start(quick: bool) -> list[Row]:
    return start.measure(20_000, 2_000) if quick else start.measure(200_000, 100_000)


def _size(quick: bool) -> list[Row]:
    return size.measure(1.0 if quick else 4.0)


MEASURES: Final[Mapping[str, Measure]] = {
    "capture": _capture,
    "scan": _scan,
    "on-screen": _on_screen,
    "contention": _contention,
    "catch-up": _catchup,
    "live": _live,
    "promise": _promise,
    "desk": _desk,
    "ledger": _ledger,
    "flow": _flow,
    "route": _route,
    "print": _print,
    "start": _start,
    "size": _size,
}


def main() -> None:
    """Measure, print and save."""
    said = argparse.ArgumentParser(
        prog="python -m deploy.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    said.add_argument("--only", choices=sorted(MEASURES), action="append", help="a row; may be repeated")
    said.add_argument("--quick", action="store_true", help="a tenth of everything")
    said.add_argument("--out", type=Path, default=Path("bench.json"), help="where to write the rows")
    asked = said.parse_args()
    talk, rows = Console(stderr=True), []
    for name in asked.only or MEASURES:
        began = time.perf_counter()
        talk.print(f"· {name}", end="", highlight=False)
        rows += MEASURES[name](asked.quick)
        talk.print(f"  {time.perf_counter() - began:.0f} s", highlight=False)
        save(rows, asked.out)
    wide = Console()
    show(rows, wide if wide.is_terminal else Console(width=FILE_COLUMNS))
    talk.print(f"Written to {asked.out}.", highlight=False)


if __name__ == "__main__":
    main()
