"""The walk for a transfer: one line at a time, in a page that goes on without the Wi-Fi."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, heard, part, said
from edge_agent.context import Edge
from edge_agent.fulfil.pages.shown import for_handheld
from edge_agent.pages import go_to, show
from edge_agent.transfers.pages import shown
from edge_agent.transfers.steps import views, walking
from edge_agent.transfers.steps.commands import KeyOnly, ScanItem, SetFound, ShortPick, UndoScan
from edge_agent.transfers.steps.models import Scanned
from edge_agent.verbs import Act, PageVerb, add_page_verbs, nameless
from edge_agent.web import edge_of, signed_in
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Id = Annotated[str, Path(max_length=64)]

router = APIRouter(prefix="/transfers", include_in_schema=False)


@router.get("/{transfer_id}/pick")
async def page(request: Request, transfer_id: Id, edge: AnyEdge, _person: Anybody) -> Response:
    """Show the walk; one that is over leads to its transfer."""
    connection = edge.database.read()
    if views.one(connection, edge, transfer_id).next != "pick":
        return go_to(request, f"/transfers/{transfer_id}")
    return show(request, "transfers/pick.html", **view(connection, edge, transfer_id))


def view(connection: Connection, edge: Edge, transfer_id: str) -> dict[str, Any]:
    """Return everything that the page of a walk shows."""
    each = views.one(connection, edge, transfer_id)
    lines = shown.pick_lines(connection, edge, transfer_id)
    place = shown.names_of(connection).get(each.other, each.other)
    return {
        "each": each,
        "lines": lines,
        "data": for_handheld(transfer_id, lines),
        "place": place,
        "found": sum(line.found for line in lines),
        "scans": shown.scans(connection, transfer_id),
    }


def _drawn(act: Act) -> str:
    return drawn(act.request, "transfers/pick.html", **view(act.edge.database.read(), act.edge, act.of[0]))


def _counted(act: Act) -> Response:
    taken = act.said.outcome == "counted"
    feedback = part(act.request, "transfers/scanned.html", scan=act.said, nth=act.command.key, undo=taken)
    outcome = "picked" if taken else ""  # as `handheld.js` calls it
    return heard(act.said, ok=taken, outcome=outcome, html=_drawn(act), feedback=feedback)


def _undone(act: Act) -> Response:
    scanned: Scanned = act.said
    toast = _("Taken back: {name}, {found} of {wanted}.",
              name=scanned.name, found=scanned.found, wanted=scanned.wanted)  # fmt: skip
    return said(Answer(html=_drawn(act), toast=toast, scan_id=scanned.scan_id))


def _short(act: Act) -> Response:
    units = act.command.units
    toast = _("1 noted as missing.") if units == 1 else _("{n} noted as missing.", n=units)
    return said(Answer(html=_drawn(act), toast=toast))


VERBS: Final = (
    PageVerb("/{transfer_id}/pick/scan", ScanItem, walking.scan, _counted),
    PageVerb("/{transfer_id}/pick/undo", UndoScan, nameless(walking.undo), _undone),
    PageVerb("/{transfer_id}/pick/found", SetFound, walking.set_found, _counted),
    PageVerb("/{transfer_id}/pick/short", ShortPick, nameless(walking.short), _short),
    PageVerb("/{transfer_id}/pick/finish", KeyOnly, walking.finish,
             lambda act: said(Answer(go=f"/transfers/{act.of[0]}"))),
)  # fmt: skip
"""What can be done on a walk."""
add_page_verbs(router, VERBS)
