"""What every location would ask for every part of an order, worked out once before anything is chosen.

A part of an order is a vector: units of each item. It is held in one integer with a field for each item and
a guard bit above each field, so that "is this part of that" is one subtraction. What a part costs is one
integer too, in which a late unit outweighs any money and an unserved unit outweighs any lateness; so the
least integer is the best in the order of document 5, and parts add up by `+`.

Locations that can give the same parts share a shape. Their prices stand in lists in the order of the shape,
because lists that are added and compared whole are what makes this fast without any library. Locations that
ask for the same with the same objects share one list.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Final, NamedTuple

from hub.route.rules.instance import Instance, Line, Objective, Option, Site
from hub.route.rules.prices import band_minor

SHIPMENT: Final = 1
MINOR: Final = 1 << 12
"""Above any number of shipments of a plan."""
LATE: Final = 1 << 76
"""Above any money of a plan; the door refuses amounts from which more could come together."""
UNSERVED: Final = 1 << 112
NEVER: Final = 1 << 200
"""The price of what cannot be sent, because it is too heavy for every service."""
SENDABLE: Final = NEVER >> 1
"""Any price below it can be paid; money is added to `NEVER` as to any other price, and may be below zero."""
MAX_SHIPMENTS: Final = MINOR - 1
MAX_PARTS: Final = 600_000
"""Parts of all locations together that are priced; beyond it an order is planned by whole lines only."""


class TooManyParts(OverflowError):
    """There are more parts than may be looked at; the plan gives up the proof, not the answer."""


def weigh(objective: Objective) -> int:
    """Return the one integer by which plans are compared."""
    return (
        objective.unserved * UNSERVED
        + objective.late * LATE
        + objective.minor * MINOR
        + objective.shipments * SHIPMENT
    )


def read_weight(weight: int) -> Objective:
    """Return what a weight stands for; money may be below zero, so each place is read to its nearest."""
    unserved = (weight + UNSERVED // 2) // UNSERVED
    weight -= unserved * UNSERVED
    late = (weight + LATE // 2) // LATE
    minor, shipments = divmod(weight - late * LATE, MINOR)
    return Objective(unserved, late, minor, shipments)


class Item(NamedTuple):
    """A line, or a group that travels together, as one field of the vector."""

    lines: tuple[Line, ...]
    levels: int
    """How often one step of it is wanted: its quantity where it may be split, else once."""
    step: int
    """Units of one level."""
    weight_g: int
    """Of one level."""
    shift: int
    """Where its field begins."""

    def units_of(self, level: int) -> dict[str, int]:
        """Return units by line id."""
        if not level:
            return {}
        if len(self.lines) == 1:
            return {self.lines[0].id: level * self.step}
        return {line.id: line.quantity for line in self.lines}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each item of an order stands in the vector."""

    items: tuple[Item, ...]
    need: int
    guard: int

    def level(self, vector: int, item: Item) -> int:
        """Return how much of an item a vector holds."""
        return (vector >> item.shift) & ((1 << item.levels.bit_length()) - 1)

    def within(self, part: int, whole: int) -> int:
        """Return what is left of `whole` without `part`, or -1 when it does not hold so much."""
        left = (whole | self.guard) - part
        return left ^ self.guard if left & self.guard == self.guard else -1

    def units(self, vector: int) -> dict[str, int]:
        """Return units by line id, of the lines that it holds."""
        found: dict[str, int] = {}
        for item in self.items:
            found.update(item.units_of(self.level(vector, item)))
        return found

    def price_unserved(self, vector: int) -> int:
        """Return the price of serving none of a vector."""
        return UNSERVED * sum([self.level(vector, item) * item.step for item in self.items])


def layout_of(lines: Iterable[Line], *, whole: frozenset[str] = frozenset()) -> Layout:
    """Return the fields of an order by line id; lines named in `whole` are not split."""
    groups: dict[str, list[Line]] = {}
    for line in sorted(lines):
        groups.setdefault(f"g:{line.group}" if line.group else f"l:{line.id}", []).append(line)
    items: list[Item] = []
    need, guard, shift = 0, 0, 0
    for members in groups.values():
        first = members[0]
        split = first.splittable and not first.group and first.id not in whole
        levels = first.quantity if split else 1
        step = 1 if split else sum([line.quantity for line in members])
        weight = first.weight_g if split else sum([line.quantity * line.weight_g for line in members])
        items.append(Item(tuple(members), levels, step, weight, shift))
        need |= levels << shift
        guard |= 1 << (shift + levels.bit_length())
        shift += levels.bit_length() + 1
    return Layout(tuple(items), need, guard)


