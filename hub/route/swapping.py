"""Two orders that do each other a favour: one gives a location's unit up, so that the other needs no split.

An order lies split because the location that has the rest of it had promised one thing to another order. If
that order can be fulfilled elsewhere, and both together cost clearly less then, they change places. Only what
never left the hub does, because that alone is certain; neither promise becomes worse; each order moves once.
The best of both is looked for one after the other, so what is done is what was looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fulfil.rows import assignment_lines, assignments
from hub.route import reads
from hub.route.asking import ToRoute, lines_of
from hub.route.deciding import decide
from hub.route.moving import UNSENT, Moved, answer_to, because, if_free, take_back
from hub.route.rounds import next_round
from hub.route.rules.choice import Chosen, NoLocation
from hub.route.rules.instance import Objective
from hub.route.rules.moving import is_worth_moving
from hub.route.stages import to_route
from hub.spine.bulk import SelectPairs, among
from hub.spine.held import Holding, held
from hub.spine.steps import take_orders
from hub.spine.work import Work
from hub.stock import allocations

PARTNERS: Final = 3
"""Other orders that one split order is looked at with; each costs four answers."""
SPLIT: Final = 10
"""Split orders that one round looks at; the rest follows in the next (`rounds`)."""
_SPLIT: Final = UNSENT.group_by(assignments.c.order_id).having(sa.func.count() > 1)
_ANY: Final = SelectPairs(
    UNSENT.with_only_columns(assignments.c.order_id).join(
        assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id
    ),
    assignments.c.location,
    assignment_lines.c.sku,
)
"""The orders that were given some items somewhere, of what never left the hub."""


class _UndoneError(Exception):
    """Ends a unit of work of which a part has left the hub meanwhile."""


class Unsent(NamedTuple):
    """One offer that never left: of which order, where, and its units by item."""

    order_id: str
    assignment_id: str
    location: str
    skus: Mapping[str, int]


class _Side(NamedTuple):
    """One of two orders: what it is, who holds it, and what that costs."""

    order: ToRoute
    mine: Sequence[Holding]
    now: Objective


def swap_orders(hub: Hub) -> Moved:
    """Let pairs of orders change places where that costs clearly less. A clock calls it."""
    with hub.database.read() as connection:
        split = next_round(hub, connection, "split", _SPLIT, assignments.c.order_id, SPLIT)
        # Another order is looked at with one of these, not this one with all others: its turn comes, too.
        pairs = [pair for pair in pairs_of(_around(connection, split)) if pair[0][0].order_id in split]
    moved = 0
    done: set[str] = set()
    for first, second in pairs:
        if {first[0].order_id, second[0].order_id} & done:
            continue
        try:
            if hub.database.write(partial(_swap, hub, first, second)):
                done |= {first[0].order_id, second[0].order_id}
                moved += 1
        except _UndoneError:
            continue  # a part of them has left meanwhile, so both stay as they were
    return Moved(len(pairs), moved)


def pairs_of(unsent: Sequence[Unsent]) -> list[tuple[list[Unsent], list[Unsent]]]:
    """Return which orders could change places: a split one, and one that has the line it lacks somewhere.

    Pure: in the order of their ids, so that every process finds the same.
    """
    orders: dict[str, list[Unsent]] = {}
    at: dict[tuple[str, str], list[str]] = {}
    for each in sorted(unsent):
        orders.setdefault(each.order_id, []).append(each)
        for sku in each.skus:
            at.setdefault((each.location, sku), []).append(each.order_id)
    found = []
    for order_id, parts in orders.items():
        partners: list[str] = []
        for here in parts if len(parts) > 1 else ():
            lacking = {sku for part in parts if part is not here for sku in part.skus} - here.skus.keys()
            if len(lacking) == 1:
                partners += at.get((here.location, lacking.pop()), ())
        others = [other for other in dict.fromkeys(partners) if other != order_id]
        found += [(parts, orders[other]) for other in others[:PARTNERS]]
    return found


def _around(connection: Connection, split: Sequence[str]) -> list[Unsent]:
    """Return what never left of some orders, and of all that could change places with them."""
    if not split:
        return []
    mine = _unsent(connection, split)
    places = sorted({each.location for each in mine})
    skus = sorted({sku for each in mine for sku in each.skus})
    others = [row[0] for row in _ANY.run(connection, places, skus)]
    return _unsent(connection, sorted({*split, *others}))


def _unsent(connection: Connection, order_ids: Sequence[str]) -> list[Unsent]:
    theirs = UNSENT.where(among(connection, assignments.c.order_id, order_ids))
    offers = connection.execute(theirs).all()
    rows = connection.execute(
        sa.select(
            assignment_lines.c.assignment_id, assignment_lines.c.sku, assignment_lines.c.quantity
        ).where(among(connection, assignment_lines.c.assignment_id, [row.assignment_id for row in offers]))
    )
    skus: dict[str, dict[str, int]] = {}
    for row in rows:
        of_part = skus.setdefault(row.assignment_id, {})
        of_part[row.sku] = of_part.get(row.sku, 0) + row.quantity
    return [
        Unsent(row.order_id, row.assignment_id, row.location, skus.get(row.assignment_id, {}))
        for row in offers
    ]


def _swap(hub: Hub, first: Sequence[Unsent], second: Sequence[Unsent], unit: HubUnit) -> bool:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    one, other = _side(work, first), _side(work, second)
    if one is None or other is None or not _is_worth(work, one, other):
        return False
    for side in (one, other):
        if not take_back(work, side.order, side.mine):
            raise _UndoneError
    for side in (one, other):
        decide(work, side.order, because(reads.before(work.connection, side.order.order_id), reads.MOVED))
    hub.finish(work)
    return True


def _side(work: Work, parts: Sequence[Unsent]) -> _Side | None:
    """Return one of the two orders; None where more of it is held than what never left, or it has moved."""
    order_id, now_held = parts[0].order_id, held(work, parts[0].order_id)
    ids = {part.assignment_id for part in parts}
    mine = [each for each in now_held.open_holdings if each.assignment_id in ids]
    units: dict[int, int] = {}
    for holding in mine:
        for line_no, count in holding.units.items():
            units[line_no] = units.get(line_no, 0) + count
    order = to_route(work, order_id, units)
    if (
        order is None
        or len(mine) != len(now_held.open_holdings)
        or reads.before(work.connection, order_id).moved
    ):
        return None
    here = {each.location: False for each in mine}
    order = replace(order, holding=order.holding - here.keys())
    now = if_free(work, mine, lambda: answer_to(work, order, only=here))
    return _Side(order, mine, now.objective) if isinstance(now, Chosen) else None


def _is_worth(work: Work, one: _Side, other: _Side) -> bool:
    def look() -> tuple[Chosen | NoLocation, Chosen | NoLocation]:
        first = answer_to(work, one.order)
        if isinstance(first, Chosen):
            for n, sent in enumerate(first.sent):
                lines = lines_of(one.order.lines, sent.units)
                wanted = [(line.line_no, line.sku, line.quantity) for line in lines]
                allocations.allocate(work.connection, f"swap:{one.order.order_id}:{n}", sent.location, wanted)
        return first, answer_to(work, other.order)

    first, second = if_free(work, [*one.mine, *other.mine], look)
    if not (isinstance(first, Chosen) and isinstance(second, Chosen)):
        return False
    pairs = ((one.now, first.objective), (other.now, second.objective))
    if any((then.unserved, then.late) > (now.unserved, now.late) for (now, then) in pairs):
        return False
    now, then = (
        Objective(*(sum(values) for values in zip(*sums, strict=True)))
        for sums in ([each[0] for each in pairs], [each[1] for each in pairs])
    )
    return is_worth_moving(now, then)
