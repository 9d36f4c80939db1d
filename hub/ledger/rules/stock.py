"""What counts, adjustments and receipts do to the books.

The side inside a store is the account of the bucket. The side outside is what the fact says: a count loses
to shrink and gains on its own account, an adjustment names its account by its reason, and a supplier's
goods stand against what was received and not invoiced, whatever the average says: the rest is a cost
variance.
"""

from collections.abc import Sequence
from typing import Final

from hub.ledger.rules import Draft, cost_of
from hub.stock.rules import ValuedMove
from protocol.movements import OUTSIDE, Bucket
from protocol.stock import REASONS

GAIN: Final = "stock_gain"
SHRINK: Final = "shrink"
PAYABLES: Final = "payables"


def moved(rule: str, moves: Sequence[ValuedMove], memo: str, purpose: str = "") -> tuple[Draft, ...]:
    """Return the draft of valued movements; `purpose` is the account outside, where the fact names one."""

    def beyond(move: ValuedMove, bucket: Bucket) -> str:
        if purpose:
            return purpose
        if bucket is Bucket.SUPPLIER:
            return PAYABLES
        return GAIN if bucket is move.from_bucket else SHRINK

    return cost_of(rule, moves, memo, beyond)


def purpose_of(reason: str) -> str:
    """Return the account that a reason names; empty for one that is newer than this hub."""
    known = REASONS.get(reason)
    return known.purpose if known else ""


def counted(rule: str, moves: Sequence[ValuedMove], memo: str, *, undone: bool) -> tuple[Draft, ...]:
    """Return the draft of a count: losses to shrink, gains beside; taken back, each on the same account."""

    def gained(move: ValuedMove) -> bool:
        return (move.from_bucket in OUTSIDE) is not undone

    def beyond(move: ValuedMove, _bucket: Bucket) -> str:
        return GAIN if gained(move) else SHRINK

    return cost_of(rule, sorted(moves, key=gained, reverse=True), memo, beyond)
