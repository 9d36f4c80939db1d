"""Search, scan and import over HTTP."""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.catalog import rows, steps
from edge_agent.catalog.rules import CODE_LIMIT, meaning_of
from edge_agent.context import Edge
from edge_agent.web import REFUSALS, answered, edge_of, signed_in
from protocol.catalog import Product
from protocol.errors import NotFound
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

router = APIRouter(prefix="/api", tags=["catalogue"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
SUGGESTIONS = 8


class ProductView(BaseModel):
    """A product as it is sold here."""

    sku: str
    name: str
    kind: str
    price_minor: int
    rate_ppm: int
    category: str
    bin: str
    active: bool
    barcodes: tuple[str, ...] = ()


class CodeView(BaseModel):
    """What a scanned code means: a product, or a slip of this store."""

    kind: str
    """slip, gs1, gtin or code."""
    product: ProductView | None = None
    slip_type: str = ""
    slip_id: str = ""
    attempt: int = 0


class FaultView(BaseModel):
    """A row with a fault and what was done about it."""

    row: int
    sku: str
    wrong: str
    done: str


class ImportView(BaseModel):
    """What became of a CSV file."""

    version: int
    rows: int
    taken: int
    left_out: int
    corrected: int
    changed: int
    left_range: int
    faults: tuple[FaultView, ...]


class CatalogView(BaseModel):
    """The version in force, with its age."""

    version: int
    products: int
    currency: str
    applied_us: int
    made_us: int


def product_view(product: Product, barcodes: tuple[str, ...] = ()) -> ProductView:
    """Return a product as it is shown; prices only, never its cost."""
    return ProductView(
        sku=product.sku,
        name=product.name,
        kind=product.kind.value,
        price_minor=product.price_minor,
        rate_ppm=product.rate_ppm,
        category=product.category,
        bin=product.bin,
        active=product.active,
        barcodes=barcodes,
    )


def look_up(connection: Connection, edge: Edge, code: str) -> CodeView:
    """Return what a code means; a piece with a weight or price of its own is shown as it is sold.

    Raises:
        NotFound: nothing is known under it; the nearest products are in `facts`.
    """
    meaning = meaning_of(code)
    if meaning.slip is not None:
        slip_type, slip_id, attempt = meaning.slip
        return CodeView(kind="slip", slip_type=slip_type, slip_id=slip_id, attempt=attempt)
    sold = edge.products.sold(connection, code)
    if sold is not None:
        view = product_view(sold[0], rows.barcodes_of(connection, sold[0].sku))
        return CodeView(kind=meaning.kind, product=view)
    misread = edge.products.misread(code)
    near = rows.search(connection, code, SUGGESTIONS)
    raise NotFound(
        _("This code was misread: its check digit is wrong.")
        if misread
        else _("Nothing here has the code {code}.", code=code[:60]),
        _("Scan it again.") if misread else _("Search by name, or check the catalogue."),
        code="misread" if misread else "unknown_code",
        suggestions=[product_view(product).model_dump() for product in near],
    )


@router.get("/products")
async def products(
    edge: AnyEdge,
    _person: Anybody,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[ProductView]:
    """Find products by the beginning of a SKU or code, then by words."""
    return [product_view(product) for product in rows.search(edge.database.read(), q, limit)]


@router.get("/products/by-code/{code:path}", responses={200: {"model": CodeView}}, response_model=None)
async def by_code(request: Request, code: Annotated[str, InPath(max_length=CODE_LIMIT)]) -> Response:
    """Say what a scanned code means; 404 brings the nearest products."""
    edge, _person = await edge_of(request), await signed_in(request)
    return answered(look_up(edge.database.read(), edge, code))


@router.get("/catalog")
async def catalog(edge: AnyEdge, _person: Anybody) -> CatalogView:
    """Return the catalogue version in force."""
    connection = edge.database.read()
    known = rows.applied(connection)
    if known is None:
        raise NotFound(
            _("There is no catalogue here yet."), _("Import one, or wait for the hub."), code="no_catalog"
        )
    return CatalogView(
        version=known.version,
        products=rows.count_products(connection),
        currency=known.currency,
        applied_us=known.applied_us,
        made_us=known.made_us,
    )


_CSV: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.post("/catalog/import", openapi_extra=_CSV)
async def import_csv(
    request: Request,
    edge: AnyEdge,
    person: Manager,
    whole: bool = Query(default=False),
) -> ImportView:
    """Take a CSV file over as the next version; `whole` ends the sale of what it does not name."""
    handle, name = tempfile.mkstemp(suffix=".csv", dir=edge.settings.data_dir)
    try:
        with os.fdopen(handle, "wb") as out:
            async for piece in request.stream():
                out.write(piece)
        done = await asyncio.to_thread(
            steps.import_csv,
            edge,
            Path(name),
            whole=whole,
            by=person.person_id,
            progress=lambda count: edge.broadcaster.publish("catalog", str(count)),
        )
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    report = done.report
    return ImportView(
        version=done.in_force.version,
        rows=report.rows,
        taken=report.taken,
        left_out=report.left_out,
        corrected=report.corrected,
        changed=done.in_force.changed,
        left_range=done.in_force.left_range,
        faults=tuple(FaultView(row=f.row, sku=f.sku, wrong=f.wrong, done=f.done) for f in report.faults),
    )
