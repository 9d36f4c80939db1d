"""What counts, adjustments and receipts do to balances and values.

What a person takes back comes back at the value with which it had left (and a gain leaves at the value with
which it had come), whatever the average has become since: the account of the loss is then exactly what it
was. The difference to the average of the moment is a cost variance, as everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hub.spine.log import Log
from hub.spine.places import Places
from hub.spine.rows import event_subjects, events
from hub.spine.work import Applied, Work
from hub.stock.rows import stock_movements
from hub.stock.rules import ValuedMove, issue, line_of, move_value, take_back, unit_cost
from hub.stock.stages import Shelves
from protocol import stock
from protocol.movements import OUTSIDE, Bucket, Movement
from protocol.rules.cost import StockValue

Frozen = Mapping[tuple[str, str, str], tuple[int, int]]
"""(SKU, from, to) -> (units, value) of the movements that are taken back."""


def on_moved(work: Work, applied: Applied) -> None:
    """Write the movements of a count, an adjustment or a receipt, each with its value."""
    body = applied.body
    moves, costs = _moves(body)
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    shelves.need(place, costs_by_sku(body))
    before = _taken_back(work, applied)
    valued = []
    for movement, cost in zip(moves, costs, strict=True):
        values = {
            bucket: shelves.value(place, movement.sku, bucket)
            for bucket in (movement.from_bucket, movement.to_bucket)
            if bucket not in OUTSIDE
        }
        back = (movement.sku, movement.to_bucket.value, movement.from_bucket.value)
        if isinstance(body, stock.ReceiptCorrected):
            move, after = at_cost(movement, values, movement.quantity * cost)
        elif back in before and len(values) != 2:
            units, worth = before[back]
            move, after = at_cost(movement, values, worth * movement.quantity // max(1, units))
        else:
            move, after = _at_average(movement, values, cost)
        for bucket, value in after.items():
            shelves.set_value(place, movement.sku, bucket, value)
        valued.append(move)
    shelves.move(applied, place, valued, "", [movement.reason for movement in moves])
    work.topics.add("stock")


def at_cost(
    movement: Movement, values: Mapping[Bucket, StockValue], worth_minor: int
) -> tuple[ValuedMove, dict[Bucket, StockValue]]:
    """Return a movement over the location's edge that is worth exactly so much out there.

    Inside it is worth the average; what lies between is the variance.
    """
    source, target = movement.from_bucket, movement.to_bucket
    if source in OUTSIDE:
        if source is Bucket.SUPPLIER:
            after, _inventory, variance = values[target].receive(movement.quantity, worth_minor)
        else:
            after, variance = take_back(values[target], movement.quantity, worth_minor)
        move = ValuedMove(movement.sku, source, target, movement.quantity, worth_minor, variance)
        return move, {target: after}
    after, left = issue(values[source], movement.quantity, round(worth_minor / movement.quantity))
    move = ValuedMove(movement.sku, source, target, movement.quantity, left, left - worth_minor)
    return move, {source: after}


def _at_average(
    movement: Movement, values: Mapping[Bucket, StockValue], cost: int
) -> tuple[ValuedMove, dict[Bucket, StockValue]]:
    """Return a movement at the average; what a unit is said to cost counts where there is none."""
    inside = values.get(movement.to_bucket) or values.get(movement.from_bucket) or StockValue()
    known = cost if movement.from_bucket is Bucket.SUPPLIER else unit_cost(inside, 0) or cost
    return move_value(line_of(movement, known), values)


def _moves(body: Any) -> tuple[Sequence[Movement], list[int]]:
    """Return the movements of a fact and what a unit of each is said to cost."""
    costs = costs_by_sku(body)
    match body:
        case stock.CountPosted():
            moves = stock.count_movements(body.lines, body.place)
        case stock.CountUndone():
            moves = stock.count_movements(body.lines, body.place, undone=True)
        case stock.StockAdjusted():
            moves = stock.adjusted_movements(body)
        case stock.DeliveryReceived():
            moves = stock.received_movements(body.lines)
        case _:  # a correction may name an item twice: out at the old cost, in at the new
            pairs = [
                (move, line.unit_cost_minor)
                for line in body.lines
                for move in stock.corrected_movements((line,))
            ]
            return [move for move, _cost in pairs], [cost for _move, cost in pairs]
    return moves, [costs[move.sku] for move in moves]


def costs_by_sku(body: Any) -> dict[str, int]:
    """Return the items of a fact, each with what somebody said that a unit of it costs."""
    return {line.sku: line.unit_cost_minor for line in body.lines}


def _taken_back(work: Work, applied: Applied) -> Frozen:
    """Return what the fact that is taken back had moved; nothing when this takes nothing back."""
    body = applied.body
    if isinstance(body, stock.CountUndone):
        subject, kind = f"count:{body.count_id}", "count.posted"
    elif isinstance(body, stock.StockAdjusted) and body.undoes:
        subject, kind = f"adjustment:{body.undoes}", "stock.adjusted"
    else:
        return {}
    work.room(Log).flush()
    work.room(Shelves).flush()
    columns = stock_movements.c
    rows = work.connection.execute(
        sa.select(columns.sku, columns.from_bucket, columns.to_bucket, columns.quantity, columns.value_minor)
        .join(events, events.c.apply_order == columns.apply_order)
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(event_subjects.c.subject == subject, events.c.kind == kind, events.c.edge == applied.edge)
        .order_by(columns.apply_order, columns.n)
    )
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for sku, source, target, quantity, value in rows:
        units, worth = found.get((sku, source, target), (0, 0))
        found[sku, source, target] = (units + int(quantity), worth + int(value))
    return found
