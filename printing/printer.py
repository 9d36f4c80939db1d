"""One printer as its queue knows it: which it is, how it is, and how long it is waited for."""

from dataclasses import dataclass
from typing import Literal

from printing.evidence import Evidence
from printing.profiles import Profile
from printing.transports.base import Transport

State = Literal[
    "starting", "ready", "printing", "no_paper", "cover_open", "fault", "silent", "unreachable", "stopped"
]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a spooler waits for what, in seconds."""

    connect_seconds: float = 3.0
    answer_seconds: float = 1.0
    quiet_seconds: float = 5.0
    confirm_seconds: float = 30.0
    cut_seconds: float = 3.0
    heartbeat_seconds: float = 10.0
    retry_first_seconds: float = 0.2
    retry_longest_seconds: float = 5.0
    kick_within_seconds: float = 60.0
    slowest_dots_per_second: float = 400.0
    """50 mm. A question behind a slip waits in line until a slow printer with a small buffer has drawn it."""

    def patience_seconds(self, dots: int) -> float:
        """Return how long a printer may be silent only because it is printing so many dots."""
        return dots / self.slowest_dots_per_second


@dataclass(frozen=True, slots=True)
class Printer:
    """Which printer, what it can do, and how to reach it.

    `evidence` is what it was found to be able to say; None lets the spooler find out before its first slip.
    """

    printer_id: str
    profile: Profile
    transport: Transport
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a person sees of a printer: a state, why, since when, and the job it is busy with."""

    state: State
    detail: str
    since_us: int
    job_id: str | None = None
