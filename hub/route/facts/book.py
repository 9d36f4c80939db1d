"""A set of parameters made ready to be asked, with the settings of the hub behind it. Pure.

Made once for a version and kept (`current`): an order asks it five hundred times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from hub.route.facts.geo import Zone, by_precision, tidy
from hub.route.facts.opening import Days, Schedule
from hub.route.facts.outcomes import ASSUMED_PPM, History, accept_ppm
from hub.route.facts.parameters import (
    NO_LIMIT_G,
    PPM,
    AcceptRow,
    CapacityRow,
    CutoffRow,
    EntityRow,
    General,
    HoursRow,
    ItemRow,
    LaneRow,
    ParameterSet,
    PlaceRow,
    ServiceRow,
)
from hub.route.facts.worth import labour_minor
from hub.spine.work import Promising

EVERYWHERE: Final = ""
ANY_WEIGHT: Final = ((NO_LIMIT_G, 0),)
DEFAULT_DAYS: Final = MappingProxyType({"express": 1})
"""Days on the way of the services of the settings, which say none."""
OTHER_DAYS: Final = 3
_NOTHING_SEEN: Final[History] = MappingProxyType({})
_NO_ITEM: Final = ItemRow(scope="all")

Bands = tuple[tuple[int, int], ...]
R = TypeVar("R", HoursRow, CapacityRow, CutoffRow)


class Carried(NamedTuple):
    """One carrier's service in one zone."""

    service: str
    days: int
    label_minor: int
    price_minor: int
    bands: Bands
    """With the packages in them."""


class Hands(NamedTuple):
    """What picking costs at a location, in minor units, and how long a unit takes."""

    line_minor: int
    unit_minor: int
    unit_seconds: int


