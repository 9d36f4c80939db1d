"""What the overview is made of: who and what needs a hand now, and where today's orders are.

Everything here is read from what the hub has applied or heard; what it does not know is not drawn. The day
shown is today in the hub's zone, or the latest trading day when nothing was sold today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.console.web import by_kind
from hub.console.words import location_pill, named, plain
from hub.context import Hub
from hub.exceptions.rows import ExceptionRow
from hub.exceptions.rows import listed as exceptions_listed
from hub.fleet.presence import FleetPresence
from hub.fleet.steps import LocationView, fleet_view
from hub.fulfil.figures import Waiting, waiting
from hub.spine.rows import orders, returns
from protocol.clock import MICROSECONDS, from_us
from protocol.kit.text import _
from protocol.kit.web.filters import duration
from protocol.kit.web.shell import Shape
from protocol.lifecycles import OrderState

LISTED: Final = 500
SHOWN: Final = 8
HOUR_US: Final = 3_600 * MICROSECONDS
_PRINTER_FINE: Final = frozenset({"ready", "printing", "starting", ""})
_HEAVIEST_PX: Final = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One location of the fleet."""

    location_id: str
    name: str
    word: str
    shape: Shape
    says: str


@dataclass(frozen=True, slots=True)
class Need:
    """A location that needs a hand, and the one step that helps."""

    location_id: str
    name: str
    says: str
    shape: Shape
    step: str
    href: str


@dataclass(frozen=True, slots=True)
class Owner:
    """How many exceptions a role has, and how many of them came within the hour."""

    role: str
    open: int
    fresh: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Where orders of the day are."""

    count: int
    word: str
    says: str
    width: int
    href: str


@dataclass(frozen=True, slots=True)
class StoreSales:
    """One store's day."""

    location: str
    name: str
    orders: int
    sold_minor: int
    back_minor: int
    share: int
    """Percent of the largest store's sales, for the bar."""

    @property
    def net_minor(self) -> int:
        """What stays sold."""
        return self.sold_minor - self.back_minor


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page."""

    headline: str
    says: str
    calm: bool
    cells: tuple[Cell, ...]
    needs: tuple[Need, ...]
    away: tuple[Need, ...]
    """Locations that sell on out of the hub's sight: they are told of, and need nobody."""
    open: tuple[ExceptionRow, ...]
    where: Mapping[str, str]
    """The location each of them is about, by its id."""
    open_total: int
    owners: tuple[Owner, ...]
    day: str
    is_today: bool
    stages: tuple[Stage, ...]
    sales: tuple[StoreSales, ...]
    later: Waiting
    """Orders for later that are not done."""


def overview(connection: Connection, hub: Hub, presence: FleetPresence) -> Overview:
    """Read the overview."""
    now_us = hub.clock.now_us()
    fleet = by_kind(fleet_view(connection, hub.clock, presence))
    names = {location.location_id: location.name for location in fleet}
    found, total = exceptions_listed(connection, limit=LISTED)
    told = [need for location in fleet if (need := need_of(location, found, now_us, names)) is not None]
    needs = [need for need in told if need.shape != "calm"]
    away = [need for need in told if need.shape == "calm"]
    order_ids = {row.subject for row in found if row.subject.startswith("order:")}
    today = from_us(now_us).astimezone(ZoneInfo(hub.settings.zone)).date().isoformat()
    day = _day(connection, today)
    sales = _sales(connection, day, names)
    return Overview(
        headline=headline(len(needs), len(order_ids), total),
        says=_says(sales, away, is_today=day == today),
        calm=not needs and not total,
        cells=tuple(_cell(location, found) for location in fleet),
        needs=tuple(needs),
        away=tuple(away),
        open=tuple(found[:SHOWN]),
        where={row.exception_id: row.place for row in found[:SHOWN]},
        open_total=total,
        owners=_owners(found, now_us),
        day=day,
        is_today=day == today,
        stages=_stages(connection, day),
        sales=tuple(sales),
        later=waiting(connection, now_us),
    )


def headline(locations: int, order_count: int, exceptions: int) -> str:
    """Return the answer to "who needs me now?" as a sentence."""
    places = _("1 location") if locations == 1 else _("{n} locations", n=locations)
    found = _("1 order") if order_count == 1 else _("{n} orders", n=order_count)
    if locations and order_count:
        return _("{places} and {orders} need you now", places=places, orders=found)
    if locations or order_count:
        one = locations + order_count == 1
        who = places if locations else found
        return _("{who} needs you now", who=who) if one else _("{who} need you now", who=who)
    if exceptions:
        return (
            _("1 exception needs you now")
            if exceptions == 1
            else _("{n} exceptions need you now", n=exceptions)
        )
    return _("Nothing needs you now")


