"""Which movements a stock correction may be, and what a row of balances means for the counter.

What may be sold is one formula, that of `protocol.rights`: what is physically here, less what local orders
have bound, less what is lent to the hub. It is always shown with its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol.errors import Invalid
from protocol.fulfilment import ShortReason
from protocol.kit.text import _
from protocol.movements import Bucket, Movement, is_lost
from protocol.rights import EdgeCells, EdgeStock

REASONS: Final[Mapping[str, tuple[frozenset[Bucket], frozenset[Bucket]]]] = {
    "opening": (frozenset({Bucket.OPENING}), frozenset({Bucket.SELLABLE})),
    "received": (frozenset({Bucket.SUPPLIER}), frozenset({Bucket.SELLABLE, Bucket.HELD, Bucket.QUARANTINE})),
    "adjusted": (
        frozenset({Bucket.ADJUSTMENT, Bucket.SELLABLE, Bucket.QUARANTINE, Bucket.RETURNS}),
        frozenset({Bucket.ADJUSTMENT, Bucket.SELLABLE, Bucket.QUARANTINE, Bucket.RETURNS}),
    ),
}
"""Reason -> where units may come from and go to."""


@dataclass(frozen=True, slots=True)
class OnHand:
    """One SKU in this store."""

    sku: str
    buckets: Mapping[Bucket, int]
    cells: EdgeCells
    returned_seen: int
    hub_picked: int = 0
    """Picked units that the hub has promised: they are outstanding already, so they are not bound too."""

    def standing_in(self, bucket: Bucket) -> int:
        """Return the units that stand where those of a bucket do: on the shelf what is reserved, too."""
        beside = self.buckets.get(Bucket.RESERVED, 0) if bucket is Bucket.SELLABLE else 0
        return self.buckets.get(bucket, 0) + beside

    @property
    def rights(self) -> EdgeStock:
        """The same as the lending rules see it."""
        here = self.buckets.get
        aside = here(Bucket.RESERVED, 0) + here(Bucket.PICKED, 0)
        return EdgeStock(
            self.sku,
            physical=here(Bucket.SELLABLE, 0) + aside,
            # Below zero something left twice: those units came off the shelf, and bind no others.
            bound=max(0, aside - self.hub_picked),
            cells=self.cells,
            returned_seen=self.returned_seen,
        )


def lost_before(reason: ShortReason, units: int, *, left: int, deficit: int) -> int:
    """Return how many units that a walk did not find the books had lost before, so that they leave no shelf.

    Goods may be gone already by what somebody said of another order, or were sold: the same units do not
    leave twice (`deficit` of what is promised is missing), and never more than the `left` that stand on the
    shelf beside what was found. Damaged goods are in somebody's hands, so they do leave.
    """
    if not is_lost(reason):
        return 0
    lost = units - max(0, min(units, left))
    return max(lost, min(units, deficit)) if reason is ShortReason.NOT_FOUND else lost


def moves_of(reason: str, lines: list[tuple[str, int, Bucket, Bucket]]) -> tuple[Movement, ...]:
    """Return the movements that somebody asks for, or refuse what this reason does not allow.

    Raises:
        Invalid: says which line and why.
    """
    allowed_from, allowed_to = REASONS[reason]
    moves = []
    for number, (sku, quantity, from_bucket, to_bucket) in enumerate(lines, start=1):
        if from_bucket not in allowed_from or to_bucket not in allowed_to or from_bucket is to_bucket:
            raise Invalid(
                _(
                    "Line {number}: stock cannot go from {from_bucket} to {to_bucket} as {reason}.",
                    number=number,
                    from_bucket=from_bucket.value,
                    to_bucket=to_bucket.value,
                    reason=reason,
                ),
                _("Choose another bucket, or another reason."),
                code="bad_movement",
                line=number,
                sku=sku,
            )
        moves.append(Movement(sku, from_bucket, to_bucket, quantity, reason))
    return tuple(moves)
