"""Who fills the shelves and corrects the books: deliveries, and corrections both ways."""

import random

from edge_agent.stock import steps as stock
from edge_agent.stock.rows import on_hand
from tests.simulation.edge import MANAGER, EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.node import Command

LARGE = 420
"""Lines of a delivery whose event is too large for the wire."""


def opening(node: EdgeNode, rng: random.Random) -> Command:
    """Count the shelves for the first time."""
    lines = tuple(
        stock.MoveLine(sku=sku, quantity=rng.choice((2, 5, 12, 30)), unit_cost_minor=250) for sku in SKUS
    )
    return moved(node, stock.Moves(key=node.ids.new_id(), reason="opening", lines=lines))


def receive(node: EdgeNode, rng: random.Random) -> Command:
    """Take a delivery in."""
    large = rng.random() < node.world.options.big
    skus = [rng.choice(SKUS) for _ in range(LARGE)] if large else rng.sample(SKUS, rng.choice((1, 2, 3)))
    lines = tuple(
        stock.MoveLine(sku=sku, quantity=rng.randint(1, 6), unit_cost_minor=rng.choice((0, 230, 260)))
        for sku in skus
    )
    reference = f"DN-{rng.randrange(10_000)}"
    return moved(
        node, stock.Moves(key=node.ids.new_id(), reason="received", reference=reference, lines=lines)
    )


def correct(node: EdgeNode, rng: random.Random) -> Command | None:
    """Put in what was found, or take out what is missing, of what may be let go."""
    sku = rng.choice(SKUS)
    free = on_hand(node.audit, sku).rights.sellable
    units = rng.randint(1, 3) if rng.random() < 0.5 else -min(free, rng.randint(1, 3))
    if units == 0 or free + units < 0:
        return None
    lines = (stock.MoveLine(sku=sku, quantity=units),)
    return moved(node, stock.Moves(key=node.ids.new_id(), reason="adjusted", lines=lines))


def moved(node: EdgeNode, wanted: stock.Moves) -> Command:
    """Return the command that moves stock."""
    del node
    return Command(
        f"stock {wanted.reason}",
        wanted.key,
        lambda unit, edge: stock.move(unit, edge, wanted, person=MANAGER),
        said=lambda done: f"{done.seq} {done.units}",
    )
