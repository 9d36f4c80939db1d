"""What printers, their ways and their word are called on screens, and what to do about each condition."""

from typing import TYPE_CHECKING

from edge_agent.paper.rules import slip_label
from protocol.kit.text import _
from protocol.kit.web.shell import Shape

if TYPE_CHECKING:
    from edge_agent.paper.api import PrinterAnswer


def condition_word(view: "PrinterAnswer") -> tuple[str, Shape, str]:
    """Return a printer's condition as a word, a shape, and what to do about it."""
    if not view.active:
        return _("Switched off"), "calm", _("Its slips go to another printer.")
    if view.state == "ready" and view.evidence == "E":
        return _("Ready"), "done", _("It takes slips. How it is, it cannot say.")
    words: dict[str, tuple[str, Shape, str]] = {
        "ready": (_("Ready"), "done", _("It answers and has paper.")),
        "printing": (_("Printing"), "live", _("A slip is on its way out.")),
        "starting": (_("Starting"), "live", _("It is being asked how it is.")),
        "no_paper": (_("No paper"), "act", _("Put a roll in; it goes on by itself.")),
        "cover_open": (_("Cover open"), "act", _("Close the cover; it goes on by itself.")),
        "fault": (_("Fault"), "act", _("Look at its lights, switch it off and on, then try it again.")),
        "silent": (
            _("No answer"),
            "act",
            _("It takes the connection and says nothing. Switch it off and on."),
        ),
        "unreachable": (_("Not reachable"), "act", _("Check its power and its cable, then try it again.")),
        "stopped": (_("Stopped"), "calm", _("Nobody looks after it at the moment.")),
    }
    return words.get(view.state, (view.state, "calm", view.detail))


def evidence_word(grade: str) -> tuple[str, Shape, str]:
    """Return what a printer's word is worth, as a word, a shape and a sentence."""
    words: dict[str, tuple[str, Shape, str]] = {
        "A": (
            _("Confirms every slip"),
            "done",
            _("It says of each slip that it has been printed."),
        ),
        "B": (_("Confirms in turn"), "done", _("It answers once all before the question has been printed.")),
        "C": (_("Tells its state only"), "wait", _("Whether a slip came out it cannot say: scan or look.")),
        "E": (_("Says nothing"), "wait", _("Whether a slip came out it cannot say: scan or look.")),
    }
    unknown: tuple[str, Shape, str] = (
        _("Not asked yet"),
        "calm",
        _("It is asked when it is ready for the first time."),
    )
    return words.get(grade, unknown)


def way_word(transport: str) -> str:
    """Return what a way to a printer is called."""
    words = {"tcp": _("Network"), "device": _("USB"), "serial": _("Serial line"), "file": _("File")}
    return words.get(transport, transport)


def profile_word(profile: str) -> str:
    """Return what a kind of printer is called."""
    words = {
        "epson_80": _("Receipt printer, 80 mm, like Epson"),
        "epson_58": _("Receipt printer, 58 mm, like Epson"),
        "generic_80": _("Receipt printer, 80 mm, another"),
        "generic_58": _("Receipt printer, 58 mm, another"),
        "label_4in": _("Label printer, 4 inches, ZPL"),
    }
    return words.get(profile, profile)


def purpose_word(purpose: str) -> str:
    """Return what a purpose, or a single document, is called."""
    words = {
        "receipt": _("Receipts"),
        "report": _("Reports"),
        "label": _("Labels"),
        "list": _("Lists"),
    }
    return words.get(purpose) or slip_label(purpose)


def detail_word(detail: str) -> str:
    """Return what a printer's thread wrote down about a step, in the language of whoever reads it.

    The threads of printers speak to nobody and write English; what is not one of their sentences stays.
    """
    words = {
        "confirmed by the printer": _("confirmed by the printer"),
        "waiting for the printer": _("waiting for the printer"),
        "the printer goes on": _("the printer goes on"),
        "the printer did not confirm the slip in time": _("the printer did not confirm the slip in time"),
        "this printer cannot say whether it printed": _("this printer cannot say whether it printed"),
        "the program ended while this slip was being sent": _(
            "the program ended while this slip was being sent"
        ),
        "too old to be of use when its turn came": _("too old to be of use when its turn came"),
        "printed again, marked as a reprint": _("printed again, marked as a reprint"),
        "a person found the slip": _("a person found the slip"),
        "a person did not find the slip": _("a person did not find the slip"),
        "a later slip on the same connection was confirmed": _(
            "a later slip on the same connection was confirmed"
        ),
        "confirmed late": _("confirmed late"),
        "the paper has run out": _("the paper has run out"),
        "the cover is open": _("the cover is open"),
        "the printer reports a fault": _("the printer reports a fault"),
        "the paper is nearly used up": _("the paper is nearly used up"),
    }
    return words.get(detail, detail)
