"""What an order may wait for: how much of what is on its way may be promised, and which promise of it falls.

Pure. What a reader would get wrong: goods on their way are worth nothing to a customer who was promised an
earlier day, and nothing without a day. And a claim is not bound to its carton: when rights arrive, whoever
was promised the earliest is served first; it is bound to its transfer only for how much may still come.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

MOMENTS: Final = 6
"""Arrivals that are looked at for one order, the earliest first: each asks the router once."""


class Coming(NamedTuple):
    """Units of one item that a location will lend when a transfer arrives there, and nobody has claimed."""

    sku: str
    location: str
    transfer_id: str
    number: str
    due_us: int
    units: int


class Later(NamedTuple):
    """Units of one line that wait for a transfer."""

    line_no: int
    coming: Coming
    units: int


class Waiting(NamedTuple):
    """A claim that is open, as far as it has not arrived."""

    claim_id: str
    transfer_id: str
    units: int
    promise_us: int


def more_with(*, free: int, promisable: int, coming: int, safety: int) -> int:
    """Return by how much goods on their way raise what may be promised: safety stock is filled up first."""
    return max(0, free + coming - safety - promisable) if coming > 0 else 0


def behind(coming: Iterable[Coming], ahead: Mapping[tuple[str, str], int]) -> list[Coming]:
    """Return what still seems to come, less what may have arrived already: of the earliest transfers first.

    `ahead`: by (location, item), rights that came and whose receipt was not heard yet.
    """
    left = {key: max(0, units) for key, units in ahead.items()}
    found = []
    for each in sorted(coming, key=lambda one: (one.due_us, one.transfer_id, one.sku)):
        key = (each.location, each.sku)
        gone = min(each.units, left.get(key, 0))
        left[key] = left.get(key, 0) - gone
        if each.units > gone:
            found.append(each._replace(units=each.units - gone))
    return found


def moments(coming: Iterable[Coming], *, now_us: int, due_us: int) -> list[int]:
    """Return when something arrives that could still be in time, the earliest first."""
    return sorted({each.due_us for each in coming if now_us < each.due_us <= due_us})[:MOMENTS]


def split(
    units: Mapping[int, int], skus: Mapping[int, str], free: Mapping[str, int], coming: Sequence[Coming]
) -> tuple[dict[int, int], list[Later]]:
    """Return the units of each line that are free now, and what the others wait for; free units come first.

    What is not covered by either is in neither: the caller compares.
    """
    now: dict[int, int] = {}
    later: list[Later] = []
    left = dict(free)
    ordered = sorted(coming, key=lambda one: (one.due_us, one.transfer_id))
    still = [each.units for each in ordered]
    for line_no, wanted in sorted(units.items()):
        sku = skus[line_no]
        there = min(wanted, max(0, left.get(sku, 0)))
        if there:
            now[line_no] = there
            left[sku] -= there
        missing = wanted - there
        for n, each in enumerate(ordered):
            taken = min(missing, still[n]) if each.sku == sku else 0
            if taken > 0:
                later.append(Later(line_no, each, taken))
                still[n] -= taken
                missing -= taken
    return now, later


def served(waiting: Iterable[Waiting], free: int) -> list[tuple[str, int]]:
    """Return which claims on an item at a location are served by free rights: the earliest promise first."""
    found = []
    for each in in_turn(waiting):
        units = min(each.units, free)
        if units > 0:
            found.append((each.claim_id, units))
            free -= units
    return found


def uncovered(waiting: Iterable[Waiting], still: Mapping[str, int], pending: int) -> list[str]:
    """Return the claims on one item at one location that nothing stands behind any more.

    `still`: by transfer, units that will be lent when they arrive. `pending`: units that have arrived, whose
    rights are still to be told. The latest promises fall first.
    """
    left, pending = dict(still), max(0, pending)
    found = []
    for each in in_turn(waiting):
        covered = min(each.units, max(0, left.get(each.transfer_id, 0)))
        rest = each.units - covered
        if rest > pending:
            found.append(each.claim_id)
            continue
        left[each.transfer_id] = left.get(each.transfer_id, 0) - covered
        pending -= rest
    return found


def in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return claims in the order in which they are served."""
    return sorted(waiting, key=lambda each: (each.promise_us, each.claim_id))
