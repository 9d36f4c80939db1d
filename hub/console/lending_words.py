"""The words of lending and of channels, chained behind those of the record."""

from typing import Final

from protocol.kit.text import _

GRAVE: Final = frozenset({"stock_deficit", "channel_dead"})


def exception_word(kind: str) -> str:
    """Return what kind of thing about lending or a channel needs a person."""
    words = {"stock_deficit": _("Promised units missing"), "channel_dead": _("Channel not reached")}
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception about lending or a channel means, and what settles it."""
    words = {
        "stock_deficit": _(
            "A store has fewer units than are promised from it. What nobody was promised has gone back to it "
            "already. Choose who gives way, promise one later, or have the item counted; it closes itself "
            "when enough is there again."
        ),
        "channel_dead": _(
            "A channel did not take what it may sell, however often it was tried. It goes on selling by what "
            "it heard last. Repair it, then start it again; it is told everything that has changed."
        ),
    }
    return words.get(kind, "")


def fact_word(name: str) -> str:
    """Return the name of a fact of such an exception."""
    words = {
        "promised": _("Units promised"),
        "transfers": _("Should not be sent"),
        "channel": _("Channel"),
        "tries": _("Tries"),
        "status": _("Its answer"),
    }
    return words.get(name, "")


def directive_word(kind: str) -> str:
    """Return what a directive of lending asks for."""
    return _("How much to lend") if kind == "lending.policy" else ""
