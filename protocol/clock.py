"""What time it is, as something that is passed in.

Nothing in this project asks the operating system for the time but the one `SystemClock` in
`protocol.kit`. The demo replays a month in a minute and the tests step through nights because of it.
Wall time (`now_us`) may jump and is for people and for the books; `monotonic` never goes back and is
for deadlines and for presence.
"""

from datetime import UTC, datetime
from typing import Protocol

MICROSECONDS = 1_000_000
DAY_US = 24 * 3600 * MICROSECONDS
FIRST_US = round(datetime(2, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS
LAST_US = round(datetime(9998, 12, 31, tzinfo=UTC).timestamp()) * MICROSECONDS
"""What is shown at most: a year from the ends of the calendar, so that every zone has it too."""


class Clock(Protocol):
    """A source of time."""

    def now_us(self) -> int:
        """Return the wall time in microseconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""


def from_us(at_us: int) -> datetime:
    """Return the aware UTC datetime of a stored time; one that no calendar has becomes its last or first.

    A page or a slip that meets such a number shows an absurd year, where it would break for ever otherwise.
    """
    return datetime.fromtimestamp(min(max(at_us, FIRST_US), LAST_US) / MICROSECONDS, tz=UTC)


def to_us(at: datetime) -> int:
    """Return the stored form of an aware datetime."""
    return round(at.timestamp() * MICROSECONDS)
