"""What counts, adjustments and receipts do to the books.

The side inside a store is the account of the bucket. The side outside is what the fact says: a count loses
to shrink and gains on its own account, an adjustment names its account by its reason, and a supplier's
goods stand against what was received and not invoiced, whatever the average says: the rest is a cost
variance.
"""

from collections.abc import Sequence
from typing import Final

from hub.ledger.rules import _INVENTORY, Draft, Line
from hub.stock.rules import ValuedMove
from protocol.movements import OUTSIDE, Bucket
from protocol.stock import REASONS

GAIN: Final = "stock_gain"
SHRINK: Final = "shrink"
PAYABLES: Final = "payables"


def moved(rule: str, moves: Sequence[ValuedMove], memo: str, purpose: str = "") -> tuple[Draft, ...]:
    """Return the draft of valued movements; `purpose` is the account outside, where the fact names one."""
    sums: dict[str, int] = {}

    def add(name: str, amount_minor: int) -> None:
        sums[name] = sums.get(name, 0) + amount_minor

    for move in moves:
        add(_side(move, move.from_bucket, purpose), -move.value_minor)
        add(_side(move, move.to_bucket, purpose), move.value_minor - move.variance_minor)
        add("cost_variance", move.variance_minor)
    lines = tuple(Line(name, amount) for name, amount in sums.items() if amount)
    return (Draft(rule, lines, memo),) if lines else ()


def purpose_of(reason: str) -> str:
    """Return the account that a reason names; empty for one that is newer than this hub."""
    known = REASONS.get(reason)
    return known.purpose if known else ""


def counted(rule: str, moves: Sequence[ValuedMove], memo: str, *, undone: bool) -> tuple[Draft, ...]:
    """Return the draft of a count: losses to shrink, gains beside; taken back, each on the same account."""
    gains = [move for move in moves if (move.from_bucket in OUTSIDE) is not undone]
    losses = [move for move in moves if (move.from_bucket in OUTSIDE) is undone]
    lines: dict[str, int] = {}
    for draft in (*moved(rule, gains, memo, GAIN), *moved(rule, losses, memo, SHRINK)):
        for line in draft.lines:
            lines[line.purpose] = lines.get(line.purpose, 0) + line.amount_minor
    found = tuple(Line(purpose, amount) for purpose, amount in lines.items() if amount)
    return (Draft(rule, found, memo),) if found else ()


def _side(move: ValuedMove, bucket: Bucket, purpose: str) -> str:
    if bucket not in OUTSIDE:
        return _INVENTORY[bucket]
    if purpose:
        return purpose
    if bucket is Bucket.SUPPLIER:
        return PAYABLES
    return GAIN if bucket is move.from_bucket else SHRINK
