"""The part of the policy's form that says how money goes back: by which tender, how much cash, when."""

from typing import Any

from hub.returns.form_fields import Field, Group, Read, plain
from protocol.kit.text import _
from protocol.returns import CashLimit, MailIn, ReturnPolicy


def refunds() -> Group:
    """Return the fields."""
    return Group(
        "refunds",
        _("How the money goes back"),
        _("Never more to a tender than was paid with it."),
        (
            Field(
                "refund_first",
                _("First to"),
                "select",
                options=(
                    ("", _("every tender, in proportion")),
                    ("gift_card", _("gift cards and store credit")),
                    ("card", _("the card")),
                ),
            ),
            Field(
                "cash_day",
                _("Cash that a store gives back in a day"),
                "money",
                _("More needs somebody else's word. Empty: any amount."),
            ),
            Field(
                "cash_by_location",
                _("Other amounts for single stores"),
                "area",
                _("One a line: the store and its amount. Such as {row}.", row="store-1 250.00"),
            ),
            Field(
                "signed_up_to",
                _("On another store's receipt, while the hub cannot be asked"),
                "money",
                _("0: nothing. Empty: any amount."),
            ),
            Field(
                "mail_refund",
                _("For goods that are sent back"),
                "select",
                options=(
                    ("inspected", _("once somebody has looked at them")),
                    ("arrived", _("once they are here")),
                    ("sent", _("at once, when the label is made")),
                ),
            ),
            Field("mail_days", _("Days that they may be on their way")),
            Field(
                "mail_addresses",
                _("Where parcels go"),
                "area",
                _(
                    "One a line: the location and its address. Such as {row}.",
                    row="store-1 1 High St, London",
                ),
            ),
        ),
    )


def refund_texts(policy: ReturnPolicy, currency: str) -> dict[str, str]:
    """Return this part of a policy as texts."""
    by_location = policy.cash.by_location.items()
    return {
        "refund_first": policy.refund_first,
        "cash_day": plain(policy.cash.day_minor, currency),
        "cash_by_location": "\n".join(f"{place} {plain(amount, currency)}" for place, amount in by_location),
        "signed_up_to": plain(policy.signed_up_to_minor, currency),
        "mail_refund": policy.mail_in.refund,
        "mail_days": str(policy.mail_in.days),
        "mail_addresses": "\n".join(f"{place} {text}" for place, text in policy.mail_in.addresses.items()),
    }


def refund_values(read: Read) -> dict[str, Any]:
    """Return what this part of the form says.

    Raises:
        Invalid: a field cannot be used.
    """
    by_location = {}
    for row in read.rows("cash_by_location"):
        place, _space, amount = row.partition(" ")
        by_location[place] = read.amount("cash_by_location", amount)
    cash = read.made(lambda: CashLimit(day_minor=read.minor("cash_day"), by_location=by_location))
    timing: Any = read.text("mail_refund") or "inspected"
    rows = (row.partition(" ") for row in read.rows("mail_addresses"))
    addresses = {place: text.strip() for place, _space, text in rows if text.strip()}
    days = read.whole("mail_days") or MailIn().days
    mail_in = read.made(lambda: MailIn(refund=timing, days=days, addresses=addresses))
    return {
        "refund_first": read.text("refund_first"),
        "cash": cash,
        "signed_up_to_minor": read.minor("signed_up_to"),
        "mail_in": mail_in,
    }
