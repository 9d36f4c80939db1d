"""What people decide about orders that wait since a restore: which there are, whom for, letting them go on.

What is certain goes on by itself (`hub.holds.restored`). For the rest nobody can rule out that a silent store
has the order or handed it over, so it is never let go in passing: whoever does it has seen each order and
each store that is waited for, and says why. A store that was not shown stops it.
"""

from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from hub.capture import changes
from hub.capture.steps import By
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import link_sessions, locations
from hub.holds import placing, rows, steps
from hub.holds.restored import CODE
from hub.holds.rows import order_holds
from hub.holds.steps import Decision
from hub.link.epochs import unheard_since_restore
from hub.once import once
from hub.spine.bulk import among
from hub.spine.later_rows import later_orders
from hub.spine.rows import order_lines
from hub.spine.work import Work
from hub.web import Wanted
from protocol.errors import NotFound, Refused
from protocol.fulfilment import FulfilKind, Promise
from protocol.holds import HoldKind
from protocol.kit.text import _
from protocol.orders import LineKind, WireModel

SHOWN: Final = 200
"""Orders that one page shows, and that are let go at once: in one unit of work, while others wait for it."""
STORES: Final = 5_000
REASON_LONGEST: Final = 200
"""Shorter than a note of a hold may be: the names of the silent locations stand behind it."""
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=REASON_LONGEST,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
    ),
]
_MINE: Final = rows.is_open_with(HoldKind.AVAILABILITY, CODE)


class Silent(WireModel):
    """A location that has not said what it had when the hub was restored."""

    location: str
    name: str
    last_us: int
    """When it was heard last; 0 for never."""


class WaitingOrder(WireModel):
    """An order that may lie at one of them."""

    hold_id: str
    order_id: str
    number: str
    kind: str
    location: str
    """Where it is collected; empty for one that is shipped from anywhere."""
    units: int
    placed_us: int
    due_us: int


class WaitingPage(WireModel):
    """Which orders wait since the hub was restored, the oldest first, and for whom."""

    total: int
    unheard: tuple[Silent, ...]
    orders: tuple[WaitingOrder, ...]


class LetGoWanted(Wanted):
    """Let orders go on that were shown, although these locations have not spoken."""

    reason: Reason
    holds: Annotated[tuple[str, ...], Field(min_length=1, max_length=SHOWN)]
    unheard: Annotated[tuple[str, ...], Field(max_length=STORES)]
    """The locations that were shown; nothing is let go where another one is waited for by now."""


class LetGo(BaseModel):
    """What became of them, by the orders' numbers."""

    released: tuple[str, ...]
    ended: tuple[str, ...]
    """Decided by somebody else, or certain, meanwhile."""
    unheard: tuple[str, ...]


def waiting(connection: Connection, limit: int = SHOWN) -> WaitingPage:
    """Return what waits since the restore."""
    line = order_lines.c
    units = (
        sa.select(sa.func.coalesce(sa.func.sum(line.quantity - line.cancelled), 0))
        .where(line.order_id == order_holds.c.order_id, line.kind == LineKind.GOODS.value)
        .scalar_subquery()
    )
    found = connection.execute(
        sa.select(
            order_holds.c.hold_id,
            order_holds.c.order_id,
            order_holds.c.number,
            units.label("units"),
            order_holds.c.placed_us,
            later_orders.c.due_us,
            later_orders.c.promise,
        )
        .join(later_orders, later_orders.c.order_id == order_holds.c.order_id)
        .where(_MINE)
        .order_by(order_holds.c.apply_order)
        .limit(limit)
    )
    orders = tuple(_order(row) for row in found)
    return WaitingPage(total=how_many(connection), unheard=_silent(connection), orders=orders)


def _order(row: Any) -> WaitingOrder:
    promise = Promise.model_validate_json(row.promise)
    return WaitingOrder(
        hold_id=row.hold_id,
        order_id=row.order_id,
        number=row.number,
        kind=promise.kind.value,
        location=promise.location if promise.kind is FulfilKind.COLLECT else "",
        units=int(row.units),
        placed_us=row.placed_us,
        due_us=row.due_us,
    )


def how_many(connection: Connection) -> int:
    """Return how many orders wait since the hub was restored."""
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(order_holds).where(_MINE)).scalar_one()
    )


def let_go(hub: Hub, wanted: LetGoWanted, role: str, by: By) -> LetGo:
    """Let orders go on that may be at a location that has not spoken; all that can be, or none of them.

    Raises:
        NotFound: there is no such hold, or it has nothing to do with a restore.
        NotPermitted: another role decides about one of them.
        Refused: more locations are waited for than were shown.
    """

    def do(work: Work) -> LetGo:
        unheard = unheard_since_restore(work.connection)
        more = sorted({*unheard} - {*wanted.unheard})
        if more:
            raise Refused(
                _("More locations have not spoken than were shown: {places}.", places=", ".join(more[:5])),
                _("Look the list up again, and decide anew."),
                code="more_unheard",
                unheard=more,
            )
        note = wanted.reason
        if unheard:
            note = f"{note} ({', '.join(unheard)} had not spoken)"  # cut after the reason, where it is long
        released, ended = [], []
        for hold_id in dict.fromkeys(wanted.holds):
            row = rows.find(work.connection, hold_id)
            if row is None or row.hold.code != CODE:
                raise NotFound(_("There is no such hold."), _("Look the list up again."), code="no_hold")
            if not row.is_open:
                ended.append(row.hold.number)
                continue
            steps.decidable(work, Decision(hold_id, note, role, by))
            placing.release(work, row.hold, note=note, by=by.name)
            released.append(row.hold.number)
        return LetGo(released=tuple(released), ended=tuple(ended), unheard=tuple(unheard))

    def step(unit: HubUnit) -> LetGo:
        def act() -> LetGo:
            work = changes.begin(hub, unit)
            done = do(work)
            hub.finish(work, "holds", "orders")
            return done

        return once(unit, hub, wanted, f"{by.name}/restored/{by.key}" if by.key else "", LetGo, act)[0]

    return hub.database.write(step)


def _silent(connection: Connection) -> tuple[Silent, ...]:
    unheard = unheard_since_restore(connection)
    found = connection.execute(
        sa.select(
            locations.c.location_id,
            locations.c.name,
            sa.select(sa.func.coalesce(sa.func.max(link_sessions.c.last_us), 0))
            .where(link_sessions.c.edge == locations.c.location_id)
            .scalar_subquery()
            .label("last_us"),
        )
        .where(among(connection, locations.c.location_id, unheard))
        .order_by(locations.c.location_id)
    )
    return tuple(Silent(location=row.location_id, name=row.name, last_us=row.last_us) for row in found)
