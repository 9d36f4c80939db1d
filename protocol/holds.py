"""Holds: what stops an order, why, who may let it go on, and what happens when nobody does.

A hold belongs to an order and not to its state: several may stand at once, each names what it blocks, and
each ends by itself. What a reader would get wrong: a hold that was rejected goes on blocking until its goods
are given up, because a store that is dark must not hand over what the hub has cancelled meanwhile. Only its
money is free then, since it has to go back.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from protocol.orders import Code, WireModel

REASON: Final = 300
HOLDS_PER_ORDER: Final = 20
"""More stops than that say nothing that the first ones do not."""


class HoldKind(StrEnum):
    """What is not in order."""

    PAYMENT = "payment"
    FRAUD = "fraud"
    CUSTOMER = "customer"
    TAX = "tax"
    AVAILABILITY = "availability"
    MANUAL = "manual"
    """A person wants to look at it first."""


class Blocked(StrEnum):
    """What may not be done while a hold stands."""

    ROUTE = "route"
    PICK = "pick"
    HANDOVER = "handover"
    SHIP = "ship"
    REFUND = "refund"


class OnExpiry(StrEnum):
    """What happens when nobody has decided in time."""

    RELEASE = "release"
    REJECT = "reject"
    KEEP = "keep"
    """It goes on blocking, and somebody above its owner is called."""


class HoldState(StrEnum):
    """Where a hold is."""

    OPEN = "open"
    RELEASED = "released"
    REJECTED = "rejected"
    LAPSED = "lapsed"


class Hold(WireModel):
    """One stop of one order."""

    hold_id: Code
    order_id: Code
    number: Code
    """The order's."""
    kind: HoldKind
    reason: str = Field(min_length=1, max_length=REASON)
    code: str = Field(default="", max_length=64)
    """What the check found, for whoever says it in another language; empty where a person wrote it."""
    blocks: tuple[Blocked, ...] = Field(min_length=1, max_length=len(Blocked))
    may: tuple[Code, ...] = Field(min_length=1, max_length=5)
    """Roles of the hub, each of which may release or reject it; an admin may always."""
    until_us: int = Field(default=0, ge=0)
    """When it lapses, in microseconds; 0 for never."""
    then: OnExpiry = OnExpiry.KEEP


class HoldPlaced(Hold):
    """An order was stopped, by a check or by a person."""

    rule: str = Field(default="", max_length=64)
    """The check that says so; empty where a person does."""
    rules_version: int = Field(default=0, ge=0)
    facts: Mapping[str, Any] = Field(default_factory=dict)
    """What the check knew."""


class HoldEnded(WireModel):
    """A hold was decided."""

    hold_id: Code
    order_id: Code
    number: Code
    note: str = Field(default="", max_length=REASON)


class HoldReleased(HoldEnded):
    """The order may go on as far as this hold is concerned."""


class HoldRejected(HoldEnded):
    """The order may not go on: what is open of it is cancelled, and money goes back."""


class HoldLapsed(HoldEnded):
    """Nobody decided in time, so what its hold had said beforehand came true."""

    then: OnExpiry


class HoldTold(Hold):
    """A hold as a location is told of it."""

    state: HoldState = HoldState.OPEN


class OrderHolds(WireModel):
    """What stops an order, for a location that has to do with it. A hold never goes back to open."""

    order_id: Code
    holds: tuple[HoldTold, ...] = Field(min_length=1, max_length=HOLDS_PER_ORDER)


def is_blocking(hold: HoldTold, what: Blocked, now_us: int) -> bool:
    """Tell whether a hold forbids something at a moment, by the clock of whoever asks.

    A store that is dark goes by this too: what lapses into a release lets go there in time.
    """
    if what not in hold.blocks:
        return False
    if hold.state is HoldState.OPEN:
        over = hold.until_us and now_us >= hold.until_us
        return not (over and hold.then is OnExpiry.RELEASE)
    return is_refused(hold) and what is not Blocked.REFUND


def is_refused(hold: HoldTold) -> bool:
    """Tell whether a hold has ended with the order, by a person or because its time was over."""
    lapsed = hold.state is HoldState.LAPSED and hold.then is OnExpiry.REJECT
    return lapsed or hold.state is HoldState.REJECTED


def goes_on(before: HoldState, said: HoldState) -> bool:
    """Tell whether what is said of a hold is news: it is decided once, and the first decision stands."""
    return before is HoldState.OPEN and said is not HoldState.OPEN


def may_decide(hold_may: Iterable[str], role: str) -> bool:
    """Tell whether a role may release or reject a hold."""
    return role == "admin" or role in hold_may
