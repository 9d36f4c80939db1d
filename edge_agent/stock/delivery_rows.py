"""The tables of deliveries: what is expected, what is being unpacked, and what was received."""

from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.kit.sqlite import Connection
from protocol.stock import (
    DeliveryCancelled,
    DeliveryExpected,
    DeliveryReceived,
    ReceiptCorrected,
    ReceivedLine,
)

_DELIVERY = "delivery_id, source, supplier, reference, due_us, state, told_us, reason"
_RECEIPT = "receipt_id, number, delivery_id, supplier, reference, seq, at_us, by, corrections"
_RECEIVING = "receiving_id, delivery_id, supplier, reference, state, receipt_id, began_us, by"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What a supplier should bring."""

    delivery_id: str
    source: str
    supplier: str
    reference: str
    due_us: int | None
    state: str
    told_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """One item of it. `received` counts good and damaged units of every receipt."""

    sku: str
    expected: int
    unit_cost_minor: int
    received: int

    @property
    def left(self) -> int:
        """Units that have not come yet."""
        return max(0, self.expected - self.received)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """What a supplier has brought."""

    receipt_id: str
    number: str
    delivery_id: str | None
    supplier: str
    reference: str
    seq: int
    at_us: int
    by: str
    corrections: int


@dataclass(frozen=True, slots=True)
class ReceivingRow:
    """Goods that somebody is unpacking."""

    receiving_id: str
    delivery_id: str | None
    supplier: str
    reference: str
    state: str
    receipt_id: str
    began_us: int
    by: str


@dataclass(frozen=True, slots=True)
class UnpackedRow:
    """One item of it. Without a cost of its own it has what was expected, or what the catalogue says."""

    sku: str
    good: int
    damaged: int
    unit_cost_minor: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan of somebody who unpacks; without a SKU nobody knows the code."""

    scan_id: str
    sku: str
    code: str
    good: int
    damaged: int
    at_us: int
    undone: int
    """1 when it was taken back."""


def find_delivery(connection: Connection, delivery_id: str) -> DeliveryRow | None:
    """Return an expected delivery."""
    row = connection.execute(
        f"SELECT {_DELIVERY} FROM deliveries WHERE delivery_id = ?", (delivery_id,)
    ).fetchone()
    return None if row is None else DeliveryRow(*row)


def deliveries(connection: Connection, *, is_open: bool, limit: int) -> list[DeliveryRow]:
    """Return what is expected, the first due first; or what came and was cancelled, the newest first."""
    where = (
        "state IN ('expected', 'part') ORDER BY coalesce(due_us, told_us), delivery_id"
        if is_open
        else "state IN ('received', 'cancelled') ORDER BY told_us DESC, delivery_id"
    )
    rows = connection.execute(f"SELECT {_DELIVERY} FROM deliveries WHERE {where} LIMIT ?", (limit,))
    return [DeliveryRow(*row) for row in rows]


def expected_of(connection: Connection, delivery_id: str | None) -> dict[str, ExpectedRow]:
    """Return the items of an expected delivery; a blind one has none."""
    rows = connection.execute(
        "SELECT sku, expected, unit_cost_minor, received FROM delivery_lines"
        " WHERE delivery_id = ? ORDER BY sku",
        (delivery_id or "",),
    )
    return {row[0]: ExpectedRow(*row) for row in rows}


def same_reference(connection: Connection, supplier: str, reference: str) -> str:
    """Return the number of a receipt that has a supplier's reference already; empty when there is none."""
    if not reference:
        return ""
    row = connection.execute(
        "SELECT number FROM receipts WHERE supplier = ? AND reference = ? ORDER BY seq DESC LIMIT 1",
        (supplier, reference),
    ).fetchone()
    return "" if row is None else str(row[0])


def find_receipt(connection: Connection, receipt_id: str) -> ReceiptRow | None:
    """Return a receipt by its id or its number."""
    row = connection.execute(
        f"SELECT {_RECEIPT} FROM receipts WHERE receipt_id = ? OR number = ?", (receipt_id, receipt_id)
    ).fetchone()
    return None if row is None else ReceiptRow(*row)


