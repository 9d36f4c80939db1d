"""Comparisons in words, for pages."""

from collections.abc import Mapping
from typing import Any

from protocol.kit.text import _


def sums(compared: Mapping[str, Any]) -> list[tuple[str, int, int, str]]:
    """Return the sums of two runs side by side, as (word, left, right, how it is written)."""
    left, right = compared["left"], compared["right"]
    return [
        (_("Cost"), left["minor"], right["minor"], "money"),
        (_("Shipments"), left["shipments"], right["shipments"], "qty"),
        (_("Orders from several places"), left["split"], right["split"], "qty"),
        (_("Late unit-days"), left["late"], right["late"], "qty"),
        (_("Orders that nobody could serve"), left["unserved_orders"], right["unserved_orders"], "qty"),
        (_("Units that nobody could serve"), left["unserved"], right["unserved"], "qty"),
    ]


def replay_pill(state: str) -> tuple[str, str]:
    """Return the word and the shape of a replay's state."""
    return {
        "queued": (_("Waits"), "wait"),
        "running": (_("Runs"), "live"),
        "done": (_("Done"), "done"),
    }.get(state, (_("Failed"), "act"))


def sent_words(answer: Any, names: Mapping[str, str]) -> str:
    """Return who sends what in an answer, be it one of a run or as it was kept."""
    sent = answer["sent"] if isinstance(answer, Mapping) else answer.sent
    unserved = answer["unserved"] if isinstance(answer, Mapping) else answer.unserved
    said = [
        f"{names.get(location, location)} {units}{f' ({service})' if service else ''}"
        for location, service, units in sent
    ]
    if unserved:
        said.append(_("nobody {n}", n=unserved))
    return ", ".join(said)


def yes_no(cell: str) -> str:
    """Return a cell of a table of parameters for people."""
    return {"yes": _("yes"), "no": _("no")}.get(cell, cell)


ROUTING_WORDS = {"replay_pill": replay_pill, "sent_words": sent_words, "yes_no": yes_no}
"""What templates of routing may say by name."""
