"""Available to promise: one formula, always with its parts, used wherever availability is shown or used.

Per location: what it has lent and nobody was promised (H), less the safety stock; nothing while it reports a
deficit, and nothing while it is shut out or silent. Over all locations: the sum, less the company's
threshold. What stands on a shelf and was not lent is not available here, however much it is: only lent units
can be promised without asking (`protocol.rights`).

Five hundred locations are read for every order, so they stay tuples (`At.stock`); `available` gives them
names for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import add
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.fleet.rows import link_sessions, locations
from hub.fleet.rules import LATE_SECONDS, OFFLINE_SECONDS, PillState
from hub.spine.bulk import Select, by_key, unpacked
from hub.stock.policy import KeptBack, current
from hub.stock.rows import FREE_UNITS, hub_rights, is_fenced
from protocol.clock import MICROSECONDS
from protocol.fulfilment import PromiseClass
from protocol.lending import DEFAULT_SILENCE, Silence

INACTIVE: Final = "INACTIVE"
STALE: Final = "STALE"
DEFICIT: Final = "DEFICIT"
FENCED: Final = "FENCED"
"""Its rights must be re-opened first: it or the hub was restored (`hub.link.epochs`)."""
FREE, MISSING, PROMISABLE, WIDTH = 0, 1, 2, 3
"""Where the figures of an item stand in `At.stock`, and how many there are of each."""
Kept = KeptBack | Mapping[str, KeptBack]
"""What is kept back: the same of every item, or by item (`hub.stock.policy.kept_back`)."""
_NOTHING: Final = (0, 0, 0)
"""What a location could give of an item of which it has lent nothing."""

_HEARD: Final = (
    sa.select(sa.func.max(link_sessions.c.last_us))
    .where(link_sessions.c.edge == locations.c.location_id, ~link_sessions.c.drain_only)
    .scalar_subquery()
)
_EVERYWHERE: Final = sa.select(
    locations.c.location_id,
    locations.c.name,
    locations.c.kind,
    locations.c.status,
    locations.c.entity,
    locations.c.zone,
    _HEARD,
    is_fenced(locations.c.location_id),
)
_PLACES: Final = Lookup(_EVERYWHERE)
_PLACE: Final = Lookup(_EVERYWHERE.where(locations.c.location_id == sa.bindparam("only")))
_BY_LOCATION: Final = sa.select(
    hub_rights.c.sku,
    by_key(hub_rights.c.location, sa.case((FREE_UNITS > 0, FREE_UNITS), else_=0)).label("free"),
    by_key(hub_rights.c.location, hub_rights.c.deficit).filter(hub_rights.c.deficit > 0).label("missing"),
).group_by(hub_rights.c.sku)
_LENT: Final = Select(_BY_LOCATION, hub_rights.c.sku)
"""Free units and missing units of each item by location, in one row: five hundred rows of three items take
three times as long to fetch as this takes to pack and unpack."""
_LENT_AT: Final = Select(_BY_LOCATION.where(hub_rights.c.location == sa.bindparam("only")), hub_rights.c.sku)


class Place(NamedTuple):
    """One location as it is now."""

    location: str
    name: str
    kind: str
    entity: str
    zone: str
    """Its time zone."""
    state: PillState
    age_seconds: int | None
    """Since it was last heard, by any process of the hub; None when it never was."""
    silent: str
    """Why it gets no new promise of the class: `INACTIVE`, `STALE`, `FENCED`, or empty."""

    @property
    def is_heard(self) -> bool:
        """Tell whether it could answer now."""
        return self.state == "online"


class At(NamedTuple):
    """A `Place`, and what it could give of each item that was asked for."""

    location: str
    name: str
    kind: str
    entity: str
    zone: str
    state: PillState
    age_seconds: int | None
    silent: str
    stock: tuple[int, ...]
    """For each item in the order asked for: free units, missing units, units that may be promised."""


class Part(NamedTuple):
    """What one location adds to what is available of one item."""

    free: int
    """Lent and not promised (H)."""
    deficit: int
    """Promised units that the location misses."""
    excluded: str
    """Why nothing of it counts: `INACTIVE`, `STALE`, `FENCED`, `DEFICIT`, or empty."""
    promisable: int
    """What may be promised from there."""


@dataclass(frozen=True, slots=True)
class Available:
    """What can be promised of one item, and how that comes about."""

    sku: str
    parts: Mapping[str, Part]
    """By location; one that has lent nothing of it is left out."""
    kept_back: KeptBack
    inbound: int = 0
    """On its way to locations that lend it to the hub the moment they receive it; in no other number."""
    inbound_promised: int = 0
    """Of `inbound`, what orders wait for."""

    @property
    def promisable_later(self) -> int:
        """What a promise may rest on that is far enough off: of what is on its way, what nobody waits for."""
        return max(0, self.inbound - self.inbound_promised)

    @property
    def free(self) -> int:
        """Lent and not promised, over all locations, whether it counts or not."""
        return sum([part.free for part in self.parts.values()])

    @property
    def deficit(self) -> int:
        """Promised units that are missing, over all locations."""
        return sum([part.deficit for part in self.parts.values()])

    @property
    def excluded(self) -> int:
        """Free units that do not count, because their location is shut out, silent or misses some."""
        return sum([part.free for part in self.parts.values() if part.excluded])

    @property
    def safety_stock(self) -> int:
        """Free units that are kept back at their locations, over all that count."""
        return sum([part.free - part.promisable for part in self.parts.values() if not part.excluded])

    @property
    def _found(self) -> int:
        return sum([part.promisable for part in self.parts.values()])

    @property
    def kept_by_company(self) -> int:
        """Of what the locations could give, what the company keeps back over all of them."""
        return min(self._found, self.kept_back.company_threshold)

    @property
    def promisable(self) -> int:
        """What may be promised: the answer."""
        return self._found - self.kept_by_company

    @property
    def sums(self) -> "Sums":
        """The answer and its parts over all locations."""
        return Sums(self.free, self.excluded, self.safety_stock, self.kept_by_company, self.promisable)


@dataclass(frozen=True, slots=True)
class Sums:
    """What can be promised of one item over all locations, and how that comes about: the last is the rest."""

    free: int
    excluded: int
    safety_stock: int
    kept_by_company: int
    promisable: int


def state_of(seconds: int | None, *, active: bool) -> PillState:
    """Return how a location is that was heard so many seconds ago, as `hub.fleet.rules.pill_of` says it."""
    if not active:
        return "revoked"
    if seconds is None:
        return "never_seen"
    if seconds < LATE_SECONDS:
        return "online"
    return "late" if seconds < OFFLINE_SECONDS else "offline"


def why_silent(
    state: PillState, promise_class: PromiseClass, silence: Mapping[PromiseClass, Silence] = DEFAULT_SILENCE
) -> str:
    """Return why a location in this state gets no new promise of this class; empty when it does.

    A tight promise needs somebody who looks at the order within minutes, so it stops as soon as a location
    is late; every other one when it is offline; or as the policy says.
    """
    if state == "revoked":
        return INACTIVE
    stops = silence.get(promise_class, DEFAULT_SILENCE[promise_class])
    if state == "never_seen":
        return STALE
    if state == "offline":
        return "" if stops is Silence.NEVER else STALE
    return STALE if state == "late" and stops is Silence.LATE else ""


def places(
    connection: Connection,
    *,
    now_us: int,
    promise_class: PromiseClass = PromiseClass.STANDARD,
    only: str = "",
    memory: dict[str, Any] | None = None,
) -> list[Place]:
    """Return every location, or one, and why it gets no new promise of the class."""
    found = []
    silence = current(connection, memory).said.silence
    silences: dict[PillState, str] = {}
    rows = _PLACE.plain(connection, only=only) if only else _PLACES.plain(connection)
    for location, name, kind, status, entity, zone, last_us, fenced in rows:
        seconds = None if last_us is None else max(0, now_us - last_us) // MICROSECONDS
        state = state_of(seconds, active=status == "active")
        silent = silences.get(state)
        if silent is None:
            silent = silences[state] = why_silent(state, promise_class, silence)
        why = FENCED if fenced else silent
        found.append(Place(location, name, kind, entity, zone, state, seconds, why))
    return found


def heard_places(connection: Connection, *, now_us: int) -> frozenset[str]:
    """Return the locations that could answer now."""
    return frozenset(place.location for place in places(connection, now_us=now_us) if place.is_heard)


def stock_of(
    connection: Connection, locations: Sequence[str], skus: Sequence[str], kept_back: Kept
) -> list[tuple[int, ...]]:
    """Return what each of these locations could give of each item, in the order given: the formula."""
    if len(locations) == 1:
        rows = _LENT_AT.run(connection, skus, only=locations[0])
    else:
        rows = _LENT.run(connection, skus)
    by_sku = {row.sku: (unpacked(row.free), unpacked(row.missing)) for row in rows}
    found: list[tuple[int, ...]] = [()] * len(locations)
    for sku in skus:
        lent = _promisable(*by_sku.get(sku, ({}, {})), _kept(kept_back, sku))
        found = list(map(add, found, map(lent.get, locations, repeat(_NOTHING))))
    return found


def _promisable(
    free: Mapping[str, int], missing: Mapping[str, int], kept: KeptBack
) -> dict[str, tuple[int, int, int]]:
    """Return free, missing and promisable units of an item by location that has lent any."""
    safety = kept.safety_stock
    lent = {location: (units, 0, units - safety if units > safety else 0) for location, units in free.items()}
    for location, safety_there in kept.at.items():
        if location in lent:
            units = free[location]
            lent[location] = (units, 0, max(0, units - safety_there))
    for location, units in missing.items():
        lent[location] = (free[location], units, 0)
    return lent


def stock_at(
    connection: Connection,
    skus: Sequence[str],
    *,
    now_us: int,
    kept_back: Kept,
    promise_class: PromiseClass = PromiseClass.STANDARD,
) -> list[At]:
    """Return every location with what it could give of each item."""
    known = places(connection, now_us=now_us, promise_class=promise_class)
    stock = stock_of(connection, [place.location for place in known], skus, kept_back)
    return [At(*place, of_place) for place, of_place in zip(known, stock, strict=True)]


def available(
    connection: Connection,
    skus: Sequence[str],
    *,
    now_us: int,
    kept_back: Kept,
    promise_class: PromiseClass = PromiseClass.STANDARD,
    inbound: Mapping[str, int] = MappingProxyType({}),
    inbound_promised: Mapping[str, int] = MappingProxyType({}),
) -> tuple[dict[str, Available], list[At]]:
    """Return what can be promised of each item with its parts, and the locations they are of.

    `inbound` stands beside it: what is lent the moment it is received, for a promise that is far enough off;
    `inbound_promised` is what of it orders wait for.
    """
    wanted = list(dict.fromkeys(skus))
    everywhere = stock_at(connection, wanted, now_us=now_us, kept_back=kept_back, promise_class=promise_class)
    found = {}
    for n, sku in enumerate(wanted):
        parts = {at.location: part_at(at, n) for at in everywhere if _has_lent(at, n * WIDTH)}
        kept = _kept(kept_back, sku)
        beside = inbound.get(sku, 0), inbound_promised.get(sku, 0)
        found[sku] = Available(sku, MappingProxyType(parts), kept, *beside)
    return found, everywhere


def _kept(kept_back: Kept, sku: str) -> KeptBack:
    return kept_back if isinstance(kept_back, KeptBack) else kept_back[sku]


def _has_lent(at: At, where: int) -> bool:
    return at.stock[where + FREE] > 0 or at.stock[where + MISSING] > 0


def part_at(at: At, n: int) -> Part:
    """Return what a location adds of the n-th item, and why nothing where nothing of it counts."""
    free, missing, promisable = at.stock[n * WIDTH : (n + 1) * WIDTH]
    excluded = at.silent or (DEFICIT if missing else "")
    return Part(free, missing, excluded, 0 if excluded else promisable)
