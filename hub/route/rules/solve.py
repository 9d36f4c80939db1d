"""The best plan of an order, proven: no other plan is better, and a shuffled question has the same answer.

A relaxed partition is solved first (`relaxed`). Only where it uses a location twice, which is rare, is there
something to decide about that location: it is not used at all, or it gives exactly one of its parts. Each
of these is relaxed again, the most promising first, until the best one uses no location twice.

Where a question is too large to look at every part, the best plan that can be made by whole lines or by hand
is returned with what no plan can undercut, and `proof` says `gap`. What is too large is counted, not timed.
"""

import zlib
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

from hub.route.rules.by_hand import bound_of, by_hand
from hub.route.rules.instance import Infeasible, Instance, Objective, Plan, Shipment
from hub.route.rules.prices import objective_of, unserved_of
from hub.route.rules.relaxed import WORTH_CUTTING, Budget, Partition, cut
from hub.route.rules.tables import (
    MAX_SHIPMENTS,
    SENDABLE,
    Layout,
    Tables,
    TooManyParts,
    layout_of,
    weigh,
)

NOBODY: Final[frozenset[str]] = frozenset()


class Found(NamedTuple):
    """The best plan as the search knows it: who gives which part, and the weight of it all."""

    weight: int
    parts: tuple[tuple[str, int], ...]


class Open(NamedTuple):
    """An open question: some locations give what they give, some are out, the rest is relaxed."""

    weight: int
    """No plan of this kind weighs less."""
    turn: int
    """Questions of the same weight are taken up as they came."""
    fixed: tuple[tuple[str, int], ...]
    without: frozenset[str]
    need: int


def solve(instance: Instance, *, force: str = "", forbid: frozenset[str] = NOBODY) -> Plan | Infeasible:
    """Return the best plan, or why there is none in which `force` sends something.

    An order that nobody can serve has a plan too: all of it is unserved.
    """
    if force and force in forbid:
        return Infeasible("FORCED_FORBIDDEN", f"{force} is forbidden")
    if force and all(site.location != force for site in instance.sites):
        return Infeasible("FORCED_UNKNOWN", f"{force} is not among the locations")
    try:
        search = search_of(instance, force=force, forbid=forbid)
        found = search.best(force)
    except TooManyParts:
        return _unproven(instance, force, forbid)
    if found is None:
        return Infeasible("FORCED_CANNOT_SERVE", f"{force} cannot send a single unit of it")
    return search.plan(found)


def search_of(
    instance: Instance,
    *,
    force: str = "",
    forbid: frozenset[str] = NOBODY,
    by_lines: bool = False,
    cut_wide: bool = True,
) -> "Search":
    """Return the search for the best plan; `by_lines` leaves lines whole that one location can give whole.

    Where there are many parts, those that cannot be in the best plan with `force` are left out (`cut_wide`).

    Raises:
        TooManyParts: there is too much to look at.
    """
    whole = frozenset(_whole_somewhere(instance, forbid)) if by_lines else NOBODY
    search = Search(instance, layout_of(instance.lines, whole=whole), forbid)
    if search.wide and cut_wide and not by_lines:
        # The best plan by whole lines is quickly known; no part that wastes more than it costs is needed.
        lines = search_of(instance, force=force, forbid=forbid, by_lines=True)
        known = lines.best(force)
        search.leave_out(search.alone(force) if known is None else known.weight)
    return search


