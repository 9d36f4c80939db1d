"""Run seeds: one after the other here, or on several processes; keep nothing but verdicts.

Each process makes the empty databases once, in memory where the system has room there, and every run begins
with copies of them. `gc` is told to look less often, as in the hub: runs make no cycles worth finding.
"""

import gc
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.simulation.goods import make_template
from tests.simulation.node import Template
from tests.simulation.options import Options
from tests.simulation.world import Verdict, World

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
MEMORY: Final = Path("/dev/shm")
SEEDS: Final = Path(__file__).parent / "seeds"
"""One file for each seed that ever failed: its name is the seed, its text what went wrong.

A text that begins with `open:` tells of something that is not mended yet; the tests leave such a seed out.
"""


class Runner:
    """A place to run seeds in, one at a time."""

    def __init__(self, folder: Path) -> None:
        gc.set_threshold(50_000, 20, 20)
        self._folder = folder
        self._template: Template = make_template(folder / "template")
        gc.collect()
        gc.freeze()

    def run(
        self,
        seed: int,
        *,
        options: Options | None = None,
        swarm: Mapping[str, Any] = NOTHING,
        trace: bool = False,
    ) -> Verdict:
        """Run a seed and return what came of it; `swarm` are options that are given instead of drawn."""
        world = World(seed, self._folder / "run", self._template, options=options, swarm=swarm, trace=trace)
        return world.run()


@contextmanager
def runner() -> Iterator[Runner]:
    """Return a runner whose files lie in memory, and are gone afterwards."""
    room = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="orderspine-sim-", dir=room))
    try:
        yield Runner(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def kept_seeds(*, still_open: bool = False) -> list[int]:
    """Return the seeds that failed once and are run for ever, or those whose reason still stands."""
    told = {int(file.stem): file.read_text(encoding="utf-8") for file in SEEDS.glob("*.txt")}
    return sorted(seed for seed, text in told.items() if text.startswith("open:") == still_open)


def run_many(seeds: Iterable[int], jobs: int) -> Iterator[Verdict]:
    """Run seeds on several processes and return their verdicts as they come, in order."""
    if jobs <= 1:
        with runner() as here:
            yield from map(here.run, seeds)
        return
    context = multiprocessing.get_context("fork")
    folder = Path(
        tempfile.mkdtemp(prefix="orderspine-sim-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    )
    try:
        with context.Pool(jobs, initializer=_begin, initargs=(folder,)) as pool:
            yield from pool.imap(_run, seeds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_here: list[Runner] = []


def _begin(folder: Path) -> None:
    _here.append(Runner(folder / str(os.getpid())))


def _run(seed: int) -> Verdict:
    return _here[0].run(seed)
