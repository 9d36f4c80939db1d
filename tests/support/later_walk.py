"""One web order on its way: named steps that somebody takes, each with a key of its own, as often as it needs.

    walk = Walk(company, "cut before packing", COLLECTED)
    walk.go(upto=4)

A step is done, or not yet: what has to come over the wire may take its time. Whoever is not patient stops
there. What clients were told left the house is kept, for the comparison at the end.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from tests.support.company import product
from tests.support.later_company import OTHER, PATIENCE_SECONDS, STORE, LaterCompany
from tests.support.wire import eventually

OPEN = "('proposed', 'acknowledged', 'picking', 'picked', 'packed', 'ready')"
UNITS = 2
SHIPPING_MINOR = 3_95
LEFT = frozenset({"hand over", "ship"})

WORK = ("arrive", "start", "find", "finish", "pack")
COLLECTED = ("place", "arrive", "accept", "start", "find", "finish", "pack", "stage", "verify", "hand over")
UNDONE = (*COLLECTED, "undo", "verify again", "hand over again")
SHIPPED = ("place", *WORK, "ship")
SHORT = ("place", "arrive", "start", "short", "find", "finish", "pack", "ship", *WORK, "ship")
REJECTED = ("place", "arrive", "reject", *WORK, "ship")
CHANGED = ("place", "arrive", "start", "change", *WORK, "stage", "verify", "hand over")


@dataclass
class Walk:
    """One order, and whoever works on it. Its two articles are its own."""

    company: LaterCompany
    title: str
    steps: tuple[str, ...]
    to: str = STORE
    """Where it is collected; empty: shipped from wherever it costs least."""
    done: int = 0
    number: str = ""
    order_id: str = ""
    code: str = ""
    assignment_id: str = ""
    place: str = ""
    list_id: str = ""
    verification: str = ""
    handover: str = ""
    over: set[str] = field(default_factory=set)
    """Assignments that this order had before and that were given up, or are done with."""
    told: dict[str, int] = field(default_factory=dict)
    """What left, by its key: units that a client was told."""

    def __post_init__(self) -> None:
        self.n = self.company.next_order()
        self.skus = (f"{2 * self.n:05d}", f"{2 * self.n + 1:05d}")

    @property
    def units_told(self) -> int:
        """Return how many units the customer has, as the clients were told."""
        return sum(self.told.values())

    def go(self, upto: int | None = None, *, patient: bool = True) -> None:
        """Take the steps up to one of them (not included), or all; without patience stop where one waits."""
        goal = len(self.steps) if upto is None else min(upto, len(self.steps))
        waiting = threading.Event()
        deadline = self.company.clock.monotonic() + PATIENCE_SECONDS
        while self.done < goal:
            if self._take(self.steps[self.done]):
                self.done += 1
                deadline = self.company.clock.monotonic() + PATIENCE_SECONDS
            elif not patient:
                return
            elif self.company.clock.monotonic() > deadline or waiting.wait(0.05):
                raise AssertionError(f"{self}: {self.steps[self.done]!r} was never possible")

    def _take(self, step: str) -> bool:
        verb: Callable[[], bool] = getattr(self, step.removesuffix(" again").replace(" ", "_"))
        try:
            return verb()
        except Refused as refusal:
            refusal.add_note(f"at the step {step!r} of {self}")
            raise

    def place(self) -> bool:  # type: ignore[no-redef]  # pragma: no cover
        """Replaced below: the name of the step is also that of where the order is."""
        raise NotImplementedError
