"""Movements: the only writer of stock balances.

Every unit is in one bucket of one location. A movement takes units from one bucket to another, or across
the location's edge: from a supplier, to a customer, by an adjustment. These functions say which movements
a fact means; the caller adds the event and the place. Lines are goods only: `goods` leaves services out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.errors import Invalid
from protocol.fulfilment import PutBackLine, ShortLine, ShortReason, UnitsLine
from protocol.orders import LineKind
from protocol.transfers import ReceivedLine, SettledLine


class Bucket(StrEnum):
    """Where units are: the location's buckets, and the places outside of it."""

    SELLABLE = "sellable"
    RESERVED = "reserved"
    PICKED = "picked"
    HELD = "held"
    RETURNS = "returns"
    QUARANTINE = "quarantine"
    REPAIR = "repair"
    LIQUIDATION = "liquidation"
    IN_TRANSIT = "in_transit"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    ADJUSTMENT = "adjustment"
    OPENING = "opening"
    MISSING = "missing"
    TRANSFER = "transfer"
    """Another location: goods come from it and go to it."""


OUTSIDE: Final = frozenset(
    {
        Bucket.SUPPLIER,
        Bucket.CUSTOMER,
        Bucket.ADJUSTMENT,
        Bucket.OPENING,
        Bucket.MISSING,
        Bucket.TRANSFER,
    }
)
"""Places that have no balance here."""
INSIDE: Final = frozenset(Bucket) - OUTSIDE
"""Buckets of the location."""
PHYSICAL: Final = frozenset({Bucket.SELLABLE, Bucket.RESERVED, Bucket.PICKED})
"""What `protocol.rights` counts as physical stock, its `P`."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Some units of one SKU that change place, and why."""

    sku: str
    from_bucket: Bucket
    to_bucket: Bucket
    quantity: int
    reason: str

    def __post_init__(self) -> None:
        if self.quantity <= 0 or self.from_bucket is self.to_bucket:
            raise Invalid(
                f"{self.quantity} of {self.sku} cannot move from {self.from_bucket} to {self.to_bucket}.",
                "Move at least one unit, to another bucket.",
                code="bad_movement",
                sku=self.sku,
                quantity=self.quantity,
            )


def deltas(movements: Iterable[Movement]) -> dict[tuple[str, Bucket], int]:
    """Return by how much each balance of the location changes; what does not change is left out."""
    changes: dict[tuple[str, Bucket], int] = {}
    for movement in movements:
        for bucket, change in (
            (movement.from_bucket, -movement.quantity),
            (movement.to_bucket, movement.quantity),
        ):
            if bucket not in OUTSIDE:
                key = (movement.sku, bucket)
                changes[key] = changes.get(key, 0) + change
    return {key: change for key, change in changes.items() if change}


def physical_change(changes: Mapping[tuple[str, Bucket], int], sku: str) -> int:
    """Return by how much the physical stock `P` of one SKU changes."""
    return sum(change for (of, bucket), change in changes.items() if of == sku and bucket in PHYSICAL)


def goods(lines: Iterable[tuple[LineKind, str, int]]) -> tuple[tuple[str, int], ...]:
    """Return (sku, quantity) of the lines that take something from the shelf."""
    return tuple((sku, quantity) for kind, sku, quantity in lines if kind is LineKind.GOODS)


def move(
    lines: Sequence[tuple[str, int]], from_bucket: Bucket, to_bucket: Bucket, reason: str
) -> tuple[Movement, ...]:
    """Return one movement for each line (sku, quantity); a line of no units moves nothing."""
    return tuple(
        Movement(sku, from_bucket, to_bucket, quantity, reason) for sku, quantity in lines if quantity != 0
    )


def sale_movements(
    lines: Sequence[tuple[str, int]], *, from_bucket: Bucket = Bucket.SELLABLE
) -> tuple[Movement, ...]:
    """Goods leave with the customer: from the shelf, or from `picked` when an order is handed over."""
    return move(lines, from_bucket, Bucket.CUSTOMER, "sale")


def void_movements(
    lines: Sequence[tuple[str, int]], *, to_bucket: Bucket = Bucket.SELLABLE
) -> tuple[Movement, ...]:
    """A sale is voided: its goods never left."""
    return move(lines, Bucket.CUSTOMER, to_bucket, "void")


def return_movements(lines: Sequence[tuple[str, int, Bucket]]) -> tuple[Movement, ...]:
    """Goods come back, each line into its bucket; what stays with the customer moves nothing."""
    return tuple(
        Movement(sku, Bucket.CUSTOMER, Bucket(to_bucket), quantity, "return")
        for sku, quantity, to_bucket in lines
        if quantity != 0 and to_bucket is not Bucket.CUSTOMER
    )


def receipt_movements(
    lines: Sequence[tuple[str, int]], *, to_bucket: Bucket = Bucket.SELLABLE
) -> tuple[Movement, ...]:
    """Goods arrive from a supplier."""
    return move(lines, Bucket.SUPPLIER, to_bucket, "receipt")


def opening_movements(lines: Sequence[tuple[str, int]]) -> tuple[Movement, ...]:
    """What was there when the location began to keep books."""
    return move(lines, Bucket.OPENING, Bucket.SELLABLE, "opening")


def adjustment_movements(
    lines: Sequence[tuple[str, int]], *, bucket: Bucket = Bucket.SELLABLE, reason: str = "adjustment"
) -> tuple[Movement, ...]:
    """A count or a write-off: each line (sku, change) brings units in, or with a minus takes them out."""
    return tuple(
        Movement(sku, Bucket.ADJUSTMENT, bucket, change, reason)
        if change > 0
        else Movement(sku, bucket, Bucket.ADJUSTMENT, -change, reason)
        for sku, change in lines
        if change != 0
    )


