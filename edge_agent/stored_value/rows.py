"""The tables of stored value: what this store put on each number and took off it, and the hub's word.

A number is first heard of when money goes onto it (then it was issued here) or when it is spent (then it
came from elsewhere). The balance here follows from the log alone; `stored_value_told` is what the hub
answered last and no part of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.stored_value.rules import FRESH_US, Known
from protocol.events import GiftCardSold, OrderSold, ReturnCompleted
from protocol.kit.sqlite import Connection
from protocol.orders import STORED_VALUE, Tender, TenderKind

_MOVE = (
    "INSERT INTO stored_value_moves (seq, n, number, amount_minor, reference, at_us)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_BALANCE = (
    "INSERT INTO stored_value (number, kind, balance_minor, issued_here, changed_us) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (number) DO UPDATE SET balance_minor = balance_minor + excluded.balance_minor,"
    " changed_us = excluded.changed_us"
)
_SPENT_SINCE = "SELECT coalesce(sum(amount_minor), 0) FROM stored_value_moves WHERE number = ? AND at_us >= ?"


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Money that went onto a number, or with a minus came off it."""

    amount_minor: int
    reference: str
    at_us: int


def find(connection: Connection, number: str, now_us: int) -> Known | None:
    """Return what is known of a number: here, and by the hub's word while that is fresh; None for nothing."""
    here = connection.execute(
        "SELECT kind, balance_minor, issued_here FROM stored_value WHERE number = ?", (number,)
    ).fetchone()
    told = connection.execute(
        "SELECT kind, balance_minor, at_us FROM stored_value_told WHERE number = ? AND at_us >= ?",
        (number, now_us - FRESH_US),
    ).fetchone()
    if here is None and told is None:
        return None
    kind, balance, issued_here = here or (told[0], 0, 0)
    said = None
    if told is not None:
        moved = connection.execute(_SPENT_SINCE, (number, told[2])).fetchone()[0]
        said = int(told[1]) + int(moved)
    return Known(number, str(kind), int(balance), bool(issued_here), said)


def note_told(unit: EdgeUnit, number: str, kind: str, balance_minor: int, at_us: int) -> None:
    """Note what the hub says of a number."""
    unit.connection.execute(
        "INSERT OR REPLACE INTO stored_value_told (number, kind, balance_minor, at_us) VALUES (?, ?, ?, ?)",
        (number, kind, balance_minor, at_us),
    )


def listed(connection: Connection, *, limit: int) -> list[tuple[Known, int]]:
    """Return the numbers that moved last, with when."""
    rows = connection.execute(
        "SELECT number, kind, balance_minor, issued_here, changed_us FROM stored_value"
        " ORDER BY changed_us DESC, number LIMIT ?",
        (limit,),
    )
    return [(Known(row[0], row[1], row[2], bool(row[3])), row[4]) for row in rows]


def exposure(connection: Connection) -> int:
    """Return how much was taken here from numbers of other stores, in minor units."""
    row = connection.execute(
        "SELECT coalesce(-sum(balance_minor), 0) FROM stored_value"
        " WHERE issued_here = 0 AND balance_minor < 0"
    ).fetchone()
    return int(row[0])


def moves_of(connection: Connection, number: str) -> list[MoveRow]:
    """Return what happened to a number here, newest first."""
    rows = connection.execute(
        "SELECT amount_minor, reference, at_us FROM stored_value_moves WHERE number = ?"
        " ORDER BY seq DESC, n LIMIT 100",
        (number,),
    )
    return [MoveRow(*row) for row in rows]


def on_order_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Stored value was spent."""
    body = recorded.body
    assert isinstance(body, OrderSold)
    _move(unit, recorded, body.number, body.tenders, -1)


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Stored value was given, or given back; a voided sale gives back what it took."""
    body = recorded.body
    assert isinstance(body, ReturnCompleted)
    _move(unit, recorded, body.number, body.refunds, 1)


def on_gift_card_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Somebody paid for a gift card."""
    body = recorded.body
    assert isinstance(body, GiftCardSold)
    card = Tender(kind=TenderKind.GIFT_CARD, amount_minor=body.amount_minor, reference=body.number)
    _move(unit, recorded, body.number, (card,), 1)


def _move(unit: EdgeUnit, recorded: Recorded, reference: str, tenders: Iterable[Tender], sign: int) -> None:
    for n, tender in enumerate(tenders):
        if tender.kind not in STORED_VALUE or not tender.amount_minor:
            continue
        amount = sign * tender.amount_minor
        unit.connection.execute(_MOVE, (recorded.seq, n, tender.reference, amount, reference, recorded.at_us))
        unit.connection.execute(
            _BALANCE, (tender.reference, tender.kind.value, amount, sign > 0, recorded.at_us)
        )
