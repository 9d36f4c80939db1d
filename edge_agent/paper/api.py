"""Printers and print jobs over HTTP.

The live condition of a printer is known by the threads that own it (`app.state.paper`, a `PaperService`);
where none runs, such as in a test, a printer is `stopped`.
"""

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.paper import rows, steps
from edge_agent.paper.rules import check_purposes, slip_label, state_label
from edge_agent.paper.service import PaperService
from edge_agent.paper.settling import last_slip, move_waiting, queue_calibration
from edge_agent.paper.slips import Slips
from edge_agent.paper.ways import check_way
from edge_agent.web import REFUSALS, edge_of, signed_in
from printing.discovery import Found, neighbours, own_address, search
from printing.document import as_attempt
from printing.encoder import encode
from printing.printer import Condition
from printing.profiles import PROFILES, profile_of, with_pages
from printing.virtual.preview import render_preview
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
IdPath = Annotated[str, Path(max_length=64)]
HostName = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9._:-]*$")]

router = APIRouter(prefix="/api", tags=["paper"], responses=REFUSALS)


class PrinterWanted(BaseModel):
    """A printer to add or change. `profile` is one of `GET /api/printer-profiles`.

    `transport` is tcp (with host and port), device or serial (with path and baud), or file (path is its
    name). `station` is the till or desk it stands at, `backup` the printer that stands in for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=60)
    host: HostName = ""
    port: int = Field(default=9100, ge=1, le=65535)
    profile: str = Field(default="epson_80", max_length=40)
    purposes: tuple[str, ...] = Field(default=("receipt",), max_length=24)
    active: bool = True
    transport: str = Field(default="tcp", max_length=10)
    path: str = Field(default="", max_length=160)
    baud: int = Field(default=9600, ge=1, le=4_000_000)
    station: str = Field(default="", max_length=40)
    backup: str = Field(default="", max_length=64)
    pages: str = Field(default="", max_length=200)


class PrinterAnswer(BaseModel):
    """A printer and what is known of it now.

    `waiting` counts the slips in its queue. `evidence` is what it was found to be able to say: A confirms
    each slip by a token, B by a queued status, C says only how it is, E nothing; empty until it was asked.
    """

    printer_id: str
    name: str
    host: str
    port: int
    profile: str
    purposes: tuple[str, ...]
    active: bool
    transport: str
    path: str
    baud: int
    station: str
    backup: str
    pages: str
    address: str
    evidence: str
    state: str
    detail: str
    since_us: int
    job_id: str | None
    waiting: int


class JobAnswer(BaseModel):
    """A print job; the labels are in the reader's language."""

    job_id: str
    printer_id: str
    document: str
    label: str
    title: str
    business_id: str
    state: str
    state_label: str
    attempt: int
    detail: str
    queued_us: int
    changed_us: int


class LogAnswer(BaseModel):
    """One step of a job."""

    at_us: int
    state: str
    state_label: str
    attempt: int
    detail: str
    facts: dict[str, Any]
    by: str


class ReprintWanted(BaseModel):
    """Why a slip is printed once more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=200)


class ResolveWanted(BaseModel):
    """Whether the slip in doubt is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    printed: bool


class SeenWanted(BaseModel):
    """What the code of a slip says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1, max_length=80)


class Queued(BaseModel):
    """A job that waits for its printer."""

    job_id: str


class Moved(BaseModel):
    """How many slips went to another printer."""

    moved: int


class LastAnswer(BaseModel):
    """What the last slip settled: how many are taken as printed, and how many print again."""

    job: JobAnswer
    printed: int
    missing: int


def printer_views(connection: Connection, paper: PaperService | None) -> list[PrinterAnswer]:
    """Return every printer with its live condition, for the API and for the page."""
    known: dict[str, Condition] = paper.conditions() if paper else {}
    waiting = dict(
        tuple(row)
        for row in connection.execute(
            "SELECT printer_id, count(*) FROM print_jobs WHERE state = 'queued' GROUP BY printer_id"
        )
    )
    stopped = Condition("stopped", "", 0)
    grades = rows.evidence(connection)
    return [
        PrinterAnswer(
            **asdict(each),
            **_condition(known.get(each.printer_id, stopped)),
            waiting=waiting.get(each.printer_id, 0),
            address=each.address,
            evidence=grades.get(each.printer_id, ("", 0))[0],
        )
        for each in rows.printers(connection)
    ]


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "state": condition.state,
        "detail": condition.detail,
        "since_us": condition.since_us,
        "job_id": condition.job_id,
    }


def job_view(job: rows.JobRow) -> JobAnswer:
    """Return a job as people see it."""
    shown = {name: value for name, value in asdict(job).items() if name in JobAnswer.model_fields}
    return JobAnswer(**shown, label=slip_label(job.document), state_label=state_label(job.state))


def paper_of(request: Request) -> PaperService | None:
    """Return the running printers, or None where none run."""
    paper: PaperService | None = getattr(request.app.state, "paper", None)
    return paper


def preview_png(edge: Edge, job_id: str) -> bytes:
    """Return the picture that a job's very bytes print."""
    connection = edge.database.read()
    job = steps.require_job(connection, job_id)
    printer = rows.find_printer(connection, job.printer_id)
    profile = with_pages(profile_of(printer.profile), printer.pages) if printer else profile_of("epson_80")
    document = as_attempt(Slips(edge.settings, edge.sign_receipt).printed(connection, job), job.attempt)
    return render_preview(encode(document, profile).data, profile)


