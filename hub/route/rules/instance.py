"""One routing question as the solver reads it, and its answer. Integers only: minor units, grams, days.

These are the shapes of the JSON door of document 5. A site's `atp`, `unit_minor` and `opportunity_minor` are
by line id, not by item: two lines of one item share the units of a location, which whoever makes the
instance has to divide or merge beforehand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

SHIP: Final = "ship"
PICKUP: Final = "pickup"


class Line(NamedTuple):
    """Units that somebody is to fulfil."""

    id: str
    quantity: int
    weight_g: int = 0
    """Of one unit."""
    splittable: bool = True
    """Whether its units may come from several locations, or some may stay unserved."""
    group: str = ""
    """Lines of one group travel in one shipment, with all their units, or not at all."""


class Option(NamedTuple):
    """One way in which a location can fulfil."""

    service: str
    late_days: int
    """Days behind the promise, for every unit that goes this way."""
    fixed_minor: int
    bands: tuple[tuple[int, int], ...]
    """Rising weights in grams with what a shipment up to there costs more; nothing heavier is taken."""


class Site(NamedTuple):
    """What one location could give to this order, and at what price. A tuple: thousands are made."""

    location: str
    cap_units: int
    atp: Mapping[str, int]
    """Units of each line that may be promised; a line that is not named has none."""
    pick_line_minor: int
    pick_unit_minor: int
    unit_minor: Mapping[str, int]
    """What one unit of a line costs beyond picking it; a line that is not named costs nothing."""
    opportunity_minor: Mapping[str, tuple[int, ...]]
    """Worth of the first, second, … unit of a line where it is; rising, below zero for what had better go.

    A line that is not named has none; units beyond the last price cost nothing.
    """
    options: tuple[Option, ...]


def made_of(site: Site) -> tuple[int, ...]:
    """Return what sites have in common that differ in their name alone, because they share the same objects.

    Five hundred stores of a kind do; only one of them has to be looked at closely. It holds while they do.
    """
    _location, cap_units, atp, pick_line, pick_unit, unit, opportunity, options = site
    return cap_units, pick_line, pick_unit, id(atp), id(unit), id(opportunity), id(options)


@dataclass(frozen=True, slots=True)
class Instance:
    """One order, or what is missing of it, and everybody who could fulfil it."""

    id: str
    kind: str
    """`ship` or `pickup`."""
    max_shipments: int
    lines: tuple[Line, ...]
    sites: tuple[Site, ...]


class Objective(NamedTuple):
    """What a plan is judged by, the first difference decides."""

    unserved: int
    late: int
    """Units times the days that they are late."""
    minor: int
    shipments: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one location sends, and how."""

    location: str
    service: str
    units: Mapping[str, int]
    """By line id, all above zero."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who fulfils what. With `proof` "optimal" no plan is better; with "gap" none is better than `bound`."""

    shipments: tuple[Shipment, ...]
    unserved: Mapping[str, int]
    objective: Objective
    proof: Literal["optimal", "gap"]
    bound: Objective


@dataclass(frozen=True, slots=True)
class Infeasible:
    """There is no such plan: the location that was insisted on cannot serve a single unit of it."""

    code: str
    """`FORCED_UNKNOWN`, `FORCED_FORBIDDEN` or `FORCED_CANNOT_SERVE`."""
    fact: str
