"""Events of orders for later: captured, paid, routed, picked, packed, handed over or shipped, cancelled.

Facts like all others (`protocol.events` lists their kinds): past tense, never refused by the hub, accepted in
every state; what was out of order becomes an exception. An order comes from the hub (web, customer service)
or from a store's counter; its money is told apart from its capture, because a deposit, a rest and a refund
happen at different places and times.
"""

from typing import Literal

from pydantic import Field

from protocol.fulfilment import (
    LINES_FOR_LATER,
    PARCELS_PER_ASSIGNMENT,
    AssignedLine,
    Parcel,
    Promise,
    PutBackLine,
    RejectReason,
    RoutedPart,
    RuledOut,
    ShortLine,
    UnitsLine,
    Verified,
)
from protocol.orders import Approval, Code, Minor, OrderLine, PositiveMinor, Quantity, Tender, WireModel
from protocol.till import AtTill, Currency

Sentence = Field(default="", max_length=300)
Lines = Field(min_length=1, max_length=LINES_FOR_LATER)


class OwnPart(WireModel):
    """The part of a counter order that its own store has set aside at once."""

    assignment_id: Code
    lines: tuple[AssignedLine, ...] = Lines


class OrderPlaced(WireModel):
    """An order for later: nothing has changed hands, and something was promised."""

    order_id: Code
    number: Code
    channel: Code
    external_id: str = Field(default="", max_length=64)
    currency: str = Currency
    lines: tuple[OrderLine, ...] = Lines
    total_minor: PositiveMinor
    tax_minor: PositiveMinor
    promise: Promise
    contact_id: str = Field(default="", max_length=64)
    pickup_code: str = Field(default="", pattern=r"^[0-9]{0,12}$")
    note: str = Sentence
    gift: bool = False
    reservation_id: str = Field(default="", max_length=64)
    """Rights that a checkout holds already; they become this order's."""
    own: OwnPart | None = None
    """Set aside by the store that took the order; without it the hub decides."""
    till: str = Field(default="", max_length=64)
    approvals: tuple[Approval, ...] = ()


class OrderPaid(AtTill):
    """Money for an order for later came in at a till: a deposit, or the rest.

    Without a session the hub says so: goods that come back pay for it, by the tender of their exchange.
    """

    session_id: str = Field(default="", max_length=64)
    till: str = Field(default="", max_length=64)
    payment_id: Code
    order_id: Code
    number: Code
    tenders: tuple[Tender, ...] = Field(min_length=1, max_length=20)
    amount_minor: PositiveMinor
    change_minor: PositiveMinor = 0
    rounding_minor: Minor = 0


class OrderPaidOnline(WireModel):
    """Money for an order was captured by a payment service, outside of any till."""

    payment_id: Code
    order_id: Code
    number: Code
    gateway: Code
    reference: str = Field(default="", max_length=64)
    amount_minor: PositiveMinor
    currency: str = Currency
    auth_id: str = Field(default="", max_length=64)
    """The authorisation that it was captured on; empty where the shop had captured it already."""
    marketplace: bool = False
    """A marketplace took it for us: it pays out later, less its fees."""


class CancelledLine(WireModel):
    """Units of a line that nobody will fulfil any more."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    quantity: Quantity


class OrderCancelled(WireModel):
    """Units of an order were cancelled; what was paid for them is owed to the customer."""

    cancel_id: Code
    order_id: Code
    number: Code
    lines: tuple[CancelledLine, ...] = Lines
    reason: str = Sentence
    by_customer: bool = False
    change_id: str = Field(default="", max_length=64)
    """The change whose other half is `LinesAdded`: the customer hears of both at once."""


class LinesAdded(WireModel):
    """More was ordered: new lines with their money. What was ordered before stays what it was."""

    change_id: Code
    order_id: Code
    number: Code
    lines: tuple[OrderLine, ...] = Lines
    total_minor: PositiveMinor
    tax_minor: PositiveMinor
    reason: str = Sentence


class OrderRefunded(AtTill):
    """Money of an order for later went back at a till."""

    refund_id: Code
    order_id: Code
    number: Code
    tenders: tuple[Tender, ...] = Field(min_length=1, max_length=20)
    amount_minor: PositiveMinor
    rounding_minor: Minor = 0
    reason: str = Sentence
    approvals: tuple[Approval, ...] = ()
    """Who let it out of the drawer, where that was not for the cashier alone to decide."""


class OrderRefundedOnline(WireModel):
    """Money of an order went back through the payment service that took it."""

    refund_id: Code
    order_id: Code
    number: Code
    gateway: Code
    reference: str = Field(default="", max_length=64)
    amount_minor: PositiveMinor
    currency: str = Currency
    marketplace: bool = False


class OrderChanged(WireModel):
    """What was promised changed; `requested` until the location that holds the order has answered."""

    order_id: Code
    number: Code
    what: tuple[Literal["promise", "contact", "note"], ...] = Field(min_length=1, max_length=3)
    promise: Promise
    contact_id: str = Field(default="", max_length=64)
    note: str = Sentence
    reason: str = Sentence
    requested: bool = False


class OrderRouted(WireModel):
    """The hub decided who fulfils what, and keeps why."""

    decision_id: Code
    order_id: Code
    number: Code
    attempt: int = Field(default=1, ge=1, le=100)
    trigger: Code = "placed"
    parts: tuple[RoutedPart, ...] = Field(min_length=1, max_length=12)
    sentence: str = Sentence
    ruled_out: tuple[RuledOut, ...] = Field(default=(), max_length=200)
    excluded: tuple[Code, ...] = Field(default=(), max_length=50)
    digest: str = Field(default="", max_length=64)


class OrderUnroutable(WireModel):
    """Nobody can fulfil these units as promised; the order waits for a person."""

    decision_id: Code
    order_id: Code
    number: Code
    trigger: Code = "placed"
    lines: tuple[AssignedLine, ...] = Lines
    sentence: str = Sentence
    ruled_out: tuple[RuledOut, ...] = Field(default=(), max_length=200)


class AwaitedUnits(WireModel):
    """Units of a line that come to a location by a transfer, which lends them to the hub when they arrive."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    units: Quantity
    location: Code
    transfer_id: Code
    transfer_number: str = Field(default="", max_length=64)
    due_us: int = Field(ge=0)
    """When they are expected."""


