"""Deliveries over HTTP: expect, unpack, receive, put right."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.stock import expecting, receipts, receiving
from edge_agent.stock.count_models import EndCount, PrintCount
from edge_agent.stock.delivery_models import (
    Began,
    BeginReceiving,
    Corrected,
    CorrectReceipt,
    DeliveryScanned,
    DeliveryView,
    DropReceiving,
    FinishReceiving,
    ImportDeliveries,
    Imported,
    ReceiptView,
    Received,
    ReceivingView,
    ScanDelivery,
    SetDelivered,
    UndoDeliveryScan,
)
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Lead = Annotated[CurrentPerson, Depends(require(StoreRole.LEAD, StoreRole.MANAGER))]
Id = Annotated[str, Path(min_length=1, max_length=64)]
router = APIRouter(prefix="/api/stock", tags=["deliveries"], responses=REFUSALS)


def _made(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}, 201: {"model": model}}


def _fresh(done: tuple[Any, bool]) -> Response:
    return answered(done[0], 201 if done[1] else 200)


@router.get("/deliveries")
async def deliveries(
    edge: AnyEdge,
    _person: Anybody,
    closed: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[DeliveryView]:
    """List what suppliers should bring, the first due first; with `closed` what is over."""
    return expecting.listed(edge.database.read(), is_open=not closed, limit=limit)


@router.post("/deliveries", status_code=201, responses=_made(Imported),
             openapi_extra=body_of(ImportDeliveries), response_model=None)  # fmt: skip
async def import_csv(request: Request, edge: AnyEdge, person: Lead) -> Response:
    """Expect what a CSV file lists; the answer says row by row what was left out."""
    command = await parsed(request, ImportDeliveries)
    return _fresh(
        await edge.database.awrite(lambda unit: expecting.import_csv(unit, edge, command, person=person))
    )


@router.post("/deliveries/{delivery_id}/cancel", status_code=201, responses=_made(Began),
             openapi_extra=body_of(EndCount), response_model=None)  # fmt: skip
async def cancel(request: Request, delivery_id: Id, edge: AnyEdge, person: Lead) -> Response:
    """Say that a delivery will not come."""
    command = await parsed(request, EndCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: expecting.cancel(unit, edge, delivery_id, command, person=person)
        )
    )


@router.post("/receivings", status_code=201, responses=_made(Began), openapi_extra=body_of(BeginReceiving),
             response_model=None)  # fmt: skip
async def begin(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Begin to unpack, or join whoever has begun."""
    command = await parsed(request, BeginReceiving)
    return _fresh(
        await edge.database.awrite(lambda unit: receiving.begin(unit, edge, command, person=person))
    )


@router.get("/receivings/{receiving_id}")
async def unpacked(receiving_id: Id, edge: AnyEdge, _person: Anybody) -> ReceivingView:
    """Return what is being unpacked, against what was announced."""
    return receiving.view(edge.database.read(), edge, receiving_id)


@router.post("/receivings/{receiving_id}/scan", responses=_made(DeliveryScanned),
             openapi_extra=body_of(ScanDelivery), response_model=None)  # fmt: skip
async def scan(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take what came out of a box; what is wrong with it is an answer, not a refusal."""
    command = await parsed(request, ScanDelivery)
    done = await edge.database.awrite(
        lambda unit: receiving.scan(unit, edge, receiving_id, command, person=person)
    )
    return answered(done[0])


@router.post("/receivings/{receiving_id}/undo", responses=_made(DeliveryScanned),
             openapi_extra=body_of(UndoDeliveryScan), response_model=None)  # fmt: skip
async def undo(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take a scan of this device back."""
    command = await parsed(request, UndoDeliveryScan)
    done = await edge.database.awrite(
        lambda unit: receiving.undo(unit, edge, receiving_id, command, person=person)
    )
    return answered(done[0])


@router.post("/receivings/{receiving_id}/line", responses=_made(DeliveryScanned),
             openapi_extra=body_of(SetDelivered), response_model=None)  # fmt: skip
async def set_line(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say by hand what came of an item, what a unit cost, and why it differs."""
    command = await parsed(request, SetDelivered)
    done = await edge.database.awrite(
        lambda unit: receiving.set_line(unit, edge, receiving_id, command, person=person)
    )
    return answered(done[0])


@router.post("/receivings/{receiving_id}/finish", status_code=201, responses=_made(Received),
             openapi_extra=body_of(FinishReceiving), response_model=None)  # fmt: skip
async def finish(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put what came on the shelf; its slip is printed."""
    command = await parsed(request, FinishReceiving)
    return _fresh(
        await edge.database.awrite(
            lambda unit: receiving.finish(unit, edge, receiving_id, command, person=person)
        )
    )


@router.post("/receivings/{receiving_id}/drop", status_code=201, responses=_made(Began),
             openapi_extra=body_of(DropReceiving), response_model=None)  # fmt: skip
async def drop(request: Request, receiving_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Forget what was unpacked; nothing was received."""
    command = await parsed(request, DropReceiving)
    return _fresh(
        await edge.database.awrite(
            lambda unit: receiving.drop(unit, edge, receiving_id, command, person=person)
        )
    )


@router.get("/receipts")
async def received(
    edge: AnyEdge, _person: Anybody, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[ReceiptView]:
    """List the last receipts, the newest first, without their items."""
    return receipts.listed(edge.database.read(), edge, limit)


@router.get("/receipts/{receipt_id}")
async def receipt(receipt_id: Id, edge: AnyEdge, _person: Anybody) -> ReceiptView:
    """Return one receipt with its items, as corrections have left them."""
    return receipts.view(edge.database.read(), edge, receipt_id)


@router.post("/receipts/{receipt_id}/correct", status_code=201, responses=_made(Corrected),
             openapi_extra=body_of(CorrectReceipt), response_model=None)  # fmt: skip
async def correct(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Put a receipt right, in part or whole; it needs a manager, or a manager's word."""
    command = await parsed(request, CorrectReceipt)
    return _fresh(
        await edge.database.awrite(
            lambda unit: receipts.correct(unit, edge, receipt_id, command, person=person)
        )
    )


@router.post("/receipts/{receipt_id}/print", status_code=201, responses=_made(Began),
             openapi_extra=body_of(PrintCount), response_model=None)  # fmt: skip
async def print_again(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Print the slip of a receipt once more."""
    command = await parsed(request, PrintCount)
    return _fresh(
        await edge.database.awrite(
            lambda unit: receipts.print_again(unit, edge, receipt_id, command, person=person)
        )
    )
