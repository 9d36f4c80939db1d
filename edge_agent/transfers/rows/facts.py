"""What events and directives write into the tables of transfers. Facts are taken in, never judged.

Functions that begin with `on_` are reactions to events, those that begin with `take_` are what a directive of
the hub wrote: `rebuild` plays both, in the order in which they came. An event of a transfer that is not known
here (this database was put back from before its request) changes the stock, and the rest with the request.
"""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.early import Facts
from edge_agent.journal import Recorded
from protocol import transfer_messages as said
from protocol.fulfilment import UnitsLine
from protocol.state_machine import Lifecycle
from protocol.transfers import (
    RECEIVING,
    SENDING,
    AskedBy,
    Carton,
    CartonLine,
    OrderComing,
    ReceivedLine,
    ReceiveEvent,
    ReceiveState,
    SendEvent,
    SendState,
    TransferLine,
)

OWN: Final = Facts("transfer_id", "SELECT 1 FROM transfers WHERE transfer_id = ?")
"""What this store says of its transfers."""


def take_request(unit: EdgeUnit, body: said.TransferRequest, at_us: int) -> None:
    """The hub asks this store to send something. A transfer that is known stays as it is.

    What a restored store has said of it already is written too.
    """
    _insert(unit, body, "out", SendState.REQUESTED, at_us)
    _lines(unit, body.transfer_id, body.lines)
    OWN.play(unit, body.transfer_id)


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
        _carton(unit, carton, (body.transfer_id, "in", "expected", n), at_us)
    _step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.ANNOUNCED, at_us)
    OWN.play(unit, body.transfer_id)


def take_settled(unit: EdgeUnit, body: said.TransferSettled, at_us: int) -> None:
    """What became of everything; at the destination the wait is over, the source says it with an event."""
    _says(unit, body.transfer_id, body.sentence)
    row = unit.connection.execute(
        "SELECT way FROM transfers WHERE transfer_id = ?", (body.transfer_id,)
    ).fetchone()
    if row is None or row[0] != "in":
        return
    unit.connection.executemany(
        "UPDATE transfer_lines SET missing = ? WHERE transfer_id = ? AND line_no = ?",
        [(line.missing, body.transfer_id, line.line_no) for line in body.lines if line.line_no],
    )
    _step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.SETTLED, at_us)


def take_told(unit: EdgeUnit, body: said.TransferTold, at_us: int) -> None:
    """How the source answered what this store has asked for."""
    unit.connection.execute(
        "UPDATE transfers SET told = ?, changed_us = ? WHERE transfer_id = ? AND way = 'in'",
        (body.state, at_us, body.transfer_id),
    )
    _says(unit, body.transfer_id, body.sentence)


def on_requested(unit: EdgeUnit, recorded: Recorded) -> None:
    """This store asks: to send something of its own, or to be sent something."""
    body = recorded.body
    assert isinstance(body, said.TransferRequested)
    if body.asked_by is AskedBy.SOURCE:
        _insert(unit, body, "out", SendState.REQUESTED, recorded.at_us)
    else:
        _insert(unit, body, "in", ReceiveState.UNANNOUNCED, recorded.at_us)
    _lines(unit, body.transfer_id, body.lines)


@OWN.of("transfer.accepted")
def on_accepted(unit: EdgeUnit, recorded: Recorded) -> None:
    """This store sends it, all or a part."""
    body = recorded.body
    assert isinstance(body, said.TransferAccepted)
    _by_line(unit, body.transfer_id, body.lines, "lent = lent + :lent, bound = bound + :bound")
    _by_line(unit, body.transfer_id, body.declined, "declined = declined + :lent + :bound")
    _send_step(unit, recorded, body.transfer_id, SendEvent.ACCEPTED)


@OWN.of("transfer.rejected")
def on_rejected(unit: EdgeUnit, recorded: Recorded) -> None:
    """This store sends nothing of it."""
    body = recorded.body
    assert isinstance(body, said.TransferRejected)
    unit.connection.execute(
        "UPDATE transfer_lines SET declined = quantity WHERE transfer_id = ?", (body.transfer_id,)
    )
    _says(unit, body.transfer_id, body.note)
    _send_step(unit, recorded, body.transfer_id, SendEvent.REJECTED)


