"""The words of returns and of stored value, chained behind those of the record."""

from typing import Final

from protocol.kit.text import _

GRAVE: Final = frozenset({"return_outside_policy", "stored_value_overdrawn", "mail_in_late"})


def exception_word(kind: str) -> str:
    """Return what kind of thing about a return or stored value needs a person."""
    words = {
        "return_outside_policy": _("Return outside the policy"),
        "stored_value_overdrawn": _("More spent than was there"),
        "mail_in_late": _("A parcel has not come back"),
        "serial_not_sold": _("Another unit than was sold"),
        "mail_in_short": _("Missing in a parcel"),
        "mail_in_refused": _("Not taken back"),
        "mail_in_unknown": _("Parcel that nobody announced"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception about returns means, and what settles it."""
    words = {
        "return_outside_policy": _(
            "A store gave money back by what it knew, and the company's policy does not bear it out: "
            "somebody allowed more than they may, their own return, or the customer has brought back more "
            "elsewhere. The money is out and stays out. Talk to the store, then close this with what was "
            "agreed."
        ),
        "stored_value_overdrawn": _(
            "Stores that could not ask the hub took more from one gift card or store credit than was on it. "
            "The goods are gone and the number stands below zero. Write the difference off, or ask whoever "
            "holds it; nothing more can be taken from it meanwhile."
        ),
        "serial_not_sold": _(
            "A store took a unit back whose serial number was not sold with this order, or has come back "
            "before. The money is out. Look at the unit: find the sale it belongs to, or treat it as fraud."
        ),
        "mail_in_late": _(
            "A customer was to send goods back, and they have not come within their days. Ask the carrier or "
            "the customer, then wait longer or give it up on the page of the return. Money that was given "
            "before stays given. The card goes by itself once the parcel is scanned or somebody has decided."
        ),
        "mail_in_short": _(
            "Somebody opened a parcel and wrote down that nothing more is in it, but not all that was "
            "announced was there. Ask the customer; what turns up is announced anew. Where the money was "
            "given before, the missing units are paid and not here."
        ),
        "mail_in_refused": _(
            "Goods came back by parcel and were not taken back, for the reason that was written down. They "
            "lie where they were unpacked and still are the customer's. Send them back, or let the location "
            "take them after all."
        ),
        "mail_in_unknown": _(
            "A location took a parcel in by its label, and the hub has no return of that number: it was made "
            "by a hub that was restored since, or the label is not ours. Open it, find the order, and "
            "announce the return on it."
        ),
    }
    return words.get(kind, "")


def doubt_word(doubt: str) -> str:
    """Return what the hub doubts of a decision of a store."""
    words = {
        "stricter": _("the policy that counts now is stricter"),
        "beyond_authority": _("the word reached further than it may"),
        "own_word": _("somebody allowed their own return"),
    }
    return words.get(doubt, doubt)


def fact_word(name: str) -> str:
    """Return the name of a fact of such an exception."""
    words = {
        "doubts": _("What the hub doubts"),
        "policy_version": _("Policy of the store, version"),
        "allowed_by": _("Allowed by"),
        "balance_minor": _("Left on it"),
        "paid_before_minor": _("Given before the goods were seen"),
        "tracking": _("Tracking"),
        "serials": _("Serial numbers"),
    }
    return words.get(name, "")


def event_word(kind: str) -> str:
    """Return what happened."""
    words = {
        "till.cash_moved": _("Cash moved without a sale"),
        "gift_card.sold": _("Gift card sold"),
        "goods.decided": _("Decided what becomes of goods"),
        "commission.plan_made": _("New rates for commissions"),
        "return.authorised": _("May be sent back"),
        "return.expectation_changed": _("What is sent back is waited for otherwise"),
        "return.arrived": _("A parcel came back"),
        "return.inspected": _("Looked at what was sent back"),
        "return.advanced": _("Money back without waiting for goods"),
        "return.credited": _("Store credit for the customer"),
    }
    return words.get(kind, "")


def rule_word(rule: str) -> str:
    """Return what a journal of returns is for."""
    words = {
        "restocking_fee": _("Restocking fee"),
        "commission": _("Commission earned"),
        "commission_back": _("Commission taken back"),
        "gift_card": _("Gift card sold"),
        "disposition": _("What became of goods"),
        "write_down": _("Written down"),
        "repair": _("Repair"),
        "sell_off": _("Sold off"),
        "paid_in": _("Paid in"),
        "paid_out": _("Paid out"),
        "loan": _("Cash from the safe"),
        "drop": _("Cash to the safe"),
        "pickup": _("Cash picked up"),
    }
    return words.get(rule, "")


def directive_word(kind: str) -> str:
    """Return what a directive of returns asks for."""
    words = {
        "return.policy": _("What may come back"),
        "store.keys": _("Whose receipts are true"),
        "return.expect": _("Goods will be sent back"),
        "return.unexpect": _("Nobody waits for goods any more"),
    }
    return words.get(kind, "")
