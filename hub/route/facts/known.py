"""The facts that a routing question rests on, as values; `snapshot` reads them, `question` asks with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from hub.route.facts.geo import NOWHERE, Destination, Point
from hub.route.facts.outcomes import History
from hub.route.rules.choice import Ask
from hub.stock.claim_rules import Coming


class Known(NamedTuple):
    """What is known of one location at the moment of routing."""

    location: str
    name: str
    kind: str
    """`store` or `warehouse`."""
    entity: str
    zone: str
    """Its time zone."""
    silent: str
    """Why it gets no new promise of this class (`INACTIVE`, `STALE`, `FENCED`), or empty."""
    age_seconds: int | None
    stock: tuple[int, ...]
    """For each item of `Ask.wanted`, in its order: free units, missing units, units that may be promised."""
    backlog: int = 0
    """Units that it has to pick already."""


class Good(NamedTuple):
    """What the catalogue knows of an item."""

    category: str = ""
    margin_minor: int = 0
    """What its own customers leave at the store: price without tax, less its cost."""


@dataclass(frozen=True, slots=True)
class About:
    """What the order says beyond what was promised."""

    destination: Destination = NOWHERE
    seller: str = ""
    """The legal entity that sold it; empty where there is only one."""
    value_minor: int | None = None
    """What its goods cost; None where nobody said, and then no rule looks at it."""
    deliver_us: int = 0
    """When it was promised to arrive, 0 where only the handing over was promised."""
    holding: frozenset[str] = frozenset()
    """Locations that pack a part of this order already: more of it costs no second parcel."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the question rests on, of one moment."""

    ask: Ask
    about: About
    known: Sequence[Known]
    goods: Mapping[str, Good] = field(default_factory=lambda: MappingProxyType({}))
    shelf: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    """By location and item: units that it has and nobody was promised, lent or not."""
    rate_milli: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    """By location and item: what its own customers buy, in thousandths of a unit a day."""
    accepts: History = field(default_factory=lambda: MappingProxyType({}))
    """What each location did with what it was asked for; empty where giving back costs nothing."""
    left_for_all: Mapping[str, int] | None = None
    """Units of each item that the company may still promise; None where no threshold keeps any back."""
    coming: Sequence[Coming] = ()
    """What is counted in `known` though it is still on its way (`hub.route.facts.inbound`)."""
    now: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    """By location and item, what may be promised without that; empty where nothing is on its way."""
    points: Mapping[str, Point] = field(default_factory=lambda: MappingProxyType({}))
    """Where locations stand that have a postcode and no coordinates."""
