"""What follows from a hold: its row, its card, and what the locations of the order are told.

A location is told of a hold before it is offered the order, so that there is no moment at which it could
begin. A hold never undoes a fact: goods that left although they were held have left, and a person is called.
"""

from collections.abc import Iterable, Sequence

from hub.fulfil.room import Assignments
from hub.fulfil.rules import OPEN
from hub.holds import restored, rows
from hub.holds.placing import release_all
from hub.spine.entries import Entry
from hub.spine.orders import Orders
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.fold import OrderRecord
from protocol.holds import (
    HOLDS_PER_ORDER,
    Blocked,
    HoldEnded,
    HoldPlaced,
    HoldState,
    HoldTold,
    OrderHolds,
    is_blocking,
    is_refused,
)
from protocol.later import AssignmentHandedOver, OrderRouted

KIND = "order_on_hold"
_KNOWN = ("points", "review_points", "paid_minor", "needed_minor", "limit_minor")
"""What a check used that whoever decides has to see on the card; the rest stands on the page of the hold."""


def on_placed(work: Work, applied: Applied) -> None:
    """Write the hold, call whoever may decide, and stop the locations that work on the order."""
    body: HoldPlaced = applied.body
    fresh = rows.put(
        work.connection,
        body,
        location=applied.edge,
        at_us=applied.at_us,
        by=applied.by,
        order=applied.apply_order,
    )
    work.topics.update(("orders", "holds"))
    if not fresh:
        return
    _tell(work, body.order_id, [rows.told(body)])
    raise_exception(
        work,
        kind=KIND,
        subject=f"order:{body.order_id}",
        title=f"{body.number} is on hold: {body.reason}",
        facts={
            "number": body.number,
            "hold": body.kind.value,
            "reason": body.reason,
            "signals": [each["signal"] for each in body.facts.get("signals", ())],
            **{name: body.facts[name] for name in _KNOWN if name in body.facts},
            "blocks": list(body.blocks),
            "until_us": body.until_us or None,
            "on_expiry": body.then.value if body.until_us else "",
            "hold_id": body.hold_id,
            "location": applied.edge if applied.edge != HUB_EDGE else "",
        },
        owner_role=body.may[0],
        dedupe_key=card_of(body.hold_id),
    )


def on_ended(work: Work, applied: Applied) -> None:
    """Write how a hold ended, close its cards, and tell the locations."""
    body: HoldEnded = applied.body
    fresh = rows.end(work.connection, body, at_us=applied.at_us, by=applied.by or applied.edge)
    work.topics.update(("orders", "holds"))
    found = rows.find(work.connection, body.hold_id) if fresh else None
    if found is None:
        return
    for key in (card_of(body.hold_id), overdue_card_of(body.hold_id)):
        close_exception(work, key, how=body.note or "The hold has ended", by=applied.by)
    _tell(work, body.order_id, [found.hold])


def on_order_routed(work: Work, applied: Applied) -> None:
    """Tell a location what stops an order before it is offered; stands before the offer."""
    body: OrderRouted = applied.body
    stopping = [each for each in rows.now_on(work, body.order_id) if _still_stops(each)]
    if stopping:
        _say(work, body.order_id, stopping, {part.location for part in body.parts})


def on_left(work: Work, applied: Applied) -> None:
    """Call a person where goods left although they were held; stands after the record."""
    what = Blocked.HANDOVER if isinstance(applied.body, AssignmentHandedOver) else Blocked.SHIP
    holds = [] if work.rebuilding else rows.now_on(work, applied.body.order_id)
    for hold in holds:
        if is_blocking(hold, what, applied.at_us):
            raise_exception(
                work,
                kind="held_and_gone",
                subject=f"order:{hold.order_id}",
                title=f"{hold.number} left although it was on hold",
                facts={
                    "number": hold.number,
                    "location": applied.edge,
                    "hold": hold.kind.value,
                    "reason": hold.reason,
                    "by": applied.by,
                },
                owner_role=hold.may[0],
                dedupe_key=f"held_and_gone:{hold.hold_id}",
            )
    _done(work, applied)


def on_order_cancelled(work: Work, applied: Applied) -> None:
    """End what stops an order of which nothing is left to stop."""
    _done(work, applied)


def card_of(hold_id: str) -> str:
    """Return the key of the card of a hold."""
    return f"hold:{hold_id}"


def overdue_card_of(hold_id: str) -> str:
    """Return the key of the card of a hold that nobody decided in time."""
    return f"{rows.OVERDUE}{hold_id}"


def _done(work: Work, applied: Applied) -> None:
    entry: Entry | None = applied.results["entry"]
    if not work.rebuilding and entry is not None and not _is_open(entry.record):
        release_all(
            work,
            entry.record.order_id,
            why="Nothing of the order is open any more",
            but=restored.CODE,  # its money waits until no location can have handed it over
        )


def _is_open(record: OrderRecord) -> bool:
    return any(line.open > 0 for line in record.lines)


def _still_stops(hold: HoldTold) -> bool:
    return hold.state is HoldState.OPEN or is_refused(hold)


def _tell(work: Work, order_id: str, holds: Sequence[HoldTold]) -> None:
    """Tell every location that works on an order, and the store that took it."""
    if work.post is None:
        return
    places = {each.location for each in work.room(Assignments).of_order(order_id) if each.state in OPEN}
    entry = work.room(Orders).need(order_id)
    if entry is not None and entry.later is not None:
        places.add(entry.later.location)
    _say(work, order_id, holds, places - {HUB_EDGE})


def _say(work: Work, order_id: str, holds: Sequence[HoldTold], places: Iterable[str]) -> None:
    if work.post is None:
        return
    for place in sorted(places):
        body = OrderHolds(order_id=order_id, holds=tuple(holds[:HOLDS_PER_ORDER]))
        work.post.send_directive(work.unit, place, body, subjects=(f"order:{order_id}",))
