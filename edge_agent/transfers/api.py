"""Transfers over HTTP, for handhelds and programs.

Every verb takes a key and may be sent twice: a new one gives 201, a repeated one 200 and the first answer. A
wrong scan is an answer (`outcome`), everything else that cannot be done is a refusal with its code.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.transfers.rows.transfers import Way
from edge_agent.transfers.steps import arriving, asking, inbox, packing, receiving, views, walking
from edge_agent.transfers.steps.commands import (
    Accept,
    Ask,
    Cancel,
    KeyOnly,
    OpenCarton,
    PackCarton,
    Reject,
    SayLine,
    ScanItem,
    SetFound,
    Ship,
    ShortPick,
    TakeIn,
    TakeInUnknown,
    UndoReceipt,
    UndoScan,
)
from edge_agent.transfers.steps.models import (
    Done,
    LabelMeaning,
    Packed,
    Picked,
    PlaceView,
    ReceiptView,
    ReceivedAnswer,
    Scanned,
    Shipped,
    TransferView,
)
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(prefix="/api/transfers", tags=["transfers"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
Sscc = Annotated[str, Path(pattern=r"^[0-9]{18}$")]
Limit = Annotated[int, Query(ge=1, le=500)]

Answer = TypeVar("Answer", bound=BaseModel)
_SHOWN = {
    ("out", "open"): views.OUT_OPEN,
    ("out", "away"): views.OUT_AWAY,
    ("out", "over"): views.OUT_OVER,
    ("in", "open"): views.IN_OPEN,
    ("in", "away"): ("unannounced",),
    ("in", "over"): views.IN_OVER,
}


async def _did(edge: Edge, step: Callable[[EdgeUnit], tuple[Answer, bool]]) -> Response:
    """Run a verb and answer: 201 when it was done now, 200 when it had been done under this key."""
    answer, fresh = await edge.database.awrite(step)
    return answered(answer, 201 if fresh else 200)


@router.get("")
async def transfers(
    edge: AnyEdge,
    _person: Anybody,
    way: Way = "in",
    show: Annotated[str, Query(pattern=r"^(open|away|over)$")] = "open",
    limit: Limit = 100,
) -> list[TransferView]:
    """List transfers that go out or come in: with something to do, on their way, or over."""
    return views.listed(edge.database.read(), edge, way, _SHOWN[way, show], limit, newest=show == "over")


@router.get("/places")
async def places(edge: AnyEdge, _person: Anybody) -> list[PlaceView]:
    """List the other locations that this store has heard of."""
    return views.places(edge.database.read(), edge)


@router.get("/scan")
async def scan(
    edge: AnyEdge, _person: Anybody, code: Annotated[str, Query(min_length=1, max_length=512)]
) -> LabelMeaning:
    """Say what a label means here: a carton, a manifest, an article. Nothing is changed."""
    return arriving.meaning(edge.database.read(), edge, code)


@router.get("/unannounced")
async def unannounced(edge: AnyEdge, _person: Anybody, limit: Limit = 100) -> list[ReceiptView]:
    """List arrivals that no announcement fits so far."""
    return views.unannounced(edge.database.read(), limit)


@router.get("/{transfer_id}")
async def transfer(transfer_id: Id, edge: AnyEdge, _person: Anybody) -> TransferView:
    """Show a transfer with its lines, cartons and arrivals."""
    return views.one(edge.database.read(), edge, transfer_id)


@router.post("", status_code=201, response_model=Done, openapi_extra=body_of(Ask))
async def ask(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Send something of this store to another location, or ask another location to send something."""
    command = await parsed(request, Ask)
    return await _did(edge, lambda unit: asking.ask(unit, edge, command, person=person))


