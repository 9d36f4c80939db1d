"""Stock over all locations, read only: the stores move it, the hub adds it up."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from hub.console.web import PAGE_ROWS, filled, pages_of, place_names, show
from hub.stock import claims, reads, task_reads
from hub.stock.availability import available
from hub.stock.policy import kept_back
from hub.transfers import reads as transfer_reads
from hub.transfers.inbound import promised_by_sku, units_by_sku
from hub.web import Anybody, Text, TheHub

MOVING: Final = 5
"""Open transfers of one item that its page lists."""
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
        skus = [row.sku for row in found]
        kept = kept_back(connection, hub.spine.terms.promising, skus)
        free, _places = available(connection, skus, now_us=hub.clock.now_us(), kept_back=kept)
    return show(
        request,
        "stock/stock.html",
        found=found,
        free=free,
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
        kept = kept_back(connection, hub.spine.terms.promising, [sku])
        coming = claims.inbound(connection, [sku])
        found, everywhere = available(
            connection,
            [sku],
            now_us=hub.clock.now_us(),
            kept_back=kept,
            inbound=units_by_sku(coming),
            inbound_promised=promised_by_sku(coming),
        )
        lent = reads.lent(connection, sku)
        counting = task_reads.counts(connection, is_open=True, sku=sku)
        moving = transfer_reads.listed(connection, transfer_reads.Filters(sku=sku), limit=MOVING)
    return show(
        request,
        "stock/item.html",
        free=found[sku],
        kept_back=found[sku].safety_stock,
        at={at.location: at for at in everywhere},
        lent=lent,
        sku=sku,
        name=name,
        held=held,
        moves=moves,
        counting=counting,
        transfers=moving[0],
        transfers_total=moving[1],
        names=names,
        units=sum(part.quantity for part in held),
        value=sum(part.value_minor for part in held),
    )
