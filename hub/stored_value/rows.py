"""The tables of stored value: balances, what moved them, how cards were paid. The books tie to them."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import metadata

stored_values: Final = sa.Table(
    "stored_values",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("balance_minor", sa.BigInteger, nullable=False),
    sa.Column("changed_us", sa.BigInteger, nullable=False),
    sa.Index("ix_stored_values_changed", "changed_us"),
)
"""`location` is the one that was heard of it first, `entity` the one that owes it."""

stored_value_moves: Final = sa.Table(
    "stored_value_moves",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""`kind` is that of the tender that moved it: the account that it is on."""

gift_card_tenders: Final = sa.Table(
    "gift_card_tenders",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, index=True),
)
"""How gift cards were paid for. A payout names a card payment by its `reference`."""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One number and what is left on it, in minor units; below zero, more was spent than was on it."""

    number: str
    kind: str
    entity: str
    location: str
    currency: str
    balance_minor: int
    changed_us: int


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Money that went onto a number, or with a minus came off it."""

    location: str
    amount_minor: int
    reference: str
    at_us: int


def find(connection: Connection, number: str) -> ValueRow | None:
    """Return one number, or None."""
    row = connection.execute(sa.select(stored_values).where(stored_values.c.number == number)).first()
    return ValueRow(*row) if row else None


def listed(connection: Connection, text: str, *, limit: int, offset: int = 0) -> tuple[list[ValueRow], int]:
    """Return numbers that begin with a text, those that moved last first, and how many there are."""
    where = stored_values.c.number.startswith(text, autoescape=True) if text else sa.true()
    total = connection.execute(
        sa.select(sa.func.count()).select_from(stored_values).where(where)
    ).scalar_one()
    rows = connection.execute(
        sa.select(stored_values)
        .where(where)
        .order_by(stored_values.c.changed_us.desc(), stored_values.c.number)
        .limit(limit)
        .offset(offset)
    )
    return [ValueRow(*row) for row in rows], int(total)


def moves_of(connection: Connection, number: str) -> list[MoveRow]:
    """Return what happened to a number, newest first."""
    table = stored_value_moves.c
    rows = connection.execute(
        sa.select(table.location, table.amount_minor, table.reference, table.at_us)
        .where(table.number == number)
        .order_by(table.apply_order.desc(), table.n)
        .limit(200)
    )
    return [MoveRow(*row) for row in rows]


def owed(connection: Connection) -> list[tuple[str, str, str, int, int]]:
    """Return (entity, kind, currency, numbers, balance) of all that is owed: what the ledger ties to."""
    table = stored_values.c
    rows = connection.execute(
        sa.select(table.entity, table.kind, table.currency, sa.func.count(), sa.func.sum(table.balance_minor))
        .where(table.balance_minor != 0)
        .group_by(table.entity, table.kind, table.currency)
        .order_by(table.entity, table.kind, table.currency)
    )
    return [(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in rows]
