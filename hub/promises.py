"""What a customer is promised, as programs and stores ask for it; shared by capturing, reserving and asking.

A reader would get wrong what a class is without a moment: it says how soon, counted from now, where the
channel names no moment itself.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy.engine import Connection

from hub.fleet.rows import location
from hub.web import Wanted
from protocol.clock import MICROSECONDS, to_us
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, Promise, PromiseClass
from protocol.kit.moments import Dated
from protocol.kit.text import _
from protocol.orders import WireModel

Plain = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Place = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]*$")]
Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Units = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""Strict: `true` and `"5"` are no numbers of units, whatever they could be turned into."""

HOUR_US: Final = 3600 * MICROSECONDS
DAY_US: Final = 24 * HOUR_US
SOON_US: Final[Mapping[PromiseClass, int]] = {
    PromiseClass.SAME_HOUR: HOUR_US,
    PromiseClass.SAME_DAY: 8 * HOUR_US,
    PromiseClass.STANDARD: 2 * DAY_US,
}
"""How soon each class is, where the channel names no moment."""
FARTHEST_US: Final = 400 * DAY_US


class PromiseWanted(Wanted):
    """What the customer was told. Without `due_at` the class says how soon."""

    kind: FulfilKind
    location: Place = ""
    """For collection: where. For shipping: where the goods must come from; empty lets the hub choose."""
    due_at: Dated | None = None
    promise_class: PromiseClass | None = None
    service: Annotated[str, Field(max_length=32, pattern=r"^[a-z0-9_-]*$")] = ""
    option: Annotated[
        str, Field(max_length=80, pattern=r"^[A-Za-z0-9._-]*$", exclude_if=lambda name: not name)
    ] = ""
    """The name of an option that was shown before (`POST /api/promise`); it says all but the kind."""


class PromiseView(WireModel):
    """What was promised."""

    kind: FulfilKind
    location: str
    due_us: int
    promise_class: PromiseClass
    service: str
    keep_until_us: int
    deliver_us: int = 0
    """When it arrives at the latest, where the customer was told so."""
    price_minor: int = 0
    """What the customer was told that the way there costs."""


def promise_of(wanted: PromiseWanted, now_us: int, kept_us: int) -> Promise:
    """Return what is promised; goods to be collected are kept for `kept_us` after that.

    Raises:
        Invalid: no place to collect at, or a moment that is past or too far away.
    """
    if wanted.kind is FulfilKind.COLLECT and not wanted.location:
        raise Invalid(
            _("An order to collect needs a store."), _("Name a location."), code="no_collect_location"
        )
    due_us = to_us(wanted.due_at) if wanted.due_at is not None else None
    if due_us is None:
        due_us = now_us + SOON_US[wanted.promise_class or PromiseClass.STANDARD]
    if due_us <= now_us:
        raise Invalid(
            _("The promise is in the past."),
            _("Promise a moment that is still to come."),
            code="promise_past",
            due_us=due_us,
            now_us=now_us,
        )
    if due_us > now_us + FARTHEST_US:
        raise Invalid(
            _("The promise is more than a year away."), _("Promise an earlier moment."), code="promise_far"
        )
    return Promise(
        kind=wanted.kind,
        location=wanted.location,
        due_us=due_us,
        promise_class=wanted.promise_class or class_of(due_us - now_us),
        service=wanted.service if wanted.kind is FulfilKind.SHIP else "",
        keep_until_us=due_us + kept_us if wanted.kind is FulfilKind.COLLECT else 0,
    )


def must_exist(connection: Connection, promise: Promise) -> None:
    """Refuse a location that nobody registered.

    Raises:
        Invalid: there is none of that name.
    """
    if promise.location and location(connection, promise.location) is None:
        raise Invalid(
            _("There is no location {edge}.", edge=promise.location),
            _("Look at the list of locations."),
            code="no_location",
            location=promise.location,
        )


def class_of(left_us: int) -> PromiseClass:
    """Return how tight a promise is that is due in so many microseconds."""
    if left_us <= 2 * HOUR_US:
        return PromiseClass.SAME_HOUR
    return PromiseClass.SAME_DAY if left_us <= DAY_US else PromiseClass.STANDARD
