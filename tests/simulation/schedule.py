"""What happens next: one queue of events, one seeded choice among those of the same moment, one trace.

The trace is a hash over every step. Two runs of one seed must have the same, whatever machine they run on:
a difference means that something asked the clock, the system's randomness or the order of a set.
"""

import hashlib
import heapq
import random
from collections.abc import Callable

SECOND = 1_000_000


class Schedule:
    """Simulated time in microseconds since the beginning of the run, and what waits for it."""

    def __init__(self, rng: random.Random) -> None:
        self.now = 0
        self.steps = 0
        self.lines: list[str] | None = None
        """The trace in words, when somebody asked to see it."""
        self._rng = rng
        self._queue: list[tuple[int, float, int, str, Callable[[], bool | None]]] = []
        self._count = 0
        self._trace = hashlib.blake2b(digest_size=16)

    def after(self, delay: float, what: str, act: Callable[[], bool | None]) -> None:
        """Do something in `delay` microseconds; an act that returns False was void and is no step."""
        self._count += 1
        at = self.now + max(0, int(delay))
        heapq.heappush(self._queue, (at, self._rng.random(), self._count, what, act))

    def step(self) -> bool:
        """Do the next thing; False when nothing waits."""
        while self._queue:
            at, _, _, what, act = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            self.note(what)
            if act() is not False:
                self.steps += 1
                return True
        return False

    def note(self, what: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now} {what}\n"
        self._trace.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    def sleep(self, duration: int) -> None:
        """Let time pass for everybody at once, as in a night: all that waits is late, in its order."""
        self._queue = [(at + duration, *rest) for at, *rest in self._queue]  # type: ignore[misc]  # same shape
        self.now += duration

    @property
    def trace(self) -> str:
        """The hash of everything that happened so far."""
        return self._trace.hexdigest()