def need_of(
    location: LocationView, open_: Sequence[ExceptionRow], now_us: int, names: Mapping[str, str]
) -> Need | None:
    """Return why a location needs a hand, the gravest reason, or None when there is nothing to say of it.

    One that is only away is told of in the shape of calm: it sells on, and nobody has to do anything.
    """
    mine = about(location.location_id, open_)
    parked = [row for row in mine if row.kind == "event_parked"]
    page = f"/fleet/{location.location_id}"

    def need(says: str, shape: Shape, step: str, href: str = page) -> Need:
        return Need(location.location_id, location.name, says, shape, step, href)

    if location.pill.state == "revoked":
        return None
    if parked:
        return need(_aside(len(parked)), "act", _("Look at them"))
    if mine:
        row = mine[0]
        more = _(" And {n} more.", n=len(mine) - 1) if len(mine) > 1 else ""
        says = f"{named(row.title, names)}.{more}"
        return need(says, "act", _("Decide"), f"/exceptions/{row.exception_id}")
    if trouble := _trouble(location):
        return need(trouble, "wait", _("See the store"))
    if location.pill.state in ("offline", "late"):
        return need(_dark(location, now_us), "calm", _("What waits"))
    return None


def _aside(count: int) -> str:
    if count == 1:
        return _("1 event was set aside and does not count yet.")
    return _("{n} events were set aside and do not count yet.", n=count)


def _trouble(location: LocationView) -> str:
    """Return what a location says is wrong with its machines, or "" when nothing is."""
    broken = sorted(name for name, state in location.printers.items() if state not in _PRINTER_FINE)
    if broken:
        state = plain(location.printers[broken[0]]).lower()
        return _("Printer {name}: {state}.", name=broken[0], state=state)
    if location.skewed:
        span = duration(abs(location.skew_us) / MICROSECONDS)
        if location.skew_us > 0:
            return _("Its clock is {span} ahead.", span=span)
        return _("Its clock is {span} behind.", span=span)
    return ""


def about(location_id: str, open_: Sequence[ExceptionRow]) -> list[ExceptionRow]:
    """Return the exceptions that are about a location itself, not about one of its orders."""
    return [
        row
        for row in open_
        if row.subject == f"edge:{location_id}"
        or (row.location == location_id and not row.subject.startswith("order:"))
        or (row.subject.startswith("till:") and row.facts.get("location") == location_id)
    ]


def _dark(location: LocationView, now_us: int) -> str:
    span = duration(max(0, now_us - (location.last_us or now_us)) / MICROSECONDS)
    if location.unsent:
        return _(
            "Not heard for {span}. {n} events waited when it was last heard; it sells on.",
            span=span,
            n=location.unsent,
        )
    return _("Not heard for {span}. It sells on; nothing waited when it was last heard.", span=span)


def _cell(location: LocationView, open_: Sequence[ExceptionRow]) -> Cell:
    word, shape = location_pill(location.pill)
    parked = [row for row in about(location.location_id, open_) if row.kind == "event_parked"]
    broken = [name for name, state in location.printers.items() if state not in _PRINTER_FINE]
    said = [_("{n} to send", n=location.unsent)]
    if location.pill.state in ("offline", "late"):
        said = [_("{n} to send when last heard", n=location.unsent)]
    elif location.pill.state == "never_seen":
        said = [_("its store PC has not called yet")]
    if parked:
        word, shape = _("Event set aside"), "act"
        said.append(_("{n} set aside", n=len(parked)))
    elif broken and location.pill.state == "online":
        word, shape = _("Printer waiting"), "wait"
        said.append(plain(location.printers[broken[0]]).lower())
    elif location.upto and location.pill.state == "online":
        said.append(_("event {n}", n=f"{location.upto:,}"))
    return Cell(location.location_id, location.name, word, shape, " · ".join(said))


def _owners(open_: Sequence[ExceptionRow], now_us: int) -> tuple[Owner, ...]:
    found: dict[str, list[int]] = {}
    for row in open_:
        counts = found.setdefault(row.owner_role, [0, 0])
        counts[0] += 1
        counts[1] += row.raised_us > now_us - HOUR_US
    ranked = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(Owner(role, count, fresh) for role, (count, fresh) in ranked)


def _day(connection: Connection, today: str) -> str:
    latest = connection.execute(
        sa.select(orders.c.business_date).order_by(orders.c.apply_order.desc()).limit(1)
    ).scalar()
    return str(latest) if latest and latest < today else today


