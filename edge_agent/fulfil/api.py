"""Fulfilment over HTTP, for handhelds, desks and programs.

Every verb takes a key and may be sent twice: a new one gives 201, a repeated one 200 and the first answer.
A wrong scan is an answer (`outcome`), everything else that cannot be done is a refusal with its code.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.steps import holds, inbox, parcels, picking, pickup, views, walking
from edge_agent.fulfil.steps.commands import (
    Accept,
    CheckIn,
    CheckItem,
    CheckOut,
    CloseManifest,
    FinishPick,
    HandOver,
    Pack,
    PutBack,
    Reject,
    ScanItem,
    SetFound,
    Ship,
    ShortPick,
    Stage,
    StartPick,
    TakeBack,
    UndoHandover,
    UndoScan,
    Verify,
)
from edge_agent.fulfil.steps.models import (
    AssignmentView,
    CandidateView,
    CheckedItem,
    ContactView,
    Done,
    Effect,
    Finished,
    Found,
    HandedOver,
    Held,
    HoldView,
    ManifestClosed,
    Packed,
    PickView,
    ScanAnswer,
    Scanned,
    ShelfView,
    Shipped,
    ShortAnswer,
    Shorted,
    Started,
    Verification,
    WorkView,
)
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.errors import Refused, TooManyTries
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(prefix="/api/fulfil", tags=["fulfil"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
ListId = Annotated[str, Path(max_length=64)]
Kind = Annotated[str, Query(pattern=r"^(collect|ship)?$")]

Answer = TypeVar("Answer", bound=BaseModel)
Step = Callable[[EdgeUnit], tuple[Answer, bool]]


async def _did(edge: Edge, step: Step[Answer]) -> Response:
    """Run a verb and answer: 201 when it was done now, 200 when it had been done under this key."""
    answer, fresh = await edge.database.awrite(step)
    return answered(answer, 201 if fresh else 200)


@router.get("/work")
async def work(
    edge: AnyEdge, _person: Anybody, kind: Kind = "", limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> list[WorkView]:
    """List what this store owes, by promise, each with its clock and the step that is due."""
    return views.work_list(edge.database.read(), edge, kind=kind, limit=limit)


@router.get("/done")
async def done(
    edge: AnyEdge, _person: Anybody, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[WorkView]:
    """List what is done with, the newest first."""
    return views.done_list(edge.database.read(), edge, limit=limit)


@router.get("/lookup")
async def lookup(
    edge: AnyEdge, _person: Anybody, code: Annotated[str, Query(min_length=1, max_length=512)]
) -> Found:
    """Say what a scanned slip, a printed number or an article's code means here."""
    return views.look_up(edge.database.read(), edge, code)


@router.get("/pickup")
async def pickup_search(
    edge: AnyEdge, _person: Anybody, q: Annotated[str, Query(min_length=1, max_length=120)]
) -> list[WorkView]:
    """Find orders to be collected, by number, phone, name or e-mail."""
    return views.pickup_search(edge.database.read(), edge, q)


@router.get("/shelves")
async def shelves(edge: AnyEdge, _person: Anybody) -> list[ShelfView]:
    """List the shelves that something waits on."""
    return views.shelves(edge.database.read())


@router.get("/holds")
async def held(edge: AnyEdge, _person: Anybody) -> list[HoldView]:
    """List what handhelds have taken along."""
    return views.holds(edge.database.read())


@router.get("/manifests/candidates")
async def manifest_candidates(
    edge: AnyEdge, _person: Anybody, carrier: Annotated[str, Query(max_length=32)] = ""
) -> list[CandidateView]:
    """List parcels that have left and stand on no manifest yet."""
    return views.candidates(edge.database.read(), carrier)


