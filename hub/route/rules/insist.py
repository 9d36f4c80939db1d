"""The answer to a question with what every other answer would have cost, all from the same tables.

The price of a part from a location and the best partition of what is left give a sum that no plan with this
location undercuts. It is the price itself wherever that partition does without the location; for the few
where it does not, the search is asked once more. So the explanation costs little more than the decision.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import add
from typing import Final, NamedTuple

from hub.route.rules.instance import Instance, Objective, Plan
from hub.route.rules.solve import Search, all_different, search_of, solve
from hub.route.rules.tables import SENDABLE, TooManyParts, read_weight

ASKED_AGAIN: Final = 20
"""Locations of one decision whose price takes a search of its own; of those beyond it `exact` is False."""


_Row = tuple[list[str], int, bool]
"""(location, weight of the best plan with it, whether that is exact)"""


class Insisted(NamedTuple):
    """What is different when one of these locations has to send something, against the best plan.

    Locations that cost the same stand together, because five hundred stores of a kind do.
    """

    locations: tuple[str, ...]
    unserved: int
    late: int
    minor: int
    shipments: int
    exact: bool
    """False where it costs at least that."""


@dataclass(frozen=True, slots=True)
class Studied:
    """A plan, the price of insisting on each location, and what follows if a chosen one rejects."""

    plan: Plan
    insisted: tuple[Insisted, ...]
    """The cheapest first. A location that cannot send a single unit is not among them."""
    if_rejected: Mapping[str, Objective]


def study(instance: Instance) -> Studied:
    """Return the best plan of a question with the price of everything else."""
    plan = solve_with(instance)
    if isinstance(plan, Studied):
        return plan
    try:
        rows = list(_prices(search_of(instance, by_lines=True)))
    except TooManyParts:
        rows = []
    return _studied(
        plan,
        ((names, weight, False) for names, weight, _exact in rows),
        {each.location: _solved(instance, frozenset({each.location})) for each in plan.shipments},
    )


def solve_with(instance: Instance) -> Studied | Plan:
    """Return everything by one search; the plan alone where that is too wide or cannot be proven."""
    try:
        search = search_of(instance, cut_wide=False)
        if not search.wide:
            found = search.best()
            assert found is not None, "nothing was insisted on"
            without = {
                location: search.best(without=frozenset({location})) for location, _part in found.parts
            }
            rejected = {at: read_weight(each.weight) for at, each in without.items() if each is not None}
            return _studied(search.plan(found), _prices(search), rejected)
    except TooManyParts:
        pass  # The plan alone is what can be had then.
    plan = solve(instance)
    assert isinstance(plan, Plan), "nothing was insisted on"
    return plan


def _studied(plan: Plan, rows: Iterable[_Row], if_rejected: Mapping[str, Objective]) -> Studied:
    alike: dict[tuple[int, bool], list[str]] = {}
    for names, weight, exact in rows:
        if names:
            alike.setdefault((weight, exact), []).extend(names)
    best = plan.objective
    found = []
    for (weight, exact), names in sorted(alike.items()):
        forced = read_weight(weight)
        more = [there - here for there, here in zip(forced, best, strict=True)]
        found.append(Insisted(tuple(sorted(names)), more[0], more[1], more[2], more[3], exact))
    return Studied(plan, tuple(found), if_rejected)


def _prices(search: Search) -> Iterator[_Row]:
    """Yield every location that can send anything, with its equals."""
    tables, need, fewer = search.tables, search.layout.need, search.shipments - 1
    if fewer < 0:
        return
    partition, again = search.relaxed(), 0
    owners: dict[int, list[list[str]]] = {}
    givers: dict[int, list[str] | None] = {}
    for shape, groups in tables.by_shape.items():
        after = [partition.price(need - part, fewer) for part in shape.parts]
        for group in groups:
            sums = list(map(add, group.prices, after))
            weight = min(sums)
            if weight >= SENDABLE:
                continue
            rest = need - shape.parts[sums.index(weight)]
            if rest not in owners:
                owners[rest] = search.owners(partition.parts(rest, fewer))
                givers[rest] = all_different(owners[rest])
            others = givers[rest]
            sure = [] if others is None else [each for each in group.locations if each not in others]
            yield sure, weight, True
            for location in group.locations if len(sure) < len(group.locations) else ():
                if others is not None and location not in others:
                    continue
                left = [[each for each in names if each != location] for names in owners[rest]]
                exact = all_different(left) is not None
                if exact or again >= ASKED_AGAIN:
                    yield [location], weight, exact
                    continue
                again += 1
                forced = search.best(location)
                assert forced is not None, "it can send something"
                yield [location], forced.weight, True


def _solved(instance: Instance, forbid: frozenset[str]) -> Objective:
    plan = solve(instance, forbid=forbid)
    assert isinstance(plan, Plan), "nothing was insisted on"
    return plan.objective
