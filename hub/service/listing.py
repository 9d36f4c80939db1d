"""Orders for later in the list of orders: their promise and holder beside each row, and what is looked for.

Customers are found by name, phone or mail, which only Operations may do; everybody else finds numbers, items
and ids. A page of rows is read with three statements, however many orders there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.customers.rows import contacts, is_like
from hub.exceptions.rows import exceptions
from hub.fulfil.faces import BEGUN, Face, face
from hub.fulfil.reads import OPEN_STATES, STATE, late_clause
from hub.fulfil.rows import assignment_lines, assignments, parcels
from hub.service.reads import place_of
from hub.service.rules import OVER, Goods, Part, answer
from hub.spine.bulk import among
from hub.spine.later_rows import later_orders
from hub.spine.rows import order_lines, orders
from protocol.fulfilment import FulfilKind
from protocol.kit.web.filters import when
from protocol.lifecycles import AssignmentState, OrderState
from protocol.orders import LineKind
from protocol.people import HubRole

View = Literal["", "collect", "ship", "waiting", "late"]
_NOBODY: Final = (OrderState.CAPTURED.value, OrderState.HELD.value)
_HERE: Final = (HubRole.OPS.value, HubRole.FINANCE.value, HubRole.ADMIN.value)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a row of the list says of an order for later."""

    kind: str
    place: str
    due_us: int
    requested: bool
    external_id: str
    says: str
    holders: tuple[str, ...]
    clock: Face | None
    """None once everything is there or gone."""


@dataclass(frozen=True, slots=True)
class _Given:
    state: str
    location: str
    keep_until_us: int
    units: int
    fulfilled: int
    parcels_left: int
    parcels: int


_MINE: Final = parcels.c.assignment_id == assignments.c.assignment_id
_PARCELS: Final = sa.select(sa.func.count()).where(_MINE).correlate(assignments).scalar_subquery()
_PARCELS_LEFT: Final = (
    sa.select(sa.func.count())
    .where(_MINE, parcels.c.shipped_us.is_not(None))
    .correlate(assignments)
    .scalar_subquery()
)


def beside(
    connection: Connection,
    order_ids: Sequence[str],
    names: Mapping[str, str],
    *,
    now_us: int,
    work_us: int,
    zone: str,
) -> dict[str, Beside]:
    """Return what is to be said beside each order for later of a page; sales are left out."""
    if not order_ids:
        return {}
    heads = connection.execute(
        sa.select(later_orders, orders.c.at_us)
        .join(orders, orders.c.order_id == later_orders.c.order_id)
        .where(among(connection, later_orders.c.order_id, list(order_ids)))
    ).all()
    ids = [row.order_id for row in heads]
    if not ids:
        return {}
    goods, given = _goods(connection, ids), _given(connection, ids)
    found = {}
    for row in heads:
        parts = given.get(row.order_id, [])
        counted = _with_loose(goods[row.order_id], parts)
        told = [
            Part(
                names.get(part.location, part.location),
                part.state,
                part.units,
                part.fulfilled,
                str(when(part.keep_until_us, zone, "EEE d MMM").striptags()) if part.keep_until_us else "",
            )
            for part in parts
        ]
        open_parts = [part for part in parts if part.state in OPEN_STATES or part.state == "sent"]
        ready = bool(open_parts) and all(
            part.state == AssignmentState.READY and row.kind == FulfilKind.COLLECT for part in open_parts
        )
        begun = bool(open_parts) and all(part.state in BEGUN for part in open_parts)
        done = not counted.open or (ready and not counted.loose)
        promise_place = place_of(row.promise)
        found[row.order_id] = Beside(
            kind=row.kind,
            place=names.get(promise_place, promise_place),
            due_us=row.due_us,
            requested=bool(row.requested),
            external_id=row.external_id,
            says=answer(row.kind, counted, told, parcels=_parcels(parts)),
            holders=tuple(dict.fromkeys(names.get(part.location, part.location) for part in open_parts)),
            clock=None if done else face(row.at_us, row.due_us, now_us, work_us, begun=begun),
        )
    return found