@router.post(
    "/manifests", status_code=201, response_model=ManifestClosed, openapi_extra=body_of(CloseManifest)
)
async def close_manifest(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Close the day with one carrier; its manifest is printed."""
    command = await parsed(request, CloseManifest)
    return await _did(edge, lambda unit: parcels.close_manifest(unit, edge, command, person=person))


@router.post("/picks", status_code=201, response_model=Started, openapi_extra=body_of(StartPick))
async def start_pick(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Begin to walk: a list, a batch of assignments, or everything due before a time."""
    command = await parsed(request, StartPick)
    return await _did(edge, lambda unit: picking.start(unit, edge, command, person=person))


@router.get("/picks/{list_id}")
async def pick(list_id: ListId, edge: AnyEdge, _person: Anybody) -> PickView:
    """Show a pick list: its orders, its lines in the order of the walk, and the last scans."""
    return views.pick(edge.database.read(), edge, list_id)


@router.get("/picks/{list_id}/effects")
async def effects(
    list_id: ListId,
    edge: AnyEdge,
    _person: Anybody,
    assignment_id: Annotated[str, Query(max_length=64)],
    line_no: Annotated[int, Query(ge=1, le=200)],
    units: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> list[Effect]:
    """Say what each reason of a short pick would do, before anybody chooses one."""
    return list(walking.effects(edge.database.read(), edge, list_id, (assignment_id, line_no), units))


async def _scanned(edge: Edge, list_id: str, step: Step[Scanned]) -> Response:
    scan, fresh = await edge.database.awrite(step)
    pick = views.pick(edge.database.read(), edge, list_id)
    return answered(ScanAnswer(scan=scan, pick=pick), 201 if fresh else 200)


@router.post(
    "/picks/{list_id}/scan", status_code=201, response_model=ScanAnswer, openapi_extra=body_of(ScanItem)
)
async def scan(list_id: ListId, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take an article that was scanned; `outcome` says whether it is the right one."""
    command = await parsed(request, ScanItem)
    return await _scanned(
        edge, list_id, lambda unit: walking.scan(unit, edge, list_id, command, person=person)
    )


@router.post(
    "/picks/{list_id}/undo", status_code=201, response_model=ScanAnswer, openapi_extra=body_of(UndoScan)
)
async def undo_scan(list_id: ListId, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a scan back."""
    command = await parsed(request, UndoScan)
    return await _scanned(
        edge, list_id, lambda unit: walking.undo(unit, edge, list_id, command, person=person)
    )


@router.post(
    "/picks/{list_id}/set", status_code=201, response_model=ScanAnswer, openapi_extra=body_of(SetFound)
)
async def set_found(list_id: ListId, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Say by hand how many of a line were found."""
    command = await parsed(request, SetFound)
    return await _scanned(
        edge, list_id, lambda unit: walking.set_found(unit, edge, list_id, command, person=person)
    )


@router.post(
    "/picks/{list_id}/short", status_code=201, response_model=ShortAnswer, openapi_extra=body_of(ShortPick)
)
async def short(list_id: ListId, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Say that units are not there, and why."""
    command = await parsed(request, ShortPick)

    def step(unit: EdgeUnit) -> tuple[Shorted, bool]:
        return walking.short(unit, edge, list_id, command, person=person)

    noted, fresh = await edge.database.awrite(step)
    pick = views.pick(edge.database.read(), edge, list_id)
    return answered(ShortAnswer(short=noted, pick=pick), 201 if fresh else 200)


@router.post(
    "/picks/{list_id}/finish", status_code=201, response_model=Finished, openapi_extra=body_of(FinishPick)
)
async def finish_pick(list_id: ListId, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """End the walk: what was found is picked, what was not takes its effect."""
    command = await parsed(request, FinishPick)
    return await _did(edge, lambda unit: walking.finish(unit, edge, list_id, command, person=person))


@router.get("/assignments/{assignment_id}")
async def assignment(assignment_id: Id, edge: AnyEdge, _person: Anybody) -> AssignmentView:
    """Show one assignment with its lines, parcels and handovers."""
    return views.assignment(edge.database.read(), edge, assignment_id)


@router.get("/assignments/{assignment_id}/contact")
async def contact(assignment_id: Id, edge: AnyEdge, _person: Anybody) -> ContactView:
    """Show who collects or gets the parcel; ask only where somebody must be recognised or addressed."""
    return views.contact(edge.database.read(), assignment_id)


@router.post(
    "/assignments/{assignment_id}/accept",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(Accept),
)
async def accept(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take the work on."""
    command = await parsed(request, Accept)
    return await _did(edge, lambda unit: inbox.accept(unit, edge, assignment_id, command, person=person))


@router.post(
    "/assignments/{assignment_id}/reject",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(Reject),
)
async def reject(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Give the work back, for a reason."""
    command = await parsed(request, Reject)
    return await _did(edge, lambda unit: inbox.reject(unit, edge, assignment_id, command, person=person))


@router.post("/assignments/{assignment_id}/check-item", openapi_extra=body_of(CheckItem))
async def check_item(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> CheckedItem:
    """Tell whether an article belongs into the parcels of an order; nothing is written."""
    asked = await parsed(request, CheckItem)
    return parcels.check_item(edge.database.read(), edge, assignment_id, asked, person)


@router.post(
    "/assignments/{assignment_id}/pack", status_code=201, response_model=Packed, openapi_extra=body_of(Pack)
)
async def pack(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Put what was picked into parcels or bags; slips and labels are printed."""
    command = await parsed(request, Pack)
    return await _did(edge, lambda unit: parcels.pack(unit, edge, assignment_id, command, person=person))


@router.post(
    "/assignments/{assignment_id}/stage", status_code=201, response_model=Done, openapi_extra=body_of(Stage)
)
async def stage(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Put the bags on a shelf: the order is ready."""
    command = await parsed(request, Stage)
    return await _did(edge, lambda unit: parcels.stage(unit, edge, assignment_id, command, person=person))


@router.post(
    "/assignments/{assignment_id}/ship", status_code=201, response_model=Shipped, openapi_extra=body_of(Ship)
)
async def ship(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Give the parcels to a carrier."""
    command = await parsed(request, Ship)
    return await _did(edge, lambda unit: parcels.ship(unit, edge, assignment_id, command, person=person))


@router.post(
    "/assignments/{assignment_id}/verify",
    status_code=201,
    response_model=Verification,
    openapi_extra=body_of(Verify),
)
async def verify(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Recognise who collects. A wrong try is stored before it is refused."""
    command = await parsed(request, Verify)

    def step(unit: EdgeUnit) -> tuple[Verification, bool]:
        return pickup.verify(unit, edge, assignment_id, command, person=person)

    answer, fresh = await edge.database.awrite(step)
    check_verified(answer)
    return answered(answer, 201 if fresh else 200)


def check_verified(answer: Verification) -> None:
    """Refuse who was not recognised; the try is counted already.

    Raises:
        TooManyTries: `code_locked`, with the seconds.
        Refused: `wrong_code`, with the tries that are left.
    """
    if answer.verified:
        return
    if answer.locked_seconds:
        raise TooManyTries(
            _("Too many wrong tries for this order."),
            _(
                "Wait {seconds} seconds, or ask a lead to vouch for the customer.",
                seconds=answer.locked_seconds,
            ),
            code="code_locked",
            retry_after_seconds=answer.locked_seconds,
        )
    raise Refused(
        _("That does not match this order."),
        _("Try again; {left} tries are left. Or ask for another proof.", left=answer.tries_left),
        code="wrong_code",
        tries_left=answer.tries_left,
    )


@router.post(
    "/assignments/{assignment_id}/hand-over",
    status_code=201,
    response_model=HandedOver,
    openapi_extra=body_of(HandOver),
)
async def hand_over(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Hand over everything that is here, or these units."""
    command = await parsed(request, HandOver)
    return await _did(edge, lambda unit: pickup.hand_over(unit, edge, assignment_id, command, person=person))


@router.post(
    "/handovers/{handover_id}/undo",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(UndoHandover),
)
async def undo_handover(handover_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a handover back within its minutes."""
    command = await parsed(request, UndoHandover)
    return await _did(
        edge, lambda unit: pickup.undo_handover(unit, edge, handover_id, command, person=person)
    )


@router.post(
    "/assignments/{assignment_id}/put-back",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(PutBack),
)
async def put_back(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Nobody came in time: give the order back, and its goods to the shelf."""
    command = await parsed(request, PutBack)
    return await _did(
        edge, lambda unit: inbox.put_back_no_show(unit, edge, assignment_id, command, person=person)
    )


@router.post(
    "/assignments/{assignment_id}/goods-put-back",
    status_code=201,
    response_model=Done,
    openapi_extra=body_of(Accept),
)
async def goods_put_back(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Say that the goods of a cancelled order lie on their shelf again; ends the task."""
    command = await parsed(request, Accept)
    return await _did(
        edge, lambda unit: inbox.goods_put_back(unit, edge, assignment_id, command, person=person)
    )


@router.post("/check-out", status_code=201, response_model=Held, openapi_extra=body_of(CheckOut))
async def check_out(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take assignments along on this device."""
    command = await parsed(request, CheckOut)
    return await _did(edge, lambda unit: holds.check_out(unit, edge, command, person=person))


@router.post("/check-in", status_code=201, response_model=Held, openapi_extra=body_of(CheckIn))
async def check_in(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Bring assignments of this device back."""
    command = await parsed(request, CheckIn)
    return await _did(edge, lambda unit: holds.check_in(unit, edge, command, person=person))


@router.post("/take-back", status_code=201, response_model=Held, openapi_extra=body_of(TakeBack))
async def take_back(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take assignments from a device that does not come back; needs a manager's word."""
    command = await parsed(request, TakeBack)
    return await _did(edge, lambda unit: holds.take_back(unit, edge, command, person=person))
