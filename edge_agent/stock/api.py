"""Stock over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from edge_agent.context import Edge
from edge_agent.stock import rows, steps
from edge_agent.stock.steps import Moved, Moves, PartsView, StockView
from edge_agent.verbs import Verb, add_verbs
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

router = APIRouter(prefix="/api/stock", tags=["stock"], responses=REFUSALS)
AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
MANAGER: Final = require(StoreRole.MANAGER)


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


VERBS: Final = (
    Verb("/moves", Moves, Moved, steps.move, "Write a delivery, an opening or a correction.", who=MANAGER),
)
"""What can be done."""
add_verbs(router, VERBS)


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
