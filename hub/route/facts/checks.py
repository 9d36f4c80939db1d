"""What keeps a set of parameters from counting: rows that name nobody, or that contradict each other. Pure.

One row alone is checked by its model; here rows are held against each other and against the company.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from hub.route.facts.parameters import ParameterSet
from protocol.kit.text import _


class Wrong(NamedTuple):
    """What is wrong with a row, and in which table it stands."""

    table: str
    key: str
    why: str


def wrong_rows(said: ParameterSet, known: frozenset[str]) -> list[Wrong]:
    """Return everything that keeps a set from counting; `known` are the locations of the company."""
    return [*_twice(said), *_nobody(said, known), *_times(said), *_carriers(said), *_lanes(said, known)]


def _twice(said: ParameterSet) -> Iterator[Wrong]:
    for name in type(said).model_fields:
        rows = getattr(said, name)
        seen: set[tuple[str, ...]] = set()
        for row in rows if isinstance(rows, tuple) else ():
            if row.key in seen:
                yield Wrong(name, said_key(row.key), _("there is another row of the same."))
            seen.add(row.key)


def _nobody(said: ParameterSet, known: frozenset[str]) -> Iterator[Wrong]:
    groups = {row.group for row in said.places if row.group}
    for table in ("places", "hours", "capacity", "cutoffs", "accept"):
        for row in getattr(said, table):
            if row.location and row.location not in known:
                yield Wrong(table, said_key(row.key), _("there is no location {name}.", name=row.location))
    for zone in said.zones:
        if zone.origin and zone.origin not in known | groups:
            yield Wrong(
                "zones", said_key(zone.key), _("there is no location or group {name}.", name=zone.origin)
            )
    for rule in said.filters:
        if rule.removes and rule.removes not in known | groups:
            why = _("there is no location or group {name}.", name=rule.removes)
            yield Wrong("filters", rule.name, why)
        elif not (rule.removes or rule.beyond_km):
            yield Wrong("filters", rule.name, _("it would remove every location."))
    yield from _unnamed(said)


def _unnamed(said: ParameterSet) -> Iterator[Wrong]:
    for item in said.items:
        if (item.scope == "all") != (not item.name):
            why = _("a category or an article needs its name, and everything has none.")
            yield Wrong("items", said_key(item.key), why)


def _times(said: ParameterSet) -> Iterator[Wrong]:
    for table in ("hours", "capacity", "cutoffs"):
        for row in getattr(said, table):
            if row.day[0].isdigit() and not _is_date(row.day):
                yield Wrong(table, said_key(row.key), _("there is no such day."))
    for hours in said.hours:
        if hours.closes < hours.opens:
            yield Wrong("hours", said_key(hours.key), _("it closes before it opens."))
    parts: dict[tuple[str, str], str] = {}
    for part in sorted(said.capacity, key=lambda row: (row.location, row.day, row.begins)):
        if part.ends <= part.begins:
            yield Wrong("capacity", said_key(part.key), _("it ends before it begins."))
        elif part.begins < parts.get((part.location, part.day), ""):
            yield Wrong("capacity", said_key(part.key), _("it begins before the part before it ends."))
        parts[part.location, part.day] = part.ends


def _carriers(said: ParameterSet) -> Iterator[Wrong]:
    services = {row.key for row in said.services}
    names = {row.service for row in said.services}
    before: dict[tuple[str, str], tuple[int, int]] = {}
    for band in sorted(said.bands, key=lambda row: (row.service, row.zone, row.up_to_g)):
        way = (band.service, band.zone)
        if said.services and way not in services:
            yield Wrong("bands", said_key(band.key), _("no carrier's service has that name in that zone."))
        lighter_g, lighter_minor = before.get(way, (0, 0))
        if band.extra_minor < lighter_minor:
            why = _("a heavier parcel would cost less than a lighter one, of up to {n} g.", n=lighter_g)
            yield Wrong("bands", said_key(band.key), why)
        before[way] = band.up_to_g, band.extra_minor
    for cutoff in said.cutoffs:
        if names and cutoff.service not in names:
            yield Wrong(
                "cutoffs", said_key(cutoff.key), _("there is no service {name}.", name=cutoff.service)
            )
    cost = 0
    for package in sorted(said.packages, key=lambda row: row.up_to_g):
        if package.cost_minor < cost:
            yield Wrong(
                "packages", said_key(package.key), _("a larger package would cost less than a smaller.")
            )
        cost = package.cost_minor


def _lanes(said: ParameterSet, known: frozenset[str]) -> Iterator[Wrong]:
    for lane in said.lanes:
        if lane.origin == lane.to:
            yield Wrong("lanes", said_key(lane.key), _("it leads to where it begins."))
        for name in (lane.origin, lane.to):
            if name not in known:
                yield Wrong("lanes", said_key(lane.key), _("there is no location {name}.", name=name))


def said_key(key: Iterable[str]) -> str:
    """Return what a row speaks of, as people read it."""
    return " ".join(part for part in key if part) or "-"


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
