"""The inbox: what this store owes by promise, what has to be put back, and where a scanned slip leads."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.answers import Answer, said
from edge_agent.context import Edge
from edge_agent.exceptions import rows as exception_rows
from edge_agent.fulfil.pages import shown
from edge_agent.fulfil.pages.words import span
from edge_agent.fulfil.steps import holds, picking, views
from edge_agent.fulfil.steps.commands import CheckIn, CheckOut, StartPick
from edge_agent.fulfil.steps.models import Found, WorkView
from edge_agent.pages import form_of, go_to, show
from edge_agent.paper import steps as paper_steps
from edge_agent.people.steps import name_of
from edge_agent.web import edge_of, parsed, signed_in
from protocol.errors import NotFound
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LISTED: Final = 200
_TASKS: Final = ("put_back", "no_show")

router = APIRouter(prefix="/fulfil", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class TaskShown:
    """Goods that have to be carried back."""

    assignment_id: str
    title: str
    says: str
    shape: Shape
    word: str


@dataclass(frozen=True, slots=True)
class HoldShown:
    """An order that a device has taken along."""

    assignment_id: str
    number: str
    device: str
    who: str
    at_us: int
    cancel_asked: bool


@router.get("")
async def page(
    request: Request,
    edge: AnyEdge,
    person: Anybody,
    which: Annotated[str, Query(alias="show", max_length=12)] = "",
) -> Response:
    """Show the work of this store, what is due first on top."""
    return show(request, "fulfil/inbox.html", **view(edge.database.read(), edge, person, which))


@router.post("/start")
async def start(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Begin to walk with what was chosen; with nothing chosen, what is due first."""
    command = await parsed(request, StartPick)
    if not command.assignments:
        work = views.work_list(edge.database.read(), edge, limit=LISTED)
        first = next((each for each in work if _pickable(each)), None)
        command = command.model_copy(update={"assignments": (first.assignment_id,) if first else ()})
    done, _new = await edge.database.awrite(lambda unit: picking.start(unit, edge, command, person=person))
    return said(Answer(go=f"/fulfil/pick/{done.list_id}"))