@router.get("/printer-profiles")
def profiles(_person: Anybody) -> list[str]:
    """List the kinds of printer that are known."""
    return sorted(PROFILES)


@router.get("/printers")
def printers(request: Request, edge: AnyEdge, _person: Anybody) -> list[PrinterAnswer]:
    """List the printers of this store with what is known of them now."""
    return printer_views(edge.database.read(), paper_of(request))


@router.post("/printers", status_code=201)
async def add_printer(
    wanted: PrinterWanted, request: Request, edge: AnyEdge, _person: Manager
) -> PrinterAnswer:
    """Add a printer; slips that wait without one go to it."""
    return await _put(request, edge, "", wanted)


@router.put("/printers/{printer_id}")
async def change_printer(
    printer_id: IdPath, wanted: PrinterWanted, request: Request, edge: AnyEdge, _person: Manager
) -> PrinterAnswer:
    """Change a printer, or switch it off; its waiting slips go to another one."""
    steps.require_printer(edge.database.read(), printer_id)
    return await _put(request, edge, printer_id, wanted)


def printer_row(printer_id: str, wanted: PrinterWanted) -> rows.PrinterRow:
    """Return a printer as it is kept.

    Raises:
        NotFound: its profile is unknown.
        Invalid: it is there for nothing, cannot be reached as described, or its code pages are none.
    """
    profile_of(wanted.profile)
    said = wanted.model_dump() | {"purposes": check_purposes(wanted.purposes)}
    row = rows.PrinterRow(printer_id=printer_id, **said)
    check_way(row)
    return row


async def _put(request: Request, edge: Edge, printer_id: str, wanted: PrinterWanted) -> PrinterAnswer:
    row = printer_row(printer_id, wanted)
    saved = await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, row))
    views = printer_views(edge.database.read(), paper_of(request))
    return next(view for view in views if view.printer_id == saved.printer_id)


@router.delete("/printers/{printer_id}", status_code=204)
async def switch_off(printer_id: IdPath, edge: AnyEdge, _person: Manager) -> None:
    """Switch a printer off; what it printed stays in the log."""
    row = steps.require_printer(edge.database.read(), printer_id)
    await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, replace(row, active=False)))


@router.post("/printers/{printer_id}/test", status_code=201)
async def print_test_page(printer_id: IdPath, edge: AnyEdge, _person: Anybody) -> Queued:
    """Print the test page of one printer."""
    job_id = await edge.database.awrite(lambda unit: steps.queue_test_page(unit, edge, printer_id))
    return Queued(job_id=job_id)


@router.post("/printers/{printer_id}/retry", status_code=204)
def retry(printer_id: IdPath, request: Request, edge: AnyEdge, _person: Anybody) -> None:
    """Try a printer at once, because somebody has just put it right."""
    steps.require_printer(edge.database.read(), printer_id)
    paper = paper_of(request)
    if paper is not None:
        paper.try_now(printer_id)


@router.post("/printers/{printer_id}/calibrate", status_code=201)
async def print_calibration(printer_id: IdPath, edge: AnyEdge, _person: Anybody) -> Queued:
    """Print the code page slip of one printer."""
    job_id = await edge.database.awrite(lambda unit: queue_calibration(unit, edge, printer_id))
    return Queued(job_id=job_id)


