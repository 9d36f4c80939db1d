"""Who sells earns a share of it: the rates, whole and by versions, each from a day on.

The rate of a line is that of its article, else of who sold it, else of the store, else the one for everybody.
It counts on the day of the sale and is frozen with it: a later version changes nothing that was earned.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from protocol.money import PPM
from protocol.orders import Code, WireModel
from protocol.returns import Day

NAMED: Final = 500
Rate = Annotated[int, Field(strict=True, ge=0, le=PPM)]
Rates = Annotated[Mapping[Code, Rate], Field(max_length=NAMED)]


class CommissionPlan(WireModel):
    """Rates in parts per million of what was paid without tax."""

    version: int = Field(default=0, ge=0)
    from_day: Day = "2000-01-01"
    default_ppm: Rate = 0
    items: Rates = Field(default_factory=dict)
    people: Rates = Field(default_factory=dict)
    """By store and person, such as `store-1/a-osei`."""
    locations: Rates = Field(default_factory=dict)

    def rate_of(self, sku: str, person: str, location: str) -> int:
        """Return the rate of a line, in parts per million."""
        for rates, name in ((self.items, sku), (self.people, person), (self.locations, location)):
            if name in rates:
                return rates[name]
        return self.default_ppm


class CommissionPlanMade(CommissionPlan):
    """The hub has rates of a new version."""