def _parcels(parts: Sequence[_Given]) -> tuple[int, int]:
    mine = [part for part in parts if part.state not in OVER]
    return sum(part.parcels_left for part in mine), sum(part.parcels for part in mine)


def _with_loose(goods: Goods, parts: Sequence[_Given]) -> Goods:
    held = sum(part.fulfilled if part.state in OVER else part.units for part in parts)
    loose = max(0, goods.ordered - goods.cancelled - held)
    return Goods(goods.ordered, goods.cancelled, goods.fulfilled, goods.returned, loose)


def _goods(connection: Connection, order_ids: Sequence[str]) -> dict[str, Goods]:
    rows = connection.execute(
        sa.select(
            order_lines.c.order_id,
            sa.func.sum(order_lines.c.quantity),
            sa.func.sum(order_lines.c.cancelled),
            sa.func.sum(order_lines.c.fulfilled),
            sa.func.sum(order_lines.c.returned),
        )
        .where(
            among(connection, order_lines.c.order_id, list(order_ids)),
            order_lines.c.kind == LineKind.GOODS.value,
        )
        .group_by(order_lines.c.order_id)
    )
    found = {order_id: Goods(0, 0, 0, 0, 0) for order_id in order_ids}
    for order_id, ordered, cancelled, fulfilled, returned in rows:
        found[order_id] = Goods(int(ordered), int(cancelled), int(fulfilled), int(returned), 0)
    return found


def _given(connection: Connection, order_ids: Sequence[str]) -> dict[str, list[_Given]]:
    lines = assignment_lines.c
    rows = connection.execute(
        sa.select(
            assignments.c.order_id,
            STATE.label("state"),
            assignments.c.location,
            assignments.c.keep_until_us,
            sa.func.sum(lines.quantity - lines.short - lines.given_up),
            sa.func.sum(lines.fulfilled),
            _PARCELS_LEFT.label("left"),
            _PARCELS.label("parcels"),
        )
        .join(assignment_lines, lines.assignment_id == assignments.c.assignment_id)
        .where(among(connection, assignments.c.order_id, list(order_ids)))
        .group_by(
            assignments.c.order_id,
            assignments.c.assignment_id,
            assignments.c.state,
            assignments.c.location,
            assignments.c.keep_until_us,
            assignments.c.created_us,
        )
        .order_by(assignments.c.created_us, assignments.c.assignment_id)
    )
    found: dict[str, list[_Given]] = {}
    for order_id, state, location, keep_until_us, units, fulfilled, left, known in rows:
        part = _Given(state, location, keep_until_us, int(units), int(fulfilled), int(left), int(known))
        found.setdefault(order_id, []).append(part)
    return found


def view_clause(view: View, now_us: int) -> sa.ColumnElement[bool] | None:
    """Return which orders a view shows; None where it shows all of them."""
    if not view:
        return None
    mine = sa.select(later_orders.c.order_id)
    if view in ("collect", "ship"):
        return orders.c.order_id.in_(mine.where(later_orders.c.kind == view))
    nobody = orders.c.state.in_(_NOBODY)
    if view == "late":
        late = sa.select(assignments.c.order_id).where(late_clause(now_us))
        due = mine.where(later_orders.c.due_us < now_us)
        return orders.c.order_id.in_(late) | (nobody & orders.c.order_id.in_(due))
    card = sa.exists().where(
        exceptions.c.subject == sa.literal("order:") + orders.c.order_id,
        exceptions.c.state == "open",
        exceptions.c.owner_role.in_(_HERE),
    )
    return orders.c.order_id.in_(mine) & (nobody | card)


def text_clause(text: str, *, people: bool) -> sa.ColumnElement[bool]:
    """Return which orders for later a text finds: by the channel's id, and by who they are for.

    `people`: whoever asks may look customers up.
    """
    by_id = sa.select(later_orders.c.order_id).where(later_orders.c.external_id == text)
    clause = orders.c.order_id.in_(by_id)
    if not people:
        return clause
    mine = sa.select(contacts.c.contact_id).where(is_like(text))
    return clause | orders.c.customer_id.in_(mine)
