"""Holding units for a checkout, and routing an order again by hand."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path
from pydantic import Field

from hub.context import Hub
from hub.database import HubUnit
from hub.offers import promised
from hub.once import Key, once
from hub.promises import Channel, Plain, PromiseView, PromiseWanted, Units
from hub.route import reads, reservations, steps
from hub.route.reservations import Reserved
from hub.route.rules.choice import Need
from hub.web import REFUSALS, Anybody, Number, Ops, TheHub, Wanted
from protocol.orders import WireModel

router = APIRouter(prefix="/api", tags=["promising"], responses=REFUSALS)
LINES: Final = 50
"""Lines of one checkout; it is held for minutes by everybody who looks at a basket."""
ReservationId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
IdempotencyKey = Annotated[Key | None, Header(alias="Idempotency-Key")]


class ReservedLine(Wanted):
    """Units of one item."""

    sku: Plain
    quantity: Units


class ReservationWanted(Wanted):
    """What a checkout wants to hold."""

    channel: Channel
    lines: Annotated[tuple[ReservedLine, ...], Field(min_length=1, max_length=LINES)]
    promise: PromiseWanted
    minutes: Annotated[int, Field(strict=True, ge=1, le=reservations.MINUTES)] = 10
    key: Key | None = None


class ReservationView(WireModel):
    """What is held, where, and until when."""

    reservation_id: str
    state: str
    location: str
    expires_us: int
    promise: PromiseView


class RoutedView(WireModel):
    """What became of units that nobody held."""

    routed: bool
    sentence: str
    location: str


class DecisionView(WireModel):
    """One decision with its reasons."""

    decision_id: str
    attempt: int
    trigger: str
    outcome: str
    assignment_id: str
    location: str
    cost_minor: int
    sentence: str
    digest: str
    excluded: tuple[str, ...]
    at_us: int
    body: dict[str, Any]
    ages: dict[str, int | None]
    """How old the knowledge of each location was then, in seconds; null for one that was never heard."""


@router.post("/reservations", status_code=201)
async def reserve(
    hub: TheHub, person: Ops, wanted: ReservationWanted, key: IdempotencyKey = None
) -> ReservationView:
    """Hold units for a checkout at the location that fulfils them best; refused whole if nobody can."""
    said = key or wanted.key
    named = f"{person.name}/{said}" if said else ""

    def step(unit: HubUnit) -> ReservationView:
        return once(unit, hub, wanted, named, ReservationView, lambda: _reserve(hub, unit, wanted))[0]

    return await hub.database.awrite(step)


def _reserve(hub: Hub, unit: HubUnit, wanted: ReservationWanted) -> ReservationView:
    lines = [Need(n, line.sku, line.quantity) for n, line in enumerate(wanted.lines, start=1)]
    promise = promised(hub, unit.connection, wanted.promise)
    return _view(
        reservations.reserve(
            hub, unit, channel=wanted.channel, lines=lines, promise=promise, minutes=wanted.minutes
        )
    )


@router.delete("/reservations/{reservation_id}")
async def release(hub: TheHub, _person: Ops, reservation_id: ReservationId) -> ReservationView:
    """Give a reservation up."""
    return _view(await hub.database.awrite(lambda unit: reservations.release(unit, reservation_id)))


@router.post("/orders/{number}/route")
async def route_again(hub: TheHub, _person: Ops, number: Number) -> RoutedView:
    """Route what nobody holds again, now; for an order that waited for a person."""
    decided = await hub.database.awrite(lambda unit: steps.route_again(hub, unit, number))
    return RoutedView(routed=decided.location != "", sentence=decided.sentence, location=decided.location)


@router.get("/orders/{number}/decisions")
def decisions(hub: TheHub, _person: Anybody, number: Number) -> list[DecisionView]:
    """Return why an order went where it went, decision by decision, with the reasons of every location."""
    with hub.database.read() as connection:
        order_id = steps.order_id_of(connection, number)
        found = reads.decisions_of(connection, order_id)
    return [DecisionView.model_validate(row, from_attributes=True) for row in found]


def _view(reserved: Reserved) -> ReservationView:
    return ReservationView(
        reservation_id=reserved.reservation_id,
        state=reserved.state,
        location=reserved.location,
        expires_us=reserved.expires_us,
        promise=PromiseView.model_validate(reserved.promise.model_dump()),
    )
