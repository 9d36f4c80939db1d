"""Where an assignment is after a fact, and what is odd about it. Pure.

What a reader would get wrong: an event of a location proves that the location has the assignment, whatever
the hub had heard until then; its answer may still be on the way. So a fact first moves a proposed assignment
to where it must have been.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol import later
from protocol.lifecycles import ASSIGNMENT, AssignmentEvent, AssignmentState, OrderState
from protocol.orders import WireModel

_S, _E = AssignmentState, AssignmentEvent

STEPS: Final = (_S.PROPOSED, _S.SENT, _S.ACKNOWLEDGED, _S.PICKING, _S.PICKED, _S.PACKED, _S.READY)
"""States in which a location still owes something, or may, in the order in which it goes through them."""
OPEN: Final = frozenset(STEPS)
WAITING: Final = frozenset({_S.PROPOSED, _S.SENT, _S.ACKNOWLEDGED, _S.PICKING, _S.PICKED})
"""States in which what was promised is neither ready to be collected nor on its way."""
GIVEN_UP: Final = frozenset({_S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.SHORT})
"""States in which nothing is to be expected from the location any more."""
ENDED: Final = GIVEN_UP | {_S.WRITTEN_OFF}
"""Those, and the one in which nobody waits for a location that may go on all the same."""
NOBODYS: Final = frozenset({OrderState.CAPTURED, OrderState.HELD})
"""States of an order that no location has a part of."""
OVER: Final = frozenset({OrderState.CANCELLED, OrderState.HANDED_OVER})
"""States of an order of which nothing is open any more."""
_UNHEARD: Final = frozenset({_S.PROPOSED, _S.SENT})

_EVENTS: Final[Mapping[type[WireModel], AssignmentEvent]] = MappingProxyType(
    {
        later.AssignmentWithdrawn: _E.CANCELLED,
        later.AssignmentWrittenOff: _E.WRITTEN_OFF,
        later.AssignmentAccepted: _E.ACKNOWLEDGED,
        later.AssignmentRejected: _E.REJECTED,
        later.PickStarted: _E.PICK_STARTED,
        later.AssignmentPacked: _E.PACKED,
        later.AssignmentStaged: _E.STAGED,
        later.AssignmentShipped: _E.SHIPPED,
        later.HandoverUndone: _E.HANDOVER_UNDONE,
        later.AssignmentCancelled: _E.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class After:
    """Where an assignment is after a fact, and whether the fact came when it was due."""

    state: AssignmentState
    in_order: bool = True


_ANSWERS: Final[Mapping[str, AssignmentEvent]] = MappingProxyType(
    {"rejected": _E.REJECTED, "expired": _E.EXPIRED, "applied": _E.ACKNOWLEDGED, "duplicate": _E.ACKNOWLEDGED}
)


def event_of(body: WireModel) -> AssignmentEvent | None:
    """Return what a fact is to the state of its assignment; None when it changes nothing."""
    match body:
        case later.AssignmentAnswered():
            return _ANSWERS[body.outcome]
        case later.AssignmentPicked():
            return _E.SHORT_PICKED if body.shorts and not body.lines else _E.PICKED
        case later.AssignmentHandedOver():
            return None if body.rest else _E.HANDED_OVER
        case _:
            return _EVENTS.get(type(body))


def after(state: AssignmentState, body: WireModel, *, nothing_left: bool = False) -> After:
    """Return where an assignment is after a fact.

    `nothing_left`: nothing of it is open any more; a walk that found nothing then ends it, and so does a
    cancellation, which may be of some units only.
    """
    if isinstance(body, later.ChangeRefused | later.AssignmentChanged):
        return _after_change(state, body, nothing_left=nothing_left)
    event = event_of(body)
    if event is None:
        # A part was handed over: somebody has it, and the rest still waits on its shelf.
        heard = isinstance(body, later.AssignmentHandedOver)
        return After(_heard(state) if heard else state, state not in ENDED or not heard)
    if event is _E.SHORT_PICKED and not nothing_left:
        event = _E.PICKED
    if isinstance(body, later.AssignmentCancelled) and not nothing_left:
        # Some units were given up, the others still wait.
        return After(_heard(state), state in OPEN or state is _S.WRITTEN_OFF)
    if event is _E.CANCELLED and isinstance(body, later.AssignmentWithdrawn):
        following, in_order = ASSIGNMENT.after_fact(state, event)
        return After(following, in_order)
    known = _heard(state)
    if event is _E.ACKNOWLEDGED:
        # An answer may be heard after the work that it allowed: it changes nothing then.
        return After(known)
    following, in_order = ASSIGNMENT.after_fact(known, event)
    if not in_order and event in _MAY_REPEAT and known in OPEN:
        in_order = True
    return After(following, in_order)


def _after_change(state: AssignmentState, body: WireModel, *, nothing_left: bool) -> After:
    """A refused change leaves it as it was, whatever that is; one that was taken over goes on."""
    if isinstance(body, later.ChangeRefused):
        return After(state)
    expected = state in OPEN or (nothing_left and state is _S.WRITTEN_OFF)
    return After(_S.CANCELLED if nothing_left else _heard(state), expected)


_MAY_REPEAT: Final = frozenset(
    {_E.PICK_STARTED, _E.PICKED, _E.PACKED, _E.STAGED, _E.SHORT_PICKED, _E.HANDOVER_UNDONE}
)
"""What a location may do again, or in another order, without anybody having to look: a second walk for what
was short at first, a bag more, another shelf, an undone handover of a part."""


def _heard(state: AssignmentState) -> AssignmentState:
    return _S.ACKNOWLEDGED if state in _UNHEARD else state


@dataclass(frozen=True, slots=True)
class Clock:
    """One assignment against the clock."""

    state: AssignmentState
    due_us: int
    created_us: int
    keep_until_us: int
    kind: str
    sent: bool
    """Whether the offer has left the hub; an own assignment was never offered."""


RISK_SHARE: Final = 50
"""Per cent of the way to the latest safe start at which somebody is reminded."""
RE_ROUTE_SHARE: Final = 80
"""Per cent at which an assignment that was never sent is taken back and routed anew."""


FOR_GAIN: Final = "another location fulfils it for clearly less"
FOR_TIME: Final = "it is not begun, and another location still keeps the promise"
UNPAID: Final = "nobody has paid for it in the time it was kept"
ASKED_BY_ITSELF: Final = frozenset({FOR_GAIN, FOR_TIME, UNPAID})
"""Why the hub itself asks a location to give an assignment up; a "no" to that needs nobody to look."""


def latest_start_us(clock: Clock, work_us: int) -> int:
    """Return when a location must begin to be ready in time; never before the assignment was made."""
    return max(clock.created_us, clock.due_us - work_us)


def share_gone(clock: Clock, now_us: int, work_us: int) -> int:
    """Return how many per cent of the time until the latest safe start are gone, 100 at most."""
    start = latest_start_us(clock, work_us)
    span = start - clock.created_us
    if span <= 0 or now_us >= start:
        return 100
    return max(0, 100 * (now_us - clock.created_us) // span)


def begun(state: AssignmentState) -> bool:
    """Tell whether somebody works on it."""
    return state in {_S.PICKING, _S.PICKED, _S.PACKED, _S.READY}


def waits(state: AssignmentState) -> bool:
    """Tell whether a location has it, or is to have it, and nobody works on it."""
    return state in OPEN and not begun(state)


def is_late(clock: Clock, now_us: int) -> bool:
    """Tell whether what was promised is due and not there."""
    waiting = clock.state in WAITING or (clock.kind == "ship" and clock.state in OPEN)
    return waiting and now_us > clock.due_us


def is_at_risk(clock: Clock, now_us: int, work_us: int) -> bool:
    """Tell whether half of the time in which nothing had to happen is gone and nobody has begun."""
    if begun(clock.state) or clock.state not in OPEN or now_us > clock.due_us:
        return False
    return share_gone(clock, now_us, work_us) >= RISK_SHARE


def is_in_need(clock: Clock, now_us: int, work_us: int) -> bool:
    """Tell whether a location that was told has let so much time go that somebody should think of another."""
    return (
        clock.sent
        and is_at_risk(clock, now_us, work_us)
        and share_gone(clock, now_us, work_us) >= RE_ROUTE_SHARE
    )


def is_no_show(clock: Clock, now_us: int) -> bool:
    """Tell whether goods that nobody collected have been kept long enough. Nothing is given up by it."""
    return (
        clock.kind == "collect" and clock.state is AssignmentState.READY and 0 < clock.keep_until_us < now_us
    )


def should_take_back(clock: Clock, now_us: int, work_us: int) -> bool:
    """Tell whether an assignment that no location has heard of goes to another one, while that is certain."""
    return (
        clock.state is AssignmentState.PROPOSED
        and not clock.sent
        and share_gone(clock, now_us, work_us) >= RE_ROUTE_SHARE
    )
