"""Which room does what after which event: one table. Read this first.

The functions run in the order given, inside the unit of work that records the event: stock before orders
before paper, so that a receipt can only be queued for what is written. None of them decides anything; they
write down what the fact means. That is why the tables can be made anew from the log (`edge_agent.rebuild`).
"""

from collections.abc import Mapping

from edge_agent.counter import rows as counter
from edge_agent.exceptions import rows as exceptions
from edge_agent.journal import Reaction
from edge_agent.paper import steps as paper
from edge_agent.returns import rows as returns
from edge_agent.stock import rows as stock
from edge_agent.till import rows as till

Journey = Mapping[str, tuple[Reaction, ...]]


def reactions() -> Journey:
    """Return the table: event kind -> what happens, in order."""
    return {
        "order.sold": (stock.on_order_sold, counter.on_order_sold, till.on_order_sold, paper.on_order_sold),
        "order.voided": (
            stock.on_order_voided,
            returns.on_order_voided,
            till.on_order_voided,
            paper.on_order_voided,
        ),
        "return.completed": (
            stock.on_return_completed,
            returns.on_return_completed,
            till.on_return_completed,
            paper.on_return_completed,
        ),
        "stock.moved": (stock.on_stock_moved,),
        "till.opened": (till.on_till_opened,),
        "till.drawer_opened": (till.on_till_drawer_opened, paper.on_till_drawer_opened),
        "till.counted": (till.on_till_counted,),
        "till.closed": (till.on_till_closed, paper.on_till_closed),
        "catalog.applied": (),
        "exception.raised": (exceptions.on_exception_raised,),
        "exception.closed": (exceptions.on_exception_closed,),
        "person.locked_out": (),
    }
