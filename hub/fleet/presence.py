"""When each edge was last heard, in the memory of this process.

Only packets of an open session count. A clone that knocks on the door must not keep the first one alive.
"""

import threading

from hub.fleet.rules import Pill, pill_of
from protocol.clock import Clock


class FleetPresence:
    """The hub's own knowledge of who is there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._conn: dict[str, str] = {}
        self._gone: set[str] = set()
        self._lock = threading.Lock()

    def heard(self, edge: str) -> None:
        """A packet of the edge's open session came in."""
        with self._lock:
            self._heard[edge] = self._clock.monotonic()
            self._gone.discard(edge)

    def hint(self, edge: str, *, on: bool, conn: str) -> None:
        """Take what the broker or the edge says about its connection; an old connection's will counts not."""
        with self._lock:
            if on:
                self._conn[edge] = conn
                self._gone.discard(edge)
            elif self._conn.get(edge) == conn:
                self._gone.add(edge)

    def seconds_since(self, edge: str) -> float | None:
        """Return how long ago the edge was heard, or None when it never was by this process."""
        with self._lock:
            at = self._heard.get(edge)
        return None if at is None else max(0.0, self._clock.monotonic() - at)

    def pill(self, edge: str, *, last_us: int | None = None, revoked: bool = False) -> Pill:
        """Return how the edge is; `last_us` is what an earlier run of the hub knew."""
        seconds = self.seconds_since(edge)
        if seconds is None and last_us is not None:
            seconds = max(0.0, (self._clock.now_us() - last_us) / 1_000_000)
        return pill_of(seconds, revoked=revoked, gone=edge in self._gone)
