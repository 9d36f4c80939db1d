"""The real clock and the real maker of ids: the only places that ask the operating system."""

import secrets
import time

from uuid_utils.compat import uuid7


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return the wall time in microseconds since 1970, UTC."""
        return time.time_ns() // 1000  # noqa: TID251 - this is the clock that everybody else takes

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()


class ShiftedClock:
    """A clock that shows another day and runs at its natural pace: the replay sets it, sale by sale."""

    def __init__(self, start_us: int) -> None:
        self._base_us = start_us
        self._since = time.monotonic()

    def set(self, at_us: int) -> None:
        """Go to a time; going back is allowed, because two tills' papers overlap."""
        self._base_us = at_us
        self._since = time.monotonic()

    def now_us(self) -> int:
        """Return the shown time in microseconds since 1970, UTC."""
        return self._base_us + int((time.monotonic() - self._since) * 1_000_000)

    def monotonic(self) -> float:
        """Return real seconds from an arbitrary start."""
        return time.monotonic()


class SystemIds:
    """Time-ordered ids and secrets from the operating system's randomness."""

    def new_id(self) -> str:
        """Return a new UUIDv7."""
        return str(uuid7())

    def secret(self, n_bytes: int) -> str:
        """Return `n_bytes` random bytes as hex."""
        return secrets.token_hex(n_bytes)
