"""Printers: how they are, what waits, what became of every slip, and the slip itself as a picture."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.pages import form_of, go_to, show
from edge_agent.paper import rows, steps
from edge_agent.paper.api import paper_of, printer_views
from edge_agent.paper.rules import COMPANIONS, Slip, slip_label, state_label
from edge_agent.paper.settling import queue_companion
from edge_agent.paper.words import condition_word, detail_word, evidence_word, profile_word, purpose_word
from edge_agent.people import rows as people_rows
from edge_agent.web import edge_of, signed_in
from edge_agent.words import till_word
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
LISTED: Final = 60

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class JobShown:
    """One print job as a row."""

    job_id: str
    label: str
    title: str
    state: str
    word: str
    shape: Shape
    attempt: int
    detail: str
    queued_us: int
    printer: str


@router.get("/store/printers")
async def printers(
    request: Request, edge: AnyEdge, person: Anybody, state: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Show the printers and their slips; the filter stays in the address."""
    return show(request, "paper/printers.html", **_view(request, edge, person, state))


@router.get("/store/printers/jobs/{job_id}")
async def job(request: Request, job_id: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Show one slip: its picture and what became of it."""
    return show(request, "paper/job.html", **_job_view(edge, job_id))


@router.post("/store/printers/jobs/{job_id}/reprint")
async def reprint(request: Request, job_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Print a slip once more, marked as a reprint."""
    reason = (await form_of(request)).get("reason")[:200]
    if not reason:
        raise Invalid(_("Printing again needs a reason."), _("Choose or type why."))
    new_id = await edge.database.awrite(
        lambda unit: steps.reprint(unit, edge, job_id, reason=reason, person=person)
    )
    return go_to(request, f"/store/printers/jobs/{new_id}")


@router.post("/store/printers/jobs/{job_id}/resolve")
async def resolve(request: Request, job_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Say whether a slip in doubt is there."""
    printed = (await form_of(request)).get("printed") == "yes"
    await edge.database.awrite(
        lambda unit: steps.resolve_job(unit, edge, job_id, printed=printed, person=person)
    )
    toast = _("Good: it counts as printed.") if printed else _("It prints again, marked as a reprint.")
    return show(request, "paper/job.html", toast=toast, **_job_view(edge, job_id))


@router.post("/store/printers/jobs/{job_id}/also")
async def also(request: Request, job_id: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Print the slip that goes with this one."""
    new_id = await edge.database.awrite(lambda unit: queue_companion(unit, edge, job_id))
    return go_to(request, f"/store/printers/jobs/{new_id}")


@router.post("/store/printers/jobs/{job_id}/void")
async def void(request: Request, job_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Cancel a slip that was not sent yet."""
    await edge.database.awrite(lambda unit: steps.void_job(unit, edge, job_id, person=person))
    return show(request, "paper/job.html", toast=_("It will not be printed."), **_job_view(edge, job_id))


@router.post("/store/printers/{printer_id}/test")
async def test_page(request: Request, printer_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Print the test page of one printer."""
    await edge.database.awrite(lambda unit: steps.queue_test_page(unit, edge, printer_id))
    return show(
        request, "paper/printers.html", toast=_("The test page prints."), **_view(request, edge, person, "")
    )


@router.post("/store/printers/{printer_id}/retry")
async def retry(request: Request, printer_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Try a printer at once."""
    steps.require_printer(edge.database.read(), printer_id)
    paper = paper_of(request)
    if paper is not None:
        paper.try_now(printer_id)
    return show(request, "paper/printers.html", toast=_("Trying it now."), **_view(request, edge, person, ""))


@router.post("/store/printers/{printer_id}/switch")
async def switch(request: Request, printer_id: str, edge: AnyEdge, person: Manager) -> Response:
    """Switch a printer off, or on again; its waiting slips move to another one."""
    row = steps.require_printer(edge.database.read(), printer_id)
    changed = replace(row, active=not row.active)
    await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, changed))
    return show(request, "paper/printers.html", **_view(request, edge, person, ""))


def job_shape(state: str) -> Shape:
    """Return the shape of a print job's state."""
    if state in {"printed", "seen", "resolved_printed", "sent_unconfirmed"}:
        return "done"
    if state in {"unknown", "refused"}:
        return "act"
    if state in {"expired", "voided", "resolved_missing"}:
        return "calm"
    return "wait" if state in {"queued", "held_at_printer"} else "live"


def _view(request: Request, edge: Edge, person: CurrentPerson, state: str) -> dict[str, Any]:
    connection = edge.database.read()
    views = printer_views(connection, paper_of(request))
    names = {view.printer_id: view.name for view in views}
    return {
        "printers": [(view, *condition_word(view)) for view in views],
        "jobs": [
            _shown(row, names.get(row.printer_id, ""))
            for row in rows.jobs(connection, state=state, business_id="", limit=LISTED)
        ],
        "state": state,
        "states": [
            ("queued", _("Waiting")),
            ("held_at_printer", _("At the printer")),
            ("unknown", _("In doubt")),
            ("printed", _("Printed")),
        ],
        "purpose_word": purpose_word,
        "profile_word": profile_word,
        "evidence_word": evidence_word,
        "till_word": till_word,
        "doubts": steps.in_doubt(connection),
        "may_change": person.role == StoreRole.MANAGER,
        "paper_url": edge.settings.paper_url,
    }


def _shown(row: rows.JobRow, printer: str) -> JobShown:
    return JobShown(
        row.job_id,
        slip_label(row.document),
        row.title,
        row.state,
        state_label(row.state),
        job_shape(row.state),
        row.attempt,
        detail_word(row.detail),
        row.queued_us,
        printer or _("no printer yet"),
    )


def _job_view(edge: Edge, job_id: str) -> dict[str, Any]:
    connection = edge.database.read()
    row = steps.require_job(connection, job_id)
    printer = rows.find_printer(connection, row.printer_id)
    log, grade, template = [], "", ""
    for each in rows.log_of(connection, job_id):
        grade, template = each.facts.get("evidence", grade), each.facts.get("template", template)
        who = people_rows.find_person(connection, each.by) if each.by else None
        log.append(
            (
                each.at_us,
                state_label(each.state),
                job_shape(each.state),
                detail_word(each.detail),
                who.name if who else each.by,
            )
        )
    waiting = row.state in {"queued", "sending", "sent", "held_at_printer"}
    return {
        "job": _shown(row, printer.name if printer else ""),
        "log": log,
        "grade": evidence_word(grade)[0] if grade else "",
        "template": template,
        "doubt": row.state in {"unknown", "sent_unconfirmed"},
        "waiting": waiting,
        "also": slip_label(COMPANIONS[Slip(row.document)]) if row.document in COMPANIONS else "",
        "may_reprint": not waiting and row.document != "drawer",
        "reasons": (
            _("Customer asked for a copy"),
            _("Paper jam or torn"),
            _("Not readable"),
            _("For the files"),
        ),
    }
