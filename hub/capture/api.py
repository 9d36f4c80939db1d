"""Orders for later over HTTP: taken in, cancelled, changed, asked back, or going on without a location.

Every request may carry a key (header `Idempotency-Key`); sent again with the same content it gets its first
answer, with other content it is refused.
"""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from hub.capture import changes, lines, reads, steps, writing_off
from hub.capture.changes import Cancellation, Change
from hub.capture.wanted import (
    CancelWanted,
    Changed,
    ChangeWanted,
    OrderAnswer,
    OrderWanted,
    RerouteWanted,
    WriteOffWanted,
)
from hub.context import Hub
from hub.database import HubUnit
from hub.offers import promised
from hub.once import Key, once
from hub.promises import must_exist
from hub.spine.work import Work
from hub.web import REFUSALS, Number, Ops, TheHub

router = APIRouter(prefix="/api/orders", tags=["orders"], responses=REFUSALS)
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]


@router.post("", status_code=201, responses={200: {"model": OrderAnswer, "description": "Known already"}})
async def place(
    hub: TheHub, person: Ops, wanted: OrderWanted, response: Response, key: IdempotencyKey = None
) -> OrderAnswer:
    """Take an order in: priced, promised, its goods set aside and given to a location, or refused whole."""
    by = steps.By(person.name, key or wanted.key or "")
    answer, fresh = await hub.database.awrite(lambda unit: steps.capture(hub, unit, wanted, by))
    if not fresh:
        response.status_code = 200
    return answer


@router.post("/{number}/cancel")
async def cancel(
    hub: TheHub, person: Ops, number: Number, wanted: CancelWanted, key: IdempotencyKey = None
) -> Changed:
    """Cancel an order or units of it; what a location holds is asked for and cancelled by its answer."""

    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            done = changes.cancel(
                work,
                reads.order_id_of(unit.connection, number),
                Cancellation(
                    wanted.reason,
                    person.name,
                    wanted.by_customer,
                    tuple((line.line_no, line.units) for line in wanted.lines),
                ),
            )
            hub.finish(work)
            return done

        return once(unit, hub, wanted, _key(person.name, number, key), Changed, do)[0]

    return await hub.database.awrite(step)


@router.post("/{number}/change")
async def change(
    hub: TheHub, person: Ops, number: Number, wanted: ChangeWanted, key: IdempotencyKey = None
) -> Changed:
    """Change the lines, the promise, the customer or the note; what a location holds waits for its answer."""

    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            done = _changed(hub, work, number, wanted, person.name)
            hub.finish(work)
            return done

        return once(unit, hub, wanted, _key(person.name, number, key), Changed, do)[0]

    return await hub.database.awrite(step)


@router.post("/{number}/change/preview")
async def preview(hub: TheHub, person: Ops, number: Number, wanted: ChangeWanted) -> Changed:
    """Say what a change would come to, in goods and in money; nothing is stored, and nobody is asked."""

    def step(unit: HubUnit) -> Changed:
        work = changes.begin(hub, unit)
        return lines.preview(unit, lambda: _changed(hub, work, number, wanted, person.name))

    return await hub.database.awrite(step)


@router.post("/{number}/reroute")
async def reroute(
    hub: TheHub, person: Ops, number: Number, wanted: RerouteWanted, key: IdempotencyKey = None
) -> Changed:
    """Ask a location to give its part up so that another one fulfils it."""

    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            order_id = reads.order_id_of(unit.connection, number)
            done = changes.reroute(work, order_id, wanted.assignment_id, reason=wanted.reason, by=person.name)
            hub.finish(work)
            return done

        return once(unit, hub, wanted, _key(person.name, number, key), Changed, do)[0]

    return await hub.database.awrite(step)


@router.post("/{number}/write-off")
async def write_off(
    hub: TheHub, person: Ops, number: Number, wanted: WriteOffWanted, key: IdempotencyKey = None
) -> Changed:
    """Go on without a silent location: its part is routed anew or cancelled, and may be fulfilled twice.

    Its right stays used until it is heard and has answered. One that is heard is asked instead (`reroute`).
    """

    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            order_id = reads.order_id_of(unit.connection, number)
            done = writing_off.write_off(
                work, order_id, wanted.assignment_id, reason=wanted.reason, by=person.name
            )
            hub.finish(work)
            return done

        return once(unit, hub, wanted, _key(person.name, number, key), Changed, do)[0]

    return await hub.database.awrite(step)


def _changed(hub: Hub, work: Work, number: str, wanted: ChangeWanted, by: str) -> Changed:
    order_id = reads.order_id_of(work.connection, number)
    change = _change(hub, work.unit, wanted, by)
    return lines.change(work, order_id, change, lines.wanted_of(wanted, by))


def _change(hub: Hub, unit: HubUnit, wanted: ChangeWanted, by: str) -> Change:
    promise = promised(hub, unit.connection, wanted.promise) if wanted.promise else None
    if promise is not None:
        must_exist(unit.connection, promise)
    return Change(wanted.reason, by, promise, wanted.customer, wanted.note)


def _key(name: str, number: str, key: str | None) -> str:
    return f"{name}/{number}/{key}" if key else ""
