"""A sale at a counter becomes an order."""

from dataclasses import asdict

from hub.capture.rules import differences
from hub.spine.orders import Orders
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from protocol.envelope import decode_event, read_body
from protocol.events import OrderSold, ReturnCompleted


def on_order_sold(work: Work, applied: Applied) -> None:
    """Write the order with what its lines cost, and say so when its money does not add up."""
    body: OrderSold = applied.body
    book = work.room(Orders)
    entry = book.add(applied, applied.results.get("costs", {}))
    earlier = book.earlier_returns(body.order_id)
    for data in earlier:
        back = read_body(decode_event(data))
        assert isinstance(back, ReturnCompleted)
        book.change(entry, back, applied.apply_order)
    odd = differences(body)
    if odd:
        raise_exception(
            work,
            kind="money_difference",
            subject=f"order:{body.order_id}",
            title=f"The sale {body.number} does not add up",
            facts={"number": body.number, "differences": [asdict(each) for each in odd[:20]]},
            owner_role="finance",
            dedupe_key=f"money:{body.order_id}",
        )
    work.topics.update(("orders", "overview"))


def check_number(work: Work, applied: Applied) -> None:
    """Say so when a number was printed twice; both orders stand."""
    body: OrderSold = applied.body
    if work.room(Orders).number_taken(body.number, body.order_id):
        raise_exception(
            work,
            kind="duplicate_number",
            subject=f"order:{body.order_id}",
            title=f"The order number {body.number} was used twice",
            facts={"number": body.number, "order_id": body.order_id, "location": applied.edge},
            owner_role="ops",
            dedupe_key=f"number:{body.number}",
        )
