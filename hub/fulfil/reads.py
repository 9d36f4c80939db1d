"""Reading fulfilment: assignments by place, state and age, and one with everything that belongs to it.

Whether an offer was sent is known to the wire alone, so `sent` is read from its directive and never stored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.fleet.rows import directives
from hub.fulfil.rows import assignment_directives, assignment_lines, assignments, handovers, parcels
from hub.fulfil.rules import OPEN, WAITING
from hub.spine.bulk import Select
from protocol.errors import NotFound
from protocol.fulfilment import FulfilKind
from protocol.lifecycles import AssignmentState

OPEN_STATES: Final = tuple(sorted(state.value for state in OPEN))


@dataclass(frozen=True, slots=True)
class AssignmentRead:
    """One assignment in a list."""

    assignment_id: str
    order_id: str
    number: str
    location: str
    state: str
    own: bool
    kind: str
    service: str
    promise_class: str
    due_us: int
    keep_until_us: int
    attempt: int
    decision_id: str
    cost_minor: int
    picker: str
    shelf: str
    bags: int
    reason: str
    cancel_asked: bool
    reroute: bool
    created_us: int
    heard_us: int
    sent_us: int | None
    acknowledged_us: int | None
    accepted_us: int | None
    ready_us: int | None
    left_us: int | None
    ended_us: int | None
    written_off_us: int | None
    units: int
    fulfilled: int


@dataclass(frozen=True, slots=True)
class AssignmentLineRead:
    """One line of an assignment."""

    line_no: int
    sku: str
    name: str
    quantity: int
    picked: int
    short: int
    fulfilled: int
    given_up: int


@dataclass(frozen=True, slots=True)
class ParcelRead:
    """One parcel or bag."""

    parcel_no: int
    parcel_id: str
    weight_g: int
    lines: list[dict[str, Any]]
    carrier: str
    service: str
    tracking: str
    shipped_us: int | None
    manifest_id: str


@dataclass(frozen=True, slots=True)
class HandoverRead:
    """One handover."""

    handover_id: str
    lines: list[dict[str, Any]]
    verified: str
    proxy: bool
    rest: bool
    at_us: int
    by: str
    undone_us: int | None
    undone_why: str


@dataclass(frozen=True, slots=True)
class AssignmentPage:
    """One assignment with everything that belongs to it."""

    assignment: AssignmentRead
    lines: tuple[AssignmentLineRead, ...]
    parcels: tuple[ParcelRead, ...]
    handovers: tuple[HandoverRead, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which assignments are wanted. `state` may be `open`; ages and dues are moments."""

    location: str = ""
    state: str = ""
    created_before_us: int | None = None
    due_before_us: int | None = None
    kind: str = ""
    late_at_us: int | None = None
    """Only what is late at this moment."""


_SENT: Final = (
    sa.select(directives.c.sent_us)
    .join(
        assignment_directives,
        (assignment_directives.c.edge == directives.c.edge)
        & (assignment_directives.c.hub_inc == directives.c.hub_inc)
        & (assignment_directives.c.cseq == directives.c.cseq),
    )
    .where(assignment_directives.c.assignment_id == assignments.c.assignment_id)
    .correlate(assignments)
    .scalar_subquery()
)
STATE: Final = sa.case(
    (
        (assignments.c.state == AssignmentState.PROPOSED.value) & _SENT.is_not(None),
        AssignmentState.SENT.value,
    ),
    else_=assignments.c.state,
)
"""The state of an assignment as people are told it: also whether its offer has left the hub."""


def _units(column: sa.Column[Any]) -> Any:
    return sa.func.coalesce(
        sa.select(sa.func.sum(column))
        .where(assignment_lines.c.assignment_id == assignments.c.assignment_id)
        .correlate(assignments)
        .scalar_subquery(),
        0,
    )


_COMPUTED: Final[dict[str, Any]] = {
    "state": STATE.label("state"),
    "sent_us": _SENT.label("sent_us"),
    "units": _units(assignment_lines.c.quantity).label("units"),
    "fulfilled": _units(assignment_lines.c.fulfilled).label("fulfilled"),
}
_COLUMNS: Final[list[Any]] = [
    _COMPUTED.get(name, assignments.c.get(name)) for name in AssignmentRead.__dataclass_fields__
]


def listed(
    connection: Connection, filters: Filters, *, limit: int = 50, offset: int = 0, sort: str = "due"
) -> tuple[list[AssignmentRead], int]:
    """Return a page of assignments, what is due first before the rest, and how many there are.

    `sort`: `due`, `age` (the oldest first) or `place`; with a minus before it the other way round.
    """
    where = _where(filters)
    total = connection.execute(sa.select(sa.func.count()).select_from(assignments).where(*where)).scalar_one()
    rows = connection.execute(
        sa.select(*_COLUMNS)
        .where(*where)
        .order_by(*_order(sort), assignments.c.assignment_id)
        .limit(limit)
        .offset(offset)
    ).all()
    return [_read(row) for row in rows], int(total)


