"""What arrives: scanned, said, taken in; and cartons that nobody has announced to this store."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.pages.answers import Answer, drawn, part, said
from edge_agent.pages import go_to, show
from edge_agent.transfers.pages import shown
from edge_agent.transfers.pages.out import NOTHING_HEARD, did, view
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.steps import arriving, receiving, views
from edge_agent.transfers.steps.commands import (
    SayLine,
    ScanItem,
    TakeIn,
    TakeInUnknown,
    UndoReceipt,
    UndoScan,
)
from edge_agent.transfers.steps.models import ReceivedAnswer, Scanned, unknown_carton_words
from edge_agent.web import edge_of, parsed, signed_in
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.sscc import is_sscc, spaced

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
Sscc = Annotated[str, Path(pattern=r"^[0-9]{18}$")]
WorkId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
CARTON = "carton-"

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.post("/{transfer_id}/arrival/scan")
async def scan(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take the label of a carton that arrived, or one article of it."""
    wanted = await parsed(request, ScanItem)

    def step(unit: EdgeUnit) -> tuple[Scanned, bool]:
        return arriving.scan(unit, edge, transfer_id, wanted, person=person)

    scanned, _new = await edge.database.awrite(step)
    html = drawn(request, "transfers/transfer.html", **view(edge.database.read(), edge, transfer_id))
    return _heard(request, scanned, wanted.key, html)


