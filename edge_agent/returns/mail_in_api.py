"""Parcels that come back, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from edge_agent.context import Edge
from edge_agent.returns import mail_in
from edge_agent.returns import mail_in_rows as parcels
from edge_agent.web import REFUSALS, answered, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson
from protocol.mail_in import ReturnExpect

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
NumberPath = Annotated[str, Path(min_length=1, max_length=120)]

router = APIRouter(prefix="/api/returns/mail-in", tags=["returns"], responses=REFUSALS)


class ParcelAnswer(BaseModel):
    """A parcel, what was announced of it, and how many units of each line nobody has looked at."""

    number: str
    state: str
    due_us: int
    arrived_us: int | None
    expected: ReturnExpect | None
    open: dict[int, int]


def _answer(found: parcels.MailIn) -> ParcelAnswer:
    lines = found.expected.lines if found.expected else ()
    return ParcelAnswer(
        number=found.number,
        state=found.state.value,
        due_us=found.due_us,
        arrived_us=found.arrived_us,
        expected=found.expected,
        open={line.line_no: found.open_of(line) for line in lines},
    )


@router.get("")
def listed(edge: AnyEdge, _person: Anybody) -> list[ParcelAnswer]:
    """List parcels: what is here, what is expected, what is over."""
    return [_answer(each) for each in parcels.listed(edge.database.read())]


@router.get("/{number}")
def one(number: NumberPath, edge: AnyEdge, _person: Anybody) -> ParcelAnswer:
    """Return one parcel by its number or by what its label says."""
    return _answer(mail_in.require(edge.database.read(), number))


@router.post("/arrived", status_code=201)
async def arrived(wanted: mail_in.Arrived, edge: AnyEdge, person: Anybody) -> mail_in.Inspected:
    """Take a parcel in; the same key again answers 200."""
    done, new = await edge.database.awrite(lambda unit: mail_in.arrive(unit, edge, wanted, person=person))
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{number}/inspected", status_code=201)
async def inspected(
    number: NumberPath, wanted: mail_in.Inspect, edge: AnyEdge, person: Anybody
) -> mail_in.Inspected:
    """Write down what was found in a parcel; the same key again answers 200."""
    done, new = await edge.database.awrite(
        lambda unit: mail_in.inspect(unit, edge, number, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written
