"""The real clock and the real maker of ids: the only places that ask the operating system."""

import secrets
import time

from uuid_utils.compat import uuid7

from protocol.clock import DAY_US, Clock


class SystemClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return the wall time in microseconds since 1970, UTC."""
        return time.time_ns() // 1000  # noqa: TID251 - this is the clock that everybody else takes

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()


class FlooredClock:
    """The machine's clock, which never begins days before what is written down already.

    A computer whose battery is empty starts in 1970; its receipts would be of another century. It then goes
    on from the newest moment that is known, until somebody else's clock says that the machine's is right.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_us = 0

    def floor(self, known_us: int) -> bool:
        """Go on from a moment that is known to be past; tell whether the machine was days behind it."""
        behind_us = known_us - self._clock.now_us()
        self._ahead_us = behind_us if behind_us > DAY_US else 0
        return self.is_floored

    @property
    def is_floored(self) -> bool:
        """Tell whether another time is shown than the machine's."""
        return self._ahead_us > 0

    def trust(self, now_us: int) -> None:
        """Show the machine's time again once it is within a day of what another clock says."""
        if abs(now_us - self._clock.now_us()) < DAY_US:
            self._ahead_us = 0

    def now_us(self) -> int:
        """Return the shown time in microseconds since 1970, UTC."""
        return self._clock.now_us() + self._ahead_us

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return self._clock.monotonic()


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