def _order(sort: str) -> list[sa.ColumnElement[Any]]:
    columns: dict[str, list[sa.Column[Any]]] = {
        "due": [assignments.c.due_us],
        "age": [assignments.c.created_us],
        "place": [assignments.c.location, assignments.c.due_us],
    }
    found = columns[sort.removeprefix("-")]
    return [column.desc() for column in found] if sort.startswith("-") else list(found)


def _where(filters: Filters) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if filters.location:
        where.append(assignments.c.location == filters.location)
    if filters.state == "open":
        where.append(assignments.c.state.in_(OPEN_STATES))
    elif filters.state:
        where.append(sa.literal(filters.state) == STATE)
    if filters.created_before_us is not None:
        where.append(assignments.c.created_us <= filters.created_before_us)
    if filters.due_before_us is not None:
        where.append(assignments.c.due_us <= filters.due_before_us)
    if filters.kind:
        where.append(assignments.c.kind == filters.kind)
    if filters.late_at_us is not None:
        where.append(late_clause(filters.late_at_us))
    return where


def late_clause(now_us: int) -> sa.ColumnElement[bool]:
    """Return the condition under which an assignment is late: `hub.fulfil.rules.is_late` for the database."""
    still = assignments.c.state.in_([state.value for state in WAITING])
    parcel = (assignments.c.kind == FulfilKind.SHIP.value) & assignments.c.state.in_(OPEN_STATES)
    return (assignments.c.due_us < now_us) & (still | parcel)


def of_order(connection: Connection, order_id: str) -> list[AssignmentRead]:
    """Return the assignments of an order, in the order in which they were made."""
    rows = connection.execute(
        sa.select(*_COLUMNS)
        .where(assignments.c.order_id == order_id)
        .order_by(assignments.c.created_us, assignments.c.assignment_id)
    ).all()
    return [_read(row) for row in rows]


def find(connection: Connection, assignment_id: str) -> AssignmentPage:
    """Return one assignment.

    Raises:
        NotFound: there is none of that id.
    """
    mine = assignments.c.assignment_id == assignment_id
    row = connection.execute(sa.select(*_COLUMNS).where(mine)).first()
    if row is None:
        raise NotFound("There is no such assignment.", "Look the order up.", code="no_assignment")
    return AssignmentPage(
        assignment=_read(row),
        lines=tuple(
            AssignmentLineRead(*line[1:])
            for line in connection.execute(
                sa.select(assignment_lines)
                .where(assignment_lines.c.assignment_id == assignment_id)
                .order_by(assignment_lines.c.line_no)
            )
        ),
        parcels=_parcels(connection, assignment_id),
        handovers=_handovers(connection, assignment_id),
    )


def _parcels(connection: Connection, assignment_id: str) -> tuple[ParcelRead, ...]:
    rows = connection.execute(
        sa.select(*(parcels.c[name] for name in ParcelRead.__dataclass_fields__))
        .where(parcels.c.assignment_id == assignment_id)
        .order_by(parcels.c.parcel_no)
    )
    return tuple(ParcelRead(**_with_lines(row)) for row in rows)


def _handovers(connection: Connection, assignment_id: str) -> tuple[HandoverRead, ...]:
    rows = connection.execute(
        sa.select(*(handovers.c[name] for name in HandoverRead.__dataclass_fields__))
        .where(handovers.c.assignment_id == assignment_id)
        .order_by(handovers.c.at_us, handovers.c.handover_id)
    )
    return tuple(HandoverRead(**_with_lines(row)) for row in rows)


def _with_lines(row: sa.Row[Any]) -> dict[str, Any]:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping
    return {**values, "lines": json.loads(values["lines"])}


def _read(row: sa.Row[Any]) -> AssignmentRead:
    names = AssignmentRead.__dataclass_fields__
    values = dict(zip(names, row, strict=True))
    values["units"], values["fulfilled"] = int(values["units"]), int(values["fulfilled"])
    return AssignmentRead(**values)


_CLOCKED: Final[list[Any]] = [
    assignments.c.assignment_id,
    assignments.c.order_id,
    assignments.c.number,
    assignments.c.location,
    assignments.c.state,
    assignments.c.own,
    assignments.c.kind,
    assignments.c.due_us,
    assignments.c.keep_until_us,
    assignments.c.created_us,
    _SENT.label("sent_us"),
]
_OPEN_ROWS: Final = (
    sa.select(*_CLOCKED)
    .where(assignments.c.state.in_(OPEN_STATES))
    .order_by(assignments.c.due_us, assignments.c.assignment_id)
)
_OPEN: Final = Lookup(_OPEN_ROWS)
_OPEN_OF_ORDER: Final = Lookup(_OPEN_ROWS.where(assignments.c.order_id == sa.bindparam("of")))
_OPEN_AT: Final = Select(_OPEN_ROWS, assignments.c.location)


def open_rows(
    connection: Connection, places: Sequence[str] | None = None, *, order_id: str = ""
) -> Sequence[sa.Row[Any]]:
    """Return what the clocks look at: everything that a location still owes, the soonest due first.

    `places`: of these locations alone; or `order_id`: of one order.
    """
    if order_id:
        return _OPEN_OF_ORDER.all(connection, of=order_id)
    return _OPEN.all(connection) if places is None else _OPEN_AT.run(connection, places)
