"""What is concluded about a location from when it was last heard. Pure.

Seconds come from the hub's own monotonic clock; what an edge or a broker says about being there is a hint.
"""

from dataclasses import dataclass
from typing import Final, Literal

LATE_SECONDS: Final = 45.0
OFFLINE_SECONDS: Final = 300.0
SKEW_LIMIT_US: Final = 60_000_000

PillState = Literal["online", "late", "offline", "never_seen", "revoked"]


@dataclass(frozen=True, slots=True)
class Pill:
    """How a location is, in one word and for how long."""

    state: PillState
    minutes: int = 0
    """Since it was last heard."""


def pill_of(seconds: float | None, *, revoked: bool = False, gone: bool = False) -> Pill:
    """Return the pill of a location heard so many seconds ago; None when it never was.

    `gone`: the broker says that its connection broke. It is late then, and offline only by the clock.
    """
    if revoked:
        return Pill("revoked")
    if seconds is None:
        return Pill("never_seen")
    minutes = int(seconds // 60)
    if seconds >= OFFLINE_SECONDS:
        return Pill("offline", minutes)
    if gone or seconds >= LATE_SECONDS:
        return Pill("late", minutes)
    return Pill("online")


def is_alive(seconds: float | None) -> bool:
    """Tell whether a session is still somebody's, so that another machine must not take it."""
    return seconds is not None and seconds < LATE_SECONDS


def is_skewed(skew_us: int) -> bool:
    """Tell whether a location's clock is off by more than its receipts should show."""
    return abs(skew_us) > SKEW_LIMIT_US
