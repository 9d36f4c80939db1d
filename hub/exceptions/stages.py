"""The list of exceptions follows the events: what is raised, worked on, and closed again."""

import json
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup
from hub.exceptions.rows import exception_acts, exceptions
from hub.fleet.rows import location
from hub.spine.entries import Entry
from hub.spine.orders import Orders
from hub.spine.rows import orders
from hub.spine.steps import close_exception
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.directives import ExceptionNoted, ExceptionTold
from protocol.events import ExceptionClosed, ExceptionRaised, ExceptionWorked
from protocol.exceptions import due_us, stake_minor

_KEYED: Final = (exceptions.c.location == sa.bindparam("at")) & (
    exceptions.c.dedupe_key == sa.bindparam("key")
)
_NAMED: Final = exceptions.c.exception_id == sa.bindparam("of")
_IS_OPEN: Final = exceptions.c.state == "open"
_SAME: Final = Lookup(sa.select(exceptions.c.exception_id).where(_NAMED | (_KEYED & _IS_OPEN)))
_INSERT: Final = Change(sa.insert(exceptions))
_ENDS: Final = Lookup(
    sa.select(exceptions.c.exception_id, exceptions.c.location, exceptions.c.place, exceptions.c.told)
    .where(_KEYED | _NAMED, _IS_OPEN)
    .with_for_update()
)
_CLOSE: Final = Change(
    sa.update(exceptions)
    .where(_KEYED | _NAMED, _IS_OPEN)
    .values(
        state="closed",
        closed_us=sa.bindparam("now_us", type_=sa.BigInteger),
        closed_by=sa.bindparam("who"),
        note=sa.bindparam("how"),
        asked="",
        snoozed_until_us=0,
    )
)
_KEEP_ACT: Final = Change(sa.insert(exception_acts))
_OPEN_ONE: Final = sa.update(exceptions).where(_NAMED, _IS_OPEN)
_ASSIGN: Final = Change(_OPEN_ONE.values(owner=sa.bindparam("to")))
_SNOOZE: Final = Change(_OPEN_ONE.values(snoozed_until_us=sa.bindparam("until_us")))
_ESCALATE: Final = Change(
    _OPEN_ONE.values(
        owner_role=sa.bindparam("to"),
        owner="",
        due_us=sa.bindparam("until_us"),
        escalated=exceptions.c.escalated + 1,
    )
)
_ASK: Final = Change(_OPEN_ONE.values(asked=sa.bindparam("said")))
_NOTED: Final = Lookup(sa.select(exceptions.c.location, exceptions.c.place, exceptions.c.told).where(_NAMED))
ORDER: Final = "order:"
TOLD: Final = "hub:"
"""Under which key a store has a card of the hub: this and its id."""
_STORE_ROLES: Final = frozenset({"associate", "lead", "manager"})
_OWN_KINDS: Final = frozenset({"no_show"})
"""What a store notices by itself: its own card is the one to work on."""


def on_raised(work: Work, applied: Applied) -> None:
    """Put it on the list, unless it stands there open."""
    body: ExceptionRaised = applied.body
    same = {"of": body.exception_id, "at": applied.edge, "key": body.dedupe_key}
    if _SAME.first(work.connection, **same) is not None:
        return
    place, order_minor, currency = _about(work, applied)
    told = _is_the_stores(work, applied, place)
    _INSERT.run(
        work.connection,
        exception_id=body.exception_id,
        location=applied.edge,
        kind=body.kind,
        subject=body.subject,
        title=body.title,
        facts=json.dumps(dict(body.facts), default=str),
        owner_role=body.owner_role,
        dedupe_key=body.dedupe_key,
        state="open",
        raised_us=applied.at_us,
        apply_order=applied.apply_order,
        closed_by="",
        note="",
        place=place,
        number=str(body.facts.get("number") or "")[:64],
        due_us=due_us(body.kind, body.facts, applied.at_us),
        at_stake_minor=stake_minor(body.facts, order_minor),
        currency=str(body.facts.get("currency") or currency)[:3],
        told=int(told),
    )
    if told:
        said = body.model_dump(include={"exception_id", "kind", "subject", "title", "facts", "owner_role"})
        _tell(work, place, ExceptionTold(state="open", at_us=applied.at_us, **said))
    work.topics.update(("exceptions", "strip"))


