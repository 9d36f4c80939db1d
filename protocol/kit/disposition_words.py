"""What becomes of goods, in words."""

from protocol.dispositions import Disposition
from protocol.kit.text import _


def disposition_word(disposition: str) -> str:
    """Return what becomes of goods."""
    words = {
        Disposition.RESTOCK: _("Back on the shelf"),
        Disposition.INSPECT: _("To be inspected"),
        Disposition.REPAIR: _("To repair"),
        Disposition.QUARANTINE: _("Kept apart"),
        Disposition.LIQUIDATE: _("Sell off cheap"),
        Disposition.DISPOSE: _("Throw away"),
        Disposition.RETURN_TO_VENDOR: _("Back to the supplier"),
        Disposition.TRANSFER_THEN_RESTOCK: _("On the shelf, to be sent on"),
        Disposition.SELL_OFF: _("Sold off"),
    }
    return words[Disposition(disposition)]


def disposition_says(disposition: str) -> str:
    """Return what a decision does to stock and books."""
    words = {
        Disposition.RESTOCK: _("Can be sold at once, at what it cost."),
        Disposition.INSPECT: _("Waits here until somebody has looked at it."),
        Disposition.REPAIR: _("Leaves the shelf until it is mended; the bill is an expense."),
        Disposition.QUARANTINE: _("Stays here and is not sold."),
        Disposition.LIQUIDATE: _("Is written down to what it still brings."),
        Disposition.DISPOSE: _("Is gone, and its cost is a loss."),
        Disposition.RETURN_TO_VENDOR: _("Is gone; the supplier owes what it cost."),
        Disposition.TRANSFER_THEN_RESTOCK: _("Is not carried here: send it to a store that sells it."),
        Disposition.SELL_OFF: _("Is gone for what somebody pays; they owe it."),
    }
    return words[Disposition(disposition)]
