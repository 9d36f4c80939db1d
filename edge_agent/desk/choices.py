"""Which choices a card of this store has, and the commands they name: steps that its other screens have too.

A choice is an event like all work of the store, so it is made while the line is down and the hub hears of it
later. What it posts in the books is the hub's to say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.rows import Raised
from edge_agent.exceptions.steps import close_by_id
from edge_agent.fulfil.rows import assignments
from edge_agent.fulfil.steps import inbox
from edge_agent.fulfil.steps.commands import Accept, PutBack, Reject
from edge_agent.paper import steps as paper
from edge_agent.stock import counting
from edge_agent.stock.count_models import OpenCount
from edge_agent.transfers.steps import inbox as transfers
from edge_agent.transfers.steps.commands import KeyOnly
from protocol.fulfilment import RejectReason
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState

Args = Mapping[str, Any]
CLOSE: Final = "card.close"
_OPEN: Final = frozenset({
    AssignmentState.SENT, AssignmentState.ACKNOWLEDGED, AssignmentState.PICKING, AssignmentState.PICKED,
    AssignmentState.PACKED, AssignmentState.READY,
})  # fmt: skip
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Given:
    """Who chooses, what they said, and the key that makes it happen once."""

    person: CurrentPerson
    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be done about a card."""

    choice_id: str
    label: str
    command: str
    args: Args = field(default_factory=dict)
    needs_reason: bool = False
    settles: bool = False
    """True where nothing else would close the card once this is done."""


def _put_back(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    command = PutBack(key=given.key, note=given.reason)
    inbox.put_back_no_show(unit, edge, args["assignment_id"], command, person=given.person)


def _give_back(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    command = Reject(key=given.key, reason=RejectReason.NOT_FOUND, note=given.reason)
    inbox.reject(unit, edge, args["assignment_id"], command, person=given.person, looked=False)


def _lies_there(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    inbox.goods_put_back(unit, edge, args["assignment_id"], Accept(key=given.key), person=given.person)


def _transfer_lies_there(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    transfers.goods_back(unit, edge, args["transfer_id"], KeyOnly(key=given.key), person=given.person)


def _count(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    command = OpenCount(key=given.key, skus=(args["sku"],))
    counting.open_count(unit, edge, command, person=given.person)


def _printed(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    paper.resolve_job(unit, edge, args["job_id"], printed=args["printed"], person=given.person)


def _close(unit: EdgeUnit, edge: Edge, args: Args, given: Given) -> None:
    close_by_id(unit, edge, args["exception_id"], how=given.reason, person=given.person)


COMMANDS: Final[Mapping[str, Callable[[EdgeUnit, Edge, Args, Given], None]]] = MappingProxyType(
    {
        "assignment.put_back": _put_back,
        "assignment.give_back": _give_back,
        "assignment.lies_there": _lies_there,
        "transfer.lies_there": _transfer_lies_there,
        "count.open": _count,
        "slip.resolve": _printed,
        CLOSE: _close,
    }
)


def choices_of(unit: EdgeUnit, card: Raised) -> tuple[Choice, ...]:
    """Return what can be done about a card, the likeliest first, to settle it with a note last."""
    if card.closed_us is not None:
        return ()
    args = {"exception_id": card.exception_id}
    note = Choice(CLOSE, _("Settle it with a note"), CLOSE, args, needs_reason=True)
    return (*_CHOICES.get(card.kind, _nothing)(unit, card), note)


def _nothing(_unit: EdgeUnit, _card: Raised) -> Iterator[Choice]:
    return iter(())


def _no_show(_unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    args = {"assignment_id": card.facts["assignment_id"]}
    yield Choice("assignment.put_back", _("Put it back on the shelf"), "assignment.put_back", args)


def _carried(_unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    args = {"assignment_id": card.facts["assignment_id"]}
    apart = bool(card.facts.get("damaged"))
    label = _("The damaged goods are kept apart") if apart else _("The goods lie on their shelf")
    yield Choice("assignment.lies_there", label, "assignment.lies_there", args)


def _transfer_carried(_unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    args = {"transfer_id": card.facts["transfer_id"]}
    yield Choice("transfer.lies_there", _("The goods lie on their shelf"), "transfer.lies_there", args)


def _to_count(_unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    sku = str(card.facts.get("sku") or card.subject.partition(":")[2])
    yield Choice("count.open", _("Count {sku} now", sku=sku), "count.open", {"sku": sku})


def _at_risk(unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    """Offer to give up those promises that come last, so that another location keeps them.

    A card of the hub is about one part of one order, the store's own about an item that is missing.
    """
    if sku := str(card.facts.get("sku") or ""):
        ids = [each[0] for each in assignments.at_risk(unit.connection, sku)[:_SHOWN]]
    else:
        ids = [str(card.facts.get("assignment_id") or "")]
    for assignment_id in ids:
        found = assignments.find(unit.connection, assignment_id)
        if found is not None and found.state in _OPEN:
            label = _("Give order {number} back to the hub", number=found.number)
            args = {"assignment_id": assignment_id}
            yield Choice(f"assignment.give_back:{found.number}", label, "assignment.give_back", args)
    if sku:
        yield from _to_count(unit, card)


def _slip(_unit: EdgeUnit, card: Raised) -> Iterator[Choice]:
    for word, printed, label in (
        ("there", True, _("The slip is there")),
        ("again", False, _("It is not there: print it again")),
    ):
        args = {"job_id": card.facts["job_id"], "printed": printed}
        yield Choice(f"slip.resolve:{word}", label, "slip.resolve", args)


_CHOICES: Final[Mapping[str, Callable[[EdgeUnit, Raised], Iterator[Choice]]]] = MappingProxyType(
    {
        "no_show": _no_show,
        "put_back": _carried,
        "transfer_put_back": _transfer_carried,
        "promise_at_risk": _at_risk,
        "count_due": _to_count,
        "stock_oversold": _to_count,
        "slip_in_doubt": _slip,
    }
)
"""A kind that is not here is settled with a note, on the page of its record."""
