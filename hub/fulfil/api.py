"""Assignments over HTTP: by location, state and age, and one with its lines, parcels and handovers."""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from hub.fulfil import reads
from hub.fulfil.reads import AssignmentLineRead, AssignmentRead, Filters, HandoverRead, ParcelRead
from hub.fulfil.risks import risk_of_assignment
from hub.web import REFUSALS, Anybody, Limit, Offset, Text, TheHub
from protocol.clock import MICROSECONDS

router = APIRouter(prefix="/api", tags=["fulfilment"], responses=REFUSALS)
AssignmentId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Minutes = Annotated[int | None, Query(ge=-1_000_000, le=1_000_000)]
Age = Annotated[int | None, Query(ge=0, le=1_000_000)]
State = Literal[
    "", "open", "proposed", "sent", "acknowledged", "picking", "picked", "packed", "ready", "handed_over",
    "shipped", "rejected", "short", "cancelled", "expired", "written_off",
]  # fmt: skip
MINUTE_US = 60 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class AssignmentView(AssignmentRead):
    """The part of an order that one location fulfils. `own`: the store set it aside itself."""

    due_in_minutes: int
    age_minutes: int


class AssignmentsPage(BaseModel):
    """A page of assignments, what is due first before the rest, and how many there are."""

    total: int
    assignments: list[AssignmentView]


class OneAssignment(BaseModel):
    """An assignment with everything that belongs to it."""

    assignment: AssignmentView
    lines: tuple[AssignmentLineRead, ...]
    parcels: tuple[ParcelRead, ...]
    handovers: tuple[HandoverRead, ...]


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
        lines=page.lines,
        parcels=page.parcels,
        handovers=page.handovers,
    )


class RiskPart(BaseModel):
    """One reason why a promise may break: `stock`, `display`, `capacity`, `sync` or `transit`."""

    what: str
    percent: int
    fact: str


class RiskView(BaseModel):
    """How likely a part of an order is late as things stand, the greatest reason first."""

    percent: int
    parts: list[RiskPart]


@router.get("/assignments/{assignment_id}/risk")
def risk(hub: TheHub, _person: Anybody, assignment_id: AssignmentId) -> RiskView:
    """Say how likely it is late, and why."""
    with hub.database.read() as connection:
        found = risk_of_assignment(hub, connection, assignment_id)
    return RiskView(percent=found.percent, parts=[RiskPart(**asdict(part)) for part in found.parts])
