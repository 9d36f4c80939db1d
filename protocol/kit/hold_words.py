"""What people call holds and refusals, on both sides: what is not in order, what it blocks, how it ends."""

from collections.abc import Iterable, Mapping

from protocol.errors import Refused
from protocol.holds import Blocked, HoldKind, HoldState, HoldTold, OnExpiry, is_refused
from protocol.kit.text import _, inside
from protocol.kit.web.shell import Shape
from protocol.rules.checks import Finding


def hold_kind_word(kind: str) -> str:
    """Return what is not in order."""
    words: Mapping[str, str] = {
        HoldKind.PAYMENT: _("Payment"),
        HoldKind.FRAUD: _("Fraud suspected"),
        HoldKind.CUSTOMER: _("Customer"),
        HoldKind.TAX: _("Tax"),
        HoldKind.AVAILABILITY: _("Availability"),
        HoldKind.MANUAL: _("Put on hold by hand"),
    }
    return words.get(kind, kind)


def blocked_word(what: str) -> str:
    """Return what may not be done."""
    words: Mapping[str, str] = {
        Blocked.ROUTE: _("routing"),
        Blocked.PICK: _("picking"),
        Blocked.HANDOVER: _("handover"),
        Blocked.SHIP: _("shipping"),
        Blocked.REFUND: _("refunds"),
    }
    return words.get(what, what)


def blocks_words(blocks: Iterable[str]) -> str:
    """Return everything that a hold blocks."""
    return ", ".join(blocked_word(each) for each in blocks)


def expiry_word(then: str) -> str:
    """Return what happens when nobody has decided in time."""
    words: Mapping[str, str] = {
        OnExpiry.RELEASE: _("then it is released"),
        OnExpiry.REJECT: _("then the order is cancelled"),
        OnExpiry.KEEP: _("then an admin is called, and it stays on hold"),
    }
    return words.get(then, then)


def hold_pill(hold: HoldTold) -> tuple[str, Shape]:
    """Return where a hold is, as a word and a shape."""
    if hold.state is HoldState.OPEN:
        return _("On hold"), "act"
    if is_refused(hold):
        return _("Rejected"), "calm"
    return (_("Lapsed"), "calm") if hold.state is HoldState.LAPSED else (_("Released"), "done")


def code_says(code: str) -> str:
    """Return what a check found, without its figures; empty for a reason that a person wrote."""
    words = {
        "not_paid": _("Less is paid than has to be before anything happens."),
        "payment_expired": _("The payment was authorised too long ago."),
        "offline_over_cap": _("More was paid without the bank than may be."),
        "offline_exposure": _("So much was paid without the bank already that it has to be settled first."),
        "fraud_points": _("Several signs of fraud together."),
        "customer_blocked": _("This customer is not served at the moment."),
        "customer_limit": _("The order is above what this customer may order at once."),
        "customer_open_limit": _("This customer has too many orders open."),
        "tax_differs": _("The tax of the order is not what the rates of that day come to."),
        "tax_exempt_unknown": _("No tax is charged, and no exemption is known."),
        "may_be_at_a_store": _(
            "This hub was restored, and not every location has said yet what it had then."
            " One of them may have this order. It goes on by itself once all have spoken."
        ),
        "not_available": _("Nobody could keep the promise at the moment it was made."),
    }
    return words.get(code, "")


def reason_says(hold: HoldTold) -> str:
    """Return why an order is on hold: in words where a check says so, else as it was written."""
    return code_says(hold.code) or hold.reason


def stop_says(kind: str, why: str, blocks: Iterable[str]) -> str:
    """Return what a store is told of a hold: why, what must not be done, who decides."""
    return _(
        "On hold ({kind}): {why} Not allowed: {what}. The hub decides.",
        kind=inside(hold_kind_word(kind)),
        why=f"{why.rstrip('.')}.",
        what=blocks_words(blocks),
    )


def check_refusal(found: Finding, remedy: str) -> Refused:
    """Return the refusal of what does not pass a check, with the facts that were used."""
    return Refused(
        code_says(found.code) or found.reason,
        remedy,
        code="check_refused",
        check=found.rule.kind.value,
        rule=found.rule.rule_id,
        why=found.code,
        used=dict(found.facts),
    )
