"""What goods between two locations are worth: a function of what is known, not of the order in which it came.

The source says what it shipped and the stock room what that cost; the destination says what arrived. Either
may be heard first. So nothing here is computed step by step: from all shipments and all pieces of one line
follows what each piece is worth, what is on its way, and what is lost; whoever books takes the difference to
what was booked before. Units are matched first come, first served, in the order of when they happened.

A piece that no shipment explains yet is worth its estimate. Units beyond what was shipped are *open* until
somebody decides to keep them as found (*over*).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.money import round_ratio


@dataclass(frozen=True, slots=True)
class Shipment:
    """Units that left, and what they cost, as of one event."""

    at_us: int
    event_id: str
    units: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Units of one piece; `estimate_minor` is what all of them are taken to be worth until it is known."""

    at_us: int
    receipt_id: str
    n: int
    units: int
    estimate_minor: int


@dataclass(frozen=True, slots=True)
class PieceWorth:
    """How a piece is explained, and what it is worth."""

    matched: int = 0
    matched_minor: int = 0
    open: int = 0
    open_minor: int = 0
    over: int = 0
    over_minor: int = 0
    margin_minor: int = 0
    """What the sender's entity charges for the matched units above their cost, where it is another one."""

    @property
    def value_minor(self) -> int:
        """All of it."""
        return self.matched_minor + self.open_minor + self.over_minor + self.margin_minor


NOTHING: Final = PieceWorth()


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a transfer: `shipped = matched + lost + transit`."""

    shipped: int
    shipped_minor: int
    matched: int
    matched_minor: int
    lost: int
    lost_minor: int
    pieces: tuple[PieceWorth, ...]
    """In the order of the arrivals given."""

    @property
    def transit(self) -> int:
        """Units on their way."""
        return self.shipped - self.matched - self.lost

    @property
    def transit_minor(self) -> int:
        """What they cost."""
        return self.shipped_minor - self.matched_minor - self.lost_minor

    @property
    def open(self) -> int:
        """Units that arrived and that nothing explains."""
        return sum(piece.open for piece in self.pieces)


def cost_upto(shipments: Sequence[Shipment], units: int) -> int:
    """Return what the first so many shipped units cost."""
    cost, left = 0, units
    for shipment in shipments:
        if left <= 0:
            break
        taken = min(left, shipment.units)
        cost += round_ratio(shipment.cost_minor * taken, shipment.units)
        left -= taken
    return cost


def standing(
    shipments: Sequence[Shipment], arrivals: Sequence[Arrival], *, lost: int = 0, over: int = 0
) -> Standing:
    """Return how a line stands; `lost` and `over` are what was decided, and count as far as they can."""
    sent = sorted(shipments, key=lambda each: (each.at_us, each.event_id))
    shipped = sum(each.units for each in sent)
    shipped_minor = sum(each.cost_minor for each in sent)
    found: dict[tuple[str, int], PieceWorth] = {}
    upto, kept = 0, over
    for each in sorted(arrivals, key=lambda one: (one.at_us, one.receipt_id, one.n)):
        matched = min(each.units, max(0, shipped - upto))
        matched_minor = cost_upto(sent, upto + matched) - cost_upto(sent, upto)
        loose = each.units - matched
        loose_minor = _estimate(each, loose, shipped, shipped_minor)
        as_found = min(loose, kept)
        over_minor = round_ratio(loose_minor * as_found, loose) if loose else 0
        found[each.receipt_id, each.n] = PieceWorth(
            matched, matched_minor, loose - as_found, loose_minor - over_minor, as_found, over_minor
        )
        upto += matched
        kept -= as_found
    gone = min(lost, shipped - upto)
    return Standing(
        shipped=shipped,
        shipped_minor=shipped_minor,
        matched=upto,
        matched_minor=cost_upto(sent, upto),
        lost=gone,
        lost_minor=cost_upto(sent, upto + gone) - cost_upto(sent, upto),
        pieces=tuple(found[each.receipt_id, each.n] for each in arrivals),
    )


def _estimate(each: Arrival, units: int, shipped: int, shipped_minor: int) -> int:
    """Return what units that no shipment explains are taken to be worth: like those that were shipped."""
    if not units:
        return 0
    if shipped:
        return round_ratio(shipped_minor * units, shipped)
    return round_ratio(each.estimate_minor * units, each.units)


@dataclass(frozen=True, slots=True)
class Revalued:
    """How a change of worth is split between the stock that is still there and the cost of what is gone."""

    inventory_minor: int
    variance_minor: int


def revalue(
    before_minor: int, after_minor: int, *, units: int, covered: int, on_hand: int, worth_minor: int
) -> Revalued:
    """Return what a piece that is worth something else now does to its bucket.

    `covered` units had filled stock below zero when it arrived; their cost was a variance then and is one
    now. Of the rest, what is still in the bucket takes its share, as far as that leaves the bucket worth
    something.
    """
    change = after_minor - before_minor
    held = units - covered
    rest = (after_minor - round_ratio(after_minor * covered, units)) - (
        before_minor - round_ratio(before_minor * covered, units)
    )
    kept = min(held, max(0, on_hand))
    share = rest if kept == held else round_ratio(rest * kept, held)
    share = max(share, -max(0, worth_minor)) if share < 0 else share
    return Revalued(share, change - share)