def receipts(connection: Connection, limit: int) -> list[ReceiptRow]:
    """Return the last receipts, the newest first."""
    rows = connection.execute(f"SELECT {_RECEIPT} FROM receipts ORDER BY seq DESC LIMIT ?", (limit,))
    return [ReceiptRow(*row) for row in rows]


def received_of(connection: Connection, receipt_id: str) -> list[ReceivedLine]:
    """Return the items of a receipt, as corrections have left them."""
    return [
        ReceivedLine(sku=sku, expected=due, good=good, damaged=bad, unit_cost_minor=cost, reason=reason)
        for sku, due, good, bad, cost, reason in connection.execute(
            "SELECT sku, expected, good, damaged, unit_cost_minor, reason FROM receipt_lines"
            " WHERE receipt_id = ? ORDER BY sku",
            (receipt_id,),
        )
    ]


def add_receiving(unit: EdgeUnit, row: ReceivingRow) -> None:
    """Somebody begins to unpack."""
    unit.connection.execute(
        f"INSERT INTO receivings ({_RECEIVING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.receiving_id, row.delivery_id, row.supplier, row.reference, row.state, row.receipt_id,
            row.began_us, row.by,
        ),
    )  # fmt: skip


def end_receiving(unit: EdgeUnit, receiving_id: str, state: str, receipt_id: str = "") -> None:
    """Nobody unpacks any more."""
    unit.connection.execute(
        "UPDATE receivings SET state = ?, receipt_id = ? WHERE receiving_id = ?",
        (state, receipt_id, receiving_id),
    )


def find_receiving(connection: Connection, receiving_id: str) -> ReceivingRow | None:
    """Return what somebody is or was unpacking."""
    row = connection.execute(
        f"SELECT {_RECEIVING} FROM receivings WHERE receiving_id = ?", (receiving_id,)
    ).fetchone()
    return None if row is None else ReceivingRow(*row)


def receivings(connection: Connection, delivery_id: str | None = None) -> list[ReceivingRow]:
    """Return what is being unpacked, the oldest first; of one delivery if it is named."""
    where = "AND delivery_id = ?" if delivery_id else ""
    rows = connection.execute(
        f"SELECT {_RECEIVING} FROM receivings WHERE state = 'open' {where} ORDER BY began_us LIMIT 100",
        (delivery_id,) if delivery_id else (),
    )
    return [ReceivingRow(*row) for row in rows]


def unpacked(connection: Connection, receiving_id: str) -> dict[str, UnpackedRow]:
    """Return the items that came out of the boxes."""
    rows = connection.execute(
        "SELECT sku, good, damaged, unit_cost_minor, reason FROM receiving_lines WHERE receiving_id = ?"
        " ORDER BY sku",
        (receiving_id,),
    )
    return {row[0]: UnpackedRow(*row) for row in rows}


def put_unpacked(unit: EdgeUnit, receiving_id: str, row: UnpackedRow) -> None:
    """Set what came of one item."""
    unit.connection.execute(
        "INSERT INTO receiving_lines (receiving_id, sku, good, damaged, unit_cost_minor, reason)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (receiving_id, sku) DO UPDATE SET good = excluded.good,"
        " damaged = excluded.damaged, unit_cost_minor = excluded.unit_cost_minor, reason = excluded.reason",
        (receiving_id, row.sku, row.good, row.damaged, row.unit_cost_minor, row.reason),
    )


def add_scan(unit: EdgeUnit, receiving_id: str, scan: ScanRow, device: str, by: str) -> None:
    """Keep one scan, so that it can be taken back."""
    unit.connection.execute(
        "INSERT INTO receiving_scans (scan_id, receiving_id, sku, code, good, damaged, device, by, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (scan.scan_id, receiving_id, scan.sku, scan.code, scan.good, scan.damaged, device, by, scan.at_us),
    )


def scans_of(connection: Connection, receiving_id: str, device: str, limit: int) -> list[ScanRow]:
    """Return the last scans of a device, the newest first."""
    rows = connection.execute(
        "SELECT scan_id, sku, code, good, damaged, at_us, undone FROM receiving_scans WHERE receiving_id = ?"
        " AND device = ? ORDER BY at_us DESC, rowid DESC LIMIT ?",
        (receiving_id, device, limit),
    )
    return [ScanRow(*row) for row in rows]


