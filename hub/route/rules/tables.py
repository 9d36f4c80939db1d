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

from hub.route.rules.instance import Instance, Line, Objective, Option, Site, made_of
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
UNITS: Final = 64
WEIGHT: Final = (1 << UNITS) - 1
"""A load is one integer: units above `UNITS` bits, grams below."""
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


class Ways(dict[int, int]):
    """What the cheapest of some services asks, by the load of a shipment; worked out when it is asked for.

    Few loads are different, because many parts weigh the same: locations of one zone share all of them.
    """

    __slots__ = ("_fixed",)

    def __init__(self, options: Iterable[Option]) -> None:
        """Take the services; of those that differ in their fixed price only, the cheapest."""
        self._fixed: dict[tuple[int, tuple[tuple[int, int], ...]], int] = {}
        for option in options:
            way = (option.late_days, option.bands)
            self._fixed[way] = min(self._fixed.get(way, option.fixed_minor), option.fixed_minor)

    def __missing__(self, load: int) -> int:
        """Work out what a load costs, and keep it."""
        units, weight = load >> UNITS, load & WEIGHT
        prices = []
        for (late_days, bands), fixed in self._fixed.items():
            band = band_minor(bands, weight)
            way = NEVER if band is None else units * late_days * LATE + band * MINOR + SHIPMENT
            prices.append(way + fixed * MINOR)
        found = self[load] = min(prices)
        return found


