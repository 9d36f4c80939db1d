"""Which stage each part of an order is in after an event, which promise broke there, what it cost. Pure.

An order is not in one place: some units wait for a location while others are picked. So a *stay* belongs to a
part: an assignment, the units that nobody has (part ""), a hold, what waits for a delivery at a location, or
units that came back. A reader would get wrong that stays follow quantities, not statuses: whatever is neither
fulfilled nor cancelled nor held by an assignment, and waits for no delivery, waits for a location, whichever
event made it so.

A promise breaks in the stage in which a part stands when the promised moment passes. What is ready to be
collected has kept its promise; what is to be shipped keeps it when it leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from protocol import later
from protocol.events import ReturnCompleted
from protocol.fulfilment import AssignedLine, FulfilKind
from protocol.holds import Blocked, HoldEnded, HoldLapsed, HoldPlaced, HoldRejected, HoldReleased
from protocol.money import round_ratio
from protocol.movements import Bucket
from protocol.orders import LineKind, OrderLine, WireModel


class Stage(StrEnum):
    """Where a part waits, in the order in which parts go through."""

    HELD = "held"
    UNROUTED = "unrouted"
    INCOMING = "incoming"
    OFFERED = "offered"
    PICKING = "picking"
    PACKING = "packing"
    READY = "ready"
    RETURNED = "returned"


class LeakKind(StrEnum):
    """Why an order left less than its first decision said."""

    RE_ROUTED = "re_routed"
    LOST_SALE = "lost_sale"
    WRITE_DOWN = "write_down"
    DISPOSAL = "disposal"
    REPAIR = "repair"
    GOODWILL = "goodwill"
    CHARGEBACK = "chargeback"


BOOKED: Final[Mapping[str, LeakKind]] = {
    "write_down": LeakKind.WRITE_DOWN,
    "disposal": LeakKind.DISPOSAL,
    "repair": LeakKind.REPAIR,
    "goodwill": LeakKind.GOODWILL,
    "chargeback_losses": LeakKind.CHARGEBACK,
}
"""What the books call money that was lost, and what it is here; all of it is lost after goods have left."""
HOLD: Final = "hold:"
"""How the parts of an order begin that are holds and no units."""
AWAITED: Final = "wait:"
"""How the parts begin that nobody has because they wait for goods on their way; the location follows."""
_HELD: Final[Mapping[type[WireModel], str]] = {
    HoldReleased: "on",
    HoldRejected: "cancelled",
    HoldLapsed: "lapsed",
}
_UNBEGUN: Final = frozenset({Stage.UNROUTED, Stage.INCOMING, Stage.OFFERED})


@dataclass(slots=True)
class Stay:
    """One part in one stage, from when until when. `since` is the number in the log of what brought it."""

    order_id: str
    part: str
    since: int
    number: str
    stage: Stage
    channel: str
    location: str
    kind: str
    sku: str
    units: int
    cost_minor: int
    """What the decision said that this part costs to fulfil."""
    entered_us: int
    left_us: int | None = None
    broken_us: int = 0
    """The promised moment that passed meanwhile; 0 for none."""
    how: str = ""
    """How it ended: `on` to the next stage, `gone` to the customer, `given_up`, `cancelled`."""

    @property
    def keeps_promise(self) -> bool:
        """Tell whether what was promised does not hang on this: it is there, or another part waits."""
        if self.stage is Stage.HELD:
            return self.kind != Blocked.ROUTE.value
        return self.stage is Stage.RETURNED or (
            self.stage is Stage.READY and self.kind == FulfilKind.COLLECT.value
        )

    def breaks(self, due_us: int, until_us: int) -> bool:
        """Tell whether a promise passes while it stands here, up to a moment."""
        return not self.keeps_promise and due_us > 0 and self.entered_us < due_us <= until_us


@dataclass(frozen=True, slots=True)
class Leak:
    """Money that an order lost in a stage, and what says so; below zero it came back."""

    apply_order: int
    order_id: str
    number: str
    stage: Stage
    kind: LeakKind
    channel: str
    location: str
    at_us: int
    amount_minor: int
    currency: str
    source: str


@dataclass(frozen=True, slots=True)
class Worth:
    """A line as it was ordered: units, what they bring without tax, and what one of them costs."""

    units: int
    net_minor: int
    unit_cost_minor: int

    def margin_minor(self, units: int) -> int:
        """Return what some of its units would have left over."""
        return round_ratio(self.net_minor * units, self.units) - self.unit_cost_minor * units


@dataclass(slots=True)
class Track:
    """One order as the flow map follows it."""

    order_id: str
    number: str
    channel: str
    origin: str
    kind: str
    currency: str
    placed_us: int
    due_us: int
    ordered: int
    cancelled: int = 0
    fulfilled: int = 0
    freed_minor: int = 0
    """What the decision had said of parts that were given up since; the next decision is measured by it."""
    failed_stage: str = ""
    failed_location: str = ""
    open: dict[str, Stay] = field(default_factory=dict)
    ended: list[Stay] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)

    @property
    def loose(self) -> int:
        """Units that are neither with the customer nor cancelled, that nobody has, and wait for nothing."""
        held = sum(stay.units for part, stay in self.open.items() if part and not stay.sku)
        return self.ordered - self.cancelled - self.fulfilled - held


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of the log."""

    apply_order: int
    event_id: str
    edge: str
    at_us: int
    body: WireModel


