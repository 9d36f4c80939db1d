"""Counts, adjustments and deliveries, as both sides and the wire see them.

A count says what stands at a *place*: the shelf is what may be sold plus what orders have reserved, because
reserved units stand there until somebody picks them. What is picked or staged is not on the shelf and is
never counted with it. A difference is written on the place's first bucket, as an adjustment by that much;
so whatever moves between the counting and the posting stays true.

**Movements during a count.** Counting takes time, and an item may be sold, picked or received meanwhile.
Nobody can know whether a unit that moved was in the count. So a count is compared with a range: the books
at the moment it is confirmed, less what came since its counting began (it may not have been seen), up to
the books plus what left since then (it may have been seen). Inside the range there is no difference;
outside, the difference is the distance to it. Where nothing moved the range is one number, the books.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from protocol.movements import Bucket, Movement, adjustment_movements
from protocol.orders import UNITS, Approval, Code, Name, PositiveMinor, Quantity, WireModel
from protocol.people import StoreRole

COUNT_LINES: Final = 2_000
"""Items of one count task. A longer list is several tasks: nobody counts more in a shift."""
REQUEST_LINES: Final = 300
"""Items of a task or a delivery that the hub sends: what fits in one directive with long codes."""
PASSES: Final = 9
FIGURES: Final = 1_000_000_000
"""Units that a count can speak of: many documents together bring more than one line of one can say."""

Units = Annotated[int, Field(strict=True, ge=0, le=UNITS)]
Change = Annotated[int, Field(strict=True, ge=-UNITS, le=UNITS)]
Lying = Annotated[int, Field(strict=True, ge=0, le=FIGURES)]
"""Units that stand somewhere, or that moved meanwhile."""
Moving = Annotated[int, Field(strict=True, ge=1, le=FIGURES)]
"""Units that lay somewhere, or that a difference moves."""
Figure = Annotated[int, Field(strict=True, ge=-FIGURES, le=FIGURES)]
"""What books say of a place, or by how much they are wrong."""
Bin = Annotated[str, Field(min_length=1, max_length=40)]
_DIGITS: Final = re.compile(r"(\d+)")


def bin_key(bin_: str) -> tuple[object, ...]:
    """Return where a shelf comes on a walk, on paper as on screens: bin 2 before bin 10, none at the end."""
    pieces = _DIGITS.split(bin_.strip())
    steps = tuple((len(piece.lstrip("0")), piece) if at % 2 else piece for at, piece in enumerate(pieces))
    return (not bin_.strip(), steps)


class Place(StrEnum):
    """Where a count looks."""

    SHELF = "shelf"
    RETURNS = "returns"
    QUARANTINE = "quarantine"


BUCKETS_OF: Final[Mapping[Place, tuple[Bucket, ...]]] = MappingProxyType(
    {
        Place.SHELF: (Bucket.SELLABLE, Bucket.RESERVED),
        Place.RETURNS: (Bucket.RETURNS,),
        Place.QUARANTINE: (Bucket.QUARANTINE,),
    }
)
"""What stands at a place; a difference is written on the first."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the books say of one item at one place when its count is confirmed.

    `came` and `left` are what crossed the place's edge since its counting began.
    """

    balance: int
    came: int = 0
    left: int = 0

    @property
    def low(self) -> int:
        """The fewest that a right count may have found."""
        return self.balance - self.came

    @property
    def high(self) -> int:
        """The most that a right count may have found."""
        return self.balance + self.left

    def variance(self, counted: int) -> int:
        """Return the difference that no movement explains: below zero, units are missing."""
        if counted > self.high:
            return counted - self.high
        return min(0, counted - self.low)

    def is_doubtful(self, counted: int) -> bool:
        """Tell whether there is a difference whose size the movements blur: only a calm pass can tell."""
        return bool(self.came or self.left) and self.variance(counted) != 0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The difference up to which one pass is believed; a value of 0 sets no limit."""

    units: int = 1
    value_minor: int = 0

    def asks_again(self, variance: int, unit_cost_minor: int) -> bool:
        """Tell whether a difference is so large that another pass must confirm it."""
        dear = self.value_minor and abs(variance) * unit_cost_minor > self.value_minor
        return abs(variance) > self.units or bool(dear)


