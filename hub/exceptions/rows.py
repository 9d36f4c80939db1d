"""The tables of what needs a person, as the events tell it, and how they are read.

Cards are listed by their clocks, and a page goes on after the last one that was seen: what is closed or
raised meanwhile moves nothing, and the ten-thousandth card costs what the first did.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup, metadata
from protocol.errors import NotFound
from protocol.exceptions import NEXT

exceptions: Final = sa.Table(
    "exceptions",
    metadata,
    sa.Column("exception_id", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("owner_role", sa.Text, nullable=False),
    sa.Column("dedupe_key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("raised_us", sa.BigInteger, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.Column("closed_us", sa.BigInteger),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False, server_default=""),
    sa.Column("number", sa.Text, nullable=False, server_default=""),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("due_us", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("snoozed_until_us", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("escalated", sa.Integer, nullable=False, server_default="0"),
    sa.Column("at_stake_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("currency", sa.Text, nullable=False, server_default=""),
    sa.Column("asked", sa.Text, nullable=False, server_default=""),
    sa.Column("told", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('open', 'closed')", name="state"),
    sa.Index("ix_exceptions_key", "location", "dedupe_key"),
    sa.Index("ix_exceptions_state", "state", "raised_us"),
    # Counting and filtering a long queue reads these alone; the last column is why counting can.
    sa.Index("ix_exceptions_due", "state", "due_us", "exception_id", "snoozed_until_us"),
    sa.Index("ix_exceptions_kind", "state", "kind"),
    sa.Index("ix_exceptions_place", "state", "place"),
)
"""`place` is where it is, `number` the order or transfer, `owner` who has taken it, `asked` (JSON) a choice
that a second person is to confirm; `location` is whose stream raised it; `told` is 1 for a card of the hub
that the store at `place` has too."""

exception_acts: Final = sa.Table(
    "exception_acts",
    metadata,
    sa.Column("exception_id", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("until_us", sa.BigInteger),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
)
"""What people and clocks did about each card, beside its raising and its closing."""

_THIS: Final = sa.select(exceptions).where(exceptions.c.exception_id == sa.bindparam("of"))
_ONE: Final = Lookup(_THIS)
_LOCKED: Final = Lookup(_THIS.with_for_update())


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One thing that needs, or needed, a person."""

    exception_id: str
    location: str
    kind: str
    subject: str
    title: str
    facts: dict[str, Any]
    owner_role: str
    dedupe_key: str
    state: str
    raised_us: int
    apply_order: int
    closed_us: int | None
    closed_by: str
    note: str
    place: str = ""
    number: str = ""
    owner: str = ""
    due_us: int = 0
    snoozed_until_us: int = 0
    escalated: int = 0
    at_stake_minor: int = 0
    currency: str = ""
    asked: dict[str, Any] | None = None
    """A choice that waits for a second person: what, by whom, why."""
    told: int = 0

    def sleeps(self, now_us: int) -> bool:
        """Tell whether somebody has put it aside until later."""
        return self.state == "open" and self.snoozed_until_us > now_us


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done about a card."""

    act: str
    by: str
    at_us: int
    to: str
    until_us: int | None
    choice: str
    text: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cards are looked at."""

    state: str | None = "open"
    """`open` leaves out those that sleep, `asleep` shows them; None: all there ever were."""
    owner_role: str = ""
    owner: str | None = None
    """A person; empty for nobody's."""
    kind: str = ""
    place: str = ""
    now_us: int = 0


After = tuple[int, str]
"""The clock and the id of the last card that was seen."""


def page(
    connection: Connection, of: Filter, *, limit: int = 50, after: After | None = None
) -> list[ExceptionRow]:
    """Return a page of cards: open ones by their clocks, others the newest first."""
    where, clock = _where(of), _clock(of)
    if after is not None:
        here = sa.tuple_(clock, exceptions.c.exception_id)
        there = sa.tuple_(sa.literal(after[0], sa.BigInteger), sa.literal(after[1], sa.Text))
        where.append(here > there if _is_open(of) else here < there)
    order = (clock, exceptions.c.exception_id)
    rows = connection.execute(
        sa.select(exceptions)
        .where(*where)
        .order_by(*(order if _is_open(of) else (column.desc() for column in order)))
        .limit(limit)
    ).all()
    return [_row(row) for row in rows]


