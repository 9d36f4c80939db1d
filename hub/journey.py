"""Which stage does what after which event: one table. Read this first.

The stages of a kind run in the order given, in the memory of one batch; the rooms then write in the order
given, entries before the journals that seal them. Stock stands before the order because a sale's line keeps
the cost that stock works out, and the ledger last because it needs all of it. No stage decides whether an
event happened; it has.
"""

from typing import Final

from hub.capture import stages as capture
from hub.catalog import stages as catalog
from hub.exceptions import stages as exceptions
from hub.ledger import stages as ledger
from hub.returns import stages as returns
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.places import Places
from hub.spine.work import Journey
from hub.stock import stages as stock
from hub.till import stages as till

JOURNEY: Final = Journey(
    stages={
        "order.sold": (
            stock.on_order_sold,
            capture.on_order_sold,
            capture.check_number,
            ledger.on_order_sold,
        ),
        "order.voided": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            ledger.on_order_voided,
        ),
        "return.completed": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            ledger.on_return_completed,
        ),
        "stock.moved": (stock.on_stock_moved, ledger.on_stock_moved),
        "till.opened": (till.on_till_opened, ledger.on_till_opened),
        "till.drawer_opened": (),
        "till.counted": (till.on_till_counted,),
        "till.closed": (till.on_till_closed, ledger.on_till_closed),
        "catalog.applied": (catalog.on_catalog_applied,),
        "exception.raised": (exceptions.on_raised,),
        "exception.closed": (exceptions.on_closed,),
        "person.locked_out": (),
    },
    rooms=(Places, Log, Orders, stock.Shelves, ledger.Books),
)
