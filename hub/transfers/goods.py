"""What facts about transfers do to stock and its worth, at both ends.

Inside the source goods move as for an order: shelf, set aside, picked; `shipped` puts them into its *in
transit* at what they cost. What arrives is put into its bucket at the destination, and as far as it is
explained by a shipment it leaves the source's in transit at that cost. What nothing explains yet stands below
zero in the destination's own in transit, at an estimate, until it is: so units and worth of the company add
up at every step. When a shipment is heard after its goods, the difference to the estimate is moved
(`rules.worth`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hub.ledger.between.rows import prices_of
from hub.spine.places import Place, Places
from hub.spine.work import Applied, Work
from hub.stock.rules import ValuedMove, issue, line_of, take_back, unit_cost
from hub.stock.stages import Shelves
from hub.transfers import facts
from hub.transfers.room import LineKey, Piece, Receipt, Transfer, Transfers, arrival_of
from hub.transfers.rules.booking import Booking
from hub.transfers.rules.worth import PieceWorth, Shipment, revalue, standing
from protocol import transfer_messages as say
from protocol.movements import (
    Bucket,
    Movement,
    pick_movements,
    put_back_movements,
    reserve_movements,
)
from protocol.rules.cost import StockValue

BOOKING: Final = "transfer"
"""Where `results` has what the ledger needs."""
_TRANSIT: Final = Bucket.IN_TRANSIT


@dataclass(frozen=True, slots=True)
class At:
    """The shelves of one location, in the hands of one event."""

    work: Work
    applied: Applied
    place: Place

    @property
    def shelves(self) -> Shelves:
        """The stock of this unit of work."""
        return self.work.room(Shelves)

    def value(self, sku: str, bucket: Bucket) -> StockValue:
        """Return what a bucket holds and is worth."""
        self.shelves.need(self.place, [sku])
        return self.shelves.value(self.place, sku, bucket)

    def put(self, sku: str, bucket: Bucket, value: StockValue) -> None:
        """Note what a bucket holds and is worth from here on."""
        self.shelves.set_value(self.place, sku, bucket, value)

    def add(self, sku: str, bucket: Bucket, units: int, minor: int) -> None:
        """Change a bucket by units and worth that are known."""
        if units or minor:
            before = self.value(sku, bucket)
            after = replace(before, quantity=before.quantity + units, value_minor=before.value_minor + minor)
            self.put(sku, bucket, after)

    def move(self, moves: Sequence[ValuedMove], reasons: Sequence[str]) -> None:
        """Write movements, each with its reason."""
        if moves:
            self.shelves.move(self.applied, self.place, moves, "", reasons)


def at_of(work: Work, applied: Applied, location: str) -> At:
    """Return the shelves of a location."""
    return At(work, applied, work.room(Places).of(location))


def move(work: Work, applied: Applied) -> None:
    """Move what a fact moves, and find what that is worth; the ledger reads it from `results`."""
    body = applied.body
    transfer = work.room(Transfers).get(getattr(body, "transfer_id", ""))
    booking = Booking(getattr(body, "number", ""), source=transfer.source if transfer else "")
    applied.results[BOOKING] = booking
    inside = _INSIDE.get(type(body))
    if inside is not None:
        inside(at_of(work, applied, applied.edge), body, booking)
    if isinstance(body, say.TransferShipped) and transfer is not None:
        _ship(at_of(work, applied, applied.edge), transfer, body, booking)
    receipt: Receipt | None = applied.results.get("receipt")
    if isinstance(body, say.ReceiptUndone) and receipt is not None:
        _undo(at_of(work, applied, receipt.destination), receipt, booking)
    if isinstance(body, say.ReceiptMatched) and receipt is not None:
        _set_aside(at_of(work, applied, receipt.destination), applied.results["bound"])
    if transfer is not None:
        for key in sorted(transfer.lines):
            _settle(work, applied, transfer, key, booking)
        facts.count(transfer)
        work.room(Transfers).touch(transfer)
    elif receipt is not None:
        _alone(work, applied, receipt, booking)
    if receipt is not None:
        work.room(Transfers).keep(receipt)
    work.topics.update(("transfers", "stock"))


def _shift(at: At, movements: Sequence[Movement], rule: str, booking: Booking) -> None:
    """Take goods from one bucket to another of the same location, with what they are worth."""
    moves = []
    for each in movements:
        cost = unit_cost(at.value(each.sku, Bucket.SELLABLE), 0)
        moves.append(at.shelves.carry(at.place, line_of(each, cost)))
    at.move(moves, [each.reason for each in movements])
    booking.rule, booking.moves = rule, (*booking.moves, *moves)


def _accept(at: At, body: say.TransferAccepted, booking: Booking) -> None:
    _shift(at, reserve_movements([(line.sku, line.bound) for line in body.lines]), "transfer_pick", booking)


def _pick(at: At, body: say.TransferPicked, booking: Booking) -> None:
    _shift(at, pick_movements(body.lines, body.shorts), "transfer_pick", booking)


def _put_back(at: At, body: say.TransferCancelled, booking: Booking) -> None:
    _shift(at, put_back_movements(body.lines), "transfer_pick", booking)


_INSIDE: Final[Mapping[type[Any], Callable[[At, Any, Booking], None]]] = {
    say.TransferAccepted: _accept,
    say.TransferPicked: _pick,
    say.TransferCancelled: _put_back,
}


def _ship(at: At, transfer: Transfer, body: say.TransferShipped, booking: Booking) -> None:
    """Picked goods leave, at the average of what was picked."""
    units: dict[LineKey, int] = {}
    for line in body.lines:
        facts.line_of(transfer, line.line_no, line.sku)
        key = (line.line_no, line.sku)
        units[key] = units.get(key, 0) + line.units
    moves = []
    for key, count in sorted(units.items()):
        if not count:
            continue
        sku = key[1]
        known = unit_cost(at.value(sku, Bucket.SELLABLE), 0)
        after, cost = issue(at.value(sku, Bucket.PICKED), count, known)
        at.put(sku, Bucket.PICKED, after)
        at.add(sku, _TRANSIT, count, cost)
        shipment = Shipment(at.applied.at_us, at.applied.event_id, count, cost)
        at.work.room(Transfers).ship(transfer, key, shipment)
        moves.append(ValuedMove(sku, Bucket.PICKED, _TRANSIT, count, cost))
    at.move(moves, ["transfer_out"] * len(moves))
    booking.rule, booking.moves = "transfer_out", tuple(moves)


def estimate(work: Work, applied: Applied, destination: str, source: str, sku: str) -> int:
    """Return what a unit that arrived is taken to cost: as it does there, else as it does where it left."""
    for location in (destination, source):
        if location:
            found = unit_cost(at_of(work, applied, location).value(sku, Bucket.SELLABLE), 0)
            if found:
                return found
    return 0


def _set_aside(at: At, bound: Iterable[Piece]) -> None:
    """Put units that lay on the shelf aside for their order: each takes its own worth along."""
    moves = []
    for piece in bound:
        minor = piece.worth.value_minor
        at.add(piece.sku, Bucket.SELLABLE, -piece.units, -minor)
        at.add(piece.sku, Bucket.RESERVED, piece.units, minor)
        moves.append(ValuedMove(piece.sku, Bucket.SELLABLE, Bucket.RESERVED, piece.units, minor))
    at.move(moves, ["reserve"] * len(moves))


def _settle(work: Work, applied: Applied, transfer: Transfer, key: LineKey, booking: Booking) -> None:
    """Bring one line to how it stands now: at the source, at the destination, in the books."""
    line, sku = transfer.lines[key], key[1]
    now, pieces = transfer.standing_of(key)
    source = at_of(work, applied, transfer.source)
    _from_transit(
        source, sku, now.matched - line.matched, now.matched_minor - line.matched_minor, Bucket.TRANSFER
    )
    _from_transit(source, sku, now.lost - line.lost, now.lost_minor - line.lost_minor, Bucket.MISSING)
    booking.lost_minor += now.lost_minor - line.lost_minor
    line.shipped, line.shipped_minor = now.shipped, now.shipped_minor
    line.matched, line.matched_minor = now.matched, now.matched_minor
    line.lost, line.lost_minor = now.lost, now.lost_minor
    for (receipt, piece), plain in zip(pieces, now.pieces, strict=True):
        worth = _priced(work, source, receipt.destination, piece, plain)
        if piece.worth != worth or not piece.landed:
            _bring(at_of(work, applied, receipt.destination), piece, worth, booking)
            work.room(Transfers).keep(receipt)


def _priced(work: Work, source: At, destination: str, piece: Piece, worth: PieceWorth) -> PieceWorth:
    """Return what a piece is worth with what another entity charges for it; once charged, that stays."""
    before, buyer = piece.worth, work.room(Places).of(destination).entity
    if not worth.matched or source.place.entity == buyer:
        return worth
    if (worth.matched, worth.matched_minor) == (before.matched, before.matched_minor):
        return replace(worth, margin_minor=before.margin_minor)
    prices = prices_of(work.connection, source.place.entity, buyer, work.terms.markup_ppm)
    charge = prices.charge(piece.sku, worth.matched, worth.matched_minor)
    return replace(worth, margin_minor=charge.price_minor - worth.matched_minor)


def _from_transit(at: At, sku: str, units: int, minor: int, target: Bucket) -> None:
    """Let units leave what is on its way, or come back to it when below zero."""
    at.add(sku, _TRANSIT, -units, -minor)
    reason = "transfer_missing" if target is Bucket.MISSING else "transfer_arrived"
    if units > 0:
        at.move([ValuedMove(sku, _TRANSIT, target, units, minor)], [reason])
    elif units < 0:
        at.move([ValuedMove(sku, target, _TRANSIT, -units, -minor)], [reason])


def _alone(work: Work, applied: Applied, receipt: Receipt, booking: Booking) -> None:
    """Bring a receipt that belongs to no transfer to how it stands: unexplained, or kept as found."""
    at = at_of(work, applied, receipt.destination)
    for piece in receipt.pieces:
        over = piece.units if receipt.accepted_us else 0
        (worth,) = standing((), [arrival_of(receipt, piece)], over=over).pieces
        if piece.worth != worth or not piece.landed:
            _bring(at, piece, worth, booking)


def _bring(at: At, piece: Piece, worth: PieceWorth, booking: Booking) -> None:
    """Bring one piece to what it is worth now, and what is unexplained of it with it."""
    arrived, before = booking.at(at.place.location), piece.worth
    if not piece.landed:
        change = _land(at, piece, worth.value_minor)
    else:
        change = _revalue(at, piece, worth.value_minor)
    inventory, variance = change
    arrived.inventory[piece.bucket] = arrived.inventory.get(piece.bucket, 0) + inventory
    arrived.variance_minor += variance
    arrived.matched_minor += worth.matched_minor - before.matched_minor
    arrived.open_minor += worth.open_minor - before.open_minor
    arrived.over_minor += worth.over_minor - before.over_minor
    arrived.margin_minor += worth.margin_minor - before.margin_minor
    _unexplained(at, piece.sku, before, worth)
    piece.worth = worth


def _unexplained(at: At, sku: str, before: PieceWorth, after: PieceWorth) -> None:
    """Keep what nothing explains below zero in the destination's own in transit."""
    at.add(sku, _TRANSIT, before.open - after.open, before.open_minor - after.open_minor)
    loose = after.open + after.over - before.open - before.over
    loose_minor = after.open_minor + after.over_minor - before.open_minor - before.over_minor
    kept, kept_minor = after.over - before.over, after.over_minor - before.over_minor
    moves = []
    if loose:
        moves.append(_signed(sku, _TRANSIT, Bucket.TRANSFER, loose, loose_minor))
    if kept:
        moves.append(_signed(sku, Bucket.ADJUSTMENT, _TRANSIT, kept, kept_minor))
    at.move(moves, ["transfer_unmatched"] * len(moves))


