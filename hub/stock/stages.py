"""Stock as one unit of work changes it: movements of an event, balances, values, and costs for the ledger.

The cost of what is sold is worked out here, once, at the hub's order of events, and kept with the line. What
comes back, comes back at that cost. The ledger reads what this stage left in `results`:
`costs` (per line of the event) and `moves` (every movement with its value).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.spine.bulk import Insert, Select, Upsert
from hub.spine.entries import Entry
from hub.spine.later import Leaving
from hub.spine.places import Place, Places
from hub.spine.work import Applied, Work, chunks
from hub.stock.rows import balances, stock_movements, stock_values
from hub.stock.rules import ValuedMove, issue, line_of, move_value, take_back, unit_cost
from protocol import later
from protocol.events import OrderSold, ReturnCompleted, StockLine, StockMoved
from protocol.movements import (
    OUTSIDE,
    Bucket,
    Movement,
    pick_movements,
    put_back_movements,
    reserve_movements,
)
from protocol.orders import LineKind
from protocol.rules.cost import StockValue

Key = tuple[str, str, Bucket]

_MOVEMENTS: Final = Insert(stock_movements)
_BALANCES: Final = Upsert(balances, add=["quantity"])
_VALUES: Final = Upsert(stock_values)
_HELD: Final = Select(
    sa.select(
        stock_values.c.sku,
        stock_values.c.bucket,
        stock_values.c.quantity,
        stock_values.c.value_minor,
        stock_values.c.last_unit_cost_minor,
    ).where(
        stock_values.c.entity == sa.bindparam("for_entity"), stock_values.c.location == sa.bindparam("at")
    ),
    stock_values.c.sku,
)
_EMPTY: Final = StockValue()
_LATER: Final = frozenset({
    later.OrderPlaced,
    later.AssignmentPicked,
    later.AssignmentShipped,
    later.AssignmentHandedOver,
    later.HandoverUndone,
    later.AssignmentRejected,
    later.AssignmentCancelled,
    later.AssignmentChanged,
})  # fmt: skip


class Shelves:
    """The stock of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._values: dict[Key, StockValue] = {}
        self._dirty: dict[Key, Place] = {}
        self._moves: list[tuple[Any, ...]] = []
        self._changes: dict[tuple[str, str, str], int] = {}
        self._loaded: set[tuple[str, str]] = set()
        self._numbered: tuple[int, int] = (0, 0)

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read the values of everything that these events touch."""
        wanted: dict[str, dict[str, None]] = {}
        for applied in batch:
            body = applied.body
            if isinstance(body, OrderSold | ReturnCompleted):
                skus = wanted.setdefault(applied.edge, {})
                for line in body.lines:
                    skus[line.sku] = None
            elif isinstance(body, StockMoved):
                wanted.setdefault(applied.edge, {}).update(dict.fromkeys(move.sku for move in body.lines))
            elif type(body) in _LATER:
                wanted.setdefault(applied.edge, {}).update(dict.fromkeys(_skus(body)))
        for location, skus in wanted.items():
            self._load(self._work.room(Places).of(location), skus)

    def _load(self, place: Place, skus: Iterable[str]) -> None:
        here = {"for_entity": place.entity, "at": place.location}
        for some in chunks(skus):
            self._loaded.update([(place.location, sku) for sku in some])
            for row in _HELD.run(self._work.connection, some, **here):
                key = (place.location, row.sku, Bucket(row.bucket))
                self._values[key] = StockValue(row.quantity, row.value_minor, row.last_unit_cost_minor)

    def need(self, place: Place, skus: Iterable[str]) -> None:
        """Read the values of articles that `prepare` could not know of, such as those of another location."""
        if missing := [sku for sku in skus if (place.location, sku) not in self._loaded]:
            self._load(place, missing)

    def value(self, place: Place, sku: str, bucket: Bucket) -> StockValue:
        """Return what a bucket holds and is worth."""
        return self._values.get((place.location, sku, bucket), _EMPTY)

    def set_value(self, place: Place, sku: str, bucket: Bucket, value: StockValue) -> None:
        """Note what a bucket holds and is worth from here on."""
        key = (place.location, sku, bucket)
        self._values[key] = value
        self._dirty[key] = place

    def carry(self, place: Place, line: StockLine) -> ValuedMove:
        """Take units from one bucket to another with what they are worth, and return what moved."""
        buckets = (Bucket(line.from_bucket), Bucket(line.to_bucket))
        inside = {each: self.value(place, line.sku, each) for each in buckets if each not in OUTSIDE}
        move, after = move_value(line, inside)
        for bucket, value in after.items():
            self.set_value(place, line.sku, bucket, value)
        return move

    def move(
        self,
        applied: Applied,
        place: Place,
        moves: Sequence[ValuedMove],
        reason: str,
        reasons: Sequence[str] = (),
    ) -> None:
        """Note the movements of an event and what they do to the balances; `reasons` if each has its own."""
        location, order = place.location, applied.apply_order
        changes = self._changes
        # One event may move stock at two locations: its movements are counted through.
        used = self._numbered[1] if self._numbered[0] == order else 0
        self._numbered = (order, used + len(moves))
        for n, move in enumerate(moves, start=1):
            sku, source, target, quantity = move.sku, move.from_bucket, move.to_bucket, move.quantity
            self._moves.append(
                (
                    order,
                    used + n,
                    location,
                    sku,
                    source.value,
                    target.value,
                    quantity,
                    move.value_minor,
                    reasons[n - 1] if reasons else reason,
                )
            )
            if source not in OUTSIDE:
                key = (location, sku, source.value)
                changes[key] = changes.get(key, 0) - quantity
            if target not in OUTSIDE:
                key = (location, sku, target.value)
                changes[key] = changes.get(key, 0) + quantity
        applied.results["moves"] = moves

    def flush(self) -> None:
        """Write movements, balances and values."""
        connection = self._work.connection
        moves, self._moves = self._moves, []
        changes, self._changes = self._changes, {}
        dirty, self._dirty = self._dirty, {}
        _MOVEMENTS.run(connection, moves)
        # Sorted, so that two processes never wait for each other's rows in a circle.
        _BALANCES.run(connection, [(*key, change) for key, change in sorted(changes.items())])
        values = self._values
        _VALUES.run(
            connection,
            [
                (
                    place.entity,
                    location,
                    sku,
                    bucket.value,
                    values[location, sku, bucket].quantity,
                    values[location, sku, bucket].value_minor,
                    values[location, sku, bucket].last_unit_cost_minor,
                )
                for (location, sku, bucket), place in sorted(dirty.items(), key=lambda item: item[0])
            ],
        )


def _skus(body: Any) -> list[str]:
    """Return what an event of an order for later takes from or puts on a shelf."""
    if isinstance(body, later.OrderPlaced):
        return [line.sku for line in body.own.lines] if body.own else []
    if isinstance(body, later.AssignmentChanged):
        return [line.sku for line in body.dropped]
    short = body.shorts if isinstance(body, later.AssignmentPicked) else ()
    return [line.sku for line in (*body.lines, *short)]


def on_order_sold(work: Work, applied: Applied) -> None:
    """Goods leave with the customer, at the average of the moment."""
    body: OrderSold = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    costs: dict[int, int] = {}
    moves = []
    for line in body.lines:
        if line.kind is not LineKind.GOODS:
            continue
        before = shelves.value(place, line.sku, Bucket.SELLABLE)
        after, cost = issue(before, line.quantity, line.unit_cost_minor)
        shelves.set_value(place, line.sku, Bucket.SELLABLE, after)
        costs[line.line_no] = cost
        moves.append(ValuedMove(line.sku, Bucket.SELLABLE, Bucket.CUSTOMER, line.quantity, cost))
    applied.results["costs"] = costs
    shelves.move(applied, place, moves, "sale")


def on_return_completed(work: Work, applied: Applied) -> None:
    """Goods come back, each into the bucket that was decided for it, at the cost of their sale."""
    body: ReturnCompleted = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    frozen: Sequence[int | None] = applied.results["frozen"]
    costs: list[int] = []
    moves = []
    for line, known in zip(body.lines, frozen, strict=True):
        cost = 0
        bucket = Bucket(line.to_bucket)
        if line.kind is LineKind.GOODS and line.quantity and bucket is not Bucket.CUSTOMER:
            # Says no to a bucket that goods cannot come back to.
            Movement(line.sku, Bucket.CUSTOMER, bucket, line.quantity, "return")
            before = shelves.value(place, line.sku, bucket)
            cost = known or 0
            if known is None:  # nobody knows its sale: it cost what others of it here do
                shelf = shelves.value(place, line.sku, Bucket.SELLABLE)
                cost = line.quantity * (unit_cost(before, 0) or unit_cost(shelf, 0))
            variance = 0
            if bucket not in OUTSIDE:
                after, variance = take_back(before, line.quantity, cost)
                shelves.set_value(place, line.sku, bucket, after)
            moves.append(ValuedMove(line.sku, Bucket.CUSTOMER, bucket, line.quantity, cost, variance))
        costs.append(cost)
    applied.results["costs"] = costs
    shelves.move(applied, place, moves, "void" if applied.kind == "order.voided" else "return")


def on_stock_moved(work: Work, applied: Applied) -> None:
    """Stock was opened, received, corrected, or went from one bucket to another."""
    body: StockMoved = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    moves = []
    for line in body.lines:
        # Says no to what cannot move.
        Movement(line.sku, Bucket(line.from_bucket), Bucket(line.to_bucket), line.quantity, body.reason)
        moves.append(shelves.carry(place, line))
    shelves.move(applied, place, moves, body.reason)
    work.topics.add("stock")


def on_order_placed(work: Work, applied: Applied) -> None:
    """A store that took an order for later itself sets its goods aside."""
    body: later.OrderPlaced = applied.body
    if body.own is None:
        applied.results["moves"] = ()
        return
    costs = {line.sku: line.unit_cost_minor for line in body.lines}
    goods = [(line.sku, line.quantity) for line in body.own.lines if line.kind is LineKind.GOODS]
    _shift(work, applied, reserve_movements(goods), costs)


def on_assignment_picked(work: Work, applied: Applied) -> None:
    """Goods come off the shelf with their value; what was not there goes where its reason says."""
    body: later.AssignmentPicked = applied.body
    _shift(work, applied, pick_movements(body.lines, body.shorts), _said_costs(applied))


def on_assignment_given_up(work: Work, applied: Applied) -> None:
    """What was picked or set aside goes back to the shelf."""
    body: later.AssignmentRejected | later.AssignmentCancelled = applied.body
    _shift(work, applied, put_back_movements(body.lines), _said_costs(applied))


def on_assignment_changed(work: Work, applied: Applied) -> None:
    """What was set aside and is not wanted any more is on the shelf again."""
    body: later.AssignmentChanged = applied.body
    _shift(work, applied, put_back_movements(body.dropped), _said_costs(applied))


def on_goods_left(work: Work, applied: Applied) -> None:
    """Picked goods leave, at the average of what was picked; `costs` by line."""
    body: later.AssignmentShipped | later.AssignmentHandedOver = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    said = _said_costs(applied)
    costs: dict[int, int] = {}
    moves = []
    for line in body.lines:
        if not line.units:
            continue
        # Handed over though nobody said it was picked: what the shelf is worth says what it costs.
        known = unit_cost(shelves.value(place, line.sku, Bucket.SELLABLE), 0) or said.get(line.sku, 0)
        after, cost = issue(shelves.value(place, line.sku, Bucket.PICKED), line.units, known)
        shelves.set_value(place, line.sku, Bucket.PICKED, after)
        costs[line.line_no] = costs.get(line.line_no, 0) + cost
        moves.append(ValuedMove(line.sku, Bucket.PICKED, Bucket.CUSTOMER, line.units, cost))
    applied.results["costs"] = costs
    shelves.move(applied, place, moves, "ship" if applied.kind == "assignment.shipped" else "handover")


def on_handover_undone(work: Work, applied: Applied) -> None:
    """Goods stand at the desk again, at the cost they had left with."""
    body: later.HandoverUndone = applied.body
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    back: Mapping[int, Leaving] = applied.results["back"]
    moves = []
    for line in body.lines:
        if not line.units:
            continue
        picked = shelves.value(place, line.sku, Bucket.PICKED)
        left = back.get(line.line_no)
        unknown = line.units - (left.units if left else 0)
        cost = left.cost_minor if left else 0
        if unknown:
            cost += unknown * (
                unit_cost(picked, 0) or unit_cost(shelves.value(place, line.sku, Bucket.SELLABLE), 0)
            )
        after, variance = take_back(picked, line.units, cost)
        shelves.set_value(place, line.sku, Bucket.PICKED, after)
        moves.append(ValuedMove(line.sku, Bucket.CUSTOMER, Bucket.PICKED, line.units, cost, variance))
    shelves.move(applied, place, moves, "undo_handover")


def _said_costs(applied: Applied) -> dict[str, int]:
    """Return what the order says its goods cost; it counts only where stock was never received."""
    entry: Entry | None = applied.results["entry"]
    if entry is None or entry.later is None:
        return {}
    beside = entry.later.lines
    return {line.sku: beside[line.line_no].unit_cost_minor for line in entry.record.lines}


def _shift(
    work: Work, applied: Applied, movements: Sequence[Movement], said_costs: Mapping[str, int]
) -> None:
    """Take goods from one bucket to another, with what they are worth."""
    shelves, place = work.room(Shelves), work.room(Places).of(applied.edge)
    moves = []
    for movement in movements:
        cost = unit_cost(shelves.value(place, movement.sku, Bucket.SELLABLE), 0)
        line = line_of(movement, cost or said_costs.get(movement.sku, 0))
        moves.append(shelves.carry(place, line))
    shelves.move(applied, place, moves, "", [movement.reason for movement in movements])
    work.topics.add("stock")
