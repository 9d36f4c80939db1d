"""What transfers do to the stock: the movements of each fact, and the cells that follow from it.

At the source it is as with an assignment: bound units are set aside, lent ones lie on the shelf until they
are picked, and F counts the lent ones that left or were not found. At the destination nothing was promised
before it arrived: units come from outside, and G grows by what is lent of them in the same transaction.
"""

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.stock.assigned import add_cells, give_up, take_off_shelf
from edge_agent.stock.rows import apply
from protocol import transfer_messages as said
from protocol.movements import (
    reserve_movements,
    transfer_close_movements,
    transfer_match_movements,
    transfer_receive_movements,
    transfer_ship_movements,
    transfer_undo_movements,
)


def on_accepted(unit: EdgeUnit, recorded: Recorded) -> None:
    """What the source sends of its own is set aside."""
    assert isinstance(recorded.body, said.TransferAccepted)
    lines = [(line.sku, line.bound) for line in recorded.body.lines]
    apply(unit, recorded.seq, reserve_movements(lines))


def on_picked(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods come off the shelf; a lent unit that was not there ends its right."""
    body = recorded.body
    assert isinstance(body, said.TransferPicked)
    take_off_shelf(unit, recorded.seq, body.lines, body.shorts)


def on_shipped(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods are on their way: no longer here, and not yet there."""
    body = recorded.body
    assert isinstance(body, said.TransferShipped)
    apply(unit, recorded.seq, transfer_ship_movements(body.lines))
    add_cells(unit, ((line.sku, line.lent, -line.lent) for line in body.lines))


def on_cancelled(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods go back to the shelf, and what was lent is the hub's again (K)."""
    body = recorded.body
    assert isinstance(body, said.TransferCancelled)
    give_up(unit, recorded.seq, body.lines)


def on_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Nothing of it is on its way any more."""
    assert isinstance(recorded.body, said.TransferClosed)
    apply(unit, recorded.seq, transfer_close_movements(recorded.body.lines))


def on_received(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods arrive: to the shelf, to their order, or broken; some of them are lent at once."""
    body = recorded.body
    assert isinstance(body, said.TransferReceived)
    apply(unit, recorded.seq, transfer_receive_movements(body.lines))
    _grant(unit, [(line.sku, line.granted) for line in body.lines])


def on_matched(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods that came unannounced turn out to be for an order, or to be lent."""
    body = recorded.body
    assert isinstance(body, said.ReceiptMatched)
    apply(unit, recorded.seq, transfer_match_movements(body.lines))
    _grant(unit, [(line.sku, line.granted) for line in body.lines])


def on_undone(unit: EdgeUnit, recorded: Recorded) -> None:
    """A receipt is taken back."""
    assert isinstance(recorded.body, said.ReceiptUndone)
    apply(unit, recorded.seq, transfer_undo_movements(recorded.body.lines))


def _grant(unit: EdgeUnit, lines: list[tuple[str, int]]) -> None:
    """Lend units to the hub: G grows here before the hub hears of it."""
    unit.connection.executemany(
        "INSERT INTO rights (sku, granted, version) VALUES (?, ?, 1) ON CONFLICT (sku)"
        " DO UPDATE SET granted = granted + excluded.granted, version = version + 1",
        [(sku, units) for sku, units in lines if units],
    )
