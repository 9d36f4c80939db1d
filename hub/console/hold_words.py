"""What people call the events, cards and facts of holds and checks."""

from typing import Final

from protocol.kit.text import _

GRAVE: Final = frozenset({"order_on_hold", "hold_overdue", "held_and_gone"})


def event_word(kind: str) -> str:
    """Return what happened."""
    words = {
        "hold.placed": _("Put on hold"),
        "hold.released": _("Hold released"),
        "hold.rejected": _("Hold rejected"),
        "hold.lapsed": _("Hold lapsed"),
    }
    return words.get(kind, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing needs a person."""
    words = {
        "order_on_hold": _("Order on hold"),
        "hold_overdue": _("Hold not decided"),
        "held_and_gone": _("Left in spite of a hold"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception means, and what settles it."""
    words = {
        "order_on_hold": _(
            "A check failed, or somebody wants to look at the order first. Open the order: release the hold, "
            "or reject it, which cancels what is open and pays back. The card closes itself then."
        ),
        "hold_overdue": _(
            "The time for a decision is over, and the order still waits. Whoever may decide was called "
            "before; decide, or call them again."
        ),
        "held_and_gone": _(
            "Goods left a location although a hold forbade it: it had not heard of the hold yet, or a "
            "handheld had taken the order along. Nothing can be undone here; decide what follows."
        ),
    }
    return words.get(kind, "")


def directive_word(kind: str) -> str:
    """Return what a location was told."""
    words = {
        "order.holds": _("What stops an order"),
        "check.rules": _("The rules of checks"),
        "card.told": _("What the bank said of a card"),
    }
    return words.get(kind, "")


def fact_word(name: str) -> str:
    """Return the name of a fact."""
    words = {
        "hold": _("Kind of hold"),
        "unheard": _("Have not spoken yet"),
        "blocks": _("Blocks"),
        "until": _("To be decided by"),
        "on_expiry": _("When nobody decides"),
        "paid": _("Paid"),
        "needed": _("Has to be paid"),
        "total": _("Total"),
        "points": _("Points"),
        "review_points": _("On hold from"),
        "deny_points": _("Refused from"),
        "signals": _("Signs"),
        "offline": _("Paid without the bank"),
        "exposure": _("All of it that is not settled"),
        "cap": _("At most"),
        "exposure_cap": _("At most, all together"),
        "limit": _("Limit"),
        "open_orders": _("Orders that are open"),
        "tax": _("Tax"),
        "tax_again": _("Tax, worked out again"),
        "tolerance": _("Difference that is allowed"),
        "rates": _("Items with another rate"),
        "authorised": _("Authorised"),
        "authorised_until": _("Authorised until"),
    }
    return words.get(name, "")