def listed(
    connection: Connection,
    *,
    state: str | None = "open",
    owner_role: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[ExceptionRow], int]:
    """Return a page of exceptions and how many there are: open ones oldest first, others newest first."""
    where = []
    if state:
        where.append(exceptions.c.state == state)
    if owner_role:
        where.append(exceptions.c.owner_role == owner_role)
    total = connection.execute(sa.select(sa.func.count()).select_from(exceptions).where(*where)).scalar_one()
    age = exceptions.c.raised_us.asc() if state == "open" else exceptions.c.raised_us.desc()
    rows = connection.execute(
        sa.select(exceptions)
        .where(*where)
        .order_by(age, exceptions.c.apply_order)
        .limit(limit)
        .offset(offset)
    ).all()
    return [_row(row) for row in rows], total


def after_of(row: ExceptionRow, of: Filter) -> After:
    """Return where the page that ends with this card goes on."""
    if _is_open(of):
        return row.due_us, row.exception_id
    return (row.closed_us or row.raised_us) if of.state == "closed" else row.raised_us, row.exception_id


def count(connection: Connection, of: Filter) -> int:
    """Return how many cards there are."""
    query = sa.select(sa.func.count()).select_from(exceptions).where(*_where(of))
    return int(connection.execute(query).scalar_one())


def _is_open(of: Filter) -> bool:
    return of.state in {"open", "asleep"}


def _clock(of: Filter) -> sa.ColumnElement[int]:
    if _is_open(of):
        return exceptions.c.due_us
    return exceptions.c.closed_us if of.state == "closed" else exceptions.c.raised_us


def _where(of: Filter) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if _is_open(of):
        where.append(exceptions.c.state == "open")
        asleep = exceptions.c.snoozed_until_us > of.now_us
        where.append(asleep if of.state == "asleep" else ~asleep)
    elif of.state:
        where.append(exceptions.c.state == of.state)
    for column, value in (
        (exceptions.c.owner_role, of.owner_role or None),
        (exceptions.c.owner, of.owner),
        (exceptions.c.kind, of.kind or None),
        (exceptions.c.place, of.place or None),
    ):
        if value is not None:
            where.append(column == value)
    return where


def values_of(connection: Connection, column: str) -> list[str]:
    """Return the different values that a column has among open cards: kinds or places to filter by."""
    query = sa.select(exceptions.c[column]).where(exceptions.c.state == "open").distinct()
    return sorted(connection.execute(query).scalars())


def acts_of(connection: Connection, exception_id: str) -> list[Act]:
    """Return what was done about a card, the first first."""
    rows = connection.execute(
        sa.select(exception_acts)
        .where(exception_acts.c.exception_id == exception_id)
        .order_by(exception_acts.c.apply_order)
    )
    return [
        Act(row.act, row.by, row.at_us, row.to, row.until_us, row.choice, row.text, json.loads(row.facts))
        for row in rows
    ]


def overdue(connection: Connection, now_us: int, limit: int) -> list[ExceptionRow]:
    """Return open cards that can be passed on because their clock has run out, the longest ago first."""
    rows = connection.execute(
        sa.select(exceptions)
        .where(
            exceptions.c.state == "open",
            exceptions.c.due_us < now_us,
            exceptions.c.snoozed_until_us <= now_us,
            exceptions.c.owner_role.in_(sorted(NEXT)),
        )
        .order_by(exceptions.c.due_us)
        .limit(limit)
    ).all()
    return [_row(row) for row in rows]


def find(connection: Connection, exception_id: str, *, lock: bool = False) -> ExceptionRow:
    """Return one exception; with `lock` nobody else decides about it until the end of this unit of work.

    Raises:
        NotFound: there is none of that id.
    """
    row = (_LOCKED if lock else _ONE).first(connection, of=exception_id)
    if row is None:
        raise NotFound("There is no such exception.", "Look the list up again.", code="no_exception")
    return _row(row)


def title_of(connection: Connection, exception_id: str) -> str:
    """Return what a card is called; empty when there is none of that id."""
    query = sa.select(exceptions.c.title).where(exceptions.c.exception_id == exception_id)
    return connection.execute(query).scalar() or ""


def of_subject(connection: Connection, subject: str) -> Sequence[ExceptionRow]:
    """Return the exceptions of one record, such as `order:…`, the oldest first."""
    rows = connection.execute(
        sa.select(exceptions).where(exceptions.c.subject == subject).order_by(exceptions.c.apply_order)
    ).all()
    return [_row(row) for row in rows]


def open_count(connection: Connection) -> int:
    """Return how many wait for somebody."""
    return int(
        connection.execute(
            sa.select(sa.func.count()).select_from(exceptions).where(exceptions.c.state == "open")
        ).scalar_one()
    )


def _row(row: sa.Row[Any]) -> ExceptionRow:
    values = row._asdict()
    asked = json.loads(values["asked"]) if values["asked"] else None
    return ExceptionRow(**{**values, "facts": json.loads(values["facts"]), "asked": asked})
