"""Orders as they come in, and what was asked about them since: what capture does after an event."""

from dataclasses import asdict
from typing import Final

from hub.capture import asking
from hub.capture.rules import differences
from hub.spine.orders import Orders
from hub.spine.steps import raise_exception, record
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol import later
from protocol.envelope import decode_event, read_body
from protocol.events import OrderSold, ReturnCompleted

PAID: Final = "paid"
"""In `results` of an order that the hub captures: the money that came with it, as it will be recorded."""
PAYER: Final = "payer"
"""In `results`, too: who paid, where the channel says so; for the checks, and kept nowhere."""
EXCHANGED: Final = "exchanged"
"""In `results`, too: what goods that come back pay of it, as it will be recorded."""
SHOWN: Final = 20


def on_order_sold(work: Work, applied: Applied) -> None:
    """Write the order with what its lines cost, and say so when its money does not add up."""
    body: OrderSold = applied.body
    book = work.room(Orders)
    entry = book.add(applied, applied.results.get("costs", {}))
    came_back = applied.results["came_back"] = []
    for data in book.earlier_returns(body.order_id):
        back = read_body(decode_event(data))
        assert isinstance(back, ReturnCompleted)
        came_back.append((back, book.change(entry, back, applied.apply_order)))
    _check_money(work, body, f"The sale {body.number} does not add up")
    work.topics.update(("orders", "overview"))


def on_order_placed(work: Work, applied: Applied) -> None:
    """Write an order for later; the first of its stages.

    Money that came with an order of the hub is recorded here, so that it counts before the order is routed:
    whoever is to fulfil it must be told what is still to be paid.
    """
    body: later.OrderPlaced = applied.body
    work.room(Orders).place(applied)
    if applied.edge != HUB_EDGE:
        _check_money(work, body, f"The order {body.number} does not add up")
    for name in (EXCHANGED, PAID):
        paid = applied.results.get(name)
        if paid is not None:
            record(work, paid, by=applied.by)
    work.topics.update(("orders", "overview"))


def on_order_changed(work: Work, applied: Applied) -> None:
    """Tell whoever holds a part of the order what changed; before the change is written on the record."""
    body: later.OrderChanged = applied.body
    if not work.rebuilding and not body.requested:
        asking.tell_holders(work, applied)


def on_assignment_settled(work: Work, applied: Applied) -> None:
    """Complete what was asked of a location once it has answered; before its units are routed anew.

    For `assignment.cancelled`, `.cancel_refused`, `.rejected`, `.withdrawn` and `.answered`.
    """
    if not work.rebuilding:
        asking.settle(work, applied)


def check_number(work: Work, applied: Applied) -> None:
    """Say so when a number was printed twice; both orders stand."""
    body: OrderSold | later.OrderPlaced = applied.body
    if work.room(Orders).number_taken(body.number, body.order_id):
        raise_exception(
            work,
            kind="duplicate_number",
            subject=f"order:{body.order_id}",
            title=f"The order number {body.number} was used twice",
            facts={"number": body.number, "order_id": body.order_id, "location": applied.edge},
            dedupe_key=f"number:{body.number}",
        )


def _check_money(work: Work, body: OrderSold | later.OrderPlaced, title: str) -> None:
    odd = differences(body)
    if odd:
        raise_exception(
            work,
            kind="money_difference",
            subject=f"order:{body.order_id}",
            title=title,
            facts={"number": body.number, "differences": [asdict(each) for each in odd[:SHOWN]]},
            dedupe_key=f"money:{body.order_id}",
        )
