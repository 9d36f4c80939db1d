"""Who counts: a task for some articles, figures that are right or not, and the posting of differences."""

import random

from edge_agent.stock import count_models as m
from edge_agent.stock import count_posting, counting
from tests.simulation.edge import MANAGER, EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.node import Command

OPEN = "SELECT count_id FROM count_tasks WHERE state = 'open' ORDER BY count_id"
SEEN = "SELECT coalesce(max(seq), 0) FROM count_passes WHERE count_id = ?"
ON_THE_SHELF = "SELECT coalesce(sum(quantity), 0) FROM balances WHERE sku = ? AND bucket = 'sellable'"


def count(node: EdgeNode, rng: random.Random) -> Command:
    """Open a count, or go on with one: say what was counted, or write the differences."""
    tasks = node.audit.execute(OPEN).fetchall()
    if not tasks or (len(tasks) < 2 and rng.random() < 0.2):
        return _open(node, rng)
    task = rng.choice(tasks)[0]
    return _confirm(node, task, rng) if rng.random() < 0.6 else _post(node, task, rng)


def _open(node: EdgeNode, rng: random.Random) -> Command:
    wanted = m.OpenCount(key=node.ids.new_id(), skus=tuple(rng.sample(SKUS, rng.choice((1, 2)))))
    return Command(
        "open count",
        wanted.key,
        lambda unit, edge: counting.open_count(unit, edge, wanted, person=MANAGER),
        said=lambda opened: opened.number,
        learned=lambda opened: node.learn_number(opened.number),
    )


def _confirm(node: EdgeNode, task: str, rng: random.Random) -> Command:
    """Say what was counted of every row; sometimes one too few, as when a unit is in a bag."""
    lines = []
    for (sku,) in node.audit.execute(
        "SELECT sku FROM count_lines WHERE count_id = ? ORDER BY sku", (task,)
    ).fetchall():
        there = int(node.audit.execute(ON_THE_SHELF, (sku,)).fetchone()[0])
        lines.append(m.ConfirmLine(sku=sku, counted=max(0, there + rng.choice((0, 0, 0, 0, -1, -3, 2)))))
    wanted = m.ConfirmCount(key=node.ids.new_id(), lines=tuple(lines))
    return Command(
        "confirm count",
        wanted.key,
        lambda unit, edge: count_posting.confirm(unit, edge, task, wanted, person=MANAGER),
        said=lambda view: " ".join(f"{line.sku} {line.counted}" for line in view.lines),
    )


def _post(node: EdgeNode, task: str, rng: random.Random) -> Command:
    """Write the differences as they are now, also those above the tolerance."""
    skus = tuple(
        row[0]
        for row in node.audit.execute(
            "SELECT sku FROM count_lines WHERE count_id = ? ORDER BY sku", (task,)
        ).fetchall()
    )
    seen = int(node.audit.execute(SEEN, (task,)).fetchone()[0])
    wanted = m.PostCount(key=node.ids.new_id(), accept=skus if rng.random() < 0.7 else (), as_of=seen)
    return Command(
        "post count",
        wanted.key,
        lambda unit, edge: count_posting.post(unit, edge, task, wanted, person=MANAGER),
        said=lambda posted: f"{posted.seq} {posted.over} {posted.short}",
    )
