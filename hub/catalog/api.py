"""The catalogue over HTTP: import a CSV file, publish a version, see who has it."""

import io
from dataclasses import asdict

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from hub.catalog import steps
from hub.web import REFUSALS, Anybody, Ops, TheHub
from protocol.errors import Invalid
from protocol.kit.csv_text import MEGABYTE
from protocol.kit.text import _

router = APIRouter(prefix="/api/catalog", tags=["catalogue"], responses=REFUSALS)
IMPORT_PATH = "/api/catalog/import"
MEGABYTES = 128
IMPORT_BYTES = MEGABYTES * MEGABYTE
"""A CSV file of 200,000 products with long names has about 40 MB."""


class FaultView(BaseModel):
    """A row with a fault and what was done about it."""

    row: int
    sku: str
    wrong: str
    done: str


class ImportView(BaseModel):
    """What became of a CSV file."""

    rows: int
    taken: int
    left_out: int
    corrected: int
    faults: list[FaultView]


class PublishedView(BaseModel):
    """A version that the stores were told of."""

    version: int
    products: int
    sha256: str
    size: int
    locations: int


class StoreVersionView(BaseModel):
    """Which version a location works with."""

    location: str
    version: int
    at_us: int


class CatalogView(BaseModel):
    """The newest version, and who has which."""

    version: int
    stores: list[StoreVersionView]


CSV_BODY = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
}


@router.get("")
def catalog(hub: TheHub, _person: Anybody) -> CatalogView:
    """Return the newest version and who has which."""
    with hub.database.read() as connection:
        version = steps.newest_version(connection)
        stores = [StoreVersionView(**asdict(row)) for row in steps.store_versions(connection)]
    return CatalogView(version=version, stores=stores)


@router.post("/import", openapi_extra=CSV_BODY)
async def import_csv(request: Request, hub: TheHub, _person: Ops) -> ImportView:
    """Take products over from a CSV file in the body."""
    data = await request.body()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(
            _("The file cannot be read as CSV: {why}.", why=error.reason),
            _("Save it as CSV in UTF-8 with commas, and send it again."),
            code="not_csv",
        ) from error
    report = await run_in_threadpool(steps.import_csv, hub, io.StringIO(text.replace("\x00", ""), newline=""))
    return ImportView(
        rows=report.rows,
        taken=report.taken,
        left_out=report.left_out,
        corrected=report.corrected,
        faults=[FaultView(row=f.row, sku=f.sku, wrong=f.wrong, done=f.done) for f in report.faults],
    )


@router.post("/publish")
def publish(hub: TheHub, person: Ops) -> PublishedView:
    """Make a version and tell every location."""
    return PublishedView(**asdict(steps.publish(hub, by=person.name)))
