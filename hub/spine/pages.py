"""Orders: the search with its filters in the address, and one order as a spine with its books beside it."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, Final
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    FINANCE,
    OPS,
    PAGE_ROWS,
    csv_file,
    go_to,
    may,
    pages_of,
    place_names,
    show,
    templates_of,
)
from hub.context import Hub
from hub.exceptions import rows as exceptions
from hub.fleet.rows import link_sessions
from hub.ledger import reads as books
from hub.service import pages as service
from hub.service.listing import Beside, beside
from hub.service.reads import MINUTE_US, is_for_later, shown
from hub.spine import reads, search
from hub.spine.reads import OrderHead
from hub.spine.search import Eye, Filters, asked
from hub.spine.timeline import moments
from hub.web import Anybody, TheHub
from protocol.clock import from_us
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.kit.web.filters import amount
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import OrderState

Asked = Annotated[Filters, Depends(asked)]
Page = Annotated[int, Query(ge=1, le=20_000)]
_STATES: Final = (
    OrderState.CAPTURED,
    OrderState.ROUTED,
    OrderState.PICKING,
    OrderState.READY,
    OrderState.HANDED_OVER,
    OrderState.COMPLETED,
    OrderState.PART_RETURNED,
    OrderState.RETURNED,
    OrderState.VOIDED,
    OrderState.CANCELLED,
)
VIEWS: Final = ("", "collect", "ship", "waiting", "late")
_AT_ONCE: Final = 500
"""Rows of a file that are read together with what stands beside them."""

router = APIRouter(include_in_schema=False)


@router.get("/orders")
def orders(request: Request, hub: TheHub, person: Anybody, filters: Asked, page: Page = 1) -> Response:
    """List orders; a printed number alone leads straight to its order."""
    with hub.database.read() as connection:
        if filters.q and filters.query().keys() == {"q"} and _exactly(connection, filters.q):
            return go_to(f"/orders/{quote(filters.q)}")
        found, total = search.found(
            connection, filters, _eye(hub, person), limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
        newest = search.newest(connection)
        names = place_names(connection)
        later = _beside(connection, hub, found, names)
    words = (_("All"), _("To collect"), _("To ship"), _("Waiting for us"), _("Late"))
    return show(
        request,
        "spine/orders.html",
        found=found,
        later=later,
        total=total,
        page=page,
        pages=pages_of(total),
        filters=filters,
        query=filters.query(),
        newest=newest,
        names=names,
        places=sorted(names.items(), key=lambda place: (place[0] == "hub", place[1])),
        states=_STATES,
        views=[(view, word, _view_address(filters, view)) for view, word in zip(VIEWS, words, strict=True)],
        may_act=may(person, OPS),
    )


@router.get("/orders/news")
def news(
    request: Request,
    hub: TheHub,
    person: Anybody,
    filters: Asked,
    since: Annotated[int, Query(ge=0, le=10**15)] = 0,
) -> Response:
    """Say how many orders came since the page was made; they are not pushed under anybody's finger."""
    with hub.database.read() as connection:
        count = search.newer_than(connection, since, filters, _eye(hub, person))
    return templates_of(request).page(
        request, "spine/news.html", count=count, since=since, query=filters.query()
    )


@router.get("/orders.csv")
def export(hub: TheHub, person: Anybody, filters: Asked) -> Response:
    """Send what the filters find as a file."""
    head = (
        "number", "store", "till", "business_date", "state", "currency", "total", "tax", "refunded",
        "promise", "place", "due", "with", "says",
    )  # fmt: skip

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            names = place_names(connection)
            rows = search.all_of(connection, filters, _eye(hub, person), limit=EXPORT_ROWS)
            while some := list(itertools.islice(rows, _AT_ONCE)):
                later = _beside(connection, hub, some, names)
                for row in some:
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
                        *_promise_cells(later.get(row.order_id)),
                    )

    return csv_file("orders", head, lines())


def _view_address(filters: Filters, view: str) -> str:
    """Return the address of another view with the same filters."""
    query = {**filters.query(), "view": view}
    if not view:
        del query["view"]
    return f"/orders?{urlencode(query)}" if query else "/orders"


def _eye(hub: Hub, person: CurrentPerson) -> Eye:
    return Eye(hub.settings.currency, hub.clock.now_us(), people=may(person, OPS))


def _beside(
    connection: Connection, hub: Hub, found: Sequence[OrderHead], names: dict[str, str]
) -> dict[str, Beside]:
    return beside(
        connection,
        [row.order_id for row in found],
        names,
        now_us=hub.clock.now_us(),
        work_us=hub.settings.ready_minutes * MINUTE_US,
        zone=hub.settings.zone,
    )


def _promise_cells(later: Beside | None) -> tuple[str, ...]:
    if later is None:
        return ("", "", "", "", "")
    due = from_us(later.due_us).isoformat(timespec="seconds")
    return (later.kind, later.place, due, " + ".join(later.holders), later.says)


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
            later = shown(connection, hub, found, happened, names)
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
        may_ops=may(person, OPS),
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
