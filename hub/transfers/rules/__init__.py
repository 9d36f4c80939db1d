"""What can be decided about a transfer from what is known of it. Pure.

A transfer is in one state for people, though it has two lifecycles: where its goods are. That is computed, so
it does not depend on which store was heard first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.clock import MICROSECONDS
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.transfer_desk import Choice, DecidedLine
from protocol.transfers import ReceiveState, SendState

DAY_US: Final = 24 * 3600 * MICROSECONDS


class State(StrEnum):
    """Where the goods of a transfer are."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    PICKED = "picked"
    PACKED = "packed"
    ON_THE_WAY = "on_the_way"
    PART_RECEIVED = "part_received"
    RECEIVED = "received"
    SETTLED = "settled"
    UNMATCHED = "unmatched"
    """It was received and nobody has said that it was sent."""
    REJECTED = "rejected"
    SHORT = "short"
    CANCELLED = "cancelled"


OVER: Final = frozenset({State.SETTLED, State.REJECTED, State.SHORT, State.CANCELLED})
STILL_TO_COME: Final[Mapping[State, tuple[str, ...]]] = {
    State.REQUESTED: ("accepted", "picked", "packed", "on_the_way", "received"),
    State.ACCEPTED: ("picked", "packed", "on_the_way", "received"),
    State.PICKED: ("packed", "on_the_way", "received"),
    State.PACKED: ("on_the_way", "received"),
    State.ON_THE_WAY: ("received",),
    State.PART_RECEIVED: ("received",),
}
"""By where the goods are."""
BEFORE_LEAVING: Final = frozenset({State.REQUESTED, State.ACCEPTED, State.PICKED, State.PACKED})
"""Nothing has left, so it can still be taken back."""
_CAME: Final = frozenset({ReceiveState.PART_RECEIVED, ReceiveState.RECEIVED})


def state_of(send: SendState, receive: ReceiveState, *, decided: bool) -> State:
    """Return where the goods are, from what both ends have said."""
    if decided:
        return State.SETTLED
    if send in {SendState.SHIPPED, SendState.SETTLED}:
        if receive is ReceiveState.RECEIVED:
            return State.RECEIVED
        return State.PART_RECEIVED if receive is ReceiveState.PART_RECEIVED else State.ON_THE_WAY
    return State.UNMATCHED if receive in _CAME else State(send.value)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the units of one line that left."""

    transit: int
    lost: int
    arrived: int


def carton_state(told: str, fates: Iterable[Fate]) -> str:
    """Return where a carton is: as both places tell it, or by what became of its lines.

    A carton that is received line by line, or settled, is never told of again, though nothing of it is on its
    way any more. One of which a line has arrived in part and is lost in part is `settled`: nobody knows which
    carton it was.
    """
    found = list(fates)
    if told != "shipped" or not found or any(fate.transit > 0 for fate in found):
        return told
    if not any(fate.lost for fate in found):
        return "received"
    return "settled" if any(fate.arrived for fate in found) else "lost"


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where, as somebody asks for it."""

    source: str
    destination: str


def check_route(route: Route, known: Mapping[str, bool]) -> None:
    """Refuse what goes nowhere; `known` says of each location whether it may come in.

    Raises:
        Invalid: names the location and what to do.
    """
    if route.source == route.destination:
        raise Invalid(
            _("A transfer goes to another location; {place} was named twice.", place=route.source[:40]),
            _("Choose another source or another destination."),
            code="to_itself",
            location=route.source[:40],
        )
    for location in (route.source, route.destination):
        if location not in known:
            raise Invalid(
                _("The hub knows no location {place}.", place=location[:40]),
                _("Choose one of the fleet."),
                code="unknown_location",
                location=location[:40],
            )
        if not known[location]:
            raise Invalid(
                _("{place} is shut out.", place=location[:40]),
                _("Let it in again under Fleet, or choose another location."),
                code="location_shut_out",
                location=location[:40],
            )


def check_cancel(number: str, state: State, *, asked: bool, place: str) -> None:
    """Refuse to cancel what has left, what is over, and what is being cancelled.

    Raises:
        Refused: says where it is.
    """
    if state in {State.REJECTED, State.SHORT, State.CANCELLED}:
        raise Refused(
            _("{number} is not sent anyway.", number=number),
            _("Nothing is left to do."),
            code="transfer_over",
        )
    if state not in BEFORE_LEAVING:
        raise Refused(
            _("{number} has left {place} and cannot be cancelled any more.", number=number, place=place),
            _("Let it arrive, then send it back with a transfer of its own."),
            code="too_late",
        )
    if asked:
        raise Refused(
            _("{place} has been asked already and has not answered.", place=place),
            _("Wait for its answer."),
            code="asked_already",
        )


@dataclass(frozen=True, slots=True)
class OpenLine:
    """What is to be decided about one line."""

    line_no: int
    sku: str
    received: int
    lost: int
    transit: int
    open: int
    over: int

    @property
    def asks(self) -> bool:
        """Tell whether somebody has to decide anything about it."""
        return self.transit > 0 or self.open > 0


_MISSING: Final = frozenset({Choice.WRITE_OFF, Choice.AT_SOURCE})


def settlement_of(
    number: str, lines: Iterable[OpenLine], choices: Mapping[tuple[int, str], Choice]
) -> tuple[DecidedLine, ...]:
    """Return the settlement that choices make, or refuse what they leave open.

    Raises:
        Refused: nothing is left to decide.
        Invalid: a line has no choice, or one that does not fit it.
    """
    found = list(lines)
    if not any(line.asks for line in found):
        raise Refused(
            _("Nothing of {number} is left to decide.", number=number),
            _("What was sent has arrived, or was decided before."),
            code="nothing_open",
        )
    for line in found:
        choice = choices.get((line.line_no, line.sku))
        fits = choice in _MISSING if line.transit > 0 else choice is Choice.ACCEPT
        if line.asks and not fits:
            raise Invalid(
                _("Say what became of {sku}.", sku=line.sku),
                _("Units that did not arrive are written off, or never left; units too many are kept.")
                if line.transit or choice is None
                else _("More of it arrived than was sent: it can only be kept."),
                code="no_choice",
                line_no=line.line_no,
                sku=line.sku,
            )
    return tuple(
        DecidedLine(
            line_no=line.line_no,
            sku=line.sku,
            received=line.received,
            missing=line.lost + max(0, line.transit),
            over=line.over + line.open,
            choice=choices.get((line.line_no, line.sku)) if line.asks else None,
        )
        for line in found
        if line.received or line.lost or line.over or line.asks
    )


@dataclass(frozen=True, slots=True)
class Lender:
    """A location that might send what an order needs."""

    location: str
    silent: str
    free: Mapping[str, int]
    """Lent units that nobody was promised, by SKU."""


def sources_for(wanted: Mapping[str, int], lenders: Iterable[Lender], *, destination: str) -> list[str]:
    """Return who could send all of it, who has most to spare first; the id breaks the last tie."""
    able = [
        lender
        for lender in lenders
        if lender.location != destination
        and not lender.silent
        and all(lender.free.get(sku, 0) >= units for sku, units in wanted.items())
    ]
    able.sort(
        key=lambda each: (-min(each.free.get(sku, 0) - units for sku, units in wanted.items()), each.location)
    )
    return [lender.location for lender in able]
