"""Changing a decision: orders that wait for a location, and offers that nobody has heard of yet.

Stock comes in, stores come back, other orders are cancelled. So what nobody could fulfil is tried again every
minute, and what was decided is looked at every hour as if its units were free. Only what never left the hub
moves by itself, because that alone is certain (`protocol.rights`), and only for a gain that is worth it
(`rules.moving`). Everything is tried inside a savepoint that is undone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple, TypeVar

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import directives
from hub.fulfil import offers
from hub.fulfil.room import Assignments
from hub.fulfil.rows import assignment_directives, assignments
from hub.fulfil.rules import FOR_GAIN
from hub.holds.restored import hold_if_older
from hub.holds.rows import blocking
from hub.route import asking, awaiting, reads
from hub.route.asking import ToRoute, ask_about, ask_of
from hub.route.deciding import decide, unroutable_key
from hub.route.keeping import Because
from hub.route.rounds import next_round
from hub.route.rules.choice import MAX_RE_ROUTES, Chosen, NoLocation
from hub.route.rules.instance import Objective
from hub.route.rules.moving import is_worth_moving
from hub.route.stages import PROMISE_CHANGED, to_route
from hub.spine.bulk import among
from hub.spine.held import Holding, held
from hub.spine.log import open_keys
from hub.spine.steps import record, take_orders
from hub.spine.work import Work
from hub.stock import allocations, claims
from protocol.holds import Blocked
from protocol.later import AssignmentWithdrawn
from protocol.lifecycles import AssignmentState

AT_ONCE: Final = 50
"""Orders that one round looks at, each in its own unit of work. The rest follows in the next (`rounds`)."""
_WAITING: Final = unroutable_key("")
_WAITS: Final = sa.select(open_keys.c.dedupe_key).where(open_keys.c.dedupe_key.like(f"{_WAITING}%"))
UNSENT: Final = (
    sa.select(assignments.c.order_id, assignments.c.assignment_id, assignments.c.location)
    .join(assignment_directives, assignment_directives.c.assignment_id == assignments.c.assignment_id)
    .join(
        directives,
        (directives.c.edge == assignment_directives.c.edge)
        & (directives.c.hub_inc == assignment_directives.c.hub_inc)
        & (directives.c.cseq == assignment_directives.c.cseq),
    )
    .where(
        assignments.c.state == AssignmentState.PROPOSED.value,
        ~assignments.c.own,
        directives.c.state == "queued",
        directives.c.sent_us.is_(None),
    )
    .order_by(assignments.c.order_id, assignments.c.assignment_id)
)
"""Offers that never left the hub."""
T = TypeVar("T")


class _UndoneError(Exception):
    """Ends a savepoint whose only purpose was to look, or a move that is not certain any more."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What one round did."""

    looked_at: int
    moved: int


class Better(NamedTuple):
    """What would clearly be better than what some locations hold."""

    order: ToRoute
    now: Objective | None
    """None where they could not even keep it any more."""
    then: Chosen


def try_waiting(hub: Hub) -> Moved:
    """Route what nobody could fulfil, where somebody can by now. A clock calls it."""
    with hub.database.read() as connection:
        keys = next_round(hub, connection, "waiting", _WAITS, open_keys.c.dedupe_key, AT_ONCE)
        ids = [key.removeprefix(_WAITING) for key in keys]
    return Moved(len(ids), sum([hub.database.write(partial(_try_again, hub, order_id)) for order_id in ids]))


def look_for_better(hub: Hub) -> Moved:
    """Move offers that nobody has heard of to where they cost clearly less. A clock calls it."""
    unsent: dict[str, list[str]] = {}
    with hub.database.read() as connection:
        ids = next_round(hub, connection, "unsent", UNSENT, assignments.c.order_id, AT_ONCE)
        theirs = UNSENT.where(among(connection, assignments.c.order_id, ids))
        for order_id, assignment_id, _location in connection.execute(theirs):
            unsent.setdefault(order_id, []).append(assignment_id)
    moved = 0
    for order_id, offered in unsent.items():
        try:
            moved += hub.database.write(partial(_move, hub, order_id, offered))
        except _UndoneError:
            continue  # a part of it has left meanwhile, so all of it stays as it was
    return Moved(len(unsent), moved)


def elsewhere(work: Work, order_id: str, assignment_id: str) -> Chosen | None:
    """Return who could fulfil an assignment instead of the location that has it; None when nobody could."""
    holding = held(work, order_id).holdings.get(assignment_id)
    order = None if holding is None else to_route(work, order_id, holding.units)
    if holding is None or order is None:
        return None
    found = if_free(work, [holding], lambda: answer_to(work, order, also_excluded=(holding.location,)))
    return found if isinstance(found, Chosen) else None


