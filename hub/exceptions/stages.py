"""The list of exceptions follows the events: what is raised, worked on, and closed again."""

import json
from typing import Final

import sqlalchemy as sa

from hub.exceptions.rows import exception_acts, exceptions
from hub.spine.entries import Entry
from hub.spine.orders import Orders
from hub.spine.rows import orders
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.events import ExceptionClosed, ExceptionRaised, ExceptionWorked
from protocol.exceptions import due_us, stake_minor

_SAME: Final = sa.select(exceptions.c.exception_id).where(
    (exceptions.c.exception_id == sa.bindparam("of"))
    | (
        (exceptions.c.location == sa.bindparam("at"))
        & (exceptions.c.dedupe_key == sa.bindparam("key"))
        & (exceptions.c.state == "open")
    )
)
_INSERT: Final = sa.insert(exceptions)
ORDER: Final = "order:"


def on_raised(work: Work, applied: Applied) -> None:
    """Put it on the list, unless it stands there open."""
    body: ExceptionRaised = applied.body
    same = {"of": body.exception_id, "at": applied.edge, "key": body.dedupe_key}
    known = work.connection.execute(_SAME, same).first()
    if known is not None:
        return
    place, order_minor, currency = _about(work, applied)
    work.connection.execute(
        _INSERT,
        {
            "exception_id": body.exception_id,
            "location": applied.edge,
            "kind": body.kind,
            "subject": body.subject,
            "title": body.title,
            "facts": json.dumps(dict(body.facts), default=str),
            "owner_role": body.owner_role,
            "dedupe_key": body.dedupe_key,
            "state": "open",
            "raised_us": applied.at_us,
            "apply_order": applied.apply_order,
            "closed_by": "",
            "note": "",
            "place": place,
            "number": str(body.facts.get("number") or "")[:64],
            "due_us": due_us(body.kind, body.facts, applied.at_us),
            "at_stake_minor": stake_minor(body.facts, order_minor),
            "currency": str(body.facts.get("currency") or currency)[:3],
        },
    )
    work.topics.update(("exceptions", "strip"))


def _about(work: Work, applied: Applied) -> tuple[str, int, str]:
    """Return where an exception is, and what its order has open: whoever raised it is often the hub."""
    body: ExceptionRaised = applied.body
    place = str(body.facts.get("location") or body.facts.get("edge") or "")
    entry = None
    if body.subject.startswith(ORDER):
        entry = work.room(Orders).need(body.subject.removeprefix(ORDER))
    if entry is None:
        return place or applied.edge, 0, work.terms.currency
    taken, currency = _taken(work, entry)
    open_minor = sum(
        [line.gross_minor * line.open // line.ordered for line in entry.record.lines if line.ordered]
    )
    return place or taken or applied.edge, open_minor, currency


def _taken(work: Work, entry: Entry) -> tuple[str, str]:
    """Return where an order was taken, and its currency; its row is not written before its batch ends."""
    if entry.later is not None:
        return entry.later.location, entry.later.currency
    if entry.sale is not None:
        return entry.sale.edge, str(entry.sale.body.currency)
    query = sa.select(orders.c.location, orders.c.currency).where(orders.c.order_id == entry.record.order_id)
    row = work.connection.execute(query).first()
    return (row.location, row.currency) if row else ("", work.terms.currency)


def on_worked(work: Work, applied: Applied) -> None:
    """Keep what was done about a card, and let it say whose it is and until when it sleeps."""
    body: ExceptionWorked = applied.body
    work.connection.execute(
        sa.insert(exception_acts).values(
            exception_id=body.exception_id,
            apply_order=applied.apply_order,
            act=body.act,
            by=applied.by or applied.edge,
            at_us=applied.at_us,
            to=body.to,
            until_us=body.until_us,
            choice=body.choice,
            text=body.text,
            facts=json.dumps(dict(body.facts), default=str, sort_keys=True),
        )
    )
    changed = _changed(body, applied.by)
    if changed:
        work.connection.execute(
            sa.update(exceptions)
            .where(exceptions.c.exception_id == body.exception_id, exceptions.c.state == "open")
            .values(**changed)
        )
    work.topics.update(("exceptions", "strip"))


def _changed(body: ExceptionWorked, by: str) -> dict[str, object]:
    match body.act:
        case "assigned":
            return {"owner": body.to}
        case "snoozed":
            return {"snoozed_until_us": body.until_us or 0}
        case "escalated":
            raised = exceptions.c.escalated + 1
            return {"owner_role": body.to, "owner": "", "due_us": body.until_us or 0, "escalated": raised}
        case "asked":
            said = {"choice": body.choice, "by": by, "text": body.text, **dict(body.facts)}
            return {"asked": json.dumps(said, default=str, sort_keys=True)}
        case "declined" | "chosen":
            return {"asked": ""}
        case _:
            return {}


def on_closed(work: Work, applied: Applied) -> None:
    """Take it off the list. The hub names what a store raised by its id, its own by their key."""
    body: ExceptionClosed = applied.body
    mine = (exceptions.c.location == applied.edge) & (exceptions.c.dedupe_key == body.dedupe_key)
    if applied.edge == HUB_EDGE:
        mine |= exceptions.c.exception_id == body.dedupe_key
    work.connection.execute(
        sa.update(exceptions)
        .where(mine, exceptions.c.state == "open")
        .values(
            state="closed",
            closed_us=applied.at_us,
            closed_by=applied.by or applied.edge,
            note=body.how,
            asked="",
            snoozed_until_us=0,
        )
    )
    work.topics.update(("exceptions", "strip"))
