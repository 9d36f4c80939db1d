"""The tables `movements`, `balances` and `rights`. Movements are the only writer of balances.

Every function that begins with `on_` is a reaction to an event and runs in its unit of work; the first
thing each does is to say which movements the fact means (`protocol.movements`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.stock.rules import OnHand
from protocol.events import OrderSold, OrderVoided, ReturnCompleted, StockMoved
from protocol.kit.sqlite import Connection
from protocol.movements import (
    Bucket,
    Movement,
    deltas,
    goods,
    return_movements,
    sale_movements,
    void_movements,
)
from protocol.orders import LineKind
from protocol.rights import EdgeCells

SKUS_AT_ONCE: Final = 30
"""Few enough that the statements of ordinary sales stay prepared."""
BUCKETS: Final = {bucket.value: bucket for bucket in Bucket}


@dataclass(frozen=True, slots=True)
class Why:
    """One movement with the event it belongs to: why a number changed."""

    seq: int
    at_us: int
    kind: str
    from_bucket: str
    to_bucket: str
    quantity: int
    reason: str


def on_order_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods leave with the customer."""
    assert isinstance(recorded.body, OrderSold)
    lines = goods((line.kind, line.sku, line.quantity) for line in recorded.body.lines)
    apply(unit, recorded.seq, sale_movements(lines))


def on_order_voided(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods of a voided sale never left."""
    assert isinstance(recorded.body, OrderVoided)
    lines = goods((line.kind, line.sku, line.quantity) for line in recorded.body.lines)
    apply(unit, recorded.seq, void_movements(lines))


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods come back, each into the bucket that was decided for it."""
    assert isinstance(recorded.body, ReturnCompleted)
    lines = [
        (line.sku, line.quantity, Bucket(line.to_bucket))
        for line in recorded.body.lines
        if line.kind is LineKind.GOODS
    ]
    apply(unit, recorded.seq, return_movements(lines))


def on_stock_moved(unit: EdgeUnit, recorded: Recorded) -> None:
    """Stock was opened, received or corrected."""
    body = recorded.body
    assert isinstance(body, StockMoved)
    moves = [
        Movement(line.sku, Bucket(line.from_bucket), Bucket(line.to_bucket), line.quantity, body.reason)
        for line in body.lines
    ]
    apply(unit, recorded.seq, moves)


def apply(unit: EdgeUnit, seq: int, moves: Sequence[Movement]) -> None:
    """Write the movements of an event and what they do to the balances."""
    unit.connection.executemany(
        "INSERT INTO movements (seq, n, sku, from_bucket, to_bucket, quantity, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (seq, n, move.sku, move.from_bucket.value, move.to_bucket.value, move.quantity, move.reason)
            for n, move in enumerate(moves, start=1)
        ],
    )
    unit.connection.executemany(
        "INSERT INTO balances (sku, bucket, quantity) VALUES (?, ?, ?)"
        " ON CONFLICT (sku, bucket) DO UPDATE SET quantity = quantity + excluded.quantity",
        [(sku, bucket.value, change) for (sku, bucket), change in deltas(moves).items()],
    )


def on_hand(connection: Connection, sku: str) -> OnHand:
    """Return what is here of one SKU; nothing is known of it means there is none."""
    return on_hand_of(connection, (sku,))[sku]


def on_hand_of(connection: Connection, skus: Iterable[str]) -> dict[str, OnHand]:
    """Return what is here of several SKUs."""
    wanted = tuple(dict.fromkeys(skus))
    buckets: dict[str, dict[Bucket, int]] = {sku: {} for sku in wanted}
    lent: dict[str, tuple[EdgeCells, int, int]] = {}
    for at in range(0, len(wanted), SKUS_AT_ONCE):
        some = wanted[at : at + SKUS_AT_ONCE]
        marks = ",".join("?" * len(some))
        for sku, bucket, quantity in connection.execute(
            f"SELECT sku, bucket, quantity FROM balances WHERE sku IN ({marks})", some
        ):
            buckets[sku][BUCKETS[bucket]] = quantity
        for sku, granted, finished, returned_seen, hub_picked in connection.execute(
            "SELECT sku, granted, finished - finished_base, returned_seen, hub_picked FROM rights"
            f" WHERE sku IN ({marks})",
            some,
        ):
            lent[sku] = (EdgeCells(granted, finished), returned_seen, hub_picked)
    nothing = (EdgeCells(), 0, 0)
    return {sku: OnHand(sku, buckets[sku], *lent.get(sku, nothing)) for sku in wanted}


def lent_and_promised(connection: Connection, sku: str) -> int:
    """Return how many lent units of a SKU the hub has promised in assignments that are open here."""
    row = connection.execute(
        "SELECT coalesce((SELECT sum(lent) FROM assignment_lines WHERE sku = ?1 AND lent + bound > 0), 0)"
        " + coalesce((SELECT sum(lent) FROM transfer_lines WHERE sku = ?1 AND lent > 0), 0)",
        (sku,),
    ).fetchone()
    return int(row[0])


def why(connection: Connection, sku: str, limit: int = 20) -> tuple[Why, ...]:
    """Return the last movements of a SKU, the newest first."""
    rows = connection.execute(
        "SELECT m.seq, e.at_us, e.kind, m.from_bucket, m.to_bucket, m.quantity, m.reason"
        " FROM movements m JOIN events e USING (seq) WHERE m.sku = ? ORDER BY m.seq DESC, m.n DESC LIMIT ?",
        (sku, limit),
    )
    return tuple(Why(*row) for row in rows)


def known(connection: Connection, sku: str) -> bool:
    """Tell whether a SKU ever had stock here."""
    return connection.execute("SELECT 1 FROM balances WHERE sku = ?", (sku,)).fetchone() is not None


def skus_here(connection: Connection, limit: int, offset: int) -> tuple[str, ...]:
    """Return SKUs that ever had stock here, in order."""
    rows = connection.execute(
        "SELECT DISTINCT sku FROM balances ORDER BY sku LIMIT ? OFFSET ?", (limit, offset)
    )
    return tuple(row[0] for row in rows)
