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
from hub.promises import SOON_US, Place, Plain, Units
from hub.route.asking import asked
from hub.route.facts.known import Known
from hub.route.rules.choice import Ask, Need
from hub.route.rules.instance import Option, Site
from hub.spine.work import Promising
from hub.stock.availability import PROMISABLE, WIDTH, promisable_at, state_of, stock_at
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


class PromiseOption(WireModel):
    """One location that could keep a promise now."""

    location: str
    name: str
    due_us: int
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
    """Return which locations could keep a promise, the soonest first; who asks stands behind the others."""
    ask = Ask(
        key="",
        kind=wanted.kind,
        due_us=now_us + SOON_US[PromiseClass.STANDARD],
        now_us=now_us,
        lines=tuple(Need(n, line.sku, line.quantity) for n, line in enumerate(wanted.lines, start=1)),
        location=wanted.location,
    )
    put = asked(connection, ask, terms)
    known, units = {each.location: each for each in put.known}, list(ask.wanted.values())
    found: list[PromiseOption] = []
    for site in put.instance.sites:
        way = _whole(site, ask)
        if way is None:
            continue
        place = known[site.location]
        promise_class = _class_of(place, wanted.kind)
        found.append(
            PromiseOption(
                location=place.location,
                name=place.name,
                due_us=now_us + SOON_US[promise_class],
                promise_class=promise_class,
                service=way.service,
                free=min([place.stock[at * WIDTH + PROMISABLE] // n for at, n in enumerate(units)]),
                age_seconds=place.age_seconds,
            )
        )
    found.sort(key=lambda option: (option.due_us, option.location == asker, option.location))
    why = [row.fact for row in put.question.rejected if row.location == wanted.location]
    return PromiseOptions(
        options=tuple(found[:OPTIONS]), asked_us=now_us, why_not=why[0] if why and wanted.location else ""
    )


def _whole(site: Site, ask: Ask) -> Option | None:
    """Return how a location can fulfil all of it in time, the cheapest way; None where it cannot."""
    if any(site.atp.get(str(line.line_no), 0) < line.quantity for line in ask.lines):
        return None
    if site.cap_units < ask.units:
        return None
    punctual = [option for option in site.options if not option.late_days]
    return min(punctual, key=lambda option: (option.fixed_minor, option.service), default=None)


def _class_of(place: Known, kind: FulfilKind) -> PromiseClass:
    """Return the tightest promise that a location gets as it is heard now."""
    if kind is FulfilKind.SHIP:
        return PromiseClass.STANDARD
    late = state_of(place.age_seconds, active=True) != "online"
    return PromiseClass.SAME_DAY if late else PromiseClass.SAME_HOUR


def elsewhere(connection: Connection, sku: str, *, asker: str, now_us: int, terms: Promising) -> Elsewhere:
    """Return what the other locations have of an item, with the age of that knowledge."""
    kept = kept_back(connection, terms, [sku])
    shelves = _sellable(connection, sku)
    return Elsewhere(
        sku=sku,
        locations=tuple(
            ElsewhereView(
                location=at.location,
                name=at.name,
                sellable=shelves.get(at.location, 0),
                promisable=promisable_at(at, 0),
                state=at.state,
                age_seconds=at.age_seconds,
            )
            for at in stock_at(connection, [sku], now_us=now_us, kept_back=kept)
            if at.location != asker and (at.stock[0] or shelves.get(at.location))
        ),
    )


def _sellable(connection: Connection, sku: str) -> Mapping[str, int]:
    rows = connection.execute(
        sa.select(balances.c.location, balances.c.quantity).where(
            balances.c.sku == sku, balances.c.bucket == "sellable"
        )
    )
    return {location: int(quantity) for location, quantity in rows}