class Shape:
    """The parts that a location can give: vectors in one order, with the load of each (units and weight)."""

    __slots__ = ("_at", "_mask", "items", "keep", "loads", "parts")

    def __init__(self, layout: Layout, levels: Sequence[int], cap_units: int) -> None:
        """Lay out every vector up to `levels`, without the empty one and those above `cap_units`."""
        there = [(item, level) for item, level in zip(layout.items, levels, strict=True) if level]
        self.items = [(item, level, _single(item, level)) for item, level in there]
        """What it holds any of, how much, and the line where that is one unit of one line."""
        parts, loads = [0], [0]
        for item, level in there:
            load = (item.step << UNITS) + item.weight_g
            if level == 1:
                part = 1 << item.shift
                parts = [vector for have in parts for vector in (have, have + part)]
                loads = [each for have in loads for each in (have, have + load)]
            else:
                steps = range(level + 1)
                parts = [have + (n << item.shift) for have in parts for n in steps]
                loads = [have + n * load for have in loads for n in steps]
        del parts[0], loads[0]
        self.keep: list[int] | None = None
        """Which of all combinations stay, where not all do."""
        if loads and loads[-1] >> UNITS > cap_units:
            most = (cap_units + 1) << UNITS
            keep = self.keep = [n for n, load in enumerate(loads) if load < most]
            parts, loads = ([rows[n] for n in keep] for rows in (parts, loads))
        self.parts, self.loads = parts, loads
        self._mask = 0
        for item, _level in there:
            self._mask |= ((1 << item.levels.bit_length()) - 1) << item.shift
        self._at: dict[int, int] | None = None

    def find(self, part: int) -> int | None:
        """Return the place of a part; None where it is not among them, which mostly is seen at once."""
        if part & ~self._mask:
            return None
        if self._at is None:
            self._at = {each: n for n, each in enumerate(self.parts)}
        return self._at.get(part)


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
        self._known: dict[tuple[int, int], Shape] = {}
        self._most: dict[int, int] = {}
        """By the fullest vector of a location: its units."""
        self._parts = 0
        items = layout.items
        self._full = {line.id: line.quantity for item in items for line in item.lines}
        # Nearly every order is of single lines that come whole or not at all: a test for each is enough then.
        self._simple = all(item.levels == 1 and len(item.lines) == 1 for item in items)
        self._steps = {item.lines[0].id: (item.step, 1 << item.shift) for item in items}

    def of(self, site: Site) -> Shape | None:
        """Return the shape of a location; None when it can give nothing.

        Raises:
            TooManyParts: there are more than `MAX_PARTS` together.
        """
        fullest = self._fullest(site.atp)
        if not fullest:
            return None
        most = self._most.get(fullest)
        if most is None:
            items, layout = self._layout.items, self._layout
            most = self._most[fullest] = sum([item.step * layout.level(fullest, item) for item in items])
        cap = min(site.cap_units, most)
        shape = self._known.get((fullest, cap))
        if shape is None:
            levels = [self._layout.level(fullest, item) for item in self._layout.items]
            if self._parts + math.prod([level + 1 for level in levels]) > MAX_PARTS:
                raise TooManyParts
            shape = self._known[fullest, cap] = Shape(self._layout, levels, cap)
        return shape if shape.parts else None

    def count(self, shape: Shape) -> None:
        """Count the parts of one location more.

        Raises:
            TooManyParts: there are more than `MAX_PARTS` together.
        """
        self._parts += len(shape.parts)
        if self._parts > MAX_PARTS:
            raise TooManyParts

    def _fullest(self, atp: Mapping[str, int]) -> int:
        """Return the vector of all that a location has of what is wanted."""
        if atp == self._full:
            return self._layout.need
        found = 0
        if self._simple:
            for line, units in atp.items():
                step = self._steps.get(line)
                if step is not None and units >= step[0]:
                    found |= step[1]
        else:
            for item in self._layout.items:
                found |= _level(item, atp) << item.shift
        return found


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
        self._ways: dict[int, Ways] = {}
        """By the id of a tuple of services, which locations of one zone share."""
        self._least: dict[Shape, list[int]] = {}
        """The least prices of a shape over all that have it, because they are asked for again and again."""
        shapes = _Shapes(layout)
        seen: dict[tuple[int, ...], Alike | None] = {}
        alike: dict[tuple[int, ...], Alike] = {}
        for site in instance.sites:
            if site.location in forbid or not site.options or not site.cap_units:
                continue
            same = made_of(site)
            if same not in seen:
                seen[same] = self._group_of(site, shapes, alike)
            group = seen[same]
            if group is not None:
                shapes.count(group.shape)
                group.locations.append(site.location)
                self.of[site.location] = group

    def _group_of(self, site: Site, shapes: "_Shapes", alike: dict[tuple[int, ...], Alike]) -> Alike | None:
        """Return those that ask the same for the same parts; None for a location that can give nothing."""
        shape = shapes.of(site)
        if shape is None:
            return None
        like = _like(site, shape)
        if like not in alike:
            alike[like] = Alike(shape, self._prices(site, shape), site.options, [])
            self.by_shape.setdefault(shape, []).append(alike[like])
        return alike[like]

    def price(self, location: str, part: int) -> int:
        """Return what a location asks for a part, above `SENDABLE` where it cannot give it."""
        group = self.of[location]
        at = group.shape.find(part)
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
            if (at := shape.find(part)) is not None
            for group in groups
            if group.prices[at] == price
            for location in group.locations
            if location not in without
        ]

    def service(self, location: str, part: int) -> Option:
        """Return the service that a location sends a part by: the least late, then the cheapest, by name."""
        group = self.of[location]
        at = group.shape.find(part)
        assert at is not None, "it was chosen to give this part"
        weight = group.shape.loads[at] & WEIGHT
        bands = [
            (option.late_days, option.fixed_minor + band, option.service, option)
            for option in group.options
            if (band := band_minor(option.bands, weight)) is not None
        ]
        return min(bands)[3]

    def _prices(self, site: Site, shape: Shape) -> list[int]:
        sums = [0]
        worth, more = site.opportunity_minor, site.unit_minor
        unit = site.pick_line_minor + site.pick_unit_minor
        for item, level, line in shape.items:
            if line:  # as `_once` has it; nearly every item is one, and a call for each takes longer than it
                first = worth.get(line)
                price = (unit + more.get(line, 0) + (first[0] if first else 0)) * MINOR
                sums = [each for have in sums for each in (have, have + price)]
            elif level == 1:
                price = _once(item, site)
                sums = [each for have in sums for each in (have, have + price)]
            else:
                steps = _steps(item, level, site)
                sums = [have + each for have in sums for each in steps]
        del sums[0]
        if shape.keep is not None:
            sums = [sums[n] for n in shape.keep]
        ways = self._ways.get(id(site.options))
        if ways is None:
            ways = self._ways[id(site.options)] = Ways(site.options)
        return list(map(add, sums, map(ways.__getitem__, shape.loads)))


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


def _single(item: Item, level: int) -> str:
    """Return the line of an item that is one unit of one line, else nothing."""
    return item.lines[0].id if level == 1 and item.step == 1 else ""


def _once(item: Item, site: Site) -> int:
    """Return what an item costs at a location that comes whole or not at all."""
    whole = 0
    for each in item.lines:
        units = item.step if len(item.lines) == 1 else each.quantity
        whole += site.pick_line_minor + units * (site.pick_unit_minor + site.unit_minor.get(each.id, 0))
        if each.id in site.opportunity_minor:
            whole += sum(site.opportunity_minor[each.id][:units])
    return whole * MINOR


def _steps(item: Item, levels: int, site: Site) -> list[int]:
    """Return what none, one, two, … units of a line cost at a location."""
    line = item.lines[0].id
    each = site.pick_unit_minor + site.unit_minor.get(line, 0)
    sums = [0, *accumulate(site.opportunity_minor.get(line, ())[:levels])]
    sums += [sums[-1]] * (levels + 1 - len(sums))
    costs = [site.pick_line_minor + n * each + sums[n] for n in range(levels + 1)]
    costs[0] = 0
    return [cost * MINOR for cost in costs]
