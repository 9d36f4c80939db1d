"""Read transfers, their lines, cartons and receipts. Nothing here writes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.transfers.rules import Line
from protocol.kit.sqlite import Connection
from protocol.transfer_messages import TransferReceived
from protocol.transfers import CartonLine, OrderComing

Way = Literal["out", "in"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer at this store; its `state` is one of `SENDING` going out, of `RECEIVING` coming in."""

    transfer_id: str
    number: str
    way: Way
    source: str
    destination: str
    asked_by: str
    reason: str
    state: str
    told: str
    says: str
    note: str
    carrier: str
    due_us: int
    since_us: int
    changed_us: int
    shipped_us: int
    shipped_seq: int

    @property
    def other(self) -> str:
        """The other location."""
        return self.destination if self.way == "out" else self.source

    @property
    def ends(self) -> dict[str, str]:
        """What every event of it says first."""
        return {
            "transfer_id": self.transfer_id,
            "number": self.number,
            "source": self.source,
            "destination": self.destination,
        }


@dataclass(frozen=True, slots=True)
class CartonRow:
    """One carton. Without a transfer it arrived before anybody announced it."""

    sscc: str
    transfer_id: str
    way: Way
    state: str
    carton_no: int
    weight_g: int
    lines: tuple[CartonLine, ...]
    receipt_id: str
    at_us: int

    @property
    def units(self) -> int:
        """How much is in it."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One arrival."""

    receipt_id: str
    transfer_id: str
    number: str
    source: str
    seq: int
    at_us: int
    by: str
    body: TransferReceived
    matched: bool
    undone_us: int


_TRANSFER: Final = (
    "transfer_id, number, way, source, destination, asked_by, reason, state, told, says, note, carrier,"
    " due_us, since_us, changed_us, shipped_us, shipped_seq"
)
_LINE: Final = (
    "line_no, sku, name, quantity, wants_lent, lent, bound, picked_lent, picked_bound, shipped, short,"
    " declined, given_up, received, damaged, over, max(0, min(missing, quantity - received)), for_order,"
    " to_grant, granted, order_id,"
    " order_number, order_line_no, assignment_id"
)
_EXCHANGED: Final = (
    "SELECT source FROM transfers WHERE way = 'in' AND (asked_by <> 'destination'"
    " OR state <> 'unannounced' OR told IN ('accepted', 'picked', 'packed', 'shipped', 'short'))"
    " UNION SELECT destination FROM transfers WHERE way = 'out' AND (asked_by <> 'source' OR EXISTS"
    " (SELECT 1 FROM transfer_lines AS line WHERE line.transfer_id = transfers.transfer_id"
    " AND line.received > 0)) ORDER BY 1"
)
"""What the hub itself has asked or announced, what a source has answered, what a destination has received."""
_CARTON: Final = "sscc, transfer_id, way, state, carton_no, weight_g, lines, receipt_id, at_us"
_RECEIPT: Final = "receipt_id, transfer_id, number, source, seq, at_us, by, body, matched, undone_us"


def find(connection: Connection, transfer_id: str) -> Transfer | None:
    """Return a transfer."""
    row = connection.execute(
        f"SELECT {_TRANSFER} FROM transfers WHERE transfer_id = ?", (transfer_id,)
    ).fetchone()
    return Transfer(*row) if row else None


def by_number(connection: Connection, number: str) -> Transfer | None:
    """Return the transfer with a printed number."""
    row = connection.execute(f"SELECT {_TRANSFER} FROM transfers WHERE number = ?", (number,)).fetchone()
    return Transfer(*row) if row else None


def listed(
    connection: Connection, way: Way, states: Iterable[str], limit: int, *, newest: bool = False
) -> tuple[Transfer, ...]:
    """Return transfers in some states, the one that waits longest first."""
    wanted = sorted(states)
    marks = ",".join("?" * len(wanted))
    order = "changed_us DESC" if newest else "CASE due_us WHEN 0 THEN since_us ELSE due_us END"
    rows = connection.execute(
        f"SELECT {_TRANSFER} FROM transfers WHERE way = ? AND state IN ({marks})"
        f" ORDER BY {order}, transfer_id LIMIT ?",
        (way, *wanted, limit),
    )
    return tuple(Transfer(*row) for row in rows)


def lines_of(connection: Connection, transfer_id: str) -> tuple[Line, ...]:
    """Return the lines of a transfer."""
    rows = connection.execute(
        f"SELECT {_LINE} FROM transfer_lines WHERE transfer_id = ? ORDER BY line_no", (transfer_id,)
    )
    return tuple(Line(*row) for row in rows)


def orders_of(connection: Connection, transfer_id: str) -> dict[str, OrderComing]:
    """Return the orders whose goods come with a transfer, by assignment."""
    rows = connection.execute(
        "SELECT assignment_id, body FROM transfer_orders WHERE transfer_id = ?", (transfer_id,)
    )
    return {row[0]: OrderComing.model_validate_json(row[1]) for row in rows}


