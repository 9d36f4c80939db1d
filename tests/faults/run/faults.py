"""Everything that goes wrong in a run: what strikes, how it ends, and how often it happened.

Two vandals work side by side from one seed each: one at the lines, one at the processes and what they keep.
Each fault is over before the next of its vandal begins, so that a run has both calm and trouble in it. A run
goes once through those of which none may be missing, in an order of its own; the rest is drawn by weight.
"""

import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from deploy.demo.supervisor import BROKER, HUB
from protocol.errors import OrderspineError
from tests.faults.run.company import SMALL, FaultCompany
from tests.support.wire import eventually

CALM_SECONDS: Final = (0.5, 3.0)
"""Between two faults of one vandal."""
LINE_SECONDS: Final = (1.0, 8.0)
STOP_SECONDS: Final = (1.0, 7.0)
FULL_SECONDS: Final = (2.0, 5.0)
UP_SECONDS: Final = 90.0
NEVER_MISSING: Final = frozenset(
    {"cut line", "line that stands still", "slow line", "killed edge", "killed hub", "wiped broker"}
    | {"stopped edge", "restored hub", "restored edge", "cloned edge"}
)
"""A run in which one of these did not happen has shown little."""

Strike = Callable[[random.Random, str], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of thing that goes wrong, and how often beside the others."""

    kind: str
    weight: int
    where: tuple[str, ...]
    strike: Strike


@dataclass
class Vandal:
    """One thread that breaks things and mends them, until it is told to stop."""

    name: str
    faults: tuple[Fault, ...]
    rng: random.Random
    stopping: threading.Event
    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    """Faults that could not be brought about, which a run must not pass over."""

    @property
    def is_through(self) -> bool:
        """Whether every kind that must happen has happened, or nothing more will."""
        return bool(self.troubles) or all(fault.kind in self.counts for fault in self._first)

    @property
    def _first(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.kind in NEVER_MISSING]

    def work(self) -> None:
        """Break one thing after the other, at first each kind that must happen."""
        weights = [fault.weight for fault in self.faults]
        first = self._first
        self.rng.shuffle(first)
        while self.faults and not self.stopping.wait(self.rng.uniform(*CALM_SECONDS)):
            fault = first.pop() if first else self.rng.choices(self.faults, weights)[0]
            where = self.rng.choice(fault.where)
            try:
                fault.strike(self.rng, where)
            except (OrderspineError, OSError, AssertionError) as error:
                self.troubles.append(f"{fault.kind} at {where}: {error}")
                return
            self.counts[fault.kind] += 1


class Faults:
    """Every fault of one run. Use `begin` and `end`."""

    def __init__(self, company: FaultCompany, seed: int, only: Collection[str] = ()) -> None:
        """With `only`, nothing else goes wrong than what is named there."""
        self._company = company
        self._stopping = threading.Event()
        self.vandals = tuple(
            Vandal(
                name,
                tuple(each for each in faults if not only or each.kind in only),
                random.Random(f"{seed} {name}"),
                self._stopping,
            )
            for name, faults in (("lines", self._of_lines()), ("processes", self._of_processes()))
        )
        self._threads = [threading.Thread(target=each.work, name=each.name) for each in self.vandals]

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each kind happened."""
        total: Counter[str] = Counter()
        for vandal in self.vandals:
            total += vandal.counts
        return dict(sorted(total.items()))

    @property
    def kinds(self) -> list[str]:
        """Every kind that may happen in this run."""
        return sorted({fault.kind for vandal in self.vandals for fault in vandal.faults})

    @property
    def are_through(self) -> bool:
        """Whether each kind that must happen has happened, or one could not be brought about."""
        return all(vandal.is_through for vandal in self.vandals)

    @property
    def troubles(self) -> list[str]:
        """What could not be brought about."""
        return [said for vandal in self.vandals for said in vandal.troubles]

    def begin(self) -> None:
        """Let things go wrong."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let nothing more go wrong, and make everything right."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._company.heal()

    # --- lines ---

    def _of_lines(self) -> tuple[Fault, ...]:
        everywhere = self._company.names
        line = self._company.supervisor.line
        found = [
            Fault("cut line", 4, everywhere, self._line(lambda name: line(name).cut())),
            Fault("line that stands still", 2, everywhere, self._line(lambda name: line(name).stand_still())),
            Fault("slow line", 3, everywhere, self._line(lambda name: line(name).slow_down())),
            Fault("all lines cut", 1, everywhere, self._cut_all),
        ]
        if self._company.networks:
            found.append(Fault("pulled wire", 4, everywhere, self._line(lambda name: line(name).pull())))
        return tuple(found)

    def _line(self, break_it: Callable[[str], None]) -> Strike:
        def strike(rng: random.Random, name: str) -> None:
            break_it(name)
            self._stopping.wait(rng.uniform(*LINE_SECONDS))
            self._company.supervisor.line(name).restore()

        return strike

    def _cut_all(self, rng: random.Random, _name: str) -> None:
        self._company.cut_all()
        self._stopping.wait(rng.uniform(*LINE_SECONDS))
        self._company.restore_all()

    # --- processes, and what they keep ---

    def _of_processes(self) -> tuple[Fault, ...]:
        company, everywhere = self._company, self._company.names
        edges = tuple(name for name in everywhere if name != SMALL)
        found = [
            Fault("killed edge", 6, everywhere, self._kill),
            Fault("killed hub", 4, (HUB,), self._kill),
            Fault("killed broker", 2, (BROKER,), self._kill),
            Fault("wiped broker", 3, (BROKER,), lambda _rng, _name: company.supervisor.wipe_broker()),
            Fault("stopped edge", 3, everywhere, self._stop),
            Fault("stopped hub", 2, (HUB,), self._stop),
            Fault("stopped broker", 1, (BROKER,), self._stop),
            Fault("restored hub", 1, (HUB,), self._restore_hub),
            Fault("restored edge", 1, edges[1:], self._restore_edge),
            Fault("cloned edge", 1, edges, self._clone),
        ]
        if company.has_small_disk:
            found.append(Fault("full disk", 3, (SMALL,), self._full_disk))
        return tuple(found)

    def _kill(self, _rng: random.Random, name: str) -> None:
        if name != BROKER:
            self._wait_up(name)
        self._company.supervisor.kill(name)

    def _stop(self, rng: random.Random, name: str) -> None:
        self._company.supervisor.send(name, signal.SIGSTOP)
        self._stopping.wait(rng.uniform(*STOP_SECONDS))
        self._company.supervisor.send(name, signal.SIGCONT)

    def _full_disk(self, rng: random.Random, _name: str) -> None:
        with self._company.full_disk():
            self._stopping.wait(rng.uniform(*FULL_SECONDS))

    def _wait_up(self, name: str) -> None:
        """Wait until a process is there again, so that each kill meets one that works."""
        child = self._company.supervisor.process(name)
        eventually(lambda: self._stopping.is_set() or child.healthy(), UP_SECONDS, what=f"{name} to be there")

    def _restore_hub(self, rng: random.Random, name: str) -> None:
        """Put an old copy of the hub back: it has forgotten what edges said since, and only that.

        Nobody orders or cancels at the hub meanwhile. What a hub alone knew is gone with its disk, and no
        design brings it back; what the edges know must come back from them.
        """
        company = self._company
        with company.gates[HUB].closed(), self._copy(name) as copy:
            company.command(HUB, "backup", str(copy))
            self._stopping.wait(rng.uniform(*STOP_SECONDS))
            with company.supervisor.down(HUB):
                company.command(HUB, "restore", str(copy))
            self._wait_up(HUB)

    def _restore_edge(self, rng: random.Random, name: str) -> None:
        """Put an old copy of an edge back: it fetches from the hub what it has forgotten.

        The hub has heard everything before the old copy is put back: what an edge alone knew is gone with
        its disk.
        """
        company = self._company
        with self._copy(name) as copy:
            company.command(name, "backup", str(copy))
            self._stopping.wait(rng.uniform(*STOP_SECONDS))
            with company.gates[name].closed():
                company.wait_until_heard(name)
                with company.supervisor.down(name):
                    company.command(name, "restore", str(copy))
                self._wait_up(name)
                eventually(partial(company.is_whole, name), UP_SECONDS, what=f"{name} to be whole again")

    def _clone(self, rng: random.Random, name: str) -> None:
        """Run a copy of an edge beside it for a while; the hub lets only the first of them speak."""
        with self._company.clone(name) as child:
            self._wait_up(name)
            eventually(partial(self._company.is_online, name), UP_SECONDS, what=f"{name} to be online")
            child.start()
            eventually(
                lambda: self._stopping.is_set() or child.healthy(), UP_SECONDS, what=f"the clone of {name}"
            )
            self._stopping.wait(rng.uniform(*STOP_SECONDS))

    @contextmanager
    def _copy(self, name: str) -> Iterator[Path]:
        """Name a file for a copy, and remove it at the end of the block."""
        folder = self._company.layout.folder / "copies"
        folder.mkdir(exist_ok=True)
        try:
            yield folder / f"{name}.db"
        finally:
            shutil.rmtree(folder)
