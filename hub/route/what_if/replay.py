"""Past orders routed again, one after the other, under one set of parameters. Pure, and nothing is written.

Every run begins with the same stock: what may be promised now, and with it what these orders took. Each order
takes from it what its plan says and adds to the work of its locations, so a set that spends a store's last
unit early pays for it with a later order. Everybody counts as heard from. What came in and was sold meanwhile
is in no run, so two runs compare the sets with each other, not with what really happened.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.route.facts.book import Book
from hub.route.facts.geo import Point
from hub.route.facts.known import About, Facts, Good, Known
from hub.route.facts.opening import worked_off
from hub.route.facts.outcomes import History
from hub.route.facts.question import question_of
from hub.route.rules.choice import Ask
from hub.route.rules.instance import Plan
from hub.route.rules.solve import solve

Shelf = tuple[str, str]
"""A location and an item."""


@dataclass(frozen=True, slots=True)
class Past:
    """One order as it was asked for, and who fulfilled it."""

    number: str
    ask: Ask
    about: About
    took: tuple[tuple[str, str, int], ...]
    """(location, item, units) of what was decided for it, as far as it was not given back."""


@dataclass(frozen=True, slots=True)
class World:
    """The company at the beginning of every run."""

    places: Sequence[Known]
    """Without stock."""
    free: Mapping[Shelf, tuple[int, int, int]]
    """Free units, missing units, units that may be promised; with what the orders took."""
    goods: Mapping[str, Good]
    shelf: Mapping[Shelf, int]
    rate_milli: Mapping[Shelf, int]
    points: Mapping[str, Point]
    accepts: History = field(default_factory=lambda: MappingProxyType({}))
    """What each location did with what it was asked for."""


class Answer(NamedTuple):
    """What one order came to."""

    number: str
    units: int
    unserved: int
    late: int
    """Units times days."""
    minor: int
    sent: tuple[tuple[str, str, int], ...]
    """(location, service, units), by location."""


@dataclass(slots=True)
class Sums:
    """What a run came to."""

    orders: int = 0
    units: int = 0
    minor: int = 0
    shipments: int = 0
    split: int = 0
    """Orders from several locations."""
    late: int = 0
    """Units times the days that they are late."""
    unserved: int = 0
    unserved_orders: int = 0
    load: dict[str, int] = field(default_factory=dict)
    """Units by location."""

    def add(self, answer: Answer) -> None:
        """Count one order."""
        self.orders += 1
        self.units += answer.units
        self.minor += answer.minor
        self.shipments += len(answer.sent)
        self.split += len(answer.sent) > 1
        self.late += answer.late
        self.unserved += answer.unserved
        self.unserved_orders += answer.unserved > 0
        for location, _service, units in answer.sent:
            self.load[location] = self.load.get(location, 0) + units

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Sums":
        """Return what was kept."""
        return cls(**{name: said[name] for name in cls.__slots__})


class Run:
    """One run over past orders, the oldest first."""

    def __init__(self, book: Book, world: World) -> None:
        self._book, self._world = book, world
        self._free = dict(world.free)
        self._shelf = dict(world.shelf)
        self._backlog: dict[str, int] = {}
        self._at_us: int | None = None

    def route(self, past: Past) -> Answer:
        """Route one order and take what it needs."""
        self._work_off(past.ask.now_us)
        asked = question_of(self._book, self.facts(past))
        plan = solve(asked.instance)
        assert isinstance(plan, Plan)  # nothing is forced here
        return self._taken(past, plan, asked.cost_minor(plan))

    def all(self, orders: Sequence[Past]) -> Iterator[Answer]:
        """Route every order."""
        return (self.route(past) for past in orders)

    def facts(self, past: Past) -> Facts:
        """Return what an order meets at this point of the run."""
        world, skus = self._world, tuple(past.ask.wanted)
        none = (0, 0, 0)
        return Facts(
            ask=past.ask,
            about=past.about,
            known=[
                place._replace(
                    stock=sum([self._free.get((place.location, sku), none) for sku in skus], ()),
                    backlog=self._backlog.get(place.location, 0),
                )
                for place in world.places
            ],
            goods=world.goods,
            shelf=self._shelf,
            rate_milli=world.rate_milli,
            points=world.points,
            accepts=world.accepts,
        )

    def _taken(self, past: Past, plan: Plan, cost_minor: int) -> Answer:
        sku_of = {str(need.line_no): need.sku for need in past.ask.lines}
        sent = []
        for shipment in plan.shipments:
            units = sum(shipment.units.values())
            sent.append((shipment.location, shipment.service, units))
            self._backlog[shipment.location] = self._backlog.get(shipment.location, 0) + units
            for line, count in shipment.units.items():
                at = (shipment.location, sku_of[line])
                free, missing, promisable = self._free[at]
                self._free[at] = (free - count, missing, promisable - count)
                if at in self._shelf:
                    self._shelf[at] = max(0, self._shelf[at] - count)
        objective = plan.objective
        return Answer(
            past.number,
            past.ask.units,
            objective.unserved,
            objective.late,
            cost_minor,
            tuple(sorted(sent)),
        )

    def _work_off(self, now_us: int) -> None:
        """Let the locations pick what they were given until now."""
        since, self._at_us = self._at_us, now_us
        if since is None or not self._book.weighs_capacity:
            return
        for place in self._world.places:
            left = self._backlog.get(place.location, 0)
            if left:
                schedule = self._book.schedule(place.location, place.zone)
                self._backlog[place.location] = max(
                    0, left - worked_off(schedule, from_us=since, to_us=now_us)
                )
