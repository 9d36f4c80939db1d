"""Operations at the hub: new catalogues for every store, and directives taken back before they leave."""

import random
from typing import Any

from hub.catalog import steps as catalog
from hub.context import Hub
from protocol.catalog import Product
from tests.simulation.goods import products
from tests.simulation.hub import HubNode
from tests.simulation.node import Command


def publish(node: HubNode, rng: random.Random) -> Command:
    """Change some prices and publish a version."""
    change = {sku: rng.randrange(100, 9_000) for sku in rng.sample([p.sku for p in products()], 2)}

    def step(_unit: Any, hub: Hub) -> catalog.Published:
        found: list[Product] = [
            p.model_copy(update={"price_minor": change.get(p.sku, p.price_minor)}) for p in products()
        ]
        hub.database.write(lambda unit: catalog.put(unit, found, hub.clock.now_us()))
        return catalog.publish(hub, by="ops")

    return Command(
        "publish catalogue",
        node.ids.new_id(),
        step,
        said=lambda done: f"{done.version} {done.sha256}",
        learned=lambda done: node.promise(
            "SELECT sha256 FROM catalog_versions WHERE version = ?", (done.version,), done.sha256
        ),
        repeatable=False,
    )


def withdraw(node: HubNode, rng: random.Random) -> Command | None:
    """Take a directive back that nothing depends on, if it has not left; rooms take back their own."""
    queued = node.audit.execute(
        "SELECT edge, cseq, id FROM directives WHERE state = 'queued'"
        " AND kind IN ('catalog.publish', 'transfer.told') ORDER BY edge, cseq"
    ).fetchall()
    if not queued:
        return None
    edge, cseq, directive_id = rng.choice(queued)

    def learned(taken_back: bool) -> None:
        # A restored hub that has heard no store yet takes itself for the one before; only a new life counts.
        if taken_back and node.life_in_file() != node.restored_life:
            node.withdrawn.add((edge, directive_id))

    return Command(
        "withdraw directive",
        node.ids.new_id(),
        lambda _unit, hub: hub.database.write(lambda unit: hub.outbox.withdraw(unit, edge, cseq)),
        learned=learned,
        repeatable=False,
    )
