"""Stock over all locations, read only: the stores move it, the hub adds it up."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from hub.console.web import PAGE_ROWS, filled, pages_of, place_names, show
from hub.stock import reads
from hub.stock.availability import KeptBack, available
from hub.web import Anybody, Text, TheHub

router = APIRouter(include_in_schema=False)


@router.get("/stock")
def stock(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    q: Text = "",
    short: Annotated[str, Query(pattern=r"^(yes)?$")] = "",
    page: Annotated[int, Query(ge=1, le=20_000)] = 1,
) -> Response:
    """List items with what is on hand over all locations."""
    with hub.database.read() as connection:
        found, total = reads.listed(
            connection, text=q.strip(), short=bool(short), limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
        units, value = reads.totals(connection)
    return show(
        request,
        "stock/stock.html",
        found=found,
        total=total,
        units=units,
        value=value,
        q=q,
        short=short,
        page=page,
        pages=pages_of(total),
        query=filled({"q": q.strip(), "short": short}),
    )


@router.get("/stock/{sku}")
def item(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    sku: Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")],
) -> Response:
    """Show one item: where it is, and why its numbers changed."""
    with hub.database.read() as connection:
        name, held = reads.item(connection, sku)
        moves = reads.moves(connection, sku)
        names = place_names(connection)
        terms = hub.spine.terms.promising
        kept = KeptBack(terms.safety_stock, terms.company_threshold)
        found, everywhere = available(connection, [sku], now_us=hub.clock.now_us(), kept_back=kept)
        lent = reads.lent(connection, sku)
    return show(
        request,
        "stock/item.html",
        free=found[sku],
        at={at.location: at for at in everywhere},
        lent=lent,
        sku=sku,
        name=name,
        held=held,
        moves=moves,
        names=names,
        units=sum(part.quantity for part in held),
        value=sum(part.value_minor for part in held),
    )