@router.post("/printers/{printer_id}/probe", status_code=204)
async def probe(printer_id: IdPath, request: Request, edge: AnyEdge, _person: Manager) -> None:
    """Find out anew what a printer can say."""
    steps.require_printer(edge.database.read(), printer_id)
    await edge.database.awrite(lambda unit: rows.forget_evidence(unit, printer_id))
    paper = paper_of(request)
    if paper is not None:
        paper.probe(printer_id)


@router.post("/printers/{printer_id}/move")
async def move(printer_id: IdPath, edge: AnyEdge, person: Anybody) -> Moved:
    """Give what waits for a printer to its backup now."""
    row = steps.require_printer(edge.database.read(), printer_id)
    why = _("somebody sent it there")
    count = await edge.database.awrite(
        lambda unit: move_waiting(unit, edge, printer_id, row.backup, why=why, by=person)
    )
    return Moved(moved=count)


@router.get("/printer-search")
def search_printers(_person: Manager, network: Annotated[str, Query(max_length=45)] = "") -> list[Found]:
    """Look for printers in the store's own network: 254 addresses at most, about two seconds."""
    return search(neighbours(network or own_address()))


@router.get("/print-jobs")
def jobs(
    edge: AnyEdge,
    _person: Anybody,
    state: Annotated[str, Query(max_length=40)] = "",
    number: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[JobAnswer]:
    """List print jobs, newest first; `number` is that of an order, a return or a Z."""
    found = rows.jobs(edge.database.read(), state=state, business_id=number, limit=limit)
    return [job_view(job) for job in found]


@router.get("/print-jobs/{job_id}")
def job(job_id: IdPath, edge: AnyEdge, _person: Anybody) -> JobAnswer:
    """Return one job."""
    return job_view(steps.require_job(edge.database.read(), job_id))


@router.get("/print-jobs/{job_id}/log")
def log(job_id: IdPath, edge: AnyEdge, _person: Anybody) -> list[LogAnswer]:
    """Return what became of a job, step by step."""
    connection = edge.database.read()
    steps.require_job(connection, job_id)
    return [
        LogAnswer(**asdict(each), state_label=state_label(each.state))
        for each in rows.log_of(connection, job_id)
    ]


@router.get("/print-jobs/{job_id}/preview.png", response_class=Response)
def preview(job_id: IdPath, edge: AnyEdge, _person: Anybody) -> Response:
    """Return the picture that the very bytes of a job print."""
    return Response(preview_png(edge, job_id), media_type="image/png")


@router.post("/print-jobs/{job_id}/reprint", status_code=201)
async def reprint(job_id: IdPath, wanted: ReprintWanted, edge: AnyEdge, person: Anybody) -> Queued:
    """Print a slip once more, marked as a reprint."""
    new_id = await edge.database.awrite(
        lambda unit: steps.reprint(unit, edge, job_id, reason=wanted.reason, person=person)
    )
    return Queued(job_id=new_id)


@router.post("/print-jobs/{job_id}/resolve")
async def resolve(job_id: IdPath, wanted: ResolveWanted, edge: AnyEdge, person: Anybody) -> JobAnswer:
    """Say whether a slip in doubt is there; a missing one is printed again, marked."""
    done = await edge.database.awrite(
        lambda unit: steps.resolve_job(unit, edge, job_id, printed=wanted.printed, person=person)
    )
    return job_view(done)


@router.post("/print-jobs/{job_id}/void")
async def void(job_id: IdPath, edge: AnyEdge, person: Anybody) -> JobAnswer:
    """Cancel a slip that was not sent yet."""
    done = await edge.database.awrite(lambda unit: steps.void_job(unit, edge, job_id, person=person))
    return job_view(done)


@router.post("/slips/last")
async def last(wanted: SeenWanted, edge: AnyEdge, person: Anybody) -> LastAnswer:
    """Take the last slip that came out as the answer for all that its printer left in doubt."""
    done = await edge.database.awrite(lambda unit: last_slip(unit, edge, wanted.code, person=person))
    return LastAnswer(job=job_view(done.job), printed=done.printed, missing=done.missing)


@router.post("/slips/seen")
async def seen(wanted: SeenWanted, edge: AnyEdge, person: Anybody) -> JobAnswer | None:
    """Take the scan of a slip as the proof that it printed; null when it has no job here."""
    found = await edge.database.awrite(
        lambda unit: steps.slip_seen(unit, edge, wanted.code, person=person, asked=True)
    )
    return None if found is None else job_view(found)
