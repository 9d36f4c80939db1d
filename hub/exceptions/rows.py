"""The table of what needs a person, as the events tell it, and how it is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import metadata
from protocol.errors import NotFound

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
    sa.CheckConstraint("state IN ('open', 'closed')", name="state"),
    sa.Index("ix_exceptions_key", "location", "dedupe_key"),
    sa.Index("ix_exceptions_state", "state", "raised_us"),
)


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


def find(connection: Connection, exception_id: str) -> ExceptionRow:
    """Return one exception.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(sa.select(exceptions).where(exceptions.c.exception_id == exception_id)).first()
    if row is None:
        raise NotFound("There is no such exception.", "Look the list up again.", code="no_exception")
    return _row(row)


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
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping
    return ExceptionRow(**{**values, "facts": json.loads(values["facts"])})
