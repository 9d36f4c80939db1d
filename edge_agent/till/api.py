"""The till's day over HTTP. What a drawer should hold is not in any answer before its count is confirmed."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper.steps import queue_reading
from edge_agent.till import looks, rows, rules, steps
from edge_agent.web import REFUSALS, answered, edge_of, signed_in
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
TillPath = Annotated[str, Path(max_length=40)]

router = APIRouter(prefix="/api/tills", tags=["tills"], responses=REFUSALS)


class TillAnswer(BaseModel):
    """A till and how it stands; no money."""

    till: str
    state: str
    business_date: str
    session_id: str
    opened_us: int | None
    opened_by: str
    counts: int
    confirmed: bool
    calendar_date: str


class StepAnswer(BaseModel):
    """A line of the day close: done, now, blocks or does_not_block."""

    key: str
    title: str
    state: str
    sentence: str
    remedy: str


class ChecklistAnswer(BaseModel):
    """The day close of a till, and the notes and coins to count."""

    till: str
    business_date: str
    ready: bool
    steps: list[StepAnswer]
    denominations: list[int]


class WordWanted(BaseModel):
    """Another person's word, where one is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval: str | None = Field(default=None, max_length=64)


class PrintedReading(BaseModel):
    """A reading and the job that prints it."""

    reading: looks.Reading
    job_id: str


class ZAnswer(BaseModel):
    """A past close."""

    z_number: int
    session_id: str
    till: str
    business_date: str
    closed_us: int
    closed_seq: int


@router.get("")
def tills(edge: AnyEdge, _person: Anybody) -> list[TillAnswer]:
    """List the tills of this store and how they stand."""
    return [TillAnswer(**asdict(look)) for look in looks.tills(edge.database.read(), edge)]


@router.get("/closes")
def closes(edge: AnyEdge, _person: Anybody) -> list[ZAnswer]:
    """List the last day closes, newest first."""
    return [
        ZAnswer(
            z_number=each.z_number or 0,
            session_id=each.session_id,
            till=each.till,
            business_date=each.business_date,
            closed_us=each.closed_us or 0,
            closed_seq=each.closed_seq or 0,
        )
        for each in rows.latest_sessions(edge.database.read(), limit=100)
    ]


@router.post("/{till}/open", status_code=201)
async def open_till(till: TillPath, wanted: steps.OpenTill, edge: AnyEdge, person: Anybody) -> steps.Opened:
    """Open a till with its float; the same key again answers 200."""
    done, new = await edge.database.awrite(
        lambda unit: steps.open_till(unit, edge, till, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.get("/{till}/checklist")
def checklist(till: TillPath, edge: AnyEdge, _person: Anybody) -> ChecklistAnswer:
    """Say what is left to do before a till can close."""
    connection = edge.database.read()
    session = looks.require_session(connection, edge, till)
    found = looks.close_checklist(connection, edge, till)
    return ChecklistAnswer(
        till=till,
        business_date=session.business_date,
        ready=not rules.blockers(found),
        steps=[StepAnswer(**asdict(step)) for step in found],
        denominations=list(rules.DENOMINATIONS.get(session.currency, ())),
    )


@router.get("/{till}/x")
async def read_x(
    till: TillPath, edge: AnyEdge, person: Anybody, approval: str | None = None
) -> looks.Reading:
    """Read a till: totals so far, by its own events. Needs a lead, because it shows the expected cash."""
    return await edge.database.awrite(lambda unit: _reading(unit, edge, till, person, approval))


@router.post("/{till}/x")
async def print_x(till: TillPath, wanted: WordWanted, edge: AnyEdge, person: Anybody) -> PrintedReading:
    """Read a till and print it."""

    def step(unit: EdgeUnit) -> PrintedReading:
        return print_reading(unit, edge, till, person=person, approval=wanted.approval)

    return await edge.database.awrite(step)


def print_reading(
    unit: EdgeUnit, edge: Edge, till: str, *, person: CurrentPerson, approval: str | None = None
) -> PrintedReading:
    """Read a till and queue the paper."""
    found = _reading(unit, edge, till, person, approval)
    job_id = queue_reading(
        unit,
        edge,
        session_id=found.session_id,
        till=till,
        business_date=found.business_date,
        currency=found.currency,
        opened_us=found.opened_us,
        first_seq=found.first_seq,
        last_seq=found.last_seq,
        range_hash=rows.range_hash(unit.connection, found.first_seq, found.last_seq),
        totals=found.totals,
        person=person,
    )
    return PrintedReading(reading=found, job_id=job_id)


def _reading(
    unit: EdgeUnit, edge: Edge, till: str, person: CurrentPerson, approval: str | None
) -> looks.Reading:
    found = looks.reading(unit.connection, edge, till)
    looks.may_read(unit, edge, person, approval)
    return found


@router.post("/{till}/count", status_code=201)
async def count(till: TillPath, wanted: steps.CountTill, edge: AnyEdge, person: Anybody) -> steps.Counted:
    """Count the drawer without seeing what is expected. It may be repeated once."""
    return await edge.database.awrite(lambda unit: steps.count(unit, edge, till, wanted, person=person))


@router.post("/{till}/count/confirm")
async def confirm(till: TillPath, edge: AnyEdge, _person: Anybody) -> looks.Confirmed:
    """Let the last count stand; only now is the expected cash shown."""
    return await edge.database.awrite(lambda unit: steps.confirm(unit, edge, till))


@router.post("/{till}/count/abandon")
async def abandon(till: TillPath, wanted: WordWanted, edge: AnyEdge, person: Anybody) -> TillAnswer:
    """Give a count up and go on selling; needs a lead."""
    look = await edge.database.awrite(
        lambda unit: steps.resume(unit, edge, till, person=person, approval=wanted.approval)
    )
    return TillAnswer(**asdict(look))


@router.post("/{till}/close", status_code=201)
async def close(till: TillPath, wanted: steps.CloseTill, edge: AnyEdge, person: Anybody) -> steps.Closed:
    """Close a counted till with a Z; the same key again answers 200."""
    done, new = await edge.database.awrite(lambda unit: steps.close(unit, edge, till, wanted, person=person))
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{till}/cash", status_code=201)
async def move_cash(
    till: TillPath, wanted: steps.MoveCash, edge: AnyEdge, person: Anybody
) -> steps.CashAnswer:
    """Put cash into the drawer or take it out without a sale; the same key again answers 200."""
    done, new = await edge.database.awrite(
        lambda unit: steps.move_cash(unit, edge, till, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written


@router.post("/{till}/no-sale", status_code=201)
async def no_sale(till: TillPath, wanted: steps.NoSale, edge: AnyEdge, person: Anybody) -> steps.DrawerAnswer:
    """Open the drawer without a sale; needs a lead."""
    done, new = await edge.database.awrite(
        lambda unit: steps.no_sale(unit, edge, till, wanted, person=person)
    )
    return answered(done, 201 if new else 200)  # type: ignore[return-value]  # the answer, already written
