"""Receipts that belonged to nothing, and the transfer they turn out to be of.

The destination says which (`transfer.matched`); the hub only proposes, when exactly one receipt there holds
what was shipped. Units keep their worth when their piece is cut: it is corrected once, by what the shipment
cost.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hub.transfers.room import Piece, Receipt
from hub.transfers.rules.worth import PieceWorth
from protocol.money import round_ratio
from protocol.movements import Bucket
from protocol.transfers import ReceivedLine


def assign(receipt: Receipt, lines: Sequence[ReceivedLine]) -> list[Piece]:
    """Give a receipt's pieces the lines of its transfer; return those that are set aside for orders now.

    What the lines do not name stays with nobody's line, and what they name beyond the receipt is left out: a
    receipt says what came, a match only what it is.
    """
    bound: list[Piece] = []
    free = list(receipt.pieces)
    for line in lines:
        for bucket, units, target in (
            (Bucket.QUARANTINE, line.damaged, Bucket.QUARANTINE),
            (Bucket.SELLABLE, line.bound, Bucket.RESERVED),
            (Bucket.SELLABLE, line.to_shelf, Bucket.SELLABLE),
        ):
            for piece in _take(receipt, free, line.sku, bucket, units):
                piece.line_no = line.line_no
                if target is not bucket:
                    piece.bucket = target
                    bound.append(piece)
    return bound


def _take(receipt: Receipt, free: list[Piece], sku: str, bucket: Bucket, units: int) -> list[Piece]:
    found: list[Piece] = []
    for piece in [each for each in free if each.sku == sku and each.bucket is bucket]:
        if units <= 0:
            break
        if piece.units > units:
            taken = _cut(receipt, piece, units)
        else:
            taken = piece
            free.remove(piece)
        found.append(taken)
        units -= taken.units
    return found


def _cut(receipt: Receipt, piece: Piece, units: int) -> Piece:
    """Return so many units of a piece as a piece of their own."""
    whole, worth = piece.units, piece.worth
    matched = min(units, worth.matched)
    opened = min(units - matched, worth.open)
    over = units - matched - opened
    taken_worth = PieceWorth(
        matched,
        _share(worth.matched_minor, matched, worth.matched),
        opened,
        _share(worth.open_minor, opened, worth.open),
        over,
        _share(worth.over_minor, over, worth.over),
        _share(worth.margin_minor, matched, worth.matched),
    )
    taken = replace(
        piece,
        n=max(each.n for each in receipt.pieces) + 1,
        units=units,
        estimate_minor=round_ratio(piece.estimate_minor * units, whole),
        covered=max(0, piece.covered - (whole - units)),
        worth=taken_worth,
    )
    piece.units = whole - units
    piece.estimate_minor -= taken.estimate_minor
    piece.covered -= taken.covered
    piece.worth = PieceWorth(
        worth.matched - taken_worth.matched,
        worth.matched_minor - taken_worth.matched_minor,
        worth.open - taken_worth.open,
        worth.open_minor - taken_worth.open_minor,
        worth.over - taken_worth.over,
        worth.over_minor - taken_worth.over_minor,
        worth.margin_minor - taken_worth.margin_minor,
    )
    receipt.pieces.append(taken)
    return taken


def _share(minor: int, part: int, whole: int) -> int:
    return round_ratio(minor * part, whole) if whole else 0


def holds_the_same(shipped: Iterable[tuple[str, int]], receipt: Receipt) -> bool:
    """Tell whether a receipt holds exactly what was shipped, article by article."""
    sent: Counter[str] = Counter()
    for sku, units in shipped:
        sent[sku] += units
    came: Counter[str] = Counter()
    for piece in receipt.pieces:
        came[piece.sku] += piece.units
    return bool(came) and sent == came
