"""What the facts of both ends write: transfers, lines, cartons, and where a transfer is."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.early import Facts
from protocol import transfer_messages as said
from protocol.state_machine import Lifecycle
from protocol.transfers import (
    SENDING,
    Carton,
    CartonLine,
    ReceiveEvent,
    ReceiveState,
    SendEvent,
    SendState,
    TransferLine,
)

OWN: Final = Facts("transfer_id", "SELECT 1 FROM transfers WHERE transfer_id = ?")
"""What this store says of its transfers."""


def insert(
    unit: EdgeUnit, body: said.TransferRequested, way: str, state: SendState | ReceiveState, at_us: int
) -> None:
    """Store a transfer; one that is known stays as it is."""
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


def add_lines(unit: EdgeUnit, transfer_id: str, lines: Sequence[TransferLine]) -> None:
    """Store lines that are not known."""
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


def put_carton(unit: EdgeUnit, carton: Carton, row: tuple[str, str, str, int], at_us: int) -> None:
    """Store a carton as (transfer, way, state, number); one that is here already learns its content.

    One that came before anybody had announced it is that of the first announcement. Another transfer's
    carton under the same label is one of its own.
    """
    transfer_id, way, state, carton_no = row
    nobodys = unit.connection.execute(
        "SELECT transfer_id FROM cartons WHERE sscc = ? AND way = ? AND transfer_id = ''", (carton.sscc, way)
    ).fetchone()
    if nobodys is not None:
        transfer_id = ""
    unit.connection.execute(
        "INSERT INTO cartons (sscc, transfer_id, way, state, carton_no, weight_g, lines, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sscc, way, transfer_id) DO UPDATE SET"
        " lines = excluded.lines, weight_g = excluded.weight_g, carton_no = excluded.carton_no",
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


def says(unit: EdgeUnit, transfer_id: str, sentence: str) -> None:
    """Keep the last sentence that was said about it."""
    if sentence:
        unit.connection.execute(
            "UPDATE transfers SET says = ? WHERE transfer_id = ?", (sentence, transfer_id)
        )


def step(  # noqa: PLR0917 - one step of one of the two lifecycles
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


def _carton_json(lines: Iterable[CartonLine]) -> str:
    """Return what is in a carton as it is stored; the fields of this class alone."""
    return json.dumps(
        [{"line_no": line.line_no, "sku": line.sku, "quantity": line.quantity} for line in lines],
        separators=(",", ":"),
    )