@dataclass(frozen=True, slots=True)
class Pass:
    """One confirmed pass over one item."""

    counted: int
    variance: int
    doubtful: bool


def is_settled(passes: Sequence[Pass], tolerance: Tolerance, unit_cost_minor: int) -> bool:
    """Tell whether the last pass is believed: it is within tolerance, or says the same as the one before."""
    if not passes:
        return False
    last = passes[-1]
    if not last.doubtful and not tolerance.asks_again(last.variance, unit_cost_minor):
        return True
    return len(passes) > 1 and passes[-2].variance == last.variance


def crossing(movements: Iterable[tuple[str, str, int]], place: Place) -> tuple[int, int]:
    """Return (came, left) of movements (from, to, units) of one item over the edge of a place."""
    inside = frozenset(bucket.value for bucket in BUCKETS_OF[place])
    came = left = 0
    for source, target, units in movements:
        came += units if target in inside and source not in inside else 0
        left += units if source in inside and target not in inside else 0
    return came, left


@dataclass(frozen=True, slots=True)
class Reason:
    """What an adjustment for a reason does, and who may say it.

    `voluntary`: the units leave because somebody wants it, so they must be free (rule 1, L >= n); what is
    broken or stolen is gone whether it was promised or not. `purpose` names the ledger's account of the side
    outside the store; none where the goods stay in it.
    """

    from_bucket: Bucket
    to_bucket: Bucket
    role: StoreRole
    voluntary: bool = False
    purpose: str = ""


_SHELF, _APART, _GONE = Bucket.SELLABLE, Bucket.QUARANTINE, Bucket.ADJUSTMENT
REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "found": Reason(_GONE, _SHELF, StoreRole.LEAD, purpose="stock_gain"),
        "damaged": Reason(_SHELF, _APART, StoreRole.ASSOCIATE),
        "display_worn": Reason(_SHELF, _APART, StoreRole.ASSOCIATE),
        "theft": Reason(_SHELF, _GONE, StoreRole.LEAD, purpose="shrink"),
        "internal_use": Reason(_SHELF, _GONE, StoreRole.MANAGER, voluntary=True, purpose="own_use"),
        "sample": Reason(_SHELF, _GONE, StoreRole.MANAGER, voluntary=True, purpose="samples"),
        "donation": Reason(_SHELF, _GONE, StoreRole.MANAGER, voluntary=True, purpose="donations"),
        "wrong_delivery": Reason(
            _SHELF, Bucket.SUPPLIER, StoreRole.MANAGER, voluntary=True, purpose="payables"
        ),
        "held_back": Reason(_SHELF, Bucket.HELD, StoreRole.LEAD, voluntary=True),
        "released": Reason(Bucket.HELD, _SHELF, StoreRole.LEAD),
        "restored": Reason(_APART, _SHELF, StoreRole.LEAD),
        "inspected": Reason(Bucket.RETURNS, _SHELF, StoreRole.LEAD),
        "return_damaged": Reason(Bucket.RETURNS, _APART, StoreRole.LEAD),
        "cleared": Reason(_APART, Bucket.LIQUIDATION, StoreRole.LEAD),
        "disposed": Reason(_APART, _GONE, StoreRole.MANAGER, purpose="disposal"),
    }
)
"""Every reason to adjust stock for. Events carry the buckets too, so that a newer reason is readable."""


