"""Units come back to an order, or a sale is taken back whole."""

from collections.abc import Iterable
from typing import Final

from hub.spine.orders import Orders
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Applied, Work
from protocol.events import OrderVoided, ReturnCompleted
from protocol.fold import Oddity

_SENTENCES: Final = {
    Oddity.VOID_AFTER_RETURN: "{number} was voided after units of it had come back",
    Oddity.AFTER_VOID: "{number} was voided, and then something happened to it",
    Oddity.MORE_RETURNED_THAN_SOLD: "More units of {number} came back than were sold",
    Oddity.MORE_REFUNDED_THAN_PAID: "More money of {number} went back than was paid",
    Oddity.UNKNOWN_LINE: "A line came back to {number} that it never had",
}


def freeze_costs(work: Work, applied: Applied) -> None:
    """Note what each line that comes back cost at its sale; None where the sale is not known here."""
    body: ReturnCompleted = applied.body
    entry = work.room(Orders).get(body.order_id)
    applied.results["frozen"] = [
        entry.cost_back(line.line_no, line.quantity) if entry else None for line in body.lines
    ]
    # The ledger mirrors a sale only when nothing of it had come back before.
    applied.results["untouched"] = entry is not None and not entry.record.returned_units


def on_return_completed(work: Work, applied: Applied) -> None:
    """Write the return, change the order, and say so when it was out of order."""
    body: ReturnCompleted = applied.body
    book = work.room(Orders)
    book.add_return(applied)
    work.topics.update(("orders", "overview"))
    entry = book.get(body.order_id)
    if entry is None and body.order_id in {body.return_id, getattr(body, "authorisation_id", "")}:
        return  # without proof of purchase there is no order that it could belong to
    if entry is None:
        raise_exception(
            work,
            kind="return_without_order",
            subject=f"order:{body.order_id}",
            title=f"The return {body.number} belongs to an order that the hub does not have",
            facts={"number": body.number, "order_number": body.order_number, "location": applied.edge},
            dedupe_key=f"no_order:{body.return_id}",
        )
        return
    _say_oddities(work, body, book.change(entry, body, applied.apply_order), applied.edge)


def on_sale_heard(work: Work, applied: Applied) -> None:
    """A sale arrives after goods of it came back elsewhere: say what was wrong with that, close what was not.

    Stands behind the capture, which has changed the order by these returns.
    """
    for back, odd in applied.results.get("came_back", ()):
        close_exception(work, f"no_order:{back.return_id}", how="Its sale has arrived")
        _say_oddities(work, back, odd, applied.edge)


def _say_oddities(work: Work, body: ReturnCompleted, odd: Iterable[Oddity], edge: str) -> None:
    for oddity in odd:
        raise_exception(
            work,
            kind=oddity.value,
            subject=f"order:{body.order_id}",
            title=_SENTENCES[oddity].format(number=body.order_number),
            facts={
                "number": body.number,
                "order_number": body.order_number,
                "location": edge,
                "void": isinstance(body, OrderVoided),
            },
            dedupe_key=f"{oddity.value[:20]}:{body.order_id}",
        )
