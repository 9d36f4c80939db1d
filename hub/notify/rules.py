"""Which notice follows which event, whether it is still true when it leaves, and when it is tried again.

A notice is decided twice. The event only says that one is wanted; whether it is still wanted, and what it
says, is decided from the whole history of the order when it is about to leave. So nobody is told that bags
are ready which they collected an hour ago, however long the mail server was away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from protocol.clock import MICROSECONDS
from protocol.fulfilment import AssignedLine, FulfilKind, Promise
from protocol.later import (
    AssignmentCancelled,
    AssignmentChanged,
    AssignmentHandedOver,
    AssignmentPicked,
    AssignmentRejected,
    AssignmentShipped,
    AssignmentStaged,
    HandoverUndone,
    LinesAdded,
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRouted,
)
from protocol.money import round_ratio
from protocol.orders import LineKind, WireModel

HOUR_US: Final = 3_600 * MICROSECONDS
REMIND_BEFORE_US: Final = 24 * HOUR_US
"""A reminder leaves so long before the goods stop being kept."""
REMIND_AFTER_US: Final = 12 * HOUR_US
"""Nobody is reminded of what they heard less than half a day ago."""
AGAIN_SECONDS: Final = (60, 300, 900, 3_600, 14_400, 43_200, 86_400)
MAX_TRIES: Final = len(AGAIN_SECONDS) + 1
"""Two days of tries; a server that greylists needs minutes, a full mailbox sometimes a day."""
DOUBT_SECONDS: Final = 300
"""How long a mail in doubt rests before its one more try, so that the first may show."""
ASKING_CHANNELS: Final = frozenset({"web"})
"""Who ordered at a counter holds a slip already and needs no mail that says so."""


class Kind(StrEnum):
    """What a notice says."""

    RECEIVED = "received"
    READY = "ready"
    REMINDER = "reminder"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    CHANGED = "changed"
    RETURN_EXPECTED = "return_expected"
    RETURN_ARRIVED = "return_arrived"
    RETURN_REFUNDED = "return_refunded"
    RETURN_REFUSED = "return_refused"
    DIGEST = "digest"
    TEST = "test"


OF_ORDERS: Final = (
    Kind.RECEIVED,
    Kind.READY,
    Kind.REMINDER,
    Kind.SHIPPED,
    Kind.CANCELLED,
    Kind.CHANGED,
    Kind.RETURN_EXPECTED,
    Kind.RETURN_ARRIVED,
    Kind.RETURN_REFUNDED,
    Kind.RETURN_REFUSED,
)
"""What customers are told; everything else goes to people of the company, written when it is queued."""
REFUSABLE: Final = (Kind.READY, Kind.REMINDER, Kind.SHIPPED, Kind.RETURN_ARRIVED)
"""What a customer may want no more. What confirms a contract, or ends it, is told whatever they want."""


class Way(StrEnum):
    """How a notice travels."""

    MAIL = "mail"
    HOOK = "hook"


class State(StrEnum):
    """How far a notice is. `sending` is written before the attempt, so that a crash in it is seen."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    KEPT = "kept"
    """No mail server was set up when it was due; it leaves only when somebody asks for it."""
    DROPPED = "dropped"
    """It was not true or not wanted any more when it would have left."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A notice that an event asks for; `subject_id` is the assignment, the cancellation or the order."""

    kind: Kind
    order_id: str
    number: str
    subject_id: str

    @property
    def dedupe_key(self) -> str:
        """Return what makes it the same notice however often the event is applied."""
        return f"{self.kind}:{self.subject_id}"


class SaidLine(WireModel):
    """Units of one line, as a customer reads them."""

    name: str
    quantity: int


class Said(WireModel):
    """A mail that was written when it was queued, and who of the company it goes to."""

    to: str
    subject: str
    text: str
    html: str


class SaidParcel(WireModel):
    """One parcel, as a customer follows it."""

    carrier: str = ""
    tracking: str = ""


