"""Choose the location that fulfils an order.

Facts in, decision out: the caller reads the facts in the transaction that stores the decision. Today the
whole order comes from one location; the values carry lines, options and cost parts, so that an answer from
several locations needs no other question. A "no" keeps a reason for every location, because whoever opens
the exception asks "why not Turin?". The order in which candidates are given changes nothing.
"""

import hashlib
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from protocol.fulfilment import FulfilKind, PromiseClass

MAX_RE_ROUTES: Final = 2
"""Automatic re-routes of one order; then a person decides, because something is wrong with more than it."""
MINUTE_US: Final = 60_000_000
DAY_US: Final = 24 * 3600 * 1_000_000
_SAID: Final = 3
"""Reasons that the sentence for people names."""
_LOCATION: Final = itemgetter(0)
_COST: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Need:
    """Units of one order line that somebody is to fulfil."""

    line_no: int
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What the customer was promised, and who must not be asked again."""

    key: str
    """The order's id: it spreads orders over locations that cost the same."""
    kind: FulfilKind
    due_us: int
    now_us: int
    lines: tuple[Need, ...]
    location: str = ""
    """For collection: where. For shipping: where the goods must come from, or anywhere."""
    service: str = ""
    promise_class: PromiseClass = PromiseClass.STANDARD
    excluded: frozenset[str] = frozenset()
    """Locations that have given this order back."""

    @property
    def wanted(self) -> dict[str, int]:
        """Units by item."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.sku] = found.get(line.sku, 0) + line.quantity
        return found

    @property
    def units(self) -> int:
        """All units together."""
        return sum([line.quantity for line in self.lines])


class Option(NamedTuple):
    """One way in which a location can fulfil."""

    service: str
    late_days: int
    fixed_minor: int


class Candidate(NamedTuple):
    """What is known about one location. A tuple: five hundred are made for every order."""

    location: str
    name: str
    kind: str
    """`store` or `warehouse`."""
    silent: str
    """Why it gets no new promise of this class (`INACTIVE`, `STALE`), or empty."""
    silent_seconds: int | None
    stock: tuple[int, ...]
    """For each item of `Ask.wanted`, in its order: free units, missing units, units that may be promised."""
    options: tuple[Option, ...]

    def promisable(self, at: int) -> int:
        """Return what may be promised of the item at this place in `Ask.wanted`."""
        return self.stock[3 * at + 2]


@dataclass(frozen=True, slots=True)
class PickCost:
    """What picking costs at one kind of location."""

    line_minor: int
    unit_minor: int

    def of_lines(self, ask: Ask) -> int:
        """Return what walking for the lines costs."""
        return self.line_minor * len(ask.lines)

    def of_units(self, ask: Ask) -> int:
        """Return what handling the units costs."""
        return self.unit_minor * ask.units


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the choice is worked out with."""

    ship_minor: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"standard": 400, "express": 900})
    )
    store: PickCost = PickCost(60, 15)
    warehouse: PickCost = PickCost(25, 8)
    ready_minutes: int = 30
    left_for_all: Mapping[str, int] | None = None
    """Units of each item that the company may still promise; None where no threshold keeps any back."""

    def pick(self, kind: str) -> PickCost:
        """Return what picking costs at a kind of location."""
        return self.warehouse if kind == "warehouse" else self.store

    def options(self, ask: Ask) -> tuple[Option, ...]:
        """Return how an order can be fulfilled: late by so many days if it cannot be ready in time."""
        short_us = max(0, ask.now_us + self.ready_minutes * MINUTE_US - ask.due_us)
        late_days = -(-short_us // DAY_US)
        if ask.kind is FulfilKind.COLLECT:
            return (Option("", late_days, 0),)
        return tuple(
            Option(service, late_days, minor)
            for service, minor in sorted(self.ship_minor.items())
            if ask.service in ("", service)
        )


class Rejected(NamedTuple):
    """A location that was passed over, and the rule that removed it."""

    location: str
    code: str
    fact: str


@dataclass(frozen=True, slots=True)
class Priced:
    """One location with one option, and what it costs by its parts."""

    location: str
    name: str
    service: str
    late_days: int
    carrier_minor: int
    pick_lines_minor: int
    pick_units_minor: int

    @property
    def cost_minor(self) -> int:
        """All of it."""
        return self.carrier_minor + self.pick_lines_minor + self.pick_units_minor


@dataclass(frozen=True, slots=True)
class Chosen:
    """Fulfil from here."""

    best: Priced
    next_best: Priced | None
    able: int
    rejected: tuple[Rejected, ...]
    digest: str

    @property
    def sentence(self) -> str:
        """Say it in one sentence for people."""
        if self.able == 1:
            return f"{self.best.name} is the only location that keeps the promise."
        assert self.next_best is not None
        return (
            f"{self.best.name} is the cheapest of {self.able} locations that keep the promise; "
            f"next is {self.next_best.name}, {_money(self.next_best.cost_minor - self.best.cost_minor)} more."
        )


@dataclass(frozen=True, slots=True)
class NoLocation:
    """No location can keep the promise; `rejected` says why, location by location."""

    rejected: tuple[Rejected, ...]
    digest: str

    @property
    def sentence(self) -> str:
        """Say it in one sentence for people."""
        if not self.rejected:
            return "No location can keep the promise: none is known."
        said = "; ".join(f"{row.location}: {row.fact}" for row in self.rejected[:_SAID])
        more = len(self.rejected) - _SAID
        return f"No location can keep the promise. {said}{f'; and {more} more' if more > 0 else ''}."


def choose(ask: Ask, candidates: Iterable[Candidate], parameters: Parameters) -> Chosen | NoLocation:
    """Return the cheapest location that keeps the promise with the whole order, with reasons for the rest."""
    ready = sorted(candidates, key=_LOCATION)
    digest = snapshot_digest(ask, ready, parameters)
    wanted = ask.wanted
    short = _kept_by_company(wanted, parameters)
    able: list[tuple[int, Candidate, Option]] = []
    rejected: list[Rejected] = []
    # Most locations of a kind cost the same, so each way is worked out once; `id`, because they share it.
    priced: dict[tuple[str, int], tuple[int, Option] | None] = {}
    for candidate in ready:
        code, fact = short or why_not(ask, candidate, wanted)
        way = None
        if not code:
            key = (candidate.kind, id(candidate.options))
            if key not in priced:
                priced[key] = _cheapest(ask, candidate, parameters)
            way = priced[key]
        if way is None:
            late = f"needs {parameters.ready_minutes} minutes, and less is left"
            rejected.append(Rejected(candidate.location, code or "CUTOFF", fact or late))
        else:
            able.append((way[0], candidate, way[1]))
    if not able:
        return NoLocation(tuple(rejected), digest)
    cheapest = min(map(_COST, able))
    # Locations that cost the same take turns by a hash, so that the first in the list is not emptied first.
    turn = zlib.crc32(f"{ask.key}:".encode())
    turns = [
        (zlib.crc32(row[1].location.encode(), turn), row[1].location, n)
        for n, row in enumerate(able)
        if row[0] == cheapest
    ]
    best = able[min(turns)[2]]
    following = min([row for row in able if row is not best], key=_COST, default=None)
    return Chosen(
        best=_priced(ask, best[1], best[2], parameters),
        next_best=_priced(ask, following[1], following[2], parameters) if following else None,
        able=len(able),
        rejected=tuple(rejected),
        digest=digest,
    )


def why_not(ask: Ask, candidate: Candidate, wanted: Mapping[str, int]) -> tuple[str, str]:
    """Return the first objection to a location as (code, fact); two empty texts when there is none."""
    incapable = _incapable(ask, candidate)
    if incapable:
        return "NOT_CAPABLE", incapable
    if candidate.location in ask.excluded:
        return "EXCLUDED_REJECTED", "has given this order back"
    if candidate.silent:
        return candidate.silent, _silence(candidate)
    stock, at = candidate.stock, 0
    for sku, units in wanted.items():
        if stock[at + 2] < units:
            return _too_few(sku, units, stock[at : at + 3])
        at += 3
    return "", ""


def snapshot_digest(ask: Ask, ready: Sequence[Candidate], parameters: Parameters) -> str:
    """Return a digest of everything the decision rests on; `ready` is sorted by location."""
    asked = (ask.kind, ask.location, ask.service, ask.due_us, ask.lines, sorted(ask.excluded))
    said = "\n".join([f"{each.location} {each.kind} {each.silent}" for each in ready])
    digest = hashlib.sha256(f"{asked!r}{parameters!r}{said}".encode())
    digest.update(array("q", chain.from_iterable([each.stock for each in ready])).tobytes())
    return digest.hexdigest()[:32]


def _too_few(sku: str, units: int, there: tuple[int, ...]) -> tuple[str, str]:
    free, missing, promisable = there
    if missing:
        return "DEFICIT", f"misses {missing} of {sku} that are promised already"
    if free >= units:
        return "SAFETY_STOCK", f"has {free} of {sku} free and keeps {free - promisable}"
    return "NO_ATP", f"has {free} of {sku} free, {units} needed" if free else f"has none of {sku} free"


def _kept_by_company(wanted: Mapping[str, int], parameters: Parameters) -> tuple[str, str] | None:
    left = parameters.left_for_all
    if left is None:
        return None
    for sku, units in wanted.items():
        if left.get(sku, 0) < units:
            return "RULE:company_threshold", f"{left.get(sku, 0)} of {sku} may still be promised at all"
    return None


def _incapable(ask: Ask, candidate: Candidate) -> str:
    if ask.location and candidate.location != ask.location:
        return f"the goods were promised from {ask.location}"
    if ask.kind is FulfilKind.COLLECT and candidate.kind != "store":
        return "nobody can collect there"
    return "" if candidate.options else f"does not ship by {ask.service}"


def _silence(candidate: Candidate) -> str:
    if candidate.silent == "INACTIVE":
        return "is shut out"
    seconds = candidate.silent_seconds
    return "was never heard" if seconds is None else f"was not heard for {seconds} seconds"


def _cheapest(ask: Ask, candidate: Candidate, parameters: Parameters) -> tuple[int, Option] | None:
    """Return the cheapest option of a location that is not late, and what it costs in all."""
    punctual = [option for option in candidate.options if not option.late_days]
    if not punctual:
        return None
    best = min(punctual, key=lambda option: (option.fixed_minor, option.service))
    return _priced(ask, candidate, best, parameters).cost_minor, best


def _priced(ask: Ask, candidate: Candidate, option: Option, parameters: Parameters) -> Priced:
    pick = parameters.pick(candidate.kind)
    return Priced(
        location=candidate.location,
        name=candidate.name,
        service=option.service,
        late_days=option.late_days,
        carrier_minor=option.fixed_minor,
        pick_lines_minor=pick.of_lines(ask),
        pick_units_minor=pick.of_units(ask),
    )


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