def _signed(sku: str, source: Bucket, target: Bucket, units: int, minor: int) -> ValuedMove:
    if units < 0:
        source, target, units, minor = target, source, -units, -minor
    return ValuedMove(sku, source, target, units, minor)


def _land(at: At, piece: Piece, minor: int) -> tuple[int, int]:
    """Put a piece into its bucket; return what of its worth is inventory, and the variance."""
    before = at.value(piece.sku, piece.bucket)
    after, variance = take_back(before, piece.units, minor)
    piece.covered = min(piece.units, max(0, -before.quantity))
    piece.landed = True
    # What a unit cost when it was last bought is said by purchases alone: a transfer only passes a cost on.
    at.put(piece.sku, piece.bucket, replace(after, last_unit_cost_minor=before.last_unit_cost_minor))
    reason = "transfer_in_damaged" if piece.bucket is Bucket.QUARANTINE else "transfer_in"
    at.move([ValuedMove(piece.sku, Bucket.TRANSFER, piece.bucket, piece.units, minor, variance)], [reason])
    return minor - variance, variance


def _revalue(at: At, piece: Piece, minor: int) -> tuple[int, int]:
    """Let a piece be worth something else; return the change of inventory, and the variance."""
    before_minor, bucket = piece.worth.value_minor, at.value(piece.sku, piece.bucket)
    if minor == before_minor:
        return 0, 0
    change = revalue(
        before_minor,
        minor,
        units=piece.units,
        covered=piece.covered,
        on_hand=bucket.quantity,
        worth_minor=bucket.value_minor,
    )
    after = replace(bucket, value_minor=bucket.value_minor + change.inventory_minor)
    at.put(piece.sku, piece.bucket, after)
    return change.inventory_minor, change.variance_minor