def goods(lines: tuple[OrderLine, ...] | tuple[AssignedLine, ...]) -> int:
    """Return how many units of goods lines have."""
    return sum(line.quantity for line in lines if line.kind is LineKind.GOODS)


def placed(fact: Fact) -> Track:
    """Return the track of an order that was just placed."""
    body = fact.body
    assert isinstance(body, later.OrderPlaced)
    track = Track(
        order_id=body.order_id,
        number=body.number,
        channel=body.channel,
        origin=fact.edge,
        kind=body.promise.kind.value,
        currency=body.currency,
        placed_us=fact.at_us,
        due_us=body.promise.due_us,
        ordered=goods(body.lines),
    )
    if body.own is not None:
        _enter(track, fact, body.own.assignment_id, Stage.OFFERED, fact.edge, units=goods(body.own.lines))
    _settle(track, fact)
    return track


def happen(track: Track, fact: Fact, lines: Mapping[int, Worth]) -> None:
    """Let an event move the parts of an order; `lines` are its goods as they were ordered."""
    match fact.body:
        case later.LinesAdded() as body:
            track.ordered += goods(body.lines)
        case later.OrderChanged(requested=False) as body if "promise" in body.what:
            _promise(track, fact, body.promise.due_us)
        case later.OrderCancelled() as body:
            _cancelled(track, fact, body, lines)
        case later.OrderRouted() as body:
            _routed(track, fact, body)
        case later.OrderWaits() as body:
            _waits(track, fact, body)
        case later.OrderUnroutable() as body if goods(body.lines) > track.loose:
            _wait_no_longer(track, fact)
        case HoldPlaced() as body:
            _hold(track, fact, body)
        case HoldEnded() as body:
            stopped = track.open.get(HOLD + body.hold_id)
            if stopped is not None:
                _end(track, fact, stopped, _HELD[type(body)])
        case _:
            _part(track, fact)
    _settle(track, fact)


def _hold(track: Track, fact: Fact, body: HoldPlaced) -> None:
    """Let an order stand before a hold; one that stops routing keeps it from waiting for a location."""
    _enter(track, fact, HOLD + body.hold_id, Stage.HELD, track.origin, units=0)
    routing = Blocked.ROUTE in body.blocks
    track.open[HOLD + body.hold_id].kind = Blocked.ROUTE.value if routing else ""


def _part(track: Track, fact: Fact) -> None:
    """Move the one part that an event speaks of; what was never offered by us is not followed.

    Goods that leave from a part that was written off are with the customer: nobody waits for them any more.
    """
    body = fact.body
    stay = track.open.get(getattr(body, "assignment_id", ""))
    if isinstance(body, later.HandoverUndone):
        _undone(track, fact, body)
        return
    if stay is None or not stay.part:
        if isinstance(body, later.AssignmentShipped | later.AssignmentHandedOver):
            track.fulfilled += min(max(0, track.loose), sum(line.units for line in body.lines))
        return
    match body:
        case later.AssignmentAnswered(outcome="rejected" | "expired"):
            _give_up(track, fact, stay, stay.units)
        case later.AssignmentWithdrawn() | later.AssignmentRejected() | later.AssignmentWrittenOff():
            _give_up(track, fact, stay, stay.units)
        case later.AssignmentCancelled():
            _give_up(track, fact, stay, sum(line.units for line in body.lines))
        case later.AssignmentChanged():
            stay.units += goods(body.added)
            _give_up(track, fact, stay, sum(line.units for line in body.dropped))
        case later.AssignmentShipped() | later.AssignmentHandedOver():
            _gone(track, fact, stay, sum(line.units for line in body.lines))
        case _:
            _work(track, fact, stay)


