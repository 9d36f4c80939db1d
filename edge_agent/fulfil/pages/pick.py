"""The walk: one line at a time, in a page that goes on without the Wi-Fi."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from edge_agent.answers import Answer, drawn, heard, part, said
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.pages import shown
from edge_agent.fulfil.pages.words import clock, kind_word, next_word, state_word
from edge_agent.fulfil.steps import picking, views, walking
from edge_agent.fulfil.steps.commands import FinishPick, ScanItem, SetFound, ShortPick, StartPick, UndoScan
from edge_agent.fulfil.steps.models import Finished, PickLineView, PickOrderView, PickView, Scanned
from edge_agent.pages import go_to, show
from edge_agent.web import edge_of, parsed, signed_in
from edge_agent.words import items_word
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
ListId = Annotated[str, Path(max_length=64)]

router = APIRouter(prefix="/fulfil/pick", include_in_schema=False)


@router.get("/{list_id}")
async def page(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Show a pick list; one that was replaced leads to the one that took its place."""
    found = views.pick(edge.database.read(), edge, list_id)
    if found.replaced_by:
        return go_to(request, f"/fulfil/pick/{found.replaced_by}")
    return show(request, "fulfil/pick.html", **view(edge.database.read(), edge, found, person))


@router.post("/{list_id}/start")
async def start(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Begin to walk a list that waits."""
    asked = await parsed(request, FinishPick)  # a key alone
    command = StartPick(key=asked.key, list_id=list_id)
    done, _new = await edge.database.awrite(lambda unit: picking.start(unit, edge, command, person=person))
    return said(Answer(html=_drawn(request, edge, done.list_id, person)))


@router.post("/{list_id}/scan")
async def scan(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Take an article that was scanned; what is wrong with it is an answer, not a refusal."""
    command = await parsed(request, ScanItem)

    def step(unit: EdgeUnit) -> tuple[Scanned, bool]:
        return walking.scan(unit, edge, list_id, command, person=person)

    scanned, _new = await edge.database.awrite(step)
    return _counted(request, edge, list_id, scanned, command.key, person)


@router.post("/{list_id}/undo")
async def undo(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Take a scan back."""
    command = await parsed(request, UndoScan)
    scanned, _new = await edge.database.awrite(
        lambda unit: walking.undo(unit, edge, list_id, command, person=person)
    )
    toast = _("Taken back: {name}, {found} of {wanted}.",
              name=scanned.name, found=scanned.found, wanted=scanned.wanted)  # fmt: skip
    return said(Answer(html=_drawn(request, edge, list_id, person), toast=toast, scan_id=scanned.scan_id))


@router.post("/{list_id}/found")
async def found_by_hand(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Say by hand how many of a line were found."""
    command = await parsed(request, SetFound)
    scanned, _new = await edge.database.awrite(
        lambda unit: walking.set_found(unit, edge, list_id, command, person=person)
    )
    return _counted(request, edge, list_id, scanned, command.key, person)


@router.post("/{list_id}/short")
async def short(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """Say that units are not there, and why."""
    command = await parsed(request, ShortPick)
    noted, _new = await edge.database.awrite(
        lambda unit: walking.short(unit, edge, list_id, command, person=person)
    )
    toast = _("1 noted as missing.") if noted.units == 1 else _("{n} noted as missing.", n=noted.units)
    return said(Answer(html=_drawn(request, edge, list_id, person), toast=toast))


@router.post("/{list_id}/finish")
async def finish(request: Request, list_id: ListId, edge: AnyEdge, person: Anybody) -> Response:
    """End the walk; what is packed next opens."""
    command = await parsed(request, FinishPick)

    def step(unit: EdgeUnit) -> tuple[Finished, bool]:
        return walking.finish(unit, edge, list_id, command, person=person)

    done, _new = await edge.database.awrite(step)
    left = [each for each in done.assignments if each.state == "picked"]
    if len(done.assignments) == 1:
        return said(Answer(go=f"/fulfil/work/{done.assignments[0].assignment_id}"))
    toast = _("{n} orders are picked.", n=len(left))
    return said(Answer(html=_drawn(request, edge, list_id, person), toast=toast))


def _counted(  # noqa: PLR0917 - one scan in the order of its parts
    request: Request, edge: Edge, list_id: str, scanned: Scanned, key: str, person: CurrentPerson
) -> Response:
    feedback = part(request, "fulfil/scanned.html", scan=scanned, nth=key, quiet=False)
    html = _drawn(request, edge, list_id, person)
    return heard(scanned, ok=scanned.outcome == "picked", html=html, feedback=feedback)


def _drawn(request: Request, edge: Edge, list_id: str, person: CurrentPerson) -> str:
    connection = edge.database.read()
    found = views.pick(connection, edge, list_id)
    return drawn(request, "fulfil/pick.html", **view(connection, edge, found, person))


def view(connection: Connection, edge: Edge, pick: PickView, person: CurrentPerson) -> dict[str, Any]:
    """Return everything that the page of a walk shows.

    Raises:
        Invalid: a list without orders, which nothing makes.
    """
    if not pick.orders:
        raise Invalid(_("This list is empty."), _("Choose the order from the list of work."))
    lines = shown.pick_lines(connection, pick.lines, _says)
    batch = len(pick.orders) > 1
    first = min(pick.orders, key=lambda each: each.due_us)
    assignments = [views.assignment(connection, edge, each.assignment_id) for each in pick.orders]
    devices = {each.held_by for each in assignments if each.held_by}
    held = bool(devices) and all(each.held_by == person.device for each in assignments)
    heading = (
        _("{n} orders together", n=len(pick.orders)) if batch else _("Order {number}", number=first.number)
    )
    ids = [each.assignment_id for each in pick.orders if not each.cancelled]
    return {
        "pick": pick,
        "state": _state(pick),
        "title": _("Pick {list}", list=pick.list_id),
        "heading": heading,
        "kind_word": kind_word(first.kind) if not batch else items_word(pick.wanted),
        "clock": clock(edge, first.due_us, first.clock, with_time=True),
        "lines": lines,
        "data": shown.for_handheld(pick.list_id, lines),
        "orders": tuple(_order(edge, each) for each in pick.orders),
        "batch": batch,
        "held": held,
        "held_by": "" if held else next(iter(devices - {person.device}), ""),
        "ids_json": json.dumps(ids),
        "after": tuple(shown.steps(connection, edge, each, person.device) for each in assignments)
        if held
        else (),
    }


def _says(line: PickLineView) -> str:
    return _("customer takes something similar") if line.substitutes else ""


def _state(pick: PickView) -> str:
    if pick.state == "picking" and all(order.state != "picking" for order in pick.orders):
        return "done" if any(not order.cancelled for order in pick.orders) else "void"
    return pick.state


def _order(edge: Edge, each: PickOrderView) -> shown.OrderShown:
    label = ", ".join(word for word in (kind_word(each.kind), each.contact_label) if word)
    verb = "pack" if each.state == "picked" else ""
    return shown.OrderShown(
        assignment_id=each.assignment_id,
        number=each.number,
        tote=each.tote,
        label=label,
        cancelled=each.cancelled,
        clock=clock(edge, each.due_us, each.clock),
        state=state_word(each.state),
        next_word=next_word(verb) if verb else _("See"),
    )
