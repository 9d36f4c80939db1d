"""What people call counts, adjustments and deliveries at the hub: events, states, journals and directives.

Every function returns "" (or none) for a name that is new to this version; whoever shows it says it in plain
words.
"""

from collections.abc import Mapping

from hub.stock.availability import Sums
from protocol.kit.text import _
from protocol.kit.web.shell import Shape


def event_word(kind: str) -> str:
    """Return what happened, as the head of an event."""
    words = {
        "stock.adjusted": _("Stock corrected"),
        "stock.task_answered": _("Not taken on"),
        "count.requested": _("Count asked for"),
        "count.opened": _("Count opened"),
        "count.confirmed": _("Counted"),
        "count.posted": _("Count posted"),
        "count.undone": _("Count taken back"),
        "count.cancelled": _("Count given up"),
        "delivery.announced": _("Delivery announced"),
        "delivery.expected": _("Delivery expected"),
        "delivery.received": _("Goods received"),
        "delivery.cancelled": _("Delivery given up"),
        "receipt.corrected": _("Receipt put right"),
    }
    return words.get(kind, "")


def directive_word(kind: str) -> str:
    """Return what a location was told about its stock."""
    words = {
        "count.request": _("Count stock"),
        "count.cancel": _("Give a count up"),
        "delivery.expect": _("Expect a delivery"),
        "delivery.cancel": _("Expect a delivery no more"),
        "exception.told": _("What needs a person there"),
        "exception.noted": _("What was done about it here"),
    }
    return words.get(kind, "")


def rule_word(rule: str) -> str:
    """Return what a journal was posted for."""
    words = {
        "count": _("Count"),
        "count_undone": _("Count taken back"),
        "adjustment": _("Adjustment"),
        "adjustment_undone": _("Adjustment taken back"),
        "receipt": _("Goods received"),
        "receipt_corrected": _("Receipt put right"),
    }
    return words.get(rule, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing needs a person."""
    return _("Store did not take it on") if kind == "stock_task_refused" else ""


def exception_says(kind: str) -> str:
    """Return what a kind of exception means, and what settles it."""
    if kind != "stock_task_refused":
        return ""
    return _(
        "A store was asked to count, or told of a delivery, and answered that it cannot. Look at its "
        "catalogue, then ask again."
    )


def count_state(state: str) -> tuple[str, Shape]:
    """Return how a count stands."""
    words: Mapping[str, tuple[str, Shape]] = {
        "asked": (_("Asked for"), "wait"),
        "open": (_("Being counted"), "live"),
        "posted": (_("Posted"), "done"),
        "undone": (_("Taken back"), "calm"),
        "cancelled": (_("Given up"), "calm"),
        "refused": (_("Not taken on"), "act"),
    }
    return words.get(state, (state, "calm"))


def delivery_state(state: str) -> tuple[str, Shape]:
    """Return how a delivery stands."""
    words: Mapping[str, tuple[str, Shape]] = {
        "told": (_("Announced"), "wait"),
        "expected": (_("Expected"), "live"),
        "part": (_("Part has come"), "live"),
        "received": (_("Received"), "done"),
        "cancelled": (_("Given up"), "calm"),
        "refused": (_("Not taken on"), "act"),
    }
    return words.get(state, (state, "calm"))


def place_word(place: str) -> str:
    """Return where a count looks."""
    words = {"shelf": _("on the shelf"), "returns": _("to be inspected"), "quarantine": _("kept apart")}
    return words.get(place, place)


def source_word(source: str) -> str:
    """Return who asked for a count or told of a delivery."""
    words = {
        "hub": _("asked here"),
        "store": _("by the store"),
        "exception": _("not found when picked"),
        "blind": _("not announced"),
    }
    return words.get(source, source)


def promised_parts(sums: Sums) -> list[tuple[str, str, int]]:
    """Return what the number of units that may be promised is made of, as rows of `ui.made_of`."""
    less = [
        (_("not counted now"), sums.excluded),
        (_("safety stock"), sums.safety_stock),
        (_("kept by the company"), sums.kept_by_company),
    ]
    return [
        ("", _("lent and free"), sums.free),
        *[("−", word, units) for word, units in less if units],
        ("=", _("may be promised"), sums.promisable),
    ]
