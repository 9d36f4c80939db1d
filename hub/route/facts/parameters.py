"""A set of routing parameters: everything that operations says about places, carriers and prices.

A set is a whole and never changes: whoever edits makes the next version, and one version counts at a time
(`steps`). Every list is a table of rows with a key of its own, so that a table can be shown, edited and sent
as a file by one description of it (`tables`). What no row says is as the settings of the hub say it, so a set
without rows routes as a hub does to which nobody said anything.

Amounts are minor units, weights grams, probabilities millionths, coordinates hundred-thousandths of a degree.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

ROWS: Final = 20_000
"""Rows of one table: five hundred locations with two dozen bands and hours each."""
NO_LIMIT_G: Final = 2_000_000
"""Two tonnes: no parcel is heavier, and no place without bands takes more."""
PPM: Final = 1_000_000

Name = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_-]*$")]
Needed = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")]
Plain = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f|]*$")]
Minor = Annotated[int, Field(ge=0, le=10**8)]
Signed = Annotated[int, Field(ge=-(10**8), le=10**8)]
Share = Annotated[int, Field(ge=0, le=PPM)]
Grams = Annotated[int, Field(ge=1, le=NO_LIMIT_G)]
Days = Annotated[int, Field(ge=0, le=60)]
Clock = Annotated[str, Field(pattern=r"^((?:[01]\d|2[0-3]):[0-5]\d|24:00)$")]
Country = Annotated[str, Field(pattern=r"^([A-Z]{2})?$")]
Postcode = Annotated[str, Field(max_length=16, pattern=r"^[A-Z0-9 -]*$")]
Day = Annotated[
    str, Field(pattern=r"^(daily|mon|tue|wed|thu|fri|sat|sun|\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01]))$")
]


class Row(BaseModel):
    """A row of a table of parameters."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PlaceRow(Row):
    """What one location is able to do, where it stands, and what its work costs."""

    location: Needed
    group: Name = ""
    """A name that rules and zones may use for several locations, such as `north`."""
    ships: bool = True
    collects: bool = True
    sends: bool = True
    """Whether goods leave it for other locations."""
    receives: bool = True
    country: Country = ""
    postcode: Postcode = ""
    latitude_e5: Annotated[int, Field(ge=-9_000_000, le=9_000_000)] | None = None
    longitude_e5: Annotated[int, Field(ge=-18_000_000, le=18_000_000)] | None = None
    ready_minutes: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """From the order until it is ready, in open time."""
    hour_minor: Minor | None = None
    """What an hour of picking costs; with the two below it takes the place of the settings' prices."""
    line_seconds: Annotated[int, Field(ge=0, le=7_200)] | None = None
    unit_seconds: Annotated[int, Field(ge=0, le=7_200)] | None = None
    restock_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """Until its shelves are filled again: for so long it needs what it has."""
    stale_minutes: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Silent for longer it gets nothing new, whatever the policy of lending says."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.location,)


class HoursRow(Row):
    """When somebody is there, on a weekday or one date; the same time twice means closed."""

    location: Name = ""
    day: Day
    opens: Clock
    closes: Clock

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.location, self.day)


class CapacityRow(Row):
    """How many units may be picked in a part of the day."""

    location: Name = ""
    day: Day
    begins: Clock
    ends: Clock
    units: Annotated[int, Field(ge=0, le=1_000_000)]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.location, self.day, self.begins)


class CutoffRow(Row):
    """When a carrier fetches: what is ready later goes with the next one."""

    location: Name = ""
    service: Needed
    day: Day
    at: Clock

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.location, self.service, self.day)


class ServiceRow(Row):
    """A carrier's service in a zone: days on the way, our label, and what the customer pays."""

    service: Needed
    zone: Name = ""
    days: Days
    label_minor: Minor
    price_minor: Minor = 0

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.service, self.zone)


class BandRow(Row):
    """What a parcel up to a weight costs above its label."""

    service: Needed
    zone: Name = ""
    up_to_g: Grams
    extra_minor: Minor

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.service, self.zone, str(self.up_to_g))


class ZoneRow(Row):
    """Which zone a way lies in; of the rows that fit, the one that says most about the way counts."""

    zone: Needed
    origin: Name = ""
    """A location or a group; empty for all."""
    country: Country = ""
    postcode: Postcode = ""
    """How the customer's postcode begins."""
    up_to_km: Annotated[int, Field(ge=1, le=25_000)] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.origin, self.country, self.postcode, str(self.up_to_km or ""))


