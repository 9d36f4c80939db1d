"""What people call notices, their states, and the reasons why one did not leave."""

from collections.abc import Mapping

from hub.notify.rules import Kind, State
from protocol.kit.text import _
from protocol.kit.web.shell import Shape


def kind_word(kind: str) -> str:
    """Return what a notice tells the customer."""
    words: Mapping[str, str] = {
        Kind.RECEIVED: _("Order received"),
        Kind.READY: _("Ready to be collected"),
        Kind.REMINDER: _("Reminder to collect"),
        Kind.SHIPPED: _("On its way"),
        Kind.CANCELLED: _("Cancelled"),
        Kind.CHANGED: _("Order changed"),
        Kind.RETURN_EXPECTED: _("Return registered"),
        Kind.RETURN_ARRIVED: _("Return arrived"),
        Kind.RETURN_REFUNDED: _("Money back for a return"),
        Kind.RETURN_REFUSED: _("Return not taken back"),
        Kind.DIGEST: _("Daily digest"),
        Kind.TEST: _("Test mail"),
    }
    return words.get(kind, kind)


def case_word(case: str) -> str:
    """Return in which case a notice says this."""
    words: Mapping[str, str] = {
        "collect": _("to collect"),
        "ship": _("to ship"),
        "whole": _("all of it, by us"),
        "whole_asked": _("all of it, as asked"),
        "part": _("a part, by us"),
        "sent_back": _("sent back"),
        "part_asked": _("a part, as asked"),
    }
    return words.get(case, case)


def language_word(code: str) -> str:
    """Return a language by its own name."""
    return {"en": "English", "de": "Deutsch"}.get(code, code)


def notice_pill(state: str) -> tuple[str, Shape]:
    """Return the state of a notice as a word and its shape."""
    words: Mapping[str, tuple[str, Shape]] = {
        State.QUEUED: (_("Waits"), "wait"),
        State.SENDING: (_("Leaves now"), "live"),
        State.SENT: (_("Sent"), "done"),
        State.FAILED: (_("Failed"), "act"),
        State.KEPT: (_("Held back"), "calm"),
        State.DROPPED: (_("Not needed"), "calm"),
    }
    return words.get(state, (state, "calm"))


def why_word(detail: str) -> str:
    """Return why a notice waits or did not leave; codes of a mail server are shown as they are."""
    words = {
        "": "",
        "no_order": _("The order has not arrived yet."),
        "no_contact": _("The order names no customer."),
        "no_contact_yet": _("The customer's contact has not arrived yet."),
        "unreadable": _("The order or the contact was written by a newer version of the hub."),
        "no_address": _("The customer has no mail address."),
        "erased": _("The customer's contact was erased."),
        "collected": _("It was collected already."),
        "given_up": _("The store has given these goods up."),
        "no_need": _("There is nothing to remind of."),
        "no_return": _("The return has not arrived yet."),
        "return_arrived": _("The parcel is here already."),
        "return_settled": _("The parcel was looked into already."),
        "return_ended": _("Nobody waits for the parcel any more."),
        "not_due": _("It is not due yet."),
        "no_server": _("The mail server cannot be used; it is tried every minute."),
        "no_mail_server": _("No mail server is set up."),
        "refused": _("The customer does not want to be told this."),
        "no_hook": _("The program that was to be told was removed or switched off."),
        "doubt": _("The line broke after the mail was handed over, so nobody knows whether it arrived."),
        "bad_address": _("The customer's name or address cannot stand in a mail."),
    }
    if detail in words:
        return words[detail]
    if detail.startswith("HTTP ") or detail.endswith(("Error", "Timeout")):
        return _("The program answered {code}.", code=detail)
    return _("The mail server answered {code}.", code=detail)