@OWN.of("transfer.picked")
def on_picked(unit: EdgeUnit, recorded: Recorded) -> None:
    """The walk is over."""
    body = recorded.body
    assert isinstance(body, said.TransferPicked)
    found = "picked_lent = picked_lent + :lent, picked_bound = picked_bound + :bound"
    _by_line(unit, body.transfer_id, body.lines, found)
    gone = "lent = lent - :lent, bound = bound - :bound, short = short + :lent + :bound"
    _by_line(unit, body.transfer_id, body.shorts, gone)
    event = SendEvent.PICKED if body.lines else SendEvent.SHORT_PICKED
    _send_step(unit, recorded, body.transfer_id, event)


@OWN.of("transfer.carton_packed")
def on_carton_packed(unit: EdgeUnit, recorded: Recorded) -> None:
    """A carton is closed."""
    body = recorded.body
    assert isinstance(body, said.CartonPacked)
    row = unit.connection.execute(
        "SELECT coalesce(max(carton_no), 0) + 1 FROM cartons WHERE transfer_id = ? AND state <> 'opened'",
        (body.transfer_id,),
    ).fetchone()
    _carton(unit, body.carton, (body.transfer_id, "out", "packed", row[0]), recorded.at_us)
    if body.done:
        _send_step(unit, recorded, body.transfer_id, SendEvent.PACKED)


@OWN.of("transfer.carton_opened")
def on_carton_opened(unit: EdgeUnit, recorded: Recorded) -> None:
    """A carton is open again; its number is never used anew."""
    body = recorded.body
    assert isinstance(body, said.CartonOpened)
    unit.connection.execute(
        "UPDATE cartons SET state = 'opened' WHERE sscc = ? AND way = 'out'", (body.sscc,)
    )
    _send_step(unit, recorded, body.transfer_id, SendEvent.CARTON_OPENED)


@OWN.of("transfer.shipped")
def on_shipped(unit: EdgeUnit, recorded: Recorded) -> None:
    """The cartons left."""
    body = recorded.body
    assert isinstance(body, said.TransferShipped)
    left = (
        "lent = lent - :lent, bound = bound - :bound, picked_lent = picked_lent - :lent,"
        " picked_bound = picked_bound - :bound, shipped = shipped + :lent + :bound"
    )
    _by_line(unit, body.transfer_id, body.lines, left)
    unit.connection.executemany(
        "UPDATE cartons SET state = 'shipped' WHERE sscc = ? AND way = 'out'",
        [(each.sscc,) for each in body.cartons],
    )
    unit.connection.execute(
        "UPDATE transfers SET carrier = ?, shipped_us = ?, shipped_seq = ? WHERE transfer_id = ?",
        (body.carrier, recorded.at_us, recorded.seq, body.transfer_id),
    )
    _send_step(unit, recorded, body.transfer_id, SendEvent.SHIPPED)


@OWN.of("transfer.cancelled")
def on_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """It was given up before it left."""
    body = recorded.body
    assert isinstance(body, said.TransferCancelled)
    gone = (
        "lent = lent - :lent, bound = bound - :bound, picked_lent = 0, picked_bound = 0,"
        " given_up = given_up + :lent + :bound"
    )
    _by_line(unit, body.transfer_id, body.lines, gone)
    unit.connection.execute(
        "UPDATE cartons SET state = 'opened' WHERE transfer_id = ? AND state = 'packed'", (body.transfer_id,)
    )
    _says(unit, body.transfer_id, body.reason)
    _send_step(unit, recorded, body.transfer_id, SendEvent.CANCELLED)


@OWN.of("transfer.cancel_asked")
def on_cancel_asked(unit: EdgeUnit, recorded: Recorded) -> None:
    """This store no longer wants what it asked for; whether it still comes, the source decides."""
    body = recorded.body
    assert isinstance(body, said.CancelAsked)
    unit.connection.execute(
        "UPDATE transfers SET told = 'cancel_asked', changed_us = ? WHERE transfer_id = ?",
        (recorded.at_us, body.transfer_id),
    )


