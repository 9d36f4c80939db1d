"""The answer that the page of an order for later begins with, and what comes next. Pure.

What a reader would get wrong: nothing is concluded from silence. An offer that was sent and not answered is
said to be just that, and what was asked of a location is "requested" until the location has answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.fulfilment import FulfilKind
from protocol.kit.text import _
from protocol.lifecycles import AssignmentState

_S = AssignmentState
OVER: Final = frozenset({_S.REJECTED, _S.SHORT, _S.CANCELLED, _S.EXPIRED, _S.WRITTEN_OFF})
_GONE: Final = frozenset({_S.HANDED_OVER, _S.SHIPPED})
_RANK: Final = (_S.PROPOSED, _S.SENT, _S.ACKNOWLEDGED, _S.PICKING, _S.PICKED, _S.PACKED, _S.READY)


@dataclass(frozen=True, slots=True)
class Part:
    """What one location has of an order."""

    place: str
    state: str
    units: int
    """Those it was given and has not given up or missed."""
    fulfilled: int
    kept_until: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's goods in units."""

    ordered: int
    cancelled: int
    fulfilled: int
    returned: int
    loose: int
    """Nobody has them, and they are neither gone nor cancelled."""
    waits: int = 0
    """They wait for a delivery that is on its way, or are held meanwhile."""

    @property
    def wanted(self) -> int:
        """What the customer still wanted when it left, or wants."""
        return self.ordered - self.cancelled

    @property
    def open(self) -> int:
        """What somebody still has to fulfil."""
        return max(0, self.wanted - self.fulfilled)


def answer(kind: str, goods: Goods, parts: Sequence[Part], *, parcels: tuple[int, int] = (0, 0)) -> str:
    """Return where an order is, as one sentence without its full stop.

    `parcels`: how many have left, and how many there are as far as is known.
    """
    if goods.loose or goods.waits:
        return _not_given_out(goods)
    if not goods.open:
        return _ended(kind, goods, parts, parcels)
    waiting = [part for part in parts if _state(part) not in OVER | _GONE]
    if goods.fulfilled:
        return _part_gone(kind, goods, waiting, parcels)
    return _under_way(kind, waiting)


def _not_given_out(goods: Goods) -> str:
    if goods.loose:
        if goods.loose == goods.open:
            return _("Nobody fulfils it yet")
        return (
            _("Nobody fulfils 1 unit") if goods.loose == 1 else _("Nobody fulfils {n} units", n=goods.loose)
        )
    if goods.waits == goods.open:
        return _("Waits for a delivery")
    if goods.waits == 1:
        return _("1 unit waits for a delivery")
    return _("{n} units wait for a delivery", n=goods.waits)


def _ended(kind: str, goods: Goods, parts: Sequence[Part], parcels: tuple[int, int]) -> str:
    if not goods.fulfilled:
        return _("Cancelled, nothing of it left")
    if goods.returned >= goods.fulfilled:
        return _("Everything came back")
    if goods.returned:
        return _("With the customer, {n} of {all} units came back", n=goods.returned, all=goods.fulfilled)
    if kind == FulfilKind.SHIP:
        left = max(1, parcels[0])
        return _("On its way, 1 parcel") if left == 1 else _("On its way, {n} parcels", n=left)
    places = [part.place for part in parts if part.fulfilled]
    return _("Collected at {place}", place=_listed(places)) if places else _("With the customer")


def _part_gone(kind: str, goods: Goods, waiting: Sequence[Part], parcels: tuple[int, int]) -> str:
    if kind == FulfilKind.SHIP:
        left, known = parcels
        if known > left:
            return _("On its way, {n} of {all} parcels", n=left, all=known)
        return _("On its way, {n} of {all} units", n=goods.fulfilled, all=goods.wanted)
    place = _listed([part.place for part in waiting])
    return _(
        "{n} of {all} units collected, the rest is at {place}",
        n=goods.fulfilled,
        all=goods.wanted,
        place=place,
    )


def _under_way(kind: str, waiting: Sequence[Part]) -> str:
    if not waiting:
        return _("Nothing is known of it yet")
    last = min(waiting, key=lambda part: _RANK.index(_state(part)))
    place = _listed([part.place for part in waiting if _state(part) is _state(last)])
    if _state(last) is _S.READY and last.kept_until and kind == FulfilKind.COLLECT:
        return _("Ready at {place}, kept until {when}", place=place, when=last.kept_until)
    words = {
        _S.PROPOSED: _("Waits to be sent to {place}", place=place),
        _S.SENT: _("Sent to {place}, not answered yet", place=place),
        _S.ACKNOWLEDGED: _("{place} has it and has not begun", place=place),
        _S.PICKING: _("{place} is picking it", place=place),
        _S.PICKED: _("Picked at {place}, not packed yet", place=place),
        _S.PACKED: _("Packed at {place}", place=place),
        _S.READY: _("Ready at {place}", place=place),
    }
    return words[_state(last)]


def _state(part: Part) -> AssignmentState:
    return _S(part.state)


def _listed(places: Sequence[str]) -> str:
    found = list(dict.fromkeys(places))
    if len(found) < 2:
        return "".join(found)
    return _("{first} and {last}", first=", ".join(found[:-1]), last=found[-1])


@dataclass(frozen=True, slots=True)
class Coming:
    """A step of the spine that has not happened; `due` where its time is known."""

    title: str
    says: str
    due: bool = False


def coming(kind: str, goods: Goods, parts: Sequence[Part]) -> tuple[Coming, ...]:
    """Return what is still to happen, the next step first; nothing for an order that is done."""
    if not goods.open:
        return ()
    states = {_state(part) for part in parts} - OVER - _GONE
    done = [_RANK.index(state) for state in states]
    least = -1 if goods.loose or goods.waits or not done else min(done)
    steps: list[Coming] = []
    if goods.waits:
        says = _("What it waits for arrives, and is given to whoever received it.")
        steps.append(Coming(_("A delivery"), says))
    elif least < 0:
        steps.append(
            Coming(_("A location"), _("Somebody decides what is promised instead, or it is cancelled."))
        )
    if least < _RANK.index(_S.ACKNOWLEDGED):
        steps.append(Coming(_("Answer"), _("The location says that it has it.")))
    if least < _RANK.index(_S.PICKED):
        steps.append(Coming(_("Picked"), _("The last scan ends the walk.")))
    earns = _("Revenue and tax post here, not before.")
    if kind == FulfilKind.SHIP:
        return (*steps, Coming(_("On its way"), earns, due=True))
    if least < _RANK.index(_S.READY):
        says = _("Shelf and notification follow the last bag.")
        steps.append(Coming(_("Ready to be collected"), says, due=True))
    return (*steps, Coming(_("Handover"), earns))
