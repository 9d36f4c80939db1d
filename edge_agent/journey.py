"""Which room does what after which event: one table. Read this first.

The functions run in the order given, inside the unit of work that records the event: stock before orders
before paper, so that a receipt can only be queued for what is written. None of them decides anything; they
write down what the fact means. That is why the tables can be made anew from the log (`edge_agent.rebuild`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from edge_agent.checks import rows as checks
from edge_agent.context import Edge
from edge_agent.counter import rows as counter
from edge_agent.database import EdgeUnit
from edge_agent.exceptions import rows as exceptions
from edge_agent.exceptions import told
from edge_agent.fulfil.rows import arrived
from edge_agent.fulfil.rows import facts as fulfil
from edge_agent.fulfil.steps import inbox, promises
from edge_agent.holds import rows as holds
from edge_agent.journal import Reaction, Recorded
from edge_agent.later import elsewhere
from edge_agent.later import rows as later
from edge_agent.paper import steps as paper
from edge_agent.returns import deciding
from edge_agent.returns import mail_in_rows as parcels
from edge_agent.returns import rows as returns
from edge_agent.stock import adjusting, assigned, count_rows, delivery_rows, moved, transferred, watching
from edge_agent.stock import rows as stock
from edge_agent.stored_value import rows as stored_value
from edge_agent.till import rows as till
from edge_agent.transfers.rows import arrivals
from edge_agent.transfers.rows import facts as transfers

Journey = Mapping[str, tuple[Reaction, ...]]
Shadow = Callable[[EdgeUnit, Any, int], None]
"""(unit, body of the directive, when it arrived): what it wrote."""
Live = Callable[[EdgeUnit, Edge, Recorded], None]


def reactions() -> Journey:
    """Return the table: event kind -> what happens, in order."""
    return {
        "order.sold": (
            stock.on_order_sold,
            counter.on_order_sold,
            stored_value.on_order_sold,
            checks.on_paid,
            till.on_order_sold,
            paper.on_order_sold,
        ),
        "order.voided": (
            stock.on_order_voided,
            returns.on_order_voided,
            stored_value.on_return_completed,
            till.on_order_voided,
            paper.on_order_voided,
            checks.on_voided,
        ),
        "return.completed": (
            stock.on_return_completed,
            returns.on_return_completed,
            stored_value.on_return_completed,
            deciding.on_return_completed,
            till.on_return_completed,
            paper.on_return_completed,
        ),
        "return.arrived": (parcels.on_parcel_arrived,),
        "return.inspected": (
            stock.on_return_completed,
            returns.on_return_completed,
            deciding.on_return_completed,
            parcels.on_inspected,
            paper.on_return_completed,
        ),
        "gift_card.sold": (
            stored_value.on_gift_card_sold,
            till.on_gift_card_sold,
            paper.on_gift_card_sold,
        ),
        "goods.decided": (deciding.on_goods_decided,),
        "stock.moved": (stock.on_stock_moved,),
        **_stocktaking(),
        **_till(),
        "catalog.applied": (),
        "exception.raised": (exceptions.on_exception_raised,),
        "exception.closed": (exceptions.on_exception_closed,),
        "exception.worked": (exceptions.on_exception_worked,),
        "person.locked_out": (),
        **_later(),
        **_transfers(),
    }


def _later() -> Journey:
    """Return the rows of orders for later, and of the part of them that this store fulfils."""
    return {
        "order.placed": (
            assigned.on_order_placed,
            fulfil.on_order_placed,
            later.on_order_placed,
            elsewhere.on_order_placed,
        ),
        "order.paid": (
            fulfil.on_order_paid,
            later.on_order_paid,
            checks.on_paid,
            till.on_order_paid,
        ),
        "order.cancelled": (fulfil.on_order_cancelled, later.on_order_cancelled),
        "order.refunded": (fulfil.on_order_refunded, later.on_order_refunded, till.on_order_refunded),
        "order.changed": (fulfil.on_order_changed, later.on_order_changed),
        "assignment.accepted": (fulfil.on_accepted, later.on_moved),
        "assignment.rejected": (assigned.on_given_up, fulfil.on_rejected, later.on_moved),
        "assignment.pick_started": (fulfil.on_pick_started, later.on_moved),
        "assignment.picked": (assigned.on_picked, fulfil.on_picked, later.on_moved),
        "assignment.packed": (fulfil.on_packed, later.on_moved),
        "assignment.staged": (fulfil.on_staged, later.on_moved),
        "assignment.shipped": (assigned.on_shipped, fulfil.on_shipped, later.on_moved),
        "assignment.handed_over": (assigned.on_handed_over, fulfil.on_handed_over, later.on_moved),
        "assignment.handover_undone": (
            assigned.on_handover_undone,
            fulfil.on_handover_undone,
            later.on_moved,
        ),
        "assignment.changed": (assigned.on_changed, fulfil.on_changed, later.on_moved),
        "assignment.cancelled": (assigned.on_given_up, fulfil.on_cancelled, later.on_moved),
        "assignment.cancel_refused": (fulfil.on_cancel_refused, later.on_moved),
        "manifest.closed": (fulfil.on_manifest_closed,),
        "hold.placed": (holds.on_hold_placed,),
    }


def _till() -> Journey:
    """Return the rows of a till's day."""
    return {
        "till.opened": (till.on_till_opened,),
        "till.drawer_opened": (till.on_till_drawer_opened, paper.on_till_drawer_opened),
        "till.cash_moved": (till.on_till_cash_moved, paper.on_till_cash_moved),
        "till.counted": (till.on_till_counted,),
        "till.closed": (till.on_till_closed, paper.on_till_closed),
    }


