"""What transfers do to the books: pure, from what stock worked out (`hub.transfers.rules.booking`).

Inside one entity goods only change their account: on the shelf, in transit, on the shelf elsewhere. What
arrived and no shipment explains yet stands against *transit not matched*, at an estimate, until it is heard
of. Between entities each keeps its own books balanced: the sender is owed what the receiver owes, at cost or
at the price between them.
"""

from typing import Final

from hub.ledger.rules import INVENTORY, VARIANCE, Draft, Line, draft_of
from hub.ledger.rules.abroad import Charge, sold
from hub.transfers.rules.booking import Arrived

TRANSIT: Final = "inventory.transit"
UNMATCHED: Final = "transit_unmatched"
SHRINK: Final = "shrink"
DUE_FROM: Final = "due_from"
DUE_TO: Final = "due_to"


def lost(minor: int, memo: str) -> tuple[Draft, ...]:
    """Units on their way are given up, or come back from that when below zero."""
    return draft_of("transfer_lost", {SHRINK: minor, TRANSIT: -minor}, memo)


def arrived(
    rule: str, what: Arrived, memo: str, *, abroad: str = "", charge: Charge | None = None
) -> tuple[Draft, ...]:
    """Goods are at their destination, at what they cost; `abroad` names the other entity they came from.

    `charge` is what that entity charges for what was matched, where it does not just hand them over at cost.
    """
    sums: dict[str, int] = {}
    for bucket, minor in what.inventory.items():
        purpose = INVENTORY[bucket]
        sums[purpose] = sums.get(purpose, 0) + minor
    sums[VARIANCE] = sums.get(VARIANCE, 0) + what.variance_minor
    if not abroad:
        sums[TRANSIT] = -what.matched_minor
    elif charge is None:
        sums[DUE_TO] = -what.matched_minor
    else:
        sums["input_tax"], sums[DUE_TO] = charge.tax_minor, -charge.total_minor
    sums[UNMATCHED] = -what.open_minor
    sums[SHRINK] = -what.over_minor
    return draft_of(rule, sums, memo, {DUE_TO: abroad, "input_tax": abroad})


def sent_abroad(
    rule: str, minor: int, memo: str, *, to: str, charge: Charge | None = None
) -> tuple[Draft, ...]:
    """The entity that sent goods is owed what they cost, or what it charges, by the one they went to."""
    if charge is None:
        return draft_of(f"{rule}_due", {DUE_FROM: minor, TRANSIT: -minor}, memo, {DUE_FROM: to})
    lines = (*sold(charge, to), Line("cogs.abroad", minor, ref=to), Line(TRANSIT, -minor))
    return (Draft(f"{rule}_due", lines, memo),) if charge.total_minor or minor else ()