def _try_again(hub: Hub, order_id: str, unit: HubUnit) -> bool:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    before = reads.before(work.connection, order_id)
    waits = claims.waiting_units(work.connection, order_id)
    loose = {n: count - waits.get(n, 0) for n, count in held(work, order_id).loose.items()}
    order = to_route(work, order_id, loose)
    stop = blocking(work, order_id, Blocked.ROUTE)
    if order is None or stop is not None or before.automatic >= MAX_RE_ROUTES:
        return False  # what came back twice waits for a person
    why = because(before, "waited")
    if isinstance(answer_to(work, order), NoLocation) and awaiting.plan(work, order, why) is None:
        return False
    held_back = hold_if_older(work, order_id)
    if not held_back:
        decide(work, order, why)
    hub.finish(work)
    return not held_back


def better_for(work: Work, order_id: str, mine: Sequence[Holding]) -> Better | None:
    """Return what would clearly be better than what some locations hold of an order; None where nothing is.

    An order moves once; a second time would only say that prices swing.
    """
    units: dict[int, int] = {}
    for holding in mine:
        for line_no, count in holding.units.items():
            units[line_no] = units.get(line_no, 0) + count
    order = to_route(work, order_id, units)
    if order is None or reads.before(work.connection, order_id).moved:
        return None
    here = {each.location: False for each in mine}
    # Whoever would give it up packs nothing of it then.
    order = replace(order, holding=order.holding - here.keys())
    now = if_free(work, mine, lambda: answer_to(work, order, only=here))
    best = if_free(work, mine, lambda: answer_to(work, order))
    if not isinstance(best, Chosen) or {each.location for each in best.sent} == here.keys():
        return None
    if isinstance(now, Chosen) and not is_worth_moving(now.objective, best.objective):
        return None
    return Better(order, now.objective if isinstance(now, Chosen) else None, best)


def _move(hub: Hub, order_id: str, ids: Sequence[str], unit: HubUnit) -> bool:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    before, now_held = reads.before(work.connection, order_id), held(work, order_id)
    mine = [now_held.holdings[each] for each in ids if each in now_held.holdings]
    better = better_for(work, order_id, mine)
    if better is None:
        return False
    if not take_back(work, better.order, mine):
        raise _UndoneError
    decide(work, better.order, because(before, reads.MOVED))
    hub.finish(work)
    return True


def take_back(work: Work, order: ToRoute, mine: Iterable[Holding]) -> bool:
    """Take offers back that never left the hub; False when one has left meanwhile.

    Then the caller's unit of work must be undone, because others may be back already.
    """
    room = work.room(Assignments)
    for holding in mine:
        assignment = room.get(holding.assignment_id)
        if assignment is None or not offers.withdraw(work, assignment):
            return False
        record(work, _withdrawn(order, holding), results={PROMISE_CHANGED: True})
    return True


def _withdrawn(order: ToRoute, holding: Holding) -> AssignmentWithdrawn:
    return AssignmentWithdrawn(
        assignment_id=holding.assignment_id,
        order_id=order.order_id,
        number=order.number,
        location=holding.location,
        reason=FOR_GAIN,
    )


def because(before: reads.Before, trigger: str) -> Because:
    """Return why an order is decided anew, after what was decided for it before."""
    return Because(trigger=trigger, attempt=min(before.attempts + 1, 100), excluded=before.excluded)


def answer_to(
    work: Work, order: ToRoute, *, also_excluded: tuple[str, ...] = (), only: Mapping[str, bool] | None = None
) -> Chosen | NoLocation:
    """Return what would be decided for an order now; nothing is taken. `only`: as in `hub.route.asking`."""
    excluded = (*reads.before(work.connection, order.order_id).excluded, *also_excluded)
    ask = ask_of(order.order_id, order.promise, order.needs, work.clock.now_us(), excluded)
    return asking.answer(ask_about(work, order, ask, only=only))


def if_free(work: Work, holdings: Iterable[Holding], look: Callable[[], T]) -> T:
    """Return what would be answered if what some locations hold were free; nothing of it stays."""
    found: list[T] = []
    try:
        with work.unit.savepoint():
            for holding in holdings:
                allocations.end_all(work.connection, holding.assignment_id)
            found.append(look())
            raise _UndoneError
    except _UndoneError:
        return found[0]
