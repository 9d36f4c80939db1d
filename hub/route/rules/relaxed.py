"""The best partition of an order into parts, when a location may be used more than once.

This is a relaxation: it never costs more than the best plan, and where its answer uses no location twice it
is the best plan. The parts that can be in no plan as good as a known one are left out before: prices of units
that no part undercuts (a feasible dual of the partition) say how much each part would waste.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from hub.route.rules.tables import UNSERVED, Layout, TooManyParts

MAX_STEPS: Final = 12_000_000
"""Parts looked at for one order, over all its states; a count and no clock, so the answer stays the same."""
WORTH_CUTTING: Final = 400
"""From so many parts on it is worth working out which of them can be left out."""
ROUNDS: Final = 4
"""Rounds in which the prices of units are raised; more gained nothing on the test instances."""


@dataclass(slots=True)
class Budget:
    """Parts that may still be looked at."""

    steps: int = MAX_STEPS

    def take(self, steps: int) -> None:
        """Use some of it up.

        Raises:
            TooManyParts: there is not so much left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise TooManyParts


class _First(NamedTuple):
    """What can be done about an item while it is the first that is open."""

    field: int
    """Its bits in a vector."""
    shift: int
    unserved: int
    """The price of one level of it that nobody serves."""
    parts: list[tuple[int, int]]
    """Parts that hold it and nothing before it, with their prices."""


class Partition:
    """The least price of every vector in at most so many parts, worked out when it is asked for."""

    def __init__(self, layout: Layout, best: Mapping[int, int], budget: Budget) -> None:
        """Take the parts in order of the first item that they hold: each step serves the first open item."""
        self._layout, self._budget = layout, budget
        self._known: list[dict[int, int]] = []
        """By shipments that are left."""
        self._first: list[_First] = []
        below = 0
        for item in layout.items:
            field = ((1 << item.levels.bit_length()) - 1) << item.shift
            parts = sorted([row for row in best.items() if row[0] & field and not row[0] & below])
            self._first.append(_First(field, item.shift, item.step * UNSERVED, parts))
            below |= field

    def price(self, vector: int, shipments: int) -> int:
        """Return the least price of a vector in at most so many parts; what is not served counts too."""
        if not vector:
            return 0
        while len(self._known) <= shipments:
            self._known.append({})
        found = self._known[shipments].get(vector)
        return self._work_out(vector, shipments) if found is None else found

    def parts(self, vector: int, shipments: int) -> list[int]:
        """Return the parts of the cheapest partition; ties fall to the part that comes first."""
        found: list[int] = []
        layout = self._layout
        while vector:
            price = self.price(vector, shipments)
            first = self._first_of(vector)
            if not shipments:
                break
            for part, cost in first.parts:
                rest = layout.within(part, vector)
                if rest >= 0 and cost + self.price(rest, shipments - 1) == price:
                    found.append(part)
                    vector, shipments = rest, shipments - 1
                    break
            else:
                vector &= ~first.field
        return found

    def _first_of(self, vector: int) -> _First:
        for row in self._first:
            if vector & row.field:
                return row
        raise AssertionError("an empty vector has no first item")

    def _work_out(self, vector: int, shipments: int) -> int:
        field, shift, unserved, parts = self._first_of(vector)
        least = ((vector & field) >> shift) * unserved + self.price(vector & ~field, shipments)
        if shipments:
            self._budget.take(len(parts))
            guard = self._layout.guard
            raised, fewer = vector | guard, shipments - 1
            known = self._known[fewer]
            for part, cost in parts:
                rest = raised - part
                if rest & guard != guard:
                    continue
                rest ^= guard
                after = known.get(rest)
                price = cost + (self.price(rest, fewer) if after is None else after)
                if price < least:  # noqa: PLR1730 - a call of min takes twice as long in this innermost loop
                    least = price
        self._known[shipments][vector] = least
        return least


def cut(layout: Layout, best: Mapping[int, int], known: int) -> dict[int, int]:
    """Return the parts that a plan as good as `known` can hold.

    A unit's price starts at the least share that any part gives it and is raised while no part is undercut.
    A part that costs more above the prices of its units than the best known plan does in all is in no plan
    that is as good (reduced-cost fixing of the set partition).
    """
    rows = [
        ([layout.level(part, item) for item in layout.items], part, price) for part, price in best.items()
    ]
    prices = [item.step * UNSERVED for item in layout.items]
    for levels, _part, price in rows:
        share = price // sum(levels)
        for n, level in enumerate(levels):
            if level and share < prices[n]:
                prices[n] = share
    slack = [
        price - sum([level * prices[n] for n, level in enumerate(levels) if level])
        for levels, _part, price in rows
    ]
    for _round in range(ROUNDS):
        for n, item in enumerate(layout.items):
            held = [(at, row[0][n]) for at, row in enumerate(rows) if row[0][n]]
            more = min([slack[at] // level for at, level in held], default=0)
            more = min(more, item.step * UNSERVED - prices[n])
            if more > 0:
                prices[n] += more
                for at, level in held:
                    slack[at] -= level * more
    room = known - sum([item.levels * prices[n] for n, item in enumerate(layout.items)])
    return {part: price for (_levels, part, price), waste in zip(rows, slack, strict=True) if waste <= room}
