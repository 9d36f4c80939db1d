"""Routing questions for tests: the proven ones, and made-up ones with everything that is awkward."""

import gzip
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from hub.route.rules.instance import Instance, Line, Option, Site

T = TypeVar("T")
FILE: Final = Path(__file__).parents[1] / "data" / "routing.json.gz"


def proven() -> list[dict[str, Any]]:
    """Return the questions with what is proven about each."""
    items: list[dict[str, Any]] = json.loads(gzip.decompress(FILE.read_bytes()))["items"]
    return items


def made_up(seed: int) -> Instance:
    """Return a small question: groups, whole lines, caps, ties, prices below zero, nobody who can serve."""
    draw = random.Random(seed)
    lines = [
        Line(
            f"L{n}",
            draw.choice((1, 1, 2, 3)),
            draw.choice((0, 200, 900, 2500)),
            draw.random() < 0.7,
            "G" if n < 2 and draw.random() < 0.3 else "",
        )
        for n in range(draw.randint(1, 4))
    ]
    sites = [_site(draw, f"S{n}", lines) for n in range(draw.randint(0, 7))]
    return Instance(f"q{seed}", "ship", draw.randint(1, 4), tuple(lines), tuple(sites))


def _site(draw: random.Random, name: str, lines: list[Line]) -> Site:
    tied = draw.random() < 0.3
    return Site(
        location=name,
        cap_units=draw.choice((0, 1, 2, 3, 5, 99)),
        atp={line.id: draw.randint(0, 4) for line in lines if draw.random() < 0.8},
        pick_line_minor=20 if tied else draw.randint(0, 60),
        pick_unit_minor=5 if tied else draw.randint(0, 20),
        unit_minor={} if tied else {line.id: draw.randint(-50, 90) for line in lines},
        opportunity_minor={}
        if tied
        else {line.id: tuple(sorted(draw.randint(-900, 900) for _unit in range(4))) for line in lines[:2]},
        options=tuple(
            Option(
                f"way{n}",
                draw.choice((0, 0, 0, 1, 3)),
                400 if tied else draw.randint(0, 900),
                ((1000, 0), (3000, 120), (draw.choice((4000, 30_000)), 350)),
            )
            for n in range(draw.choice((0, 1, 1, 2)))
        ),
    )


def shuffled(instance: Instance, seed: int) -> Instance:
    """Return the same question with everything that has no order in another one."""
    draw = random.Random(seed)

    def mixed(rows: Iterable[T]) -> tuple[T, ...]:
        known = tuple(rows)
        return tuple(draw.sample(known, len(known)))

    sites = [
        site._replace(options=mixed(site.options), atp=dict(mixed(site.atp.items())))
        for site in mixed(instance.sites)
    ]
    return Instance(instance.id, instance.kind, instance.max_shipments, mixed(instance.lines), tuple(sites))


def made_up_wide(seed: int, units: int = 5, lines: int = 5) -> Instance:
    """Return a question about several units of each line, all of which may be split."""
    draw = random.Random(seed)
    asked = [Line(f"L{n}", draw.randint(2, units), draw.choice((0, 300, 900))) for n in range(lines)]
    sites = [_site(draw, f"S{n}", asked) for n in range(8)]
    return Instance(f"w{seed}", "ship", draw.randint(2, 5), tuple(asked), tuple(sites))
