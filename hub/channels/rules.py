"""When a delivery is tried again, when it is given up, and which number a channel is told."""

from typing import Final

from protocol.clock import MICROSECONDS

ENDPOINTS_LIMIT: Final = 50
FIRST_WAIT_SECONDS: Final = 5
WAIT_LIMIT_SECONDS: Final = 3600
TRIES: Final = 12
"""About five hours: longer than a restart or an upgrade takes, short enough to hear of it the same day."""
ITEMS_PER_DELIVERY: Final = 100
OLD_SECRET_SECONDS: Final = 24 * 3600
NOT_SAID: Final = -1


def wait_us(tries: int) -> int:
    """Return how long to wait after so many failed tries."""
    return min(WAIT_LIMIT_SECONDS, FIRST_WAIT_SECONDS << max(0, min(tries, 30) - 1)) * MICROSECONDS


def is_dead(tries: int) -> bool:
    """Tell whether a delivery that failed so often is given up."""
    return tries >= TRIES


def sellable(promisable: int, buffer: int) -> int:
    """Return what a channel may sell of an item."""
    return max(0, promisable - buffer)
