"""What a person decides about a location whose past is in doubt, and its rights over the telephone."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import Response

from hub.console.web import go_to, show
from hub.fleet.reads import require_location
from hub.link import clones
from hub.link.reclaim import reclaim
from hub.web import Admin, Ops, TheHub

Edge = Annotated[str, Path(max_length=40, pattern=r"^[a-z0-9-]+$")]
Sku = Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.post("/fleet/{edge}/second/accept")
def accept(hub: TheHub, person: Admin, edge: Edge) -> Response:
    """Let the second computer be the store."""
    clones.accept(hub, edge, by=person.name)
    return go_to(f"/fleet/{edge}", said="accepted")


@router.post("/fleet/{edge}/second/refuse")
def refuse(hub: TheHub, person: Admin, edge: Edge) -> Response:
    """Leave the name to the first computer."""
    clones.refuse(hub, edge, by=person.name)
    return go_to(f"/fleet/{edge}", said="refused")


@router.post("/fleet/{edge}/reclaim")
def give_back(request: Request, hub: TheHub, _person: Ops, edge: Edge, sku: Sku) -> Response:
    """Give up the free rights to an article, and show the code to read out."""
    with hub.database.read() as connection:
        row = require_location(connection, edge)
    return show(request, "fleet/reclaim.html", row=row, done=reclaim(hub, edge, sku.strip()))
