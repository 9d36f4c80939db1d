"""The walk for a transfer: one line at a time, in a page that goes on without the Wi-Fi."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.pages.answers import Answer, drawn, part, said
from edge_agent.pages import go_to, show
from edge_agent.transfers.pages import shown
from edge_agent.transfers.rows import work
from edge_agent.transfers.steps import views, walking
from edge_agent.transfers.steps.commands import KeyOnly, ScanItem, SetFound, ShortPick, UndoScan
from edge_agent.transfers.steps.models import Scanned
from edge_agent.web import edge_of, parsed, signed_in
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]
SCANS_SHOWN = 5

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.get("/{transfer_id}/pick")
async def page(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show the walk; one that is over leads to its transfer."""
    connection = edge.database.read()
    if views.one(connection, edge, transfer_id).next != "pick":
        return go_to(request, f"/transfers/{transfer_id}")
    return show(request, "transfers/pick.html", **view(connection, edge, transfer_id))


@router.post("/{transfer_id}/pick/scan")
async def scan(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Take an article that was scanned; what is wrong with it is an answer, not a refusal."""
    wanted = await parsed(request, ScanItem)

    def step(unit: EdgeUnit) -> tuple[Scanned, bool]:
        return walking.scan(unit, edge, transfer_id, wanted, person=person)

    scanned, _new = await edge.database.awrite(step)
    return _counted(request, edge, transfer_id, scanned, wanted.key)


@router.post("/{transfer_id}/pick/undo")
async def undo(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Take a scan back."""
    wanted = await parsed(request, UndoScan)
    scanned, _new = await edge.database.awrite(lambda unit: walking.undo(unit, edge, transfer_id, wanted))
    toast = _("Taken back: {name}, {found} of {wanted}.",
              name=scanned.name, found=scanned.found, wanted=scanned.wanted)  # fmt: skip
    return said(Answer(html=_drawn(request, edge, transfer_id), toast=toast, scan_id=scanned.scan_id))


@router.post("/{transfer_id}/pick/found")
async def found_by_hand(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """Say by hand how many of a line were found."""
    wanted = await parsed(request, SetFound)
    scanned, _new = await edge.database.awrite(
        lambda unit: walking.set_found(unit, edge, transfer_id, wanted, person=person)
    )
    return _counted(request, edge, transfer_id, scanned, wanted.key)


@router.post("/{transfer_id}/pick/short")
async def short(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Say that units are not there, and why."""
    wanted = await parsed(request, ShortPick)
    await edge.database.awrite(lambda unit: walking.short(unit, edge, transfer_id, wanted))
    toast = _("1 noted as missing.") if wanted.units == 1 else _("{n} noted as missing.", n=wanted.units)
    return said(Answer(html=_drawn(request, edge, transfer_id), toast=toast))


@router.post("/{transfer_id}/pick/finish")
async def finish(request: Request, transfer_id: Id, edge: AnyEdge, person: Anybody) -> Response:
    """End the walk; what is packed next opens."""
    wanted = await parsed(request, KeyOnly)
    await edge.database.awrite(lambda unit: walking.finish(unit, edge, transfer_id, wanted, person=person))
    return said(Answer(go=f"/transfers/{transfer_id}"))


def _counted(request: Request, edge: Edge, transfer_id: str, scanned: Scanned, key: str) -> Response:
    taken = scanned.outcome == "counted"
    return said(
        Answer(
            ok=taken,
            outcome="picked" if taken else scanned.outcome,
            scan_id=scanned.scan_id,
            html=_drawn(request, edge, transfer_id),
            feedback=part(request, "transfers/scanned.html", scan=scanned, nth=key, undo=taken),
            what=scanned.what,
            remedy=scanned.remedy,
        )
    )


def _drawn(request: Request, edge: Edge, transfer_id: str) -> str:
    return drawn(request, "transfers/pick.html", **view(edge.database.read(), edge, transfer_id))


def view(connection: Connection, edge: Edge, transfer_id: str) -> dict[str, Any]:
    """Return everything that the page of a walk shows."""
    each = views.one(connection, edge, transfer_id)
    lines = shown.pick_lines(connection, edge, transfer_id)
    place = shown.names_of(connection).get(each.other, each.other)
    return {
        "each": each,
        "lines": lines,
        "data": shown.for_handheld(transfer_id, lines),
        "place": place,
        "found": sum(line.found for line in lines),
        "why_words": shown.why_words(),
        "report_words": shown.report_words(),
        "scans": work.scans(connection, transfer_id, "pick", SCANS_SHOWN),
    }
