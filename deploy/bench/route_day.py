"""A day of ten warehouses: what was routed as it came is looked at again when the day is over.

Some orders are cancelled and goods come in meanwhile. Every open order from several places is asked
anew as the hub does it every hour: with its own units free, and it moves only for a gain that is worth it.
"""

import random
from typing import Final

from hub.route.rules.instance import Instance, Line, Option, Plan, Site
from hub.route.rules.moving import is_worth_moving
from hub.route.rules.solve import solve

WAREHOUSES, ITEMS = 10, 400
CANCELLED: Final = 0.06
RECEIPTS: Final = 0.25
"""Of what a warehouse has in the morning, during the day."""
ROUNDS: Final = 3

Order = tuple[str, tuple[int, ...], int]
"""(id, items, region)"""


def run(*, seed: int, orders: int) -> tuple[int, int]:
    """Return (extra shipments when the day is over, extra shipments after it was looked at again)."""
    draw = random.Random(seed)
    popular = [1 / (n + 10) ** 0.5 for n in range(ITEMS)]
    each = 2 * orders / (ITEMS * WAREHOUSES)
    stock = {
        (place, item): max(0, int(draw.gauss(1.1 * each, 0.8 * each)))
        for place in range(WAREHOUSES)
        for item in range(ITEMS)
    }
    arriving = sorted([key for key in stock if draw.random() < RECEIPTS])
    plans: dict[str, Plan] = {}
    asked: dict[str, Order] = {}
    for n in range(orders):
        items = tuple(sorted(set(draw.choices(range(ITEMS), popular, k=draw.choice((1, 1, 2, 2, 3, 4))))))
        order = asked[f"o{n}"] = (f"o{n}", items, draw.randrange(WAREHOUSES))
        plans[order[0]] = _decide(stock, order)
        _take(stock, plans[order[0]], 1)
        if arriving and draw.random() < len(arriving) / (orders - n):
            stock[arriving.pop()] += int(each) + 1
    for name in [name for name in plans if draw.random() < CANCELLED]:
        _take(stock, plans.pop(name), -1)
    plans = {name: plan for name, plan in plans.items() if not plan.unserved}
    before = _extra(plans)
    for _round in range(ROUNDS):
        for name in sorted(plans):
            if len(plans[name].shipments) < 2:
                continue
            _take(stock, plans[name], -1)
            better = _decide(stock, asked[name])
            if is_worth_moving(plans[name].objective, better.objective):
                plans[name] = better
            _take(stock, plans[name], 1)
    return before, _extra(plans)


def _decide(stock: dict[tuple[int, int], int], order: Order) -> Plan:
    name, items, region = order
    sites = tuple(
        Site(
            str(place),
            10_000,
            {str(item): 1 for item in items if stock[place, item] > 0},
            25,
            8,
            {},
            {},
            (
                Option(
                    "standard",
                    0,
                    400 + 60 * min(abs(place - region), WAREHOUSES - abs(place - region)),
                    ((30_000, 0),),
                ),
            ),
        )
        for place in range(WAREHOUSES)
    )
    plan = solve(Instance(name, "ship", 4, tuple(Line(str(item), 1) for item in items), sites))
    assert isinstance(plan, Plan)
    return plan


def _far(place: int, region: int) -> int:
    """Return how many regions lie between, in a ring."""
    apart = abs(place - region)
    return min(apart, WAREHOUSES - apart)


def _take(stock: dict[tuple[int, int], int], plan: Plan, sign: int) -> None:
    for shipment in plan.shipments:
        for line, units in shipment.units.items():
            stock[int(shipment.location), int(line)] -= sign * units


def _extra(plans: dict[str, Plan]) -> int:
    return sum([max(0, len(plan.shipments) - 1) for plan in plans.values()])
