"""The store's menu, what has not been sent, and the tour."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.catalog import rows as catalog_rows
from edge_agent.context import Edge
from edge_agent.exceptions import rows as exception_rows
from edge_agent.link.service import LinkService
from edge_agent.link.status import SyncStatus
from edge_agent.pages import show, templates_of
from edge_agent.paper.api import paper_of, printer_views
from edge_agent.shell.sent import sent_word
from edge_agent.till import looks as till_looks
from edge_agent.web import edge_of, signed_in
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LISTED: Final = 200

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Door:
    """One entry of the store's menu, with how it stands."""

    href: str
    icon: str
    title: str
    says: str
    word: str
    shape: Shape


@router.get("/shell/tour")
async def tour(request: Request) -> Response:
    """Return the demo's banner alone."""
    return templates_of(request).page(request, "tour.html")


@router.get("/store")
async def store(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Show the store's menu: each entry says how it stands."""
    return show(request, "shell/store.html", doors=_doors(request, edge))


@router.get("/store/sync")
async def sync(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Show what has not been sent, and why."""
    status = _link(request).status()
    connection = edge.database.read()
    word, shape, says = sentence(status)
    return show(
        request,
        "shell/sync.html",
        status=status,
        word=word,
        shape=shape,
        says=says,
        kinds=[(sent_word(kind), kind, count) for kind, count in sorted(status.by_kind.items())],
        catalog=catalog_rows.applied(connection),
        products=catalog_rows.count_products(connection),
        hub=edge.settings.hub_url,
        broker=f"{edge.settings.broker_host}:{edge.settings.broker_port}"
        if edge.settings.broker_host
        else "",
    )


def _link(request: Request) -> LinkService:
    link: LinkService = request.app.state.link
    return link


def _doors(request: Request, edge: Edge) -> tuple[Door, ...]:
    connection = edge.database.read()
    word, shape, says = sentence(_link(request).status())
    return (
        _day_door(edge),
        Door("/store/sync", "van", _("Sending"), says, word, shape),
        _printer_door(request, edge),
        Door("/store/people", "person", _("People"), _("Tiles, PINs and badges of this store."), "", "calm"),
        _catalog_door(edge),
        _exception_door(len(exception_rows.listed(connection, with_closed=False, limit=LISTED))),
    )


def _day_door(edge: Edge) -> Door:
    looks = till_looks.tills(edge.database.read(), edge)
    running = [look for look in looks if look.state != "closed"]
    word = _("{n} of {all} open", n=len(running), all=len(looks))
    says = _("Open a till, take a reading, count, close and print the Z.")
    return Door("/store/day", "drawer", _("Day and tills"), says, word, "live" if running else "calm")


def _printer_door(request: Request, edge: Edge) -> Door:
    views = [view for view in printer_views(edge.database.read(), paper_of(request)) if view.active]
    bad = [view for view in views if view.state not in {"ready", "printing", "starting"}]
    waiting = sum(view.waiting for view in views)
    says = _("Live state, queue, preview of every slip, printing again.")
    if not views:
        return Door("/store/printers", "print", _("Printers"), says, _("None yet"), "wait")
    if bad:
        return Door("/store/printers", "print", _("Printers"), says, _("{n} to look at", n=len(bad)), "act")
    word = _("{n} waiting", n=waiting) if waiting else _("Ready")
    return Door("/store/printers", "print", _("Printers"), says, word, "wait" if waiting else "done")


def _catalog_door(edge: Edge) -> Door:
    connection = edge.database.read()
    applied = catalog_rows.applied(connection)
    count = catalog_rows.count_products(connection)
    says = _("What is sold here, and importing a file.")
    if applied is None and not count:
        return Door("/store/catalog", "list", _("Catalogue"), says, _("Empty"), "wait")
    word = _("{n} products", n=f"{count:,}")
    return Door("/store/catalog", "list", _("Catalogue"), says, word, "done")


def _exception_door(count: int) -> Door:
    says = _("What needs a person in this store, and why.")
    if count:
        return Door("/store/exceptions", "clock", _("Exceptions"), says, _("{n} open", n=count), "act")
    return Door("/store/exceptions", "clock", _("Exceptions"), says, _("None open"), "done")


def sentence(status: SyncStatus) -> tuple[str, Shape, str]:
    """Return the link's state as a word, its shape, and a sentence."""
    n = f"{status.unsent:,}"
    if status.quarantine or status.state == "quarantine":
        aside = _("The hub has set this store aside. Nothing is lost; somebody decides there.")
        restored = _("This store was restored. Selling goes on; its own records come back.")
        return (_("Restored"), "act", restored) if status.recovery else (_("Set aside"), "act", aside)
    if status.state == "rejected":
        return _("Rejected"), "act", _("The hub does not take this store's events. Nothing is lost.")
    if status.state == "online":
        return (
            _("Online"),
            "done",
            _("Everything is sent.") if not status.unsent else _("{n} on their way.", n=n),
        )
    if status.state == "sending":
        return _("Sending"), "live", _("{n} on their way to the hub.", n=n)
    if status.unsent:
        return _("Store mode"), "wait", _("{n} wait on this PC and are sent when the line is back.", n=n)
    return _("Store mode"), "wait", _("The hub does not answer; nothing waits to be sent.")
