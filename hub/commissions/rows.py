"""The tables of commissions: the plans, what each line earned, and every step of it per person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup, metadata
from hub.ledger.settlements.rows import money_moves
from protocol.commissions import CommissionPlan

commission_plans: Final = sa.Table(
    "commission_plans",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("from_day", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
line_commissions: Final = sa.Table(
    "line_commissions",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("earned_minor", sa.BigInteger, nullable=False),
    sa.Column("back_minor", sa.BigInteger, nullable=False),
)
"""What a line has earned on `gross_minor`, and what of it was taken back."""
commission_moves: Final = sa.Table(
    "commission_moves",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Index("ix_commission_moves_person", "person", "business_date"),
)
"""Earned, or with a minus taken back. `number` is what did it: the sale, the return."""

_PLANS: Final = Lookup(sa.select(commission_plans.c.body).order_by(commission_plans.c.version.desc()))
_LINES: Final = Lookup(
    sa.select(
        line_commissions.c.line_no,
        line_commissions.c.person,
        line_commissions.c.location,
        line_commissions.c.gross_minor,
        line_commissions.c.earned_minor,
        line_commissions.c.back_minor,
    ).where(line_commissions.c.order_id == sa.bindparam("of"))
)


@dataclass(frozen=True, slots=True)
class Line:
    """What a line has earned."""

    line_no: int
    person: str
    location: str
    gross_minor: int
    earned_minor: int
    back_minor: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One associate: earned, taken back, paid out."""

    person: str
    location: str
    currency: str
    earned_minor: int
    back_minor: int
    paid_minor: int

    @property
    def owed_minor(self) -> int:
        """Return what is still to be paid; below zero it is carried to the next time."""
        return self.earned_minor - self.back_minor - self.paid_minor


def plans(connection: Connection) -> list[CommissionPlan]:
    """Return every plan there was, the newest version first."""
    return [CommissionPlan.model_validate_json(body) for body in _PLANS.scalars(connection)]


def lines_of(connection: Connection, order_id: str) -> dict[int, Line]:
    """Return what the lines of an order have earned."""
    return {row.line_no: Line(*row) for row in _LINES.all(connection, of=order_id)}


def keep(connection: Connection, order_id: str, line: Line) -> None:
    """Write what a line has earned; one that is known is replaced."""
    values = {
        "person": line.person,
        "location": line.location,
        "gross_minor": line.gross_minor,
        "earned_minor": line.earned_minor,
        "back_minor": line.back_minor,
    }
    mine = (line_commissions.c.order_id == order_id) & (line_commissions.c.line_no == line.line_no)
    if not connection.execute(sa.update(line_commissions).where(mine).values(**values)).rowcount:
        connection.execute(
            sa.insert(line_commissions).values(order_id=order_id, line_no=line.line_no, **values)
        )


def figures(connection: Connection, *, first: str = "", last: str = "") -> list[Figure]:
    """Return a figure for each associate, of business dates from `first` to `last`; empty is without end.

    What was paid out is that of the same days, noted at the bank's page under the associate's name.
    """
    table, paid = commission_moves.c, money_moves.c
    when = [table.business_date >= first] if first else []
    when += [table.business_date <= last] if last else []
    rows = connection.execute(
        sa.select(
            table.person,
            table.location,
            table.currency,
            sa.func.sum(sa.case((table.amount_minor > 0, table.amount_minor), else_=0)).label("earned"),
            sa.func.sum(sa.case((table.amount_minor < 0, -table.amount_minor), else_=0)).label("back"),
        )
        .where(sa.true(), *when)
        .group_by(table.person, table.location, table.currency)
        .order_by(table.person)
    ).all()
    days = [paid.business_date >= first] if first else []
    days += [paid.business_date <= last] if last else []
    out = {
        row.reference: int(row.minor)
        for row in connection.execute(
            sa.select(paid.reference, sa.func.sum(paid.amount_minor).label("minor"))
            .where(paid.what == "commission_paid", *days)
            .group_by(paid.reference)
        )
    }
    return [
        Figure(row.person, row.location, row.currency, int(row.earned), int(row.back), out.get(row.person, 0))
        for row in rows
    ]


def moves_of(connection: Connection, person: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Return what an associate earned and lost again, the newest first."""
    return connection.execute(
        sa.select(commission_moves)
        .where(commission_moves.c.person == person)
        .order_by(commission_moves.c.apply_order.desc(), commission_moves.c.n)
        .limit(limit)
    ).all()
