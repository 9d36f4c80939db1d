"""How fulfilment is called on screens: states, steps, clocks, reasons. No page has a word of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from edge_agent.context import Edge
from edge_agent.fulfil.rules import MINUTE_US
from edge_agent.fulfil.steps.models import WorkView
from protocol.clock import from_us
from protocol.fulfilment import FulfilKind, RejectReason, ShortReason, Verified
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.lifecycles import AssignmentState

HOUR_MINUTES: Final = 60
DAY_MINUTES: Final = 24 * 60
_SHAPES: Final[Mapping[str, Shape]] = {"late": "act", "soon": "wait", "fine": "calm"}


@dataclass(frozen=True, slots=True)
class ClockShown:
    """A promise against the clock. `word` holds the place of the span, for the page that keeps it true."""

    seconds: int
    soon_seconds: int
    shape: Shape
    word: str
    said: str


def span(minutes: int) -> str:
    """Return whole minutes as a person says them."""
    if minutes < HOUR_MINUTES:
        return _("{n} min", n=minutes)
    if minutes < DAY_MINUTES:
        return _("{h} h {m} min", h=minutes // HOUR_MINUTES, m=minutes % HOUR_MINUTES)
    return _("{n} days", n=minutes // DAY_MINUTES)


def time_of(edge: Edge, at_us: int) -> datetime:
    """Return a moment in the store's zone."""
    return from_us(at_us).astimezone(ZoneInfo(edge.settings.zone))


def clock(edge: Edge, due_us: int, kind: str, *, with_time: bool = False) -> ClockShown:
    """Return how a promise stands; with the time of day where there is room for it."""
    seconds = (due_us - edge.clock.now_us()) // 1_000_000
    minutes = abs(seconds) // 60 if seconds >= 0 else -seconds // 60
    at = f"{time_of(edge, due_us):%H:%M}"
    word = _("Due {at}, {span}", at=at, span="{span}") if with_time else _("Due in {span}", span="{span}")
    late = _("Late {span}", span=span(minutes))
    return ClockShown(
        seconds=seconds,
        soon_seconds=edge.settings.fulfil.soon_minutes * MINUTE_US // 1_000_000,
        shape=_SHAPES.get(kind, "calm"),
        word=word if with_time else "",
        said=late if seconds < 0 else word.replace("{span}", span(minutes)),
    )


def state_word(state: str, *, accepted: bool = True) -> tuple[str, Shape]:
    """Return the state of an assignment as a word and its shape."""
    words: dict[str, tuple[str, Shape]] = {
        AssignmentState.ACKNOWLEDGED: (_("To pick"), "wait") if accepted else (_("New"), "act"),
        AssignmentState.PICKING: (_("Being picked"), "live"),
        AssignmentState.PICKED: (_("Picked"), "wait"),
        AssignmentState.PACKED: (_("Packed"), "wait"),
        AssignmentState.READY: (_("Ready"), "done"),
        AssignmentState.HANDED_OVER: (_("Handed over"), "done"),
        AssignmentState.SHIPPED: (_("Shipped"), "done"),
        AssignmentState.REJECTED: (_("Given back"), "calm"),
        AssignmentState.SHORT: (_("Nothing found"), "act"),
        AssignmentState.CANCELLED: (_("Cancelled"), "act"),
        AssignmentState.EXPIRED: (_("Expired"), "calm"),
    }
    return words.get(state, (state, "calm"))


def next_word(verb: str) -> str:
    """Return the step that is due, as a button says it."""
    words = {
        "accept": _("Accept"),
        "pick": _("Pick"),
        "pack": _("Pack"),
        "stage": _("Put on a shelf"),
        "hand_over": _("Hand over"),
        "ship": _("Ship"),
        "check_in": _("Check in"),
    }
    return words.get(verb, _("See"))


def next_title(each: WorkView) -> str:
    """Return the step that is due, as a sentence begins."""
    words = {
        "accept": _("Can this store do it?"),
        "pick": _("Pick it"),
        "pack": _("Pack it"),
        "stage": _("Put it on a shelf"),
        "hand_over": _("Hand it over"),
        "ship": _("Ship it"),
        "check_in": _("Bring it back"),
    }
    return words.get(each.next, state_word(each.state)[0])


def kind_word(kind: str, service: str = "") -> str:
    """Return how the customer gets the goods."""
    if kind == FulfilKind.COLLECT:
        return _("Collect here")
    return _("Ship, {service}", service=service) if service else _("Ship")


def short_word(reason: ShortReason) -> str:
    """Return why units are missing, as somebody at the shelf says it."""
    words = {
        ShortReason.NOT_FOUND: _("Not found"),
        ShortReason.MISMATCH: _("Record is wrong"),
        ShortReason.DAMAGED: _("Damaged"),
        ShortReason.DISPLAY_WORN: _("Worn on display"),
    }
    return words[reason]


def short_effect(reason: ShortReason, units: int, bin_: str) -> str:
    """Return what a short pick does beside the number in the books, which so many units leave."""
    words = {
        ShortReason.NOT_FOUND: _(
            "{bin} gets a count task. The web stops promising this item here until it is counted.",
            bin=bin_ or _("The item"),
        ),
        ShortReason.MISMATCH: _("The count is corrected by {n}.", n=units)
        if units
        else _("The record says so already."),
        ShortReason.DAMAGED: _("{n} kept apart as damaged.", n=units),
        ShortReason.DISPLAY_WORN: _("{n} kept apart as worn.", n=units),
    }
    return words[reason]


def reject_reasons() -> tuple[tuple[str, str, str], ...]:
    """Return why a store may give work back: value, word, what it means."""
    return (
        (RejectReason.NO_CAPACITY, _("No time"), _("Nobody can pick it before it is due.")),
        (
            RejectReason.NOT_FOUND,
            _("Goods not found"),
            _("They leave the stock, and are counted before any is promised again."),
        ),
        (
            RejectReason.DAMAGED,
            _("Goods damaged"),
            _("They are kept apart, and the rest is counted before any is lent again."),
        ),
        (RejectReason.CLOSING, _("Closing"), _("The store closes before it is due.")),
        (RejectReason.OTHER, _("Something else"), _("Say it in the note.")),
    )


def verified_word(how: str) -> str:
    """Return how somebody was recognised."""
    words: dict[str, str] = {
        Verified.CODE: _("Code is right"),
        Verified.PHONE: _("Phone is right"),
        Verified.EMAIL: _("Mail address is right"),
        Verified.NAME_AND_ID: _("Name and identity card"),
        Verified.LEAD: _("A lead vouches"),
    }
    return words.get(how, how)


def second_identifiers() -> tuple[tuple[str, str], ...]:
    """Return what somebody without a code may know."""
    return (
        (Verified.PHONE, _("Last four digits of the phone")),
        (Verified.EMAIL, _("Mail address")),
        (Verified.NAME_AND_ID, _("Surname, with an identity card")),
    )
