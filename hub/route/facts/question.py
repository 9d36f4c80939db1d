"""From facts to a routing question: who could fulfil, at what price, and the rule that removed the others.

Facts in, question out. Whoever reads the facts keeps them of one moment (`snapshot`). Every location ends
either as a site of the question or in `rejected` with a code and the fact behind it, never in neither.

What a reader would get wrong: two lines of one item share the units of a location, and the solver knows
lines only. So the units are dealt out to the lines in their order before it is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hub.fleet.rules import LATE_SECONDS
from hub.route.facts.apart import NO_UNITS, Apart, unit_prices
from hub.route.facts.book import Book, Hands
from hub.route.facts.geo import metres, point_of, zone_of
from hub.route.facts.known import Facts, Known
from hub.route.facts.opening import MINUTE_US
from hub.route.facts.parameters import PPM, FilterRow, ItemRow
from hub.route.facts.ways import Ways, When, late_fact
from hub.route.facts.worth import busy_minor, mean_centi, opportunity, stays_away_ppm
from hub.route.rules.choice import Rejected
from hub.route.rules.instance import PICKUP, SHIP, Instance, Line, Option, Plan, Site
from protocol.clock import MICROSECONDS
from protocol.fulfilment import FulfilKind

_FREE, _MISSING, _PROMISABLE, _WIDTH = 0, 1, 2, 3
_NO_WORTH: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({})


_LOCATION: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Question:
    """What the solver is asked, who was removed before, and what the prices are made of."""

    instance: Instance
    rejected: tuple[Rejected, ...]
    apart: Mapping[str, Apart]
    split_minor: int = 0
    """In the price of every shipment; the first one of an order splits nothing, so it costs less by this."""

    def cost_minor(self, plan: Plan) -> int:
        """Return what a plan costs: the patience of the customer is paid for from the second shipment on."""
        return plan.objective.minor - (self.split_minor if plan.shipments else 0)


class _Out(NamedTuple):
    code: str
    fact: str


def question_of(book: Book, facts: Facts) -> Question:
    """Return the question that an order puts, with a reason for every location that is not in it."""
    ask = facts.ask
    made = _Maker(book, facts)
    sites: list[Site] = []
    rejected: list[Rejected] = []
    apart: dict[str, Apart] = {}
    short = made.kept_by_company()
    for known in sorted(facts.known, key=_LOCATION):
        found = short or made.site(known)
        if isinstance(found, _Out):
            rejected.append(Rejected(known.location, *found))
        else:
            site, apart[known.location] = found
            sites.append(site)
    kind = PICKUP if ask.kind is FulfilKind.COLLECT else SHIP
    instance = Instance(ask.key, kind, made.max_shipments, made.lines, tuple(sites))
    return Question(instance, tuple(rejected), apart, made.ways.split_minor)


class _Maker:
    """Makes the sites of one question; what does not differ between locations is worked out once."""

    def __init__(self, book: Book, facts: Facts) -> None:
        self.book, self.facts, self.ask = book, facts, facts.ask
        self.wanted = self.ask.wanted
        self.asked_units = self.ask.units
        general, value = book.said.general, facts.about.value_minor
        self.whole_only = value is not None and value < general.split_from_minor
        alone = bool(self.ask.location) and not any(to == self.ask.location for _origin, to in book.lanes)
        # Where only one location can be asked there is nothing to split, and the reasons are plainer.
        self.max_shipments = 1 if self.whole_only or alone else general.max_shipments
        self.items = {sku: self._item(sku) for sku in self.wanted}
        self.lines = tuple(
            Line(
                str(need.line_no),
                need.quantity,
                self.items[need.sku].weight_g,
                not self.items[need.sku].whole,
                self.items[need.sku].together,
            )
            for need in self.ask.lines
        )
        self.grams = sum([line.weight_g * line.quantity for line in self.lines])
        self.whole = {line.id: line.quantity for line in self.lines}
        split = general.split_minor if self.max_shipments > 1 else 0
        self.ways = Ways(book, self.ask, facts.about.deliver_us, split_minor=split)
        self.like: dict[str, tuple[tuple[Option, ...] | _Out, int]] = {}
        self.hands: dict[str, Hands] = {}
        self.zones: dict[str, str | None] = {}
        self.risks: dict[tuple[int, ...], Mapping[str, int]] = {}
        self.risked: dict[tuple[int, int], tuple[tuple[Option, ...], tuple[Option, ...]]] = {}
        """The options themselves are kept beside their dearer ones, so that no other tuple takes their id."""
        self.returns = self._returns()
        anywhere = self.ask.kind is FulfilKind.SHIP and not self.ask.location
        self.alike: dict[tuple[str, str], tuple[tuple[Any, ...], Apart]] | None = (
            {} if book.plain and not book.places and anywhere else None
        )
        """What locations of a kind and a zone have in common where no row speaks of one of them."""
        self.alone = self.ask.excluded | facts.about.holding
        self.nothing_apart = Apart(split_minor=self.ways.split_minor)
        categories = {self._category(sku) for sku in self.wanted}
        self.filters = [
            row
            for row in sorted(book.said.filters, key=lambda row: row.name)
            if row.kind in ("", self.ask.kind.value) and (not row.category or row.category in categories)
        ]

    def _category(self, sku: str) -> str:
        good = self.facts.goods.get(sku)
        return good.category if good else ""

    def _item(self, sku: str) -> ItemRow:
        return self.book.item(sku, self._category(sku))

    def kept_by_company(self) -> _Out | None:
        """Return why nobody may promise this: the company keeps back what is left."""
        left = self.facts.left_for_all
        for sku, units in self.wanted.items() if left is not None else ():
            if left is not None and left.get(sku, 0) < units:
                return _Out(
                    "RULE:company_threshold", f"{left.get(sku, 0)} of {sku} may still be promised at all"
                )
        return None

    def site(self, known: Known) -> tuple[Site, Apart] | _Out:
        """Return a location as the solver sees it, or the first rule that removes it."""
        kind = (known.kind, known.zone)
        if self.alike is None or known.silent or known.location in self.alone:
            return self._worked_out_site(known)
        if self._units(known) is not self.whole:
            return self._worked_out_site(known)
        same = self.alike.get(kind)
        if same is None:
            found = self._worked_out_site(known)
            if not isinstance(found, _Out):
                self.alike[kind] = (found[0][1:], found[1])
            return found
        return Site(known.location, *same[0]), same[1]

    def _worked_out_site(self, known: Known) -> tuple[Site, Apart] | _Out:
        out, distance = self._unable(known), None
        if out is None and (known.silent or self.book.places):
            out = self._silent(known)
        if out is None and not self.book.plain:
            if self.book.needs_distance:
                distance = self._distance(known.location)
            out = self._filtered(known.location, distance) or self._entity(known)
        if out is not None:
            return out
        atp = self._units(known)
        if isinstance(atp, _Out):
            return atp
        options, cap = self._options(known, distance)
        if isinstance(options, _Out):
            return options
        heavy = self._too_heavy(atp, options)
        return heavy or self._made(known, atp, (options, cap), distance)

    def _unable(self, known: Known) -> _Out | None:
        ask, row = self.ask, self.book.places.get(known.location)
        if ask.kind is FulfilKind.COLLECT:
            if self._is_there(known):
                able = known.kind == "store" and (row is None or row.collects)
                out = None if able else "nobody can collect there"
            else:
                out = self._no_lane(known.location)
        elif ask.location and known.location != ask.location:
            out = f"the goods were promised from {ask.location}"
        else:
            out = "does not ship" if row is not None and not row.ships else None
        if out:
            return _Out("NOT_CAPABLE", out)
        if known.location in ask.excluded:
            return _Out("EXCLUDED_REJECTED", "has given this order back, or somebody went on without it")
        return None

    def _is_there(self, known: Known) -> bool:
        """Tell whether the customer comes to a location: to the one that was named, or wherever they like."""
        return self.ask.location in {"", known.location}

    def _no_lane(self, location: str) -> str | None:
        to, places = self.ask.location, self.book.places
        if (location, to) not in self.book.lanes:
            return f"the goods were promised from {to}"
        origin, there = places.get(location), places.get(to)
        if (origin is not None and not origin.sends) or (there is not None and not there.receives):
            return f"sends nothing to {to}"
        return None

    def _silent(self, known: Known) -> _Out | None:
        if known.silent == "INACTIVE":
            return _Out("INACTIVE", "is shut out")
        age, row = known.age_seconds, self.book.places.get(known.location)
        limit = None if row is None or row.stale_minutes is None else row.stale_minutes * 60
        if known.silent:
            return _Out(known.silent, _not_heard(age))
        if limit is not None and (age is None or age > limit):
            return _Out("STALE", f"{_not_heard(age)}, {_span(limit)} are allowed")
        return None

    def _distance(self, location: str) -> int | None:
        there = self.facts.about.destination.point
        here = point_of(self.book.places.get(location)) or self.facts.points.get(location)
        return metres(here, there) if here is not None and there is not None else None

    def _filtered(self, location: str, distance_m: int | None) -> _Out | None:
        if not self.filters:
            return None
        names = self.book.names_of(location)
        for row in self.filters:
            if row.removes and row.removes not in names:
                continue
            if row.beyond_km is not None and (distance_m is None or distance_m <= row.beyond_km * 1_000):
                continue
            return _Out(f"RULE:{row.name}", _filter_fact(row, distance_m))
        return None

    def _entity(self, known: Known) -> _Out | None:
        between = self.book.between(self.facts.about.seller or known.entity, known.entity)
        if between is None or between.allowed:
            return None
        return _Out("LEGAL_ENTITY", f"belongs to {known.entity}, sold by {self.facts.about.seller}")

    def _units(self, known: Known) -> dict[str, int] | _Out:
        """Return the units of each line that a location may promise, or why it is of no use."""
        stock, at = known.stock, _PROMISABLE
        for sku, units in self.wanted.items():
            if stock[at] < units:
                if self.max_shipments == 1 and not self.whole_only:
                    return self._too_few(known.location, sku, units, stock[at - 2 : at + 1])
                return self._some_units(known)
            at += _WIDTH
        return self.whole

    def _some_units(self, known: Known) -> dict[str, int] | _Out:
        stock, at = known.stock, 0
        there: dict[str, int] = {}
        short: _Out | None = None
        for sku, units in self.wanted.items():
            of_sku = stock[at : at + _WIDTH]
            at += _WIDTH
            there[sku] = of_sku[_PROMISABLE]
            if there[sku] < units and short is None:
                short = self._too_few(known.location, sku, units, of_sku)
        if short is not None and (self.max_shipments == 1 or not any(there.values())):
            return (
                _Out("SPLIT_VALUE_MIN", f"{short.fact}; too little is ordered for two places")
                if (self.whole_only and any(there.values()))
                else short
            )
        atp: dict[str, int] = {}
        for need in self.ask.lines:
            units = min(need.quantity, there[need.sku])
            there[need.sku] -= units
            if units:
                atp[str(need.line_no)] = units
        return self._together(atp)

    def _together(self, atp: dict[str, int]) -> dict[str, int] | _Out:
        """Return what is left of lines that come whole or not at all, and of those that travel together."""
        code, fact = "", ""
        for line in self.lines:
            if not line.splittable and 0 < atp.get(line.id, 0) < line.quantity:
                code, fact = "LINE_NOT_WHOLE", f"has {atp.pop(line.id)} of {line.quantity} of line {line.id}"
        broken = {line.group for line in self.lines if line.group and atp.get(line.id, 0) < line.quantity}
        for line in self.lines:
            if line.group in broken and atp.pop(line.id, 0):
                code, fact = "GROUP_BROKEN", f"cannot send all that travels together as {line.group}"
        return atp or _Out(code, fact)

    def _too_few(self, location: str, sku: str, units: int, of_sku: tuple[int, ...]) -> _Out:
        free, missing, promisable = of_sku
        if missing:
            return _Out("DEFICIT", f"misses {missing} of {sku} that are promised already")
        if free >= units:
            return _Out("SAFETY_STOCK", f"has {free} of {sku} free and keeps {free - promisable}")
        on_shelf = self.facts.shelf.get((location, sku), 0)
        if not free and on_shelf >= units:
            return _Out("QUOTA_EMPTY", f"has {on_shelf} of {sku} on its shelf and has lent none")
        return _Out(
            "NO_ATP", f"has {free} of {sku} free, {units} needed" if free else f"has none of {sku} free"
        )

    def _options(self, known: Known, distance_m: int | None) -> tuple[tuple[Option, ...] | _Out, int]:
        """Return the ways that are open to a location and the units that fit, or why there is none."""
        if not self.book.plain:
            return self._worked_out(known, distance_m)
        alone = known.location == self.ask.location or known.location in self.facts.about.holding
        like = known.location if alone else f"in {known.zone}"
        if like not in self.like:
            self.like[like] = self._worked_out(known, distance_m)
        return self.like[like]

    def _worked_out(self, known: Known, distance_m: int | None) -> tuple[tuple[Option, ...] | _Out, int]:
        ask, ways = self.ask, self.ways
        when = ways.when(known)
        if when.begins_us is None:
            return _Out("NO_CAPACITY", f"has {known.backlog} units to pick and no hands free in time"), 0
        if when.ready_us is None:
            return _Out("CLOSED", "is closed for weeks"), 0
        found = self._open_ways(known, distance_m)
        if isinstance(found, _Out):
            return found, 0
        if not self.book.said.general.late_allowed:
            found = tuple(option for option in found if not option.late_days)
        return (found or _Out(*late_fact(when, ask, known.location))), when.cap_units

    def _open_ways(self, known: Known, distance_m: int | None) -> tuple[Option, ...] | _Out:
        ask, ways, book = self.ask, self.ways, self.book
        when = ways.when(known)
        if ask.kind is FulfilKind.COLLECT:
            if self._is_there(known):
                return ways.collected(when)
            return ways.transferred(when, book.lanes[known.location, ask.location], self.facts.known)
        zone = zone_of(book.zones, book.names_of(known.location), self.facts.about.destination, distance_m)
        if zone is None or not book.carried(zone):
            return _Out("CARRIER_ZONE", _zone_fact(zone, distance_m))
        found = ways.shipped(when, known, zone, held=known.location in self.facts.about.holding)
        return found or _Out("NOT_CAPABLE", f"does not ship by {ask.service}")

    def _zone(self, location: str, distance_m: int | None) -> str | None:
        if location not in self.zones:
            self.zones[location] = zone_of(
                self.book.zones, self.book.names_of(location), self.facts.about.destination, distance_m
            )
        return self.zones[location]

    def _too_heavy(self, atp: Mapping[str, int], options: Sequence[Option]) -> _Out | None:
        if not self.grams:
            return None
        most = max([option.bands[-1][0] for option in options])
        least = min([line.weight_g for line in self.lines if line.id in atp])
        weight = self.grams if self.max_shipments == 1 else least
        return _Out("TOO_HEAVY", f"weighs {weight} g, at most {most} g are taken") if weight > most else None

    def _made(
        self,
        known: Known,
        atp: Mapping[str, int],
        open_to_it: tuple[tuple[Option, ...], int],
        distance_m: int | None,
    ) -> tuple[Site, Apart]:
        book = self.book
        hands = self.hands.get(known.kind) if book.plain else book.hands(known.location, known.kind)
        if hands is None:
            hands = self.hands[known.kind] = book.hands(known.location, known.kind)
        plain = book.plain
        apart = self.nothing_apart if plain else self._apart(known, hands.unit_seconds, distance_m)
        options = self._risked(open_to_it[0], apart.offline_minor)
        site = Site(
            location=known.location,
            cap_units=open_to_it[1],
            atp=atp,
            pick_line_minor=hands.line_minor,
            pick_unit_minor=hands.unit_minor,
            unit_minor=unit_prices(apart, self.lines),
            opportunity_minor=self._worth(known, atp) if book.said.general.demand else _NO_WORTH,
            options=options,
        )
        return site, apart

    def _risked(self, options: tuple[Option, ...], minor: int) -> tuple[Option, ...]:
        """Return options that cost more by a risk; locations that had one tuple have one again."""
        if not minor:
            return options
        key = (id(options), minor)
        if key not in self.risked:
            dearer = tuple([each._replace(fixed_minor=each.fixed_minor + minor) for each in options])
            self.risked[key] = (options, dearer)
        return self.risked[key][1]

    def _offline(self, known: Known, when: When) -> int:
        """Return what it costs to count on a location that is cut off (document 5: the offline term).

        `P(no reconnect before the latest start | silent for so long) x what giving an order back costs`.
        """
        minor, silent = self.book.said.general.reroute_minor, known.age_seconds or 0
        if not minor or silent < LATE_SECONDS:
            return 0
        left = self.ask.due_us - when.minutes * MINUTE_US - self.ask.now_us
        return -(-stays_away_ppm(silent, left // MICROSECONDS) * minor // PPM)

    def _apart(self, known: Known, unit_seconds: int, distance_m: int | None) -> Apart:
        book, ask, general = self.book, self.ask, self.book.said.general
        when = self.ways.when(known)
        lane = book.lanes.get((known.location, ask.location)) if ask.kind is FulfilKind.COLLECT else None
        between = book.between(self.facts.about.seller or known.entity, known.entity)
        return Apart(
            busy_minor=busy_minor(
                used=when.used + self.asked_units,
                units=when.units,
                busy_from_ppm=general.busy_from_ppm,
                overtime_minor=general.overtime_minor,
                unit_seconds=unit_seconds,
            ),
            transfer_minor=lane.unit_minor if lane is not None and known.location != ask.location else 0,
            entity_minor=between.unit_minor if between is not None else 0,
            risk_minor=self._risk(known.location),
            return_minor=self.returns,
            offline_minor=self._offline(known, when),
            split_minor=self.ways.split_minor,
            distance_m=distance_m,
            zone="" if ask.kind is FulfilKind.COLLECT else self._zone(known.location, distance_m) or "",
        )

    def _returns(self) -> Mapping[str, int]:
        minor = self.book.said.general.return_minor
        return {
            str(need.line_no): -(-self.items[need.sku].return_ppm * minor // PPM)
            for need in self.ask.lines
            if self.items[need.sku].return_ppm and minor
        }

    def _risk(self, location: str) -> Mapping[str, int]:
        minor, seen = self.book.said.general.reroute_minor, self.facts.accepts
        if not minor:
            return NO_UNITS
        refused = tuple(
            [self.book.refused_ppm(location, self._category(need.sku), seen) for need in self.ask.lines]
        )
        if refused not in self.risks:
            self.risks[refused] = {
                str(need.line_no): -(-ppm * minor // PPM)
                for need, ppm in zip(self.ask.lines, refused, strict=True)
                if ppm
            }
        return self.risks[refused]

    def _worth(self, known: Known, atp: Mapping[str, int]) -> Mapping[str, tuple[int, ...]]:
        general, days = self.book.said.general, self.book.restock_days(known.location)
        taken: dict[str, int] = {}
        found: dict[str, tuple[int, ...]] = {}
        for need in self.ask.lines:
            units = atp.get(str(need.line_no), 0)
            rate = self.facts.rate_milli.get((known.location, need.sku), 0)
            residual = self.items[need.sku].residual_minor
            if not units or not (rate or residual):
                continue
            margin = max(0, self.facts.goods[need.sku].margin_minor) if need.sku in self.facts.goods else 0
            at = list(self.wanted).index(need.sku) * _WIDTH + _PROMISABLE
            on_shelf = max(self.facts.shelf.get((known.location, need.sku), 0), known.stock[at])
            before = taken.get(need.sku, 0)
            worth = opportunity(
                mean_centi=mean_centi(rate, days),
                stock=on_shelf - before,
                units=units,
                kept_minor=margin * (PPM - general.recapture_ppm) // PPM,
                residual_minor=residual,
            )
            taken[need.sku] = before + units
            if any(worth):
                found[str(need.line_no)] = worth
        return found or _NO_WORTH


def _filter_fact(row: FilterRow, distance_m: int | None) -> str:
    if row.beyond_km is not None and distance_m is not None:
        return f"is {distance_m // 1_000} km away, {row.beyond_km} km are allowed"
    return f"is left out by the rule {row.name}"


def _zone_fact(zone: str | None, distance_m: int | None) -> str:
    if zone is not None:
        return f"no carrier goes to zone {zone or 'everywhere'}"
    away = "" if distance_m is None else f", {distance_m // 1_000} km away"
    return f"the way there lies in no zone{away}"


def _not_heard(age_seconds: int | None) -> str:
    return "was never heard" if age_seconds is None else f"was not heard for {_span(age_seconds)}"


def _span(seconds: int) -> str:
    """Return a span as a person says it, with nothing left out that a limit turns on: `7 min 31 s`."""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    said = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(said) or "0 s"