def _work(track: Track, fact: Fact, stay: Stay) -> None:
    """Move a part on that somebody works on."""
    body = fact.body
    match body:
        case later.PickStarted() if stay.stage in _UNBEGUN:
            _on(track, fact, stay, Stage.PICKING)
        case later.AssignmentPicked():
            _give_up(track, fact, stay, sum(line.units for line in body.shorts))
            if stay.left_us is None and stay.stage is not Stage.READY:
                _on(track, fact, stay, Stage.PACKING)
        case later.AssignmentPacked() if stay.kind == FulfilKind.SHIP.value:
            _on(track, fact, stay, Stage.READY)
        case later.AssignmentStaged():
            _on(track, fact, stay, Stage.READY)
        case _:
            pass


def _routed(track: Track, fact: Fact, body: later.OrderRouted) -> None:
    cost = sum(part.cost_minor for part in body.parts)
    if track.failed_stage:
        extra = cost - track.freed_minor
        if extra > 0:
            _lose(track, fact, LeakKind.RE_ROUTED, extra)
        track.freed_minor, track.failed_stage, track.failed_location = 0, "", ""
    for part in body.parts:
        stage = Stage.INCOMING if part.transfer_id else Stage.OFFERED
        _enter(
            track,
            fact,
            part.assignment_id,
            stage,
            part.location,
            units=goods(part.lines),
            cost_minor=part.cost_minor,
        )


def _waits(track: Track, fact: Fact, body: later.OrderWaits) -> None:
    """Let units stand where their goods come to; what is held for them meanwhile counts with the first."""
    if goods(body.lines) > track.loose:
        _wait_no_longer(track, fact)  # it is decided anew about what waited
    units: dict[str, int] = {}
    for awaited in body.awaited:
        units[awaited.location] = units.get(awaited.location, 0) + awaited.units
    units[body.awaited[0].location] += goods(body.lines) - sum(units.values())
    for location, n in units.items():
        part = AWAITED + location
        if part in track.open:
            track.open[part].units += n
        else:
            _enter(track, fact, part, Stage.INCOMING, location, units=n)


def _wait_no_longer(track: Track, fact: Fact) -> None:
    """End what waits for goods: they have come, or do not, or nobody wants them any more."""
    waited = [stay for part, stay in track.open.items() if part.startswith(AWAITED)]
    left = track.loose + sum(stay.units for stay in waited)
    gone = isinstance(fact.body, later.OrderCancelled) and left <= 0
    for stay in waited:
        _end(track, fact, stay, "cancelled" if gone else "on")


def _cancelled(track: Track, fact: Fact, body: later.OrderCancelled, lines: Mapping[int, Worth]) -> None:
    """Take units off; what we could not bring, and nobody asked to leave out, is a sale that was lost."""
    known = [(line, lines[line.line_no]) for line in body.lines if line.line_no in lines]
    track.cancelled += sum(line.quantity for line, _worth in known)
    lost = sum(worth.margin_minor(line.quantity) for line, worth in known)
    if lost > 0 and not body.by_customer and not body.change_id:
        _lose(track, fact, LeakKind.LOST_SALE, lost)


def _lose(track: Track, fact: Fact, kind: LeakKind, amount_minor: int) -> None:
    """Note a leak where the order failed last; what never got as far as a location is lost while unrouted."""
    track.leaks.append(
        Leak(
            apply_order=fact.apply_order,
            order_id=track.order_id,
            number=track.number,
            stage=Stage(track.failed_stage or Stage.UNROUTED),
            kind=kind,
            channel=track.channel,
            location=track.failed_location or track.origin,
            at_us=fact.at_us,
            amount_minor=amount_minor,
            currency=track.currency,
            source=f"event:{fact.event_id}",
        )
    )


