"""What a location has lent and what became of it; and what a movement does to the value of stock.

A movement takes value out of the bucket it leaves and puts value into the bucket it enters, both by moving
average. Only places inside a location have a value; what crosses its edge has the value of what crossed, and
the ledger finds the account on the other side. Covering stock that was sold before it was received leaves a
variance: value in = to inventory + variance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocol.events import StockLine
from protocol.money import round_ratio
from protocol.movements import OUTSIDE, Bucket, Movement
from protocol.rules.cost import StockValue


@dataclass(frozen=True, slots=True)
class Lent:
    """What one location has lent of an item: `units` is `promised` and `free` together, always.

    With the letters of `protocol.rights`, as the hub has seen them: O = U + H.
    """

    units: int
    """Lent, neither given back nor fulfilled (O)."""
    promised: int
    """Of those, what orders and checkouts have taken and the location has not yet said it fulfilled (U)."""
    free: int
    """Of those, what may still be promised or given back (H)."""


def lent_of(promised: int, *, free: int) -> Lent:
    """Return what is lent: what is promised of it (A - K - F) and what is free (G - R - A + K) together.

    What was fulfilled is in neither, once the location's own cell F says so: until then it counts as
    promised, which it was. A restored hub may know fewer promises than were fulfilled until its rights are
    re-opened; then none is open, not fewer than none.
    """
    promised, free = max(0, promised), max(0, free)
    return Lent(promised + free, promised, free)


@dataclass(frozen=True, slots=True)
class ValuedMove:
    """One movement and its money: value left `from_bucket`, value less variance entered `to_bucket`."""

    sku: str
    from_bucket: Bucket
    to_bucket: Bucket
    quantity: int
    value_minor: int
    variance_minor: int = 0


def issue(value: StockValue, quantity: int, unit_cost_minor: int) -> tuple[StockValue, int]:
    """Return stock after units left, and what they cost.

    Where nothing was ever received the catalogue's cost stands in for the last one.
    """
    if not value.last_unit_cost_minor and unit_cost_minor and value.quantity <= 0:
        value = replace(value, last_unit_cost_minor=unit_cost_minor)
    return value.issue(quantity)


def take_back(value: StockValue, quantity: int, cost_minor: int) -> tuple[StockValue, int]:
    """Return stock after units came back at a frozen cost, and the variance. It sets no new last cost."""
    after, _inventory, variance = value.receive(quantity, cost_minor)
    if value.last_unit_cost_minor:
        after = replace(after, last_unit_cost_minor=value.last_unit_cost_minor)
    return after, variance


def unit_cost(value: StockValue, unit_cost_minor: int) -> int:
    """Return what a unit is taken to cost: what somebody said, else the average, else the last cost."""
    if unit_cost_minor:
        return unit_cost_minor
    if value.quantity > 0:
        return round_ratio(value.value_minor, value.quantity)
    return value.last_unit_cost_minor


def line_of(movement: Movement, unit_cost_minor: int) -> StockLine:
    """Return a movement as a line of a correction, with what a unit of it is taken to cost."""
    return StockLine(
        sku=movement.sku,
        quantity=movement.quantity,
        from_bucket=movement.from_bucket.value,
        to_bucket=movement.to_bucket.value,
        unit_cost_minor=unit_cost_minor,
    )


def move_value(
    line: StockLine, values: Mapping[Bucket, StockValue]
) -> tuple[ValuedMove, dict[Bucket, StockValue]]:
    """Return what one line of a stock correction moves, and the buckets of its SKU afterwards."""
    source, target = Bucket(line.from_bucket), Bucket(line.to_bucket)
    after: dict[Bucket, StockValue] = {}
    if source in OUTSIDE:
        value = line.quantity * unit_cost(values.get(target, StockValue()), line.unit_cost_minor)
    else:
        after[source], value = issue(values[source], line.quantity, line.unit_cost_minor)
    variance = 0
    if target not in OUTSIDE:
        before = after.get(target, values[target])
        if source is Bucket.SUPPLIER or source is Bucket.OPENING:
            after[target], _inventory, variance = before.receive(line.quantity, value)
        else:
            after[target], variance = take_back(before, line.quantity, value)
    return ValuedMove(line.sku, source, target, line.quantity, value, variance), after
