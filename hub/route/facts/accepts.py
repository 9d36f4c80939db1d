"""How often each location has really packed what it was asked for, learned from what became of assignments.

A clock counts the lines of a season that were asked of each location, and how many of them it packed whole.
What it gave back because the customer did not come counts as packed, what the customer or the hub took back
counts as nothing. A location that was asked for little is believed to be like the others (`accept_ppm`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.context import Hub
from hub.database import HubUnit
from hub.fulfil.rows import assignment_lines, assignments
from hub.route.facts.book import Book
from hub.route.facts.outcomes import History, Outcomes
from hub.route.facts.rows import accept_history
from hub.spine.bulk import Insert, Select
from hub.spine.steps import count_up
from protocol.clock import DAY_US
from protocol.fulfilment import RejectReason
from protocol.lifecycles import AssignmentState

SEASON_US: Final = 90 * DAY_US
"""How far back it is looked: shops change hands and shelves, so what is older says little of today."""
_KEPT: Final = tuple(
    state.value
    for state in (
        AssignmentState.PICKED,
        AssignmentState.PACKED,
        AssignmentState.READY,
        AssignmentState.HANDED_OVER,
        AssignmentState.SHIPPED,
    )
)
_NOT_COME: Final = (assignments.c.state == AssignmentState.REJECTED.value) & (
    assignments.c.reason == RejectReason.NO_SHOW.value
)
_COUNTED: Final = (*_KEPT, AssignmentState.REJECTED.value, AssignmentState.SHORT.value)
_CATEGORY: Final = sa.func.coalesce(products.c.category, "")
_OUTCOMES: Final = (
    sa.select(
        assignments.c.location,
        _CATEGORY.label("category"),
        sa.func.count().label("asked"),
        sa.func.sum(
            sa.case(
                ((assignment_lines.c.short == 0) & (assignments.c.state.in_(_KEPT) | _NOT_COME), 1), else_=0
            )
        ).label("kept"),
        sa.func.max(assignments.c.heard_us).label("newest_us"),
    )
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .outerjoin(products, products.c.sku == assignment_lines.c.sku)
    .where(
        ~assignments.c.own,
        assignments.c.state.in_(_COUNTED),
        assignments.c.heard_us >= sa.bindparam("since", type_=sa.BigInteger),
    )
    .group_by(assignments.c.location, _CATEGORY)
)
_INSERT: Final = Insert(accept_history)
_ALL: Final = sa.select(
    accept_history.c.location,
    accept_history.c.category,
    accept_history.c.kept,
    accept_history.c.asked,
    accept_history.c.newest_us,
)
_OF_CATEGORIES: Final = Select(_ALL, accept_history.c.category)


def measure(hub: Hub) -> int:
    """Count what became of the assignments of a season; return of how many locations. A clock calls it."""
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        found = totals(connection.execute(_OUTCOMES, {"since": now_us - SEASON_US}))
    return hub.database.write(lambda unit: _keep(unit, found))


def totals(rows: Iterable[Any]) -> dict[tuple[str, str], Outcomes]:
    """Return outcomes by location and category, with those of each location as a whole."""
    found: dict[tuple[str, str], Outcomes] = {}
    for row in rows:
        for key in {(row.location, row.category), (row.location, "")}:
            was = found.get(key, Outcomes(0, 0, 0))
            newest = max(was.newest_us, int(row.newest_us))
            found[key] = Outcomes(was.kept + int(row.kept), was.asked + int(row.asked), newest)
    return found


def _keep(unit: HubUnit, found: History) -> int:
    connection = unit.connection
    count_up(connection, "accept_history")  # two processes that count at once do it one after the other
    connection.execute(sa.delete(accept_history))
    _INSERT.run(connection, [(*key, *outcomes) for key, outcomes in sorted(found.items())])
    return sum([not category for _location, category in found])


def history_of(connection: Connection, categories: Iterable[str], memory: dict[str, Any]) -> History:
    """Return what each location did with some categories, and with everything."""
    wanted = sorted({"", *categories})
    key = f"accepts:{wanted}"
    if key not in memory:
        memory[key] = _seen(_OF_CATEGORIES.run(connection, wanted))
    found: History = memory[key]
    return found


def _seen(rows: Iterable[Any]) -> dict[tuple[str, str], Outcomes]:
    return {(row.location, row.category): Outcomes(row.kept, row.asked, row.newest_us) for row in rows}


@dataclass(frozen=True, slots=True)
class Learned:
    """What routing believes of one location and category, and why."""

    location: str
    category: str
    """Empty: everything that it was asked for."""
    kept: int
    asked: int
    newest_us: int
    accept_ppm: int
    entered: bool
    """Whether a row of the parameters says it, so that what was seen does not count."""


def learned(connection: Connection, book: Book) -> list[Learned]:
    """Return what is believed of every location that was asked for anything, the least sure first."""
    seen = {
        (row.location, row.category): Outcomes(row.kept, row.asked, row.newest_us)
        for row in connection.execute(_ALL)
    }
    found = [
        Learned(
            location,
            category,
            outcomes.kept,
            outcomes.asked,
            outcomes.newest_us,
            book.accept_ppm(location, category, seen),
            book.accept_row(location, category) is not None,
        )
        for (location, category), outcomes in seen.items()
    ]
    return sorted(found, key=lambda each: (each.accept_ppm, each.location, each.category))