class LaneRow(Row):
    """A way by which locations send goods to each other."""

    origin: Needed
    to: Needed
    days: Days
    fixed_minor: Minor
    unit_minor: Minor = 0

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.origin, self.to)


class PackageRow(Row):
    """What it costs to pack a parcel up to a weight."""

    up_to_g: Grams
    cost_minor: Minor

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (str(self.up_to_g),)


class AcceptRow(Row):
    """How often a location really has and packs what it was asked for."""

    location: Name = ""
    category: Plain = ""
    accept_ppm: Share

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.location, self.category)


class ItemRow(Row):
    """What routing must know of goods that the catalogue does not say."""

    scope: Literal["all", "category", "sku"]
    name: Plain = ""
    weight_g: Annotated[int, Field(ge=0, le=NO_LIMIT_G)] = 0
    whole: bool = False
    """All units of a line from one location, or none."""
    together: Name = ""
    """Items that say the same name here travel in one shipment."""
    return_ppm: Share = 0
    residual_minor: Signed = 0
    """What a unit is worth that stays unsold until the shelf is filled again; below zero it had better go."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.scope, self.name)


class EntityRow(Row):
    """Whether one legal entity's goods may fulfil another one's sales, and what that costs."""

    seller: Needed
    owner: Needed
    allowed: bool = True
    unit_minor: Minor = 0

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.seller, self.owner)


class FilterRow(Row):
    """A rule of the merchant that removes locations before anything is priced."""

    name: Needed
    kind: Literal["", "ship", "collect"] = ""
    category: Plain = ""
    """Only for orders with an item of it."""
    removes: Name = ""
    """A location or a group; empty for all."""
    beyond_km: Annotated[int, Field(ge=1, le=25_000)] | None = None
    """Only where the way is longer."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows speak of the same."""
        return (self.name,)


class General(Row):
    """What holds for every order."""

    max_shipments: Annotated[int, Field(ge=1, le=8)] = 4
    split_minor: Minor = 2_50
    """What every shipment of an order costs the customer's patience."""
    split_from_minor: Minor = 0
    """An order worth less comes from one place."""
    late_allowed: bool = False
    """Whether an answer may be late; else it is an exception."""
    saved_day_minor: Minor = 25_00
    """The most that may be spent to have one unit a day earlier."""
    busy_from_ppm: Share = 700_000
    """Planned use of a part of the day from which every unit more costs something."""
    overtime_minor: Minor = 0
    """What an hour costs when a part of the day is full."""
    demand: bool = False
    """Whether a store's own customers are weighed."""
    recapture_ppm: Share = 0
    """How many of the customers who find an empty shelf buy all the same."""
    reroute_minor: Minor = 0
    """What it costs when a location gives an order back."""
    return_minor: Minor = 0
    """What the way back of a returned unit costs."""

    @property
    def key(self) -> tuple[str, ...]:
        """There is one."""
        return ()


class ParameterSet(BaseModel):
    """Everything together."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    general: General = General()
    places: tuple[PlaceRow, ...] = Field(default=(), max_length=ROWS)
    hours: tuple[HoursRow, ...] = Field(default=(), max_length=ROWS)
    capacity: tuple[CapacityRow, ...] = Field(default=(), max_length=ROWS)
    cutoffs: tuple[CutoffRow, ...] = Field(default=(), max_length=ROWS)
    services: tuple[ServiceRow, ...] = Field(default=(), max_length=ROWS)
    bands: tuple[BandRow, ...] = Field(default=(), max_length=ROWS)
    zones: tuple[ZoneRow, ...] = Field(default=(), max_length=ROWS)
    lanes: tuple[LaneRow, ...] = Field(default=(), max_length=ROWS)
    packages: tuple[PackageRow, ...] = Field(default=(), max_length=ROWS)
    accept: tuple[AcceptRow, ...] = Field(default=(), max_length=ROWS)
    items: tuple[ItemRow, ...] = Field(default=(), max_length=ROWS)
    entities: tuple[EntityRow, ...] = Field(default=(), max_length=ROWS)
    filters: tuple[FilterRow, ...] = Field(default=(), max_length=ROWS)

    def text(self) -> str:
        """Return it as it is kept: what is as by default is left out."""
        return self.model_dump_json(exclude_defaults=True)