class OrderWaits(WireModel):
    """These units are promised from goods on their way: they are fulfilled once those have arrived."""

    decision_id: Code
    order_id: Code
    number: Code
    trigger: Code = "placed"
    lines: tuple[AssignedLine, ...] = Lines
    """All that waits, also what is free already and is held meanwhile."""
    awaited: tuple[AwaitedUnits, ...] = Field(min_length=1, max_length=500)
    sentence: str = Sentence


class OnAssignment(WireModel):
    """Something about the part of an order that one location fulfils."""

    assignment_id: Code
    order_id: Code
    number: Code
    """The order's."""


class AssignmentAnswered(OnAssignment):
    """The hub heard what became of its offer: the store has it, or never will."""

    location: Code
    outcome: Literal["applied", "duplicate", "rejected", "expired"]
    code: str = Field(default="", max_length=64)
    detail: str = Sentence


class AssignmentWithdrawn(OnAssignment):
    """An assignment was taken back before it was ever sent, which is certain."""

    location: Code
    reason: str = Sentence


class AssignmentWrittenOff(OnAssignment):
    """A person decided to go on without a silent location, though it may fulfil its part all the same.

    Nobody counts on it any more. The right stays used until the location is heard and has answered.
    """

    location: Code
    reason: str = Field(min_length=3, max_length=250)
    lines: tuple[UnitsLine, ...] = Lines
    """What it still had: these units are anybody's again."""


class CancelRequested(OnAssignment):
    """The hub asked a location to give an assignment up; its answer decides."""

    location: Code
    reason: str = Sentence
    reroute: bool = False
    """Whether the units go back to routing, rather than being cancelled for the customer."""


class ChangeRequested(OnAssignment):
    """The hub asked a location to fetch other units for an order, all or nothing; its answer decides."""

    location: Code
    change_id: Code
    added: tuple[AssignedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    dropped: tuple[CancelledLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    reason: str = Sentence


class ChangeRefused(OnAssignment):
    """A location did not take a change over, so it fetches what it fetched before."""

    location: Code
    change_id: Code
    code: str = Field(default="", max_length=64)
    detail: str = Sentence
    added: tuple[AssignedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    """What it was to fetch too; none of it is its own."""


class AssignmentChanged(OnAssignment):
    """The location took a change over: what it no longer fetches, and what it fetches too, of lent units."""

    change_id: Code
    dropped: tuple[PutBackLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    added: tuple[AssignedLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    reason: str = Sentence


class AssignmentAccepted(OnAssignment):
    """Somebody at the location took the work on."""


class AssignmentRejected(OnAssignment):
    """The location gives the assignment back, whole; the hub's units are the hub's again."""

    reason: RejectReason
    note: str = Sentence
    lines: tuple[PutBackLine, ...] = Lines


class PickStarted(OnAssignment):
    """Somebody walks."""

    list_id: Code
    picker: str = Field(default="", max_length=64)


class AssignmentPicked(OnAssignment):
    """The walk is over: what was found is off the shelf, what was not has a reason."""

    list_id: Code
    lines: tuple[UnitsLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    shorts: tuple[ShortLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)


class AssignmentPacked(OnAssignment):
    """The goods are in parcels or bags."""

    parcels: tuple[Parcel, ...] = Field(min_length=1, max_length=PARCELS_PER_ASSIGNMENT)


class AssignmentStaged(OnAssignment):
    """The bags stand on a shelf, ready to be collected."""

    shelf: Code
    bags: int = Field(ge=1, le=PARCELS_PER_ASSIGNMENT)


class AssignmentShipped(OnAssignment):
    """Parcels left with a carrier."""

    parcels: tuple[Parcel, ...] = Field(min_length=1, max_length=PARCELS_PER_ASSIGNMENT)
    lines: tuple[UnitsLine, ...] = Lines


class AssignmentHandedOver(OnAssignment):
    """Goods went into the customer's hands, all or a part."""

    handover_id: Code
    lines: tuple[UnitsLine, ...] = Lines
    verified: Verified
    proxy: bool = False
    rest: bool = False
    """True when something of the assignment stays on its shelf."""


class HandoverUndone(OnAssignment):
    """A handover was a mistake and is taken back; the goods stay set aside for the same order."""

    handover_id: Code
    lines: tuple[UnitsLine, ...] = Lines
    """How it had been handed over; from here on all of these units are bound."""
    reason: str = Sentence


class AssignmentCancelled(OnAssignment):
    """The location gave an assignment up because it was asked to; the answer that frees the right."""

    lines: tuple[PutBackLine, ...] = Lines
    reason: str = Sentence


class CancelRefused(OnAssignment):
    """The location could not give an assignment up any more: too late."""

    code: Code
    detail: str = Sentence


class ManifestClosed(WireModel):
    """The day's parcels were given to a carrier with one list."""

    manifest_id: Code
    number: Code
    carrier: Code
    parcels: tuple[Code, ...] = Field(min_length=1, max_length=2_000)
    """Tracking numbers."""
