"""A preview as somebody in the store reads it."""

from dataclasses import dataclass

from edge_agent.desk.choices import Choice
from edge_agent.desk.rehearsal import Change, Preview
from protocol.kit.text import _
from protocol.kit.web.filters import money


@dataclass(frozen=True, slots=True)
class Line:
    """One thing, how it was and how it is."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One choice on a card."""

    choice: Choice
    digest: str
    refused: str
    promise: tuple[Line, ...]
    stock: tuple[Line, ...]
    money: tuple[Line, ...]
    paper: tuple[str, ...]
    tells: bool
    """Whether the hub hears of it: at once, or when the line is back."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What is needed to say a preview."""

    currency: str

    def shown(self, choice: Choice, preview: Preview) -> Shown:
        """Return a choice with what it does here."""

        def of(*facets: str) -> tuple[Line, ...]:
            return tuple(self._line(change) for change in preview.changes if change.facet in facets)

        return Shown(
            choice=choice,
            digest=preview.digest,
            refused=f"{preview.refused} {preview.remedy}".strip(),
            promise=of("promise"),
            stock=of("stock", "lent"),
            money=of("due"),
            paper=tuple(document.replace("_", " ") for document in preview.paper),
            tells=bool(preview.tells),
        )

    def _line(self, change: Change) -> Line:
        before, after = str(change.before), str(change.after)
        match change.facet:
            case "promise":
                label = _("Order {number}", number=change.of[0])
                return Line(label, _state(before), _state(after))
            case "due":
                label = _("Still to pay on {number}", number=change.of[0])
                amounts = [money(int(value or 0), self.currency) for value in (change.before, change.after)]
                return Line(label, *amounts)
            case "lent":
                return Line(_("{sku} lent to the hub", sku=change.of[0]), before, after)
            case _:
                return Line(f"{change.of[0]} {_bucket(change.of[1])}", before, after)


def _state(state: str) -> str:
    words = {
        "sent": _("not begun"),
        "acknowledged": _("not begun"),
        "picking": _("picking"),
        "picked": _("picked"),
        "packed": _("packed"),
        "ready": _("ready to be collected"),
        "rejected": _("given back to the hub"),
        "expired": _("given back to the hub"),
        "cancelled": _("given up"),
    }
    return words.get(state, state)


def _bucket(bucket: str) -> str:
    words = {
        "sellable": _("on the shelf"),
        "reserved": _("reserved"),
        "picked": _("picked"),
        "held": _("held"),
        "quarantine": _("in quarantine"),
    }
    return words.get(bucket, bucket.replace("_", " "))


def act_word(act: str) -> str:
    """Return what somebody did about a card."""
    words = {
        "assigned": _("Assigned"),
        "snoozed": _("Put aside"),
        "commented": _("Said"),
        "escalated": _("Handed on"),
        "asked": _("Chosen, waits for a second person"),
        "declined": _("Declined"),
        "chosen": _("Chosen"),
    }
    return words.get(act, act)
