"""What arrives: what an announcement and the events of arrivals write, whichever comes first.

It is counted line by line, so that a store that was restored, and hears of it in another order, comes to the
same figures: over is what is here beyond what was shipped, and missing what somebody missed until it comes.
"""

from collections.abc import Iterable, Sequence

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.transfers.rows.written import OWN, add_lines, put_carton, step
from protocol import transfer_messages as said
from protocol.transfers import (
    RECEIVING,
    ArrivalShort,
    AskedBy,
    OrderComing,
    ReceivedLine,
    ReceiveEvent,
    ReceiveState,
    TransferLine,
)


def take_expect(unit: EdgeUnit, body: said.TransferExpect, at_us: int) -> None:
    """Something has been shipped to this store: its lines are what was shipped, whatever had been asked.

    Told again it says nothing new of them. What has arrived before it was told stays counted: a store may
    receive what it asked for while the source is dark, and a restored one may have received it before.
    """
    known = unit.connection.execute(
        "SELECT shipped_us FROM transfers WHERE transfer_id = ?", (body.transfer_id,)
    ).fetchone()
    if known is not None and known[0]:
        return
    unit.connection.execute(
        "INSERT INTO transfers (transfer_id, number, way, source, destination, asked_by, reason, state,"
        " note, since_us, changed_us, shipped_us) VALUES (?, ?, 'in', ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (transfer_id) DO UPDATE SET shipped_us = excluded.shipped_us, told = 'shipped',"
        " note = CASE excluded.note WHEN '' THEN note ELSE excluded.note END,"
        " changed_us = excluded.changed_us",
        (
            body.transfer_id,
            body.number,
            body.source,
            body.destination,
            AskedBy.HUB.value,
            body.reason.value,
            ReceiveState.UNANNOUNCED.value,
            body.note,
            at_us,
            at_us,
            body.shipped_us,
        ),
    )
    _shipped_lines(unit, body.transfer_id, body.lines)
    _orders(unit, body.transfer_id, body.orders)
    for n, carton in enumerate(body.cartons, start=1):
        put_carton(unit, carton, (body.transfer_id, "in", "expected", n), at_us)
    step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.ANNOUNCED, at_us)
    OWN.play(unit, body.transfer_id)


def on_cartons_received(unit: EdgeUnit, recorded: Recorded) -> None:
    """A carton was taken in. It is known as such even before its transfer is: nobody takes it in again."""
    body = recorded.body
    assert isinstance(body, said.TransferReceived)
    for n, sscc in enumerate(body.cartons, start=1):
        unit.connection.execute(
            "INSERT INTO cartons (sscc, transfer_id, way, state, carton_no, weight_g, lines, receipt_id,"
            " at_us) VALUES (?, ?, 'in', 'received', ?, 0, '[]', ?, ?) ON CONFLICT (sscc, way, transfer_id)"
            " DO UPDATE SET state = 'received', receipt_id = excluded.receipt_id",
            (sscc, body.transfer_id, n, body.receipt_id, recorded.at_us),
        )


def on_cartons_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """The cartons of an arrival that was taken back are expected again, or unknown again."""
    body = recorded.body
    assert isinstance(body, said.ReceiptUndone)
    unit.connection.execute(
        "DELETE FROM cartons WHERE receipt_id = ? AND (transfer_id = '' OR lines = '[]')", (body.receipt_id,)
    )
    unit.connection.execute(
        "UPDATE cartons SET state = 'expected', receipt_id = '' WHERE receipt_id = ?", (body.receipt_id,)
    )


