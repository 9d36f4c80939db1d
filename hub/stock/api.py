"""What can be promised, with its parts."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from hub.stock import claims
from hub.stock.availability import available
from hub.stock.policy import kept_back
from hub.transfers.inbound import promised_by_sku, units_by_sku
from hub.web import REFUSALS, Anybody, TheHub
from protocol.fulfilment import PromiseClass
from protocol.orders import WireModel

router = APIRouter(prefix="/api", tags=["promising"], responses=REFUSALS)
Skus = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]],
    Query(min_length=1, max_length=50),
]


class PartView(WireModel):
    """What one location adds."""

    location: str
    name: str
    free: int
    """Lent to the hub and not promised."""
    deficit: int
    """Promised units that the location misses."""
    excluded: str
    """Why nothing of it counts: INACTIVE, STALE, DEFICIT, or empty."""
    promisable: int
    age_seconds: int | None
    """Since the location was last heard."""


class AvailabilityView(WireModel):
    """What can be promised of one item: the sum of the parts, less the company's threshold."""

    sku: str
    promisable: int
    free: int
    excluded: int
    deficit: int
    safety_stock: int
    company_threshold: int
    inbound: int
    """On its way to locations that lend it the moment they receive it; in no other number."""
    inbound_promised: int
    """Of `inbound`, what orders wait for."""
    parts: tuple[PartView, ...]


@router.get("/availability")
def availability(
    hub: TheHub, _person: Anybody, sku: Skus, promise_class: PromiseClass = PromiseClass.STANDARD
) -> list[AvailabilityView]:
    """Return what can be promised of each item, and how that comes about."""
    with hub.database.read() as connection:
        kept = kept_back(connection, hub.spine.terms.promising, sku)
        coming = claims.inbound(connection, sku)
        found, locations = available(
            connection,
            sku,
            now_us=hub.clock.now_us(),
            kept_back=kept,
            promise_class=promise_class,
            inbound=units_by_sku(coming),
            inbound_promised=promised_by_sku(coming),
        )
    return [
        AvailabilityView(
            sku=each.sku,
            promisable=each.promisable,
            free=each.free,
            excluded=each.excluded,
            deficit=each.deficit,
            safety_stock=each.kept_back.safety_stock,
            company_threshold=each.kept_back.company_threshold,
            inbound=each.inbound,
            inbound_promised=each.inbound_promised,
            parts=tuple(
                PartView(
                    location=at.location,
                    name=at.name,
                    age_seconds=at.age_seconds,
                    **each.parts[at.location]._asdict(),
                )
                for at in sorted(locations)
                if at.location in each.parts
            ),
        )
        for each in found.values()
    ]
