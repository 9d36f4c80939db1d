"""A week of a company, routed by one policy or another: what is left over of it.

500 stores and two warehouses, 3,000 items of which a store carries 13 %, customers at the stores who take
what is there, and orders of one to eight lines. Nobody is restocked within the week. A store misses a line in
one case of ten and the order is routed again without it; what stores expect to sell is known with an error
of 30 %. Chance is drawn by what it is about, so every policy meets the same.

Left over is the margin of what was sent, less parcels and labour, less the margin of customers at the stores
who found an empty shelf and would not have without the orders.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hub.route.facts.worth import mean_centi, opportunity
from hub.route.rules.instance import Instance, Line, Option, Plan, Site
from hub.route.rules.solve import solve

STORES, WAREHOUSES, ITEMS, DAYS = 500, 2, 3_000, 7
CARRIED: Final = 0.13
WALK_INS_A_DAY: Final = 50
ONLINE_A_DAY: Final = 8
"""Units of orders that a store can pick in a day."""
MISSED: Final = 0.1
ERROR: Final = 0.3
RE_ROUTES: Final = 2
BANDS: Final = ((1_000, 0), (3_000, 150), (30_000, 500))
POLICIES: Final = ("ours", "cheapest", "fewest splits", "nearest")

Key = tuple[int, int]
"""(location, item)"""


@dataclass
class Week:
    """Everything that happens, whatever the policy."""

    seed: int
    orders: int
    at: list[tuple[float, float]] = field(default_factory=list)
    stock: dict[Key, int] = field(default_factory=dict)
    rate: dict[Key, float] = field(default_factory=dict)
    """What customers at a store take of an item in a day."""
    believed: dict[Key, float] = field(default_factory=dict)
    margin_minor: list[int] = field(default_factory=list)
    weight_g: list[int] = field(default_factory=list)
    events: list[tuple[float, int, tuple[int, ...], tuple[float, float]]] = field(default_factory=list)
    """(moment in days, store or -1 for an order, items, where the customer lives)"""

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        self.at = [(4_000 * draw.random(), 2_500 * draw.random()) for _n in range(STORES + WAREHOUSES)]
        popular = [1 / (n + 20) ** 0.6 for n in range(ITEMS)]
        self.margin_minor = [draw.randint(800, 3_200) for _n in range(ITEMS)]
        self.weight_g = [draw.choice((200, 400, 900, 1_800)) for _n in range(ITEMS)]
        for store in range(STORES):
            carried = [item for item in range(ITEMS) if draw.random() < CARRIED]
            whole = sum([popular[item] for item in carried])
            for item in carried:
                rate = WALK_INS_A_DAY * popular[item] / whole
                self.rate[store, item] = rate
                self.believed[store, item] = rate * math.exp(draw.gauss(-(ERROR**2) / 2, ERROR))
                self.stock[store, item] = 1 + int(DAYS * rate * draw.uniform(0.4, 1.6))
            times = draw.choices(carried, [popular[item] for item in carried], k=WALK_INS_A_DAY * DAYS)
            self.events += [(DAYS * draw.random(), store, (item,), (0.0, 0.0)) for item in times]
        counts = draw.choices((1, 2, 3, 4, 5, 6, 8), (52, 22, 12, 6, 4, 2, 2), k=self.orders)
        for count in counts:
            items = tuple(sorted(set(draw.choices(range(ITEMS), popular, k=count))))
            home = (4_000 * draw.random(), 2_500 * draw.random())
            self.events.append((DAYS * draw.random(), -1, items, home))
        units = sum([len(items) for _at, store, items, _home in self.events if store < 0])
        for item in range(ITEMS):
            share = 0.6 * units * popular[item] / sum(popular)
            for warehouse in (STORES, STORES + 1):
                self.stock[warehouse, item] = int(share / 2 + draw.random())
        self.events.sort()


@dataclass
class Left:
    """What a policy left over, in minor units, and how."""

    margin_minor: int = 0
    cost_minor: int = 0
    lost_minor: int = 0
    shipments: int = 0
    unserved: int = 0

    @property
    def contribution_minor(self) -> int:
        """All of it."""
        return self.margin_minor - self.cost_minor - self.lost_minor

    def said(self) -> str:
        """Say how it came about."""
        return (
            f"{self.shipments} parcels, {self.cost_minor / 100:,.0f} to send,"
            f" {self.lost_minor / 100:,.0f} lost at the shelf, {self.unserved} unserved"
        )


def run(week: Week, policy: str) -> Left:
    """Return what is left of a week under a policy."""
    without = _Run(week, policy).walk_ins_lost(orders=False)
    made = _Run(week, policy)
    made.left.lost_minor = made.walk_ins_lost(orders=True) - without
    return made.left


class _Run:
    """One week under one policy."""

    def __init__(self, week: Week, policy: str) -> None:
        self.week, self.policy, self.left = week, policy, Left()
        self.stock = dict(week.stock)
        self.used: dict[Key, int] = {}
        self.places: dict[int, list[int]] = {}
        for place, item in week.stock:
            self.places.setdefault(item, []).append(place)

    def walk_ins_lost(self, *, orders: bool) -> int:
        """Let the week happen; return the margin of customers at the stores who found nothing."""
        lost = 0
        for number, (at, store, items, home) in enumerate(self.week.events):
            if store < 0:
                if orders:
                    self._order(number, at, items, home)
            elif self.stock[store, items[0]] > 0:
                self.stock[store, items[0]] -= 1
            else:
                lost += self.week.margin_minor[items[0]]
        return lost

    def _order(self, number: int, at: float, items: tuple[int, ...], home: tuple[float, float]) -> None:
        refused: set[int] = set()
        for _again in range(1 + RE_ROUTES):
            question = self._question(number, at, items, home, refused)
            served: set[int] = set()
            missing: list[int] = []
            for place, sent, minor in _PLANS[self.policy](question):
                where = int(place)
                found = [item for item in sent if where >= STORES or not self._misses(number, where, item)]
                missing += [item for item in sent if item not in found]
                served.update(found)
                self._send(where, int(at), found, minor)
                if len(found) < len(sent):
                    refused.add(where)
            items = tuple(item for item in items if item not in served)
            if not missing:
                break
        self.left.unserved += len(items)

    def _send(self, where: int, day: int, found: list[int], minor: int) -> None:
        if not found:
            return
        self.left.cost_minor += minor
        self.left.shipments += 1
        self.used[where, day] = self.used.get((where, day), 0) + len(found)
        for item in found:
            self.stock[where, item] -= 1
            self.left.margin_minor += self.week.margin_minor[item]

    def _misses(self, number: int, where: int, item: int) -> bool:
        return random.Random(f"{self.week.seed} {number} {where} {item}").random() < MISSED

    def _question(
        self, number: int, at: float, items: tuple[int, ...], home: tuple[float, float], refused: set[int]
    ) -> Instance:
        having: dict[int, list[int]] = {}
        for item in items:
            for place in self.places.get(item, ()):
                if self.stock[place, item] > 0 and place not in refused:
                    having.setdefault(place, []).append(item)
        lines = tuple(Line(str(item), 1, self.week.weight_g[item]) for item in items)
        sites = [self._site(place, there, at, home) for place, there in sorted(having.items())]
        return Instance(f"o{number}", "ship", 4, lines, tuple(sites))

    def _site(self, place: int, items: list[int], at: float, home: tuple[float, float]) -> Site:
        far = math.dist(self.week.at[place], home)
        warehouse = place >= STORES
        room = 10_000 if warehouse else ONLINE_A_DAY - self.used.get((place, int(at)), 0)
        worth: Mapping[str, tuple[int, ...]] = {}
        if self.policy == "ours" and not warehouse:
            worth = {
                str(item): opportunity(
                    mean_centi=mean_centi(int(1_000 * self.week.believed[place, item]), 1)
                    * max(0, int(100 * (DAYS - at)))
                    // 100,
                    stock=self.stock[place, item],
                    units=1,
                    kept_minor=self.week.margin_minor[item],
                    residual_minor=0,
                )
                for item in items
            }
        zone = min(7, int(far / 500))
        label = Option("standard", 0, 550 + 70 * zone, BANDS)
        return Site(
            location=str(place),
            cap_units=max(0, room),
            atp={str(item): 1 for item in items},
            pick_line_minor=25 if warehouse else 60,
            pick_unit_minor=8 if warehouse else 15,
            unit_minor={"far": int(far)},
            opportunity_minor=worth,
            options=(label,),
        )


_Sent = tuple[str, list[int], int]
"""(location, items, what it costs to send)"""


def _best(question: Instance) -> list[_Sent]:
    plan = solve(question)
    assert isinstance(plan, Plan)
    return _paid(question, plan)


def _fewest(question: Instance) -> list[_Sent]:
    """The fewest parcels, then the shortest way."""
    sites = tuple(
        site._replace(
            pick_line_minor=0,
            pick_unit_minor=0,
            options=(Option("standard", 0, 1_000_000 + site.unit_minor["far"], ((30_000, 0),)),),
        )
        for site in question.sites
    )
    plan = solve(replace(question, sites=sites))
    assert isinstance(plan, Plan)
    return _paid(question, plan)


def _nearest(question: Instance) -> list[_Sent]:
    """Whatever the nearest has, then the next."""
    left, found = {line.id for line in question.lines}, list[tuple[str, dict[str, int]]]()
    for site in sorted(question.sites, key=lambda site: (site.unit_minor["far"], site.location)):
        units = dict.fromkeys(sorted(left & site.atp.keys())[: site.cap_units], 1)
        if units and len(found) < question.max_shipments:
            found.append((site.location, units))
            left -= units.keys()
    return [_priced(question, location, units) for location, units in found]


def _paid(question: Instance, plan: Plan) -> list[_Sent]:
    return [_priced(question, each.location, dict(each.units)) for each in plan.shipments]


def _priced(question: Instance, location: str, units: dict[str, int]) -> _Sent:
    site = next(site for site in question.sites if site.location == location)
    weights = {line.id: line.weight_g for line in question.lines}
    grams = sum([weights[line] for line in units])
    band = next(minor for up_to, minor in BANDS if grams <= up_to)
    picked = len(units) * (site.pick_line_minor + site.pick_unit_minor)
    return location, [int(line) for line in units], site.options[0].fixed_minor + band + picked


_PLANS: Final[Mapping[str, Callable[[Instance], list[_Sent]]]] = {
    "ours": _best,
    "cheapest": _best,
    "fewest splits": _fewest,
    "nearest": _nearest,
}
