"""Transfers as one unit of work changes them; written at its end.

What a reader would get wrong: a receipt may belong to no transfer. It is kept here by its own id, and given
to its transfer when the destination says so.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from hub.spine.bulk import Insert, Select, Upsert
from hub.spine.work import Applied, Work, chunks
from hub.transfers.rows import (
    transfer_cartons,
    transfer_lines,
    transfer_pieces,
    transfer_receipts,
    transfer_shipments,
    transfers,
)
from hub.transfers.rules.worth import NOTHING, Arrival, PieceWorth, Shipment, Standing, standing
from protocol.movements import Bucket
from protocol.transfers import ReceiveState, SendState

_HEADS: Final = Upsert(transfers)
_LINES: Final = Upsert(transfer_lines)
_SHIPMENTS: Final = Insert(transfer_shipments)
_RECEIPTS: Final = Upsert(transfer_receipts)
_PIECES: Final = Upsert(transfer_pieces)
_CARTONS: Final = Upsert(transfer_cartons)
_HEADS_OF: Final = Select(sa.select(transfers), transfers.c.transfer_id)
_LINES_OF: Final = Select(
    sa.select(transfer_lines).order_by(transfer_lines.c.line_no, transfer_lines.c.sku),
    transfer_lines.c.transfer_id,
)
_SHIPMENTS_OF: Final = Select(sa.select(transfer_shipments), transfer_shipments.c.transfer_id)
_CARTONS_OF: Final = Select(
    sa.select(transfer_cartons).order_by(transfer_cartons.c.sscc), transfer_cartons.c.transfer_id
)
_RECEIPTS_OF: Final = Select(
    sa.select(transfer_receipts).order_by(transfer_receipts.c.at_us, transfer_receipts.c.receipt_id),
    transfer_receipts.c.transfer_id,
)
_RECEIPTS_BY_ID: Final = Select(sa.select(transfer_receipts), transfer_receipts.c.receipt_id)
_PIECES_OF: Final = Select(
    sa.select(transfer_pieces).order_by(transfer_pieces.c.receipt_id, transfer_pieces.c.n),
    transfer_pieces.c.receipt_id,
)

LineKey = tuple[int, str]
"""(line number, SKU); line 0 is what nobody announced."""


@dataclass(slots=True)
class Line:
    """One line of a transfer, as both stores tell it."""

    name: str
    asked: int = 0
    lent: int = 0
    to_grant: int = 0
    order_id: str = ""
    order_number: str = ""
    order_line_no: int = 0
    assignment_id: str = ""
    accepted: int = 0
    declined: int = 0
    picked: int = 0
    short: int = 0
    shipped: int = 0
    shipped_minor: int = 0
    received: int = 0
    damaged: int = 0
    granted: int = 0
    matched: int = 0
    matched_minor: int = 0
    lost_said: int = 0
    lost: int = 0
    lost_minor: int = 0
    over_said: int = 0
    choice: str = ""
    arrival: str = ""
    shipments: list[Shipment] = field(default_factory=list)

    @property
    def transit(self) -> int:
        """Units on their way."""
        return self.shipped - self.matched - self.lost

    @property
    def coming(self) -> int:
        """Units that may still be sent or arrive."""
        expected = self.shipped or max(0, (self.accepted or self.asked) - self.declined - self.short)
        return max(0, expected - self.matched - self.lost)


@dataclass(slots=True)
class Piece:
    """Units of one article of a receipt in one bucket, and what they are worth in the books now."""

    receipt_id: str
    n: int
    line_no: int
    sku: str
    name: str
    bucket: Bucket
    units: int
    estimate_minor: int = 0
    covered: int = 0
    worth: PieceWorth = field(default=NOTHING)
    reason: str = ""
    note: str = ""
    landed: bool = True
    """False until it was put into its bucket."""


@dataclass(slots=True)
class Receipt:
    """What arrived at once."""

    receipt_id: str
    transfer_id: str
    number: str
    source: str
    destination: str
    at_us: int
    by: str
    cartons: tuple[str, ...] = ()
    note: str = ""
    matched_us: int | None = None
    undone_us: int | None = None
    accepted_us: int | None = None
    why: str = ""
    version: int = 0
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class Carton:
    """One carton by its label."""

    sscc: str
    state: str
    lines: list[dict[str, Any]]
    weight_g: int = 0
    packed_us: int | None = None
    shipped_us: int | None = None
    received_us: int | None = None
    received_at: str = ""


@dataclass(slots=True)
class Transfer:
    """Goods from one location to another."""

    transfer_id: str
    number: str
    source: str
    destination: str
    asked_by: str = ""
    reason: str = ""
    note: str = ""
    send_state: SendState = SendState.REQUESTED
    receive_state: ReceiveState = ReceiveState.UNANNOUNCED
    refusal: str = ""
    carrier: str = ""
    cancel_asked: bool = False
    final: bool = False
    requested_by: str = ""
    created_us: int = 0
    due_us: int = 0
    arrive_by_us: int = 0
    accepted_us: int | None = None
    shipped_us: int | None = None
    acknowledged_us: int | None = None
    received_us: int | None = None
    decided_us: int | None = None
    closed_us: int | None = None
    ended_us: int | None = None
    version: int = 0
    lines: dict[LineKey, Line] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    cartons: dict[str, Carton] = field(default_factory=dict)

    @property
    def transit(self) -> int:
        """Units on their way."""
        return sum([line.transit for line in self.lines.values()])

    @property
    def transit_minor(self) -> int:
        """What they cost."""
        return sum(
            [line.shipped_minor - line.matched_minor - line.lost_minor for line in self.lines.values()]
        )

    @property
    def unmatched(self) -> int:
        """Units that arrived and that nothing explains."""
        return sum([piece.worth.open for _receipt, piece in self.pieces()])

    @property
    def unmatched_minor(self) -> int:
        """What they are taken to be worth."""
        return sum([piece.worth.open_minor for _receipt, piece in self.pieces()])

    @property
    def has_left(self) -> bool:
        """Tell whether units of it were shipped, as far as is known."""
        return any(line.shipped for line in self.lines.values())

    @property
    def order_ids(self) -> tuple[str, ...]:
        """Orders that its units are for."""
        return tuple(dict.fromkeys(line.order_id for line in self.lines.values() if line.order_id))

    def pieces(self) -> Iterator[tuple[Receipt, Piece]]:
        """Return every piece that arrived, with its receipt."""
        for receipt in self.receipts.values():
            for piece in receipt.pieces:
                yield receipt, piece

    def pieces_of(self, key: LineKey) -> list[tuple[Receipt, Piece]]:
        """Return the pieces of one line."""
        return [(r, piece) for r, piece in self.pieces() if (piece.line_no, piece.sku) == key]

    def standing_of(self, key: LineKey) -> tuple[Standing, list[tuple[Receipt, Piece]]]:
        """Return how a line stands by all that is known, with the pieces in the same order."""
        line, found = self.lines[key], self.pieces_of(key)
        arrivals = [arrival_of(receipt, piece) for receipt, piece in found]
        return standing(line.shipments, arrivals, lost=line.lost_said, over=line.over_said), found


def named(transfer: Transfer | sa.Row[Any]) -> dict[str, str]:
    """Return what every message about a transfer begins with: which it is, from where to where."""
    return {
        "transfer_id": transfer.transfer_id,
        "number": transfer.number,
        "source": transfer.source,
        "destination": transfer.destination,
    }


def arrival_of(receipt: Receipt, piece: Piece) -> Arrival:
    """Return a piece as the rules of worth see it."""
    return Arrival(receipt.at_us, piece.receipt_id, piece.n, piece.units, piece.estimate_minor)


_HEAD_COLUMNS: Final = tuple(column.name for column in transfers.columns)
_SUMS: Final = ("transit", "transit_minor", "unmatched", "unmatched_minor")
_LINE_COLUMNS: Final = tuple(column.name for column in transfer_lines.columns)[3:]
_CARTON_COLUMNS: Final = tuple(column.name for column in transfer_cartons.columns)


class Transfers:
    """The transfers of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[str, Transfer] = {}
        self._absent: set[str] = set()
        self._loose: dict[str, Receipt] = {}
        self._dirty: dict[str, Transfer] = {}
        self._dirty_receipts: dict[str, Receipt] = {}
        self._shipments: list[tuple[Any, ...]] = []

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Read the transfers that these events speak of."""
        self._look_for([getattr(applied.body, "transfer_id", "") for applied in batch])

    def get(self, transfer_id: str) -> Transfer | None:
        """Return a transfer as it stands in this unit of work; None when nobody told of it."""
        self._look_for([transfer_id])
        return self._known.get(transfer_id)

    def add(self, transfer: Transfer) -> None:
        """Keep one that nobody told of before."""
        self._known[transfer.transfer_id] = transfer

    def touch(self, transfer: Transfer) -> None:
        """Note that it has to be written."""
        self._dirty[transfer.transfer_id] = transfer

    def receipt(self, receipt_id: str) -> Receipt | None:
        """Return a receipt, whatever it belongs to; None when nobody told of it."""
        if receipt_id in self._loose:
            return self._loose[receipt_id]
        for transfer in self._known.values():
            if receipt_id in transfer.receipts:
                return transfer.receipts[receipt_id]
        rows = _RECEIPTS_BY_ID.run(self._work.connection, [receipt_id])
        if not rows:
            return None
        row = rows[0]
        if row.transfer_id:
            found = self.get(row.transfer_id)
            return found.receipts.get(receipt_id) if found else None
        receipt = self._read([row])[0]
        self._loose[receipt_id] = receipt
        return receipt

    def keep(self, receipt: Receipt) -> None:
        """Note that a receipt has to be written, with all of its pieces."""
        self._dirty_receipts[receipt.receipt_id] = receipt
        transfer = self._known.get(receipt.transfer_id)
        if transfer is None:
            self._loose[receipt.receipt_id] = receipt
        else:
            self._loose.pop(receipt.receipt_id, None)
            transfer.receipts[receipt.receipt_id] = receipt

    def ship(self, transfer: Transfer, key: LineKey, shipment: Shipment) -> None:
        """Note what left."""
        transfer.lines[key].shipments.append(shipment)
        self._shipments.append(
            (
                transfer.transfer_id,
                key[0],
                shipment.event_id,
                key[1],
                shipment.at_us,
                shipment.units,
                shipment.cost_minor,
            )
        )

    def _look_for(self, ids: Iterable[str]) -> None:
        unknown = sorted(
            {each for each in ids if each and each not in self._known and each not in self._absent}
        )
        for some in chunks(unknown):
            heads = _HEADS_OF.run(self._work.connection, some)
            for row in heads:
                values = {name: value for name, value in _columns(row).items() if name not in _SUMS}
                values["send_state"] = SendState(row.send_state)
                values["receive_state"] = ReceiveState(row.receive_state)
                self._known[row.transfer_id] = Transfer(**values)
            if heads:
                self._read_parts([row.transfer_id for row in heads])
        self._absent |= set(unknown) - self._known.keys()

    def _read_parts(self, ids: list[str]) -> None:
        connection, known = self._work.connection, self._known
        for row in _LINES_OF.run(connection, ids):
            said = _columns(row)
            values = {name: said[name] for name in _LINE_COLUMNS}
            known[row.transfer_id].lines[row.line_no, row.sku] = Line(**values)
        for row in _SHIPMENTS_OF.run(connection, ids):
            shipment = Shipment(row.at_us, row.event_id, row.units, row.cost_minor)
            known[row.transfer_id].lines[row.line_no, row.sku].shipments.append(shipment)
        for row in _CARTONS_OF.run(connection, ids):
            said = _columns(row)
            values = {name: said[name] for name in _CARTON_COLUMNS if name != "transfer_id"}
            carton = Carton(**{**values, "lines": json.loads(row.lines)})
            known[row.transfer_id].cartons[row.sscc] = carton
        for receipt in self._read(_RECEIPTS_OF.run(connection, ids)):
            known[receipt.transfer_id].receipts[receipt.receipt_id] = receipt

    def _read(self, rows: Sequence[sa.Row[Any]]) -> list[Receipt]:
        found = {
            row.receipt_id: Receipt(**{**_columns(row), "cartons": tuple(json.loads(row.cartons))})
            for row in rows
        }
        if not found:
            return []
        for row in _PIECES_OF.run(self._work.connection, list(found)):
            worth = PieceWorth(
                row.matched,
                row.matched_minor,
                row.open,
                row.open_minor,
                row.over,
                row.over_minor,
                row.margin_minor,
            )
            found[row.receipt_id].pieces.append(
                Piece(
                    row.receipt_id,
                    row.n,
                    row.line_no,
                    row.sku,
                    row.name,
                    Bucket(row.bucket),
                    row.units,
                    row.estimate_minor,
                    row.covered,
                    worth,
                    row.reason,
                    row.note,
                )
            )
        return list(found.values())

    def flush(self) -> None:
        """Write what changed."""
        connection = self._work.connection
        dirty, self._dirty = sorted(self._dirty.items()), {}
        _HEADS.run(connection, [_head(transfer) for _id, transfer in dirty])
        _LINES.run(
            connection,
            [
                (transfer_id, line_no, sku, *(getattr(line, name) for name in _LINE_COLUMNS))
                for transfer_id, transfer in dirty
                for (line_no, sku), line in sorted(transfer.lines.items())
            ],
        )
        shipments, self._shipments = self._shipments, []
        _SHIPMENTS.run(connection, shipments)
        _CARTONS.run(
            connection,
            [
                _carton(transfer_id, carton)
                for transfer_id, transfer in dirty
                for _sscc, carton in sorted(transfer.cartons.items())
            ],
        )
        receipts, self._dirty_receipts = sorted(self._dirty_receipts.items()), {}
        _RECEIPTS.run(connection, [_receipt(receipt) for _id, receipt in receipts])
        _PIECES.run(connection, [_piece(piece) for _id, each in receipts for piece in each.pieces])


def _columns(row: sa.Row[Any]) -> dict[str, Any]:
    return dict(zip(row._fields, row, strict=True))


def _head(transfer: Transfer) -> tuple[Any, ...]:
    return tuple([_value(getattr(transfer, name)) for name in _HEAD_COLUMNS])


def _value(value: Any) -> Any:
    return value.value if isinstance(value, SendState | ReceiveState) else value


def _carton(transfer_id: str, carton: Carton) -> tuple[Any, ...]:
    return (
        transfer_id,
        carton.sscc,
        carton.state,
        json.dumps(carton.lines),
        carton.weight_g,
        carton.packed_us,
        carton.shipped_us,
        carton.received_us,
        carton.received_at,
    )


def _receipt(receipt: Receipt) -> tuple[Any, ...]:
    return (
        receipt.receipt_id,
        receipt.transfer_id,
        receipt.number,
        receipt.source,
        receipt.destination,
        receipt.at_us,
        receipt.by,
        json.dumps(receipt.cartons),
        receipt.note,
        receipt.matched_us,
        receipt.undone_us,
        receipt.accepted_us,
        receipt.why,
        receipt.version,
    )


def _piece(piece: Piece) -> tuple[Any, ...]:
    worth = piece.worth
    return (
        piece.receipt_id,
        piece.n,
        piece.line_no,
        piece.sku,
        piece.name,
        piece.bucket.value,
        piece.units,
        piece.estimate_minor,
        piece.covered,
        worth.matched,
        worth.matched_minor,
        worth.open,
        worth.open_minor,
        worth.over,
        worth.over_minor,
        piece.reason,
        piece.note,
        worth.margin_minor,
    )
