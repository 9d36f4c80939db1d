"""One order for later as its page shows it: read once, in one transaction, from every room that knows of it.

What a reader would get wrong: who holds which units is told by the events alone (`hub.spine.held`); the
tables of fulfilment say how far each part is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.capture.asking import open_requests
from hub.console.later import LaterView, later_view
from hub.context import Hub
from hub.customers import rows as contacts
from hub.fleet.steps import fleet_view
from hub.fulfil import reads as fulfil
from hub.fulfil.faces import BEGUN, Face, face, silent_places
from hub.fulfil.reads import OPEN_STATES, AssignmentPage, AssignmentRead
from hub.fulfil.risk import Risk
from hub.fulfil.risks import risks_at
from hub.fulfil.silence import may_go_on_without
from hub.holds import rows as holds
from hub.holds.rows import HoldRow
from hub.notify import rows as notify
from hub.route.alternatives import Alternative, alternatives_of
from hub.route.reads import DecisionRow, decisions_of
from hub.service.rules import OVER, Coming, Goods, Part, answer, coming
from hub.spine import reads as record
from hub.spine.held import Held, held_of
from hub.spine.later_rows import later_orders
from hub.spine.reads import Happened, OrderRead
from hub.stock import claims
from hub.stock.availability import At, heard_places, stock_at
from hub.stock.claims import Claim
from hub.stock.policy import kept_back
from hub.transfers import reads as transfers
from hub.unpaid import expires_us
from protocol.customers import Contact
from protocol.errors import Refused
from protocol.fulfilment import FulfilKind, PromiseClass
from protocol.kit.text import _
from protocol.kit.web.filters import duration, when
from protocol.lifecycles import AssignmentState
from protocol.orders import LineKind

MINUTE_US: Final = 60_000_000
_NOT_BEGUN: Final = frozenset(OPEN_STATES) - BEGUN


@dataclass(frozen=True, slots=True)
class LineShown:
    """One line in its quantities: `ordered = open + fulfilled + cancelled`."""

    line_no: int
    sku: str
    name: str
    goods: bool
    ordered: int
    assigned: int
    picked: int
    fulfilled: int
    cancelled: int
    returned: int
    loose: int
    each: str
    each_minor: int
    gross_minor: int
    waits: int = 0
    """Units that wait for a delivery."""
    asked: int = 0
    """Units that a location was asked to fetch too and has not answered for."""

    @property
    def open(self) -> int:
        """Units that somebody still has to fulfil."""
        return max(0, self.ordered - self.fulfilled - self.cancelled)


@dataclass(frozen=True, slots=True)
class PartShown:
    """What one location has of an order, with its clock; `silent` is for how long nothing was heard of it."""

    page: AssignmentPage
    place: str
    open: bool
    silent: str
    asked: str
    """What it was asked for and has not answered."""
    clock: Face | None
    """None for what waits to be collected: its promise is kept."""
    risk: Risk | None = None
    """How likely it breaks its promise; None once somebody has begun, or it is over."""
    without: bool = False
    """Whether a person may go on without the location: it was told, and it is not heard."""

    @property
    def units(self) -> int:
        """Units that may still be fulfilled there."""
        return sum(line.quantity - line.short - line.fulfilled - line.given_up for line in self.page.lines)


@dataclass(frozen=True, slots=True)
class OrderShown:
    """One order for later with all of it."""

    order: OrderRead
    later: LaterView
    answer: str
    goods: Goods
    lines: tuple[LineShown, ...]
    parts: tuple[PartShown, ...]
    clock: Face | None
    """None once everything that is open waits to be collected."""
    coming: tuple[Coming, ...]
    decisions: Sequence[DecisionRow]
    notices: Sequence[notify.Notice]
    contact: Contact | None
    pickup_code: str
    transfers: Sequence[transfers.TransferRead]
    """By which its goods come to where it is collected."""
    waits: Sequence[Claim] = ()
    """What it waits for that is on its way, and what is held for it meanwhile."""
    alternatives: Sequence[Alternative] = ()
    """What else it could be promised, while nobody keeps what it was promised."""
    holds: Sequence[HoldRow] = ()
    expires_us: int = 0
    """When it is cancelled if nobody has paid anything for it; 0 where no clock ends it."""

    @property
    def stopped(self) -> list[HoldRow]:
        """What stops it now."""
        return [each for each in self.holds if each.is_open]

    @property
    def can_cancel(self) -> bool:
        """Tell whether anything of it is left to cancel."""
        return any(line.open for line in self.lines)

    @property
    def refunds_to_make(self) -> int:
        """How many refunds a person may have to make."""
        return sum(refund.state != "done" for refund in self.later.refunds)


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """One location against what is wanted: whether it could promise all of it now, and if not, why."""

    location: str
    name: str
    kind: str
    able: bool
    why: str
    silent: bool
    age_seconds: int | None
    units: tuple[int, ...]
    """What it may promise of each item, in the order asked for."""


def is_for_later(connection: Connection, order_id: str) -> bool:
    """Tell whether an order is one for later, and no sale at a counter."""
    found = sa.select(sa.literal(1)).where(later_orders.c.order_id == order_id)
    return connection.execute(found).first() is not None


def shown(
    connection: Connection,
    hub: Hub,
    order: OrderRead,
    happened: Sequence[Happened],
    names: Mapping[str, str],
) -> OrderShown:
    """Return everything about an order for later."""
    now_us, order_id = hub.clock.now_us(), order.head.order_id
    later = later_view(connection, order, happened, now_us)
    assert later is not None, "the caller asked whether it is one for later"
    pages = [fulfil.find(connection, part.assignment_id) for part in later.assignments]
    held = held_of(connection, order_id)
    waits = claims.of_order(connection, order_id)
    goods = _goods(order, held, waits)
    silent = silent_places(fleet_view(connection, hub.clock, hub.presence))
    asked = {row.assignment_id: row.kind for row in open_requests(connection, order_id)}
    waiting = {
        page.assignment.assignment_id: page.assignment.location
        for page in pages
        if page.assignment.state in _NOT_BEGUN and page.assignment.due_us > now_us
    }
    risks = risks_at(hub, connection, sorted(set(waiting.values())), sorted(waiting))
    heard = heard_places(connection, now_us=now_us)
    parts = tuple(
        replace(
            _part(page, names, silent, asked, hub),
            risk=risks.get(page.assignment.assignment_id),
            without=_is_open(page.assignment) and may_go_on_without(page.assignment, heard),
        )
        for page in pages
    )
    told = [_told(page, names, hub.settings.zone) for page in pages]
    code = connection.execute(
        sa.select(later_orders.c.pickup_code).where(later_orders.c.order_id == order_id)
    ).scalar()
    return OrderShown(
        order=order,
        later=later,
        answer=answer(later.kind, goods, told, parcels=_parcels(pages)),
        goods=goods,
        lines=tuple(_lines(order, held, pages, waits)),
        parts=parts,
        clock=_clock(order, later, goods, parts, hub),
        coming=coming(later.kind, goods, told),
        decisions=decisions_of(connection, order_id),
        notices=notify.of_order(connection, order_id),
        contact=contacts.find(connection, later.contact_id) if later.contact_id else None,
        pickup_code=str(code or ""),
        transfers=transfers.listed(connection, transfers.Filters(view="all", order_id=order_id), limit=20)[0],
        waits=waits,
        alternatives=alternatives_of(hub, connection, order_id)
        if goods.loose or (now_us > later.promise["due_us"] and any(part.open for part in parts))
        else (),
        holds=holds.of_order(connection, order_id),
        expires_us=expires_us(hub, connection, order_id) if goods.open and not goods.fulfilled else 0,
    )


def find(connection: Connection, hub: Hub, number: str, names: Mapping[str, str]) -> OrderShown:
    """Return an order for later by its number.

    Raises:
        NotFound: the hub does not have it.
        Refused: it is a sale at a counter.
    """
    order = record.order(connection, number)
    if not is_for_later(connection, order.head.order_id):
        raise Refused(
            _("{number} is a sale at a counter.", number=order.head.number),
            _("Take it back as a return."),
            code="not_for_later",
        )
    happened = record.timeline(connection, f"order:{order.head.order_id}")
    return shown(connection, hub, order, happened, names)


def place_of(promise: str) -> str:
    """Return where the goods of a promise are collected, or must come from; "" for anywhere."""
    return str(json.loads(promise).get("location", ""))


def places_for(
    connection: Connection, hub: Hub, wanted: Mapping[str, int], called: Mapping[str, str]
) -> list[PlaceChoice]:
    """Return every active location against what is wanted of each item: those that could promise it first.

    `called`: the names of the items, for the reasons.
    """
    skus = list(wanted)
    kept = kept_back(connection, hub.spine.terms.promising, skus)
    found = []
    for at in stock_at(
        connection, skus, now_us=hub.clock.now_us(), kept_back=kept, promise_class=PromiseClass.STANDARD
    ):
        if at.state == "revoked":
            continue
        units = tuple(0 if at.silent else at.stock[3 * n + 2] for n in range(len(skus)))
        why = _silence(at) if at.silent else _too_few(wanted, called, units, at.stock)
        found.append(
            PlaceChoice(at.location, at.name, at.kind, not why, why, bool(at.silent), at.age_seconds, units)
        )
    return sorted(found, key=lambda place: (not place.able, place.kind != "store", place.name))


def _silence(at: At) -> str:
    if at.age_seconds is None:
        return _("was never heard")
    return _("not heard for {span}", span=duration(at.age_seconds))


def _too_few(
    wanted: Mapping[str, int], called: Mapping[str, str], units: Sequence[int], stock: Sequence[int]
) -> str:
    for n, (sku, count) in enumerate(wanted.items()):
        name = called.get(sku, sku)
        if stock[3 * n + 1]:
            return _("misses {n} of {name} that are promised already", n=stock[3 * n + 1], name=name)
        if units[n] < count:
            return _("may promise {n} of {all} {name}", n=units[n], all=count, name=name)
    return ""


def _goods(order: OrderRead, held: Held, waits: Sequence[Claim]) -> Goods:
    waiting = sum(each.units for each in waits)
    lines = [line for line in order.lines if line.kind == LineKind.GOODS]
    return Goods(
        ordered=sum(line.quantity for line in lines),
        cancelled=sum(line.cancelled for line in lines),
        fulfilled=sum(line.fulfilled for line in lines),
        returned=sum(line.returned for line in lines),
        loose=max(0, sum(held.loose.values()) - waiting),
        waits=waiting,
    )


def _lines(
    order: OrderRead, held: Held, pages: Sequence[AssignmentPage], waits: Sequence[Claim]
) -> list[LineShown]:
    assigned: dict[int, int] = {}
    picked: dict[int, int] = {}
    for page in pages:
        for line in page.lines:
            still = line.quantity - line.short - line.given_up
            if page.assignment.state not in OVER:
                assigned[line.line_no] = assigned.get(line.line_no, 0) + still
                picked[line.line_no] = picked.get(line.line_no, 0) + line.picked
            else:
                assigned[line.line_no] = assigned.get(line.line_no, 0) + line.fulfilled
    loose = dict(held.loose)
    waiting: dict[int, int] = {}
    for each in waits:
        waiting[each.line_no] = waiting.get(each.line_no, 0) + each.units
        loose[each.line_no] = max(0, loose.get(each.line_no, 0) - each.units)
    return [
        LineShown(
            line_no=line.line_no,
            sku=line.sku,
            name=line.name,
            goods=line.kind == LineKind.GOODS,
            ordered=line.quantity,
            assigned=assigned.get(line.line_no, 0),
            picked=picked.get(line.line_no, 0),
            fulfilled=line.fulfilled,
            cancelled=line.cancelled,
            returned=line.returned,
            loose=loose.get(line.line_no, 0),
            waits=waiting.get(line.line_no, 0),
            asked=sum(holding.asked.get(line.line_no, 0) for holding in held.holdings.values()),
            each=line.unit_price_exact,
            each_minor=line.unit_price_minor,
            gross_minor=line.gross_minor,
        )
        for line in order.lines
    ]


def _is_open(mine: AssignmentRead) -> bool:
    return mine.state in fulfil.OPEN_STATES or mine.state == AssignmentState.SENT


def _part(
    page: AssignmentPage,
    names: Mapping[str, str],
    silent: Mapping[str, str],
    asked: Mapping[str, str],
    hub: Hub,
) -> PartShown:
    mine = page.assignment
    work_us = hub.settings.ready_minutes * MINUTE_US
    return PartShown(
        page=page,
        place=names.get(mine.location, mine.location),
        open=_is_open(mine),
        silent=silent.get(mine.location, ""),
        asked=asked.get(mine.assignment_id, ""),
        clock=None
        if _waits(mine)
        else face(mine.created_us, mine.due_us, hub.clock.now_us(), work_us, begun=mine.state in BEGUN),
    )


def _told(page: AssignmentPage, names: Mapping[str, str], zone: str) -> Part:
    mine = page.assignment
    kept = when(mine.keep_until_us, zone, "EEE d MMM").striptags() if mine.keep_until_us else ""
    units = sum(line.quantity - line.short - line.given_up for line in page.lines)
    return Part(names.get(mine.location, mine.location), mine.state, units, mine.fulfilled, str(kept))


def _parcels(pages: Sequence[AssignmentPage]) -> tuple[int, int]:
    mine = [parcel for page in pages if page.assignment.state not in OVER for parcel in page.parcels]
    return sum(parcel.shipped_us is not None for parcel in mine), len(mine)


def _clock(
    order: OrderRead, later: LaterView, goods: Goods, parts: Sequence[PartShown], hub: Hub
) -> Face | None:
    work_us = hub.settings.ready_minutes * MINUTE_US
    waiting = [part.page.assignment for part in parts if part.open]
    if not goods.open or (waiting and not goods.loose and all(_waits(part) for part in waiting)):
        return None
    begun = bool(waiting) and all(part.state in BEGUN for part in waiting)
    return face(order.head.at_us, later.due_us, hub.clock.now_us(), work_us, begun=begun)


def _waits(part: AssignmentRead) -> bool:
    return part.kind == FulfilKind.COLLECT and part.state == AssignmentState.READY
