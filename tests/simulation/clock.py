"""The clock and the ids of one simulated machine.

A machine's clock has an offset, a drift and steps; its monotonic seconds have the drift alone. Both outlive
the process, because they are the machine's. Ids come from the seed and are never given twice, not even
after a restore: a real machine does not remember its randomness either.
"""

import random

from tests.simulation.schedule import SECOND, Schedule

START_US = 1_795_600_800_000_000  # 2026-11-25 10:00 UTC, a Wednesday
PPM = 1_000_000


class SimClock:
    """One machine's idea of time."""

    def __init__(self, schedule: Schedule, *, offset_us: int = 0, drift_ppm: int = 0) -> None:
        self._schedule = schedule
        self._offset_us = offset_us
        self._drift_ppm = drift_ppm

    def now_us(self) -> int:
        """Return the wall time that this machine believes in."""
        return START_US + self._offset_us + self._elapsed()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return 1_000.0 + self._elapsed() / SECOND

    def step(self, by_us: int) -> None:
        """Let the wall time jump."""
        self._offset_us += by_us

    def _elapsed(self) -> int:
        now = self._schedule.now
        return now + now * self._drift_ppm // PPM


class SimIds:
    """Ids in the shape of UUIDv7, and secrets, from the seed."""

    def __init__(self, clock: SimClock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    def new_id(self) -> str:
        """Return a new id."""
        at = f"{max(0, self._clock.now_us()) // 1000:012x}"
        rest = f"{self._rng.getrandbits(74):019x}"
        return f"{at[:8]}-{at[8:]}-7{rest[:3]}-{'89ab'[int(rest[3], 16) % 4]}{rest[4:7]}-{rest[7:]}"

    def secret(self, n_bytes: int) -> str:
        """Return random bytes as hex."""
        return f"{self._rng.getrandbits(8 * n_bytes):0{2 * n_bytes}x}"
