"""What a restored store gets back from the hub, over HTTPS: its events, and the directives it had answered.

A store asks only for itself: the token says who it is. It may also bring what a restored hub lacks of a life
that is over; such a batch is checked against the chain like one that came over the wire.
"""

import json
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.api import EdgeDoor
from hub.fleet.rows import CLOSED, CURRENT, current_stream, directives, stream, streams
from hub.link.inbox import Received
from hub.link.lives import life
from hub.spine.rows import events, parked
from protocol.envelope import BATCH_INFLATED_LIMIT, Batch, decode_batch
from protocol.errors import Invalid, NotFound, TooLarge
from protocol.stream import first_hash

EVENTS_AT_ONCE: Final = 500
PAGE_BYTES: Final = 4 * 1024 * 1024
Inc = Annotated[str, Query(pattern=r"^[0-9a-f]{32}$")]
After = Annotated[int, Query(ge=0, le=2**53)]


def recovery_router(hub: Hub) -> APIRouter:
    """Return the routes of a store that has lost some of its past."""
    router = APIRouter(prefix="/edge", include_in_schema=False)
    door = EdgeDoor(hub.database)
    Edge = Annotated[str, Depends(door)]  # noqa: N806 - a type for the routes below

    @router.get("/lives/{inc}/events")
    def get_events(inc: str, edge: Edge, after: After = 0) -> Response:
        with hub.database.read() as connection:
            _known(connection, edge, inc)
            return _json({"events": own_events(connection, edge, inc, after)})

    @router.put("/lives/{inc}/events")
    async def put_events(inc: str, edge: Edge, request: Request) -> Response:
        batch = decode_batch(await _body(request))
        received = await hub.database.awrite(lambda unit: take_in(hub, unit, edge, inc, batch))
        return _json({"upto": received.upto, "head": received.head, "verdict": received.verdict.value})

    @router.get("/directives")
    def get_directives(edge: Edge, hub_inc: Inc, after: After = 0) -> Response:
        with hub.database.read() as connection:
            return _json({"directives": answered_directives(connection, edge, hub_inc, after)})

    @router.get("/hub-lives")
    def get_hub_lives(edge: Edge) -> Response:
        with hub.database.read() as connection:
            return _json({"lives": lives_before(connection, edge)})

    return router


def take_in(hub: Hub, unit: HubUnit, edge: str, inc: str, batch: Batch) -> Received:
    """Take in events of a life that is over, which a restored hub lacks.

    It may lack the life itself, when its backup is older than that: a store that speaks under another name
    now says what it was told to have been heard.

    Raises:
        NotFound: this store has no life at all here.
        Invalid: they are of another one, or it is not over.
    """
    connection, now_us = unit.connection, hub.clock.now_us()
    row = stream(connection, edge, inc)
    if row is None and current_stream(connection, edge) is None:
        raise _no_life()
    if (batch.edge, batch.inc) != (edge, inc) or batch.blobs or (row is not None and row.state == CURRENT):
        raise Invalid("This batch is of another life.", "Say HELLO again.", code="bad_batch")
    if row is None:
        closed = {"edge": edge, "inc": inc, "state": CLOSED, "first_us": now_us, "last_us": now_us}
        connection.execute(sa.insert(streams).values(head=first_hash(edge, inc), **closed))
    return hub.inbox.receive_in(unit, batch, batch.events, now_us)


def own_events(connection: Connection, edge: str, inc: str, after: int) -> list[str]:
    """Return the next events of a life as they were sent, those that were set aside too."""
    parts = [
        sa.select(table.c.seq, table.c.bytes)
        .where(table.c.edge == edge, table.c.inc == inc, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(EVENTS_AT_ONCE)
        for table in (events, parked)
    ]
    rows = {row.seq: bytes(row.bytes) for part in parts for row in connection.execute(part)}
    found: list[str] = []
    size = 0
    for seq in sorted(rows)[:EVENTS_AT_ONCE]:
        size += len(rows[seq])
        if found and size > PAGE_BYTES:
            break
        found.append(rows[seq].decode())
    return found


def answered_directives(connection: Connection, edge: str, hub_inc: str, after: int) -> list[dict[str, Any]]:
    """Return the directives after a number that this store had answered, in their order.

    Of the life that the hub lives now they are without a gap, because the store goes on behind them. What was
    not answered in a life that is over has a number in the next one.
    """
    over = hub_inc != life(connection).hub_inc
    rows = connection.execute(
        sa.select(directives)
        .where(directives.c.edge == edge, directives.c.hub_inc == hub_inc, directives.c.cseq > after)
        .order_by(directives.c.cseq)
        .limit(EVENTS_AT_ONCE)
    )
    found: list[dict[str, Any]] = []
    for row in rows:
        if row.answered_us is None and over:
            continue
        if row.answered_us is None:
            break
        found.append(
            {
                "cseq": row.cseq,
                "bytes": bytes(row.bytes).decode(),
                "outcome": row.outcome,
                "code": row.code,
                "detail": row.detail,
                "answered_us": row.answered_us,
            }
        )
    return found


def lives_before(connection: Connection, edge: str) -> list[str]:
    """Return the lives of this hub that are over and in which it told this store something, in order."""
    rows = connection.execute(
        sa.select(directives.c.hub_inc)
        .where(directives.c.edge == edge, directives.c.hub_inc != life(connection).hub_inc)
        .group_by(directives.c.hub_inc)
        .order_by(sa.func.min(directives.c.created_us), directives.c.hub_inc)
    )
    return list(rows.scalars())


def _known(connection: Connection, edge: str, inc: str) -> sa.Row[Any]:
    row = stream(connection, edge, inc)
    if row is None:
        raise _no_life()
    return row


def _no_life() -> NotFound:
    return NotFound("The hub knows no such life of this store.", "Say HELLO again.", code="no_life")


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > BATCH_INFLATED_LIMIT:
            raise TooLarge("One batch may not be so large.", "Split it.", limit=BATCH_INFLATED_LIMIT)
    return bytes(data)


def _json(answer: dict[str, Any]) -> Response:
    return Response(json.dumps(answer), media_type="application/json")
