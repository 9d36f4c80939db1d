"""The catalogue: what the hub knows, what it published, which store has which, and importing a file."""

import io
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.catalog import steps
from hub.catalog.api import MEGABYTES
from hub.catalog.rows import catalog_applied, catalog_versions, products
from hub.console.web import OPS, go_to, locked, may, show
from hub.context import Hub
from hub.fleet.rows import all_locations
from hub.web import Anybody, Ops, TheHub
from protocol.errors import Invalid
from protocol.kit.csv_text import text_of
from protocol.kit.product_csv import Report
from protocol.kit.text import _

IMPORT_PATH: Final = "/catalog/import"
SHOWN: Final = 20
FAULTS: Final = 200

router = APIRouter(include_in_schema=False)


@router.get("/catalog")
def catalog(
    request: Request, hub: TheHub, person: Anybody, said: Annotated[str, Query(pattern=r"^\d{0,12}$")] = ""
) -> Response:
    """Show the versions and which store works with which."""
    if not may(person, OPS):
        return locked(request, _("Catalogue"), OPS)
    done = _("Version {n} is on its way to every location.", n=said) if said else ""
    return show(request, "catalog/catalog.html", said=done, **_view(hub))


@router.post(IMPORT_PATH)
async def import_file(request: Request, hub: TheHub, _person: Ops) -> Response:
    """Take a CSV file over; its report says what became of every row that was not taken as it was."""
    async with request.form(max_files=1) as sent:
        file = sent.get("file")
        name = file.filename or "" if isinstance(file, UploadFile) else ""
        data = await file.read() if isinstance(file, UploadFile) else b""
    try:
        report = await run_in_threadpool(_import, hub, name, data)
    except Invalid as error:
        said = f"{error.what} {error.remedy}"
        view = await run_in_threadpool(lambda: _view(hub, error=said))
        return show(request, "catalog/catalog.html", status_code=422, **view)
    view = await run_in_threadpool(lambda: _view(hub, report=report, name=name[:60]))
    return show(request, "catalog/catalog.html", **view)


@router.post("/catalog/publish")
def publish(hub: TheHub, person: Ops) -> Response:
    """Make a version of what is known and tell every location."""
    return go_to("/catalog", said=str(steps.publish(hub, by=person.name).version))


def _import(hub: Hub, name: str, data: bytes) -> Report:
    text = text_of(data if name else b"", megabytes=MEGABYTES)
    return steps.import_csv(hub, io.StringIO(text, newline=""))


def _view(hub: Hub, *, report: Report | None = None, name: str = "", error: str = "") -> dict[str, Any]:
    with hub.database.read() as connection:
        known, changed_us = connection.execute(
            sa.select(sa.func.count(), sa.func.max(products.c.changed_us))
        ).one()
        columns = [column for column in catalog_versions.c if column.name != "bytes"]
        versions = connection.execute(
            sa.select(*columns).order_by(catalog_versions.c.version.desc()).limit(SHOWN)
        ).all()
        stores = _stores(connection)
    newest = versions[0] if versions else None
    return {
        "products": int(known),
        "versions": versions,
        "newest": newest,
        "unpublished": bool(known) and (newest is None or (changed_us or 0) > newest.published_us),
        "stores": stores,
        "report": report,
        "faults": report.faults[:FAULTS] if report else [],
        "name": name,
        "error": error,
    }


def _stores(connection: Connection) -> list[tuple[str, str, int, int | None]]:
    """Return (location, name, version, since when) of every location that may come in."""
    applied = {row.location: row for row in connection.execute(sa.select(catalog_applied))}
    found = []
    for place in all_locations(connection):
        if place.status == "active":
            row = applied.get(place.location_id)
            found.append(
                (place.location_id, place.name, row.version if row else 0, row.at_us if row else None)
            )
    return found
