"""How transfers are called on screens: states, reasons, numbers. No page has a word of its own."""

from edge_agent.transfers.steps.models import TransferView
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.kit.web.shell import Shape
from protocol.transfers import TransferReason, TransferRefusal


def state_word(each: TransferView) -> tuple[str, Shape]:
    """Return where a transfer is, as a word and its shape."""
    if each.way == "in" and each.state == "unannounced":
        return told_word(each.told)
    missing = sum(line.missing for line in each.lines)
    if each.state == "received" and missing:
        return _("Here, {n} missing", n=qty(missing)), "act"
    words: dict[str, tuple[str, Shape]] = {
        "requested": (_("To answer"), "act"),
        "accepted": (_("To pick"), "wait"),
        "picked": (_("To pack"), "wait"),
        "packed": (_("To ship"), "wait"),
        "shipped": (_("On its way"), "live"),
        "expected": (_("On its way here"), "live"),
        "part_received": (_("Partly here"), "wait"),
        "received": (_("All here"), "done"),
        "settled": (_("Settled"), "done"),
        "rejected": (_("Rejected"), "calm"),
        "short": (_("Nothing found"), "act"),
        "cancelled": (_("Cancelled"), "calm"),
    }
    return words.get(each.state, (each.state, "calm"))


def told_word(told: str) -> tuple[str, Shape]:
    """Return how the source answered what this store has asked for."""
    words: dict[str, tuple[str, Shape]] = {
        "": (_("Asked"), "wait"),
        "accepted": (_("Accepted there"), "live"),
        "picked": (_("Picked there"), "live"),
        "packed": (_("Packed there"), "live"),
        "rejected": (_("Rejected there"), "act"),
        "short": (_("Nothing found there"), "act"),
        "cancelled": (_("Cancelled"), "calm"),
        "cancel_asked": (_("Asked to cancel"), "wait"),
    }
    return words.get(told, (told, "calm"))


def next_word(each: TransferView) -> str:
    """Return the step that is due, as a button says it."""
    words = {
        "accept": _("Answer"),
        "pick": _("Pick"),
        "pack": _("Pack"),
        "ship": _("Ship"),
        "receive": _("Receive"),
    }
    return words.get(each.next, _("See"))


def title_word(each: TransferView) -> str:
    """Return the step that is due, as a heading says it."""
    words = {
        "accept": _("Can this store send it?"),
        "pick": _("Pick it"),
        "pack": _("Put it into cartons"),
        "ship": _("Give it to the driver"),
        "receive": _("Receive it"),
    }
    return words.get(each.next, state_word(each)[0])


def reasons() -> tuple[tuple[str, str], ...]:
    """Return why goods go somewhere else: value and word."""
    return (
        (TransferReason.REPLENISH, _("To fill the shelf")),
        (TransferReason.BALANCE, _("Sells better there")),
        (TransferReason.FOR_ORDER, _("For an order")),
        (TransferReason.SEND_BACK, _("To send it back")),
        (TransferReason.OTHER, _("Something else")),
    )


def reason_word(reason: str) -> str:
    """Return why goods go somewhere else."""
    return dict(reasons()).get(TransferReason(reason), reason)


def refusals() -> tuple[tuple[str, str, str], ...]:
    """Return why a store may send nothing: value, word, what it means."""
    return (
        (TransferRefusal.NOT_ENOUGH, _("Not enough"), _("What is here is promised, or needed here.")),
        (
            TransferRefusal.NOT_FOUND,
            _("Not found"),
            _("They leave the stock, and are counted before any is promised again."),
        ),
        (
            TransferRefusal.DAMAGED,
            _("Damaged"),
            _("They are kept apart, and the rest is counted before any is lent again."),
        ),
        (TransferRefusal.NO_CAPACITY, _("No time"), _("Nobody can pick it before it is due.")),
        (TransferRefusal.OTHER, _("Something else"), _("Say it in the note.")),
    )


def cartons_word(count: int) -> str:
    """Return a number of cartons."""
    return _("1 carton") if count == 1 else _("{n} cartons", n=count)