class Facts(WireModel):
    """What a notice says beside who it is for; kept with it once it has left."""

    ship: bool = False
    location: str = ""
    place: str = ""
    zone: str = ""
    due_us: int = 0
    keep_until_us: int = 0
    pickup_code: str = ""
    currency: str = ""
    total_minor: int = 0
    lines: tuple[SaidLine, ...] = ()
    parcels: tuple[SaidParcel, ...] = ()
    whole: bool = True
    """For a cancellation: nothing of the order is left."""
    gone: tuple[SaidLine, ...] = ()
    """For a change: what made room for its lines."""
    by_customer: bool = False
    contact_version: int = Field(default=0, ge=0)
    words_version: int = Field(default=0, ge=0)
    """Of the company's own words for it; 0 for those that the program has."""
    said: Said | None = None
    return_number: str = ""
    refund: str = ""
    """For a return by mail: when its money goes back, as `protocol.mail_in.Timing`."""
    refused: tuple[SaidLine, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why they are not taken back, in the words of whoever looked at them."""
    credit_number: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of an order's history, and the stream it came from."""

    edge: str
    at_us: int
    body: WireModel


@dataclass(frozen=True, slots=True)
class Send:
    """It is true now, and says this."""

    contact_id: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Wait:
    """It is not due yet."""

    until_us: int


@dataclass(frozen=True, slots=True)
class Later:
    """Something that it needs has not arrived; that counts as a try."""

    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It will not be sent, and why."""

    why: str


Verdict = Send | Wait | Later | Drop


def follows(body: WireModel) -> tuple[Wanted, ...]:
    """Return the notices that an event asks for."""
    match body:
        case OrderPlaced() if body.channel in ASKING_CHANNELS and body.contact_id:
            return (Wanted(Kind.RECEIVED, body.order_id, body.number, body.order_id),)
        case AssignmentStaged():
            about = (body.order_id, body.number, body.assignment_id)
            return (Wanted(Kind.READY, *about), Wanted(Kind.REMINDER, *about))
        case AssignmentShipped():
            return (Wanted(Kind.SHIPPED, body.order_id, body.number, body.assignment_id),)
        case LinesAdded():
            return (Wanted(Kind.CHANGED, body.order_id, body.number, body.change_id),)
        case OrderCancelled(change_id=""):
            return (Wanted(Kind.CANCELLED, body.order_id, body.number, body.cancel_id),)
        case _:
            return ()


def verdict(kind: Kind, subject_id: str, history: Sequence[Told], now_us: int) -> Verdict:
    """Decide whether a notice leaves now, and what it says; `history` is the order's, the oldest first."""
    placed = next((told.body for told in history if isinstance(told.body, OrderPlaced)), None)
    if placed is None:
        return Later("no_order")
    placed = _grown(placed, history)
    contact_id, promise = _agreed(placed, history)
    if not contact_id:
        return Drop("no_contact")
    match kind:
        case Kind.RECEIVED:
            facts = _common(placed, promise).model_copy(update={"lines": _goods(placed)})
        case Kind.CHANGED:
            facts = _changed(placed, promise, subject_id, history)
        case Kind.CANCELLED:
            facts = _cancelled(placed, promise, subject_id, history)
        case Kind.SHIPPED:
            facts = _shipped(placed, promise, subject_id, history)
        case _:
            stopped = _not_waiting(kind, subject_id, promise, history, now_us)
            if stopped is not None:
                return stopped
            facts = _ready(placed, promise, subject_id, history)
    return Send(contact_id, facts)


def _grown(placed: OrderPlaced, history: Sequence[Told]) -> OrderPlaced:
    """Return an order with what was added to it."""
    more = [told.body for told in history if isinstance(told.body, LinesAdded)]
    if not more:
        return placed
    lines = (*placed.lines, *(line for body in more for line in body.lines))
    total = placed.total_minor + sum(body.total_minor for body in more)
    return placed.model_copy(update={"lines": lines, "total_minor": total})


def _agreed(placed: OrderPlaced, history: Sequence[Told]) -> tuple[str, Promise]:
    """Return who is told, and the promise as it stands; what was only asked for does not count."""
    contact_id, promise = placed.contact_id, placed.promise
    for told in history:
        if isinstance(told.body, OrderChanged) and not told.body.requested:
            if "contact" in told.body.what:
                contact_id = told.body.contact_id
            if "promise" in told.body.what:
                promise = told.body.promise
    return contact_id, promise


def _not_waiting(
    kind: Kind, assignment_id: str, promise: Promise, history: Sequence[Told], now_us: int
) -> Wait | Drop | None:
    """Say why goods on a shelf need no mail now; None when they do."""
    shelf = _shelf(assignment_id, history)
    if shelf.given_up:
        return Drop("given_up")
    if shelf.collected == "all" or (shelf.collected and kind is Kind.READY):
        return Drop("collected")
    if kind is Kind.READY:
        return None
    remind_us = promise.keep_until_us - REMIND_BEFORE_US
    if not promise.keep_until_us or remind_us < shelf.staged_us + REMIND_AFTER_US:
        return Drop("no_need")
    return Wait(remind_us) if remind_us > now_us else None


@dataclass(slots=True)
class _Shelf:
    """What became of the bags of one assignment."""

    staged_us: int = 0
    collected: Literal["", "part", "all"] = ""
    given_up: bool = False


def _shelf(assignment_id: str, history: Sequence[Told]) -> _Shelf:
    shelf = _Shelf()
    for told in history:
        if getattr(told.body, "assignment_id", "") != assignment_id:
            continue
        match told.body:
            case AssignmentStaged():
                shelf.staged_us = shelf.staged_us or told.at_us
            case AssignmentHandedOver(rest=rest):
                shelf.collected = "part" if rest else "all"
            case HandoverUndone():
                shelf.collected = ""
            case AssignmentCancelled() | AssignmentRejected():
                shelf.given_up = True
            case _:
                pass
    return shelf


def _common(placed: OrderPlaced, promise: Promise) -> Facts:
    return Facts(
        ship=promise.kind is FulfilKind.SHIP,
        location=promise.location,
        due_us=promise.due_us,
        keep_until_us=promise.keep_until_us,
        pickup_code=placed.pickup_code,
        currency=placed.currency,
        total_minor=placed.total_minor,
    )


def _goods(placed: OrderPlaced) -> tuple[SaidLine, ...]:
    return tuple(
        SaidLine(name=line.name, quantity=line.quantity)
        for line in placed.lines
        if line.kind is not LineKind.SHIPPING
    )


def _named(placed: OrderPlaced, units: Iterable[tuple[int, str, int]]) -> tuple[SaidLine, ...]:
    """Return (line number, SKU, units) with the names that the customer ordered them by."""
    names = {line.line_no: line.name for line in placed.lines}
    return tuple(
        SaidLine(name=names.get(line_no, sku), quantity=quantity)
        for line_no, sku, quantity in units
        if quantity
    )


def _ready(placed: OrderPlaced, promise: Promise, assignment_id: str, history: Sequence[Told]) -> Facts:
    assigned: tuple[AssignedLine, ...] = ()
    location = promise.location
    if placed.own is not None and placed.own.assignment_id == assignment_id:
        assigned = placed.own.lines
    short: dict[int, int] = {}
    for told in history:
        match told.body:
            case OrderRouted():
                assigned = next(
                    (part.lines for part in told.body.parts if part.assignment_id == assignment_id), assigned
                )
            case AssignmentPicked(assignment_id=named) if named == assignment_id:
                for line in told.body.shorts:
                    short[line.line_no] = short.get(line.line_no, 0) + line.units
            case AssignmentChanged(assignment_id=named) if named == assignment_id:
                assigned += told.body.added
                for less in told.body.dropped:
                    short[less.line_no] = short.get(less.line_no, 0) + less.units
            case AssignmentStaged(assignment_id=named) if named == assignment_id:
                location = told.edge
    units = [
        (line.line_no, line.sku, max(0, line.quantity - short.get(line.line_no, 0))) for line in assigned
    ]
    return _common(placed, promise).model_copy(update={"location": location, "lines": _named(placed, units)})


def _shipped(placed: OrderPlaced, promise: Promise, assignment_id: str, history: Sequence[Told]) -> Facts:
    facts = _common(placed, promise)
    for told in history:
        if isinstance(told.body, AssignmentShipped) and told.body.assignment_id == assignment_id:
            parcels = tuple(
                SaidParcel(carrier=parcel.carrier, tracking=parcel.tracking) for parcel in told.body.parcels
            )
            lines = _named(placed, [(line.line_no, line.sku, line.units) for line in told.body.lines])
            facts = facts.model_copy(update={"parcels": parcels, "lines": lines, "location": told.edge})
    return facts


def _changed(placed: OrderPlaced, promise: Promise, change_id: str, history: Sequence[Told]) -> Facts:
    """Say what came to an order by one change, what made room for it, and what the order costs by now."""
    facts, gone, cancelled = _common(placed, promise), [], {line.line_no: 0 for line in placed.lines}
    for told in history:
        match told.body:
            case LinesAdded() if told.body.change_id == change_id:
                units = [(line.line_no, line.sku, line.quantity) for line in told.body.lines]
                facts = facts.model_copy(update={"lines": _named(placed, units)})
            case OrderCancelled():
                for line in told.body.lines:
                    cancelled[line.line_no] = cancelled.get(line.line_no, 0) + line.quantity
                if told.body.change_id == change_id:
                    gone += [(line.line_no, line.sku, line.quantity) for line in told.body.lines]
            case _:
                pass
    off = sum(round_ratio(line.gross_minor * cancelled[line.line_no], line.quantity) for line in placed.lines)
    return facts.model_copy(update={"gone": _named(placed, gone), "total_minor": placed.total_minor - off})


def _cancelled(placed: OrderPlaced, promise: Promise, cancel_id: str, history: Sequence[Told]) -> Facts:
    facts = _common(placed, promise)
    left = {line.line_no: line.quantity for line in placed.lines if line.kind is not LineKind.SHIPPING}
    for told in history:
        body = told.body
        if not isinstance(body, OrderCancelled):
            continue
        for line in body.lines:
            if line.line_no in left:
                left[line.line_no] -= line.quantity
        if body.cancel_id == cancel_id:
            lines = _named(placed, [(line.line_no, line.sku, line.quantity) for line in body.lines])
            whole = not any(units > 0 for units in left.values())
            return facts.model_copy(update={"lines": lines, "whole": whole, "by_customer": body.by_customer})
    return facts


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a notice after a try."""

    state: State
    next_us: int


def after_trouble(tries: int, now_us: int, *, lasting: bool = False) -> Next:
    """Return what follows on a try that certainly delivered nothing; `tries` counts it already."""
    if lasting or tries >= MAX_TRIES:
        return Next(State.FAILED, now_us)
    return Next(State.QUEUED, now_us + AGAIN_SECONDS[max(0, tries - 1)] * MICROSECONDS)


def after_doubt(doubts: int, now_us: int) -> Next:
    """Return what follows on a try of which nobody knows how it ended: one more, and never a third."""
    if doubts > 1:
        return Next(State.FAILED, now_us)
    return Next(State.QUEUED, now_us + DOUBT_SECONDS * MICROSECONDS)
