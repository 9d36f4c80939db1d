"""Commissions over HTTP: rates, the figure of each associate, and what stands behind it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.commissions import rows, steps
from hub.web import REFUSALS, Finance, TheHub, Wanted
from protocol.commissions import CommissionPlan

router = APIRouter(prefix="/api/commissions", tags=["commissions"], responses=REFUSALS)
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Person = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
MOVES = 500


class PlanWanted(Wanted):
    """Whole rates, and the version that they were made from."""

    base: Annotated[int, Field(ge=0, le=2**53)]
    plan: CommissionPlan


class FigureView(BaseModel):
    """One associate."""

    person: str
    location: str
    currency: str
    earned_minor: int
    back_minor: int
    paid_minor: int
    owed_minor: int


class MoveView(BaseModel):
    """Something that was earned, or with a minus taken back."""

    number: str
    order_id: str
    line_no: int
    amount_minor: int
    currency: str
    business_date: str


@router.get("")
def figures(hub: TheHub, _person: Finance, first: Day = "", last: Day = "") -> list[FigureView]:
    """Return the figure of each associate, of all days or of some."""
    with hub.database.read() as connection:
        found = rows.figures(connection, first=first, last=last)
    return [
        FigureView(
            person=each.person,
            location=each.location,
            currency=each.currency,
            earned_minor=each.earned_minor,
            back_minor=each.back_minor,
            paid_minor=each.paid_minor,
            owed_minor=each.owed_minor,
        )
        for each in found
    ]


@router.get("/moves")
def moves(hub: TheHub, _person: Finance, person: Person) -> list[MoveView]:
    """Return what stands behind the figure of an associate, the newest first."""
    with hub.database.read() as connection:
        found = rows.moves_of(connection, person, MOVES)
    return [
        MoveView(
            number=row.number,
            order_id=row.order_id,
            line_no=row.line_no,
            amount_minor=row.amount_minor,
            currency=row.currency,
            business_date=row.business_date,
        )
        for row in found
    ]


@router.get("/plans")
def plans(hub: TheHub, _person: Finance) -> list[CommissionPlan]:
    """Return every version of the rates, the newest first."""
    with hub.database.read() as connection:
        return rows.plans(connection)


@router.put("/plan")
def save(hub: TheHub, person: Finance, wanted: PlanWanted) -> CommissionPlan:
    """Let rates count from their day on; refused when somebody else has saved since `base`."""
    return steps.save(hub, wanted.plan, base=wanted.base, by=person.name)
