"""Old and second copies: a store or the hub put back to what it was, and one disk in two machines."""

import shutil
from typing import Any

from tests.simulation.actors import web
from tests.simulation.edge import EdgeNode
from tests.simulation.node import Backup
from tests.simulation.schedule import SECOND

SAME_MACHINE = 0.3


def restore_edge(world: Any, node: EdgeNode, backup: Backup, *, whole: bool = False) -> None:
    """Replace a store's database by an older copy of itself; `whole`: and what lies beside it on its disk."""
    chain = node.chain
    node.stop()
    node.restore(backup)
    if whole:
        node.put_marker_back(backup)
        node.did_twice = True
    world.auditor.branches.append(chain)
    node.chain = chain.copy()
    node.is_copy = True
    world.auditor.rights.lose(node.edge)
    node.answers.clear()
    node.orders.clear()
    node.unsure.clear()
    world.start_later(node, 2 * SECOND)


def restore_hub(world: Any, backup: Backup) -> None:
    """Replace the hub's database by an older copy of itself: its word is only as good as that copy."""
    hub = world.hub
    hub.stop()
    hub.restore(backup)
    hub.promises.clear()
    hub.withdrawn.clear()
    hub.answers.clear()
    world.auditor.acked.clear()
    world.auditor.forks.clear()
    world.auditor.hub_was_restored = True
    for node in world.edges:
        world.auditor.rights.lose(node.edge)

    def back() -> None:
        world.start(hub)
        hub.restored_life = hub.life_in_file()
        web.send_again(hub, world.rng)

    world.schedule.after(2 * SECOND, "hub starts", back)


def clone(world: Any, node: EdgeNode) -> None:
    """Start a second machine on a copy of a store's disk, with or without its machine id."""
    label = f"{node.name}-copy-{len(world.edges)}"
    copy = EdgeNode(world, node.edge, node.settings.code, node.token, world.rng, label=label)
    copy.restore(Backup(node.disk.freeze(), world.schedule.now))
    outside = copy.settings.marker
    outside.parent.mkdir(parents=True, exist_ok=True)
    if node.settings.marker.exists():
        shutil.copyfile(node.settings.marker, outside)
    if world.rng.random() < SAME_MACHINE:
        copy.machine = node.machine
    copy.is_copy = node.is_copy = True
    copy.did_twice = node.did_twice = True
    world.auditor.rights.lose(node.edge)
    copy.chain = node.chain.copy(told=node.chain.told)
    copy.orders = list(node.orders)
    world.edges.append(copy)
    world.start(copy)
    world.customers(copy)