@router.post("/{transfer_id}/arrival/undo")
async def undo(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Take a scan back."""
    wanted = await parsed(request, UndoScan)
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: arriving.undo(unit, edge, transfer_id, wanted),
        _("Taken back."),
    )


@router.post("/{transfer_id}/arrival/line")
async def say_line(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Say by hand what arrived of a line."""
    wanted = await parsed(request, SayLine)
    return await did(
        request,
        edge,
        transfer_id,
        lambda unit: arriving.say_line(unit, edge, transfer_id, wanted),
        _("Noted."),
    )


@router.post("/{transfer_id}/receive")
async def receive(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take in what was scanned."""
    wanted = await parsed(request, TakeIn)

    def step(unit: EdgeUnit) -> tuple[ReceivedAnswer, bool]:
        return receiving.receive(unit, edge, transfer_id, wanted, person=person)

    done, _new = await edge.database.awrite(step)
    values = view(edge.database.read(), edge, transfer_id)
    return said(
        Answer(
            html=drawn(request, "transfers/transfer.html", **values),
            toast=_taken_in(done),
            feedback=NOTHING_HEARD,
        )
    )


@router.post("/receipts/{receipt_id}/undo")
async def undo_receipt(request: Request, receipt_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take an arrival back."""
    wanted = await parsed(request, UndoReceipt)
    done, _new = await edge.database.awrite(
        lambda unit: receiving.undo(unit, edge, receipt_id, wanted, person=person)
    )
    return said(Answer(go=f"/transfers/{done.transfer_id}" if done.transfer_id else "/transfers"))


@router.get("/carton/{sscc}")
async def carton(request: Request, sscc: Sscc, edge: AnyEdge, _person: Anybody) -> Response:
    """Open the transfer of a carton; one that nobody has announced is a question."""
    connection = edge.database.read()
    if not is_sscc(sscc):
        raise Invalid(
            _("{code} is no number of a carton: its check digit is wrong.", code=spaced(sscc)),
            _("Scan the label once more."),
            code="bad_sscc",
        )
    known = rows.find_carton(connection, sscc)
    if known is not None and known.transfer_id:
        return go_to(request, f"/transfers/{known.transfer_id}")
    if known is not None:
        return go_to(request, "/transfers")
    return show(request, "transfers/unknown.html", **_unknown(connection, edge, f"{CARTON}{sscc}"))


@router.get("/arrivals/{work_id}")
async def arrival(request: Request, work_id: WorkId, edge: AnyEdge, _person: Anybody) -> Response:
    """Take in goods without a label that nobody has announced."""
    if work_id == "new":
        return go_to(request, f"/transfers/arrivals/{edge.ids.new_id()}")
    return show(request, "transfers/unknown.html", **_unknown(edge.database.read(), edge, work_id))


@router.post("/arrivals/{work_id}/scan")
async def unknown_scan(request: Request, work_id: WorkId, edge: AnyEdge, person: Anybody) -> Response:
    """Count an article out of goods that nobody announced."""
    wanted = await parsed(request, ScanItem)

    def step(unit: EdgeUnit) -> tuple[Scanned, bool]:
        return arriving.scan_unknown(unit, edge, work_id, wanted, person=person)

    scanned, _new = await edge.database.awrite(step)
    return _heard(request, scanned, wanted.key, _unknown_drawn(request, edge, work_id))


@router.post("/arrivals/{work_id}/undo")
async def unknown_undo(request: Request, work_id: WorkId, edge: AnyEdge, _person: Anybody) -> Response:
    """Take a scan back."""
    wanted = await parsed(request, UndoScan)
    await edge.database.awrite(lambda unit: arriving.undo(unit, edge, work_id, wanted))
    return said(
        Answer(html=_unknown_drawn(request, edge, work_id), toast=_("Taken back."), feedback=NOTHING_HEARD)
    )


@router.post("/arrivals/{work_id}/line")
async def unknown_line(request: Request, work_id: WorkId, edge: AnyEdge, _person: Anybody) -> Response:
    """Say by hand how many of an article there are, and what of it is broken."""
    wanted = await parsed(request, SayLine)
    await edge.database.awrite(lambda unit: arriving.say_line(unit, edge, work_id, wanted))
    return said(Answer(html=_unknown_drawn(request, edge, work_id), toast=_("Noted.")))


@router.post("/arrivals/{work_id}/take-in")
async def take_in(request: Request, work_id: WorkId, edge: AnyEdge, person: Anybody) -> Response:
    """Take it in; the hub finds out where it came from."""
    said_of_it = await parsed(request, TakeInUnknown)
    wanted = said_of_it.model_copy(update={"work_id": work_id})
    done, _new = await edge.database.awrite(lambda unit: arriving.take_in(unit, edge, wanted, person=person))
    return said(Answer(go="/transfers", toast=_taken_in(done)))


def _taken_in(done: ReceivedAnswer) -> str:
    words = [_("1 item taken in") if done.units == 1 else _("{n} items taken in", n=done.units)]
    if done.bound:
        words.append(_("{n} for orders, ready to pick", n=done.bound))
    if done.damaged:
        words.append(_("{n} kept apart, damaged", n=done.damaged))
    if done.missing:
        words.append(_("{n} missing", n=done.missing))
    return ", ".join(words) + "."


def _heard(request: Request, scanned: Scanned, key: str, html: str) -> Response:
    taken = scanned.outcome in {"counted", "carton"}
    return said(
        Answer(
            ok=taken,
            outcome=scanned.outcome,
            scan_id=scanned.scan_id,
            html=html,
            feedback=part(request, "transfers/scanned.html", scan=scanned, nth=key, undo=False),
            what=scanned.what,
            remedy=scanned.remedy,
        )
    )


def _unknown_drawn(request: Request, edge: Edge, work_id: str) -> str:
    return drawn(request, "transfers/unknown.html", **_unknown(edge.database.read(), edge, work_id))


def _unknown(connection: Connection, edge: Edge, work_id: str) -> dict[str, Any]:
    sscc = work_id.removeprefix(CARTON) if work_id.startswith(CARTON) else ""
    what, remedy = (
        unknown_carton_words(spaced(sscc))
        if sscc
        else (_("Goods that nobody has announced"), _("Scan what has arrived, item by item."))
    )
    counted = arriving.unknown_counted(connection, edge, TakeInUnknown(key="look", work_id=work_id))
    return {
        "work_id": work_id,
        "sscc": sscc,
        "spaced_sscc": spaced(sscc) if sscc else "",
        "what": what,
        "remedy": remedy,
        "lines": counted,
        "units": sum(each.units for each in counted),
        "places": views.places(connection, edge),
        "scans": len([each for each in work.scans(connection, work_id, "receive") if not each.undone]),
        "here": edge.settings.store_name,
        "names": shown.names_of(connection),
    }