def _transfers() -> Journey:
    """Return the rows of goods on their way between locations."""
    return {
        "transfer.requested": (transfers.on_requested,),
        "transfer.accepted": (transferred.on_accepted, transfers.on_accepted),
        "transfer.rejected": (transfers.on_rejected,),
        "transfer.picked": (transferred.on_picked, transfers.on_picked),
        "transfer.carton_packed": (transfers.on_carton_packed,),
        "transfer.carton_opened": (transfers.on_carton_opened,),
        "transfer.shipped": (transferred.on_shipped, transfers.on_shipped),
        "transfer.cancelled": (transferred.on_cancelled, transfers.on_cancelled),
        "transfer.cancel_asked": (transfers.on_cancel_asked,),
        "transfer.received": (
            transferred.on_received,
            arrived.on_goods_arrived,
            arrivals.on_cartons_received,
            arrivals.on_received,
        ),
        "transfer.matched": (transferred.on_matched, arrived.on_goods_arrived, arrivals.on_matched),
        "transfer.receipt_undone": (
            transferred.on_undone,
            arrivals.on_cartons_undone,
            arrivals.on_undone,
        ),
        "transfer.closed": (transferred.on_closed, transfers.on_closed),
    }


def _stocktaking() -> Journey:
    """Return the rows of counts, adjustments and deliveries."""
    return {
        "stock.adjusted": (moved.on_moved, adjusting.on_stock_adjusted),
        "count.opened": (count_rows.on_count_opened,),
        "count.confirmed": (count_rows.on_count_confirmed,),
        "count.posted": (moved.on_moved, count_rows.on_count_posted),
        "count.undone": (moved.on_moved, count_rows.on_count_undone),
        "count.cancelled": (count_rows.on_count_cancelled,),
        "delivery.expected": (delivery_rows.on_delivery_expected,),
        "delivery.cancelled": (delivery_rows.on_delivery_cancelled,),
        "delivery.received": (moved.on_moved, delivery_rows.on_delivery_received),
        "receipt.corrected": (moved.on_moved, delivery_rows.on_receipt_corrected),
    }


def directive_shadows() -> Mapping[str, Shadow]:
    """Return what a directive that was applied writes into tables, beside the events it led to."""
    return {
        "assignment.offer": fulfil.take_offer,
        "assignment.cancel": fulfil.take_cancel,
        "assignment.amend": fulfil.take_amend,
        "order.elsewhere": elsewhere.take,
        "order.settled": later.take_settled,
        "order.holds": holds.take,
        "return.expect": parcels.take_expect,
        "return.unexpect": parcels.take_unexpect,
        "card.told": checks.take_card,
        "exception.told": told.take,
        "exception.noted": told.take_note,
        "transfer.request": transfers.take_request,
        "transfer.expect": arrivals.take_expect,
        "transfer.settled": transfers.take_settled,
        "transfer.told": transfers.take_told,
    }


def live(edge: Edge) -> Journey:
    """Return the table of a store that is open: after the shadows, what only a running store does.

    These queue paper that needs a number, and raise what needs a person; both follow from a fact once, when
    it happens. While tables are made anew they are left out: their own events are in the log already.
    """

    def also(reaction: Live) -> Reaction:
        return partial(_live, reaction, edge)

    after = {
        "order.placed": also(inbox.on_order_placed),
        "order.sold": also(promises.on_order_sold),
        "order.voided": also(promises.on_goods_back),
        "return.completed": also(promises.on_goods_back),
        "return.inspected": also(promises.on_goods_back),
        "goods.decided": also(promises.on_goods_back),
        "stock.moved": also(promises.on_stock_moved),
        "transfer.received": also(inbox.on_goods_arrived),
        "transfer.matched": also(inbox.on_goods_arrived),
        "exception.raised": also(watching.on_exception_raised),
        "exception.closed": also(promises.on_exception_closed),
        "stock.adjusted": also(watching.on_corrected),
        "count.posted": also(watching.on_count_posted),
        "count.undone": also(watching.on_corrected),
        "delivery.received": also(watching.on_corrected),
        "receipt.corrected": also(watching.on_corrected),
    }
    return {
        kind: (*written, after[kind]) if kind in after else written for kind, written in reactions().items()
    }


def _live(reaction: Live, edge: Edge, unit: EdgeUnit, recorded: Recorded) -> None:
    reaction(unit, edge, recorded)
