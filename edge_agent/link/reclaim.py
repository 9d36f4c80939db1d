"""Taking units back from the hub without a line: an operator reads a code out, a manager types it in.

The code says what the hub's next vector would say, so this does what the vector would do. Whatever a code
says, no more comes back than was lent.
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.lending import see_returned
from edge_agent.link.rows import read_link
from edge_agent.link.settings import link_settings
from edge_agent.lives import identity_of
from edge_agent.pages import show
from edge_agent.stock.rows import on_hand
from edge_agent.stock.words import sold_parts
from edge_agent.web import REFUSALS, body_of, edge_of, parsed
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole
from protocol.reclaim import read_code

AnyEdge = Annotated[Edge, Depends(edge_of)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
Text = Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]
router = APIRouter(prefix="/api/stock", tags=["stock"], responses=REFUSALS)
pages = APIRouter(include_in_schema=False)
_TRIES = RateLimit("10 per minute")


class Reclaim(BaseModel):
    """A code as the hub's operator said it."""

    model_config = ConfigDict(extra="forbid")

    sku: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")
    code: str = Field(min_length=1, max_length=64)


class Reclaimed(BaseModel):
    """What came of it."""

    sku: str
    units: int
    """Taken back just now; 0 when the code or the line had said so before."""
    sellable: int


@router.post("/reclaim", openapi_extra=body_of(Reclaim))
async def reclaim(request: Request, edge: AnyEdge, person: Manager) -> Reclaimed:
    """Take back what the hub gave up, by a code that was read out."""
    command = await parsed(request, Reclaim)
    _TRIES.check(f"{edge.identity.inc}:{person.person_id}")
    return await edge.database.awrite(lambda unit: take_back(unit, edge, command.sku.strip(), command.code))


@pages.get("/store/reclaim")
async def form(request: Request, _person: Manager) -> Response:
    """Show where the code is typed in."""
    return show(request, "link/reclaim.html", done=None)


@pages.post("/store/reclaim")
async def typed(request: Request, edge: AnyEdge, person: Manager, sku: Text, code: Text) -> Response:
    """Take the code and say what came of it."""
    _TRIES.check(f"{edge.identity.inc}:{person.person_id}")
    done = await edge.database.awrite(lambda unit: take_back(unit, edge, sku.strip(), code))
    parts = sold_parts(on_hand(edge.database.read(), done.sku).rights)
    return show(request, "link/reclaim.html", done=done, parts=parts)


def take_back(unit: EdgeUnit, edge: Edge, sku: str, code: str) -> Reclaimed:
    """Take units back by a code, in one unit of work.

    Raises:
        Invalid: the code is for another article, another store or another time, or was misheard.
        Refused: this store has no token, or its rights must be begun anew first.
    """
    link, own = read_link(unit.connection), identity_of(unit.connection)
    token = link_settings(edge.settings).hub_token
    if not token or not link.hub_inc:
        raise Refused(
            _("This store has never spoken with a hub."), _("There is nothing to take back."), code="no_hub"
        )
    returned = read_code(
        code, key_of(token), edge=own.edge, inc=own.inc, hub_inc=link.hub_inc, ep=link.ep, sku=sku
    )
    before = on_hand(unit.connection, sku).rights
    if returned > before.cells.granted:
        raise Invalid(
            _("The code speaks of more units than this store has lent."),
            _("Have it read out once more."),
            code="bad_code",
        )
    see_returned(unit, [(sku, returned)])
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))
    after = on_hand(unit.connection, sku).rights
    return Reclaimed(sku=sku, units=max(0, returned - before.returned_seen), sellable=max(0, after.sellable))


def key_of(token: str) -> bytes:
    """Return what both sides know: the hub keeps only this form of the token."""
    return hashlib.sha256(token.encode()).hexdigest().encode()
