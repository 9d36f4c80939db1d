"""Counts and adjustments over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.stock import adjusting, count_posting, count_views, counting
from edge_agent.stock.adjusting import Adjusted, AdjustmentView, AdjustStock
from edge_agent.stock.count_models import (
    ConfirmCount,
    CountConfirmedView,
    CountScanned,
    CountView,
    EndCount,
    Ended,
    OpenCount,
    Opened,
    PostCount,
    Posted,
    PrintCount,
    RecountItems,
    ScanCount,
    TaskView,
    UndoCountScan,
)
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole, at_least

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
CountId = Annotated[str, Path(min_length=1, max_length=64)]
router = APIRouter(prefix="/api/stock", tags=["counts"], responses=REFUSALS)


def sees_books(person: CurrentPerson) -> bool:
    """Tell whether somebody may see differences before they are posted: whoever posts them."""
    return at_least(StoreRole(person.role), StoreRole.MANAGER)


def _made(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}, 201: {"model": model}}


def _fresh(done: tuple[Any, bool]) -> Response:
    return answered(done[0], 201 if done[1] else 200)


@router.get("/counts")
async def counts(
    edge: AnyEdge,
    _person: Anybody,
    closed: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[TaskView]:
    """List the counts to make, oldest first; with `closed` those that are over, newest first."""
    return count_views.listed(edge.database.read(), edge, is_open=not closed, limit=limit)


@router.post("/counts", status_code=201, responses=_made(Opened), openapi_extra=body_of(OpenCount),
             response_model=None)  # fmt: skip
async def open_count(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Open a count; it needs a lead, or a lead's word."""
    command = await parsed(request, OpenCount)
    return _fresh(
        await edge.database.awrite(lambda unit: counting.open_count(unit, edge, command, person=person))
    )


@router.get("/counts/{count_id}")
async def count(count_id: CountId, edge: AnyEdge, person: Anybody) -> CountView:
    """Return a count with its rows; the books are shown to those who post."""
    return count_views.view(
        edge.database.read(), edge, count_id, device=person.device, sees_books=sees_books(person)
    )


@router.post("/counts/{count_id}/scan", responses=_made(CountScanned), openapi_extra=body_of(ScanCount),
             response_model=None)  # fmt: skip
async def scan(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Count what was scanned; what is wrong with it is an answer, not a refusal."""
    command = await parsed(request, ScanCount)
    done = await edge.database.awrite(
        lambda unit: counting.scan(unit, edge, count_id, command, person=person)
    )
    return answered(done[0])


@router.post("/counts/{count_id}/undo", responses=_made(CountScanned), openapi_extra=body_of(UndoCountScan),
             response_model=None)  # fmt: skip
async def undo(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Take a scan of this device back."""
    command = await parsed(request, UndoCountScan)
    done = await edge.database.awrite(
        lambda unit: counting.undo(unit, edge, count_id, command, person=person)
    )
    return answered(done[0])


@router.post("/counts/{count_id}/confirm", status_code=201, responses=_made(CountConfirmedView),
             openapi_extra=body_of(ConfirmCount), response_model=None)  # fmt: skip
async def confirm(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Say that items are counted; they are compared with the books of this moment."""
    command = await parsed(request, ConfirmCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: count_posting.confirm(unit, edge, count_id, command, person=person)
        )
    )


@router.post("/counts/{count_id}/recount", status_code=201, responses=_made(Opened),
             openapi_extra=body_of(RecountItems), response_model=None)  # fmt: skip
async def recount(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Begin another pass over items."""
    command = await parsed(request, RecountItems)
    return _fresh(
        await edge.database.awrite(
            lambda unit: counting.recount(unit, edge, count_id, command, person=person)
        )
    )


@router.post("/counts/{count_id}/post", status_code=201, responses=_made(Posted),
             openapi_extra=body_of(PostCount), response_model=None)  # fmt: skip
async def post(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Write the differences; it needs a manager, or a manager's word."""
    command = await parsed(request, PostCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: count_posting.post(unit, edge, count_id, command, person=person)
        )
    )


@router.post("/counts/{count_id}/reverse", status_code=201, responses=_made(Posted),
             openapi_extra=body_of(EndCount), response_model=None)  # fmt: skip
async def reverse(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Take a posted count back; it needs a manager, or a manager's word."""
    command = await parsed(request, EndCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: count_posting.reverse(unit, edge, count_id, command, person=person)
        )
    )


@router.post("/counts/{count_id}/cancel", status_code=201, responses=_made(Ended),
             openapi_extra=body_of(EndCount), response_model=None)  # fmt: skip
async def cancel(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Give a count up; it needs a lead, or a lead's word."""
    command = await parsed(request, EndCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: count_posting.cancel(unit, edge, count_id, command, person=person)
        )
    )


@router.post("/counts/{count_id}/sheet", status_code=201, responses=_made(Ended),
             openapi_extra=body_of(PrintCount), response_model=None)  # fmt: skip
async def sheet(request: Request, count_id: CountId, edge: AnyEdge, person: Anybody) -> Response:
    """Print the sheet of a count."""
    command = await parsed(request, PrintCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: count_posting.print_sheet(unit, edge, count_id, command, person=person)
        )
    )


@router.get("/adjustments")
async def adjustments(
    edge: AnyEdge,
    _person: Anybody,
    sku: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[AdjustmentView]:
    """List the last corrections, the newest first."""
    return adjusting.listed(edge.database.read(), limit, sku)


@router.post("/adjustments", status_code=201, responses=_made(Adjusted), openapi_extra=body_of(AdjustStock),
             response_model=None)  # fmt: skip
async def adjust(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Correct stock for a named reason; the reason says whose word it needs."""
    command = await parsed(request, AdjustStock)
    return _fresh(
        await edge.database.awrite(lambda unit: adjusting.adjust(unit, edge, command, person=person))
    )


@router.post("/adjustments/{adjustment_id}/undo", status_code=201, responses=_made(Adjusted),
             openapi_extra=body_of(EndCount), response_model=None)  # fmt: skip
async def unadjust(
    request: Request,
    adjustment_id: Annotated[str, Path(min_length=1, max_length=64)],
    edge: AnyEdge,
    person: Anybody,
) -> Response:
    """Take a correction back by one that goes the other way; it needs a manager, or a manager's word."""
    command = await parsed(request, EndCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: adjusting.undo(unit, edge, adjustment_id, command, person=person)
        )
    )
