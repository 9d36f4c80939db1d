"""What every route of the hub uses: its hub, who may ask, its error shape, and pages of lists.

Every route names the roles that may use it. Admin may do everything; a program's token has one role.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict

from hub.context import Hub
from protocol.kit.web.refusals import refusals
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import HubRole

Ask = Callable[[Request], Awaitable[CurrentPerson]]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


REFUSALS: Final = refusals(
    {
        400: "The request cannot be read",
        401: "Nobody is signed in",
        403: "Needs another role",
        404: "Not known here",
        405: "Not this way",
        409: "Refused as things stand",
        413: "Too large",
        422: "Malformed",
        429: "Too many tries",
        503: "Try again later",
    }
)


async def hub_of(request: Request) -> Hub:
    """Return the hub that this application is."""
    hub: Hub = request.app.state.hub
    return hub


def allow(*roles: HubRole) -> Ask:
    """Return a dependency that lets these roles in, and admins; without roles whoever is signed in."""
    return require(*roles, HubRole.ADMIN) if roles else require()


TheHub = Annotated[Hub, Depends(hub_of)]
Anybody = Annotated[CurrentPerson, Depends(allow())]
Ops = Annotated[CurrentPerson, Depends(allow(HubRole.OPS))]
Finance = Annotated[CurrentPerson, Depends(allow(HubRole.FINANCE))]
Admin = Annotated[CurrentPerson, Depends(allow(HubRole.ADMIN))]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Text = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
"""A search text; PostgreSQL has no NUL in its texts."""
Number = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
"""The number, or the id, of an order or a transfer in an address."""
