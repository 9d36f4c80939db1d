"""Fulfilment over HTTP, for handhelds, desks and programs.

Every verb takes a key and may be sent twice: a new one gives 201, a repeated one 200 and the first answer.
A wrong scan is an answer (`outcome`), everything else that cannot be done is a refusal with its code.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel

from edge_agent.context import Edge
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
    ShelfView,
    Shipped,
    ShortAnswer,
    Started,
    Verification,
    WorkView,
)
from edge_agent.fulfil.steps.taken_back import check_left
from edge_agent.verbs import Act, Finish, Verb, add_verbs
from edge_agent.web import REFUSALS, body_of, edge_of, parsed, signed_in
from protocol.errors import Refused, TooManyTries
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(prefix="/api/fulfil", tags=["fulfil"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
ListId = Annotated[str, Path(max_length=64)]
Kind = Annotated[str, Query(pattern=r"^(collect|ship)?$")]


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


@router.get("/assignments/{assignment_id}")
async def assignment(assignment_id: Id, edge: AnyEdge, _person: Anybody) -> AssignmentView:
    """Show one assignment with its lines, parcels and handovers."""
    return views.assignment(edge.database.read(), edge, assignment_id)


@router.get("/assignments/{assignment_id}/contact")
async def contact(assignment_id: Id, edge: AnyEdge, _person: Anybody) -> ContactView:
    """Show who collects or gets the parcel; ask only where somebody must be recognised or addressed."""
    return views.contact(edge.database.read(), assignment_id)


@router.post("/assignments/{assignment_id}/check-item", openapi_extra=body_of(CheckItem))
async def check_item(assignment_id: Id, request: Request, edge: AnyEdge, person: Anybody) -> CheckedItem:
    """Tell whether an article belongs into the parcels of an order; nothing is written."""
    asked = await parsed(request, CheckItem)
    return parcels.check_item(edge.database.read(), edge, assignment_id, asked, person)


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


def _with_list(answer: type[BaseModel], field: str) -> Finish:
    """Return what answers with the list as it stands after the step, beside what the step said."""

    def finish(act: Act) -> BaseModel:
        pick = views.pick(act.edge.database.read(), act.edge, *act.of)
        return answer.model_validate({field: act.said, "pick": pick})

    return finish


def _left(act: Act) -> BaseModel:
    check_left(act.said)
    answer: BaseModel = act.said
    return answer


def _recognised(act: Act) -> BaseModel:
    check_verified(act.said)
    return Verification.model_validate(act.said)


_PICK, _ASSIGNMENT = "/picks/{list_id}", "/assignments/{assignment_id}"
VERBS: Final = (
    Verb("/manifests", CloseManifest, ManifestClosed, parcels.close_manifest,
         "Close the day with one carrier; its manifest is printed."),
    Verb("/picks", StartPick, Started, picking.start,
         "Begin to walk: a list, a batch of assignments, or everything due before a time."),
    Verb(f"{_PICK}/scan", ScanItem, ScanAnswer, walking.scan,
         "Take an article that was scanned; `outcome` says whether it is the right one.",
         _with_list(ScanAnswer, "scan")),
    Verb(f"{_PICK}/undo", UndoScan, ScanAnswer, walking.undo, "Take a scan back.",
         _with_list(ScanAnswer, "scan")),
    Verb(f"{_PICK}/set", SetFound, ScanAnswer, walking.set_found,
         "Say by hand how many of a line were found.", _with_list(ScanAnswer, "scan")),
    Verb(f"{_PICK}/short", ShortPick, ShortAnswer, walking.short,
         "Say that units are not there, and why.", _with_list(ShortAnswer, "short")),
    Verb(f"{_PICK}/finish", FinishPick, Finished, walking.finish,
         "End the walk: what was found is picked, what was not takes its effect."),
    Verb(f"{_ASSIGNMENT}/accept", Accept, Done, inbox.accept, "Take the work on."),
    Verb(f"{_ASSIGNMENT}/reject", Reject, Done, inbox.reject, "Give the work back, for a reason."),
    Verb(f"{_ASSIGNMENT}/pack", Pack, Packed, parcels.pack,
         "Put what was picked into parcels or bags; slips and labels are printed."),
    Verb(f"{_ASSIGNMENT}/stage", Stage, Done, parcels.stage,
         "Put the bags on a shelf: the order is ready."),
    Verb(f"{_ASSIGNMENT}/ship", Ship, Shipped, parcels.ship, "Give the parcels to a carrier.", _left),
    Verb(f"{_ASSIGNMENT}/verify", Verify, Verification, pickup.verify,
         "Recognise who collects. A wrong try is stored before it is refused.", _recognised),
    Verb(f"{_ASSIGNMENT}/hand-over", HandOver, HandedOver, pickup.hand_over,
         "Hand over everything that is here, or these units.", _left),
    Verb("/handovers/{handover_id}/undo", UndoHandover, Done, pickup.undo_handover,
         "Take a handover back within its minutes."),
    Verb(f"{_ASSIGNMENT}/put-back", PutBack, Done, inbox.put_back_no_show,
         "Nobody came in time: give the order back, and its goods to the shelf."),
    Verb(f"{_ASSIGNMENT}/goods-put-back", Accept, Done, inbox.goods_put_back,
         "Say that the goods of a cancelled order lie on their shelf again; ends the task."),
    Verb("/check-out", CheckOut, Held, holds.check_out, "Take assignments along on this device."),
    Verb("/check-in", CheckIn, Held, holds.check_in, "Bring assignments of this device back."),
    Verb("/take-back", TakeBack, Held, holds.take_back,
         "Take assignments from a device that does not come back; needs a manager's word."),
)  # fmt: skip
"""What can be done."""
add_verbs(router, VERBS)
