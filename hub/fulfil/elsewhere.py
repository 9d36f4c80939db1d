"""What the store that took an order is told of everything that others have recorded about it.

The store keeps its own account of the order's money, because its tills work in the dark. So it is told
whenever something happens that it has not recorded itself, and each time in totals from the beginning
(`protocol.elsewhere`): counted anew from the log, so nothing has to be kept here, and a message that is lost,
late or repeated does no harm.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import sqlalchemy as sa

from hub.fulfil.raising import close_both_changed, raise_both_changed
from hub.payments.rows import of_order
from hub.spine.entries import Entry
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.packets import fitting
from hub.spine.rows import event_subjects, events
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.elsewhere import CONCERNS, OrderElsewhere, total
from protocol.envelope import decode_event, read_body
from protocol.events import KIND_OF
from protocol.later import OrderCancelled
from protocol.orders import LineKind, WireModel

LINES_AT_ONCE: Final = 60
"""Lines in one message; where more were added, several tell of them, and the store adds them up."""
_KINDS: Final = tuple(KIND_OF[model][0] for model in CONCERNS)
_TOLD: Final = (
    sa.select(events.c.edge, events.c.bytes)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(event_subjects.c.subject == sa.bindparam("of"), events.c.kind.in_(_KINDS))
    .order_by(events.c.apply_order)
)


def tell_taker(work: Work, applied: Applied) -> None:
    """Tell the store that took an order what somebody else has recorded; stands before what follows from it.

    Its own cancellation comes back to it where it made the hub order money back from a payment service.
    """
    entry: Entry | None = applied.results["entry"]
    if work.post is None or entry is None or entry.later is None or entry.later.location == HUB_EDGE:
        return
    asks_back = isinstance(applied.body, OrderCancelled) and of_order(work.connection, applied.body.order_id)
    if entry.later.location != applied.edge or asks_back:
        _tell(work, entry)


def on_order_placed(work: Work, applied: Applied) -> None:
    """Tell a store whose order comes after what others recorded about it."""
    entry = work.room(Orders).get(applied.body.order_id)
    if work.post is None or entry is None or applied.edge == HUB_EDGE or not applied.results.get("earlier"):
        return
    _tell(work, entry)


def compare(work: Work, applied: Applied) -> None:
    """Call a person where a store cancelled all that it knew of an order to which the hub has added.

    Both stand: what the hub added is fulfilled unless somebody cancels it there too.
    """
    body: OrderCancelled = applied.body
    entry: Entry | None = applied.results["entry"]
    if work.rebuilding or entry is None or entry.later is None:
        return
    goods = [line for line in entry.record.lines if line.kind is LineKind.GOODS]
    still = [line for line in goods if line.open > 0]
    if not still:
        close_both_changed(work, body.order_id)
        return
    if applied.edge == HUB_EDGE or applied.edge != entry.later.location:
        return
    added = {line.line_no for line in _totals(work, entry).lines}
    known = [line for line in goods if line.line_no not in added]
    if all(line.line_no in added for line in still) and not any(line.fulfilled for line in known):
        raise_both_changed(work, applied, still)


def _tell(work: Work, entry: Entry) -> None:
    assert work.post is not None
    assert entry.later is not None
    for body in _pieces(_totals(work, entry)):
        subjects = (f"order:{entry.record.order_id}",)
        work.post.send_directive(work.unit, entry.later.location, fitting(body), subjects=subjects)


def _totals(work: Work, entry: Entry) -> OrderElsewhere:
    """Count what others than the taker have recorded, the event at hand included."""
    assert entry.later is not None
    order_id, taker = entry.record.order_id, entry.later.location
    ordered = {row.command_id: row.amount_minor for row in of_order(work.connection, order_id)}
    return total(order_id, entry.record.number, _by_others(work, order_id, taker), ordered)


def _by_others(work: Work, order_id: str, taker: str) -> Iterable[WireModel]:
    subject = f"order:{order_id}"
    for row in work.connection.execute(_TOLD, {"of": subject}):
        if row.edge != taker:
            yield read_body(decode_event(bytes(row.bytes)))
    for applied in work.room(Log).waiting(subject):
        if applied.edge != taker:
            yield applied.body


def _pieces(whole: OrderElsewhere) -> Iterator[OrderElsewhere]:
    for start in range(0, max(1, len(whole.lines)), LINES_AT_ONCE):
        yield whole.model_copy(update={"lines": whole.lines[start : start + LINES_AT_ONCE]})