class Shape:
    """The parts that a location can give: vectors in one order, with the units and weight of each."""

    __slots__ = ("_services", "at", "keep", "levels", "parts", "units", "weights")

    def __init__(self, layout: Layout, levels: Sequence[int], cap_units: int) -> None:
        """Lay out every vector up to `levels`, without the empty one and those above `cap_units`."""
        self.levels = levels
        parts, units, weights = [0], [0], [0]
        for item, level in zip(layout.items, levels, strict=True):
            if level:
                steps = range(level + 1)
                parts = [have + (n << item.shift) for have in parts for n in steps]
                units = [have + n * item.step for have in units for n in steps]
                weights = [have + n * item.weight_g for have in weights for n in steps]
        del parts[0], units[0], weights[0]
        self.keep: list[int] | None = None
        """Which of all combinations stay, where not all do."""
        if units and units[-1] > cap_units:
            keep = self.keep = [n for n, many in enumerate(units) if many <= cap_units]
            parts, units, weights = ([rows[n] for n in keep] for rows in (parts, units, weights))
        self.parts, self.units, self.weights = parts, units, weights
        self.at = {part: n for n, part in enumerate(self.parts)}
        self._services: dict[tuple[int, tuple[tuple[int, int], ...]], list[int]] = {}

    def priced(self, late_days: int, bands: tuple[tuple[int, int], ...]) -> list[int]:
        """Return what a service asks for each part beyond its fixed price."""
        key = (late_days, bands)
        found = self._services.get(key)
        if found is None:
            late = late_days * LATE
            minor = [band_minor(bands, weight) for weight in self.weights]
            found = self._services[key] = [
                NEVER if band is None else units * late + band * MINOR + SHIPMENT
                for units, band in zip(self.units, minor, strict=True)
            ]
        return found


class Alike(NamedTuple):
    """Locations that ask the same for the same parts, because their prices are made of the same objects."""

    shape: Shape
    prices: list[int]
    """In the order of the shape."""
    options: tuple[Option, ...]
    locations: list[str]