class Search:
    """One question with its tables; it can be asked for the best plan and for the best with one location."""

    def __init__(self, instance: Instance, layout: Layout, forbid: frozenset[str] = NOBODY) -> None:
        """Price every part of every location.

        Raises:
            TooManyParts: there is too much to look at.
        """
        self.instance, self.layout = instance, layout
        self.shipments = min(instance.max_shipments, MAX_SHIPMENTS, sum([i.levels for i in layout.items]))
        self.tables = Tables(instance, layout, forbid)
        self._budget = Budget()
        self._best = self.tables.cheapest()
        self._kept = self._best
        self._relaxed: dict[frozenset[str], tuple[dict[int, int], Partition]] = {}
        self._turn = zlib.crc32(f"{instance.id}:".encode())

    @property
    def wide(self) -> bool:
        """Whether there are so many parts that it is worth leaving some out."""
        return len(self._best) > WORTH_CUTTING

    def leave_out(self, known: int) -> None:
        """Leave out the parts that are in no plan as light as a known one."""
        self._kept = cut(self.layout, self._best, known)

    def alone(self, location: str) -> int:
        """Return the weight of the best plan in which only this location sends something."""
        tables, need = self.tables, self.layout.need
        group = tables.of.get(location)
        if group is None:
            return self.layout.price_unserved(need)
        return min(
            price + self.layout.price_unserved(need - part)
            for part, price in zip(group.shape.parts, group.prices, strict=True)
        )

    def relaxed(self, without: frozenset[str] = NOBODY) -> Partition:
        """Return the partition in which a location may be used twice, without some locations."""
        return self._relaxation(without)[1]

    def best(self, force: str = "", without: frozenset[str] = NOBODY) -> Found | None:
        """Return the best plan, or the best in which `force` sends something; None when it cannot.

        `without`: who may not; only where nothing was left out (`leave_out`).

        Raises:
            TooManyParts: there is too much to look at.
        """
        queue: list[Open] = []
        if force:
            self._with(queue, Open(0, 0, (), without, self.layout.need), force)
        else:
            heappush(queue, self._open(0, (), without, self.layout.need))
        while queue:
            question = heappop(queue)
            parts = self.relaxed(question.without).parts(question.need, self._left(question))
            givers = self.givers(parts, question.without)
            if isinstance(givers, str):
                self._decide(queue, question, givers)
            else:
                chosen = (*question.fixed, *zip(givers, parts, strict=True))
                return Found(question.weight, tuple(sorted(chosen)))
        return None

    def givers(self, parts: Sequence[int], without: frozenset[str]) -> list[str] | str:
        """Return who gives each part, nobody twice; or a location that would have to."""
        if len(parts) == 1:
            price = self._relaxation(without)[0][parts[0]]
            return [min(self.tables.owners(parts[0], price, without), key=self._in_turn)]
        owners = self.owners(parts, without)
        found = all_different(owners)
        if found is not None:
            return found
        seen: set[str] = set()
        for names in owners:
            if names[0] in seen:
                return names[0]
            seen.update(names)
        return owners[-1][0]

    def owners(self, parts: Sequence[int], without: frozenset[str] = NOBODY) -> list[list[str]]:
        """Return for each part who gives it at the least price, whose turn it is first."""
        prices = self._relaxation(without)[0]
        return [sorted(self.tables.owners(part, prices[part], without), key=self._in_turn) for part in parts]

    def plan(self, found: Found) -> Plan:
        """Return the plan in the words of the question."""
        shipments = tuple(
            Shipment(location, self.tables.service(location, part).service, self.layout.units(part))
            for location, part in found.parts
        )
        return _plan(self.instance, shipments)

    def _in_turn(self, location: str) -> tuple[int, str]:
        """Return what spreads orders over locations that cost the same (rendezvous hash)."""
        return zlib.crc32(location.encode(), self._turn), location

    def _left(self, question: Open) -> int:
        return self.shipments - len(question.fixed)

    def _relaxation(self, without: frozenset[str]) -> tuple[dict[int, int], Partition]:
        found = self._relaxed.get(without)
        if found is None:
            best = self._best
            if without:
                self._budget.take(len(best) * len(self.tables.by_shape))
                best = self.tables.cheapest(without)
            if self._kept is not self._best:
                best = {part: price for part, price in best.items() if part in self._kept}
            found = self._relaxed[without] = (best, Partition(self.layout, best, self._budget))
        return found

    def _open(
        self, turn: int, fixed: tuple[tuple[str, int], ...], without: frozenset[str], need: int
    ) -> Open:
        weight = sum([self.tables.price(*given) for given in fixed])
        weight += self.relaxed(without).price(need, self.shipments - len(fixed))
        return Open(weight, turn, fixed, without, need)

    def _decide(self, queue: list[Open], question: Open, location: str) -> None:
        """Put what can be decided about a location that would be used twice: it is out, or gives one part."""
        heappush(
            queue,
            self._open(len(queue), question.fixed, question.without | {location}, question.need),
        )
        self._with(queue, question, location)

    def _with(self, queue: list[Open], question: Open, location: str) -> None:
        group = self.tables.of.get(location)
        if group is None or not self._left(question):
            return
        without = question.without | {location}
        self._budget.take(len(group.shape.parts))
        for part in group.shape.parts:
            rest = self.layout.within(part, question.need)
            if rest >= 0 and self.tables.price(location, part) < SENDABLE:
                heappush(queue, self._open(len(queue), (*question.fixed, (location, part)), without, rest))


def all_different(owners: Sequence[Sequence[str]]) -> list[str] | None:
    """Return one owner of each part, all different, the first in turn where there is a choice."""
    taken: dict[str, int] = {}

    def place(part: int, asked: set[str]) -> bool:
        for name in owners[part]:
            if name not in asked:
                asked.add(name)
                if name not in taken or place(taken[name], asked):
                    taken[name] = part
                    return True
        return False

    if not all(place(part, set()) for part in range(len(owners))):
        return None
    names = {part: name for name, part in taken.items()}
    return [names[part] for part in range(len(owners))]


def _whole_somewhere(instance: Instance, forbid: frozenset[str]) -> list[str]:
    return [
        line.id
        for line in instance.lines
        if any(
            site.atp.get(line.id, 0) >= line.quantity
            for site in instance.sites
            if site.location not in forbid
        )
    ]


def _plan(instance: Instance, shipments: tuple[Shipment, ...], bound: Objective | None = None) -> Plan:
    objective = objective_of(instance, shipments)
    proven = bound is None or bound == objective
    return Plan(
        shipments=shipments,
        unserved=unserved_of(instance, shipments),
        objective=objective,
        proof="optimal" if proven else "gap",
        bound=objective if bound is None else bound,
    )


def _unproven(instance: Instance, force: str, forbid: frozenset[str]) -> Plan | Infeasible:
    """Return the better of the plan by whole lines and the one by hand, with what no plan can undercut."""
    shipments = [by_hand(instance, force=force, forbid=forbid)]
    try:
        search = search_of(instance, force=force, forbid=forbid, by_lines=True)
        found = search.best(force)
        if found is not None:
            shipments.append(search.plan(found).shipments)
    except TooManyParts:
        pass  # What was made by hand is all there is then.
    if force:
        shipments = [plan for plan in shipments if any(each.location == force for each in plan)]
        if not shipments:
            return Infeasible("FORCED_CANNOT_SERVE", f"{force} cannot send a single unit of it")
    plans = [_plan(instance, plan, bound_of(instance, forbid)) for plan in shipments]
    return min(plans, key=lambda plan: weigh(plan.objective))
