"""Goods that a customer sends back: announced by the hub, inspected at a location, paid by the hub.

The hub authorises a return and tells a location what will come, with the money of each line as it stands.
So the location can receive and inspect without a line: what it accepts is a return like one at a counter
(`protocol.events.ReturnInspected` is one), only that no money leaves a till. The hub gives the money back the
way it came where it can reach that way, else as store credit.

What a reader would get wrong: where the policy pays before the goods are seen, the money is a fact of its
own (`protocol.events.ReturnAdvanced`, lines without units), and units that are inspected later carry none.
"""

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from protocol.fulfilment import LINES_FOR_LATER, Micros
from protocol.orders import Code, LineKind, Name, PositiveMinor, Quantity, WireModel
from protocol.returns import Channel, Day, Proof
from protocol.state_machine import Lifecycle
from protocol.till import Currency

Timing = Literal["inspected", "arrived", "sent"]
"""When the money goes back, as `protocol.returns.MailIn.refund`."""
Reason = Field(default="", max_length=300)


class MailInState(StrEnum):
    """Where goods are that a customer sends back."""

    EXPECTED = "expected"
    ARRIVED = "arrived"
    INSPECTING = "inspecting"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    LOST = "lost"


class MailInEvent(StrEnum):
    """What happens to them."""

    ARRIVED = "arrived"
    PART_INSPECTED = "part_inspected"
    INSPECTED = "inspected"
    CANCELLED = "cancelled"
    GIVEN_UP = "given_up"


_M, _ME = MailInState, MailInEvent
MAIL_IN: Final = Lifecycle(
    name="mail-in return",
    initial=_M.EXPECTED,
    finals=frozenset({_M.CLOSED}),
    table={
        (_M.EXPECTED, _ME.ARRIVED): _M.ARRIVED,
        (_M.EXPECTED, _ME.CANCELLED): _M.CANCELLED,
        (_M.EXPECTED, _ME.GIVEN_UP): _M.LOST,
        (_M.ARRIVED, _ME.PART_INSPECTED): _M.INSPECTING,
        (_M.ARRIVED, _ME.INSPECTED): _M.CLOSED,
        (_M.INSPECTING, _ME.PART_INSPECTED): _M.INSPECTING,
        (_M.INSPECTING, _ME.INSPECTED): _M.CLOSED,
        (_M.CANCELLED, _ME.ARRIVED): _M.ARRIVED,  # it was on its way already
        (_M.LOST, _ME.ARRIVED): _M.ARRIVED,  # it turned up after all
    },
    facts={
        _ME.ARRIVED: None,
        _ME.PART_INSPECTED: _M.INSPECTING,
        _ME.INSPECTED: _M.CLOSED,
        _ME.CANCELLED: None,
        _ME.GIVEN_UP: None,
    },
)


class ExpectedLine(WireModel):
    """Units of one line that will come, and the money of that line as others left it.

    `returned` and `refunded` are what all but the location that is told have taken back.
    """

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    name: Name
    kind: LineKind = LineKind.GOODS
    units: Quantity
    reason: Code
    sold: Quantity
    gross_minor: PositiveMinor
    tax_minor: PositiveMinor
    rate_ppm: int = Field(ge=0, le=1_000_000)
    returned: int = Field(default=0, ge=0)
    refunded_minor: PositiveMinor = 0
    refunded_tax_minor: PositiveMinor = 0
    serials: tuple[str, ...] = Field(default=(), max_length=500)


class Expected(WireModel):
    """What the hub and the location both say of goods that will come back."""

    authorisation_id: Code
    number: Code
    order_id: Code
    order_number: Code
    channel: Channel
    currency: str = Currency
    start: Day
    """The day of the handover, from which the window is counted."""
    authorised_on: Day
    """The day on which it was announced: the window is looked at then, not when the parcel comes."""
    proof: Proof = Field(default=Proof.ORDER_NUMBER, exclude_if=lambda proof: proof is Proof.ORDER_NUMBER)
    """Without any, there is no order: the return names itself as one (`order_id` is `authorisation_id`)."""
    due_us: Micros
    """By then it should be here."""
    refund: Timing = "inspected"
    tracking: str = Field(default="", max_length=40)
    note: str = Reason
    lines: tuple[ExpectedLine, ...] = Field(min_length=1, max_length=LINES_FOR_LATER)


class ReturnExpect(Expected):
    """The directive `return.expect`: goods will come; known already, it replaces what was said before."""


class ReturnExpectationEnded(WireModel):
    """The directive `return.unexpect`: nobody waits for these goods. What comes anyway is taken in."""

    authorisation_id: Code
    given_up: bool = False
    reason: str = Reason


class ReturnAuthorised(Expected):
    """The hub lets goods come back by parcel, to one location."""

    location: Code
    contact_id: str = Field(default="", max_length=64)
    approved_by: str = Field(default="", max_length=64)
    """Whose word let it come back, or let something else go out before it is here."""


class MailInChanged(WireModel):
    """The hub waits longer, or no more."""

    authorisation_id: Code
    order_id: Code
    number: Code
    what: Literal["cancelled", "given_up", "waiting"]
    due_us: Micros = 0
    reason: str = Reason


class ParcelArrived(WireModel):
    """A parcel with returned goods is here and nobody has looked into it.

    Without `authorisation_id` the location had not heard of it; the number stood on its label.
    """

    authorisation_id: str = Field(default="", max_length=64)
    order_id: str = Field(default="", max_length=64)
    number: Code


class RefusedUnits(WireModel):
    """Units that are not taken back, and why. They lie where they were unpacked until the hub decides."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    units: Quantity
    why: str = Field(min_length=1, max_length=300)


class ReturnCredited(WireModel):
    """What could not go back the way it came was given as store credit, by the hub."""

    credit_id: Code
    order_id: Code
    number: Code
    """Of the return."""
    credit_number: Code
    location: Code
    """Where the order was sold or taken: whose entity owes the credit."""
    authorisation_id: str = Field(default="", max_length=64)
    amount_minor: PositiveMinor
    currency: str = Currency
