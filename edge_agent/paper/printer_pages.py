"""One printer: how it is, what waits, what was wrong; adding and changing one; the last slip of a queue."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.pages import Form, form_of, go_to, show
from edge_agent.paper import rows, steps
from edge_agent.paper.api import PrinterAnswer, PrinterWanted, paper_of, printer_row, printer_views
from edge_agent.paper.rules import Purpose, slip_label, state_label
from edge_agent.paper.settling import last_slip, move_waiting, queue_calibration
from edge_agent.paper.ways import TRANSPORTS
from edge_agent.paper.words import (
    condition_word,
    detail_word,
    evidence_word,
    profile_word,
    purpose_word,
    way_word,
)
from edge_agent.web import edge_of, signed_in
from edge_agent.words import till_word
from printing.discovery import Found, neighbours, own_address, search
from printing.documents.calibration import SAMPLES, TABLES
from printing.profiles import EPSON_PAGES, PROFILES
from printing.transports.device import SPEEDS
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
QUEUE_SHOWN: Final = 20
DEVICES_SHOWN: Final = 12

router = APIRouter(prefix="/store/printers", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class WaitingSlip:
    """One slip in a printer's queue."""

    job_id: str
    label: str
    title: str
    word: str
    queued_us: int


@router.get("/new")
async def new(
    request: Request,
    edge: AnyEdge,
    _person: Manager,
    way: Annotated[str, Query(max_length=10)] = "tcp",
    host: Annotated[str, Query(max_length=253)] = "",
) -> Response:
    """Show what a printer needs to be told, for one way to it."""
    return show(request, "paper/new_printer.html", **_new_view(edge, way, host, None))


@router.post("/search")
async def search_here(request: Request, edge: AnyEdge, _person: Manager) -> Response:
    """Look for printers in the store's own network, because somebody asked."""
    network = (await form_of(request)).get("network")[:45] or own_address()
    found = await run_in_threadpool(lambda: search(neighbours(network)))
    return show(request, "paper/new_printer.html", **_new_view(edge, "tcp", "", found))


@router.post("")
async def add(request: Request, edge: AnyEdge, _person: Manager) -> Response:
    """Add a printer and lead to its page, where it is tried."""
    row = printer_row("", _wanted(await form_of(request)))
    saved = await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, row))
    return go_to(request, f"/store/printers/{saved.printer_id}")


@router.post("/last")
async def last(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take the last slip that came out as the answer for all that its printer left in doubt."""
    code = (await form_of(request)).get("code")[:512]
    done = await edge.database.awrite(lambda unit: last_slip(unit, edge, code, person=person))
    label = slip_label(done.job.document)
    toast = _("{slip} {number} is there.", slip=label, number=done.job.title)
    if done.printed:
        toast += " " + _("Also printed: {n}.", n=done.printed)
    if done.missing:
        toast += " " + _("Print again, marked: {n}.", n=done.missing)
    return show(
        request, "paper/printer.html", toast=toast, **view(request, edge, person, done.job.printer_id)
    )


@router.get("/{printer_id}")
async def printer(request: Request, printer_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Show one printer."""
    return show(request, "paper/printer.html", **view(request, edge, person, printer_id))


@router.post("/{printer_id}")
async def change(request: Request, printer_id: str, edge: AnyEdge, person: Manager) -> Response:
    """Change a printer; whether it is switched on stays as it is."""
    before = steps.require_printer(edge.database.read(), printer_id)
    wanted = _wanted(await form_of(request), active=before.active, pages=before.pages)
    row = printer_row(printer_id, wanted)
    await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, row))
    toast = _("{name} is changed.", name=row.name)
    return show(request, "paper/printer.html", toast=toast, **view(request, edge, person, printer_id))


@router.post("/{printer_id}/pages")
async def pages(request: Request, printer_id: str, edge: AnyEdge, person: Manager) -> Response:
    """Keep what a person read off the code page slip."""
    form = await form_of(request)
    said = {codec: form.get(codec) for codec, _number in EPSON_PAGES}
    chosen = ",".join(f"{codec}:{number}" for codec, number in said.items() if number)
    before = steps.require_printer(edge.database.read(), printer_id)
    wanted = _of(before, pages=chosen)
    row = printer_row(printer_id, wanted)
    await edge.database.awrite(lambda unit: steps.put_printer(unit, edge, row))
    toast = _("The code pages are kept. Print the test page to see them.")
    return show(request, "paper/printer.html", toast=toast, **view(request, edge, person, printer_id))


