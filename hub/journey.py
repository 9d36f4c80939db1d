"""Which stage does what after which event: one table. Read this first.

The stages of a kind run in the order given, in the memory of one batch; the rooms then write in the order
given, entries before the journals that seal them. Stock stands before the order because a sale's line keeps
the cost that stock works out, and the ledger last because it needs all of it. No stage decides whether an
event happened; it has.

What happens to an order for later is first written on its record (`record.advance`); what was asked about it
is settled before fulfilment and routing look at what came back, and routing stands last, because what it
decides is an event of its own.
"""

from typing import Final

from hub.capture import stages as capture
from hub.catalog import stages as catalog
from hub.checks import again
from hub.checks import stages as checks
from hub.commissions import stages as commissions
from hub.exceptions import stages as exceptions
from hub.fulfil import elsewhere
from hub.fulfil import stages as fulfil
from hub.fulfil.room import Assignments
from hub.holds import restored
from hub.holds import stages as holds
from hub.ledger import commission_stages as commission_ledger
from hub.ledger import desk_stages as desk
from hub.ledger import later_stages as later_ledger
from hub.ledger import payment_stages as payment_ledger
from hub.ledger import returns_stages as returns_ledger
from hub.ledger import stages as ledger
from hub.ledger import stock_stages as stock_ledger
from hub.ledger import transfer_stages as transfer_ledger
from hub.ledger.between import stages as between
from hub.notify import stages as notify
from hub.payments import promised
from hub.payments import stages as payments
from hub.returns import judging, serials
from hub.returns import mail_in_stages as mail_in
from hub.returns import stages as returns
from hub.route import arriving
from hub.route import stages as route
from hub.spine import stages as record
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.places import Places
from hub.spine.work import Journey
from hub.stock import decided as stock_decided
from hub.stock import moved as stock_moved
from hub.stock import stages as stock
from hub.stock import task_stages as stock_tasks
from hub.stored_value import stages as stored_value
from hub.till import audit_stages
from hub.till import stages as till
from hub.transfers import orders as for_orders
from hub.transfers import stages as transfers
from hub.transfers.room import Transfers

_GAVE_NOTHING_BACK: Final = (
    fulfil.tell_apart,
    record.advance,
    capture.on_assignment_settled,
    fulfil.on_fact,
    route.re_route,
)
"""Whoever was offered an assignment never had it, so nothing moves but rights; or they have it."""
_GAVE_UP: Final = (
    fulfil.tell_apart,
    record.advance,
    stock.on_assignment_given_up,
    capture.on_assignment_settled,
    fulfil.on_fact,
    later_ledger.on_assignment_given_up,
    route.re_route,
)
_LEFT: Final = (
    record.advance,
    stock.on_goods_left,
    record.on_left,
    fulfil.on_fact,
    later_ledger.on_goods_left,
    commissions.on_goods_left,
    commission_ledger.on_commissions,
    promised.on_goods_picked,
    elsewhere.tell_taker,
    holds.on_left,
)
_REFUNDED: Final = (
    record.advance, record.on_paid, later_ledger.on_refunded, fulfil.on_money, elsewhere.tell_taker,
)  # fmt: skip
_PAID: Final = (
    record.advance,
    record.on_paid,
    later_ledger.on_paid,
    fulfil.on_money,
    elsewhere.tell_taker,
)
_ACCEPTED: Final = (
    commissions.on_money_back,
    returns_ledger.on_return_accepted,
    commission_ledger.on_commissions,
    payments.on_return_accepted,
    mail_in.give_credit,
)
"""What is owed for goods that came by parcel: posted, sent back the way it was paid, the rest credited."""
_PROMISED: Final = {
    "payment.authorised": (promised.on_authorised, again.on_money),
    "payment.ended": (promised.on_ended, again.on_promise_ended),
    "card.cleared": (promised.on_card_cleared, again.on_card_cleared),
    "card.declined_late": (promised.on_card_declined_late, payment_ledger.on_card_declined_late),
    "card.made_good": (promised.on_card_made_good, payment_ledger.on_card_made_good),
}
_TRANSFER: Final = (transfers.take, transfers.move, transfer_ledger.on_transfer, transfers.follow)
"""Either store may be heard first, so every fact leads to the same: what is known now, and its worth."""

