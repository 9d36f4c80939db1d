"""Orders for later: what was promised, who fulfils which part of it, and what happens on the way.

An *assignment* is the part of an order that one location fulfils. Its units are either *lent* (the hub
promised them by a right that the location lent it) or *bound* (the location itself has reserved them). Which
of the two decides what gives them back: the hub's cell K for lent units, the location's own B for bound ones
(`protocol.rights`). Every event of an assignment that ends units says how many of each it ends.

Personal data is not here: events are hashed for ever and name a `contact_id` only (`protocol.customers`).
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.orders import Code, LineKind, Name, Quantity, WireModel

LINES_FOR_LATER = 200
"""Lines of an order that waits to be fulfilled: an assignment travels in one packet of 32 KiB."""
PARCELS_PER_ASSIGNMENT = 50
CODE_DIGITS = 6
"""A pickup code that is read out over a counter; wrong tries are counted and then need a lead."""

Micros = Annotated[int, Field(ge=0, le=2**62)]
Weight = Annotated[int, Field(ge=0, le=2_000_000)]


class FulfilKind(StrEnum):
    """How the customer gets the goods."""

    COLLECT = "collect"
    SHIP = "ship"


class PromiseClass(StrEnum):
    """How tight a promise is; a store that is silent loses the tight ones first."""

    SAME_HOUR = "same_hour"
    SAME_DAY = "same_day"
    STANDARD = "standard"


class Promise(WireModel):
    """What the customer was told: how, where, until when."""

    kind: FulfilKind
    location: str = Field(default="", max_length=40)
    """For collection: where. For shipping: empty, or where the goods must come from."""
    due_us: Micros
    """Ready to be collected, or handed to the carrier, by this moment."""
    promise_class: PromiseClass = PromiseClass.STANDARD
    service: str = Field(default="", max_length=32)
    """For shipping: the carrier's service, such as `standard`."""
    keep_until_us: Micros = 0
    """For collection: how long the goods are kept; nothing paid is given up by the clock."""
    deliver_us: Annotated[Micros, Field(exclude_if=lambda at_us: not at_us)] = 0
    """For shipping: when it arrives at the latest, where the customer was told so."""
    price_minor: Annotated[int, Field(ge=0, le=10**10, exclude_if=lambda minor: not minor)] = 0
    """What the customer was told that the way there costs."""
    provisional: bool = False
    """Taken while the hub could not be asked: confirmed or changed when it can."""


class ShortReason(StrEnum):
    """Why units could not be picked; each has one defined effect on the stock (`protocol.movements`)."""

    NOT_FOUND = "not_found"
    MISMATCH = "mismatch"
    DAMAGED = "damaged"
    DISPLAY_WORN = "display_worn"


class RejectReason(StrEnum):
    """Why a location gives an assignment back."""

    NO_CAPACITY = "no_capacity"
    NOT_FOUND = "not_found"
    DAMAGED = "damaged"
    CLOSING = "closing"
    NO_SHOW = "no_show"
    OTHER = "other"


class Verified(StrEnum):
    """How the person who collects was recognised."""

    CODE = "code"
    PHONE = "phone"
    EMAIL = "email"
    NAME_AND_ID = "name_and_id"
    LEAD = "lead"


class AssignedLine(WireModel):
    """Units of one order line that a location is to fulfil."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    name: Name
    quantity: Quantity
    kind: LineKind = LineKind.GOODS
    substitutes: bool = False
    """True when the customer takes something similar instead."""


class UnitsLine(WireModel):
    """Units of one line that something happened to."""

    line_no: int = Field(ge=1, le=LINES_FOR_LATER)
    sku: Code
    lent: int = Field(default=0, ge=0, le=1_000_000)
    bound: int = Field(default=0, ge=0, le=1_000_000)

    @property
    def units(self) -> int:
        """All of them."""
        return self.lent + self.bound


class PutBackLine(UnitsLine):
    """Units that an assignment gives up; those that were picked go back to the shelf."""

    picked: int = Field(default=0, ge=0, le=1_000_000)


class ShortLine(UnitsLine):
    """Units that were not there to be picked, and why."""

    reason: ShortReason
    missed: int = Field(default=0, ge=0, le=1_000_000)
    """Those of them that the books of the shelf had lost before: they do not leave it a second time."""

    @model_validator(mode="after")
    def _of_these(self) -> Self:
        if self.missed > self.units:
            raise ValueError("more is missed than was looked for")
        return self


class Parcel(WireModel):
    """One parcel, or one bag at a pickup desk."""

    parcel_no: int = Field(ge=1, le=PARCELS_PER_ASSIGNMENT)
    parcel_id: Code
    weight_g: Weight = 0
    lines: tuple[UnitsLine, ...] = Field(default=(), max_length=LINES_FOR_LATER)
    carrier: str = Field(default="", max_length=32)
    service: str = Field(default="", max_length=32)
    tracking: str = Field(default="", max_length=40)


class RoutedPart(WireModel):
    """The part of an order that a decision gives to one location."""

    assignment_id: Code
    location: Code
    lines: tuple[AssignedLine, ...] = Field(min_length=1, max_length=LINES_FOR_LATER)
    service: str = Field(default="", max_length=32)
    cost_minor: int = 0
    transfer_id: str = Field(default="", max_length=64)
    """The transfer by which its goods come: nothing is offered, the location hears when they are sent."""


class RuledOut(WireModel):
    """A location that a decision passed over, and the rule that removed it."""

    location: Code
    code: Code
    fact: str = Field(default="", max_length=200)