class CountScope(WireModel):
    """What is to be counted, and how far one pass is believed."""

    title: Name
    place: Place = Place.SHELF
    scope: Literal["skus", "bins", "all"] = "skus"
    skus: tuple[Code, ...] = Field(default=(), max_length=COUNT_LINES)
    bins: tuple[Bin, ...] = Field(default=(), max_length=100)
    tolerance_units: Units = 1
    tolerance_minor: PositiveMinor = 0
    due_us: int | None = Field(default=None, ge=0)
    note: str = Field(default="", max_length=300)


class CountRequest(CountScope):
    """The hub asks a store to count; with `bins` the store looks up what has its home there."""

    count_id: Code
    skus: tuple[Code, ...] = Field(default=(), max_length=REQUEST_LINES)


class CountCancel(WireModel):
    """Give a count up. Rejected with `count_closed` where it was posted already."""

    count_id: Code
    reason: str = Field(default="", max_length=300)


class CountOpened(CountScope):
    """A store has a count to make; `skus` are its rows, also where they were found by bin."""

    count_id: Code
    number: Code
    source: Literal["hub", "store", "exception"]


class ConfirmedLine(WireModel):
    """One pass over one item, with the books it was compared with."""

    sku: Code
    pass_no: int = Field(ge=1, le=PASSES)
    counted: Lying
    balance: Figure
    came: Lying = 0
    left: Lying = 0
    variance: Figure


class CountConfirmed(WireModel):
    """Items of a count were counted; nothing has moved yet."""

    count_id: Code
    number: Code
    lines: tuple[ConfirmedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)


class PostedLine(WireModel):
    """What a count says of one item in the end. `accepted`: a manager believed it without another pass."""

    sku: Code
    counted: Lying
    variance: Figure
    passes: int = Field(ge=1, le=PASSES)
    unit_cost_minor: PositiveMinor = 0
    accepted: bool = False


class FoundElsewhere(WireModel):
    """Something that lay there and is no row of the count: another item, or a code that nobody knows."""

    code: Code
    sku: str = Field(default="", max_length=64)
    units: Moving


class CountPosted(WireModel):
    """A count is believed: its differences are written."""

    count_id: Code
    number: Code
    place: Place
    lines: tuple[PostedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)
    elsewhere: tuple[FoundElsewhere, ...] = Field(default=(), max_length=COUNT_LINES)
    approvals: tuple[Approval, ...] = ()


class CountUndone(WireModel):
    """A posted count was wrong: its differences are taken back."""

    count_id: Code
    number: Code
    place: Place
    reason: str = Field(min_length=1, max_length=300)
    lines: tuple[PostedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)
    approvals: tuple[Approval, ...] = ()


class CountCancelled(WireModel):
    """A count was given up; nothing has moved."""

    count_id: Code
    number: Code
    reason: str = Field(default="", max_length=300)


class CountRequested(CountRequest):
    """The hub decided that a location counts. `plan_id` holds together what was asked of several at once."""

    plan_id: Code
    location: Code


class AdjustedLine(WireModel):
    """Units that changed their bucket."""

    sku: Code
    quantity: Quantity
    from_bucket: Code
    to_bucket: Code
    unit_cost_minor: PositiveMinor = 0


class StockAdjusted(WireModel):
    """Stock was corrected for a named reason; with `undoes`, an earlier correction was taken back."""

    adjustment_id: Code
    number: Code
    reason: Code
    note: str = Field(default="", max_length=300)
    undoes: Code | None = None
    lines: tuple[AdjustedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)
    approvals: tuple[Approval, ...] = ()


class ExpectedLine(WireModel):
    """What a supplier should bring of one item."""

    sku: Code
    quantity: Quantity
    unit_cost_minor: PositiveMinor = 0


class Delivery(WireModel):
    """What a supplier should bring, under its own reference."""

    delivery_id: Code
    supplier: Name
    reference: str = Field(default="", max_length=80)
    due_us: int | None = Field(default=None, ge=0)
    lines: tuple[ExpectedLine, ...] = Field(min_length=1, max_length=REQUEST_LINES)


