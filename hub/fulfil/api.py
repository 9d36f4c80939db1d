"""Assignments over HTTP: by location, state and age, and one with its lines, parcels and handovers."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from hub.fulfil import reads
from hub.fulfil.reads import AssignmentRead, Filters
from hub.web import REFUSALS, Anybody, Limit, Offset, Text, TheHub
from protocol.clock import MICROSECONDS

router = APIRouter(prefix="/api", tags=["fulfilment"], responses=REFUSALS)
AssignmentId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Minutes = Annotated[int | None, Query(ge=-1_000_000, le=1_000_000)]
Age = Annotated[int | None, Query(ge=0, le=1_000_000)]
State = Literal[
    "", "open", "proposed", "sent", "acknowledged", "picking", "picked", "packed", "ready", "handed_over",
    "shipped", "rejected", "short", "cancelled", "expired",
]  # fmt: skip
MINUTE_US = 60 * MICROSECONDS


class AssignmentView(BaseModel):
    """The part of an order that one location fulfils. `own`: the store set it aside itself."""

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
    due_in_minutes: int
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
    age_minutes: int
    heard_us: int
    sent_us: int | None
    acknowledged_us: int | None
    accepted_us: int | None
    ready_us: int | None
    left_us: int | None
    ended_us: int | None
    units: int
    fulfilled: int


class AssignmentsPage(BaseModel):
    """A page of assignments, what is due first before the rest, and how many there are."""

    total: int
    assignments: list[AssignmentView]


class AssignmentLineView(BaseModel):
    """One line: what was given to the location and what became of it."""

    line_no: int
    sku: str
    name: str
    quantity: int
    picked: int
    short: int
    fulfilled: int
    given_up: int


class ParcelView(BaseModel):
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


class HandoverView(BaseModel):
    """One handover to a customer."""

    handover_id: str
    lines: list[dict[str, Any]]
    verified: str
    proxy: bool
    rest: bool
    at_us: int
    by: str
    undone_us: int | None
    undone_why: str


class OneAssignment(BaseModel):
    """An assignment with everything that belongs to it."""

    assignment: AssignmentView
    lines: list[AssignmentLineView]
    parcels: list[ParcelView]
    handovers: list[HandoverView]


def view(found: AssignmentRead, now_us: int) -> AssignmentView:
    """Return an assignment as it is shown."""
    until_us = found.ended_us if found.ended_us is not None else now_us
    return AssignmentView(
        **asdict(found),
        due_in_minutes=(found.due_us - now_us) // MINUTE_US,
        age_minutes=max(0, until_us - found.created_us) // MINUTE_US,
    )


@router.get("/assignments")
def listed(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Anybody,
    location: Text = "",
    state: State = "open",
    older_than_minutes: Age = None,
    due_in_minutes: Minutes = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> AssignmentsPage:
    """List assignments, what is due first before the rest; `state=` lists those that are over too.

    `due_in_minutes`: due within so many; below zero, overdue by as many at least.
    """
    now_us = hub.clock.now_us()
    filters = Filters(
        location=location,
        state=state,
        created_before_us=None if older_than_minutes is None else now_us - older_than_minutes * MINUTE_US,
        due_before_us=None if due_in_minutes is None else now_us + due_in_minutes * MINUTE_US,
    )
    with hub.database.read() as connection:
        found, total = reads.listed(connection, filters, limit=limit, offset=offset)
    return AssignmentsPage(total=total, assignments=[view(each, now_us) for each in found])


@router.get("/assignments/{assignment_id}")
def one(hub: TheHub, _person: Anybody, assignment_id: AssignmentId) -> OneAssignment:
    """Show one."""
    with hub.database.read() as connection:
        page = reads.find(connection, assignment_id)
    return OneAssignment(
        assignment=view(page.assignment, hub.clock.now_us()),
        lines=[AssignmentLineView(**asdict(line)) for line in page.lines],
        parcels=[ParcelView(**asdict(parcel)) for parcel in page.parcels],
        handovers=[HandoverView(**asdict(handover)) for handover in page.handovers],
    )