SHORT_GOES_TO: Final[Mapping[ShortReason, Bucket]] = {
    ShortReason.NOT_FOUND: Bucket.MISSING,
    ShortReason.MISMATCH: Bucket.ADJUSTMENT,
    ShortReason.DAMAGED: Bucket.QUARANTINE,
    ShortReason.DISPLAY_WORN: Bucket.QUARANTINE,
}
"""What a short pick does to the units that were looked for: they leave the shelf, each for its own place."""


def is_lost(reason: ShortReason) -> bool:
    """Tell whether nobody has the goods of a short pick in their hands."""
    return SHORT_GOES_TO[reason] is not Bucket.QUARANTINE


def reserve_movements(lines: Sequence[tuple[str, int]]) -> tuple[Movement, ...]:
    """Goods on the shelf are set aside for an order of this location."""
    return move(lines, Bucket.SELLABLE, Bucket.RESERVED, "reserve")


def pick_movements(lines: Sequence[UnitsLine], shorts: Sequence[ShortLine]) -> tuple[Movement, ...]:
    """Goods come off the shelf for an order; those that were not found go where their reason says.

    What the books had lost before goes nowhere; what was set aside of it is free again.
    """
    moves: list[Movement] = []
    for line in lines:
        moves += _by_owner(line, Bucket.PICKED, "pick")
    for line in shorts:
        lent = min(line.missed, line.lent)
        bound = line.missed - lent
        leaving = UnitsLine(
            line_no=line.line_no, sku=line.sku, lent=line.lent - lent, bound=line.bound - bound
        )
        moves += _by_owner(leaving, SHORT_GOES_TO[line.reason], f"short_{line.reason.value}")
        moves += move([(line.sku, bound)], Bucket.RESERVED, Bucket.SELLABLE, "release")
    return tuple(moves)


def fulfil_movements(lines: Sequence[UnitsLine], reason: str) -> tuple[Movement, ...]:
    """Picked goods leave: handed over, or shipped."""
    return move([(line.sku, line.units) for line in lines], Bucket.PICKED, Bucket.CUSTOMER, reason)


def undo_handover_movements(lines: Sequence[UnitsLine]) -> tuple[Movement, ...]:
    """A handover is taken back: the goods stand at the desk again, for the same order."""
    return move([(line.sku, line.units) for line in lines], Bucket.CUSTOMER, Bucket.PICKED, "undo_handover")


def put_back_movements(lines: Sequence[PutBackLine]) -> tuple[Movement, ...]:
    """An assignment is given up: what was picked or set aside goes back to the shelf."""
    picked = [(line.sku, line.picked) for line in lines]
    # Units of both owners mix on a line only after an undone handover, and those are all picked.
    reserved = [(line.sku, max(0, line.bound - line.picked)) for line in lines]
    return move(picked, Bucket.PICKED, Bucket.SELLABLE, "put_back") + move(
        reserved, Bucket.RESERVED, Bucket.SELLABLE, "release"
    )


def _by_owner(line: UnitsLine, target: Bucket, reason: str) -> tuple[Movement, ...]:
    """Units the hub was lent lie on the shelf until they are picked; the location's own were set aside."""
    return move([(line.sku, line.lent)], Bucket.SELLABLE, target, reason) + move(
        [(line.sku, line.bound)], Bucket.RESERVED, target, reason
    )


def transfer_ship_movements(lines: Sequence[UnitsLine]) -> tuple[Movement, ...]:
    """Picked goods leave for another location: they are on their way, and no longer physical stock."""
    return move([(line.sku, line.units) for line in lines], Bucket.PICKED, Bucket.IN_TRANSIT, "transfer_out")


def transfer_receive_movements(lines: Sequence[ReceivedLine]) -> tuple[Movement, ...]:
    """Goods arrive from elsewhere: to the shelf, to the order they came for, or broken to quarantine."""
    return (
        move([(line.sku, line.to_shelf) for line in lines], Bucket.TRANSFER, Bucket.SELLABLE, "transfer_in")
        + move([(line.sku, line.bound) for line in lines], Bucket.TRANSFER, Bucket.RESERVED, "transfer_in")
        + move(
            [(line.sku, line.damaged) for line in lines],
            Bucket.TRANSFER,
            Bucket.QUARANTINE,
            "transfer_in_damaged",
        )
    )


def transfer_undo_movements(lines: Sequence[ReceivedLine]) -> tuple[Movement, ...]:
    """A receipt is taken back: its goods were never here."""
    return tuple(
        Movement(one.sku, one.to_bucket, one.from_bucket, one.quantity, "transfer_in_undone")
        for one in transfer_receive_movements(lines)
    )


def transfer_match_movements(lines: Sequence[ReceivedLine]) -> tuple[Movement, ...]:
    """Goods that came before their announcement are set aside for the order they turn out to be for."""
    return move([(line.sku, line.bound) for line in lines], Bucket.SELLABLE, Bucket.RESERVED, "reserve")


def transfer_close_movements(lines: Sequence[SettledLine]) -> tuple[Movement, ...]:
    """What was on its way has arrived elsewhere, or never will: in transit goes back to zero."""
    return move(
        [(line.sku, line.received) for line in lines], Bucket.IN_TRANSIT, Bucket.TRANSFER, "transfer_arrived"
    ) + move(
        [(line.sku, line.missing) for line in lines], Bucket.IN_TRANSIT, Bucket.MISSING, "transfer_missing"
    )
