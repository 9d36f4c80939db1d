"""Whose promise is broken when goods are missing: an order of harm, and how many have to give way.

Goods that are only to be sent to another location give way before any promise to a customer.

Pure: facts in, order out. Nobody is chosen here; a person reads this order on the card and decides, because a
number of units says nothing of what was promised to whom.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.fulfil.rules import STEPS
from protocol.fulfilment import PromiseClass
from protocol.lifecycles import AssignmentState

_TIGHT: Final = (PromiseClass.STANDARD, PromiseClass.SAME_DAY, PromiseClass.SAME_HOUR)


@dataclass(frozen=True, slots=True)
class Promised:
    """Open units of one order at the location that misses some."""

    assignment_id: str
    order_id: str
    number: str
    units: int
    picked: int
    state: AssignmentState
    promise_class: PromiseClass
    due_us: int
    own: bool
    """The store has set them aside itself: a local reservation."""
    asked: bool
    """It has been asked to give them up, and has not answered."""

    @property
    def at_risk(self) -> int:
        """Units that nobody has in hand yet."""
        return max(0, self.units - self.picked)


@dataclass(frozen=True, slots=True)
class Sending:
    """Units that a location is to send to another one, for no order."""

    transfer_id: str
    number: str
    destination: str
    units: int
    picked: bool
    """Somebody there has them in hand, which says that they exist."""
    asked: bool
    """It has been asked not to send them, and has not answered."""


def give_way(sendings: Iterable[Sending], need: int) -> list[Sending]:
    """Return what should not be sent where units are missing: as little as covers it, unpicked first."""
    found: list[Sending] = []
    free = [one for one in sendings if not one.asked]
    for one in sorted(free, key=lambda one: (one.picked, -one.units, one.transfer_id)):
        if need <= 0:
            break
        found.append(one)
        need -= one.units
    return found


def least_harm(promised: Iterable[Promised]) -> list[Promised]:
    """Return promises in the order in which breaking them does the least harm.

    First what nobody has begun, then the loosest promise, then the latest: there is most time to mend it.
    """
    return sorted(
        promised,
        key=lambda one: (
            one.at_risk == 0,
            # The further a location is, the likelier are these very units in its hands.
            STEPS.index(one.state) if one.state in STEPS else len(STEPS),
            _TIGHT.index(one.promise_class),
            -one.due_us,
            one.assignment_id,
        ),
    )


def pending(promised: Iterable[Promised | Sending]) -> int:
    """Return the units that are being given up already: each of them answers a part of the deficit."""
    return sum(one.units for one in promised if one.asked)


def victims(promised: Sequence[Promised], need: int) -> list[Promised]:
    """Return the promises that would break if nobody did anything: as few as cover what is missing."""
    found: list[Promised] = []
    for one in least_harm(each for each in promised if not each.asked):
        if need <= 0:
            break
        found.append(one)
        need -= one.units
    return found
