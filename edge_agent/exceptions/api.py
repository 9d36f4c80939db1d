"""What needs a person in this store, over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.exceptions import rows, steps
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
LeadOrManager = Annotated[CurrentPerson, Depends(require(StoreRole.LEAD, StoreRole.MANAGER))]
ExceptionId = Annotated[str, Field(max_length=64)]

router = APIRouter(prefix="/api/exceptions", tags=["exceptions"], responses=REFUSALS)


class ExceptionAnswer(BaseModel):
    """One exception. `closed_us` is null while its cause is there."""

    model_config = ConfigDict(from_attributes=True)

    exception_id: str
    dedupe_key: str
    kind: str
    subject: str
    title: str
    facts: dict[str, Any]
    owner_role: str
    raised_us: int
    closed_us: int | None
    closed_how: str
    owner: str
    """Who has taken it; empty for nobody."""
    due_us: int
    """By when somebody must have looked, in microseconds."""
    snoozed_until_us: int


class CloseWanted(BaseModel):
    """How a person dealt with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: str = Field(min_length=1, max_length=300)


@router.get("")
def exceptions(
    edge: AnyEdge,
    _person: Annotated[CurrentPerson, Depends(signed_in)],
    closed: bool = Query(default=False),
    limit: int = Query(default=100, ge=1, le=500),
) -> list[ExceptionAnswer]:
    """List what needs a person, oldest first; with `closed=true` everything, newest first."""
    found = rows.listed(edge.database.read(), with_closed=closed, limit=limit)
    return [ExceptionAnswer.model_validate(each) for each in found]


@router.post("/{exception_id}/close")
async def close(
    exception_id: ExceptionId, wanted: CloseWanted, edge: AnyEdge, person: LeadOrManager
) -> ExceptionAnswer:
    """Close one, saying how it was dealt with."""
    closed = await edge.database.awrite(
        lambda unit: steps.close_by_id(unit, edge, exception_id, how=wanted.how, person=person)
    )
    return ExceptionAnswer.model_validate(closed)
