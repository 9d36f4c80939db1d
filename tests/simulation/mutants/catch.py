"""Whether a missing guard shows, and as what: not everything that ends a run is about the guard.

A mutant names what shows that its guard is missing. A run that ends otherwise does not count, and one that
ends because the patch itself no longer fits the product says nothing of the guard at all: it is broken, and
so is the matrix until somebody mends it. The seed that shows it is run once more with the guard in its place.
"""

import re
from dataclasses import dataclass
from typing import Final

from tests.simulation.mutants.patch import Mutant
from tests.simulation.run import Runner

SHOWN: Final = 110
_MISFIT: Final = re.compile(
    r"\b(AttributeError|ImportError|ModuleNotFoundError|NameError|TypeError|UnboundLocalError)\b"
)
"""What Python says of a patch whose place in the product has changed its name or its shape."""


@dataclass(frozen=True, slots=True)
class Caught:
    """How a mutant ended: after how many seeds, 0 for not at all, and what showed it."""

    guard: str
    within: int
    seeds: int
    shows: str
    broken: bool = False
    """The patch does not fit the product any more."""

    def row(self) -> str:
        """Return a row of the table."""
        how = "the mutant is broken" if self.broken else self.seeds or "not caught"
        return f"| {self.guard} | {self.within} | {how} | {self.shows} |"


def seeds_to_catch(here: Runner, mutant: Mutant, first: int = 0) -> Caught:
    """Run seeds without a guard until that shows as what the mutant names."""
    otherwise = ""
    for n, seed in enumerate(range(first, first + mutant.within), start=1):
        try:
            with mutant.without():
                problem = here.run(seed, swarm=mutant.swarm).problem.partition("\n")[0]
        except Exception as error:  # noqa: BLE001 - a run keeps what it meets: it is the patch that fails
            return Caught(
                mutant.guard, mutant.within, 0, _short(f"{type(error).__name__}: {error}"), broken=True
            )
        if any(each in problem for each in mutant.shows):
            # With the guard in its place the same seed must be clean, or it says nothing of the guard.
            healthy = here.run(seed, swarm=mutant.swarm).problem.partition("\n")[0]
            if not healthy:
                return Caught(mutant.guard, mutant.within, n, _short(problem))
            otherwise = otherwise or f"but seed {seed} with the guard: {healthy}"
            continue
        if _MISFIT.search(problem):
            return Caught(mutant.guard, mutant.within, 0, _short(problem), broken=True)
        otherwise = otherwise or (f"but seed {seed}: {problem}" if problem else "")
    return Caught(mutant.guard, mutant.within, 0, _short(otherwise))


def _short(problem: str) -> str:
    line = problem.replace("|", "/")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"
