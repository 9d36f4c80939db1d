"""Reading transfers: lists, one with all that belongs to it, and what arrived from nobody."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.fleet.rows import directives
from hub.stock.claims import Claim, of_transfer
from hub.transfers.rows import (
    IS_UNEXPLAINED,
    transfer_cartons,
    transfer_directives,
    transfer_lines,
    transfer_pieces,
    transfer_receipts,
    transfers,
)
from hub.transfers.rules import OVER, Fate, carton_state, state_of
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.transfers import ReceiveState, SendState

View = Literal["open", "way", "decide", "unexplained", "over", "all"]
LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """Which transfers are wanted; empty means every one."""

    view: View = "open"
    location: str = ""
    text: str = ""
    sku: str = ""
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class TransferRead:
    """One transfer in a list."""

    transfer_id: str
    number: str
    source: str
    destination: str
    state: str
    asked_by: str
    reason: str
    requested_by: str
    cancel_asked: bool
    created_us: int
    due_us: int
    arrive_by_us: int
    shipped_us: int | None
    acknowledged_us: int | None
    received_us: int | None
    ended_us: int | None
    asked: int
    shipped: int
    received: int
    transit: int
    transit_minor: int
    unmatched: int
    unmatched_minor: int
    orders: tuple[str, ...]
    needs: bool
    """Somebody has to decide about it."""

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more is expected of it."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class TransferLineRead:
    """One line, as both ends tell it."""

    line_no: int
    sku: str
    name: str
    asked: int
    lent: int
    to_grant: int
    granted: int
    order_number: str
    accepted: int
    declined: int
    picked: int
    short: int
    shipped: int
    shipped_minor: int
    received: int
    damaged: int
    lost: int
    lost_minor: int
    transit: int
    transit_minor: int
    open: int
    over: int
    choice: str
    arrival: str

    @property
    def asks(self) -> bool:
        """Tell whether units of it have to be decided about."""
        return self.transit > 0 or self.open > 0


@dataclass(frozen=True, slots=True)
class CartonRead:
    """One carton by its label."""

    sscc: str
    state: str
    units: int
    lines: list[dict[str, Any]]
    weight_g: int
    packed_us: int | None
    shipped_us: int | None
    received_us: int | None
    received_at: str


@dataclass(frozen=True, slots=True)
class PieceRead:
    """Units of one article of a receipt in one bucket."""

    line_no: int
    sku: str
    name: str
    bucket: str
    units: int
    value_minor: int
    open: int
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class ReceiptRead:
    """What arrived at once."""

    receipt_id: str
    transfer_id: str
    number: str
    source: str
    destination: str
    at_us: int
    by: str
    cartons: tuple[str, ...]
    note: str
    matched_us: int | None
    undone_us: int | None
    accepted_us: int | None
    why: str
    pieces: tuple[PieceRead, ...]

    @property
    def units(self) -> int:
        """All of them."""
        return sum(piece.units for piece in self.pieces)

    @property
    def value_minor(self) -> int:
        """What they are worth in the books."""
        return sum(piece.value_minor for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class TransferPage:
    """One transfer with everything that belongs to it."""

    transfer: TransferRead
    note: str
    refusal: str
    carrier: str
    decided_us: int | None
    closed_us: int | None
    told_us: int | None
    """When the request left the hub; None when it has not, or there is none."""
    lines: tuple[TransferLineRead, ...]
    cartons: tuple[CartonRead, ...]
    receipts: tuple[ReceiptRead, ...]
    waiting: tuple[Claim, ...] = ()
    """Orders that wait for its goods, the earliest promise first."""


_ORDERS: Final = (
    sa.select(transfer_lines.c.transfer_id, transfer_lines.c.order_number)
    .where(transfer_lines.c.order_number != "")
    .distinct()
)
_SUMS: Final = (
    sa.select(
        transfer_lines.c.transfer_id,
        sa.func.sum(transfer_lines.c.asked).label("asked"),
        sa.func.sum(transfer_lines.c.shipped).label("shipped"),
        sa.func.sum(transfer_lines.c.received).label("received"),
    )
    .group_by(transfer_lines.c.transfer_id)
    .subquery()
)
_COLUMNS: Final = (
    "transfer_id", "number", "source", "destination", "asked_by", "reason", "requested_by", "cancel_asked",
    "created_us", "due_us", "arrive_by_us", "shipped_us", "acknowledged_us", "received_us", "ended_us",
    "transit", "transit_minor", "unmatched", "unmatched_minor",
)  # fmt: skip


def listed(
    connection: Connection, filters: Filters, *, limit: int = 50, offset: int = 0
) -> tuple[list[TransferRead], int]:
    """Return a page of transfers, the newest first, and how many there are."""
    where = _where(filters)
    total = connection.execute(sa.select(sa.func.count()).select_from(transfers).where(*where)).scalar_one()
    return _read(connection, _heads(connection, where, limit=limit, offset=offset)), int(total)


def to_decide() -> sa.ColumnElement[bool]:
    """Return the condition of what somebody has to decide: what arrived differs from what was sent.

    What arrived before its source has told of it only waits for that; the clock calls somebody if that never
    happens.
    """
    beyond = (transfers.c.unmatched > 0) & transfers.c.shipped_us.is_not(None)
    short = transfers.c.final & (transfers.c.transit > 0) & transfers.c.decided_us.is_(None)
    return beyond | short


def _where(filters: Filters) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [sa.true()]
    if filters.view == "open":
        found.append(transfers.c.ended_us.is_(None))
    elif filters.view == "over":
        found.append(transfers.c.ended_us.is_not(None))
    elif filters.view == "way":
        found.append(transfers.c.transit > 0)
    elif filters.view == "decide":
        found.append(to_decide())
    if filters.location:
        found.append((transfers.c.source == filters.location) | (transfers.c.destination == filters.location))
    if filters.text:
        carton = sa.select(transfer_cartons.c.transfer_id).where(transfer_cartons.c.sscc == filters.text)
        found.append(
            transfers.c.number.icontains(filters.text, autoescape=True)
            | transfers.c.transfer_id.in_(carton)
            | transfers.c.transfer_id.in_(
                sa.select(transfer_lines.c.transfer_id).where(
                    (transfer_lines.c.sku == filters.text) | (transfer_lines.c.order_number == filters.text)
                )
            )
        )
    if filters.sku:
        of_sku = sa.select(transfer_lines.c.transfer_id).where(transfer_lines.c.sku == filters.sku)
        found.append(transfers.c.transfer_id.in_(of_sku))
    if filters.order_id:
        of_order = sa.select(transfer_lines.c.transfer_id).where(
            transfer_lines.c.order_id == filters.order_id
        )
        found.append(transfers.c.transfer_id.in_(of_order))
    return found


def _heads(
    connection: Connection, where: Sequence[sa.ColumnElement[bool]], *, limit: int, offset: int = 0
) -> Sequence[sa.Row[Any]]:
    return connection.execute(
        sa.select(transfers, _SUMS.c.asked, _SUMS.c.shipped, _SUMS.c.received, to_decide().label("needs"))
        .outerjoin(_SUMS, _SUMS.c.transfer_id == transfers.c.transfer_id)
        .where(*where)
        .order_by(transfers.c.created_us.desc(), transfers.c.transfer_id.desc())
        .limit(limit)
        .offset(offset)
    ).all()


def _read(connection: Connection, rows: Sequence[sa.Row[Any]]) -> list[TransferRead]:
    ids = [row.transfer_id for row in rows]
    orders: dict[str, list[str]] = {}
    if ids:
        for transfer_id, number in connection.execute(
            _ORDERS.where(transfer_lines.c.transfer_id.in_(ids)).order_by(transfer_lines.c.order_number)
        ):
            orders.setdefault(transfer_id, []).append(number)
    return [
        TransferRead(
            **{name: getattr(row, name) for name in _COLUMNS},
            state=state_of(
                SendState(row.send_state), ReceiveState(row.receive_state), decided=row.decided_us is not None
            ).value,
            asked=int(row.asked or 0),
            shipped=int(row.shipped or 0),
            received=int(row.received or 0),
            orders=tuple(orders.get(row.transfer_id, ())),
            needs=bool(row.needs),
        )
        for row in rows
    ]


def find_id(connection: Connection, number: str) -> str:
    """Return the id of a transfer by its number or its id.

    Raises:
        NotFound: there is none.
    """
    found = connection.execute(
        sa.select(transfers.c.transfer_id)
        .where((transfers.c.number == number) | (transfers.c.transfer_id == number))
        .order_by(transfers.c.created_us.desc())
    ).scalar()
    if found is None:
        raise NotFound(
            _("The hub has no transfer {number}.", number=number[:40]),
            _("Search for it."),
            code="no_transfer",
        )
    return str(found)


def find(connection: Connection, number: str) -> TransferPage:
    """Return one transfer by its number or its id.

    Raises:
        NotFound: there is none.
    """
    transfer_id = find_id(connection, number)
    (row,) = _heads(connection, [transfers.c.transfer_id == transfer_id], limit=1)
    (head,) = _read(connection, [row])
    receipts = _receipts(connection, [transfer_receipts.c.transfer_id == transfer_id])
    lines = _lines(connection, transfer_id, receipts)
    return TransferPage(
        transfer=head,
        note=row.note,
        refusal=row.refusal,
        carrier=row.carrier,
        decided_us=row.decided_us,
        closed_us=row.closed_us,
        told_us=_told_us(connection, transfer_id),
        lines=tuple(lines),
        cartons=tuple(_cartons(connection, transfer_id, lines)),
        receipts=tuple(receipts),
        waiting=tuple(of_transfer(connection, transfer_id)),
    )


def _told_us(connection: Connection, transfer_id: str) -> int | None:
    return connection.execute(
        sa.select(directives.c.sent_us)
        .join(
            transfer_directives,
            (directives.c.edge == transfer_directives.c.edge)
            & (directives.c.hub_inc == transfer_directives.c.hub_inc)
            & (directives.c.cseq == transfer_directives.c.cseq),
        )
        .where(transfer_directives.c.transfer_id == transfer_id, transfer_directives.c.about == "request")
    ).scalar()


def _lines(
    connection: Connection, transfer_id: str, receipts: Sequence[ReceiptRead]
) -> list[TransferLineRead]:
    pieces = [piece for receipt in receipts for piece in receipt.pieces]
    rows = connection.execute(
        sa.select(transfer_lines)
        .where(transfer_lines.c.transfer_id == transfer_id)
        .order_by(transfer_lines.c.line_no == 0, transfer_lines.c.line_no, transfer_lines.c.sku)
    )
    names = [
        name
        for name in TransferLineRead.__slots__
        if name not in {"transit", "transit_minor", "open", "over"}
    ]
    found = []
    for row in rows:
        mine = [piece for piece in pieces if (piece.line_no, piece.sku) == (row.line_no, row.sku)]
        found.append(
            TransferLineRead(
                **{name: getattr(row, name) for name in names},
                transit=row.shipped - row.matched - row.lost,
                transit_minor=row.shipped_minor - row.matched_minor - row.lost_minor,
                open=sum(piece.open for piece in mine),
                over=row.over_said,
            )
        )
    return found


def _cartons(
    connection: Connection, transfer_id: str, of_transfer: Sequence[TransferLineRead]
) -> list[CartonRead]:
    fates = {
        (line.line_no, line.sku): Fate(line.transit, line.lost, line.shipped - line.transit - line.lost)
        for line in of_transfer
    }
    rows = connection.execute(
        sa.select(transfer_cartons)
        .where(transfer_cartons.c.transfer_id == transfer_id)
        .order_by(transfer_cartons.c.sscc)
    )
    found = []
    for row in rows:
        lines = json.loads(row.lines)
        met = [fates.get((line["line_no"], line["sku"])) for line in lines]
        found.append(
            CartonRead(
                sscc=row.sscc,
                state=carton_state(row.state, filter(None, met)),
                units=sum(int(line["quantity"]) for line in lines),
                lines=lines,
                weight_g=row.weight_g,
                packed_us=row.packed_us,
                shipped_us=row.shipped_us,
                received_us=row.received_us,
                received_at=row.received_at,
            )
        )
    return found


def _receipts(
    connection: Connection, where: Sequence[sa.ColumnElement[bool]], *, limit: int = LISTED
) -> list[ReceiptRead]:
    rows = connection.execute(
        sa.select(transfer_receipts)
        .where(*where)
        .order_by(transfer_receipts.c.at_us, transfer_receipts.c.receipt_id)
        .limit(limit)
    ).all()
    pieces: dict[str, list[PieceRead]] = {row.receipt_id: [] for row in rows}
    if rows:
        for piece in connection.execute(
            sa.select(transfer_pieces)
            .where(transfer_pieces.c.receipt_id.in_(list(pieces)), transfer_pieces.c.units > 0)
            .order_by(transfer_pieces.c.receipt_id, transfer_pieces.c.n)
        ):
            pieces[piece.receipt_id].append(
                PieceRead(
                    line_no=piece.line_no,
                    sku=piece.sku,
                    name=piece.name,
                    bucket=piece.bucket,
                    units=piece.units,
                    value_minor=piece.matched_minor + piece.open_minor + piece.over_minor,
                    open=piece.open,
                    reason=piece.reason,
                    note=piece.note,
                )
            )
    names = [name for name in ReceiptRead.__slots__ if name not in {"cartons", "pieces"}]
    return [
        ReceiptRead(
            **{name: getattr(row, name) for name in names},
            cartons=tuple(json.loads(row.cartons)),
            pieces=tuple(pieces[row.receipt_id]),
        )
        for row in rows
    ]


def unexplained(connection: Connection, *, location: str = "") -> list[ReceiptRead]:
    """Return what arrived and belongs to no transfer, the oldest first."""
    where: list[sa.ColumnElement[bool]] = [IS_UNEXPLAINED]
    if location:
        where.append(transfer_receipts.c.destination == location)
    return _receipts(connection, where)


def find_unexplained(connection: Connection, receipt_id: str) -> ReceiptRead:
    """Return one that arrived and belongs to no transfer.

    Raises:
        NotFound: there is none of that id, or it is explained.
    """
    found = _receipts(connection, [IS_UNEXPLAINED, transfer_receipts.c.receipt_id == receipt_id])
    if not found:
        raise NotFound(
            _("Nothing unexplained arrived under this."), _("It was explained meanwhile."), code="no_receipt"
        )
    return found[0]


def candidates(connection: Connection, receipt: ReceiptRead) -> list[TransferRead]:
    """Return the transfers that a receipt may be of: on their way to where it arrived."""
    where = [transfers.c.destination == receipt.destination, transfers.c.transit > 0]
    if receipt.source:
        where.append(transfers.c.source == receipt.source)
    return _read(connection, _heads(connection, where, limit=20))
