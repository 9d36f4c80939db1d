"""The words of transfers, chained behind those of the record."""

from collections.abc import Mapping
from typing import Final

from protocol.kit.text import _
from protocol.kit.web.shell import Shape

GRAVE: Final = frozenset({"transfer_short", "transfer_unmatched", "transfer_over"})
"""What stays in the books between two places as long as nobody looks."""


def event_word(kind: str) -> str:
    """Return what happened to a transfer, as the head of an event in a timeline."""
    words = {
        "transfer.requested": _("Requested"),
        "transfer.accepted": _("Accepted"),
        "transfer.rejected": _("Not sent"),
        "transfer.picked": _("Picked"),
        "transfer.carton_packed": _("Carton packed"),
        "transfer.carton_opened": _("Carton opened again"),
        "transfer.shipped": _("Left"),
        "transfer.cancelled": _("Given up"),
        "transfer.cancel_asked": _("No longer wanted"),
        "transfer.received": _("Arrived"),
        "transfer.matched": _("Arrival explained"),
        "transfer.receipt_undone": _("Arrival taken back"),
        "transfer.closed": _("In transit is zero"),
        "transfer.answered": _("Answered"),
        "transfer.cancel_requested": _("Asked not to send it"),
        "transfer.decided": _("Settled"),
        "transfer.extended": _("Waited for longer"),
        "transfer.receipt_accepted": _("Kept as found"),
    }
    return words.get(kind, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing about a transfer needs a person."""
    words = {
        "transfer_short": _("Transfer short"),
        "transfer_over": _("More than was sent"),
        "transfer_damaged": _("Arrived damaged"),
        "transfer_refused": _("Transfer not sent"),
        "transfer_late": _("Too long on its way"),
        "transfer_waits": _("Transfer waits"),
        "transfer_unmatched": _("Arrived, not sent"),
        "transfer_odd": _("Transfer out of order"),
        "transfer_unknown_place": _("Transfer with an unknown place"),
        "carton_label_twice": _("Carton number used twice"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception about transfers means, and what settles it."""
    words = {
        "transfer_short": _(
            "The destination waits for no more of it, and units are still on their way. If they turn up it "
            "takes them in and this closes by itself. Else decide on the transfer's page: they are written "
            "off, or they never left and the source counts."
        ),
        "transfer_over": _(
            "The destination has more than was sent, so the source has fewer than its books say. Keep them "
            "on the transfer's page; the source is asked to count."
        ),
        "transfer_damaged": _(
            "Units arrived broken and stand in quarantine at what they cost. The destination decides what "
            "becomes of them; claim them from the carrier if it was its fault."
        ),
        "transfer_refused": _(
            "The source sends less than was asked, or nothing. Ask another location, or tell whoever waits."
        ),
        "transfer_late": _(
            "Units left and have not arrived in time. Ask the carrier and both places. It closes itself when "
            "they arrive; wait until another day, or settle them, on the transfer's page."
        ),
        "transfer_waits": _("It was wanted by now and has not left. Call the source, or take it back."),
        "transfer_unmatched": _(
            "Goods arrived that nobody has sent, and their source has told everything it has. It counts what "
            "may have left unseen. Say which transfer they are of, or keep them as found."
        ),
        "transfer_odd": _(
            "A store told something of a transfer that does not follow on what it told before. It stands as "
            "it was told; look at the transfer's page."
        ),
        "transfer_unknown_place": _(
            "A store named a place that the hub does not know, maybe by a slip of the finger. Nobody there "
            "sends the goods, or takes them in. Take it back and have it asked for anew, or add the place "
            "with `orderspine hub location add`; then this closes by itself."
        ),
        "carton_label_twice": _(
            "Two transfers carry a carton with the same number, so a scan cannot tell them apart. Receive "
            "both by their lines, label the carton anew, and give each location a number of its own in its "
            "settings."
        ),
    }
    return words.get(kind, "")


def directive_word(kind: str) -> str:
    """Return what a location was told about transfers."""
    words = {
        "transfer.request": _("Send goods to another location"),
        "transfer.cancel": _("Do not send them"),
        "transfer.expect": _("Goods are on their way"),
        "transfer.settled": _("What became of a transfer"),
        "transfer.told": _("How a source answered"),
    }
    return words.get(kind, "")


def rule_word(rule: str) -> str:
    """Return what a journal about a transfer was posted for."""
    words = {
        "transfer_pick": _("Picked for a transfer"),
        "transfer_out": _("On the way"),
        "transfer_in": _("Arrived"),
        "transfer_match": _("Cost of what had arrived"),
        "transfer_undone": _("Arrival taken back"),
        "transfer_found": _("Kept as found"),
        "transfer_settled": _("Settled"),
        "transfer_lost": _("Lost on the way"),
    }
    return words.get(rule.partition(".")[0].removesuffix("_due"), "")


def fact_word(name: str) -> str:
    """Return the name of a fact of an exception about transfers."""
    words = {
        "source": _("From"),
        "destination": _("To"),
        "shipped": _("Left"),
        "on_its_way": _("Units on their way"),
        "value": _("Worth"),
        "units": _("Units"),
        "counting": _("The source counts"),
        "not_known": _("Not known"),
    }
    return words.get(name, "")


def transfer_pill(state: str) -> tuple[str, Shape]:
    """Return where the goods of a transfer are, as a word and its shape."""
    words: Mapping[str, tuple[str, Shape]] = {
        "requested": (_("Requested"), "wait"),
        "accepted": (_("Accepted"), "live"),
        "picked": (_("Picked"), "live"),
        "packed": (_("Packed"), "live"),
        "on_the_way": (_("On the way"), "live"),
        "part_received": (_("Part arrived"), "live"),
        "received": (_("Arrived"), "done"),
        "settled": (_("Settled"), "done"),
        "unmatched": (_("Arrived, not sent yet"), "wait"),
        "rejected": (_("Not sent"), "calm"),
        "short": (_("Not found"), "act"),
        "cancelled": (_("Given up"), "calm"),
    }
    return words.get(state, (state, "calm"))


def transfer_reason(reason: str) -> str:
    """Return why goods go somewhere else."""
    words = {
        "replenish": _("Replenish"),
        "for_order": _("For an order"),
        "balance": _("Balance stock"),
        "send_back": _("Send back"),
        "other": _("Another reason"),
    }
    return words.get(reason, reason)


def refusal_word(code: str) -> str:
    """Return why a source does not send; what was typed stays as it is."""
    words = {
        "not_enough": _("not enough of it"),
        "not_found": _("not found"),
        "damaged": _("damaged"),
        "no_capacity": _("no time for it"),
        "other": _("another reason"),
        "cancelled": _("given up"),
        "withdrawn": _("taken back before it was sent"),
        "not_here": _("it is another location"),
        "known": _("its number is taken"),
    }
    return words.get(code, code)


def arrival_word(reason: str) -> str:
    """Return what was wrong with units when they arrived."""
    words = {
        "missing": _("missing"),
        "carton_missing": _("carton missing"),
        "damaged": _("damaged"),
        "over": _("more than was sent"),
        "wrong_item": _("something else"),
    }
    return words.get(reason, reason)


def choice_word(choice: str) -> str:
    """Return what was decided about units that did not arrive as they were sent."""
    words = {"write_off": _("written off"), "at_source": _("never left"), "accept": _("kept")}
    return words.get(choice, choice)


def carton_pill(state: str) -> tuple[str, Shape]:
    """Return where a carton is, as a word and its shape."""
    words: Mapping[str, tuple[str, Shape]] = {
        "packed": (_("Packed"), "wait"),
        "opened": (_("Opened again"), "calm"),
        "shipped": (_("On the way"), "live"),
        "received": (_("Arrived"), "done"),
        "settled": (_("Settled"), "done"),
        "lost": (_("Lost on the way"), "act"),
    }
    return words.get(state, (state, "calm"))


TRANSFER_WORDS: Final = {
    "transfer_pill": transfer_pill,
    "transfer_reason": transfer_reason,
    "refusal_word": refusal_word,
    "arrival_word": arrival_word,
    "choice_word": choice_word,
    "carton_pill": carton_pill,
}
"""What templates may say by name, beside `hub.console.words.WORDS`."""