@OWN.of("transfer.received")
def on_received(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods arrived, announced or not."""
    body = recorded.body
    assert isinstance(body, said.TransferReceived)
    unit.connection.execute(
        "INSERT INTO transfer_receipts (receipt_id, transfer_id, number, source, seq, at_us, by, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.receipt_id,
            body.transfer_id,
            body.number,
            body.source,
            recorded.seq,
            recorded.at_us,
            recorded.by,
            body.model_dump_json(),
        ),
    )
    _arrived(unit, body.transfer_id, body.lines)
    _missed(unit, body.transfer_id, body.shorts)
    _receive_step(unit, recorded, body.transfer_id, final=body.final)


@OWN.of("transfer.matched")
def on_matched(unit: EdgeUnit, recorded: Recorded) -> None:
    """An arrival belongs to a transfer that was announced after it."""
    body = recorded.body
    assert isinstance(body, said.ReceiptMatched)
    unit.connection.execute(
        "UPDATE transfer_receipts SET transfer_id = ?, number = ?, matched = 1 WHERE receipt_id = ?",
        (body.transfer_id, body.number, body.receipt_id),
    )
    unit.connection.execute(
        "UPDATE OR REPLACE cartons SET transfer_id = ? WHERE receipt_id = ? AND transfer_id = ''",
        (body.transfer_id, body.receipt_id),
    )
    _arrived(unit, body.transfer_id, body.lines)
    _receive_step(unit, recorded, body.transfer_id, final=body.final)


@OWN.of("transfer.receipt_undone")
def on_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """An arrival is taken back."""
    body = recorded.body
    assert isinstance(body, said.ReceiptUndone)
    row = unit.connection.execute(
        "SELECT body FROM transfer_receipts WHERE receipt_id = ?", (body.receipt_id,)
    ).fetchone()
    shorts = said.TransferReceived.model_validate_json(row[0]).shorts if row else ()
    unit.connection.execute(
        "UPDATE transfer_receipts SET undone_us = ? WHERE receipt_id = ?", (recorded.at_us, body.receipt_id)
    )
    if not body.transfer_id:
        return
    _arrived(unit, body.transfer_id, body.lines, sign=-1)
    _missed(unit, body.transfer_id, shorts, sign=-1)
    step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.RECEIPT_UNDONE, recorded.at_us)


def _shipped_lines(unit: EdgeUnit, transfer_id: str, lines: Sequence[TransferLine]) -> None:
    """Write what was shipped in the place of what was asked; what has arrived of it already stays counted.

    So does what somebody has missed already: it is taken back with the arrival that said it.
    """
    before = unit.connection.execute(
        "DELETE FROM transfer_lines WHERE transfer_id = ?"
        " RETURNING line_no, sku, name, received, damaged, for_order, granted, missing",
        (transfer_id,),
    ).fetchall()
    add_lines(unit, transfer_id, lines)
    _count_in(unit, transfer_id, (tuple(row) for row in before))


def _orders(unit: EdgeUnit, transfer_id: str, orders: Iterable[OrderComing]) -> None:
    unit.connection.executemany(
        "INSERT INTO transfer_orders (transfer_id, assignment_id, body) VALUES (?, ?, ?)"
        " ON CONFLICT (transfer_id, assignment_id) DO UPDATE SET body = excluded.body",
        [(transfer_id, each.assignment_id, each.model_dump_json()) for each in orders],
    )


def _arrived(unit: EdgeUnit, transfer_id: str, lines: Iterable[ReceivedLine], sign: int = 1) -> None:
    """Count what has arrived, or with -1 what is taken back."""
    rows = [
        (
            line.line_no,
            line.sku,
            line.name,
            sign * line.quantity,
            sign * line.damaged,
            sign * line.bound,
            sign * line.granted,
            0,
        )
        for line in lines
        if line.line_no
    ]
    _count_in(unit, transfer_id, rows)


def _count_in(unit: EdgeUnit, transfer_id: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Add (line, SKU, name, received, damaged, for an order, lent, missing) to the lines of a transfer.

    What came of a line that was not shipped stays as a line of nothing. A number that turned out to be
    another article's is that one's: what came under it stands in its arrival alone.
    """
    unit.connection.executemany(
        "INSERT INTO transfer_lines (transfer_id, line_no, sku, name, received, damaged, for_order, granted,"
        " missing, over, quantity) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, max(0, ?5), 0)"
        " ON CONFLICT (transfer_id, line_no) DO UPDATE SET received = received + ?5, damaged = damaged + ?6,"
        " for_order = for_order + ?7, granted = granted + ?8, missing = max(0, missing + ?9),"
        " over = max(0, received + ?5 - quantity) WHERE sku = ?3",
        [(transfer_id, *row) for row in rows],
    )
    unit.connection.execute(
        "DELETE FROM transfer_lines WHERE transfer_id = ? AND quantity = 0 AND received <= 0", (transfer_id,)
    )


def _missed(unit: EdgeUnit, transfer_id: str, shorts: Iterable[ArrivalShort], sign: int = 1) -> None:
    """Count what somebody has missed, or with -1 what is taken back of it."""
    unit.connection.executemany(
        "UPDATE transfer_lines SET missing = max(0, missing + ?)"
        " WHERE transfer_id = ? AND line_no = ? AND sku = ?",
        [(sign * line.quantity, transfer_id, line.line_no, line.sku) for line in shorts],
    )


def _receive_step(unit: EdgeUnit, recorded: Recorded, transfer_id: str, *, final: bool) -> None:
    event = ReceiveEvent.RECEIVED if final else ReceiveEvent.PART_RECEIVED
    step(unit, RECEIVING, ReceiveState, transfer_id, event, recorded.at_us)
