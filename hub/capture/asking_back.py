"""Asking a location to give up what was cancelled before anybody knew that it has it.

A hub that was restored from an older copy may not know who holds an order. What its customer cancels then is
cancelled at once, since nobody is known who could be asked. A location that speaks later and has those units
too is asked for them then; whether it says yes or "too late" changes nothing about the cancellation.
"""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from hub.capture import asking
from hub.capture.asking import Request
from hub.database import Lookup
from hub.spine.held import held
from hub.spine.rows import event_subjects, events
from hub.spine.work import Work
from protocol.envelope import decode_event, read_body
from protocol.events import KIND_OF
from protocol.later import OrderCancelled

_CANCELLED: Final = Lookup(
    sa.select(events.c.bytes, events.c.by)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(event_subjects.c.subject == sa.bindparam("of"), events.c.kind == KIND_OF[OrderCancelled][0])
    .order_by(events.c.apply_order.desc())
    .limit(1)
)


def ask_back(work: Work, order_id: str, number: str, assignment_id: str, units: Mapping[int, int]) -> None:
    """Ask for units by line that a location holds and that were cancelled before, in the words of then."""
    holding = held(work, order_id).holdings[assignment_id]
    row = _CANCELLED.first(work.connection, of=f"order:{order_id}")
    assert row is not None, "the caller found units that were cancelled"
    body = read_body(decode_event(bytes(row.bytes)))
    assert isinstance(body, OrderCancelled)
    request = Request(
        "cancel",
        body.reason,
        row.by,
        work.clock.now_us(),
        by_customer=body.by_customer,
        lines=dict(units),
        was_before=True,
    )
    asking.ask(work, order_id, number, asking.keep(work, order_id, holding, request))
