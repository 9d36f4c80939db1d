"""Who works on the shelves of a run: one counts articles anywhere, one brings goods from place to place."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from protocol.errors import Refused
from tests.faults.run.company import SCARCE, FaultCompany
from tests.support.later_company import PRODUCTS
from tests.support.wire import eventually

PAUSE_SECONDS: Final = (0.4, 1.5)
ARRIVES_SECONDS: Final = 240.0
"""Longer than anything is broken: what was sent is announced by then, or never will be."""
UNEXPECTED: Final = "UNEXPECTED"
ANYWHERE: Final = "anywhere"
MAY_BE: Final = frozenset({"out_of_stock", "stale_count"})
"""What may happen to anybody: somebody else was quicker."""


class Employer(Protocol):
    """Who gives them work and keeps what they were told."""

    company: FaultCompany
    ending: Any

    def write(self, kind: str, place: str, **facts: Any) -> None:
        """Write an answer down, before anybody goes on."""


@dataclass
class ShelfWork(ABC):
    """Somebody who works at whatever place, one piece of work after the other."""

    crew: Employer
    rng: random.Random
    n: int = 0

    def work(self) -> None:
        """Go on until told to stop."""
        while not self.crew.ending.wait(self.rng.uniform(*PAUSE_SECONDS)):
            self.n += 1
            try:
                self._once()
            except Refused as refusal:
                if refusal.reason not in MAY_BE:
                    raise
                name = type(self).__name__.lower()
                self.crew.write("refused", ANYWHERE, key=f"{name}-{self.n}", reason=refusal.reason)

    @abstractmethod
    def _once(self) -> None:
        """Do one piece of work."""

    def _sku(self) -> str:
        """Return an article of which there is plenty: what is lost of it breaks no promise."""
        return f"{self.rng.randrange(PRODUCTS - SCARCE):05d}"


class Stocktaker(ShelfWork):
    """Counts one article while everybody else goes on: what moves meanwhile is no difference."""

    def _once(self) -> None:
        place, sku = self.rng.choice(self.crew.company.names), self._sku()
        ask, key = self.crew.company.at(place), f"count-{self.n}"
        with self.crew.company.gates[place].passing():
            opened = ask.post("/api/stock/counts", {"key": f"{key}-o", "skus": [sku]})
            of = f"/api/stock/counts/{opened['count_id']}"
            as_of = ask.get(of)["as_of"]
            shelf = ask.get(f"/api/stock/{sku}")["buckets"]
            there = shelf.get("sellable", 0) + shelf.get("reserved", 0) + self.rng.choice((0, 0, -1, 1))
            line = {"sku": sku, "counted": there}
            ask.post(f"{of}/confirm", {"key": f"{key}-c", "lines": [line], "as_of": as_of})
            seen = ask.get(of)["as_of"]
            posted = ask.post(f"{of}/post", {"key": f"{key}-p", "accept": [sku], "as_of": seen})
        self.crew.write("count", place, key=key, sku=sku, units=posted["over"] - posted["short"])


class Mover(ShelfWork):
    """Sends an article from one place to another, and takes it in there."""

    def _once(self) -> None:
        company = self.crew.company
        source, destination = self.rng.sample(company.names, 2)
        sku, units, key = self._sku(), self.rng.randint(1, 3), f"move-{self.n}"
        gate, ask = company.gates[source].passing, company.at(source)
        line = {"sku": sku, "quantity": units}
        with gate():
            wanted = {"key": f"{key}-a", "way": "out", "other": destination, "sure": True}
            wanted["lines"] = [line]
            moved = ask.post("/api/transfers", wanted)["transfer_id"]
        of = f"/api/transfers/{moved}"
        with gate():
            ask.post(f"{of}/pick/set", {"key": f"{key}-s", "line_no": 1, "units": units})
            ask.post(f"{of}/pick/finish", {"key": f"{key}-f"})
        with gate():
            ask.post(f"{of}/cartons", {"key": f"{key}-p"})
            number = ask.post(f"{of}/ship", {"key": f"{key}-l"})["number"]
        self.crew.write("send", source, key=key, number=number, sku=sku, units=units)
        at_end = company.at(destination)
        eventually(self._announced(destination, moved), ARRIVES_SECONDS, what=f"{number} to be announced")
        with company.gates[destination].passing():
            arrived = {"key": f"{key}-r", "lines": [{"line_no": 1, "units": units}], "final": True}
            at_end.post(f"{of}/receive", arrived)
        self.crew.write("take_in", destination, key=key, number=number, sku=sku, units=units)

    def _announced(self, place: str, transfer_id: str) -> Callable[[], bool]:
        client = self.crew.company.at(place)

        def is_announced() -> bool:
            with suppress(Refused):
                coming = client.get("/api/transfers", way="in")
                return any(each["transfer_id"] == transfer_id for each in coming)
            return False

        return is_announced
