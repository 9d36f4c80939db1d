"""What people call places, states and reasons of stock, on screens and on paper alike."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_agent.stock.count_models import Deficit
from protocol.kit.text import _
from protocol.kit.web.shell import Shape


def place_word(place: str) -> str:
    """Return where a count looks."""
    words = {
        "shelf": _("On the shelf"),
        "returns": _("To be inspected"),
        "quarantine": _("Kept apart, damaged"),
    }
    return words.get(place, place)


def adjust_word(reason: str) -> str:
    """Return why stock is adjusted; empty for a reason that is no adjustment."""
    words = {
        "found": _("Found"),
        "damaged": _("Damaged"),
        "not_found": _("Not found"),
        "display_worn": _("Worn on display"),
        "theft": _("Stolen"),
        "internal_use": _("Used by the store"),
        "sample": _("Given as a sample"),
        "donation": _("Donated"),
        "wrong_delivery": _("Back to the supplier"),
        "held_back": _("Held back"),
        "released": _("No longer held back"),
        "restored": _("Good again"),
        "inspected": _("Inspected and good"),
        "return_damaged": _("Inspected and damaged"),
        "cleared": _("To be cleared"),
        "disposed": _("Thrown away"),
    }
    return words.get(reason, "")


def adjust_says(reason: str) -> str:
    """Return what an adjustment does, in one sentence."""
    words = {
        "found": _("More to sell."),
        "damaged": _("Off the shelf, kept apart at its value."),
        "display_worn": _("Off the shelf, kept apart at its value."),
        "theft": _("Gone; written off as shrink."),
        "internal_use": _("Leaves the stock. Only what is not promised."),
        "sample": _("Leaves the stock. Only what is not promised."),
        "donation": _("Leaves the stock. Only what is not promised."),
        "wrong_delivery": _("Goes back; the supplier is owed less."),
        "held_back": _("Off the shelf, ours. Only what is not promised."),
        "released": _("Back on the shelf."),
        "restored": _("Back on the shelf."),
        "inspected": _("Back on the shelf."),
        "return_damaged": _("Kept apart at its value."),
        "cleared": _("To be sold off elsewhere."),
        "disposed": _("Gone; written off."),
    }
    return words.get(reason, "")


def count_state(state: str) -> tuple[str, Shape]:
    """Return how a count stands."""
    words: Mapping[str, tuple[str, Shape]] = {
        "open": (_("To count"), "wait"),
        "posted": (_("Posted"), "done"),
        "undone": (_("Taken back"), "calm"),
        "cancelled": (_("Given up"), "calm"),
    }
    return words.get(state, (state, "calm"))


def line_state(state: str) -> tuple[str, Shape]:
    """Return how a row of a count stands."""
    words: Mapping[str, tuple[str, Shape]] = {
        "to_count": (_("To count"), "calm"),
        "counting": (_("Counting"), "live"),
        "again": (_("Count again"), "wait"),
        "counted": (_("Counted"), "done"),
        "posted": (_("Posted"), "done"),
    }
    return words.get(state, (state, "calm"))


def delivery_state(state: str) -> tuple[str, Shape]:
    """Return how a delivery stands."""
    words: Mapping[str, tuple[str, Shape]] = {
        "expected": (_("Expected"), "wait"),
        "part": (_("Part has come"), "wait"),
        "received": (_("Received"), "done"),
        "cancelled": (_("Given up"), "calm"),
    }
    return words.get(state, (state, "calm"))


def unpacked_state(state: str) -> tuple[str, Shape]:
    """Return how an item stands against what was announced."""
    words: Mapping[str, tuple[str, Shape]] = {
        "to_come": (_("To come"), "calm"),
        "right": (_("All there"), "done"),
        "short": (_("Short"), "wait"),
        "over": (_("Too many"), "wait"),
        "unexpected": (_("Not announced"), "wait"),
        "damaged": (_("Damaged"), "wait"),
    }
    return words.get(state, (state, "calm"))


def source_word(source: str) -> str:
    """Return who asked for a count or told of a delivery."""
    words = {
        "hub": _("asked by the hub"),
        "store": _("opened here"),
        "exception": _("not found when picked"),
    }
    return words.get(source, source)


def broken_promise(deficits: Sequence[Deficit]) -> str:
    """Return what is promised and not here, the first of it; empty when no promise is broken."""
    if not deficits:
        return ""
    return _("{n} x {name} are promised and not here.", n=deficits[0].missing, name=deficits[0].name)


class Formula(Protocol):
    """What may be sold, with its parts: L = P - B - O."""

    @property
    def sellable(self) -> int:
        """What may be sold here."""

    @property
    def physical(self) -> int:
        """What is here of what may be sold, kept or picked."""

    @property
    def bound(self) -> int:
        """Kept for or picked for own orders."""

    @property
    def outstanding(self) -> int:
        """Lent, and neither fulfilled nor given back."""


def sold_parts(stock: Formula) -> list[tuple[str, str, int]]:
    """Return what the number of units that may be sold here is made of, as rows of `ui.made_of`."""
    return [
        ("", _("here"), stock.physical),
        ("−", _("bound to orders"), stock.bound),
        ("−", _("lent to the hub"), stock.outstanding),
        ("=", _("may be sold"), stock.sellable),
    ]


def promised_parts(free: int | None, promisable: int, excluded: str) -> list[tuple[str, str, int]]:
    """Return what the number of units that may be promised from a location is made of; empty: not told."""
    if free is None:
        return []
    why = {
        "DEFICIT": _("not counted: some are missing there"),
        "FENCED": _("not counted: lending begins anew there"),
        "INACTIVE": _("not counted: it is shut out"),
        "STALE": _("not counted: it is silent"),
    }
    kept = why.get(excluded, _("not counted now")) if excluded else _("safety stock")
    less = [("−", kept, free - promisable)] if free > promisable else []
    return [("", _("lent and free"), free), *less, ("=", _("may be promised"), promisable)]
