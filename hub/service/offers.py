"""What could be promised of a draft, offered with day and price, and the one that was chosen among it.

A page that is shown again offers anew: who had chosen Leeds by tomorrow finds Leeds chosen, with the day that
holds now.
"""

from collections.abc import Mapping
from typing import NamedTuple

from hub.context import Hub
from hub.route.facts import showing
from hub.route.facts.offering import OfferedOption
from hub.service.forms import Form, Option
from protocol.fulfilment import FulfilKind


class Choice(NamedTuple):
    """One promise of a list, as a form offers it."""

    value: str
    offered: OfferedOption
    chosen: bool


def offered(
    hub: Hub, form: Form, goods: Mapping[str, int], *, value_minor: int, only: FulfilKind | None = None
) -> list[Choice]:
    """Return what could be promised now, the soonest first; nothing while nothing is ordered."""
    if not goods:
        return []
    before, found = form.option, list[Choice]()
    for kind in (FulfilKind.COLLECT, FulfilKind.SHIP) if only is None else (only,):
        wanted = showing.Wanted(
            kind=kind,
            lines=tuple(goods.items()),
            country=form.get("country").upper()[:2],
            postcode=form.get("postcode")[:16],
            value_minor=value_minor,
        )
        for name, each in showing.show(hub, wanted).named():
            promise = each.promise
            option = Option(kind.value, promise.location, promise.service, name)
            found.append(Choice(option.value, each, option.is_like(before)))
    return found


def price_minor(choices: list[Choice], chosen: Option | None) -> int:
    """Return what the customer pays for the way that is chosen; 0 where none of the options is."""
    value = "" if chosen is None else chosen.value
    return next((each.offered.promise.price_minor for each in choices if each.value == value), 0)
