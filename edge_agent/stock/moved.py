"""The movements of counts, adjustments and receipts: what each fact means for the balances."""

from collections.abc import Sequence

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.stock.rows import apply
from protocol import stock
from protocol.movements import Movement
from protocol.orders import WireModel


def on_moved(unit: EdgeUnit, recorded: Recorded) -> None:
    """Write the movements of a fact."""
    apply(unit, recorded.seq, moves_of(recorded.body))


def moves_of(body: WireModel) -> Sequence[Movement]:
    """Return what a fact of this room moves."""
    match body:
        case stock.CountPosted():
            return stock.count_movements(body.lines, body.place)
        case stock.CountUndone():
            return stock.count_movements(body.lines, body.place, undone=True)
        case stock.StockAdjusted():
            return stock.adjusted_movements(body)
        case stock.DeliveryReceived():
            return stock.received_movements(body.lines)
        case stock.ReceiptCorrected():
            return stock.corrected_movements(body.lines)
    return ()
