"""What events and directives write into the tables of transfers. Facts are taken in, never judged.

Functions that begin with `on_` are reactions to events, those that begin with `take_` are what a directive of
the hub wrote: `rebuild` plays both, in the order in which they came. An event of a transfer that is not known
here (this database was put back from before its request) changes the stock, and the rest with the request.
What arrives is in `rows.arrivals`.
"""

from collections.abc import Iterable

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.transfers.rows.written import OWN, add_lines, insert, put_carton, says, step
from protocol import transfer_messages as said
from protocol.fulfilment import UnitsLine
from protocol.transfers import RECEIVING, SENDING, AskedBy, ReceiveEvent, ReceiveState, SendEvent, SendState


def take_request(unit: EdgeUnit, body: said.TransferRequest, at_us: int) -> None:
    """The hub asks this store to send something. A transfer that is known stays as it is.

    What a restored store has said of it already is written too.
    """
    insert(unit, body, "out", SendState.REQUESTED, at_us)
    add_lines(unit, body.transfer_id, body.lines)
    OWN.play(unit, body.transfer_id)


def take_settled(unit: EdgeUnit, body: said.TransferSettled, at_us: int) -> None:
    """What became of everything; at the destination the wait is over, the source says it with an event."""
    says(unit, body.transfer_id, body.sentence)
    row = unit.connection.execute(
        "SELECT way FROM transfers WHERE transfer_id = ?", (body.transfer_id,)
    ).fetchone()
    if row is None or row[0] != "in":
        return
    unit.connection.executemany(
        "UPDATE transfer_lines SET missing = ? WHERE transfer_id = ? AND line_no = ?",
        [(line.missing, body.transfer_id, line.line_no) for line in body.lines if line.line_no],
    )
    step(unit, RECEIVING, ReceiveState, body.transfer_id, ReceiveEvent.SETTLED, at_us)


def take_told(unit: EdgeUnit, body: said.TransferTold, at_us: int) -> None:
    """How the source answered what this store has asked for."""
    unit.connection.execute(
        "UPDATE transfers SET told = ?, changed_us = ? WHERE transfer_id = ? AND way = 'in'",
        (body.state, at_us, body.transfer_id),
    )
    says(unit, body.transfer_id, body.sentence)


def on_requested(unit: EdgeUnit, recorded: Recorded) -> None:
    """This store asks: to send something of its own, or to be sent something."""
    body = recorded.body
    assert isinstance(body, said.TransferRequested)
    if body.asked_by is AskedBy.SOURCE:
        insert(unit, body, "out", SendState.REQUESTED, recorded.at_us)
    else:
        insert(unit, body, "in", ReceiveState.UNANNOUNCED, recorded.at_us)
    if not _is_announced(unit, body.transfer_id):
        add_lines(unit, body.transfer_id, body.lines)


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
    says(unit, body.transfer_id, body.note)
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
    put_carton(unit, body.carton, (body.transfer_id, "out", "packed", row[0]), recorded.at_us)
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
    says(unit, body.transfer_id, body.reason)
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


def _is_announced(unit: EdgeUnit, transfer_id: str) -> bool:
    """Tell whether a restored store heard what was shipped before it heard again that it had asked for it."""
    row = unit.connection.execute(
        "SELECT shipped_us FROM transfers WHERE transfer_id = ? AND way = 'in'", (transfer_id,)
    ).fetchone()
    return row is not None and row[0] > 0


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


def _send_step(unit: EdgeUnit, recorded: Recorded, transfer_id: str, event: SendEvent) -> None:
    step(unit, SENDING, SendState, transfer_id, event, recorded.at_us)
