"""The overview, and the parts that every page asks for again."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from hub.console.overview import overview
from hub.console.web import place_names, presence_of, show, templates_of
from hub.web import Anybody, TheHub

router = APIRouter(include_in_schema=False)


@router.get("/")
def start(request: Request, hub: TheHub, _person: Anybody) -> Response:
    """Answer which locations and orders need a person now."""
    with hub.database.read() as connection:
        seen = overview(connection, hub, presence_of(request))
        names = place_names(connection)
    return show(request, "console/overview.html", seen=seen, names=names, line=hub.line.status)


@router.get("/shell/tour")
def tour(request: Request) -> Response:
    """Return the demo's banner alone."""
    return templates_of(request).page(request, "tour.html")
