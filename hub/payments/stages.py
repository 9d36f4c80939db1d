"""What a cancellation or a return owes goes back the way it came, as far as it was paid online.

It is ordered in the same transaction. The other half, money that is promised and not taken yet, is in
`promised`.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import Change, Lookup
from hub.payments import promised, rows
from hub.payments.rules import Back, Taken, share_back
from hub.spine.entries import Entry
from hub.spine.later_rows import payments
from hub.spine.orders import Orders
from hub.spine.steps import close_exception
from hub.spine.work import Applied, Work
from protocol import later
from protocol.events import ReturnCompleted

_QUEUE: Final = Change(sa.insert(rows.gateway_commands))
_PAID: Final = Lookup(
    sa.select(payments).where(payments.c.order_id == sa.bindparam("of")).order_by(payments.c.apply_order)
)


def on_order_cancelled(work: Work, applied: Applied) -> None:
    """Queue what is owed back, as far as it was paid online; stands after the ledger."""
    body: later.OrderCancelled = applied.body
    entry: Entry | None = applied.results["entry"]
    promised.let_go(work, entry)
    owed = int(applied.results["owed_minor"])
    if work.rebuilding or owed <= 0 or entry is None or entry.later is None:
        return
    work.room(Orders).flush()
    now_us = work.clock.now_us()
    for back in share_back(owed, _taken(work, body.order_id)):
        row = _row(work, body.order_id, body.number, back) | {"currency": entry.later.currency}
        _QUEUE.run(work.connection, **row, created_us=now_us, due_us=now_us)


def on_return_accepted(work: Work, applied: Applied) -> None:
    """Queue what a return is owed, as far as it was paid online; leaves the rest in `left_minor`."""
    body: ReturnCompleted = applied.body
    due = int(applied.results["due_minor"])
    entry = work.room(Orders).get(body.order_id)
    applied.results["left_minor"] = due
    if work.rebuilding or due <= 0 or entry is None or entry.later is None:
        return
    work.room(Orders).flush()
    now_us = work.clock.now_us()
    for back in share_back(due, _taken(work, body.order_id)):
        applied.results["left_minor"] -= back.amount_minor
        row = _row(work, body.order_id, body.order_number, back) | {"currency": body.currency}
        _QUEUE.run(work.connection, **row, created_us=now_us, due_us=now_us)


def _row(work: Work, order_id: str, number: str, back: Back) -> dict[str, object]:
    return {
        "command_id": work.ids.new_id(),
        "order_id": order_id,
        "number": number,
        "kind": "refund",
        "gateway": back.gateway,
        "amount_minor": back.amount_minor,
        "payment_reference": back.reference,
        "state": "queued",
        "tries": 0,
        "reference": "",
        "detail": "",
    }


def _taken(work: Work, order_id: str) -> list[Taken]:
    """Return what came in online, with what has gone back or is about to; by payment, the oldest first."""
    connection = work.connection
    paid = _PAID.all(connection, of=order_id)
    back: dict[str, int] = {}
    commands = rows.of_order(connection, order_id)
    known = {command.command_id for command in commands}
    for command in commands:
        back[command.gateway] = back.get(command.gateway, 0) + command.amount_minor
    for row in paid:
        if row.direction == "out" and row.via == "online" and row.payment_id not in known:
            back[row.gateway] = back.get(row.gateway, 0) + row.amount_minor
    found = []
    for row in paid:
        if row.direction == "in" and row.via == "online":
            given = min(back.get(row.gateway, 0), row.amount_minor)
            back[row.gateway] = back.get(row.gateway, 0) - given
            found.append(Taken(row.gateway, row.reference, row.amount_minor, given))
    return found


def on_refunded_online(work: Work, applied: Applied) -> None:
    """A refund that happened settles its command, whoever carried it out."""
    body: later.OrderRefundedOnline = applied.body
    if work.rebuilding:
        return
    rows.change(
        work.connection,
        body.refund_id,
        state="done",
        reference=body.reference,
        detail="",
        settled_us=applied.at_us,
    )
    for kind in ("refund_to_make", "refund_failed"):
        close_exception(work, f"{kind}:{body.refund_id}", how="The money went back", by=applied.by)
