"""How a stream keeps its order over a wire that loses, repeats and reorders.

Both ends are state machines without I/O. The sender keeps a window of batches in flight and goes back
to the last acknowledged number when nothing moves. The receiver takes only what continues exactly where
it stopped, checks the hash chain, and otherwise says how far it is. A number is acknowledged only after
its effect is committed, so whatever the broker does, each event takes effect once and in order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from protocol.envelope import Batch

WINDOW_BATCHES: Final = 4
WINDOW_LIMIT: Final = 16
FIRST_RETRY_SECONDS: Final = 2.0
RETRY_LIMIT_SECONDS: Final = 60.0
GO_BACK_SPACING_SECONDS: Final = 0.3
"""Repeated acknowledgements come in bursts; one going back answers all of them."""
STALLED_SECONDS: Final = 60.0
"""No progress for this long: say HELLO again, the session may be gone."""


def first_hash(edge: str, inc: str) -> str:
    """Return h_0, which ties a chain to one incarnation of one edge."""
    return hashlib.sha256(f"{edge}|{inc}".encode()).hexdigest()


def next_hash(previous: str, data: bytes) -> str:
    """Return h_n = sha256(h_{n-1} || bytes_n)."""
    return hashlib.sha256(bytes.fromhex(previous) + data).hexdigest()


def chain(previous: str, events: Iterable[bytes]) -> str:
    """Return the hash after a run of events."""
    for data in events:
        previous = next_hash(previous, data)
    return previous


class Verdict(StrEnum):
    """What the receiver does with a batch."""

    APPLY = "apply"
    KNOWN = "known"
    """All of it is applied already: acknowledge again."""
    GAP = "gap"
    """It starts beyond what is known: drop it and say how far we are."""
    FORK = "fork"
    """It continues another history under the same numbers: a person must look."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one incarnation's stream is applied."""

    upto: int
    head: str


def judge(cursor: Cursor, batch: Batch) -> Verdict:
    """Return what to do with a batch, given how far the stream is applied.

    A batch that begins at or before the cursor and reaches beyond it is dropped like a gap: its start
    can't be checked against the chain, and the sender will begin at the right place once told.
    """
    if batch.last <= cursor.upto:
        return Verdict.KNOWN
    if batch.first != cursor.upto + 1:
        return Verdict.GAP
    if batch.prev != cursor.head:
        return Verdict.FORK
    return Verdict.APPLY


def verify(batch: Batch, events: Sequence[bytes]) -> bool:
    """Tell whether the events are the ones that the batch's head was made of."""
    return chain(batch.prev, events) == batch.head


@dataclass(slots=True)
class Sender:
    """Decides what to send next and when to go back. One per connection.

    `acked` moves only by the receiver's word. `sent` is the newest number handed to the wire; it falls
    back to `acked` when nothing moves for a while (go back N). Seconds are monotonic.
    """

    acked: int
    window: int = WINDOW_BATCHES
    sent: int = field(init=False)
    _edges: list[int] = field(default_factory=list)
    _sent_at: float = 0.0
    _waiting_since: float | None = None
    """Since when something is out without the receiver's word; going back does not begin it anew."""
    _retry_seconds: float = FIRST_RETRY_SECONDS
    _retry_at: float = 0.0
    _smoothed_seconds: float = 0.0
    _back_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.sent = self.acked

    def may_send(self, newest: int) -> bool:
        """Tell whether another batch may leave now."""
        return self.sent < newest and len(self._edges) < self.window

    def note_sent(self, last: int, now: float) -> None:
        """Record that a batch up to `last` was handed to the wire."""
        if self._waiting_since is None:
            self._waiting_since = now
            self._retry_at = now + self._retry_seconds
        self._edges.append(last)
        self._sent_at = now
        self.sent = last

    def on_ack(self, upto: int, now: float, *, gap: bool = True) -> bool:
        """Take the receiver's word; return whether it moved anything.

        An acknowledgement below what is known is an old packet and is ignored. A repeat of the current
        number with `gap` means that the receiver missed something, so the sender goes back at once;
        without it the receiver only saw a repeated batch, and going back would repeat more of them.
        """
        if upto < self.acked:
            return False
        if upto == self.acked:
            if gap and self._edges and now - self._back_at >= GO_BACK_SPACING_SECONDS:
                self._go_back(now)
            return False
        self.acked = upto
        self.sent = max(self.sent, upto)
        self._edges = [last for last in self._edges if last > upto]
        round_trip = max(0.0, now - self._sent_at)
        smoothed = self._smoothed_seconds
        self._smoothed_seconds = round_trip if smoothed == 0.0 else 0.875 * smoothed + 0.125 * round_trip
        # A process that was stopped for hours has measured no round trip: the wait has its limit here too.
        self._retry_seconds = min(RETRY_LIMIT_SECONDS, max(FIRST_RETRY_SECONDS, 4 * self._smoothed_seconds))
        self._waiting_since = now if self._edges else None
        self._retry_at = now + self._retry_seconds
        return True

    def on_tick(self, now: float, jitter: float) -> bool:
        """Go back when nothing moved in time; return whether it did.

        The wait doubles; `jitter` (0 to 1, drawn by the caller) spreads a fleet that lost the same hub.
        """
        if not self._edges or now < self._retry_at:
            return False
        self._go_back(now)
        self._retry_seconds = min(RETRY_LIMIT_SECONDS, self._retry_seconds * 2)
        self._retry_at = now + max(FIRST_RETRY_SECONDS, jitter * self._retry_seconds)
        return True

    def stalled(self, newest: int, now: float) -> bool:
        """Tell whether the session should be opened anew."""
        waited = 0.0 if self._waiting_since is None else now - self._waiting_since
        return self.acked < newest and waited > STALLED_SECONDS

    def _go_back(self, now: float) -> None:
        self._back_at = now
        self.sent = self.acked
        self._edges.clear()
