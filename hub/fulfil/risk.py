"""How likely a part of an order is late although nothing has gone wrong yet: a score with its parts. Pure.

Each part is a chance of its own that the promise breaks, in per cent, with the fact that it rests on.
Together they are the chance that at least one happens, `1 - (1 - a)(1 - b)…`, as for faults that do not
depend on each other. The figures are rules of thumb of picking from shop floors, kept together here so that
a company can argue about them: an item that was counted within a week is found about 99 times of 100, one
that nobody has counted for three months about 88 times. What a location itself has shown (shrink, failed
picks) comes on top. In a store the last piece of an item is the one on display: worn, in a window, or in a
customer's hands. What is not known is no part: nobody is called because a figure is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.kit.text import _

HOUR_US: Final = 3_600_000_000
CALL_AT: Final = 50
"""Per cent at which somebody is called while there is time."""
CALM_AT: Final = 40
"""Per cent under which a card goes again, so that a point more or less does not open and close it."""
_COUNTED: Final = ((7, 1), (30, 3), (90, 8))
"""(days since the last count, per cent that the goods are not there)."""
_NOT_COUNTED: Final = 12
_DISPLAY: Final = 10
"""Per cent that the last piece of a store is on display and not as the customer shall have it."""
_DOUBT_UNITS: Final = 20
"""So many units that went well are taken for granted, or one failed pick of one would say everything."""
_MOST: Final = 95
"""A chance is no certainty: what is certain has a card of its own."""
_EASY, _FULL = 50, 150
"""Per cent of the hands there are until it is due: up to here no risk, from there on it will not fit."""
_LATE_SECONDS, _SILENT_SECONDS = 90, 300
"""When a location counts as late and as silent; the figures of `hub.fleet.rules`."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is known of one item at the location that is to pick it."""

    sku: str
    units: int
    """Not picked yet."""
    counted_days: int | None
    """Since it was last counted; None when it never was, as far as is known."""
    shrink_ppm: int
    """Of a million units that were counted, those that were missing."""
    picked_lately: int
    failed_lately: int
    """Of the units that were to be picked, those that were not found."""
    on_display: bool = False
    """Whether picking it takes the last piece of a store, which is the one that customers look at."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Goods that come from elsewhere first."""

    number: str
    arrives_us: int
    """As far as is known; 0 when nobody knows."""
    left: bool
    """Whether they are on their way."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the score of one part rests on, as of one moment."""

    now_us: int
    due_us: int
    shelves: tuple[Shelf, ...] = ()
    ahead_units: int = 0
    """To pick at the location before this is due, with its own."""
    hands_units: int | None = None
    """What the location picks until it is due; None when nobody knows."""
    heard_seconds: int | None = None
    """Since the location was heard; None when it never was."""
    coming: tuple[Coming, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One reason why a promise may break."""

    what: str
    """`stock`, `display`, `capacity`, `sync` or `transit`."""
    percent: int
    fact: str


@dataclass(frozen=True, slots=True)
class Risk:
    """How likely a promise breaks, and why: the greatest part first."""

    percent: int
    parts: tuple[Part, ...]


def risk_of(facts: Facts) -> Risk:
    """Return the score of a part of an order with its parts."""
    parts = sorted(
        (part for part in _parts(facts) if part.percent > 0), key=lambda part: (-part.percent, part.what)
    )
    kept = 1.0
    for part in parts:
        kept *= 1 - part.percent / 100
    return Risk(round(100 * (1 - kept)), tuple(parts))


def _parts(facts: Facts) -> Iterator[Part]:
    wanted = [shelf for shelf in facts.shelves if shelf.units > 0]
    yield from (_stock(shelf) for shelf in wanted)
    yield from (_display(shelf) for shelf in wanted if shelf.on_display)
    if facts.hands_units is not None:
        yield _capacity(facts.ahead_units, facts.hands_units)
    yield _sync(facts.heard_seconds)
    yield from (_transit(coming, facts) for coming in facts.coming)


def _stock(shelf: Shelf) -> Part:
    """Return the chance that the goods are not where the books say."""
    days = shelf.counted_days
    never = next((percent for limit, percent in _COUNTED if days is not None and days <= limit), _NOT_COUNTED)
    failed = 100 * shelf.failed_lately // (shelf.picked_lately + shelf.failed_lately + _DOUBT_UNITS)
    shrunk = shelf.shrink_ppm // 10_000
    facts = [_counted(days)]
    if shrunk:
        facts.append(_("{n} % were missing then", n=shrunk))
    if shelf.failed_lately:
        facts.append(_("{n} not found lately", n=shelf.failed_lately))
    return Part("stock", min(_MOST, never + failed + shrunk), f"{shelf.sku}: {', '.join(facts)}")


def _counted(days: int | None) -> str:
    if days is None:
        return _("never counted")
    if days < 2:
        return _("counted yesterday") if days else _("counted today")
    return _("counted {n} days ago", n=days)


def _display(shelf: Shelf) -> Part:
    """Return the chance that the last piece cannot be given to a customer as it is."""
    return Part("display", _DISPLAY, _("{sku}: the last piece there, so it is on display", sku=shelf.sku))


def _capacity(ahead: int, hands: int) -> Part:
    """Return the chance that there are not enough hands, straight from half of them to half too few."""
    used = 100 * ahead // hands if hands > 0 else _FULL
    percent = _MOST * (min(_FULL, max(_EASY, used)) - _EASY) // (_FULL - _EASY)
    return Part(
        "capacity", percent, _("{n} units to pick until then, hands for {hands}", n=ahead, hands=hands)
    )


def _sync(heard_seconds: int | None) -> Part:
    """Return the chance that the location does not know of it, or that what is known of it is old."""
    if heard_seconds is None:
        return Part("sync", 60, _("the store was never heard"))
    if heard_seconds <= _LATE_SECONDS:
        return Part("sync", 0, "")
    minutes = heard_seconds // 60
    percent = 5 if heard_seconds <= _SILENT_SECONDS else min(60, 15 + minutes)
    return Part("sync", percent, _("the store was heard {n} minutes ago", n=minutes))


def _transit(coming: Coming, facts: Facts) -> Part:
    """Return the chance that goods from elsewhere are not there in time."""
    if coming.arrives_us and coming.arrives_us > facts.due_us:
        return Part("transit", _MOST, _("{number} arrives after it is due", number=coming.number))
    if not coming.left:
        hours = max(0, facts.due_us - facts.now_us) // HOUR_US
        return Part("transit", 60 if hours < 24 else 30, _("{number} was not sent yet", number=coming.number))
    overdue = bool(coming.arrives_us) and coming.arrives_us < facts.now_us
    said = _("{number} should be there") if overdue else _("{number} is on its way")
    fact = said.format(number=coming.number)
    return Part("transit", 50 if overdue else 10, fact)


def part_word(what: str) -> str:
    """Return what a part is about, as a person reads it."""
    words = {
        "stock": _("Whether it is there"),
        "display": _("On display"),
        "capacity": _("Hands"),
        "sync": _("Line to the store"),
        "transit": _("Goods on their way"),
    }
    return words.get(what, what)


def calls(risk: Risk, *, open_now: bool) -> bool:
    """Tell whether somebody is called, or stays called."""
    return risk.percent >= (CALM_AT if open_now else CALL_AT)


def said(risk: Risk) -> Sequence[str]:
    """Return the parts as a card keeps them."""
    return [f"{part.percent} %: {part.fact}" for part in risk.parts]
