"""What the numbers of a location consist of, for whoever explains them. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from hub.route.rules.instance import Line

NO_UNITS: Final[Mapping[str, int]] = MappingProxyType({})


class Apart(NamedTuple):
    """What the numbers of a site consist of, for whoever explains them; minor units."""

    busy_minor: int = 0
    """Per unit, because it has much to do."""
    transfer_minor: int = 0
    """Per unit, on the way to where it is collected."""
    entity_minor: int = 0
    """Per unit, because it belongs to another legal entity."""
    risk_minor: Mapping[str, int] = NO_UNITS
    """Per unit of a line, because it may give the order back."""
    return_minor: Mapping[str, int] = NO_UNITS
    offline_minor: int = 0
    """In its fixed prices, because it is cut off and may stay so until somebody would have to begin."""
    split_minor: int = 0
    """In every fixed price."""
    distance_m: int | None = None
    zone: str = ""
    """Of the way to the customer."""


def unit_prices(apart: Apart, lines: Sequence[Line]) -> Mapping[str, int]:
    """Return what a unit of each line costs beyond picking it."""
    always = apart.busy_minor + apart.transfer_minor + apart.entity_minor
    if not (always or apart.risk_minor or apart.return_minor):
        return NO_UNITS
    return {
        line.id: always + apart.risk_minor.get(line.id, 0) + apart.return_minor.get(line.id, 0)
        for line in lines
    }
