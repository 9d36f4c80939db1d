"""Orders: the search with its filters in the address, and one order as a spine with its books beside it."""

from collections.abc import Iterator
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    FINANCE,
    PAGE_ROWS,
    csv_file,
    go_to,
    may,
    pages_of,
    place_names,
    presence_of,
    show,
    templates_of,
)
from hub.exceptions import rows as exceptions
from hub.fleet.rows import link_sessions
from hub.ledger import reads as books
from hub.service import pages as service
from hub.service.reads import is_for_later, shown
from hub.spine import reads, search
from hub.spine.search import Filters, asked
from hub.spine.timeline import moments
from hub.web import Anybody, TheHub
from protocol.errors import NotFound
from protocol.kit.web.filters import amount
from protocol.lifecycles import OrderState

Asked = Annotated[Filters, Depends(asked)]
Page = Annotated[int, Query(ge=1, le=20_000)]
_STATES: Final = (
    OrderState.COMPLETED,
    OrderState.PART_RETURNED,
    OrderState.RETURNED,
    OrderState.VOIDED,
)

router = APIRouter(include_in_schema=False)


@router.get("/orders")
def orders(request: Request, hub: TheHub, _person: Anybody, filters: Asked, page: Page = 1) -> Response:
    """List orders; a printed number alone leads straight to its order."""
    with hub.database.read() as connection:
        if filters.q and filters.query().keys() == {"q"} and _exactly(connection, filters.q):
            return go_to(f"/orders/{filters.q}")
        found, total = search.found(
            connection,
            filters,
            currency=hub.settings.currency,
            limit=PAGE_ROWS,
            offset=(page - 1) * PAGE_ROWS,
        )
        newest = search.newest(connection)
        names = place_names(connection)
    return show(
        request,
        "spine/orders.html",
        found=found,
        total=total,
        page=page,
        pages=pages_of(total),
        filters=filters,
        query=filters.query(),
        newest=newest,
        names=names,
        places=[(place, name) for place, name in sorted(names.items(), key=lambda n: n[1]) if place != "hub"],
        states=_STATES,
    )


@router.get("/orders/news")
def news(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    filters: Asked,
    since: Annotated[int, Query(ge=0, le=10**15)] = 0,
) -> Response:
    """Say how many orders came since the page was made; they are not pushed under anybody's finger."""
    with hub.database.read() as connection:
        count = search.newer_than(connection, since, filters, currency=hub.settings.currency)
    return templates_of(request).page(
        request, "spine/news.html", count=count, since=since, query=filters.query()
    )


@router.get("/orders.csv")
def export(hub: TheHub, _person: Anybody, filters: Asked) -> Response:
    """Send what the filters find as a file."""
    head = ("number", "store", "till", "business_date", "state", "currency", "total", "tax", "refunded")

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read() as connection:
            names = place_names(connection)
            for row in search.all_of(connection, filters, currency=hub.settings.currency, limit=EXPORT_ROWS):
                yield (
                    row.number,
                    names.get(row.location, row.location),
                    row.till,
                    row.business_date,
                    row.state,
                    row.currency,
                    _plain(row.total_minor, row.currency),
                    _plain(row.tax_minor, row.currency),
                    _plain(row.refunded_minor, row.currency),
                )

    return csv_file("orders", head, lines())


@router.get("/orders/{number}")
def order(
    request: Request,
    hub: TheHub,
    person: Anybody,
    number: Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")],
    said: Annotated[str, Query(pattern=service.SAID)] = "",
) -> Response:
    """Show one order: everything that happened to it, and what each step did to the books."""
    with hub.database.read() as connection:
        found = reads.order(connection, number)
        names = place_names(connection)
        happened = reads.timeline(connection, f"order:{found.head.order_id}")
        posted = books.of_events(connection, [event.event_id for event in happened])
        raised = exceptions.of_subject(connection, f"order:{found.head.order_id}")
        spine = moments(
            happened,
            posted,
            raised,
            names,
            _skews(connection),
            replayed=hub.settings.replay_clock,
            zone=hub.settings.zone,
        )
        later = None
        if is_for_later(connection, found.head.order_id):
            later = shown(connection, hub, presence_of(request), found, happened, names)
    if later is not None:
        return service.order_page(request, person, later, spine, raised, names, said=said)
    return show(
        request,
        "spine/order.html",
        order=found,
        head=found.head,
        spine=spine,
        names=names,
        open=[row for row in raised if row.state == "open"],
        may_books=may(person, FINANCE),
    )


def _exactly(connection: Connection, number: str) -> bool:
    try:
        return reads.order(connection, number).head.number == number
    except NotFound:
        return False


def _skews(connection: Connection) -> dict[str, int]:
    rows = connection.execute(sa.select(link_sessions.c.edge, link_sessions.c.skew_us))
    return {row.edge: row.skew_us for row in rows}


def _plain(minor: int, currency: str) -> str:
    return amount(minor, currency).replace(",", "").replace("\u2212", "-")