@router.post("/{printer_id}/calibrate")
async def calibrate(request: Request, printer_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Print the code page slip."""
    await edge.database.awrite(lambda unit: queue_calibration(unit, edge, printer_id))
    toast = _("The code page slip prints.")
    return show(request, "paper/printer.html", toast=toast, **view(request, edge, person, printer_id))


@router.post("/{printer_id}/probe")
async def probe(request: Request, printer_id: str, edge: AnyEdge, person: Manager) -> Response:
    """Find out anew what the printer can say; nothing is printed for it."""
    steps.require_printer(edge.database.read(), printer_id)
    await edge.database.awrite(lambda unit: rows.forget_evidence(unit, printer_id))
    paper = paper_of(request)
    if paper is not None:
        paper.probe(printer_id)
    toast = _("It is being asked.")
    return show(request, "paper/printer.html", toast=toast, **view(request, edge, person, printer_id))


@router.post("/{printer_id}/move")
async def move(request: Request, printer_id: str, edge: AnyEdge, person: Anybody) -> Response:
    """Give what waits to the backup now."""
    row = steps.require_printer(edge.database.read(), printer_id)
    why = _("somebody sent it there")
    count = await edge.database.awrite(
        lambda unit: move_waiting(unit, edge, printer_id, row.backup, why=why, by=person)
    )
    toast = (
        _("1 slip went to the other printer.")
        if count == 1
        else _("{n} slips went to the other printer.", n=count)
    )
    return show(request, "paper/printer.html", toast=toast, **view(request, edge, person, printer_id))


def _wanted(form: Form, **more: object) -> PrinterWanted:
    """Return the printer that a form describes.

    Raises:
        Invalid: a field of it is not right.
    """
    try:
        return PrinterWanted.model_validate(
            {
                "name": form.get("name"),
                "host": form.get("host"),
                "port": form.whole("port", 9100),
                "profile": form.get("profile", "epson_80"),
                "purposes": tuple(text for name, text in form.values if name == "purposes"),
                "transport": form.get("transport", "tcp"),
                "path": form.get("path"),
                "baud": form.whole("baud", 9600),
                "station": form.get("station"),
                "backup": form.get("backup"),
                **more,
            }
        )
    except ValidationError as error:
        raise Invalid(
            _("This printer cannot be added: {field} is not right.", field=str(error.errors()[0]["loc"][0])),
            _("Give a name, the address in the network such as 192.0.2.20, and the port 9100."),
        ) from error


def _of(row: rows.PrinterRow, **more: object) -> PrinterWanted:
    said = {name: getattr(row, name) for name in PrinterWanted.model_fields}
    return PrinterWanted.model_validate(said | more)


def view(request: Request, edge: Edge, person: CurrentPerson, printer_id: str) -> dict[str, Any]:
    """Return all that a printer's page shows.

    Raises:
        NotFound: there is no such printer.
    """
    connection = edge.database.read()
    row = steps.require_printer(connection, printer_id)
    shown = next(
        each for each in printer_views(connection, paper_of(request)) if each.printer_id == printer_id
    )
    known = rows.printers(connection)
    waiting = [
        WaitingSlip(job.job_id, slip_label(job.document), job.title, state_label(job.state), job.queued_us)
        for job in rows.waiting_at(connection, printer_id, QUEUE_SHOWN)
    ]
    doubts = rows.sent_by(connection, printer_id, 0)
    pages_read = dict(each.split(":") for each in row.pages.split(",") if each)
    return {
        "printer": shown,
        "condition": condition_word(shown),
        "grade": evidence_word(shown.evidence),
        "way": way_word(shown.transport),
        "kind": profile_word(shown.profile),
        "prints": ", ".join(purpose_word(each) for each in shown.purposes),
        "waiting": waiting,
        "doubts": len([job for job, _us, _line in doubts if job.state == "unknown"]),
        "troubles": [
            (at_us, *condition_word(_as(shown, state))[:2], detail_word(detail))
            for at_us, state, detail in rows.troubles(connection, printer_id)
        ],
        "backup": next((each.name for each in known if each.printer_id == row.backup), ""),
        "codes": [(codec, sample, pages_read.get(codec, "")) for codec, sample in SAMPLES.items()],
        "tables": [("", _("not there")), *((str(table), str(table)) for table in TABLES)],
        "may_change": person.role == StoreRole.MANAGER,
        **_choices(edge, printer_id),
    }


def _as(shown: PrinterAnswer, state: str) -> PrinterAnswer:
    return shown.model_copy(update={"state": state, "active": True})


def _choices(edge: Edge, printer_id: str) -> dict[str, Any]:
    """Return what a printer may be told, in words."""
    others = [each for each in rows.printers(edge.database.read()) if each.printer_id != printer_id]
    return {
        "profiles": [(name, profile_word(name)) for name in PROFILES],
        "purposes": [(each.value, purpose_word(each.value)) for each in Purpose],
        "backups": [("", _("none")), *((each.printer_id, each.name) for each in others)],
        "stations": [
            ("", _("none, it serves all")),
            *((each, till_word(each)) for each in edge.settings.stations),
        ],
        "speeds": [(str(speed), str(speed)) for speed in SPEEDS],
    }


def _new_view(edge: Edge, way: str, host: str, found: list[Found] | None) -> dict[str, Any]:
    chosen = way if way in TRANSPORTS else "tcp"
    return {
        "chosen": chosen,
        "ways": [(each, way_word(each)) for each in TRANSPORTS],
        "host": host,
        "found": found,
        "network": own_address().rpartition(".")[0],
        "devices": _devices(chosen),
        **_choices(edge, ""),
    }


def _devices(way: str) -> list[str]:
    """Return the device files of that kind that this PC has now."""
    patterns = {"device": ("usb/lp*", "lp*"), "serial": ("serial/by-id/*", "ttyUSB*", "ttyACM*")}
    found = [str(file) for pattern in patterns.get(way, ()) for file in sorted(Path("/dev").glob(pattern))]
    return found[:DEVICES_SHOWN]