@router.post(
    "/unannounced", status_code=201, response_model=ReceivedAnswer, openapi_extra=body_of(TakeInUnknown)
)
async def take_in_unknown(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take goods in that nobody has announced; `sure` says that somebody has looked at the label."""
    command = await parsed(request, TakeInUnknown)
    return await _did(edge, lambda unit: arriving.take_in(unit, edge, command, person=person))


@router.post(
    "/receipts/{receipt_id}/undo", status_code=201, response_model=Done, openapi_extra=body_of(UndoReceipt)
)
async def undo_receipt(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take an arrival back while all of it is still here and free."""
    command = await parsed(request, UndoReceipt)
    return await _did(edge, lambda unit: receiving.undo(unit, edge, receipt_id, command, person=person))


@router.post("/{transfer_id}/accept", status_code=201, response_model=Done, openapi_extra=body_of(Accept))
async def accept(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Send it, all or a part; what is free here is set aside at once."""
    command = await parsed(request, Accept)
    return await _did(edge, lambda unit: inbox.accept(unit, edge, transfer_id, command, person=person))


@router.post("/{transfer_id}/reject", status_code=201, response_model=Done, openapi_extra=body_of(Reject))
async def reject(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Send nothing of it, and say why."""
    command = await parsed(request, Reject)
    return await _did(edge, lambda unit: inbox.reject(unit, edge, transfer_id, command, person=person))


@router.post("/{transfer_id}/cancel", status_code=201, response_model=Done, openapi_extra=body_of(Cancel))
async def cancel(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Give a transfer up before it leaves."""
    command = await parsed(request, Cancel)
    return await _did(edge, lambda unit: inbox.cancel(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/ask-to-cancel", status_code=201, response_model=Done, openapi_extra=body_of(Cancel)
)
async def ask_to_cancel(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say that what this store asked for is no longer wanted."""
    command = await parsed(request, Cancel)
    return await _did(
        edge, lambda unit: asking.ask_to_cancel(unit, edge, transfer_id, command, person=person)
    )


@router.post(
    "/{transfer_id}/pick/scan", status_code=201, response_model=Scanned, openapi_extra=body_of(ScanItem)
)
async def pick_scan(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take an article that was scanned on the walk."""
    command = await parsed(request, ScanItem)
    return await _did(edge, lambda unit: walking.scan(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/pick/undo", status_code=201, response_model=Scanned, openapi_extra=body_of(UndoScan)
)
async def pick_undo(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Take a scan of the walk back."""
    command = await parsed(request, UndoScan)
    return await _did(edge, lambda unit: walking.undo(unit, edge, transfer_id, command))


@router.post(
    "/{transfer_id}/pick/set", status_code=201, response_model=Scanned, openapi_extra=body_of(SetFound)
)
async def pick_set(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say by hand how many of a line were found."""
    command = await parsed(request, SetFound)
    return await _did(edge, lambda unit: walking.set_found(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/pick/short", status_code=201, response_model=Done, openapi_extra=body_of(ShortPick)
)
async def pick_short(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Say that units are not there, and why."""
    command = await parsed(request, ShortPick)
    return await _did(edge, lambda unit: walking.short(unit, edge, transfer_id, command))


@router.post(
    "/{transfer_id}/pick/finish", status_code=201, response_model=Picked, openapi_extra=body_of(KeyOnly)
)
async def pick_finish(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """End the walk."""
    command = await parsed(request, KeyOnly)
    return await _did(edge, lambda unit: walking.finish(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/cartons", status_code=201, response_model=Packed, openapi_extra=body_of(PackCarton)
)
async def pack(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Close a carton and print its label."""
    command = await parsed(request, PackCarton)
    return await _did(edge, lambda unit: packing.pack(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/cartons/{sscc}/open",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(OpenCarton),
)
async def open_carton(
    request: Request, transfer_id: Id, sscc: Sscc, edge: AnyEdge, person: Anybody
) -> Response:
    """Open a carton again before it leaves."""
    command = await parsed(request, OpenCarton)
    return await _did(
        edge, lambda unit: packing.open_carton(unit, edge, transfer_id, sscc, command, person=person)
    )


@router.post("/{transfer_id}/ship", status_code=201, response_model=Shipped, openapi_extra=body_of(Ship))
async def ship(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Send the cartons off and print the manifest."""
    command = await parsed(request, Ship)
    return await _did(edge, lambda unit: packing.ship(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/arrival/scan", status_code=201, response_model=Scanned, openapi_extra=body_of(ScanItem)
)
async def arrival_scan(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take the label of a carton that arrived, or one article of it."""
    command = await parsed(request, ScanItem)
    return await _did(edge, lambda unit: arriving.scan(unit, edge, transfer_id, command, person=person))


@router.post(
    "/{transfer_id}/arrival/undo", status_code=201, response_model=Done, openapi_extra=body_of(UndoScan)
)
async def arrival_undo(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Take a scan of an arrival back."""
    command = await parsed(request, UndoScan)
    return await _did(edge, lambda unit: arriving.undo(unit, edge, transfer_id, command))


@router.post(
    "/{transfer_id}/arrival/line", status_code=201, response_model=Done, openapi_extra=body_of(SayLine)
)
async def arrival_line(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Say by hand what arrived of a line, and what of it is broken."""
    command = await parsed(request, SayLine)
    return await _did(edge, lambda unit: arriving.say_line(unit, edge, transfer_id, command))


@router.post(
    "/{transfer_id}/receive", status_code=201, response_model=ReceivedAnswer, openapi_extra=body_of(TakeIn)
)
async def receive(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take in what arrived: named cartons and lines, or what was scanned."""
    command = await parsed(request, TakeIn)
    return await _did(edge, lambda unit: receiving.receive(unit, edge, transfer_id, command, person=person))