def _is_the_stores(work: Work, applied: Applied, place: str) -> bool:
    """Tell whether a card that the hub noticed is a store's to settle, and the store has none of its own."""
    body: ExceptionRaised = applied.body
    if applied.edge != HUB_EDGE or body.owner_role not in _STORE_ROLES or body.kind in _OWN_KINDS:
        return False
    return location(work.connection, place) is not None


def _tell(work: Work, edge: str, body: ExceptionTold) -> None:
    if work.post is not None:
        work.post.send_directive(work.unit, edge, body, subjects=(f"exception:{body.exception_id}",))


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
    _KEEP_ACT.run(
        work.connection,
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
    _work_on(work.connection, body, applied.by)
    if applied.edge == HUB_EDGE:
        _note(work, applied)
    work.topics.update(("exceptions", "strip"))


def _note(work: Work, applied: Applied) -> None:
    """Tell a store what was done here about a card that it has too: its own, or one that it was told of."""
    body: ExceptionWorked = applied.body
    row = _NOTED.first(work.connection, of=body.exception_id)
    edge = "" if row is None else row.place if row.told else row.location
    if work.post is None or edge in ("", HUB_EDGE):
        return
    noted = ExceptionNoted(
        exception_id=body.exception_id,
        note_id=applied.apply_order,
        act=body.act,
        by=applied.by[:120],
        at_us=applied.at_us,
        to=body.to,
        until_us=body.until_us,
        choice=body.choice,
        text=body.text,
    )
    work.post.send_directive(work.unit, edge, noted, subjects=(f"exception:{body.exception_id}",))


def _work_on(connection: Connection, body: ExceptionWorked, by: str) -> None:
    of = body.exception_id
    match body.act:
        case "assigned":
            _ASSIGN.run(connection, of=of, to=body.to)
        case "snoozed":
            _SNOOZE.run(connection, of=of, until_us=body.until_us or 0)
        case "escalated":
            _ESCALATE.run(connection, of=of, to=body.to, until_us=body.until_us or 0)
        case "asked":
            said = {"choice": body.choice, "by": by, "text": body.text, **dict(body.facts)}
            _ASK.run(connection, of=of, said=json.dumps(said, default=str, sort_keys=True))
        case "declined" | "chosen":
            _ASK.run(connection, of=of, said="")


def on_closed(work: Work, applied: Applied) -> None:
    """Take it off the list. The hub names what a store raised by its id, its own by their key."""
    body: ExceptionClosed = applied.body
    if applied.edge != HUB_EDGE and body.dedupe_key.startswith(TOLD):
        _close_told(work, applied, body)
        return
    by_id = body.dedupe_key if applied.edge == HUB_EDGE else ""
    mine = {"at": applied.edge, "key": body.dedupe_key, "of": by_id}
    ended = _ENDS.all(work.connection, **mine)
    who = applied.by or applied.edge
    _CLOSE.run(work.connection, **mine, now_us=applied.at_us, who=who, how=body.how)
    for row in ended if applied.edge == HUB_EDGE else ():
        edge = row.place if row.told else row.location
        if edge != HUB_EDGE:
            closed = ExceptionTold(
                exception_id=row.exception_id, state="closed", at_us=applied.at_us, how=body.how
            )
            _tell(work, edge, closed)
    work.topics.update(("exceptions", "strip"))


def _close_told(work: Work, applied: Applied, body: ExceptionClosed) -> None:
    """A store settled a card that the hub had raised: the hub says so on its own stream."""
    of = body.dedupe_key.removeprefix(TOLD)
    row = work.connection.execute(
        sa.select(exceptions.c.dedupe_key).where(
            exceptions.c.exception_id == of,
            exceptions.c.place == applied.edge,
            exceptions.c.told == 1,
            exceptions.c.state == "open",
        )
    ).first()
    if row is not None:
        close_exception(work, row.dedupe_key, how=body.how, by=applied.by or applied.edge)