class _Shapes:
    """Finds the shape of each location; those that can give the same have one."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: dict[tuple[tuple[int, ...], int], Shape] = {}
        self._parts = 0
        items = layout.items
        self._full = {line.id: line.quantity for item in items for line in item.lines}
        self._everything = tuple([item.levels for item in items])
        self._total = sum([item.levels * item.step for item in items])
        # Nearly every order is of single lines that come whole or not at all: a test for each is enough then.
        self._simple = all(item.levels == 1 and len(item.lines) == 1 for item in items)
        self._steps = [(item.lines[0].id, item.step) for item in items]

    def of(self, site: Site) -> Shape | None:
        """Return the shape of a location; None when it can give nothing.

        Raises:
            TooManyParts: there are more than `MAX_PARTS` together.
        """
        levels = self._levels(site.atp)
        if not any(levels):
            return None
        cap = self._total
        if site.cap_units < cap:
            there = zip(self._layout.items, levels, strict=True)
            cap = min(site.cap_units, sum([item.step * level for item, level in there]))
        shape = self._known.get((levels, cap))
        if shape is None:
            if self._parts + math.prod([level + 1 for level in levels]) > MAX_PARTS:
                raise TooManyParts
            shape = self._known[levels, cap] = Shape(self._layout, levels, cap)
        self._parts += len(shape.parts)
        if self._parts > MAX_PARTS:
            raise TooManyParts
        return shape if shape.parts else None

    def _levels(self, atp: Mapping[str, int]) -> tuple[int, ...]:
        if atp == self._full:
            return self._everything
        if self._simple:
            have = atp.get
            return tuple([1 if have(line, 0) >= step else 0 for line, step in self._steps])
        return tuple([_level(item, atp) for item in self._layout.items])


class Tables:
    """The price of every part at every location that can give any."""

    def __init__(self, instance: Instance, layout: Layout, forbid: frozenset[str] = frozenset()) -> None:
        """Price every part.

        Raises:
            TooManyParts: there are more than `MAX_PARTS`.
        """
        self.layout = layout
        self.by_shape: dict[Shape, list[Alike]] = {}
        self.of: dict[str, Alike] = {}
        """By location; one that can give nothing is not here."""
        self._cheapest_ways: dict[tuple[int, int], list[int]] = {}
        self._least: dict[Shape, list[int]] = {}
        """The least prices of a shape over all that have it, because they are asked for again and again."""
        shapes, alike = _Shapes(layout), dict[tuple[int, ...], Alike]()
        for site in instance.sites:
            if site.location in forbid or not site.options or not site.cap_units:
                continue
            shape = shapes.of(site)
            if shape is None:
                continue
            like = _like(site, shape)
            group = alike.get(like)
            if group is None:
                group = alike[like] = Alike(shape, self._prices(site, shape), site.options, [])
                self.by_shape.setdefault(shape, []).append(group)
            group.locations.append(site.location)
            self.of[site.location] = group

    def price(self, location: str, part: int) -> int:
        """Return what a location asks for a part, above `SENDABLE` where it cannot give it."""
        group = self.of[location]
        at = group.shape.at.get(part)
        return NEVER if at is None else group.prices[at]

    def cheapest(self, without: frozenset[str] = frozenset()) -> dict[int, int]:
        """Return the least price of every part that anybody can give."""
        best: dict[int, int] = {}
        concerned = {self.of[location].shape for location in without if location in self.of}
        for shape, groups in self.by_shape.items():
            least = self._least.get(shape)
            if least is None:
                least = self._least[shape] = _least_of([group.prices for group in groups])
            if shape in concerned:
                left = [group.prices for group in groups if not without.issuperset(group.locations)]
                least = _least_of(left)
            for part, price in zip(shape.parts, least, strict=False):  # empty where nobody is left
                if price < best.get(part, SENDABLE):
                    best[part] = price
        return best

    def owners(self, part: int, price: int, without: frozenset[str]) -> list[str]:
        """Return who gives a part at this price."""
        return [
            location
            for shape, groups in self.by_shape.items()
            if (at := shape.at.get(part)) is not None
            for group in groups
            if group.prices[at] == price
            for location in group.locations
            if location not in without
        ]

    def service(self, location: str, part: int) -> Option:
        """Return the service that a location sends a part by: the least late, then the cheapest, by name."""
        group = self.of[location]
        weight = group.shape.weights[group.shape.at[part]]
        bands = [
            (option.late_days, option.fixed_minor + band, option.service, option)
            for option in group.options
            if (band := band_minor(option.bands, weight)) is not None
        ]
        return min(bands)[3]

    def _prices(self, site: Site, shape: Shape) -> list[int]:
        sums = [0]
        for item, level in zip(self.layout.items, shape.levels, strict=True):
            if level:
                steps = _steps(item, level, site)
                sums = [have + more for have in sums for more in steps]
        del sums[0]
        if shape.keep is not None:
            sums = [sums[n] for n in shape.keep]
        return list(map(add, sums, self._ways(site.options, shape)))

    def _ways(self, options: tuple[Option, ...], shape: Shape) -> list[int]:
        """Return what the cheapest of some services asks for each part; locations of one zone share them."""
        key = (id(options), id(shape))
        found = self._cheapest_ways.get(key)
        if found is None:
            ways: dict[tuple[int, tuple[tuple[int, int], ...]], int] = {}
            for option in options:
                way = (option.late_days, option.bands)
                ways[way] = min(ways.get(way, option.fixed_minor), option.fixed_minor)
            priced = [[more + minor * MINOR for more in shape.priced(*way)] for way, minor in ways.items()]
            found = priced[0] if len(priced) == 1 else list(map(min, *priced))
            self._cheapest_ways[key] = found
        return found


def _least_of(rows: list[list[int]]) -> list[int]:
    """Return the least of each place."""
    return list(map(min, *rows)) if len(rows) > 1 else rows[0] if rows else []


def _like(site: Site, shape: Shape) -> tuple[int, ...]:
    """Return what locations have in common whose prices are the same because they are made of the same."""
    return (
        id(shape),
        site.pick_line_minor,
        site.pick_unit_minor,
        id(site.unit_minor),
        id(site.opportunity_minor),
        id(site.options),
    )


def _level(item: Item, atp: Mapping[str, int]) -> int:
    if len(item.lines) == 1:
        have: int = atp.get(item.lines[0].id, 0)
        return min(have // item.step, item.levels)
    return int(all(atp.get(line.id, 0) >= line.quantity for line in item.lines))


def _steps(item: Item, levels: int, site: Site) -> list[int]:
    """Return what none, one, two, … levels of an item cost at a location."""
    if levels > 1:
        line = item.lines[0]
        each = site.pick_unit_minor + site.unit_minor.get(line.id, 0)
        sums = [0, *accumulate(site.opportunity_minor.get(line.id, ())[:levels])]
        sums += [sums[-1]] * (levels + 1 - len(sums))
        costs = [site.pick_line_minor + n * each + sums[n] for n in range(levels + 1)]
        costs[0] = 0
        return [cost * MINOR for cost in costs]
    if item.step == 1:
        line = item.lines[0]
        worth = site.opportunity_minor.get(line.id)
        price = site.pick_line_minor + site.pick_unit_minor + site.unit_minor.get(line.id, 0)
        return [0, (price + worth[0] if worth else price) * MINOR]
    whole = 0
    for line in item.lines:
        units = item.step if len(item.lines) == 1 else line.quantity
        whole += site.pick_line_minor + units * (site.pick_unit_minor + site.unit_minor.get(line.id, 0))
        if line.id in site.opportunity_minor:
            whole += sum(site.opportunity_minor[line.id][:units])
    return [0, whole * MINOR]
