"""What stores ask over HTTPS: what could be promised elsewhere, and what others have. Answered or not at all.

Nothing is held by asking. Every answer says how old the hub's knowledge of each location is, because the
customer stands there and hears it.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlalchemy.engine import Connection

from hub.database import HubDatabase
from hub.fleet.api import EdgeDoor
from hub.promises import Place, Plain, Units
from hub.route.facts import offering, snapshot
from hub.route.facts.offering import Wish
from hub.route.rules.choice import Need
from hub.spine.work import Promising
from hub.stock.availability import part_at, stock_at
from hub.stock.policy import kept_back
from hub.stock.rows import balances
from hub.web import Wanted
from protocol.clock import Clock
from protocol.fulfilment import FulfilKind, PromiseClass
from protocol.orders import WireModel

LINES: Final = 50
OPTIONS: Final = 30
Sku = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class AskedLine(Wanted):
    """Units of one item."""

    sku: Plain
    quantity: Units


class PromiseAsked(Wanted):
    """What a customer at a counter would like."""

    kind: FulfilKind
    lines: Annotated[tuple[AskedLine, ...], Field(min_length=1, max_length=LINES)]
    location: Place = ""
    """Only there; empty for anywhere."""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    postcode: Annotated[str, Field(max_length=16, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Where a parcel goes, as far as the customer said it: days and price depend on it."""


class PromiseOption(WireModel):
    """One promise that could be kept now: a store to collect at, or a service to be shipped by."""

    location: str
    """Empty for shipping from wherever."""
    name: str
    due_us: int
    """Ready to be collected, or handed to the carrier."""
    deliver_us: int = 0
    """For shipping: when it arrives at the latest."""
    price_minor: int = 0
    """For shipping: what the customer pays for the way; 0 where no row of the parameters says it."""
    promise_class: PromiseClass
    service: str
    free: int
    """How many more times all of it could be promised from there."""
    age_seconds: int | None
    """Since the location was last heard."""


class PromiseOptions(WireModel):
    """What could be promised, the soonest first, and why not where it could not."""

    options: tuple[PromiseOption, ...]
    asked_us: int
    why_not: str = ""
    """For one location that was asked for by name."""


class ElsewhereView(WireModel):
    """What another location has of an item, as far as the hub knows."""

    location: str
    name: str
    sellable: int
    """On its shelves by its last events; customers stand in front of them."""
    promisable: int
    """What the hub can promise from there this moment."""
    free: int
    """Lent and not promised; less the safety stock that is `promisable`, unless nothing of it counts."""
    excluded: str
    """Why nothing of it counts: `INACTIVE`, `STALE`, `FENCED`, `DEFICIT`, or empty."""
    state: str
    age_seconds: int | None


class Elsewhere(WireModel):
    """One item at the other locations."""

    sku: str
    locations: tuple[ElsewhereView, ...]


def questions(database: HubDatabase, *, clock: Clock, terms: Promising) -> APIRouter:
    """Return the routes by which stores ask."""
    router = APIRouter(prefix="/edge", include_in_schema=False)
    Edge = Annotated[str, Depends(EdgeDoor(database))]  # noqa: N806 - a type for the routes below

    @router.post("/promise")
    def promise(edge: Edge, wanted: PromiseAsked) -> PromiseOptions:
        with database.read() as connection:
            return options(connection, wanted, asker=edge, now_us=clock.now_us(), terms=terms)

    @router.get("/stock/{sku}")
    def stock(edge: Edge, sku: Sku) -> Elsewhere:
        with database.read() as connection:
            return elsewhere(connection, sku, asker=edge, now_us=clock.now_us(), terms=terms)

    return router


def options(
    connection: Connection, wanted: PromiseAsked, *, asker: str, now_us: int, terms: Promising
) -> PromiseOptions:
    """Return what could be promised, the soonest first; who asks stands behind the others."""
    wish = Wish(
        key="",
        kind=wanted.kind,
        lines=tuple(Need(n, line.sku, line.quantity) for n, line in enumerate(wanted.lines, start=1)),
        now_us=now_us,
        ordered_us=now_us,
        location=wanted.location,
        destination=snapshot.destination(connection, wanted.country, wanted.postcode),
    )
    offered, rejected = offering.options(connection, terms, wish)
    found = [
        PromiseOption(
            location=each.promise.location,
            name=each.name,
            due_us=each.promise.due_us,
            deliver_us=each.promise.deliver_us,
            price_minor=each.promise.price_minor,
            promise_class=each.promise.promise_class,
            service=each.promise.service,
            free=each.free,
            age_seconds=each.age_seconds,
        )
        for each in offered
    ]
    found.sort(key=lambda option: (option.due_us, option.location == asker, option.location))
    why = [row.fact for row in rejected if row.location == wanted.location]
    return PromiseOptions(
        options=tuple(found[:OPTIONS]), asked_us=now_us, why_not=why[0] if why and wanted.location else ""
    )


def elsewhere(connection: Connection, sku: str, *, asker: str, now_us: int, terms: Promising) -> Elsewhere:
    """Return what the other locations have of an item, with the age of that knowledge."""
    kept = kept_back(connection, terms, [sku])
    shelves = _sellable(connection, sku)
    everywhere = stock_at(connection, [sku], now_us=now_us, kept_back=kept)
    found = [(at, part_at(at, 0)) for at in everywhere]
    return Elsewhere(
        sku=sku,
        locations=tuple(
            ElsewhereView(
                location=at.location,
                name=at.name,
                sellable=shelves.get(at.location, 0),
                promisable=part.promisable,
                free=part.free,
                excluded=part.excluded,
                state=at.state,
                age_seconds=at.age_seconds,
            )
            for at, part in found
            if at.location != asker and (part.free or shelves.get(at.location))
        ),
    )


def _sellable(connection: Connection, sku: str) -> Mapping[str, int]:
    rows = connection.execute(
        sa.select(balances.c.location, balances.c.quantity).where(
            balances.c.sku == sku, balances.c.bucket == "sellable"
        )
    )
    return {location: int(quantity) for location, quantity in rows}
