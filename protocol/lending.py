"""How much of which article a store lends, and how much is never promised: the policy, and its arithmetic.

Operations writes rules; the hub keeps them and tells every location those that concern it, so both sides work
out the same numbers, also without a line. A rule speaks of all articles, of a category or of one article, at
one location or everywhere, and says only what it wants to be different: **of every value, the closest rule
that says it counts** (article before category before all; of two equally close ones, that of the location).

A reader would get wrong what a wish is. `want` of the hub's vector is a level, not a number of units more: "I
want to hold so many free". A wish that is repeated, late or overtaken therefore lends nothing twice, and a
wrong one costs sales, never a promise: the proof of `protocol.rights` rests on none of this.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from protocol.fulfilment import PromiseClass
from protocol.money import PPM
from protocol.orders import WireModel
from protocol.rights import EdgeStock, quota, spare_last_units, wanted, wanted_back

MINUTES_PER_DAY: Final = 24 * 60
MILLI: Final = 1000
RULES: Final = 1_000
"""Rules of one company; a policy is read by people, and each one is looked at for every article."""
RULES_PER_LOCATION: Final = 250
"""Rules that concern one location travel in one directive of 32 KiB."""
UNITS: Final = 1_000_000
RATE_HALF_LIFE_DAYS: Final = 7
"""What sold a week ago counts half of what sells today."""

Units = Annotated[int, Field(ge=0, le=UNITS)]


class LastUnits(StrEnum):
    """Who gets the last units of an article."""

    SHARED = "shared"
    STORE = "store"
    ONLINE = "online"


class Silence(StrEnum):
    """From when on a location that is silent gets no new promise of a class."""

    LATE = "late"
    OFFLINE = "offline"
    NEVER = "never"


class LendingRule(WireModel):
    """What operations says of some articles at some locations; what is None is left to other rules."""

    scope: Literal["all", "category", "sku"] = "all"
    name: str = Field(default="", max_length=64)
    """The category or the article."""
    location: str = Field(default="", max_length=40)
    """Empty: everywhere."""
    share_ppm: Annotated[int, Field(ge=0, le=PPM)] | None = None
    """What part of the stock that is not promised may be lent at all."""
    cap: Units | None = None
    """The most that the hub may hold free."""
    least: Units | None = None
    """What it holds of an article that nobody asks for, so that the first order finds one."""
    k_milli: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """How many refill times of demand it holds, in thousandths."""
    refill_minutes: Annotated[int, Field(ge=0, le=30 * MINUTES_PER_DAY)] | None = None
    """How long it may take until a loan is refilled: a round trip, and what a line that flaps costs."""
    last_units: LastUnits | None = None
    kept_units: Units | None = None
    """How many units are the last ones."""
    safety_stock: Units | None = None
    """Lent units at one location that are never promised."""
    company_threshold: Units | None = None
    """Lent units over all locations that are never promised; said for everywhere only."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what it speaks of; there is one rule for each."""
        return self.scope, self.name, self.location

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Write only what is said: two hundred rules have to fit in one packet."""
        said: dict[str, object] = dump(self)
        return {name: value for name, value in said.items() if value not in (None, "")}


class LendingPolicy(WireModel):
    """The directive `lending.policy`: the rules that concern one location, whole; a later one replaces it."""

    version: int = Field(ge=1)
    rules: tuple[LendingRule, ...] = Field(default=(), max_length=RULES_PER_LOCATION)


@dataclass(frozen=True, slots=True)
class Terms:
    """What counts for one article at one location."""

    share_ppm: int = 0
    cap: int = 3
    least: int = 1
    k_milli: int = 2 * MILLI
    refill_minutes: int = 60
    last_units: LastUnits = LastUnits.SHARED
    kept_units: int = 1
    safety_stock: int = 0
    company_threshold: int = 0


VALUES: Final = tuple(name for name in LendingRule.model_fields if name not in ("scope", "name", "location"))
"""What a rule can say, by name."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules ready to be asked, over what counts where none speaks."""

    base: Terms = field(default=Terms())
    rules: MappingProxyType[tuple[str, str, str], LendingRule] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def terms(self, sku: str, category: str, location: str) -> Terms:
        """Return what counts for an article at a location; `location` may be empty for the company's own."""
        found: dict[str, object] = {}
        for key in _closest(sku, category, location):
            rule = self.rules.get(key)
            if rule is None:
                continue
            for name in VALUES:
                value = getattr(rule, name)
                if value is not None:
                    found.setdefault(name, value)
        return self.base if not found else Terms(**{**_values(self.base), **found})  # type: ignore[arg-type]  # checked by the rule's model

    def locations(self, sku: str, category: str) -> frozenset[str]:
        """Return the locations at which something else counts for an article than everywhere."""
        return frozenset(
            rule.location
            for rule in self.rules.values()
            if rule.location
            and (rule.scope, rule.name) in {("all", ""), ("category", category), ("sku", sku)}
        )


