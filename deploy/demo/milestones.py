"""What happens to the network and the machines while a day runs, and when: `store-2@0.3-0.6`, `hub@0.5`.

Times are fractions of the orders that will be taken over all stores, so a run on a slow machine is cut at
the same place as on a fast one.
"""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.errors import Invalid

CUT: Final = re.compile(r"(?P<name>[a-z0-9-]+)@(?P<start>\d*\.?\d+)-(?P<end>\d*\.?\d+)")
KILL: Final = re.compile(r"(?P<name>[a-z0-9-]+)@(?P<at>\d*\.?\d+)")


@dataclass(frozen=True, slots=True)
class Cut:
    """A location without a network, for a while."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that dies without a warning."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something that happens once so many orders were taken."""

    after_orders: int
    act: Callable[[], None]


def parse_cut(text: str) -> Cut:
    """Read `store-2@0.3-0.6`.

    Raises:
        Invalid: it is written differently, or ends before it begins.
    """
    found = CUT.fullmatch(text.strip())
    if found is None or not 0 <= float(found["start"]) <= float(found["end"]) <= 1:
        raise Invalid(
            f"{text!r} is no cut.",
            "Write it as store-2@0.3-0.6: who, from which to which share of the orders.",
        )
    return Cut(found["name"], float(found["start"]), float(found["end"]))


def parse_kill(text: str) -> Kill:
    """Read `hub@0.5`.

    Raises:
        Invalid: it is written differently.
    """
    found = KILL.fullmatch(text.strip())
    if found is None or not 0 <= float(found["at"]) <= 1:
        raise Invalid(f"{text!r} is no kill.", "Write it as hub@0.5: edge, hub, broker or a store, and when.")
    return Kill(found["name"], float(found["at"]))


class Milestones:
    """Counts orders over all stores and lets things happen on the way.

    Each act runs on a thread of its own: the store that took the order goes on, so that whoever is killed
    is killed in the middle of its work.
    """

    def __init__(self, milestones: Sequence[Milestone]) -> None:
        self._waiting = sorted(milestones, key=lambda milestone: milestone.after_orders)
        self._taken = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._troubles: list[BaseException] = []
        self._reach()

    @property
    def taken(self) -> int:
        """How many orders were taken."""
        return self._taken

    def order_taken(self) -> None:
        """Count one order."""
        with self._lock:
            self._taken += 1
            self._reach()

    def finish(self) -> None:
        """Let happen what has not, so that no line stays cut, and wait for all of it.

        Raises:
            BaseException: whatever one of the acts failed with.
        """
        with self._lock:
            self._taken = max([self._taken, *(milestone.after_orders for milestone in self._waiting)])
            self._reach()
        for thread in self._threads:
            thread.join()
        for trouble in self._troubles:
            raise trouble

    def _reach(self) -> None:
        while self._waiting and self._waiting[0].after_orders <= self._taken:
            milestone = self._waiting.pop(0)
            before = self._threads[-1] if self._threads else None
            thread = threading.Thread(target=self._run, args=(milestone.act, before), name="milestone")
            self._threads.append(thread)
            thread.start()

    def _run(self, act: Callable[[], None], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # a line is never given back before it was cut
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - kept and raised by finish()
            self._troubles.append(error)