def strangers(connection: Connection, receiving_id: str) -> list[tuple[str, int]]:
    """Return codes that nobody knows and that came out of the boxes, with how often they were scanned."""
    rows = connection.execute(
        "SELECT code, sum(good + damaged) FROM receiving_scans WHERE receiving_id = ? AND sku = ''"
        " AND undone = 0 GROUP BY code ORDER BY code",
        (receiving_id,),
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def undo_scan(unit: EdgeUnit, scan_id: str) -> None:
    """Mark a scan as taken back."""
    unit.connection.execute("UPDATE receiving_scans SET undone = 1 WHERE scan_id = ?", (scan_id,))


def on_delivery_expected(unit: EdgeUnit, recorded: Recorded) -> None:
    """A delivery is expected."""
    body = recorded.body
    assert isinstance(body, DeliveryExpected)
    unit.connection.execute(
        f"INSERT INTO deliveries ({_DELIVERY}) VALUES (?, ?, ?, ?, ?, 'expected', ?, '')",
        (body.delivery_id, body.source, body.supplier, body.reference, body.due_us, recorded.at_us),
    )
    unit.connection.executemany(
        "INSERT OR IGNORE INTO delivery_lines (delivery_id, sku, expected, unit_cost_minor)"
        " VALUES (?, ?, ?, ?)",
        [(body.delivery_id, line.sku, line.quantity, line.unit_cost_minor) for line in body.lines],
    )


def on_delivery_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """A delivery is no longer expected."""
    body = recorded.body
    assert isinstance(body, DeliveryCancelled)
    unit.connection.execute(
        "UPDATE deliveries SET state = 'cancelled', reason = ? WHERE delivery_id = ?",
        (body.reason, body.delivery_id),
    )


def on_delivery_received(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods were received."""
    body = recorded.body
    assert isinstance(body, DeliveryReceived)
    unit.connection.execute(
        f"INSERT INTO receipts ({_RECEIPT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            body.receipt_id, body.number, body.delivery_id, body.supplier, body.reference, recorded.seq,
            recorded.at_us, recorded.by,
        ),
    )  # fmt: skip
    unit.connection.executemany(
        "INSERT INTO receipt_lines VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                body.receipt_id,
                line.sku,
                line.expected,
                line.good,
                line.damaged,
                line.unit_cost_minor,
                line.reason,
            )
            for line in body.lines
        ],
    )
    _came(unit, body.delivery_id, [(line.sku, line.good + line.damaged) for line in body.lines])
    unit.connection.execute(
        "UPDATE deliveries SET state = ? WHERE delivery_id = ?",
        ("received" if body.final else "part", body.delivery_id or ""),
    )


def on_receipt_corrected(unit: EdgeUnit, recorded: Recorded) -> None:
    """A receipt is put right."""
    body = recorded.body
    assert isinstance(body, ReceiptCorrected)
    unit.connection.execute(
        "UPDATE receipts SET corrections = corrections + 1 WHERE receipt_id = ?", (body.receipt_id,)
    )
    unit.connection.executemany(
        "INSERT INTO receipt_lines VALUES (?, ?, 0, ?, ?, ?, '') ON CONFLICT (receipt_id, sku) DO UPDATE SET"
        " good = good + excluded.good, damaged = damaged + excluded.damaged, unit_cost_minor ="
        " CASE WHEN excluded.good + excluded.damaged > 0 THEN excluded.unit_cost_minor"
        " ELSE unit_cost_minor END",
        [(body.receipt_id, line.sku, line.good, line.damaged, line.unit_cost_minor) for line in body.lines],
    )
    _came(unit, body.delivery_id, [(line.sku, line.good + line.damaged) for line in body.lines])
    unit.connection.execute(  # a receipt that was taken back whole is expected again
        "UPDATE deliveries SET state = 'expected' WHERE delivery_id = :of AND NOT EXISTS"
        " (SELECT 1 FROM delivery_lines WHERE delivery_id = :of AND received > 0)",
        {"of": body.delivery_id or ""},
    )


def _came(unit: EdgeUnit, delivery_id: str | None, units: list[tuple[str, int]]) -> None:
    unit.connection.executemany(
        "UPDATE delivery_lines SET received = received + ? WHERE delivery_id = ? AND sku = ?",
        [(count, delivery_id or "", sku) for sku, count in units],
    )
