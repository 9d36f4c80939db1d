"""What one fact about a transfer did to the worth of stock, as the ledger needs it.

Amounts are changes: a cost that is known later moves the difference. Signed minor units.
"""

from dataclasses import dataclass, field

from hub.stock.rules import ValuedMove
from protocol.movements import Bucket


@dataclass(slots=True)
class Arrived:
    """What changed at one location that received: `inventory + variance = matched + open + over + margin`."""

    location: str
    inventory: dict[Bucket, int] = field(default_factory=dict)
    variance_minor: int = 0
    matched_minor: int = 0
    """Taken out of what was on its way."""
    open_minor: int = 0
    """Explained by no shipment yet."""
    over_minor: int = 0
    """Kept as found."""
    margin_minor: int = 0
    """What another entity charges for what was matched, above its cost."""


@dataclass(slots=True)
class Booking:
    """All of it: moves inside the location that speaks, arrivals by location, and losses at the source."""

    number: str
    source: str = ""
    rule: str = ""
    moves: tuple[ValuedMove, ...] = ()
    arrived: dict[str, Arrived] = field(default_factory=dict)
    lost_minor: int = 0

    def at(self, location: str) -> Arrived:
        """Return what changed at a location."""
        return self.arrived.setdefault(location, Arrived(location))