JOURNEY: Final = Journey(
    stages={
        "order.sold": (
            stock.on_order_sold,
            capture.on_order_sold,
            capture.check_number,
            returns.on_sale_heard,
            serials.on_order_sold,
            stored_value.on_order_sold,
            commissions.on_order_sold,
            ledger.on_order_sold,
            commission_ledger.on_commissions,
            promised.on_order_sold,
        ),
        "order.voided": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            serials.on_return_completed,
            stored_value.on_return_completed,
            commissions.on_money_back,
            ledger.on_order_voided,
            commission_ledger.on_commissions,
            payment_ledger.on_order_voided,
            promised.on_order_voided,
        ),
        "return.completed": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            serials.on_return_completed,
            judging.on_return_completed,
            stored_value.on_return_completed,
            commissions.on_money_back,
            ledger.on_return_completed,
            returns_ledger.on_return_completed,
            commission_ledger.on_commissions,
            promised.on_return_completed,
        ),
        "return.authorised": (mail_in.on_authorised, notify.on_return),
        "return.expectation_changed": (mail_in.on_changed,),
        "return.arrived": (mail_in.on_arrived, notify.on_return),
        "return.inspected": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            serials.on_return_completed,
            mail_in.on_inspected,
            judging.on_return_completed,
            *_ACCEPTED,
            notify.on_return,
        ),
        "return.advanced": (
            returns.freeze_costs,
            stock.on_return_completed,
            returns.on_return_completed,
            serials.on_return_completed,
            mail_in.on_advanced,
            *_ACCEPTED,
            notify.on_return,
        ),
        "return.credited": (
            mail_in.on_credited,
            stored_value.on_return_credited,
            returns_ledger.on_return_credited,
        ),
        "gift_card.sold": (stored_value.on_gift_card_sold, returns_ledger.on_gift_card_sold),
        "goods.decided": (stock_decided.on_goods_decided, returns_ledger.on_goods_decided),
        "stock.moved": (stock.on_stock_moved, ledger.on_stock_moved),
        "stock.adjusted": (stock_moved.on_moved, stock_ledger.on_stock_adjusted),
        "stock.task_answered": (stock_tasks.on_task_answered,),
        "count.requested": (stock_tasks.on_count_requested,),
        "count.opened": (stock_tasks.on_count_opened,),
        "count.confirmed": (stock_tasks.on_count_confirmed,),
        "count.posted": (stock_moved.on_moved, stock_tasks.on_count_posted, stock_ledger.on_count_posted),
        "count.undone": (stock_moved.on_moved, stock_tasks.on_count_undone, stock_ledger.on_count_undone),
        "count.cancelled": (stock_tasks.on_count_cancelled,),
        "delivery.announced": (stock_tasks.on_delivery_announced,),
        "delivery.expected": (stock_tasks.on_delivery_expected,),
        "delivery.cancelled": (stock_tasks.on_delivery_cancelled,),
        "delivery.received": (
            stock_moved.on_moved,
            stock_tasks.on_delivery_received,
            stock_ledger.on_delivery_received,
        ),
        "receipt.corrected": (
            stock_moved.on_moved,
            stock_tasks.on_receipt_corrected,
            stock_ledger.on_receipt_corrected,
        ),
        "audit.rules_changed": (audit_stages.on_rules_changed,),
        "audit.decided": (audit_stages.on_decided,),
        "till.opened": (till.on_till_opened, ledger.on_till_opened),
        "till.drawer_opened": (),
        "till.cash_moved": (till.on_cash_moved, returns_ledger.on_cash_moved),
        "till.counted": (till.on_till_counted,),
        "till.closed": (till.on_till_closed, ledger.on_till_closed),
        "order.placed": (
            capture.on_order_placed,
            capture.check_number,
            record.on_order_placed,
            stock.on_order_placed,
            fulfil.on_order_placed,
            later_ledger.on_order_placed,
            commissions.on_order_placed,
            commission_ledger.on_commissions,
            elsewhere.on_order_placed,
            checks.on_order_placed,
            restored.on_order_placed,
            notify.on_order_placed,
            promised.on_order_placed,
            route.on_order_placed,
        ),
        "order.paid": (*_PAID, promised.on_paid, again.on_money),
        "order.paid_online": (*_PAID, promised.on_paid_online, again.on_money),
        **_PROMISED,
        "order.cancelled": (
            record.advance,
            later_ledger.on_order_cancelled,
            payments.on_order_cancelled,
            fulfil.on_order_cancelled,
            elsewhere.tell_taker,
            elsewhere.compare,
            route.on_order_cancelled,
            notify.on_cancelled,
            holds.on_order_cancelled,
        ),
        "order.lines_added": (
            record.advance,
            record.on_lines_added,
            later_ledger.on_lines_added,
            fulfil.on_money,
            elsewhere.tell_taker,
            again.on_lines_added,
            route.on_lines_added,
            notify.on_lines_added,
        ),
        "order.refunded": _REFUNDED,
        "order.refunded_online": (
            record.advance,
            record.on_paid,
            later_ledger.on_refunded,
            payments.on_refunded_online,
            fulfil.on_money,
            elsewhere.tell_taker,
        ),
        "order.changed": (
            capture.on_order_changed,
            record.advance,
            record.on_changed,
            fulfil.on_order_changed,
            route.on_order_changed,
        ),
        "order.routed": (
            record.advance,
            holds.on_order_routed,
            fulfil.on_order_routed,
            for_orders.on_order_routed,
        ),
        "order.unroutable": (record.advance, fulfil.on_order_unroutable),
        "order.waits": (record.advance, fulfil.on_order_waits),
        "assignment.answered": _GAVE_NOTHING_BACK,
        "assignment.withdrawn": _GAVE_NOTHING_BACK,
        "assignment.written_off": (
            record.advance,
            capture.on_assignment_settled,
            fulfil.on_written_off,
            route.re_route,
        ),
        "assignment.cancel_requested": (record.advance, fulfil.on_cancel_requested),
        "assignment.change_requested": (
            record.advance,
            route.on_change_requested,
            fulfil.on_change_requested,
        ),
        "assignment.change_refused": (
            fulfil.tell_apart,
            record.advance,
            capture.on_assignment_settled,
            fulfil.on_fact,
            route.re_route,
        ),
        "assignment.changed": (
            record.advance,
            stock.on_assignment_changed,
            capture.on_assignment_settled,
            fulfil.on_fact,
            later_ledger.on_assignment_given_up,
            route.re_route,
        ),
        "assignment.accepted": (record.advance, fulfil.on_fact),
        "assignment.rejected": _GAVE_UP,
        "assignment.pick_started": (fulfil.tell_apart, record.advance, fulfil.on_fact),
        "assignment.picked": (
            fulfil.tell_apart,
            record.advance,
            stock.on_assignment_picked,
            fulfil.on_fact,
            later_ledger.on_assignment_picked,
            promised.on_goods_picked,
            route.re_route,
        ),
        "assignment.packed": (fulfil.tell_apart, record.advance, fulfil.on_fact),
        "assignment.staged": (fulfil.tell_apart, record.advance, fulfil.on_fact, notify.on_staged),
        "assignment.shipped": (*_LEFT, notify.on_shipped),
        "assignment.handed_over": _LEFT,
        "assignment.handover_undone": (
            record.advance,
            record.take_back,
            stock.on_handover_undone,
            record.on_taken_back,
            fulfil.on_fact,
            later_ledger.on_handover_undone,
            commissions.on_handover_undone,
            commission_ledger.on_commissions,
            elsewhere.tell_taker,
        ),
        "assignment.cancelled": _GAVE_UP,
        "assignment.cancel_refused": (record.advance, capture.on_assignment_settled, fulfil.on_fact),
        "manifest.closed": (fulfil.on_manifest_closed,),
        "transfer.requested": _TRANSFER,
        "transfer.accepted": _TRANSFER,
        "transfer.rejected": _TRANSFER,
        "transfer.picked": _TRANSFER,
        "transfer.carton_packed": _TRANSFER,
        "transfer.carton_opened": _TRANSFER,
        "transfer.shipped": _TRANSFER,
        "transfer.cancelled": _TRANSFER,
        "transfer.cancel_asked": _TRANSFER,
        "transfer.received": _TRANSFER,
        "transfer.matched": _TRANSFER,
        "transfer.receipt_undone": _TRANSFER,
        "transfer.closed": _TRANSFER,
        "transfer.answered": _TRANSFER,
        "transfer.cancel_requested": _TRANSFER,
        "transfer.decided": _TRANSFER,
        "transfer.extended": _TRANSFER,
        "transfer.receipt_accepted": _TRANSFER,
        "catalog.applied": (catalog.on_catalog_applied,),
        "commission.plan_made": (commissions.on_plan_made,),
        "books.chart_changed": (desk.on_chart_changed,),
        "books.terms_set": (desk.on_terms_set,),
        "books.journal_made": (desk.on_journal_made,),
        "books.debts_netted": (desk.on_debts_netted,),
        "books.money_moved": (desk.on_money_moved,),
        "books.settlement_taken": (desk.on_settlement_taken,),
        "books.accruals_set": (desk.on_accruals_set,),
        "books.accrued": (desk.on_accrued,),
        "books.mapper_set": (desk.on_mapper_set,),
        "books.prices_set": (between.on_prices_set,),
        "books.period_moved": (desk.on_period_moved,),
        "books.period_signed": (desk.on_period_signed,),
        "books.gap_declared": (desk.on_gap_declared,),
        "hold.placed": (holds.on_placed, checks.on_hold_placed),
        "hold.released": (holds.on_ended, arriving.on_hold_ended, route.on_hold_ended),
        "hold.rejected": (holds.on_ended,),
        "hold.lapsed": (holds.on_ended, arriving.on_hold_ended, route.on_hold_ended),
        "exception.raised": (exceptions.on_raised,),
        "exception.closed": (exceptions.on_closed,),
        "exception.worked": (exceptions.on_worked,),
        "person.locked_out": (),
    },
    rooms=(Places, Log, Orders, Assignments, Transfers, stock.Shelves, ledger.Books),
)
