"""The words of money that is promised and not taken: its events and what of it needs a person."""

from typing import Final

from protocol.kit.text import _

GRAVE: Final = frozenset({
    "card_declined_late", "capture_failed", "payment_declined", "unpaid_card_paid_out",
})  # fmt: skip
"""What costs money as long as nobody looks."""


def event_word(kind: str) -> str:
    """Return what happened to a payment, as the head of an event."""
    words = {
        "payment.authorised": _("Payment authorised"),
        "payment.ended": _("Authorisation ended"),
        "card.cleared": _("Offline card taken"),
        "card.declined_late": _("Offline card declined"),
        "card.made_good": _("Declined card settled"),
    }
    return words.get(kind, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing about a payment needs a person."""
    words = {
        "card_declined_late": _("Offline card declined"),
        "payment_declined": _("Card declined"),
        "capture_failed": _("Money not captured"),
        "payment_to_capture": _("Money to capture"),
        "service_away": _("Payment service away"),
        "unpaid_card_paid_out": _("Paid out for an unpaid card"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception about payments means, and what settles it."""
    words = {
        "card_declined_late": _(
            "A store took this card while its terminal had no line, and it does not pay. The customer owes "
            "the money: call them, then say under Payments how it ended."
        ),
        "payment_declined": _(
            "The card that came with the order was declined, so the order is not paid. Ask for another way."
        ),
        "capture_failed": _(
            "What was authorised could not be taken. The order goes on unpaid: ask the customer to pay anew."
        ),
        "payment_to_capture": _(
            "This payment service is not asked by the hub. Capture the money there, then say so under "
            "Payments."
        ),
        "service_away": _("The payment service does not answer. The hub goes on trying."),
        "unpaid_card_paid_out": _(
            "Money or credit went out for a sale whose card has not paid. Such a sale is voided, not "
            "refunded: ask the customer for what they got."
        ),
    }
    return words.get(kind, "")
