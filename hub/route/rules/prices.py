"""What one shipment costs, part by part; the solver's tables add up to the same, which a test holds."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hub.route.rules.instance import Instance, Line, Objective, Option, Shipment, Site


class CostParts(NamedTuple):
    """The money of one shipment by what it is paid for, in minor units."""

    fixed_minor: int
    """Label, package, what a further shipment costs: whatever does not depend on what is in it."""
    band_minor: int
    pick_lines_minor: int
    pick_units_minor: int
    unit_minor: int
    """Capacity, risk and whatever else is paid for each unit."""
    opportunity_minor: int
    """Worth of the units where they are; below zero when they had better go."""

    @property
    def minor(self) -> int:
        """All of it."""
        return sum(self)


def band_minor(bands: Iterable[tuple[int, int]], weight_g: int) -> int | None:
    """Return what a shipment of this weight costs more; None when it is too heavy for the service."""
    for up_to_g, minor in bands:
        if weight_g <= up_to_g:
            return minor
    return None


def parts_of(
    site: Site, option: Option, lines: Mapping[str, Line], units: Mapping[str, int]
) -> CostParts | None:
    """Return what these units cost in one shipment from there; None when too heavy for the service."""
    band = band_minor(option.bands, sum([lines[line].weight_g * n for line, n in units.items()]))
    if band is None:
        return None
    return CostParts(
        fixed_minor=option.fixed_minor,
        band_minor=band,
        pick_lines_minor=site.pick_line_minor * len(units),
        pick_units_minor=site.pick_unit_minor * sum(units.values()),
        unit_minor=sum([site.unit_minor.get(line, 0) * n for line, n in units.items()]),
        opportunity_minor=sum([sum(site.opportunity_minor.get(line, ())[:n]) for line, n in units.items()]),
    )


def cheapest_option(site: Site, lines: Mapping[str, Line], units: Mapping[str, int]) -> Option | None:
    """Return the service that these units go by: the least late, then the cheapest, then by name."""
    ways = [
        (option.late_days, parts.minor, option.service, option)
        for option in site.options
        if (parts := parts_of(site, option, lines, units)) is not None
    ]
    return min(ways)[3] if ways else None


def objective_of(instance: Instance, shipments: Iterable[Shipment]) -> Objective:
    """Return what a plan is judged by, added up shipment by shipment.

    Raises:
        KeyError: a shipment names a location or a service that the question does not.
    """
    lines = {line.id: line for line in instance.lines}
    sites = {site.location: site for site in instance.sites}
    unserved, late, minor, count = sum([line.quantity for line in instance.lines]), 0, 0, 0
    for shipment in shipments:
        site = sites[shipment.location]
        named = tuple([each for each in site.options if each.service == shipment.service])
        option = cheapest_option(site._replace(options=named), lines, shipment.units)
        parts = parts_of(site, option, lines, shipment.units) if option else None
        if option is None or parts is None:
            raise KeyError(shipment.service)
        units = sum(shipment.units.values())
        unserved, late = unserved - units, late + option.late_days * units
        minor, count = minor + parts.minor, count + 1
    return Objective(unserved, late, minor, count)


def unserved_of(instance: Instance, shipments: Iterable[Shipment]) -> dict[str, int]:
    """Return the units of each line that no shipment holds."""
    left = {line.id: line.quantity for line in sorted(instance.lines)}
    for shipment in shipments:
        for line, units in shipment.units.items():
            left[line] -= units
    return {line: units for line, units in left.items() if units}
