"""What people call checks, on both sides: their kinds, the signs of fraud, and why rules cannot count."""

from collections.abc import Mapping

from protocol.checks import CheckKind, CheckOutcome, Signal
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.rules.checks import Contradiction


def check_kind_word(kind: str) -> str:
    """Return what a check looks at."""
    words: Mapping[str, str] = {
        CheckKind.PAYMENT: _("Payment"),
        CheckKind.OFFLINE_PAYMENT: _("Paid without the bank"),
        CheckKind.FRAUD: _("Fraud"),
        CheckKind.CUSTOMER: _("Customer"),
        CheckKind.TAX: _("Tax"),
        CheckKind.AVAILABILITY: _("Availability"),
    }
    return words.get(kind, kind)


def outcome_face(outcome: str) -> tuple[str, Shape]:
    """Return what checks come to, as a word and a shape."""
    words: Mapping[str, tuple[str, Shape]] = {
        CheckOutcome.PASS: (_("Passes"), "done"),
        CheckOutcome.HOLD: (_("On hold"), "wait"),
        CheckOutcome.REFUSE: (_("Refused"), "act"),
    }
    return words.get(outcome, (outcome, "calm"))


def signal_word(signal: str) -> str:
    """Return what a sign of fraud is called."""
    words: Mapping[str, str] = {
        Signal.VELOCITY: _("Many orders in 24 hours"),
        Signal.AMOUNT: _("High amount"),
        Signal.ADDRESS: _("Paid from another address"),
        Signal.PAYER: _("Paid by somebody else"),
        Signal.QUICK_PICKUP: _("New customer, pickup within the hour"),
        Signal.MANY_CARDS: _("Many cards in 30 days"),
        Signal.PROXY: _("Somebody else collects"),
        Signal.CHARGEBACKS: _("Earlier chargebacks"),
        Signal.REFUND_ABUSE: _("Many returns in 90 days"),
    }
    return words.get(signal, signal)


def limit_word(signal: str) -> str:
    """Return what the limit of a sign counts; empty for a sign that is there or not."""
    words: Mapping[str, str] = {
        Signal.VELOCITY: _("orders"),
        Signal.AMOUNT: _("amount"),
        Signal.MANY_CARDS: _("cards"),
        Signal.CHARGEBACKS: _("chargebacks"),
        Signal.REFUND_ABUSE: _("returns"),
    }
    return words.get(signal, "")


def contradiction_says(found: Contradiction) -> str:
    """Return why a set of rules cannot count, naming the rule."""
    rule, other = found.rule_id, found.other
    words = {
        "same_name": _("Two rules are called {rule}.", rule=rule),
        "never_asked": _(
            "{rule} would never be asked: {other} stands before it and speaks of all of it.",
            rule=rule,
            other=other,
        ),
        "ends_before": _("{rule} ends before it begins.", rule=rule),
        "blocks_nothing": _("{rule} puts orders on hold and blocks nothing.", rule=rule),
        "no_time": _("{rule} says what happens when nobody decides, and leaves no time for it.", rule=rule),
        "signal_twice": _("{rule} counts a sign twice.", rule=rule),
        "deny_below_review": _("{rule} refuses orders with fewer points than it holds them.", rule=rule),
        "never_reached": _(
            "{rule} can never speak: all of its signs together come to {other} points.",
            rule=rule,
            other=other,
        ),
        "no_threshold": _("{rule} counts points and does nothing with them.", rule=rule),
        "no_signals": _("{rule} looks for fraud and counts no sign.", rule=rule),
        "cap_above_exposure": _("{rule} lets one order bring more than all of them together may.", rule=rule),
        "passes": _("{rule} lets pass what fails.", rule=rule),
        "customer_twice": _("A customer stands there twice: {rule}.", rule=rule),
    }
    return words.get(found.code, found.code)
