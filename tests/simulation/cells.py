"""The hub's cells are what its allocations say, looked at whenever a cell has moved."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.hub import HubNode

CELLS: Final = "SELECT location, sku, allocated, ended FROM hub_rights"
PROMISED: Final = """
SELECT location, sku, sum(units), sum(ended), sum(units - ended - finished) FROM allocations
GROUP BY location, sku
"""
EPOCHS: Final = "SELECT location, ep FROM rights_epochs"
Cell = tuple[str, str, int, int]


@dataclass
class CellsWatch:
    """Remembers the cells as they were looked at."""

    hub: HubNode
    failed: Callable[[str], None]
    _seen: set[Cell] = field(default_factory=set)

    def look(self, cells: Iterable[Cell]) -> None:
        """Look at those of all cells that have moved since."""
        now = set(cells)
        if now != self._seen:
            self._fit(sorted(now - self._seen))
            self._seen = now

    def whole(self) -> None:
        """Look at all of them."""
        self._fit(self.hub.audit.execute(CELLS).fetchall())

    def _fit(self, cells: list[Cell]) -> None:
        """In a later epoch the cells are of what was open when it began."""
        ask = self.hub.audit.execute
        promised = {row[:2]: row[2:] for row in ask(PROMISED).fetchall()}
        epochs = dict(ask(EPOCHS).fetchall())
        for place, sku, allocated, ended in cells:
            units, given_up, still_open = promised.get((place, sku), (0, 0, 0))
            exact = (allocated, ended) == (units, given_up)
            if not (allocated - ended >= still_open if epochs.get(place) else exact):
                self.failed(
                    f"the cells of {sku} at {place} are not its allocations: A {allocated} K {ended},"
                    f" promised {units}, given up {given_up}, open {still_open}, epoch {epochs.get(place, 0)}"
                )