def find_carton(
    connection: Connection, sscc: str, way: Way | None = None, *, of: str | None = None
) -> CartonRow | None:
    """Return a carton by its label; one that comes in before one that this store sent.

    A label is one carton for ever, but two stores with the same block of numbers print it twice: then that
    `of` a transfer goes before, and one that is expected before one that is here.
    """
    row = connection.execute(
        f"SELECT {_CARTON} FROM cartons WHERE sscc = ?1 AND (?2 IS NULL OR way = ?2)"
        " ORDER BY way, transfer_id IS NOT ?3, state = 'received', at_us, transfer_id LIMIT 1",
        (sscc, way, of),
    ).fetchone()
    return _carton(row) if row else None


def expected_twice(connection: Connection, sscc: str) -> tuple[str, ...]:
    """Return the numbers of the transfers that all say that a carton comes; none when it is one at most."""
    found = connection.execute(
        "SELECT number FROM cartons JOIN transfers USING (transfer_id, way)"
        " WHERE sscc = ? AND way = 'in' AND cartons.state = 'expected' ORDER BY number",
        (sscc,),
    ).fetchall()
    return tuple(str(row[0]) for row in found) if len(found) > 1 else ()


def cartons_of(connection: Connection, transfer_id: str) -> tuple[CartonRow, ...]:
    """Return the cartons of a transfer, those that were opened again too."""
    rows = connection.execute(
        f"SELECT {_CARTON} FROM cartons WHERE transfer_id = ? ORDER BY carton_no, sscc", (transfer_id,)
    )
    return tuple(_carton(tuple(row)) for row in rows)


def receipts_of(connection: Connection, transfer_id: str) -> tuple[ReceiptRow, ...]:
    """Return what arrived of a transfer, the newest first."""
    rows = connection.execute(
        f"SELECT {_RECEIPT} FROM transfer_receipts WHERE transfer_id = ? ORDER BY seq DESC", (transfer_id,)
    )
    return tuple(_receipt(tuple(row)) for row in rows)


def unmatched(connection: Connection, limit: int) -> tuple[ReceiptRow, ...]:
    """Return arrivals that nobody has announced so far, the newest first."""
    rows = connection.execute(
        f"SELECT {_RECEIPT} FROM transfer_receipts WHERE transfer_id = '' AND undone_us = 0"
        " ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return tuple(_receipt(tuple(row)) for row in rows)


def find_receipt(connection: Connection, receipt_id: str) -> ReceiptRow | None:
    """Return an arrival."""
    row = connection.execute(
        f"SELECT {_RECEIPT} FROM transfer_receipts WHERE receipt_id = ?", (receipt_id,)
    ).fetchone()
    return _receipt(tuple(row)) if row else None


def waiting_assignments(connection: Connection, assignment_ids: Iterable[str]) -> frozenset[str]:
    """Return those that may still take goods in: not begun to be packed, or not made yet.

    One that the hub has cancelled before its goods came is never made: that it was not here is what this
    store answered, and the hub has given the order up on that word.
    """
    wanted = sorted({each for each in assignment_ids if each})
    marks = ",".join("?" * len(wanted))
    past = {
        row[0]
        for row in connection.execute(
            f"SELECT assignment_id FROM assignments WHERE assignment_id IN ({marks})"
            " AND state NOT IN ('acknowledged', 'picking')",
            wanted,
        )
    } | {
        row[0]
        for row in connection.execute(
            "SELECT json_extract(CAST(bytes AS TEXT), '$.body.assignment_id') AS gone FROM directives"
            f" WHERE kind = 'assignment.cancel' AND code = 'no_assignment' AND gone IN ({marks})",
            wanted,
        )
    }
    return frozenset(wanted) - past


def known_places(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Return (location, name) of other locations that this store knows, by name.

    They are those that the hub has named, and those with which goods have been exchanged. A name that was
    only typed here is none: it may be a slip, and would be offered for ever.
    """
    places: dict[str, str] = {row[0]: row[0] for row in connection.execute(_EXCHANGED)}
    places |= {row[0]: row[1] for row in connection.execute("SELECT location, name FROM later_places")}
    return tuple(sorted(places.items(), key=lambda each: (each[1], each[0])))


def _carton(row: tuple[object, ...]) -> CartonRow:
    values = list(row)
    values[6] = tuple(CartonLine.model_validate(each) for each in json.loads(str(row[6])))
    return CartonRow(*values)  # type: ignore[arg-type]  # the columns are the fields, in their order


def _receipt(row: tuple[object, ...]) -> ReceiptRow:
    values = list(row)
    values[7] = TransferReceived.model_validate_json(str(row[7]))
    values[8] = bool(row[8])
    return ReceiptRow(*values)  # type: ignore[arg-type]  # the columns are the fields, in their order
