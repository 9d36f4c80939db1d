"""Who has goods sent that will be lent on receipt, and who orders what is still on its way.

Apart from the others, with a source of randomness of its own: a seed that has none of it runs as it would
without. A transfer is seen through from the wish to the shelf here, because in a minute of trade hardly one
would come so far by itself; and for some of what is on its way somebody orders more than is free.
"""

import random
from collections.abc import Callable
from typing import Any, Final

from hub.context import Hub
from hub.promises import PromiseWanted
from hub.route.arriving import look_at_waits
from hub.transfers import steps
from hub.transfers.clocks import look_at_transfers
from hub.transfers.wanted import LineWanted, TransferWanted
from protocol.clock import from_us
from protocol.fulfilment import FulfilKind
from tests.simulation.actors import moving, web
from tests.simulation.edge import EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.hub import HubNode
from tests.simulation.node import Command, Node
from tests.simulation.schedule import SECOND

ON_ITS_WAY: Final = """
SELECT t.destination, l.sku, l.shipped - l.matched - l.lost, t.due_us
FROM transfers t JOIN transfer_lines l USING (transfer_id)
WHERE t.acknowledged_us IS NOT NULL AND NOT t.final AND l.to_grant > l.granted
  AND l.shipped > l.matched + l.lost ORDER BY t.destination, l.sku, t.transfer_id
"""
"""What a destination has acknowledged to lend as it receives it."""
FREE: Final = """
SELECT coalesce(max(granted_seen - returned - allocated + ended), 0) FROM hub_rights
WHERE sku = ? AND (? = '' OR location = ?)
"""
DAYS_US: Final = 3 * 86_400 * SECOND
Asked = tuple[Node, Command]


def happen(hub: HubNode, stores: list[EdgeNode], rng: random.Random) -> Asked | None:
    """Return what somebody asks of which machine; None where there is nothing to do."""
    acts: tuple[tuple[Callable[[HubNode, list[EdgeNode], random.Random], Asked | None], int], ...] = (
        (_send, 2),
        (_see_through, 10),
        (_order, 4),
        (_look, 2),
    )
    act = rng.choices([each for each, _ in acts], [weight for _, weight in acts])[0]
    return act(hub, stores, rng)


def _send(hub: HubNode, stores: list[EdgeNode], rng: random.Random) -> Asked | None:
    """Operations have goods sent, and most of them lent on receipt."""
    source, destination = rng.sample([node.edge for node in stores], 2)
    lines = []
    for sku in rng.sample(SKUS, rng.choice((1, 1, 2))):
        units = rng.randint(1, 5)
        lines.append(LineWanted(sku=sku, quantity=units, grant=rng.choice((units, units, units - 1))))
    due_us = hub.clock.now_us() + rng.choice((20, 600, 3_600, 86_400)) * SECOND
    wanted = TransferWanted(source=source, destination=destination, lines=tuple(lines), due_us=due_us)
    by = steps.By(name="ops", key=hub.ids.new_id())
    command = Command(
        "send for transfer",
        by.key,
        lambda _unit, program: steps.request(program, wanted, by),
        said=lambda asked: f"{asked.number} {asked.units} {asked.lent}",
    )
    return hub, command


def _see_through(_hub: HubNode, stores: list[EdgeNode], rng: random.Random) -> Asked | None:
    """Somewhere the next thing is done with a transfer."""
    for node in rng.sample(stores, len(stores)):
        command = moving.go_on(node, rng) if node.program is not None else None
        if command is not None:
            return node, command
    return None


def _order(hub: HubNode, _stores: list[EdgeNode], rng: random.Random) -> Asked | None:
    """A customer orders what is on its way, mostly for a day on which it should be there."""
    coming = hub.audit.execute(ON_ITS_WAY).fetchall()
    if not coming:
        return None
    destination, sku, under_way, due_us = rng.choice(coming)
    collects = destination in web.STORES and rng.random() < 0.7
    promised_us = max(due_us, hub.clock.now_us()) + rng.choice((3_600 * SECOND, DAYS_US))
    place = destination if collects else ""
    promise = PromiseWanted(
        kind=FulfilKind.COLLECT if collects else FulfilKind.SHIP,
        location=place,
        due_at=from_us(promised_us) if rng.random() < 0.9 else None,
    )
    free = hub.audit.execute(FREE, (sku, place, place)).fetchone()[0]
    wished = {sku: max(1, free + rng.randint(0, under_way))}
    if rng.random() < 0.3:
        wished.setdefault(rng.choice(SKUS), 1)
    return hub, web.placed(hub, wished, promise, sold_already=rng.random() < 0.2)


def _look(hub: HubNode, _stores: list[EdgeNode], _rng: random.Random) -> Asked | None:
    """The hub looks at what is late, as it does now and then."""

    def step(_unit: Any, program: Hub) -> tuple[Any, int]:
        return look_at_transfers(program), look_at_waits(program)

    return hub, Command("look at what comes", hub.ids.new_id(), step, repeatable=False)
