"""What people call the stages, how a stay ended, and why money was lost."""

from collections.abc import Mapping

from hub.flow.rules import LeakKind, Stage
from protocol.kit.text import _
from protocol.kit.web.filters import duration


def stage_word(stage: str) -> str:
    """Return what a stage is called."""
    words: Mapping[str, str] = {
        Stage.HELD: _("On hold"),
        Stage.UNROUTED: _("No location"),
        Stage.INCOMING: _("On its way in"),
        Stage.OFFERED: _("Not begun"),
        Stage.PICKING: _("Picking"),
        Stage.PACKING: _("Packing"),
        Stage.READY: _("Ready"),
        Stage.RETURNED: _("Came back"),
    }
    return words.get(stage, stage)


def stage_says(stage: str) -> str:
    """Return what waits in a stage."""
    words: Mapping[str, str] = {
        Stage.HELD: _("for somebody to decide"),
        Stage.UNROUTED: _("for a location that has it"),
        Stage.INCOMING: _("from another store"),
        Stage.OFFERED: _("for its location to start"),
        Stage.PICKING: _("somebody walks"),
        Stage.PACKING: _("picked, not ready"),
        Stage.READY: _("to be collected or shipped"),
        Stage.RETURNED: _("for a decision"),
    }
    return words.get(stage, "")


def end_word(how: str) -> str:
    """Return how a stay ended, or why money was lost."""
    words: Mapping[str, str] = {
        "": _("Waits"),
        "on": _("Went on"),
        "gone": _("With the customer"),
        "given_up": _("Given up"),
        "lapsed": _("Lapsed"),
        "cancelled": _("Cancelled"),
        LeakKind.RE_ROUTED: _("Routed again, dearer"),
        LeakKind.LOST_SALE: _("Sale lost"),
        LeakKind.WRITE_DOWN: _("Written down"),
        LeakKind.DISPOSAL: _("Thrown away"),
        LeakKind.REPAIR: _("Repaired"),
        LeakKind.GOODWILL: _("Goodwill"),
        LeakKind.CHARGEBACK: _("Chargeback lost"),
    }
    return words.get(how, _("Decided"))


def what_word(what: str) -> str:
    """Return what a list of orders was opened for."""
    words = {
        "now": _("here now"),
        "passed": _("passed"),
        "slow": _("the slowest tenth"),
        "broken": _("promise broken"),
        "leaked": _("margin leaked"),
    }
    return words.get(what, what)


def wait_word(wait_ms: int | None) -> str:
    """Return a wait as a person says it."""
    return "–" if wait_ms is None else duration(wait_ms / 1_000)
