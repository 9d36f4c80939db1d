"""Routing over HTTP: what can be promised, the sets of parameters, and comparisons of two of them."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from hub.context import Hub
from hub.promises import Place, Plain, PromiseView, Units
from hub.route.facts import current, showing, steps
from hub.route.facts.accepts import learned
from hub.route.facts.demand import demand_of
from hub.route.facts.load import Load, loads
from hub.route.facts.parameters import ParameterSet
from hub.route.steps import order_id_of
from hub.route.what_if import order as one_order
from hub.route.what_if import steps as replays
from hub.stock.claim_rules import Later
from hub.web import REFUSALS, Anybody, Number, Ops, TheHub, Wanted
from protocol.fulfilment import FulfilKind
from protocol.orders import WireModel

router = APIRouter(prefix="/api", tags=["routing"], responses=REFUSALS)
LINES: Final = 50
REASONS: Final = 200
Version = Annotated[int, Path(ge=0, le=2**53)]
Sku = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
ReplayId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class WishedLine(Wanted):
    """Units of one item."""

    sku: Plain
    quantity: Units


class PromiseWish(Wanted):
    """What a customer would like, and where it should go."""

    kind: Literal["ship", "collect"]
    lines: Annotated[tuple[WishedLine, ...], Field(min_length=1, max_length=LINES)]
    location: Place = ""
    """For collection: only there. For shipping: only from there."""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    postcode: Annotated[str, Field(max_length=16, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    value_minor: Annotated[int, Field(strict=True, ge=0, le=10**12)] | None = None
    """What the goods cost, where a rule looks at it."""


class DeliveryView(WireModel):
    """Goods on their way that a promise rests on."""

    transfer: str
    location: str
    sku: str
    units: int
    expected_us: int


class OptionView(WireModel):
    """One promise that can be made. An order names it by `option`."""

    option: str
    promise: PromiseView
    name: str
    shipments: int
    cost_minor: int
    """What fulfilling it would cost the company."""
    age_seconds: int | None
    """How old the oldest knowledge is that it rests on."""
    rests_on: tuple[DeliveryView, ...] = ()
    """Deliveries that must arrive first; empty for what is free now."""


class ReasonView(WireModel):
    """Why a location could not."""

    location: str
    code: str
    fact: str


class PromiseOptionsView(WireModel):
    """What can be promised, the soonest first, until when, and why not where it cannot."""

    options: tuple[OptionView, ...]
    until_us: int
    version: int
    """Of the routing rules."""
    why_not: tuple[ReasonView, ...] = ()


class SetWanted(Wanted):
    """A whole set of parameters, and the version that it was made from."""

    base: Annotated[int, Field(ge=0, le=2**53)]
    note: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    set: ParameterSet


class VersionView(WireModel):
    """One version."""

    version: int
    base: int
    note: str
    made_us: int
    made_by: str
    active: bool


class SetView(WireModel):
    """What a version says; `active` is the one that counts."""

    version: int
    active: int
    set: ParameterSet


class ActivateWanted(Wanted):
    """Let a version count; `seen` is the one that counted when this was decided."""

    seen: Annotated[int, Field(ge=0, le=2**53)]


class Activated(WireModel):
    """Which version counts now."""

    active: int


class ReplayWanted(Wanted):
    """Two versions to compare over the newest orders."""

    left: Annotated[int, Field(ge=0, le=2**53)]
    right: Annotated[int, Field(ge=0, le=2**53)]
    orders: Annotated[int, Field(ge=1, le=5_000)] = 500


class ReplayView(WireModel):
    """How far a replay is, and what it came to."""

    replay_id: str
    state: str
    left_version: int
    right_version: int
    orders: int
    done: int
    made_us: int
    made_by: str
    body: dict[str, Any]


class WhatIfWanted(Wanted):
    """Other rules for one order, a location to insist on, locations to leave out."""

    version: Annotated[int, Field(ge=0, le=2**53)] | None = None
    insist: Place = ""
    without: Annotated[tuple[Place, ...], Field(max_length=50)] = ()


class SentView(WireModel):
    """One shipment of an answer, its money in minor units by what it is paid for."""

    location: str
    service: str
    units: dict[str, int]
    late_days: int
    parts: dict[str, int]
    minor: int


class WhatIfView(WireModel):
    """What an order would come to; nothing was changed."""

    version: int
    possible: bool
    why_not: str
    sent: tuple[SentView, ...]
    unserved: dict[str, int]
    objective: tuple[int, ...]
    """Unserved units, late unit-days, minor units, shipments."""
    cost_minor: int
    """Of all shipments; a split costs patience from the second one on."""
    best_minor: int
    """What the best answer of the same rules costs."""
    proof: str
    rejected: tuple[ReasonView, ...]


class DemandView(WireModel):
    """What the customers of one location buy of an item."""

    location: str
    sku: str
    rate_milli: int
    """In thousandths of a unit a day, faded to this moment."""
    measured_us: int
    """The newest sale that it rests on."""


class AcceptView(WireModel):
    """How often a location packs what it is asked for, and what that rests on."""

    location: str
    category: str
    """Empty: everything that it was asked for."""
    kept: int
    """Lines of the last season that it packed whole."""
    asked: int
    newest_us: int
    accept_ppm: int
    """What routing believes, in millionths."""
    entered: bool
    """Whether a row of the parameters says it, so that what was counted does not matter."""


class LoadView(WireModel):
    """How much one location has to do, and how much it was given lately."""

    location: str
    name: str
    to_pick: int
    capacity_today: int | None
    """None where nobody said how many units fit into its day."""
    orders_7d: int
    units_7d: int
    share_ppm: int
    """Of all units of the last seven days."""
    given_back_7d: int


@router.post("/promise")
def promise(hub: TheHub, _person: Ops, wish: PromiseWish) -> PromiseOptionsView:
    """Return what can be promised now, with day and price; an order may name one of them for some minutes."""
    wanted = showing.Wanted(
        kind=FulfilKind(wish.kind),
        lines=tuple((line.sku, line.quantity) for line in wish.lines),
        location=wish.location,
        country=wish.country,
        postcode=wish.postcode,
        value_minor=wish.value_minor,
    )
    shown = showing.show(hub, wanted)
    return PromiseOptionsView(
        options=tuple(
            OptionView(
                option=name,
                promise=PromiseView.model_validate(each.promise.model_dump()),
                name=each.name,
                shipments=each.shipments,
                cost_minor=each.minor,
                age_seconds=each.age_seconds,
                rests_on=tuple(_delivery(later) for later in each.rests_on),
            )
            for name, each in shown.named()
        ),
        until_us=shown.until_us,
        version=shown.version,
        why_not=tuple(ReasonView(**row._asdict()) for row in shown.rejected[:REASONS]),
    )


@router.get("/routing/sets")
def sets(hub: TheHub, _person: Anybody) -> list[VersionView]:
    """Return the newest versions of the routing rules."""
    with hub.database.read() as connection:
        return [VersionView.model_validate(row, from_attributes=True) for row in steps.versions(connection)]


@router.get("/routing/sets/{version}")
def one_set(hub: TheHub, _person: Anybody, version: Version) -> SetView:
    """Return what a version says."""
    with hub.database.read() as connection:
        said = steps.set_of(connection, version)
        return SetView(version=version, active=current.active_version(connection), set=said)


@router.post("/routing/sets", status_code=201)
def make(hub: TheHub, person: Ops, wanted: SetWanted) -> SetView:
    """Keep a set as the next version; it counts for nothing until it is activated."""
    version = steps.make(hub, wanted.set, base=wanted.base, by=person.name, note=wanted.note)
    with hub.database.read() as connection:
        return SetView(version=version, active=current.active_version(connection), set=wanted.set)


@router.post("/routing/sets/{version}/activate")
def activate(hub: TheHub, person: Ops, version: Version, wanted: ActivateWanted) -> Activated:
    """Let a version count from now on; refused when another one counts than was seen."""
    steps.activate(hub, version, seen=wanted.seen, by=person.name)
    return Activated(active=version)


@router.post("/routing/replays", status_code=201)
def replay(hub: TheHub, person: Ops, wanted: ReplayWanted) -> ReplayView:
    """Ask for a comparison of two versions over the newest orders; it is worked off in the background."""
    replay_id = replays.ask(hub, left=wanted.left, right=wanted.right, count=wanted.orders, by=person.name)
    return _replay(hub, replay_id)


@router.get("/routing/replays/{replay_id}")
def one_replay(hub: TheHub, _person: Anybody, replay_id: ReplayId) -> ReplayView:
    """Return how far a comparison is, and what it came to."""
    return _replay(hub, replay_id)


@router.post("/orders/{number}/what-if")
def what_if(hub: TheHub, _person: Anybody, number: Number, wanted: WhatIfWanted) -> WhatIfView:
    """Return what an order would come to under other rules or elsewhere; nothing is changed."""
    with hub.database.read() as connection:
        order_id = order_id_of(connection, number)
        asked = one_order.Wanted(wanted.version, wanted.insist, frozenset(wanted.without))
        found = one_order.what_if(hub, connection, order_id, asked)
    return WhatIfView(
        version=found.version,
        possible=found.objective is not None,
        why_not=found.why_not,
        sent=tuple(
            SentView(
                location=each.location,
                service=each.service,
                units=each.units,
                late_days=each.late_days,
                parts=each.parts._asdict(),
                minor=each.parts.minor,
            )
            for each in found.sent
        ),
        unserved=found.unserved,
        objective=tuple(found.objective or ()),
        cost_minor=found.minor,
        best_minor=found.best_minor,
        proof=found.proof,
        rejected=tuple(ReasonView(**row._asdict()) for row in found.rejected[:REASONS]),
    )


@router.get("/routing/demand/{sku}")
def demand(hub: TheHub, _person: Anybody, sku: Sku) -> list[DemandView]:
    """Return what the customers of each location buy of an item, and how old that knowledge is."""
    with hub.database.read() as connection:
        found = demand_of(connection, sku, hub.clock.now_us())
    return [DemandView.model_validate(row, from_attributes=True) for row in found]


@router.get("/routing/acceptance")
def acceptance(hub: TheHub, _person: Anybody) -> list[AcceptView]:
    """Return how often each location packs what it is asked for, the least sure first."""
    with hub.database.read() as connection:
        found = learned(connection, current.book(connection, hub.spine.terms.promising))
    return [AcceptView.model_validate(row, from_attributes=True) for row in found]


@router.get("/routing/load")
def load(hub: TheHub, _person: Anybody) -> list[LoadView]:
    """Return how much each location has to do, and how what was given out lately is spread."""
    with hub.database.read() as connection:
        return [_load(row) for row in loads(hub, connection)]


def _delivery(later: Later) -> DeliveryView:
    coming = later.coming
    return DeliveryView(
        transfer=coming.number,
        location=coming.location,
        sku=coming.sku,
        units=later.units,
        expected_us=coming.due_us,
    )


def _load(row: Load) -> LoadView:
    return LoadView.model_validate(row, from_attributes=True)


def _replay(hub: Hub, replay_id: str) -> ReplayView:
    with hub.database.read() as connection:
        return ReplayView.model_validate(replays.find(connection, replay_id), from_attributes=True)
