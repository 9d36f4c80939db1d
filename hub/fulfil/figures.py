"""How much work waits for which location, and how much of it is late; what the overview and lists add up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fulfil.reads import OPEN_STATES, late_clause
from hub.fulfil.rows import assignments
from hub.spine.later_rows import later_orders
from hub.spine.rows import orders
from protocol.lifecycles import AssignmentState, OrderState

_OPEN: Final = assignments.c.state.in_(OPEN_STATES)
_NOBODY: Final = (OrderState.CAPTURED.value, OrderState.HELD.value)


@dataclass(frozen=True, slots=True)
class Load:
    """What one location still has to do."""

    location: str
    open: int
    late: int
    unanswered: int
    """Offered, and not answered by the location."""
    ready: int
    oldest_us: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders for later that are not done."""

    late: int
    """Orders with a part that is late, or that nobody fulfils though they are due."""
    at_stores: int
    nobody: int
    """Orders that no location fulfils."""

    @property
    def any(self) -> bool:
        """Tell whether anything waits at all."""
        return bool(self.late or self.at_stores or self.nobody)


def loads(connection: Connection, now_us: int) -> Mapping[str, Load]:
    """Return what waits at each location that has anything open, the most first."""

    def count(condition: Any) -> Any:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    rows = connection.execute(
        sa.select(
            assignments.c.location,
            sa.func.count(),
            count(late_clause(now_us)),
            count(assignments.c.state == AssignmentState.PROPOSED.value),
            count(assignments.c.state == AssignmentState.READY.value),
            sa.func.min(assignments.c.created_us),
        )
        .where(_OPEN)
        .group_by(assignments.c.location)
    )
    found = [Load(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4]), int(row[5])) for row in rows]
    return {load.location: load for load in sorted(found, key=lambda load: (-load.open, load.location))}


def waiting(connection: Connection, now_us: int) -> Waiting:
    """Return how many orders for later are late, lie at a location, or have nobody."""

    def count(query: Any) -> int:
        return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar() or 0)

    late = sa.select(assignments.c.order_id).where(late_clause(now_us))
    nobody = (
        sa.select(orders.c.order_id)
        .join(later_orders, later_orders.c.order_id == orders.c.order_id)
        .where(orders.c.state.in_(_NOBODY))
    )
    due = nobody.where(later_orders.c.due_us < now_us)
    return Waiting(
        late=count(sa.union(late, due)),
        at_stores=count(sa.select(assignments.c.order_id).where(_OPEN).distinct()),
        nobody=count(nobody),
    )
