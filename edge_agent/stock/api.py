"""Stock over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.stock import rows, steps
from edge_agent.stock.steps import Moved, Moves, PartsView, StockView
from edge_agent.web import REFUSALS, answered, body_of, edge_of, parsed, signed_in
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

router = APIRouter(prefix="/api/stock", tags=["stock"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]


@router.get("")
async def stock(
    edge: AnyEdge,
    _person: Anybody,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[PartsView]:
    """List SKUs with what may be sold of each: all that have stock here, or those a text finds."""
    connection = edge.database.read()
    if q.strip():
        found = edge.products.search(connection, q, limit)
        return [
            steps.parts(connection, edge, product.sku, name=product.name, bin_=product.bin)
            for product in found
        ]
    return [steps.parts(connection, edge, sku) for sku in rows.skus_here(connection, limit, offset)]


@router.post(
    "/moves",
    status_code=201,
    responses={200: {"model": Moved}, 201: {"model": Moved}},
    openapi_extra=body_of(Moves),
    response_model=None,
)
async def moves(request: Request, edge: AnyEdge, person: Manager) -> Response:
    """Write a delivery, an opening or a correction."""
    command = await parsed(request, Moves)
    moved, fresh = await edge.database.awrite(lambda unit: steps.move(unit, edge, command, person=person))
    return answered(moved, 201 if fresh else 200)


@router.get("/{sku:path}")
async def of_sku(
    sku: Annotated[str, Path(min_length=1, max_length=64)], edge: AnyEdge, _person: Anybody
) -> StockView:
    """Return every bucket of a SKU, what is lent, and why the number is what it is."""
    connection = edge.database.read()
    if not rows.known(connection, sku) and edge.products.find(connection, sku) is None:
        raise NotFound(
            _("{sku} is not known here.", sku=sku),
            _("Search for it by name or code."),
            code="unknown_sku",
            sku=sku,
        )
    return steps.everything(connection, edge, sku)