@OWN.of("transfer.received")
def on_received(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods arrived; unannounced ones keep their labels, so that the announcement finds them."""
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
    for n, sscc in enumerate(body.cartons, start=1):
        unit.connection.execute(
            "INSERT INTO cartons (sscc, transfer_id, way, state, carton_no, weight_g, lines, receipt_id,"
            " at_us) VALUES (?, ?, 'in', 'received', ?, 0, '[]', ?, ?) ON CONFLICT (sscc, way) DO UPDATE SET"
            " state = 'received', receipt_id = excluded.receipt_id",
            (sscc, body.transfer_id, n, body.receipt_id, recorded.at_us),
        )
    _arrived(unit, body.transfer_id, body.lines)
    unit.connection.executemany(
        "UPDATE transfer_lines SET missing = missing + ? WHERE transfer_id = ? AND line_no = ?",
        [(line.quantity, body.transfer_id, line.line_no) for line in body.shorts],
    )
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
        "UPDATE cartons SET transfer_id = ? WHERE receipt_id = ? AND transfer_id = ''",
        (body.transfer_id, body.receipt_id),
    )
    _arrived(unit, body.transfer_id, body.lines)
    _receive_step(unit, recorded, body.transfer_id, final=body.final)


@OWN.of("transfer.receipt_undone")
def on_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """An arrival is taken back: its cartons are expected again, or unknown again."""
    body = recorded.body
    assert isinstance(body, said.ReceiptUndone)
    row = unit.connection.execute(
        "SELECT body FROM transfer_receipts WHERE receipt_id = ?", (body.receipt_id,)
    ).fetchone()
    shorts = said.TransferReceived.model_validate_json(row[0]).shorts if row else ()
    unit.connection.execute(
        "UPDATE transfer_receipts SET undone_us = ? WHERE receipt_id = ?", (recorded.at_us, body.receipt_id)
    )
    unit.connection.execute(
        "DELETE FROM cartons WHERE receipt_id = ? AND (transfer_id = '' OR lines = '[]')", (body.receipt_id,)
    )
    unit.connection.execute(
        "UPDATE cartons SET state = 'expected', receipt_id = '' WHERE receipt_id = ?", (body.receipt_id,)
    )
    if not body.transfer_id:
        return
    _arrived(unit, body.transfer_id, body.lines, sign=-1)
    unit.connection.executemany(
        "UPDATE transfer_lines SET missing = missing - ? WHERE transfer_id = ? AND line_no = ?",
        [(line.quantity, body.transfer_id, line.line_no) for line in shorts],
    )
    _step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.RECEIPT_UNDONE, recorded.at_us)


@OWN.of("transfer.closed")
def on_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Nothing of it is on its way any more."""
    body = recorded.body
    assert isinstance(body, said.TransferClosed)
    unit.connection.executemany(
        "UPDATE transfer_lines SET received = ?, missing = ?, over = ? WHERE transfer_id = ? AND line_no = ?",
        [
            (line.received, line.missing, line.over, body.transfer_id, line.line_no)
            for line in body.lines
            if line.line_no
        ],
    )
    _send_step(unit, recorded, body.transfer_id, SendEvent.SETTLED)


def _carton_json(lines: Iterable[CartonLine]) -> str:
    """Return what is in a carton as it is stored; the fields of this class alone."""
    return json.dumps(
        [{"line_no": line.line_no, "sku": line.sku, "quantity": line.quantity} for line in lines],
        separators=(",", ":"),
    )


def _insert(
    unit: EdgeUnit, body: said.TransferRequested, way: str, state: SendState | ReceiveState, at_us: int
) -> None:
    unit.connection.execute(
        "INSERT INTO transfers (transfer_id, number, way, source, destination, asked_by, reason, state, note,"
        " due_us, since_us, changed_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (transfer_id) DO NOTHING",
        (
            body.transfer_id,
            body.number,
            way,
            body.source,
            body.destination,
            body.asked_by.value,
            body.reason.value,
            state.value,
            body.note,
            body.due_us,
            at_us,
            at_us,
        ),
    )


def _lines(unit: EdgeUnit, transfer_id: str, lines: Sequence[TransferLine]) -> None:
    unit.connection.executemany(
        "INSERT INTO transfer_lines (transfer_id, line_no, sku, name, quantity, wants_lent, to_grant,"
        " order_id, order_number, order_line_no, assignment_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (transfer_id, line_no) DO NOTHING",
        [
            (
                transfer_id,
                line.line_no,
                line.sku,
                line.name,
                line.quantity,
                line.lent,
                line.grant,
                line.order_id,
                line.order_number,
                line.order_line_no,
                line.assignment_id,
            )
            for line in lines
        ],
    )


def _shipped_lines(unit: EdgeUnit, transfer_id: str, lines: Sequence[TransferLine]) -> None:
    """Write what was shipped in the place of what was asked; what has arrived of it already stays counted."""
    before = unit.connection.execute(
        "DELETE FROM transfer_lines WHERE transfer_id = ?"
        " RETURNING line_no, sku, name, received, damaged, over, for_order, granted",
        (transfer_id,),
    ).fetchall()
    _lines(unit, transfer_id, lines)
    unit.connection.executemany(
        "INSERT INTO transfer_lines (transfer_id, line_no, sku, name, quantity, received, damaged, over,"
        " for_order, granted) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?) ON CONFLICT (transfer_id, line_no)"
        " DO UPDATE SET received = excluded.received, damaged = excluded.damaged, over = excluded.over,"
        " for_order = excluded.for_order, granted = excluded.granted",
        [(transfer_id, *tuple(row)) for row in before if row["received"]],
    )


def _orders(unit: EdgeUnit, transfer_id: str, orders: Iterable[OrderComing]) -> None:
    unit.connection.executemany(
        "INSERT INTO transfer_orders (transfer_id, assignment_id, body) VALUES (?, ?, ?)"
        " ON CONFLICT (transfer_id, assignment_id) DO UPDATE SET body = excluded.body",
        [(transfer_id, each.assignment_id, each.model_dump_json()) for each in orders],
    )


def _carton(unit: EdgeUnit, carton: Carton, row: tuple[str, str, str, int], at_us: int) -> None:
    """Store a carton as (transfer, way, state, number); one that is here already learns its content."""
    transfer_id, way, state, carton_no = row
    unit.connection.execute(
        "INSERT INTO cartons (sscc, transfer_id, way, state, carton_no, weight_g, lines, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sscc, way) DO UPDATE SET lines = excluded.lines,"
        " weight_g = excluded.weight_g, carton_no = excluded.carton_no",
        (
            carton.sscc,
            transfer_id,
            way,
            state,
            carton_no,
            carton.weight_g,
            _carton_json(carton.lines),
            at_us,
        ),
    )


def _arrived(unit: EdgeUnit, transfer_id: str, lines: Iterable[ReceivedLine], sign: int = 1) -> None:
    unit.connection.executemany(
        "UPDATE transfer_lines SET received = received + ?, damaged = damaged + ?, over = over + ?,"
        " for_order = for_order + ?, granted = granted + ? WHERE transfer_id = ? AND line_no = ?",
        [
            (
                sign * line.quantity,
                sign * line.damaged,
                sign * line.over,
                sign * line.bound,
                sign * line.granted,
                transfer_id,
                line.line_no,
            )
            for line in lines
            if line.line_no
        ],
    )


def _by_line(unit: EdgeUnit, transfer_id: str, lines: Iterable[UnitsLine], what: str) -> None:
    unit.connection.executemany(
        f"UPDATE transfer_lines SET {what} WHERE transfer_id = :transfer_id AND line_no = :line_no",
        [
            {
                "transfer_id": transfer_id,
                "line_no": line.line_no,
                "lent": line.lent,
                "bound": line.bound,
            }
            for line in lines
        ],
    )


def _says(unit: EdgeUnit, transfer_id: str, sentence: str) -> None:
    if sentence:
        unit.connection.execute(
            "UPDATE transfers SET says = ? WHERE transfer_id = ?", (sentence, transfer_id)
        )


def _send_step(unit: EdgeUnit, recorded: Recorded, transfer_id: str, event: SendEvent) -> None:
    _step(unit, SENDING, SendState, transfer_id, event, recorded.at_us)


def _receive_step(unit: EdgeUnit, recorded: Recorded, transfer_id: str, *, final: bool) -> None:
    event = ReceiveEvent.RECEIVED if final else ReceiveEvent.PART_RECEIVED
    _step(unit, RECEIVING, ReceiveState, transfer_id, event, recorded.at_us)


def _step(  # noqa: PLR0917 - one step of one of the two lifecycles
    unit: EdgeUnit,
    lifecycle: Lifecycle[SendState, SendEvent] | Lifecycle[ReceiveState, ReceiveEvent],
    states: type[StrEnum],
    transfer_id: str,
    event: SendEvent | ReceiveEvent,
    at_us: int,
) -> None:
    """Bring a transfer where a fact leads; a fact out of order leaves it where it is."""
    way = "out" if lifecycle is SENDING else "in"
    row = unit.connection.execute(
        "SELECT state FROM transfers WHERE transfer_id = ? AND way = ?", (transfer_id, way)
    ).fetchone()
    if row is None:
        return
    following, _in_order = lifecycle.after_fact(states(row[0]), event)  # type: ignore[arg-type]  # they fit
    unit.connection.execute(
        "UPDATE transfers SET state = ?, changed_us = ? WHERE transfer_id = ?",
        (following.value, at_us, transfer_id),
    )
