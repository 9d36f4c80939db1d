"""What a run has done, for the summary: steps, faults by kind, commands, refusals."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts of one run; runs add up."""

    steps: int = 0
    seconds: float = 0.0
    """Of processor time, set-up included."""
    sim_us: int = 0
    store_us: int = 0
    packets: int = 0
    commits: int = 0
    events: int = 0
    """Events of stores that the hub has applied."""
    commands: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    checks: int = 0

    def fault(self, kind: str) -> None:
        """Count a fault."""
        self.faults[kind] += 1

    def add(self, other: "Tally") -> None:
        """Add another run."""
        for name in ("steps", "seconds", "sim_us", "store_us", "packets", "commits", "events", "checks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("commands", "refused", "faults"):
            getattr(self, name).update(getattr(other, name))