def policy_of(rules: Iterable[LendingRule], base: Terms) -> Policy:
    """Return rules ready to be asked."""
    return Policy(base, MappingProxyType({rule.key: rule for rule in rules}))


def concerning(rules: Iterable[LendingRule], location: str) -> tuple[LendingRule, ...]:
    """Return the rules that a location has to know."""
    return tuple(rule for rule in rules if rule.location in ("", location))


def demand(terms: Terms, rate_milli: int) -> int:
    """Return how many units the hub wants to hold free: min(ceil(rate x refill time x k), cap).

    `rate_milli` is what is promised online, in thousandths of a unit a day.
    """
    return min(terms.cap, _of_refill(terms, rate_milli, up=True))


def loan(terms: Terms, *, want: int, physical: int, bound: int, promised: int) -> int:
    """Return how many units the hub shall hold free, by what it wants and what the store can spare.

    `promised` units of the loan have an order already: the share is one of what has not.
    """
    spare = physical - promised
    few = spare - bound <= terms.kept_units
    share_ppm = PPM if few and terms.last_units is LastUnits.ONLINE else terms.share_ppm
    units = quota(
        online_rate_per_day=max(terms.least, want),
        refill_days=1,
        k=1,
        share_ppm=share_ppm,
        physical=spare,
        bound=bound,
        cap=terms.cap,
    )
    if terms.last_units is not LastUnits.STORE:
        return units
    return spare_last_units(units, physical=spare, bound=bound, kept=terms.kept_units)


def floor_of(terms: Terms, rate_milli: int) -> int:
    """Return below how many sellable units the store asks for its loan back; `rate_milli` is its own sale."""
    match terms.last_units:
        case LastUnits.ONLINE:
            return 0
        case LastUnits.STORE:
            return max(terms.kept_units, _of_refill(terms, rate_milli, up=True))
        case _:
            return _of_refill(terms, rate_milli, up=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a store does about one article: units to lend now, or units to ask back."""

    lend: int = 0
    back: int = 0


def balance(stock: EdgeStock, terms: Terms, *, hub_free: int, want: int, rate_milli: int) -> Wish:
    """Return what to lend or to ask back, so that both sides can sell: rule 8.

    Nothing is lent that would be asked back at once: the store keeps what it sells until the next round trip.
    """
    if stock.deficit:
        return Wish()  # what is missing is asked for by the deficit itself
    floor = floor_of(terms, rate_milli)
    aim = loan(
        terms,
        want=want,
        physical=stock.physical,
        bound=stock.bound,
        promised=max(0, stock.outstanding - hub_free),
    )
    lend = min(wanted(hub_free=hub_free, loan=aim), stock.sellable - floor)
    if lend > 0:
        return Wish(lend=lend)
    return Wish(back=wanted_back(sellable=stock.sellable, floor=floor, hub_free=hub_free))


def decayed(rate_milli: int, days: Fraction, units: int = 0) -> int:
    """Return a measured rate after so many days in which so many units went: the half-life is a week.

    A steady demand of r a day settles at r; what is bought once fades away.
    """
    kept = rate_milli * math.pow(0.5, float(days / RATE_HALF_LIFE_DAYS))
    return max(0, round(kept + units * MILLI * math.log(2) / RATE_HALF_LIFE_DAYS))


DEFAULT_SILENCE: Final = MappingProxyType({
    PromiseClass.SAME_HOUR: Silence.LATE,
    PromiseClass.SAME_DAY: Silence.OFFLINE,
    PromiseClass.STANDARD: Silence.OFFLINE,
})  # fmt: skip
"""A tight promise needs somebody who looks at the order within minutes."""


def _closest(sku: str, category: str, location: str) -> Iterable[tuple[str, str, str]]:
    for scope, name in (("sku", sku), ("category", category), ("all", "")):
        if name or scope == "all":
            if location:
                yield scope, name, location
            yield scope, name, ""


def _values(terms: Terms) -> dict[str, object]:
    return {name: getattr(terms, name) for name in VALUES}


def _of_refill(terms: Terms, rate_milli: int, *, up: bool) -> int:
    units, per = rate_milli * terms.refill_minutes * terms.k_milli, MILLI * MILLI * MINUTES_PER_DAY
    return -(-units // per) if up else units // per
