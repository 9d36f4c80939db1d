"""Counts and deliveries of all locations, written down as their facts come in.

The first fact to arrive makes the row: what the hub asked for, or what a store opened by itself. Nothing
here decides; what a count moved is valued in `hub.stock.moved`, which runs before and leaves its movements
in `moves`.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Change, Lookup
from hub.spine.bulk import Insert
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from hub.stock.rules import ValuedMove
from hub.stock.task_rows import (
    count_lines,
    count_tasks,
    deliveries,
    delivery_lines,
    stock_directives,
)
from protocol import stock
from protocol.movements import OUTSIDE

_ENDED: Final = ("posted", "undone", "cancelled")
_THIS: Final = count_tasks.c.count_id == sa.bindparam("of")
_ON_IT: Final = count_lines.c.count_id == sa.bindparam("of")
_ITEMS: Final = sa.select(sa.func.count()).select_from(count_lines).where(_ON_IT).scalar_subquery()
_COUNTED: Final = (
    sa.select(sa.func.count()).select_from(count_lines).where(_ON_IT, count_lines.c.passes > 0)
).scalar_subquery()
_KNOWN: Final = Lookup(sa.select(count_tasks.c.count_id).where(_THIS))
_SKUS: Final = Lookup(sa.select(count_lines.c.sku).where(_ON_IT))
_TASK: Final = Change(sa.insert(count_tasks))
_LINES: Final = Insert(count_lines)
_OPENED: Final = Change(
    sa.update(count_tasks)
    .where(_THIS)
    .values(
        state=sa.case((count_tasks.c.state.in_(_ENDED), count_tasks.c.state), else_="open"),
        number=sa.bindparam("called"),
        items=_ITEMS,
        counted=_COUNTED,
        title=sa.bindparam("named"),
    )
)
_LINE: Final = Change(
    sa.update(count_lines)
    .where(_ON_IT, count_lines.c.sku == sa.bindparam("item"))
    .values(
        passes=sa.bindparam("nth", type_=sa.BigInteger),
        counted=sa.bindparam("found", type_=sa.BigInteger),
        balance=sa.bindparam("stood", type_=sa.BigInteger),
        variance=sa.bindparam("apart", type_=sa.BigInteger),
        at_us=sa.bindparam("when_us", type_=sa.BigInteger),
    )
)
_POSTED: Final = Change(
    sa.update(count_lines)
    .where(_ON_IT, count_lines.c.sku == sa.bindparam("item"))
    .values(posted=sa.bindparam("apart"), value_minor=sa.bindparam("worth_minor"))
)
_TALLY: Final = Change(sa.update(count_tasks).where(_THIS).values(items=_ITEMS, counted=_COUNTED))
_CLOSED: Final = Change(
    sa.update(count_tasks)
    .where(_THIS)
    .values(
        state="posted",
        closed_us=sa.bindparam("when_us"),
        over=sa.bindparam("more"),
        short=sa.bindparam("less"),
        value_minor=sa.bindparam("worth_minor"),
    )
)
_GIVEN_UP: Final = Change(
    sa.update(count_tasks)
    .where(_THIS)
    .values(state=sa.bindparam("now"), closed_us=sa.bindparam("when_us"), reason=sa.bindparam("why"))
)
_EMPTY: Final = {
    "closed_us": None,
    "reason": "",
    "items": 0,
    "counted": 0,
    "over": 0,
    "short": 0,
    "value_minor": 0,
}


def on_count_requested(work: Work, applied: Applied) -> None:
    """A location is asked to count."""
    body: stock.CountRequested = applied.body
    _insert_task(
        work, applied, body, location=body.location, plan_id=body.plan_id, state="asked", source="hub"
    )
    if work.post is not None:
        request = stock.CountRequest.model_validate(body.model_dump(exclude={"plan_id", "location"}))
        cseq = work.post.send_directive(
            work.unit, body.location, request, subjects=(f"count:{body.count_id}",)
        )
        _told(work, body.count_id, body.location, cseq)


def on_count_opened(work: Work, applied: Applied) -> None:
    """A store has the count; one that it opened by itself is heard of only now.

    Where both sides were restored, what was counted may have been heard first: it stands.
    """
    body: stock.CountOpened = applied.body
    if _KNOWN.first(work.connection, of=body.count_id) is None:
        _insert_task(work, applied, body, location=applied.edge, plan_id="", state="open", source=body.source)
    counted = set(_SKUS.scalars(work.connection, of=body.count_id))
    rows = [_count_line(body.count_id, sku) for sku in dict.fromkeys(body.skus) if sku not in counted]
    _LINES.run(work.connection, rows)
    _OPENED.run(work.connection, of=body.count_id, called=body.number, named=body.title)
    work.topics.add("counts")


def on_count_confirmed(work: Work, applied: Applied) -> None:
    """Items were counted."""
    body: stock.CountConfirmed = applied.body
    for line in body.lines:
        said = {
            "nth": line.pass_no,
            "found": line.counted,
            "stood": line.balance,
            "apart": line.variance,
            "when_us": applied.at_us,
        }
        if not _LINE.run(work.connection, of=body.count_id, item=line.sku, **said):
            _LINES.run(work.connection, [_count_line(body.count_id, line.sku)])
            _LINE.run(work.connection, of=body.count_id, item=line.sku, **said)
    _TALLY.run(work.connection, of=body.count_id)
    work.topics.add("counts")


def on_count_posted(work: Work, applied: Applied) -> None:
    """The differences of a count are written, with what they are worth."""
    body: stock.CountPosted = applied.body
    values = _values(applied.results["moves"])
    for line in body.lines:
        worth_minor = values.get(line.sku, 0)
        said = {"of": body.count_id, "item": line.sku, "apart": line.variance, "worth_minor": worth_minor}
        _POSTED.run(work.connection, **said)
    _CLOSED.run(
        work.connection,
        of=body.count_id,
        when_us=applied.at_us,
        more=sum(max(0, line.variance) for line in body.lines),
        less=sum(max(0, -line.variance) for line in body.lines),
        worth_minor=sum(values.values()),
    )
    work.topics.add("counts")


def _values(moves: Sequence[ValuedMove]) -> dict[str, int]:
    """Return by how much the value of stock changed, by item."""
    values: dict[str, int] = {}
    for move in moves:
        change = move.value_minor - move.variance_minor if move.from_bucket in OUTSIDE else -move.value_minor
        values[move.sku] = values.get(move.sku, 0) + change
    return values


def on_count_undone(work: Work, applied: Applied) -> None:
    """A posted count is taken back; what it had said stays readable."""
    body: stock.CountUndone = applied.body
    _give_up(work, applied, body, "undone")


def on_count_cancelled(work: Work, applied: Applied) -> None:
    """A count is given up."""
    body: stock.CountCancelled = applied.body
    _give_up(work, applied, body, "cancelled")


def on_delivery_announced(work: Work, applied: Applied) -> None:
    """A location is told of a delivery."""
    body: stock.DeliveryAnnounced = applied.body
    _insert_delivery(work, applied, body, location=body.location, state="told", source="hub")
    if work.post is not None:
        told = stock.DeliveryExpect.model_validate(body.model_dump(exclude={"location"}))
        cseq = work.post.send_directive(
            work.unit, body.location, told, subjects=(f"delivery:{body.delivery_id}",)
        )
        _told(work, body.delivery_id, body.location, cseq)


def on_delivery_expected(work: Work, applied: Applied) -> None:
    """A store expects a delivery."""
    body: stock.DeliveryExpected = applied.body
    if not _exists(work, deliveries, deliveries.c.delivery_id == body.delivery_id):
        _insert_delivery(work, applied, body, location=applied.edge, state="expected", source=body.source)
    _set_delivery(work, body.delivery_id, state="expected")


def on_delivery_cancelled(work: Work, applied: Applied) -> None:
    """A delivery is no longer expected."""
    body: stock.DeliveryCancelled = applied.body
    _set_delivery(work, body.delivery_id, state="cancelled", reason=body.reason)


def on_delivery_received(work: Work, applied: Applied) -> None:
    """Goods came; without an announcement they are a delivery of their own."""
    body: stock.DeliveryReceived = applied.body
    delivery_id = body.delivery_id or body.receipt_id
    if not _exists(work, deliveries, deliveries.c.delivery_id == delivery_id):
        row = _delivery(body, delivery_id, location=applied.edge, state="received", source="blind")
        work.connection.execute(sa.insert(deliveries), row | {"told_us": applied.at_us})
    for line in body.lines:
        _came(work, delivery_id, line)
    numbers = deliveries.c.numbers
    _set_delivery(
        work,
        delivery_id,
        state="received" if body.final else "part",
        received_us=applied.at_us,
        numbers=sa.case((numbers == "", body.number), else_=numbers + ", " + body.number),
    )


def on_receipt_corrected(work: Work, applied: Applied) -> None:
    """A receipt is put right."""
    body: stock.ReceiptCorrected = applied.body
    delivery_id = body.delivery_id or body.receipt_id
    for line in body.lines:
        _came(work, delivery_id, line)
    came = sa.select(sa.func.sum(delivery_lines.c.good + delivery_lines.c.damaged)).where(
        delivery_lines.c.delivery_id == delivery_id
    )
    if body.delivery_id and not work.connection.execute(came).scalar():
        _set_delivery(work, delivery_id, state="expected")  # as if nothing had come
    work.topics.add("deliveries")


def on_task_answered(work: Work, applied: Applied) -> None:
    """A location will not do what it was told, or never heard of it."""
    body: stock.StockTaskAnswered = applied.body
    refused = body.outcome != "withdrawn"
    state = "refused" if refused else "cancelled"
    said = body.detail or body.code
    if body.count_id:
        asked = (count_tasks.c.count_id == body.count_id) & (count_tasks.c.state == "asked")
        work.connection.execute(
            sa.update(count_tasks).where(asked).values(state=state, reason=said, closed_us=applied.at_us)
        )
        work.topics.add("counts")
    if body.delivery_id:
        told = (deliveries.c.delivery_id == body.delivery_id) & (deliveries.c.state == "told")
        work.connection.execute(sa.update(deliveries).where(told).values(state=state, reason=said))
        work.topics.add("deliveries")
    if refused:
        raise_exception(
            work,
            kind="stock_task_refused",
            subject=f"count:{body.count_id}" if body.count_id else f"delivery:{body.delivery_id}",
            title=f"{body.location} did not take on what it was asked: {said}"[:300],
            facts={"location": body.location, "code": body.code, "detail": body.detail},
            dedupe_key=f"stock_task:{body.count_id or body.delivery_id}",
        )


def _insert_task(
    work: Work,
    applied: Applied,
    body: stock.CountRequested | stock.CountOpened,
    *,
    location: str,
    plan_id: str,
    state: str,
    source: str,
) -> None:
    _TASK.run(
        work.connection,
        count_id=body.count_id,
        plan_id=plan_id,
        location=location,
        number="",
        title=body.title,
        place=body.place.value,
        scope=body.scope,
        source=source,
        state=state,
        due_us=body.due_us,
        note=body.note,
        asked_us=applied.at_us,
        asked_by=applied.by,
        **_EMPTY,
    )
    work.topics.add("counts")


def _count_line(count_id: str, sku: str) -> tuple[Any, ...]:
    """Return the row of an item that nobody has counted yet."""
    passes = value_minor = 0
    counted = balance = variance = posted = at_us = None
    return (count_id, sku, passes, counted, balance, variance, posted, value_minor, at_us)


def _give_up(
    work: Work, applied: Applied, body: stock.CountUndone | stock.CountCancelled, state: str
) -> None:
    _GIVEN_UP.run(work.connection, of=body.count_id, now=state, when_us=applied.at_us, why=body.reason)
    work.topics.add("counts")


def _insert_delivery(
    work: Work, applied: Applied, body: stock.Delivery, *, location: str, state: str, source: str
) -> None:
    row = _delivery(body, body.delivery_id, location=location, state=state, source=source)
    told = {"told_us": applied.at_us, "due_us": body.due_us}
    work.connection.execute(sa.insert(deliveries), row | told)
    expected: dict[str, int] = {}
    for line in body.lines:
        expected.setdefault(line.sku, line.quantity)
    work.connection.execute(
        sa.insert(delivery_lines),
        [_delivery_line(body.delivery_id, sku, units) for sku, units in expected.items()],
    )
    work.topics.add("deliveries")


def _delivery(
    body: stock.Delivery | stock.DeliveryReceived, delivery_id: str, *, location: str, state: str, source: str
) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "location": location,
        "supplier": body.supplier,
        "reference": body.reference,
        "source": source,
        "state": state,
        "due_us": None,
        "received_us": None,
        "numbers": "",
        "reason": "",
    }


def _delivery_line(delivery_id: str, sku: str, expected: int) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "sku": sku,
        "expected": expected,
        "good": 0,
        "damaged": 0,
        "value_minor": 0,
    }


def _came(work: Work, delivery_id: str, line: stock.ReceivedLine | stock.CorrectedLine) -> None:
    columns = delivery_lines.c
    worth_minor = (line.good + line.damaged) * line.unit_cost_minor
    came = {"good": line.good, "damaged": line.damaged, "value_minor": worth_minor}
    done = work.connection.execute(
        sa.update(delivery_lines)
        .where(columns.delivery_id == delivery_id, columns.sku == line.sku)
        .values({name: columns[name] + units for name, units in came.items()})
    )
    if not done.rowcount:
        row = _delivery_line(delivery_id, line.sku, 0) | came
        work.connection.execute(sa.insert(delivery_lines), row)


def _set_delivery(work: Work, delivery_id: str, **values: Any) -> None:
    work.connection.execute(
        sa.update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(**values)
    )
    work.topics.add("deliveries")


def _exists(work: Work, table: sa.Table, where: sa.ColumnElement[bool]) -> bool:
    return (
        work.connection.execute(sa.select(sa.literal(1)).select_from(table).where(where)).first() is not None
    )


def _told(work: Work, task_id: str, edge: str, cseq: int) -> None:
    work.connection.execute(
        sa.insert(stock_directives),
        {"task_id": task_id, "edge": edge, "hub_inc": work.hub_inc, "cseq": cseq, "cancel_us": None},
    )
