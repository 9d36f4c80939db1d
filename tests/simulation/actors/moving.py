"""Who sends goods from one location to another: asks, agrees, walks, packs, ships, and takes in."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from edge_agent.transfers.steps import asking, inbox, packing, receiving, walking
from edge_agent.transfers.steps import commands as c
from protocol.fulfilment import ShortReason
from tests.simulation.edge import MANAGER, EdgeNode
from tests.simulation.goods import SKUS
from tests.simulation.node import Command

PLACES = ("store-1", "store-2", "store-3", "warehouse-1")
OPEN = """
SELECT transfer_id, way, state FROM transfers
WHERE (way = 'out' AND state IN ('requested', 'accepted', 'picking', 'picked', 'packed'))
   OR (way = 'in' AND state IN ('expected', 'part_received')) ORDER BY transfer_id
"""
UNDER_WAY = """
SELECT transfer_id FROM transfers WHERE way = 'in' AND state IN ('expected', 'part_received')
ORDER BY transfer_id
"""
STILL_UNDER_WAY = """
SELECT line_no, sku, quantity - received FROM transfer_lines
WHERE transfer_id = ? AND quantity > received ORDER BY line_no
"""
"""At the destination, `quantity` is what was shipped."""


def move(node: EdgeNode, rng: random.Random) -> Command:
    """Ask for a transfer, or do the next thing with one."""
    found = node.audit.execute(OPEN).fetchall()
    if not found or rng.random() < 0.15:
        return _ask(node, rng)
    return _next(node, rng, found)


def go_on(node: EdgeNode, rng: random.Random) -> Command | None:
    """Do the next thing with a transfer, where there is one."""
    found = node.audit.execute(OPEN).fetchall()
    return _next(node, rng, found) if found else None


def _next(node: EdgeNode, rng: random.Random, found: Sequence[tuple[str, str, str]]) -> Command:
    transfer, way, state = rng.choice(found)
    key = node.ids.new_id()
    if way == "in":
        return _receive(node, transfer, key, rng)
    if state == "requested":
        return _done("accept transfer", key, inbox.accept, transfer, c.Accept(key=key))
    if state in {"accepted", "picking"}:
        return _walk(node, transfer, key, rng)
    if state == "picked":
        return _done("pack carton", key, packing.pack, transfer, c.PackCarton(key=key))
    return _done("ship transfer", key, packing.ship, transfer, c.Ship(key=key))


def take_everything_in(node: EdgeNode) -> Iterator[Command]:
    """Take in all that this location expects: nothing more of it will come."""
    for (transfer,) in node.audit.execute(UNDER_WAY).fetchall():
        lines = tuple(
            c.ArrivedLine(line_no=line_no, sku=sku, units=units)
            for line_no, sku, units in node.audit.execute(STILL_UNDER_WAY, (transfer,)).fetchall()
        )
        key = node.ids.new_id()
        wanted = c.TakeIn(key=key, lines=lines, final=True)
        yield _done("receive transfer", key, receiving.receive, transfer, wanted)


def _ask(node: EdgeNode, rng: random.Random) -> Command:
    other = rng.choice([place for place in PLACES if place != node.edge])
    lines = tuple(
        c.AskedLine(sku=sku, quantity=rng.randint(1, 3)) for sku in rng.sample(SKUS, rng.choice((1, 2)))
    )
    way = rng.choice(("out", "in"))
    wanted = c.Ask(key=node.ids.new_id(), way=way, other=other, lines=lines, sure=True)
    return Command(
        "ask for transfer",
        wanted.key,
        lambda unit, edge: asking.ask(unit, edge, wanted, person=MANAGER),
        said=lambda done: f"{done.transfer_id} {done.seq}",
    )


def _done(name: str, key: str, step: Any, transfer: str, wanted: Any) -> Command:
    return Command(name, key, lambda unit, edge: step(unit, edge, transfer, wanted, person=MANAGER))


def _walk(node: EdgeNode, transfer: str, key: str, rng: random.Random) -> Command:
    """Find what is asked for; by bad luck one unit is not there."""
    unlucky = rng.random() < 0.2
    lines = node.audit.execute(
        "SELECT line_no, lent + bound FROM transfer_lines WHERE transfer_id = ? AND lent + bound > 0"
        " ORDER BY line_no",
        (transfer,),
    ).fetchall()

    def step(unit: Any, edge: Any) -> Any:
        for line_no, units in lines:
            short = 1 if unlucky else 0
            if units > short:
                found = c.SetFound(key=f"{key}.{line_no}f", line_no=line_no, units=units - short)
                walking.set_found(unit, edge, transfer, found, person=MANAGER)
            if short:
                missing = c.ShortPick(
                    key=f"{key}.{line_no}m", line_no=line_no, units=short, reason=ShortReason.NOT_FOUND
                )
                walking.short(unit, edge, transfer, missing)
        return walking.finish(unit, edge, transfer, c.KeyOnly(key=f"{key}.e"), person=MANAGER)

    return Command("walk for transfer", key, step)


def _receive(node: EdgeNode, transfer: str, key: str, rng: random.Random) -> Command:
    """Take in what arrived: all of it, or one unit less, or one of it damaged."""
    lines = []
    for line_no, sku, under_way in node.audit.execute(STILL_UNDER_WAY, (transfer,)).fetchall():
        units = under_way - (1 if rng.random() < 0.15 else 0)
        if units > 0:
            damaged = 1 if rng.random() < 0.1 else 0
            lines.append(c.ArrivedLine(line_no=line_no, sku=sku, units=units, damaged=damaged))
    wanted = c.TakeIn(key=key, lines=tuple(lines), final=rng.random() < 0.7)
    return _done("receive transfer", key, receiving.receive, transfer, wanted)