class DeliveryExpect(Delivery):
    """The hub tells a store what to expect."""


class DeliveryCancel(WireModel):
    """A supplier will not come. Rejected with `delivery_closed` where it was received already."""

    delivery_id: Code
    reason: str = Field(default="", max_length=300)


class DeliveryExpected(Delivery):
    """A store expects a delivery."""

    source: Literal["hub", "store"]


class DeliveryAnnounced(Delivery):
    """The hub decided to tell a location about a delivery."""

    location: Code


class DeliveryCancelled(WireModel):
    """A delivery is no longer expected."""

    delivery_id: Code
    reason: str = Field(default="", max_length=300)


class ReceivedLine(WireModel):
    """What came of one item. Damaged units are kept apart; `reason` says why it is not what was expected."""

    sku: Code
    expected: Units = 0
    good: Units = 0
    damaged: Units = 0
    unit_cost_minor: PositiveMinor = 0
    reason: str = Field(default="", max_length=40)


class DeliveryReceived(WireModel):
    """A supplier's goods were received. Without `final` the rest is still expected."""

    receipt_id: Code
    number: Code
    delivery_id: Code | None = None
    supplier: Name
    reference: str = Field(default="", max_length=80)
    final: bool = True
    lines: tuple[ReceivedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)


class CorrectedLine(WireModel):
    """By how much a receipt was wrong: units that came or did not come after all, at the receipt's cost."""

    sku: Code
    good: Change = 0
    damaged: Change = 0
    unit_cost_minor: PositiveMinor = 0


class ReceiptCorrected(WireModel):
    """A receipt was wrong and is put right, in part or as a whole."""

    receipt_id: Code
    number: Code
    delivery_id: Code | None = None
    reason: str = Field(min_length=1, max_length=300)
    lines: tuple[CorrectedLine, ...] = Field(min_length=1, max_length=COUNT_LINES)
    approvals: tuple[Approval, ...] = ()


class StockTaskAnswered(WireModel):
    """What a location answered to a count or a delivery it was told about, where that settles it."""

    count_id: Code | None = None
    delivery_id: Code | None = None
    location: Code
    outcome: Code
    code: str = Field(default="", max_length=64)
    detail: str = Field(default="", max_length=300)


def count_movements(lines: Iterable[PostedLine], place: Place, *, undone: bool = False) -> list[Movement]:
    """Return what a posted count moves, or what takes it back."""
    changes = [(line.sku, -line.variance if undone else line.variance) for line in lines]
    reason = "count_undone" if undone else "count"
    return list(adjustment_movements(changes, bucket=BUCKETS_OF[place][0], reason=reason))


def adjusted_movements(body: StockAdjusted) -> list[Movement]:
    """Return what an adjustment moves."""
    return [
        Movement(line.sku, Bucket(line.from_bucket), Bucket(line.to_bucket), line.quantity, body.reason)
        for line in body.lines
    ]


def received_movements(lines: Iterable[ReceivedLine]) -> list[Movement]:
    """Return what a receipt moves: good units to the shelf, damaged ones apart."""
    return [
        Movement(line.sku, Bucket.SUPPLIER, bucket, units, "received")
        for line in lines
        for bucket, units in ((Bucket.SELLABLE, line.good), (Bucket.QUARANTINE, line.damaged))
        if units
    ]


def corrected_movements(lines: Iterable[CorrectedLine]) -> list[Movement]:
    """Return what putting a receipt right moves."""
    moves = []
    for line in lines:
        for bucket, units in ((Bucket.SELLABLE, line.good), (Bucket.QUARANTINE, line.damaged)):
            if units > 0:
                moves.append(Movement(line.sku, Bucket.SUPPLIER, bucket, units, "receipt_corrected"))
            elif units < 0:
                moves.append(Movement(line.sku, bucket, Bucket.SUPPLIER, -units, "receipt_corrected"))
    return moves
