"""The table of holds, as the events tell it, and what stops an order at this moment.

What a reader would get wrong: a stage that asks while a hold was only just recorded finds it too. Its row is
written when its own stages run, so the log of the unit of work is asked beside the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup, metadata
from hub.spine.log import Log, open_keys
from hub.spine.work import Work
from protocol.errors import Refused
from protocol.holds import (
    Blocked,
    Hold,
    HoldEnded,
    HoldKind,
    HoldLapsed,
    HoldPlaced,
    HoldReleased,
    HoldState,
    HoldTold,
    goes_on,
    is_blocking,
)
from protocol.kit.text import _

OVERDUE: Final = "hold_overdue:"
"""What the key of a card begins with that calls somebody above the owner of a hold."""

order_holds: Final = sa.Table(
    "order_holds",
    metadata,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("blocks", sa.Text, nullable=False),
    sa.Column("on_expiry", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
    sa.Column("placed_us", sa.BigInteger, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("ended_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('open', 'released', 'rejected', 'lapsed')", name="state"),
    sa.Index("ix_order_holds_state", "state", "until_us"),
)
"""`location` placed it, which may be the hub; `body` is the event that did; `blocks` are words with blanks
around each."""

_OF_ORDER: Final = Lookup(
    sa.select(order_holds)
    .where(order_holds.c.order_id == sa.bindparam("of"))
    .order_by(order_holds.c.apply_order)
)
_THIS: Final = order_holds.c.hold_id == sa.bindparam("of")
_ONE: Final = Lookup(sa.select(order_holds).where(_THIS))
_KNOWN: Final = Lookup(sa.select(order_holds.c.hold_id).where(_THIS))
_PUT: Final = Change(sa.insert(order_holds))
_END: Final = Change(
    sa.update(order_holds)
    .where(_THIS, order_holds.c.state == "open")
    .values(
        state=sa.bindparam("after"),
        ended_us=sa.bindparam("when_us"),
        ended_by=sa.bindparam("who"),
        note=sa.bindparam("why"),
    )
)


def _is_open_with(kind: sa.BindParameter[str], said: sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    return (order_holds.c.state == "open") & (order_holds.c.kind == kind) & order_holds.c.body.like(said)


_OPEN_WITH: Final = (
    sa.select(order_holds)
    .where(_is_open_with(sa.bindparam("what"), sa.bindparam("said")))
    .order_by(order_holds.c.apply_order)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
)
_ALL_OPEN_WITH: Final = Lookup(_OPEN_WITH)


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold with what became of it."""

    hold: HoldTold
    rule: str
    facts: dict[str, Any]
    location: str
    placed_us: int
    placed_by: str
    ended_us: int | None
    ended_by: str
    note: str

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still has to decide."""
        return self.hold.state is HoldState.OPEN


def of_order(connection: Connection, order_id: str) -> list[HoldRow]:
    """Return the holds of an order as they are written, the oldest first."""
    return [_row(row) for row in _OF_ORDER.all(connection, of=order_id)]


def listed(
    connection: Connection, *, state: str = "open", kind: str = "", limit: int = 50, offset: int = 0
) -> tuple[list[HoldRow], int]:
    """Return a page of holds and how many there are: open ones oldest first, others newest first."""
    where = [order_holds.c.state == state if state == "open" else order_holds.c.state != "open"]
    if kind:
        where.append(order_holds.c.kind == kind)
    total = connection.execute(sa.select(sa.func.count()).select_from(order_holds).where(*where)).scalar_one()
    age = order_holds.c.placed_us.asc() if state == "open" else order_holds.c.ended_us.desc()
    found = connection.execute(
        sa.select(order_holds)
        .where(*where)
        .order_by(age, order_holds.c.apply_order)
        .limit(limit)
        .offset(offset)
    )
    return [_row(row) for row in found], total


def find(connection: Connection, hold_id: str) -> HoldRow | None:
    """Return one hold."""
    row = _ONE.first(connection, of=hold_id)
    return _row(row) if row is not None else None


def overdue(connection: Connection, now_us: int, limit: int) -> Sequence[HoldRow]:
    """Return open holds whose time is over, the oldest first.

    Those of which somebody is only called are left out once that has happened.
    """
    said = sa.exists().where(open_keys.c.dedupe_key == sa.literal(OVERDUE) + order_holds.c.hold_id)
    found = connection.execute(
        sa.select(order_holds)
        .where(
            order_holds.c.state == "open",
            order_holds.c.until_us > 0,
            order_holds.c.until_us <= now_us,
            (order_holds.c.on_expiry != "keep") | ~said,
        )
        .order_by(order_holds.c.until_us, order_holds.c.hold_id)
        .limit(limit)
    )
    return [_row(row) for row in found]


def open_with(
    connection: Connection, kind: HoldKind, code: str, limit: int, *also: sa.ColumnElement[bool]
) -> list[HoldTold]:
    """Return open holds of one kind that were placed for one reason, the oldest first."""
    values = {"what": kind.value, "said": _coded(code), "at_most": limit}
    found = (
        connection.execute(_OPEN_WITH.where(*also), values).all()
        if also
        else _ALL_OPEN_WITH.all(connection, **values)
    )
    return [_row(row).hold for row in found]


def is_open_with(kind: HoldKind, code: str) -> sa.ColumnElement[bool]:
    """Tell of a hold whether it is open and was placed for one reason."""
    return _is_open_with(sa.literal(kind.value), sa.literal(_coded(code)))


def _coded(code: str) -> str:
    """Return the pattern of what a hold says that was placed for a reason."""
    return f'%"code":"{code}"%'


def put(connection: Connection, body: HoldPlaced, *, location: str, at_us: int, by: str, order: int) -> bool:
    """Write a hold; False when it is known already."""
    if _KNOWN.first(connection, of=body.hold_id) is not None:
        return False
    _PUT.run(
        connection,
        hold_id=body.hold_id,
        order_id=body.order_id,
        number=body.number,
        location=location,
        kind=body.kind.value,
        reason=body.reason,
        blocks=f" {' '.join(body.blocks)} ",
        on_expiry=body.then.value,
        body=body.model_dump_json(),
        state=HoldState.OPEN.value,
        until_us=body.until_us,
        placed_us=at_us,
        placed_by=by,
        ended_us=None,
        ended_by="",
        note="",
        apply_order=order,
    )
    return True


def end(connection: Connection, body: HoldEnded, *, at_us: int, by: str) -> bool:
    """Write how a hold ended; False when it had ended, or nobody told of it."""
    after = state_after(body).value
    return bool(_END.run(connection, of=body.hold_id, after=after, when_us=at_us, who=by, why=body.note))


def state_after(body: HoldEnded) -> HoldState:
    """Return where a hold is after an event."""
    if isinstance(body, HoldReleased):
        return HoldState.RELEASED
    return HoldState.LAPSED if isinstance(body, HoldLapsed) else HoldState.REJECTED


def now_on(work: Work, order_id: str) -> list[HoldTold]:
    """Return the holds of an order as this unit of work has them, the event at hand included."""
    found = {row.hold.hold_id: row.hold for row in of_order(work.connection, order_id)}
    for applied in work.room(Log).waiting(f"order:{order_id}"):
        body = applied.body
        if isinstance(body, HoldPlaced):
            found.setdefault(body.hold_id, told(body))
        elif isinstance(body, HoldEnded) and body.hold_id in found:
            before, after = found[body.hold_id], state_after(body)
            if goes_on(before.state, after):
                found[body.hold_id] = before.model_copy(update={"state": after})
    return list(found.values())


def blocking(work: Work, order_id: str, what: Blocked) -> HoldTold | None:
    """Return the first hold that forbids something now, None when nothing does."""
    now_us = work.clock.now_us()
    return next((each for each in now_on(work, order_id) if is_blocking(each, what, now_us)), None)


def refuse_to_route(work: Work, order_id: str, number: str) -> None:
    """Refuse to give units of an order to anybody while it is on hold.

    Raises:
        Refused: it is, and why.
    """
    stop = blocking(work, order_id, Blocked.ROUTE)
    if stop is not None:
        raise Refused(
            _("{number} is on hold: {why}", number=number[:40], why=stop.reason),
            _("Release the hold first; then it is routed at once."),
            code="on_hold",
            hold_id=stop.hold_id,
        )


def told(hold: Hold, state: HoldState = HoldState.OPEN) -> HoldTold:
    """Return a hold without what the hub alone knows of it."""
    return HoldTold.model_validate({**hold.model_dump(), "state": state})


def _row(row: sa.Row[Any]) -> HoldRow:
    body = HoldPlaced.model_validate_json(row.body)
    return HoldRow(
        hold=told(body, HoldState(row.state)),
        rule=body.rule,
        facts=dict(body.facts),
        location=row.location,
        placed_us=row.placed_us,
        placed_by=row.placed_by,
        ended_us=row.ended_us,
        ended_by=row.ended_by,
        note=row.note,
    )


def orders_blocked(what: Blocked, now_us: int) -> sa.Select[tuple[str]]:
    """Return the query for the orders of which an open hold forbids something, as `is_blocking` says it."""
    over = (order_holds.c.until_us > 0) & (order_holds.c.until_us <= now_us)
    return sa.select(order_holds.c.order_id).where(
        order_holds.c.state == "open",
        order_holds.c.blocks.like(f"% {what.value} %"),
        ~(over & (order_holds.c.on_expiry == "release")),
    )