@router.post("/take")
async def take(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take orders along on this device, so that they go on without the Wi-Fi."""
    command = await parsed(request, CheckOut)
    done, _new = await edge.database.awrite(lambda unit: holds.check_out(unit, edge, command, person=person))
    return said(_moved(edge, done.assignments, _("It is on this handheld now.")))


@router.post("/bring-back")
async def bring_back(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Check orders in again; what was to be cancelled meanwhile is decided now."""
    command = await parsed(request, CheckIn)
    done, _new = await edge.database.awrite(lambda unit: holds.check_in(unit, edge, command, person=person))
    return said(_moved(edge, done.assignments, ""))


def _moved(edge: Edge, assignments: tuple[str, ...], toast: str) -> Answer:
    """Return where work goes on that was taken along or brought back."""
    if not assignments:
        return Answer(go="/fulfil")
    each = views.assignment(edge.database.read(), edge, assignments[0])
    picking_now = each.state == "picking" and each.list_id
    return Answer(
        go=f"/fulfil/pick/{each.list_id}" if picking_now else f"/fulfil/work/{each.assignment_id}",
        toast=toast,
    )


@router.post("/scan")
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Open what a slip of ours stands for, wherever it was scanned."""
    code = (await form_of(request)).get("code")[:512]
    await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
    slip = parse_slip_code(code)
    try:
        found = views.look_up(edge.database.read(), edge, code)
    except NotFound as error:
        if slip is None or slip[0] != "po" or error.reason != "unknown_code":
            raise
        return go_to(request, f"/orders/{slip[1]}")  # taken here, fulfilled elsewhere
    return go_to(request, leads_to(found, slip[0] if slip else ""))


def leads_to(found: Found, kind: str) -> str:
    """Return the page of what was scanned."""
    if found.what == "product":
        return f"/stock/{found.sku}"
    if found.what == "manifest":
        return "/fulfil/manifest"
    if found.list_id:
        return f"/fulfil/pick/{found.list_id}"
    open_ = [each for each in found.assignments if each.next] or list(found.assignments)
    if not open_:
        return "/fulfil"
    collect = found.what == "order" and open_[0].kind == "collect" and kind in {"", "po"}
    if collect:
        return f"/fulfil/pickup/{open_[0].assignment_id}"
    return f"/fulfil/work/{open_[0].assignment_id}"


def _pickable(each: WorkView) -> bool:
    return (
        each.state == "acknowledged" and not each.held_by and not each.cancel_asked and each.stopped is None
    )


def view(connection: Connection, edge: Edge, person: CurrentPerson, which: str) -> dict[str, Any]:
    """Return everything that the inbox shows."""
    everything = views.work_list(connection, edge, limit=LISTED)
    waiting = [each for each in everything if each.state != "ready"]
    kinds = {
        "": waiting,
        "collect": [each for each in waiting if each.kind == "collect"],
        "ship": [each for each in waiting if each.kind == "ship"],
        "mine": [
            each
            for each in waiting
            if each.picker == person.person_id or (each.held_by and each.held_by == person.device)
        ],
    }
    which = which if which in kinds else ""
    words = {"": _("All"), "collect": _("Collect"), "ship": _("Ship"), "mine": _("Mine")}
    rows = [shown.row(connection, edge, each, person.device) for each in kinds[which]]
    ready = [each for each in everything if each.state == "ready"]
    headline, says = _headline(waiting, len(ready))
    pickable = any(row.pickable for row in rows)
    return {
        "rows": rows,
        "show": which,
        "filters": [(value, word, len(kinds[value])) for value, word in words.items()],
        "headline": headline,
        "says": says,
        "tasks": _tasks(connection),
        "may_batch": pickable,
        "first_word": _("Pick the next order"),
        "batch_words": json.dumps(
            {
                "none": _("Pick the next order"),
                "one": _("Pick this order"),
                "many": _("Pick {n} orders together"),
            }
        ),
        "ready": [shown.row(connection, edge, each, person.device) for each in ready],
        "holds": [
            HoldShown(
                each.assignment_id,
                each.number,
                each.device,
                name_of(connection, each.by),
                each.at_us,
                each.cancel_asked,
            )
            for each in views.holds(connection)
        ],
        "leaving": len(views.candidates(connection)),
    }


def _headline(waiting: list[WorkView], ready: int) -> tuple[str, str]:
    shelf = _("1 stands ready for its customer.") if ready == 1 else _("{n} stand ready.", n=ready)
    if not waiting:
        return _("Nothing waits"), shelf if ready else _("New orders appear here by themselves.")
    late = sum(each.clock == "late" for each in waiting)
    count = _("1 order to do") if len(waiting) == 1 else _("{n} orders to do", n=len(waiting))
    if late:
        says = _("1 of them is late.") if late == 1 else _("{n} of them are late.", n=late)
    else:
        minutes = max(0, waiting[0].due_in_minutes)
        says = _("The first is due in {span}.", span=span(minutes))
    return count, f"{says} {shelf}" if ready else says


def _tasks(connection: Connection) -> list[TaskShown]:
    """Return what has to be carried back to its shelf."""
    found = exception_rows.listed(connection, with_closed=False, limit=LISTED)
    tasks = []
    for each in found:
        if each.kind not in _TASKS:
            continue
        back = each.kind == "put_back"
        shelf = str(each.facts.get("shelf") or "")
        says = _("Its goods are off their shelf.") if back else _("It stands there and nobody came.")
        tasks.append(
            TaskShown(
                assignment_id=str(each.facts.get("assignment_id", "")),
                title=each.title,
                says=" ".join((says, _("Shelf {shelf}.", shelf=shelf))) if shelf else says,
                shape="act" if back else "wait",
                word=_("Put back") if back else _("Decide"),
            )
        )
    return tasks
