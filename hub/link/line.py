"""How the line between this process and the broker is, and whether the broker still has what it kept.

The hub hears its own presence. A broker with a memory hands over the kept one before it repeats the one that
is said on this connection; one that was restarted, wiped or replaced has only the repetition. Nothing here
waits for a time to pass, and a line that was only cut says nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

NO_BROKER: Final = ("No broker is set.", "Set broker_host to hear the stores.")


@dataclass(frozen=True, slots=True)
class LineStatus:
    """How the line is at this moment."""

    where: str = ""
    """The broker, as `host:port`; empty where none is set."""
    conn: str = ""
    since_us: int | None = None
    """When it came up, or when it was lost; None before the first word of either."""
    what: str = ""
    remedy: str = ""

    @property
    def connected(self) -> bool:
        """Whether stores can be heard."""
        return bool(self.conn)

    @property
    def is_down(self) -> bool:
        """Whether a person has to know that no store can be heard; not in the moment of the first try."""
        return not self.connected and bool(self.what)


class Line:
    """The line of this process. Only the link's thread changes it; any thread may read `status`."""

    def __init__(self) -> None:
        self.status = LineStatus()

    def at(self, where: str) -> None:
        """Say where the broker is; nowhere when none is set."""
        what, remedy = ("", "") if where else NO_BROKER
        self.status = LineStatus(where=where, what=what, remedy=remedy)

    def came(self, conn: str, now_us: int) -> bool:
        """The line is up; return whether that is news."""
        return self._set(replace(self.status, conn=conn, since_us=now_us, what="", remedy=""))

    def went(self, what: str, remedy: str, now_us: int) -> bool:
        """The line is down, or was tried in vain; return whether that is news."""
        before = self.status
        was_down = not before.connected and before.since_us is not None
        since_us = before.since_us if was_down else now_us
        return self._set(replace(before, conn="", since_us=since_us, what=what, remedy=remedy))

    def trouble(self, what: str = "", remedy: str = "") -> bool:
        """Say what is wrong at this end, or that nothing is; return whether that is news."""
        return self._set(replace(self.status, what=what, remedy=remedy))

    def _set(self, status: LineStatus) -> bool:
        before, self.status = self.status, status
        return before != status


class Memory:
    """Finds out on each connection whether the broker still has this hub's presence."""

    def __init__(self) -> None:
        self._judged = ""
        self.had_spoken: bool | None = None
        """Whether there was anything to forget before this connection; None until somebody has looked."""

    def is_gone(self, conn: str, *, retained: bool, own: bool) -> bool:
        """Take a packet on the hub's presence; tell whether it shows that the broker has kept nothing.

        `own`: it was said on this very connection. What another process of the hub says at this moment
        proves nothing; what the broker had kept of it does.
        """
        if conn == self._judged or not (retained or own):
            return False
        had_spoken, self.had_spoken, self._judged = self.had_spoken, True, conn
        return bool(had_spoken) and not retained