def _promise(track: Track, fact: Fact, due_us: int) -> None:
    """Take another promise; one that was broken before it was replaced stays broken."""
    for stay in track.open.values():
        if stay.breaks(track.due_us, fact.at_us):
            stay.broken_us = track.due_us
    track.due_us = due_us


def _enter(
    track: Track,
    fact: Fact,
    part: str,
    stage: Stage,
    location: str,
    *,
    units: int,
    cost_minor: int = 0,
) -> None:
    track.open[part] = Stay(
        order_id=track.order_id,
        part=part,
        since=fact.apply_order,
        number=track.number,
        stage=stage,
        channel=track.channel,
        location=location,
        kind=track.kind,
        sku="",
        units=units,
        cost_minor=cost_minor,
        entered_us=fact.at_us,
    )


def goodwill(fact: Fact, body: ReturnCompleted, channel: str) -> list[Leak]:
    """Return what went back of an order without goods, or for goods that stayed: all of it without tax."""
    lost = sum(
        line.gross_minor - line.tax_minor
        for line in body.lines
        if not line.quantity or line.to_bucket == Bucket.CUSTOMER.value
    )
    if lost <= 0:
        return []
    return [
        Leak(
            apply_order=fact.apply_order,
            order_id=body.order_id,
            number=body.order_number,
            stage=Stage.RETURNED,
            kind=LeakKind.GOODWILL,
            channel=channel,
            location=fact.edge,
            at_us=fact.at_us,
            amount_minor=lost,
            currency=body.currency,
            source=f"event:{fact.event_id}",
        )
    ]


def leave(stay: Stay, at_us: int, how: str, due_us: int = 0) -> None:
    """End a stay; a clock that is behind ends it when it began."""
    stay.left_us = max(stay.entered_us, at_us)
    stay.how = how
    if not stay.broken_us and stay.breaks(due_us, stay.left_us):
        stay.broken_us = due_us


def _end(track: Track, fact: Fact, stay: Stay, how: str) -> None:
    leave(stay, fact.at_us, how, track.due_us)
    del track.open[stay.part]
    track.ended.append(stay)


def _on(track: Track, fact: Fact, stay: Stay, stage: Stage) -> None:
    if stay.stage is stage:
        return
    _end(track, fact, stay, "on")
    following = replace(
        stay, since=fact.apply_order, stage=stage, entered_us=fact.at_us, left_us=None, broken_us=0, how=""
    )
    track.open[stay.part] = following


def _give_up(track: Track, fact: Fact, stay: Stay, units: int) -> None:
    """Take units off a part that its location will not bring; the last ones end it."""
    some = min(units, stay.units)
    if some <= 0 and stay.units:
        return
    share = round_ratio(stay.cost_minor * some, stay.units) if stay.units else stay.cost_minor
    stay.units -= some
    stay.cost_minor -= share
    if track.loose > 0:  # cancelled units are missed by nobody
        track.freed_minor += share
        track.failed_stage, track.failed_location = stay.stage.value, stay.location
    if stay.units <= 0:
        _end(track, fact, stay, "given_up" if track.loose > 0 else "cancelled")


def _gone(track: Track, fact: Fact, stay: Stay, units: int) -> None:
    track.fulfilled += units
    stay.units = max(0, stay.units - units)
    if not getattr(fact.body, "rest", False):
        stay.units = 0
        _end(track, fact, stay, "gone")


def _undone(track: Track, fact: Fact, body: later.HandoverUndone) -> None:
    units = sum(line.units for line in body.lines)
    track.fulfilled -= units
    stay = track.open.get(body.assignment_id)
    if stay is not None:
        stay.units += units
        return
    _enter(track, fact, body.assignment_id, Stage.READY, fact.edge, units=units)


def _settle(track: Track, fact: Fact) -> None:
    """Begin or end the waiting of what nobody has."""
    stopped = any(stay.stage is Stage.HELD and stay.kind for stay in track.open.values())
    if stopped or track.loose < 0:
        _wait_no_longer(track, fact)
    waiting, loose = track.open.get(""), track.loose
    if stopped:
        loose = 0  # its hold is what it waits for
    if loose > 0 and waiting is None:
        where = track.failed_location or track.origin
        _enter(track, fact, "", Stage.UNROUTED, where, units=loose)
    elif loose > 0 and waiting is not None:
        waiting.units = loose
    elif waiting is not None:
        _end(track, fact, waiting, "on" if track.open.keys() - {""} else "cancelled")
