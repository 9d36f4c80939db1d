"""Goods that customers send back, as their events leave them."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.returns.rows import mail_ins
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.mail_in import MailInState

COMING = (MailInState.EXPECTED, MailInState.ARRIVED, MailInState.INSPECTING)


class MailInLine(BaseModel):
    """One line: what was expected of it, what was taken back, what was not."""

    line_no: int
    sku: str
    name: str
    reason: str
    units: int
    accepted: int = 0
    refused: int = 0
    why: str = ""

    @property
    def open(self) -> int:
        """Units that nobody has looked at."""
        return max(0, self.units - self.accepted - self.refused)


class Credit(BaseModel):
    """Store credit that it was paid with."""

    number: str
    amount_minor: int


class MailIn(BaseModel):
    """One of them."""

    authorisation_id: str
    number: str
    order_id: str
    order_number: str
    location: str
    contact_id: str
    state: str
    refund: str
    currency: str
    tracking: str
    lines: tuple[MailInLine, ...]
    created_us: int
    created_by: str
    due_us: int
    arrived_us: int | None
    ended_us: int | None
    accepted_minor: int
    advanced_minor: int
    credits: tuple[Credit, ...]
    reason: str

    @property
    def unproven(self) -> bool:
        """Tell whether nobody can show that it was bought: then there is no order."""
        return self.order_id == self.authorisation_id


def read(row: sa.Row[Any]) -> MailIn:
    """Return one from its row."""
    values = dict(row._mapping)  # noqa: SLF001 - how SQLAlchemy gives a row as a mapping
    return MailIn(**values | {name: json.loads(values[name]) for name in ("lines", "credits")})


def find(connection: Connection, number: str) -> MailIn | None:
    """Return one by its number, its id or its tracking number."""
    wanted = (mail_ins.c.number == number.upper(), mail_ins.c.authorisation_id == number.lower())
    row = connection.execute(
        sa.select(mail_ins).where(sa.or_(*wanted, mail_ins.c.tracking == number.upper())).limit(1)
    ).first()
    return None if row is None else read(row)


def need(connection: Connection, number: str) -> MailIn:
    """Return one by its number.

    Raises:
        NotFound: `unknown_mail_in`.
    """
    found = find(connection, number)
    if found is None:
        raise NotFound(
            _("There is no return {number} on its way.", number=number[:40]),
            _("Look for it by its order."),
            code="unknown_mail_in",
        )
    return found


def by_id(connection: Connection, authorisation_id: str) -> MailIn | None:
    """Return one by its id."""
    row = connection.execute(
        sa.select(mail_ins).where(mail_ins.c.authorisation_id == authorisation_id)
    ).first()
    return None if row is None else read(row)


def coming(connection: Connection, order_id: str) -> dict[int, int]:
    """Return how many units of an order's lines are on their way, or here and not looked at."""
    found: dict[int, int] = {}
    rows = connection.execute(
        sa.select(mail_ins).where(mail_ins.c.order_id == order_id, mail_ins.c.state.in_(COMING))
    )
    for row in rows:
        for line in read(row).lines:
            found[line.line_no] = found.get(line.line_no, 0) + line.open
    return found


def listed(
    connection: Connection, *, state: str, text: str, limit: int, offset: int
) -> tuple[list[MailIn], int]:
    """Return a page of them, the newest first, and how many there are."""
    wanted: list[sa.ColumnElement[bool]] = []
    if state:
        wanted.append(mail_ins.c.state == state)
    if text:
        wanted.append(sa.or_(mail_ins.c.number == text, mail_ins.c.order_number == text))
    where = sa.and_(sa.true(), *wanted)
    total = connection.execute(sa.select(sa.func.count()).select_from(mail_ins).where(where)).scalar_one()
    rows = connection.execute(
        sa.select(mail_ins)
        .where(where)
        .order_by(mail_ins.c.created_us.desc(), mail_ins.c.number.desc())
        .limit(limit)
        .offset(offset)
    )
    return [read(row) for row in rows], int(total)


def of_order(connection: Connection, order_id: str) -> Sequence[MailIn]:
    """Return what of an order was announced to come back, the newest first."""
    rows = connection.execute(
        sa.select(mail_ins).where(mail_ins.c.order_id == order_id).order_by(mail_ins.c.created_us.desc())
    )
    return [read(row) for row in rows]


def unproven_since(connection: Connection, contact_id: str, since_us: int) -> tuple[int, int]:
    """Return how often somebody was let send goods without proof since a moment, and how many of it wait."""
    row = connection.execute(
        sa.select(
            sa.func.count().label("all"),
            sa.func.count(sa.case((mail_ins.c.state.in_(COMING), 1))).label("under_way"),
        ).where(
            mail_ins.c.contact_id == contact_id,
            mail_ins.c.order_id == mail_ins.c.authorisation_id,
            mail_ins.c.created_us >= since_us,
            mail_ins.c.state != MailInState.CANCELLED,
        )
    ).one()
    return int(row.all), int(row.under_way)


def overdue(connection: Connection, now_us: int, limit: int) -> list[MailIn]:
    """Return what should have been here by now."""
    rows = connection.execute(
        sa.select(mail_ins)
        .where(mail_ins.c.state == MailInState.EXPECTED, mail_ins.c.due_us < now_us)
        .order_by(mail_ins.c.due_us)
        .limit(limit)
    )
    return [read(row) for row in rows]


def change(connection: Connection, authorisation_id: str, **values: Any) -> None:
    """Change one."""
    said = {
        name: json.dumps([each.model_dump() for each in value]) if name in {"lines", "credits"} else value
        for name, value in values.items()
    }
    connection.execute(
        sa.update(mail_ins).where(mail_ins.c.authorisation_id == authorisation_id).values(**said)
    )
