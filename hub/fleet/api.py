"""What edges ask over HTTPS, and the fleet as data.

An edge shows its token as a bearer; the token says which edge it is, and only its hash is kept here. A
large event is taken only under the hash of its own bytes, so a broken transfer can never become an event.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response

from hub.database import HubDatabase, HubUnit
from hub.fleet.credentials import edge_of_token, is_token
from hub.fleet.line import LineView, line_view
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import blob, blobs, location
from hub.fleet.steps import fleet_view
from hub.link.line import Line
from protocol.clock import Clock
from protocol.envelope import EVENT_LIMIT
from protocol.errors import Invalid, NotFound, NotPermitted, NotSignedIn, TooLarge
from protocol.kit.web.security import RateLimit

REQUESTS: Final = "1200 per minute"
"""Per edge: a store that comes back after days brings its large events one after the other."""
FAILURES: Final = "30 per minute"
CatalogFile = Callable[[int], tuple[Path, str] | None]
"""version -> (file, sha256 of its bytes), None when there is no such version."""


class EdgeDoor:
    """Lets an edge in by its token, and nobody else."""

    def __init__(self, database: HubDatabase) -> None:
        self._database = database
        self._requests = RateLimit(REQUESTS)
        self._failures = RateLimit(FAILURES)

    def __call__(self, request: Request) -> str:
        """Return the name of the edge that asks.

        Raises:
            NotSignedIn: there is no token, or it is not the one that was given out.
            NotPermitted: the location was shut out.
            TooManyTries: too many requests, or too many wrong tokens.
        """
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        edge = edge_of_token(token.strip())
        with self._database.read() as connection:
            place = location(connection, edge)
        if scheme.lower() != "bearer" or place is None or not is_token(token.strip(), place.token_hash):
            self._failures.check(request.client.host if request.client else "")
            if place is not None and place.status != "active":
                raise NotPermitted("This location's access is shut.", "Ask operations.", code="revoked")
            raise NotSignedIn(
                "The hub does not know this token.", "Use the token file that the hub gave out."
            )
        self._requests.check(edge)
        return edge


def edge_router(database: HubDatabase, *, clock: Clock, catalog_file: CatalogFile) -> APIRouter:
    """Return the routes that only edges use."""
    router = APIRouter(prefix="/edge", include_in_schema=False)
    door = EdgeDoor(database)
    Edge = Annotated[str, Depends(door)]  # noqa: N806 - a type for the routes below

    @router.put("/blobs/{sha256}")
    async def put_blob(sha256: str, request: Request, edge: Edge) -> Response:
        data = await _body(request)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Invalid(
                "What arrived does not have this hash.", "Send it again.", code="wrong_hash", size=len(data)
            )

        def step(unit: HubUnit) -> bool:
            if blob(unit.connection, sha256) is not None:
                return False
            unit.connection.execute(
                sa.insert(blobs).values(sha256=sha256, bytes=data, edge=edge, arrived_us=clock.now_us())
            )
            return True

        fresh = await database.awrite(step)
        return Response(status_code=201 if fresh else 200)

    @router.get("/catalog/{version}")
    def get_catalog(version: int, edge: Edge) -> FileResponse:
        del edge  # every edge may fetch every catalogue
        found = catalog_file(version)
        if found is None:
            raise NotFound(f"There is no catalogue {version}.", "Publish it again.", version=version)
        path, sha256 = found
        return FileResponse(
            path,
            media_type="application/octet-stream",
            headers={"x-sha256": sha256, "cache-control": "no-store"},
        )

    return router


def fleet_json(database: HubDatabase, clock: Clock, presence: FleetPresence) -> dict[str, Any]:
    """Return what `/api/fleet` answers."""
    with database.read() as connection:
        return {"locations": [asdict(view) for view in fleet_view(connection, clock, presence)]}


def fleet_router(
    database: HubDatabase,
    *,
    clock: Clock,
    presence: FleetPresence,
    line: Line,
    allowed: Callable[..., object],
) -> APIRouter:
    """Return the routes for people and integrators; `allowed` is the dependency that lets them in."""
    router = APIRouter(prefix="/api", dependencies=[Depends(allowed)])

    @router.get("/fleet")
    def get_fleet() -> dict[str, Any]:
        """Every location with how it is at this moment."""
        return fleet_json(database, clock, presence)

    @router.get("/fleet/line")
    def get_line() -> LineView:
        """The line to the broker as this process sees it, and who has spoken since the broker forgot."""
        with database.read() as connection:
            return line_view(connection, line.status)

    return router


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > EVENT_LIMIT:
            raise TooLarge("One event may not be so large.", "Split it.", limit=EVENT_LIMIT)
    return bytes(data)
