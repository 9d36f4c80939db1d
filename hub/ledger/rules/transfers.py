"""What transfers do to the books: pure, from what stock worked out (`hub.transfers.rules.booking`).

Inside one entity goods only change their account: on the shelf, in transit, on the shelf elsewhere. What
arrived and no shipment explains yet stands against *transit not matched*, at an estimate, until it is heard
of. Between entities each keeps its own books balanced at cost: the sender is owed what the receiver owes.
"""

from collections.abc import Sequence
from typing import Final

from hub.ledger.rules import _INVENTORY, Draft, Line, cost_of
from hub.stock.rules import ValuedMove
from hub.transfers.rules.booking import Arrived
from protocol.movements import Bucket

TRANSIT: Final = "inventory.transit"
UNMATCHED: Final = "transit_unmatched"
SHRINK: Final = "shrink"
VARIANCE: Final = "cost_variance"
DUE_FROM: Final = "due_from"
DUE_TO: Final = "due_to"


def moved(rule: str, moves: Sequence[ValuedMove], memo: str) -> tuple[Draft, ...]:
    """Goods changed their place at their source: off the shelf, or on their way."""
    return cost_of(rule, moves, memo)


def lost(minor: int, memo: str) -> tuple[Draft, ...]:
    """Units on their way are given up, or come back from that when below zero."""
    if not minor:
        return ()
    return (Draft("transfer_lost", (Line(SHRINK, minor), Line(TRANSIT, -minor)), memo),)


def arrived(rule: str, what: Arrived, memo: str, *, abroad: bool) -> tuple[Draft, ...]:
    """Goods are at their destination, at what they cost; `abroad`: they came from another entity."""
    sums: dict[str, int] = {}
    for bucket, minor in what.inventory.items():
        purpose = _INVENTORY[Bucket(bucket)]
        sums[purpose] = sums.get(purpose, 0) + minor
    sums[VARIANCE] = sums.get(VARIANCE, 0) + what.variance_minor
    sums[DUE_TO if abroad else TRANSIT] = -what.matched_minor
    sums[UNMATCHED] = -what.open_minor
    sums[SHRINK] = -what.over_minor
    return _draft(rule, sums, memo)


def sent_abroad(rule: str, minor: int, memo: str) -> tuple[Draft, ...]:
    """The entity that sent them is owed what they cost."""
    return _draft(f"{rule}_due", {DUE_FROM: minor, TRANSIT: -minor}, memo)


def _draft(rule: str, sums: dict[str, int], memo: str) -> tuple[Draft, ...]:
    lines = tuple(Line(purpose, amount) for purpose, amount in sums.items() if amount)
    return (Draft(rule, lines, memo),) if lines else ()
