"""How quickly the best plan is found, and what it is worth to find it.

    python -m deploy.bench.route [--quick]

Ours: `hub.route.rules` on questions in memory, 500 and 5,000 locations, one to eight lines. The limit: a loop
that reads every number of the question once. Both in processor time, because nothing waits here. Then what a
policy leaves over in a week of 500 stores, two warehouses and 10,000 orders (`route_stream`), and what
re-optimising saves ten warehouses at the end of a day (`route_day`).
"""

import argparse
import random
import time
from typing import Final

from deploy.bench import route_day, route_stream
from deploy.bench.table import Row, cost, percentile, rate
from hub.route.rules.insist import study
from hub.route.rules.instance import Instance, Line, Option, Site
from hub.route.rules.solve import solve
from hub.worker import collect_less

LINES: Final = (1, 2, 3, 4, 6, 8)
BOUND: Final = 6
"""Lines up to which there is a target."""
SMALL: Final = 500
CARRIED: Final = 0.35
"""Of all items at a store; the two warehouses carry everything."""
BANDS: Final = ((1_000, 0), (3_000, 150), (20_000, 500))


def question(seed: int, locations: int, lines: int) -> Instance:
    """Return an order with stores all over the country that carry some of it each."""
    draw = random.Random(seed)
    asked = tuple(Line(f"L{n}", 1, draw.choice((300, 900, 2_000))) for n in range(lines))
    zones = [
        (Option("standard", 0, 300 + 60 * zone, BANDS), Option("express", 0, 700 + 90 * zone, BANDS))
        for zone in range(8)
    ]
    return Instance(
        f"bench-{seed}", "ship", 4, asked, tuple(_site(draw, n, asked, zones) for n in range(locations))
    )


def _site(draw: random.Random, n: int, asked: tuple[Line, ...], zones: list[tuple[Option, Option]]) -> Site:
    warehouse = n < 2
    atp = {line.id: draw.randint(1, 9) for line in asked if warehouse or draw.random() < CARRIED}
    return Site(
        location=f"store-{n:04d}",
        cap_units=40 if warehouse else draw.choice((3, 8, 20)),
        atp=atp,
        pick_line_minor=25 if warehouse else 60,
        pick_unit_minor=8 if warehouse else 15,
        unit_minor={},
        opportunity_minor={} if warehouse else {line: (draw.randint(0, 900),) for line in atp},
        options=draw.choice(zones),
    )


def _bare(asked: Instance) -> float:
    """Read every number once; return how long that took, in ms."""
    began = time.thread_time()
    least = 1 << 60
    for site in asked.sites:
        total = (
            site.pick_line_minor + site.pick_unit_minor + min(option.fixed_minor for option in site.options)
        )
        for line in asked.lines:
            total += site.atp.get(line.id, 0) + sum(site.opportunity_minor.get(line.id, ()))
        least = min(least, total)
    assert least < 1 << 60
    return (time.thread_time() - began) * 1_000


def speed(*, quick: bool) -> list[Row]:
    """Return the times of deciding, by locations and lines."""
    tries = ((500, 10), (5_000, 4)) if quick else ((500, 100), (5_000, 30))
    return [_timed(locations, lines, count) for locations, count in tries for lines in LINES]


def _timed(locations: int, lines: int, tries: int) -> Row:
    """Return how long orders of so many lines take; beside it, how long with every price of insisting."""
    times, bare, explained = [], [], []
    for seed in range(tries):
        asked = question(seed, locations, lines)
        bare.append(_bare(asked))
        began = time.thread_time()
        solve(asked)
        decided = time.thread_time()
        study(asked)
        times.append((decided - began) * 1_000)
        explained.append((time.thread_time() - decided) * 1_000)
    half, worst = percentile(times, 0.5), percentile(times, 0.99)
    small = locations <= SMALL
    wanted = "p50 <= 5 ms, p99 <= 50 ms" if small else "p99 <= 150 ms"
    met = half <= 5 and worst <= 50 if small else worst <= 150
    return cost(
        f"route, {locations:,} locations, {lines} line{'s' if lines > 1 else ''}, p99",
        worst,
        percentile(bare, 0.99),
        "ms",
        wanted if lines <= BOUND else "reported",
        met=met or lines > BOUND,
        notes=f"p50 {half:.1f} ms; with every price of insisting {percentile(explained, 0.5):.1f} ms",
    )


def value(*, quick: bool) -> list[Row]:
    """Return what our policy leaves over against what the others do, on the same week."""
    week = route_stream.Week(seed=1, orders=1_000 if quick else 10_000)
    left = {name: route_stream.run(week, name) for name in route_stream.POLICIES}
    ours = left["ours"]
    rows = []
    for name, target in (("fewest splits", 10.0), ("cheapest", 8.0), ("nearest", 0.0)):
        gain = 100 * (ours.contribution_minor / left[name].contribution_minor - 1)
        rows.append(
            rate(
                f"routing a week: contribution against {name}",
                ours.contribution_minor / 100,
                left[name].contribution_minor / 100,
                "pounds",
                f">= +{target:.0f} %" if target else "reported",
                met=gain >= target,
                notes=f"{gain:+.1f} %; {ours.said()}; {name}: {left[name].said()}",
            )
        )
    return rows


def warehouses(*, quick: bool) -> list[Row]:
    """Return how many extra shipments are gone after everything open was looked at again."""
    before, after = route_day.run(seed=1, orders=1_500 if quick else 3_000)
    gone = 100 * (before - after) / before
    return [
        rate(
            "ten warehouses, one day re-optimised: extra shipments removed",
            gone,
            100.0,
            "%",
            ">= 15 %",
            met=gone >= 15,
            notes=f"{before} before, {after} after",
        )
    ]


def measure(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    collect_less()  # as `orderspine hub run` does
    return [*speed(quick=quick), *value(quick=quick), *warehouses(quick=quick)]


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--quick", action="store_true")
    for row in measure(quick=said.parse_args().quick):
        print(row)


if __name__ == "__main__":
    main()