def _undo(at: At, receipt: Receipt, booking: Booking) -> None:
    """Take a receipt back whole: its units leave at what they came in with, if that is there."""
    arrived = booking.at(at.place.location)
    for piece in receipt.pieces:
        if not piece.units or not piece.landed:
            continue
        before, minor = at.value(piece.sku, piece.bucket), piece.worth.value_minor
        after, taken = _take_out(before, piece.units, minor, exact=not piece.covered)
        at.put(piece.sku, piece.bucket, after)
        move_ = ValuedMove(piece.sku, piece.bucket, Bucket.TRANSFER, piece.units, taken)
        at.move([move_], ["transfer_in_undone"])
        arrived.inventory[piece.bucket] = arrived.inventory.get(piece.bucket, 0) - taken
        arrived.variance_minor += taken - minor
        arrived.matched_minor -= piece.worth.matched_minor
        arrived.open_minor -= piece.worth.open_minor
        arrived.over_minor -= piece.worth.over_minor
        arrived.margin_minor -= piece.worth.margin_minor
        _unexplained(at, piece.sku, piece.worth, PieceWorth())
        piece.units, piece.worth = 0, PieceWorth()


def _take_out(before: StockValue, units: int, minor: int, *, exact: bool) -> tuple[StockValue, int]:
    left = before.quantity - units
    if exact and ((left > 0 and before.value_minor >= minor) or (left == 0 and before.value_minor == minor)):
        return replace(before, quantity=left, value_minor=before.value_minor - minor), minor
    return issue(before, units, 0)
