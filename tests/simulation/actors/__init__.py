"""Who does something: each actor looks at a machine and says what its client asks, or nothing.

To add one, write a function `(node, rng) -> Command | None` and put it into the table below with its weight;
a seed multiplies every weight by its own temper, so that one run is all sales and the next all returns. The
world runs the command, counts it, repeats it with the same key when no answer came, and compares answers.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.actors import counter, counts, later, moving, ops, shelves, tills, web
from tests.simulation.node import Command

Act = Callable[[Any, random.Random], Command | None]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does one kind of thing."""

    act: Act
    weight: float
    sells: bool = False
    """Only where there are customers."""


AT_A_STORE: tuple[Actor, ...] = (
    Actor(counter.sell, 50, sells=True),
    Actor(counter.bring_back, 12, sells=True),
    Actor(counter.void, 4, sells=True),
    Actor(tills.open_till, 5, sells=True),
    Actor(tills.count_till, 2, sells=True),
    Actor(tills.close_till, 3, sells=True),
    Actor(tills.no_sale, 1, sells=True),
    Actor(shelves.receive, 8),
    Actor(shelves.correct, 6),
    Actor(later.work_on, 45),
    Actor(later.undo, 1),
    Actor(counts.count, 8),
    Actor(moving.move, 10),
)
AT_THE_HUB: tuple[Actor, ...] = (
    Actor(ops.publish, 5),
    Actor(ops.withdraw, 2),
    Actor(web.order, 60),
    Actor(web.cancel, 8),
    Actor(web.cancel_at_the_desk, 6),
    Actor(web.clocks, 4),
)


def tempers(actors: tuple[Actor, ...], rng: random.Random) -> tuple[float, ...]:
    """Return how much each of them does in one run."""
    return tuple(actor.weight * rng.choice((0.2, 1.0, 1.0, 3.0)) for actor in actors)


def choose(
    actors: tuple[Actor, ...], weights: tuple[float, ...], node: Any, rng: random.Random
) -> Command | None:
    """Return what somebody asks of a machine at this moment."""
    sells = getattr(node, "sells", True)
    fit = [(actor, weight) for actor, weight in zip(actors, weights, strict=True) if sells or not actor.sells]
    chosen = rng.choices([actor for actor, _ in fit], [weight for _, weight in fit])[0]
    return chosen.act(node, rng)
