"""How the clock of a promise looks: what is left in words, how much is used up, where its latest start is.

Pure. A clock is calm until half of the time is gone in which nothing had to happen; then somebody may look,
and once the latest safe start has passed, somebody must. What is being worked on is calm until it is late.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hub.console.words import location_pill
from hub.fleet.steps import LocationView
from protocol.kit.text import _
from protocol.kit.web.filters import duration
from protocol.kit.web.shell import Shape

_SECOND_US: Final = 1_000_000
_SOON_SHARE: Final = 50
"""Per cent of the way to the latest safe start; the figure of `hub.fulfil.rules.RISK_SHARE`."""
BEGUN: Final = frozenset({"picking", "picked", "packed", "ready"})
"""States in which somebody works on it, or has."""
_SILENT: Final = ("offline", "never_seen")


@dataclass(frozen=True, slots=True)
class Face:
    """One clock; `used` and `start` are per cent of the time from capture to promise."""

    left: str
    used: int
    start: int
    shape: Shape


def face(created_us: int, due_us: int, now_us: int, work_us: int, *, begun: bool = False) -> Face:
    """Return how the clock of a promise stands; `begun`: somebody works on it, so its start is past."""
    span = max(1, due_us - created_us)
    used = min(100, max(0, 100 * (now_us - created_us) // span))
    start_us = max(created_us, due_us - work_us)
    start = 100 * (start_us - created_us) // span
    if now_us > due_us:
        late = _("{span} late", span=duration((now_us - due_us) / _SECOND_US))
        return Face(late, 100, start, "act")
    left = _("in {span}", span=duration((due_us - now_us) / _SECOND_US))
    if begun:
        return Face(left, used, start, "calm")
    if now_us >= start_us:
        return Face(left, used, start, "act")
    gone = 100 * (now_us - created_us) // max(1, start_us - created_us)
    return Face(left, used, start, "wait" if gone >= _SOON_SHARE else "calm")


def silent_places(fleet: Iterable[LocationView]) -> dict[str, str]:
    """Return the locations that are not heard, with a word for how long; they may go on all the same."""
    return {place.location_id: location_pill(place.pill)[0] for place in fleet if place.pill.state in _SILENT}