@dataclass(frozen=True, eq=False)
class Book:
    """Everything that a set says, by what it is asked for."""

    version: int
    said: ParameterSet
    terms: Promising

    @cached_property
    def places(self) -> Mapping[str, PlaceRow]:
        """The rows of locations; one without a row does as the settings say."""
        return {row.location: row for row in self.said.places}

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        """The rows of zones, in the order in which they are tried."""
        return by_precision(self.said.zones)

    @cached_property
    def needs_distance(self) -> bool:
        """Whether anything depends on where goods go."""
        return bool(self.said.zones) or any(row.beyond_km for row in self.said.filters)

    @cached_property
    def plain(self) -> bool:
        """Whether nothing is said of one location: then all of a kind are alike but for their stock."""
        general = self.said.general
        empty = self.said.model_copy(update={"general": General()}) == ParameterSet()
        return empty and not (general.demand or general.reroute_minor)

    @cached_property
    def weighs_capacity(self) -> bool:
        """Whether it must be known how much each location has to do."""
        return bool(self.said.capacity)

    @cached_property
    def lanes(self) -> Mapping[tuple[str, str], LaneRow]:
        """The ways between locations."""
        return {(row.origin, row.to): row for row in self.said.lanes}

    @cached_property
    def _carried(self) -> Mapping[str, tuple[Carried, ...]]:
        found: dict[str, list[Carried]] = {}
        for row in sorted(self.said.services, key=lambda row: row.key):
            found.setdefault(row.zone, []).append(self._carried_of(row))
        return {zone: tuple(rows) for zone, rows in found.items()}

    def carried(self, zone: str) -> tuple[Carried, ...]:
        """Return the services of a zone; those of the settings where no carrier's row was entered."""
        if not self.said.services:
            return self._settings
        return self._carried.get(zone, ())

    @cached_property
    def _settings(self) -> tuple[Carried, ...]:
        return tuple(
            Carried(
                service,
                DEFAULT_DAYS.get(service, OTHER_DAYS),
                minor,
                0,  # the settings say what it costs us; what a customer pays is nobody's word but a row's
                _merged(self._of_bands(service, EVERYWHERE), self._packages),
            )
            for service, minor in sorted(self.terms.ship_minor)
        )

    def _carried_of(self, row: ServiceRow) -> Carried:
        bands = _merged(self._of_bands(row.service, row.zone), self._packages)
        return Carried(row.service, row.days, row.label_minor, row.price_minor, bands)

    def _of_bands(self, service: str, zone: str) -> Bands:
        return tuple(
            sorted(
                (row.up_to_g, row.extra_minor)
                for row in self.said.bands
                if row.service == service and row.zone == zone
            )
        )

    @cached_property
    def _packages(self) -> Bands:
        return tuple(sorted((row.up_to_g, row.cost_minor) for row in self.said.packages))

    @cached_property
    def _hours(self) -> Mapping[str, Sequence[HoursRow]]:
        return _by_location(self.said.hours)

    @cached_property
    def _capacity(self) -> Mapping[str, Sequence[CapacityRow]]:
        return _by_location(self.said.capacity)

    @cached_property
    def _cutoffs(self) -> Mapping[tuple[str, str], Sequence[CutoffRow]]:
        found: dict[tuple[str, str], list[CutoffRow]] = {}
        for row in self.said.cutoffs:
            found.setdefault((row.location, row.service), []).append(row)
        return found

    def calendar(self, location: str) -> str:
        """Return under which name a location's hours and capacity stand; who shares one is ready alike."""
        own = location in self._hours or location in self._capacity
        return location if own else EVERYWHERE

    def schedule(self, location: str, zone: str) -> Schedule:
        """Return how a location works."""
        return Schedule(
            zone=ZoneInfo(zone),
            hours=_days(self._hours, location),
            capacity=_days(self._capacity, location),
        )

    def cutoff_name(self, location: str, service: str) -> str:
        """Return under which name the cut-offs of a service at a location stand."""
        return location if (location, service) in self._cutoffs else EVERYWHERE

    def cutoffs(self, named: str, service: str) -> Days[CutoffRow]:
        """Return when a carrier fetches, by the name of `cutoff_name`."""
        return Days(self._cutoffs.get((named, service), ()))

    def hands(self, location: str, kind: str) -> Hands:
        """Return what picking costs at a location."""
        row, terms = self.places.get(location), self.terms
        store = kind != "warehouse"
        line = terms.pick_line_minor if store else terms.warehouse_pick_line_minor
        unit = terms.pick_unit_minor if store else terms.warehouse_pick_unit_minor
        if row is None:
            return Hands(line, unit, 0)
        if row.hour_minor is not None:
            line = labour_minor(row.hour_minor, row.line_seconds or 0)
            unit = labour_minor(row.hour_minor, row.unit_seconds or 0)
        return Hands(line, unit, row.unit_seconds or 0)

    def ready_minutes(self, location: str) -> int:
        """Return how long a location needs until an order is ready."""
        row = self.places.get(location)
        return self.terms.ready_minutes if row is None or row.ready_minutes is None else row.ready_minutes

    def restock_days(self, location: str) -> int:
        """Return after how many days the shelves of a location are filled again; a week if nobody said."""
        row = self.places.get(location)
        return 7 if row is None or row.restock_days is None else row.restock_days

    @cached_property
    def _items(self) -> Mapping[tuple[str, str], ItemRow]:
        return {(row.scope, row.name): row for row in self.said.items}

    def item(self, sku: str, category: str) -> ItemRow:
        """Return what is said of an item: its own row, that of its category, or that for all."""
        items = self._items
        return (
            items.get(("sku", sku)) or items.get(("category", category)) or items.get(("all", "")) or _NO_ITEM
        )

    @cached_property
    def _accept(self) -> Mapping[tuple[str, str], AcceptRow]:
        return {(row.location, row.category): row for row in self.said.accept}

    def accept_row(self, location: str, category: str) -> AcceptRow | None:
        """Return the row that says of this very location how often it accepts; it wins over what was seen."""
        return self._accept.get((location, category)) or self._accept.get((location, ""))

    def accept_ppm(self, location: str, category: str, seen: History = _NOTHING_SEEN) -> int:
        """Return how likely a location packs an item of a category, in millionths.

        A row for everywhere is what is assumed of a location until it has shown how it is.
        """
        row = self.accept_row(location, category)
        if row is not None:
            return row.accept_ppm
        general = self._accept.get(("", category)) or self._accept.get(("", ""))
        assumed = ASSUMED_PPM if general is None else general.accept_ppm
        of_all = accept_ppm(seen.get((location, "")), assumed)
        return accept_ppm(seen.get((location, category)) if category else None, of_all)

    def refused_ppm(self, location: str, category: str, seen: History = _NOTHING_SEEN) -> int:
        """Return how likely a location gives an item of a category back, in millionths."""
        return PPM - self.accept_ppm(location, category, seen)

    @cached_property
    def _entities(self) -> Mapping[tuple[str, str], EntityRow]:
        return {(row.seller, row.owner): row for row in self.said.entities}

    def between(self, seller: str, owner: str) -> EntityRow | None:
        """Return what is said of one entity that sells another one's goods; None for one's own."""
        return None if seller == owner else self._entities.get((seller, owner))

    def names_of(self, location: str) -> tuple[str, ...]:
        """Return by which names rules may speak of a location."""
        row = self.places.get(location)
        return (location, row.group) if row is not None and row.group else (location,)


def postcode_of(row: PlaceRow | None) -> tuple[str, str]:
    """Return the country and the tidy postcode of a location, empty where nobody said."""
    return ("", "") if row is None else (row.country, tidy(row.postcode))


def _by_location(rows: Iterable[R]) -> dict[str, Sequence[R]]:
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(row.location, []).append(row)
    return dict(found)


def _days(rows: Mapping[str, Sequence[R]], location: str) -> Days[R]:
    return Days(rows.get(location) or rows.get(EVERYWHERE, ()))


def _merged(carrier: Bands, packages: Bands) -> Bands:
    """Return one table of bands from the carrier's and the packages': the lower end of both is the end."""
    if not carrier or not packages:
        return carrier or packages or ANY_WEIGHT
    last = min(carrier[-1][0], packages[-1][0])
    edges = sorted({grams for grams, _minor in (*carrier, *packages) if grams <= last})
    return tuple((grams, _band(carrier, grams) + _band(packages, grams)) for grams in edges)


def _band(bands: Bands, grams: int) -> int:
    return next(minor for up_to, minor in bands if grams <= up_to)