def _stages(connection: Connection, day: str) -> tuple[Stage, ...]:
    counts: Mapping[str, int] = {
        row.state: row.n
        for row in connection.execute(
            sa.select(orders.c.state, sa.func.count().label("n"))
            .where(orders.c.business_date == day)
            .group_by(orders.c.state)
        )
    }
    total = sum(counts.values())

    def of(*states: OrderState) -> int:
        return sum(counts.get(state, 0) for state in states)

    def stage(count: int, word: str, says: str, state: str = "", passed: int | None = None) -> Stage:
        flow = count if passed is None else passed
        width = max(2, round(_HEAVIEST_PX * flow / total)) if total else 2
        href = f"/orders?from={day}&to={day}" + (f"&state={state}" if state else "")
        return Stage(count, word, says, width, href)

    part, whole = of(OrderState.PART_RETURNED), of(OrderState.RETURNED)
    ended = of(OrderState.VOIDED, OrderState.CANCELLED)
    kept = of(OrderState.COMPLETED, OrderState.HANDED_OVER)
    nobody = of(OrderState.CAPTURED, OrderState.HELD)
    routed, picking, ready = of(OrderState.ROUTED), of(OrderState.PICKING), of(OrderState.READY)
    if not any((nobody, routed, picking, ready, of(OrderState.HANDED_OVER, OrderState.CANCELLED))):
        return (
            stage(total, _("Sold"), _("at a counter")),
            stage(kept, _("With customer"), _("nothing came back"), OrderState.COMPLETED, total - ended),
            stage(part, _("Part returned"), _("some units are back"), OrderState.PART_RETURNED, part + whole),
            stage(whole, _("Returned"), _("every unit is back"), OrderState.RETURNED),
            stage(ended, _("Voided"), _("nothing of it happened"), OrderState.VOIDED),
        )
    gone = kept + part + whole
    return (
        stage(total, _("Taken"), _("sales and orders")),
        stage(nobody, _("No location"), _("all or a part"), OrderState.CAPTURED, total - ended),
        stage(routed, _("Routed"), _("not begun"), OrderState.ROUTED, gone + ready + picking + routed),
        stage(picking, _("Picking"), _("somebody walks"), OrderState.PICKING, gone + ready + picking),
        stage(ready, _("Ready"), _("to collect or ship"), OrderState.READY, gone + ready),
        stage(kept, _("With customer"), _("or on its way"), passed=gone),
        stage(part + whole, _("Came back"), _("some or all units"), OrderState.PART_RETURNED),
        stage(ended, _("Cancelled"), _("or voided"), OrderState.CANCELLED),
    )


def _sales(connection: Connection, day: str, names: Mapping[str, str]) -> list[StoreSales]:
    sold = {
        row.location: (row.n, int(row.total))
        for row in connection.execute(
            sa.select(
                orders.c.location,
                sa.func.count().label("n"),
                sa.func.sum(orders.c.total_minor).label("total"),
            )
            .where(orders.c.business_date == day, orders.c.session_id != "")
            .group_by(orders.c.location)
        )
    }
    back = {
        row.location: int(row.total)
        for row in connection.execute(
            sa.select(returns.c.location, sa.func.sum(returns.c.total_minor).label("total"))
            .where(returns.c.business_date == day)
            .group_by(returns.c.location)
        )
    }
    most = max((total for _count, total in sold.values()), default=0)
    places = sorted({*sold, *back}, key=lambda place: (names.get(place, place), place))
    found = []
    for place in places:
        count, total = sold.get(place, (0, 0))
        share = round(100 * total / most) if most else 0
        found.append(StoreSales(place, names.get(place, place), count, total, back.get(place, 0), share))
    return found


def _says(sales: Sequence[StoreSales], away: Sequence[Need], *, is_today: bool) -> str:
    said = _sold(sales, is_today=is_today)
    if not away:
        return said
    if len(away) == 1:
        return said + " " + _("{name} is in store mode and sells on.", name=away[0].name)
    return said + " " + _("{n} locations are in store mode and sell on.", n=len(away))


def _sold(sales: Sequence[StoreSales], *, is_today: bool) -> str:
    count = sum(store.orders for store in sales)
    if not count:
        return _("No sale has arrived yet.")
    said = _("1 order") if count == 1 else _("{n} orders", n=f"{count:,}")
    stores = _("1 location") if len(sales) == 1 else _("{n} locations", n=len(sales))
    if is_today:
        return _("{orders} at {stores} today.", orders=said, stores=stores)
    return _("{orders} at {stores} on the last trading day.", orders=said, stores=stores)
