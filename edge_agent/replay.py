"""The replay's hand on the clock: `X-Replay-At: <microseconds>` says when this request happened.

Only an edge with the setting `replay_clock` has this at all; in a store a client cannot move the time.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from protocol.clock import Clock
from protocol.kit.system import ShiftedClock

HEADER = b"x-replay-at"
LATEST_US = 4_102_444_800_000_000  # the year 2100: further ahead is a mistake in the file


class ReplayClock:
    """Sets the clock before a request is handled; a header that is no time changes nothing."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and isinstance(self._clock, ShiftedClock):
            for name, value in scope["headers"]:
                if name == HEADER and value.isdigit() and len(value) <= 16 and int(value) <= LATEST_US:
                    self._clock.set(int(value))
        await self._app(scope, receive, send)
