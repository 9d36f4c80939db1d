"""What the policy of returns says, in the words of whoever reads it: one sentence for each code.

The same sentences stand at the counter, on the slip and on the hub's try-it panel, so that a customer hears
one answer wherever they ask. Each names the rule, and the date or the limit it turns on.
"""

from collections.abc import Sequence
from datetime import date

from babel.dates import format_date

from protocol.kit.text import _
from protocol.kit.web.filters import locale_name, money
from protocol.returns import Channel, Condition, Outcome, Proof
from protocol.rules.policy import Decision, Finding, Found


def outcome_word(outcome: str) -> str:
    """Return what a decision comes to."""
    words = {
        Outcome.AUTHORIZE: _("May come back"),
        Outcome.CONTINGENT: _("Somebody else must agree"),
        Outcome.DENY_OVERRIDABLE: _("Outside the policy"),
        Outcome.DENY: _("Cannot come back"),
    }
    return words[Outcome(outcome)]


def condition_word(condition: str) -> str:
    """Return how goods look."""
    words = {
        Condition.NEW: _("As new"),
        Condition.OPENED: _("Opened"),
        Condition.USED: _("Used"),
        Condition.ALTERED: _("Altered"),
        Condition.DEFECTIVE: _("Defective"),
    }
    return words[Condition(condition)]


def proof_word(proof: str) -> str:
    """Return what shows that something was bought."""
    words = {
        Proof.RECEIPT: _("Receipt"),
        Proof.ORDER_NUMBER: _("Order number"),
        Proof.CARD: _("The card it was paid with"),
        Proof.CUSTOMER: _("The customer's account"),
        Proof.NONE: _("Nothing"),
    }
    return words[Proof(proof)]


def channel_word(channel: str) -> str:
    """Return where something was bought."""
    words = {
        Channel.STORE: _("In a store"),
        Channel.WEB: _("On the web"),
        Channel.MARKETPLACE: _("On a marketplace"),
    }
    return words[Channel(channel)]


def reason_words() -> dict[str, str]:
    """Return why something may come back, by code, in the order in which it is asked."""
    return {
        "changed_mind": _("Changed their mind"),
        "wrong_size": _("Wrong size"),
        "wrong_item": _("Wrong item"),
        "not_as_described": _("Not as described"),
        "faulty": _("Faulty"),
        "damaged": _("Damaged"),
        "other": _("Another reason"),
    }


def reason_word(code: str) -> str:
    """Return why something came back, or money did; a code that is newer than this program as it is."""
    words = reason_words() | {"goodwill": _("Goodwill"), "void": _("Voided")}
    return words.get(code, code)


def refund_word(refund: str) -> str:
    """Return what a customer may get."""
    words = {
        "original_tender": _("The way it was paid"),
        "exchange": _("Something else for it"),
        "store_credit": _("Store credit"),
    }
    return words[refund]


def says(decision: Decision, currency: str) -> tuple[str, ...]:
    """Return the sentences of a decision, the strictest rule first; one where no rule spoke."""
    order = list(Outcome)
    found: Sequence[Found] = sorted(decision.found, key=lambda each: order.index(each.outcome))
    said = [sentence(each, currency) for each in found]
    return tuple(said) or (within(decision),)


def within(decision: Decision) -> str:
    """Return until when something may come back."""
    if decision.last_day is None:
        return _("It may come back at any time.")
    return _("It may come back until {date}.", date=_date(decision.last_day))


def sentence(found: Found, currency: str) -> str:
    """Return what one rule says to the customer."""
    if found.code is Finding.WARRANTY and found.until is None:
        return _("Faulty goods come back at any time, whatever else the policy says.")
    if found.code is Finding.NO_RECEIPT_AMOUNT and not found.limit:
        return _("Without proof of purchase nothing comes back.")
    if found.code is Finding.SIGNED_AMOUNT and not found.limit:
        return _("While the hub cannot be asked, nothing comes back that another store sold.")
    words = {
        Finding.WINDOW: _("It could come back until {date}; somebody with authority may still allow it."),
        Finding.WINDOW_HARD: _("It could come back until {date}."),
        Finding.FINAL_SALE: _("It was sold for good: a final sale does not come back."),
        Finding.WARRANTY: _("Faulty goods come back until {date}, whatever else the policy says."),
        Finding.LAW: _("By law it may come back until {date}, without a fee."),
        Finding.CHANNEL: _("It was bought where stores take nothing back from; the seller there does."),
        Finding.SERIAL_MISMATCH: _("Its serial number is not the one that was sold."),
        Finding.SERIAL_MISSING: _("It was sold with a serial number, and none was read now."),
        Finding.CONDITION: _("In this condition it does not come back."),
        Finding.EXCHANGE_ONLY: _("In this condition it is exchanged, or comes back for store credit."),
        Finding.NO_RECEIPT: _("Without proof up to {amount} comes back, as store credit."),
        Finding.NO_RECEIPT_AMOUNT: _("Without proof no more than {amount} comes back."),
        Finding.NO_RECEIPT_COUNT: _("Without proof nothing more comes back after {n} returns in 90 days."),
        Finding.CUSTOMER_LIMIT: _("This customer has returned {n} times or more in 90 days."),
        Finding.OWN_SALE: _("Whoever sold it does not give the money back alone; somebody else agrees."),
        Finding.APPROVAL: _("More than {amount} goes back only with somebody else's word."),
        Finding.SIGNED_AMOUNT: _(
            "While the hub cannot be asked, no more than {amount} comes back on a receipt alone."
        ),
        Finding.CASH_LIMIT: _(
            "This store gives back no more than {amount} in cash in a day without somebody else's word."
        ),
    }
    limit = found.limit or 0
    return words[found.code].format(date=_date(found.until), amount=money(limit, currency), n=limit)


def code_says(code: str) -> str:
    """Return what a recorded code means; one that is newer than this program is shown as it is."""
    words = {
        Finding.WINDOW: _("after its window, within the days of grace"),
        Finding.WINDOW_HARD: _("long after its window"),
        Finding.FINAL_SALE: _("final sale"),
        Finding.WARRANTY: _("faulty goods"),
        Finding.LAW: _("the right to withdraw"),
        Finding.CHANNEL: _("bought where stores take nothing back from"),
        Finding.SERIAL_MISMATCH: _("another serial number than was sold"),
        Finding.SERIAL_MISSING: _("no serial number was read"),
        Finding.CONDITION: _("its condition"),
        Finding.EXCHANGE_ONLY: _("exchange or store credit only"),
        Finding.NO_RECEIPT: _("without proof"),
        Finding.NO_RECEIPT_AMOUNT: _("too much without proof"),
        Finding.NO_RECEIPT_COUNT: _("too often without proof"),
        Finding.CUSTOMER_LIMIT: _("a customer who returns often"),
        Finding.OWN_SALE: _("sold by whoever gives the money back"),
        Finding.APPROVAL: _("a large amount"),
        Finding.SIGNED_AMOUNT: _("too much on a receipt alone, while the hub could not be asked"),
        Finding.CASH_LIMIT: _("more cash than the store gives back in a day"),
    }
    return next((word for known, word in words.items() if known == code), code)


def _date(day: date | None) -> str:
    return format_date(day, "d MMM yyyy", locale=locale_name()) if day else ""
