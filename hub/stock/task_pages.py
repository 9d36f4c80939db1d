"""The pages of counts and deliveries over all locations."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.console.web import OPS, go_to, may, place_names, show
from hub.context import Hub
from hub.fleet.rows import all_locations
from hub.service.forms import Form, form_of
from hub.stock import task_reads, tasks
from hub.stock.task_rows import DELIVERY_OPEN
from hub.stock.tasks import CountsWanted, DeliveriesTold, DeliveriesWanted
from hub.web import Anybody, Ops, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _

IMPORT_PATH = "/stock/deliveries/import"
LARGEST = 4 * 1024 * 1024
KEY_BYTES: Final = 8
"""Of the name of what a form asks for: sent twice, it is done once."""
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$")]
Plan = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
Said = Annotated[str, Query(pattern=r"^[a-z0-9]{0,12}$")]
router = APIRouter(include_in_schema=False)


@router.get("/stock/counts")
def counts(request: Request, hub: TheHub, person: Anybody, plan: Plan = "", said: Said = "") -> Response:
    """List counts with their progress and differences; ops ask for more."""
    return show(request, "stock/counts.html", **_counts(hub, may_ask=may(person, OPS), plan=plan, said=said))


def _counts(
    hub: Hub, *, may_ask: bool, plan: str = "", said: str = "", form: Form | None = None, error: str = ""
) -> dict[str, Any]:
    words = {"cancelled": _("The count is given up."), "asked": _("The store is asked to give the count up.")}
    with hub.database.read() as connection:
        return {
            "open": task_reads.counts(connection, is_open=True, plan_id=plan),
            "over": [] if plan else task_reads.counts(connection, is_open=False),
            "names": place_names(connection),
            "places": [row for row in all_locations(connection) if row.status == "active"],
            "may_ask": may_ask,
            "plan": plan,
            "form": form or Form(),
            "chosen": form.several.get("locations", []) if form else [],
            "key": hub.ids.secret(KEY_BYTES),
            "error": error,
            "said": words.get(said, _("{n} stores are asked to count.", n=said) if said.isdecimal() else ""),
        }


@router.post("/stock/counts")
async def ask(request: Request, hub: TheHub, person: Ops) -> Response:
    """Ask the chosen locations to count."""
    form = await form_of(request)
    return await run_in_threadpool(_asked, request, hub, form, person.name)


def _asked(request: Request, hub: Hub, form: Form, by: str) -> Response:
    names = list(dict.fromkeys(name.strip() for name in form.get("what").split(",") if name.strip()))
    scope = form.get("scope") or "bins"
    said = _("Choose at least one store, and say what to count.")
    try:
        wanted = form.read(
            CountsWanted,
            {
                "key": form.get("key") or None,
                "locations": form.several.get("locations", []),
                "title": form.get("title")[:120],
                "scope": scope,
                "skus": names if scope == "skus" else [],
                "bins": names if scope == "bins" else [],
                "tolerance_units": form.units("tolerance") if form.get("tolerance") else 1,
                "due_us": form.day_us("due", hub.settings.zone) if form.get("due") else None,
                "note": form.get("note")[:300],
            },
            {"due_us": "due"},
        )
        if wanted is not None and not form.errors:
            done, _new = hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by=by))
            return go_to("/stock/counts", plan=done.plan_id, said=str(len(done.counts)))
        said = form.errors.get("due") or form.errors.get("tolerance") or said
    except OrderspineError as error:
        said = f"{error.what} {error.remedy}"
    view = _counts(hub, may_ask=True, form=form, error=said)
    return show(request, "stock/counts.html", status_code=422, **view)


@router.get("/stock/counts/{count_id}")
def count(request: Request, hub: TheHub, person: Anybody, count_id: Id) -> Response:
    """Show one count with its differences in units and value."""
    with hub.database.read() as connection:
        row, lines = task_reads.one_count(connection, count_id)
        names = place_names(connection)
    return show(request, "stock/count.html", count=row, lines=lines, names=names, may_cancel=may(person, OPS))


@router.post("/stock/counts/{count_id}/cancel")
async def cancel_count(request: Request, hub: TheHub, person: Ops, count_id: Id) -> Response:
    """Take a count back."""
    form = await form_of(request)
    reason = form.get("reason")[:300] or _("Not needed any more")
    done = await run_in_threadpool(
        hub.database.write, lambda unit: tasks.cancel_count(unit, hub, count_id, reason, by=person.name)
    )
    return go_to("/stock/counts", said=done.state)


@router.get("/stock/deliveries")
def deliveries(request: Request, hub: TheHub, person: Anybody, said: Said = "") -> Response:
    """List what suppliers bring; ops announce more by a file."""
    return show(request, "stock/deliveries.html", **_deliveries(hub, may_tell=may(person, OPS), said=said))


def _deliveries(
    hub: Hub, *, may_tell: bool, said: str = "", report: DeliveriesTold | None = None, error: str = ""
) -> dict[str, Any]:
    words = {
        "cancelled": _("The delivery is given up."),
        "asked": _("The store is told; it answers when it can."),
    }
    with hub.database.read() as connection:
        return {
            "open": task_reads.delivered(connection, is_open=True),
            "over": task_reads.delivered(connection, is_open=False),
            "names": place_names(connection),
            "places_words": [
                (row.location_id, row.name) for row in all_locations(connection) if row.status == "active"
            ],
            "may_tell": may_tell,
            "report": report,
            "key": hub.ids.secret(KEY_BYTES),
            "error": error,
            "said": words.get(said, ""),
        }


@router.post(IMPORT_PATH)
async def import_file(request: Request, hub: TheHub, person: Ops) -> Response:
    """Tell locations what a file lists; its report names every row that was left out."""
    async with request.form(max_files=1) as sent:
        file = sent.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        said = {name: str(sent.get(name) or "")[:64] for name in ("location", "key")}
    return await run_in_threadpool(_imported, request, hub, data, said, person.name)


def _imported(request: Request, hub: Hub, data: bytes, form: Mapping[str, str], by: str) -> Response:
    try:
        text = data.decode("utf-8-sig").replace("\x00", "")
        if not text.strip() or len(text) > LARGEST:
            raise Invalid(_("No file was chosen, or it is too large."), _("Choose a file, then send it."))
        wanted = DeliveriesWanted(key=form["key"] or None, csv=text, location=form["location"])
        done, _new = hub.database.write(lambda unit: tasks.announce(unit, hub, wanted, by=by))
    except UnicodeDecodeError:
        said = _("The file is not text in UTF-8.")
    except ValidationError:
        said = _("This choice cannot be read.") + " " + _("Go back to the page and choose again.")
    except OrderspineError as error:
        said = f"{error.what} {error.remedy}"
    else:
        return show(request, "stock/deliveries.html", **_deliveries(hub, may_tell=True, report=done))
    view = _deliveries(hub, may_tell=True, error=said)
    return show(request, "stock/deliveries.html", status_code=422, **view)


@router.get("/stock/deliveries/{delivery_id}")
def delivery(request: Request, hub: TheHub, person: Anybody, delivery_id: Id) -> Response:
    """Show one delivery, item by item."""
    with hub.database.read() as connection:
        row, lines = task_reads.one_delivery(connection, delivery_id)
        names = place_names(connection)
    return show(
        request,
        "stock/delivery.html",
        delivery=row,
        lines=lines,
        names=names,
        may_cancel=may(person, OPS) and row.state in DELIVERY_OPEN,
    )


@router.post("/stock/deliveries/{delivery_id}/cancel")
async def cancel_delivery(request: Request, hub: TheHub, person: Ops, delivery_id: Id) -> Response:
    """Say that a supplier will not come."""
    form = await form_of(request)
    reason = form.get("reason")[:300] or _("The supplier will not come")
    done = await run_in_threadpool(
        hub.database.write, lambda unit: tasks.cancel_delivery(unit, hub, delivery_id, reason, by=person.name)
    )
    return go_to("/stock/deliveries", said=done.state)
