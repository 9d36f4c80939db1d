"""Goods of an order arrived from another location: its assignment here begins, or has more to give.

Everything that the assignment needs stands in the event itself (`orders`), so it follows from the log
alone. Its units are bound: the receipt set them aside in the same transaction.
"""

from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from protocol.lifecycles import AssignmentState
from protocol.transfer_messages import ReceiptMatched, TransferReceived
from protocol.transfers import OrderComing


def on_goods_arrived(unit: EdgeUnit, recorded: Recorded) -> None:
    """Units that came for an order become part of its assignment."""
    body = recorded.body
    assert isinstance(body, TransferReceived | ReceiptMatched)
    orders = {each.assignment_id: each for each in body.orders}
    for line in body.lines:
        if not line.bound:
            continue
        if line.assignment_id in orders:
            _insert(unit, orders[line.assignment_id], recorded.at_us)
        unit.connection.execute(
            "INSERT INTO assignment_lines (assignment_id, line_no, sku, name, quantity, substitutes, lent,"
            " bound) VALUES (?, ?, ?, ?, ?, 0, 0, ?) ON CONFLICT (assignment_id, line_no) DO UPDATE SET"
            " quantity = quantity + excluded.quantity, bound = bound + excluded.bound",
            (line.assignment_id, line.order_line_no, line.sku, line.name, line.bound, line.bound),
        )


def _insert(unit: EdgeUnit, order: OrderComing, at_us: int) -> None:
    promise = order.promise
    unit.connection.execute(
        "INSERT INTO assignments (assignment_id, order_id, number, origin, channel, currency, kind, state,"
        " promise, due_us, keep_until_us, service, contact_id, pickup_code, note, gift, due_minor,"
        " arrived_us) VALUES (?, ?, ?, 'hub', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (assignment_id) DO NOTHING",
        (
            order.assignment_id,
            order.order_id,
            order.number,
            order.channel,
            order.currency,
            promise.kind.value,
            AssignmentState.ACKNOWLEDGED.value,
            promise.model_dump_json(),
            promise.due_us,
            promise.keep_until_us,
            promise.service,
            order.contact_id,
            order.pickup_code,
            order.note,
            int(order.gift),
            order.due_minor,
            at_us,
        ),
    )
