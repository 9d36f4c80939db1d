"""What a decision about goods does to balances and values.

Units leave their bucket at its average. Into liquidation they may go at less: what they are worth from then
on is what somebody said, never more than they cost, and the rest is written down. So the account of a bucket
is always what its units are worth in the books.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from hub.spine.places import Places
from hub.spine.work import Applied, Work
from hub.stock.rows import sold_off
from hub.stock.rules import ValuedMove, issue, take_back
from hub.stock.stages import Shelves
from protocol.dispositions import DecidedGoods, GoodsDecided, decided_movements
from protocol.movements import OUTSIDE, Movement


def on_goods_decided(work: Work, applied: Applied) -> None:
    """Write the movements of a decision with their values; what was written down is left in `results`."""
    body: GoodsDecided = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    shelves.need(place, {line.sku for line in body.lines})
    moves = decided_movements(body.lines)
    valued, written_down = [], 0
    for line, movement in zip(body.lines, moves, strict=True):
        value = shelves.value(place, line.sku, movement.from_bucket)
        after, cost = issue(value, line.quantity, line.unit_cost_minor)
        shelves.set_value(place, line.sku, movement.from_bucket, after)
        lost, variance = 0, 0
        if movement.to_bucket not in OUTSIDE:
            lost = _lost(line, cost)
            target = shelves.value(place, line.sku, movement.to_bucket)
            kept, variance = take_back(target, line.quantity, cost - lost)
            shelves.set_value(place, line.sku, movement.to_bucket, kept)
        written_down += lost
        valued.append(_valued(movement, cost, variance + lost))
    shelves.move(applied, place, valued, "", [movement.reason for movement in moves])
    applied.results["written_down"] = written_down
    _sell_off(work, applied, body.number, body.lines)
    work.topics.add("stock")


def _sell_off(work: Work, applied: Applied, number: str, lines: Iterable[DecidedGoods]) -> None:
    """Note what is paid for goods: the books tie to it."""
    found = [
        {
            "apply_order": applied.apply_order,
            "n": n,
            "number": number,
            "location": applied.edge,
            "sku": line.sku,
            "quantity": line.quantity,
            "proceeds_minor": line.proceeds_minor,
            "tax_minor": line.tax_minor,
            "rate_ppm": line.rate_ppm,
            "at_us": applied.at_us,
        }
        for n, line in enumerate(lines, start=1)
        if line.proceeds_minor
    ]
    if found:
        work.connection.execute(sa.insert(sold_off), found)


def _lost(line: DecidedGoods, cost_minor: int) -> int:
    """Return by how much units are written down: never up."""
    return 0 if line.worth_minor is None else max(0, cost_minor - line.worth_minor)


def _valued(movement: Movement, cost_minor: int, variance_minor: int) -> ValuedMove:
    return ValuedMove(
        movement.sku,
        movement.from_bucket,
        movement.to_bucket,
        movement.quantity,
        cost_minor,
        variance_minor,
    )
