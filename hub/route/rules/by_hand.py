"""A plan as a person would make it, and what no plan can undercut: for questions too large to be proven.

Whoever can send the most of what is still open sends it, the cheaper one where two can send as much.
"""

from collections.abc import Mapping
from typing import Final

from hub.route.rules.instance import Instance, Line, Objective, Shipment, Site
from hub.route.rules.prices import cheapest_option, parts_of

_Best = tuple[tuple[int, int, int, str], Shipment]
NOBODY: Final[frozenset[str]] = frozenset()


def by_hand(instance: Instance, *, force: str = "", forbid: frozenset[str] = NOBODY) -> tuple[Shipment, ...]:
    """Return shipments that keep every rule; none when nobody can send anything."""
    lines = {line.id: line for line in sorted(instance.lines)}
    open_units = {line.id: line.quantity for line in lines.values()}
    left = {site.location: site for site in instance.sites if site.location not in forbid}
    found: list[Shipment] = []
    while left and len(found) < instance.max_shipments and any(open_units.values()):
        asked = [left[force]] if force in left and not found else left.values()
        offers = [offer for site in asked if (offer := _offer(site, lines, open_units)) is not None]
        if not offers:
            break
        shipment = min(offers)[1]
        found.append(shipment)
        del left[shipment.location]
        for line, units in shipment.units.items():
            open_units[line] -= units
    return tuple(found)


def bound_of(instance: Instance, forbid: frozenset[str] = NOBODY) -> Objective:
    """Return what no plan can undercut: every unit at its cheapest, with no more than one shipment to pay."""
    sites = [site for site in instance.sites if site.location not in forbid and site.options]
    unserved = minor = 0
    for line in instance.lines:
        having = [site for site in sites if site.atp.get(line.id, 0) > 0]
        served = min(line.quantity, sum([site.atp[line.id] for site in having]))
        unserved += line.quantity - served
        minor += served * min([_least_unit(site, line) for site in having], default=0)
    fixed = [
        option.fixed_minor + band for site in sites for option in site.options for _g, band in option.bands
    ]
    count = int(any(site.atp.get(line.id, 0) > 0 for line in instance.lines for site in sites))
    least = min(fixed, default=0)
    # With a price below zero every further shipment could earn it, and there may be as many as are allowed.
    minor += least * (count if least > 0 else instance.max_shipments)
    return Objective(unserved, 0, minor, count)


def _least_unit(site: Site, line: Line) -> int:
    worth = min(0, *site.opportunity_minor.get(line.id, ()), 0)
    return site.pick_unit_minor + site.unit_minor.get(line.id, 0) + worth


def _offer(site: Site, lines: Mapping[str, Line], open_units: Mapping[str, int]) -> _Best | None:
    units = _as_much_as(site, lines, open_units)
    while units:
        option = cheapest_option(site, lines, units)
        if option is not None:
            parts = parts_of(site, option, lines, units)
            assert parts is not None
            sent = sum(units.values())
            key = (-sent, option.late_days * sent, parts.minor, site.location)
            return key, Shipment(site.location, option.service, units)
        heaviest = max(units, key=lambda line: (lines[line].weight_g * units[line], line))
        group = lines[heaviest].group
        units = {
            line: n
            for line, n in units.items()
            if line != heaviest and not (group and lines[line].group == group)
        }
    return None


def _as_much_as(site: Site, lines: Mapping[str, Line], open_units: Mapping[str, int]) -> dict[str, int]:
    """Return as much of what is open as a location can give, lines in their order."""
    room, found, done = site.cap_units, dict[str, int](), set[str]()
    for line in lines.values():
        if line.id in done or not open_units[line.id]:
            continue
        together = [each for each in lines.values() if line.group and each.group == line.group] or [line]
        done.update([each.id for each in together])
        if line.group or not line.splittable:
            wanted = {each.id: each.quantity for each in together}
            if any(site.atp.get(each, 0) < n for each, n in wanted.items()) or sum(wanted.values()) > room:
                continue
        else:
            wanted = {line.id: min(site.atp.get(line.id, 0), open_units[line.id], room)}
        found.update({each: n for each, n in wanted.items() if n})
        room -= sum(wanted.values())
    return found
