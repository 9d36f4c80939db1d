"""Cards with a clock, an owner and a history."""

import json
from typing import Final

import sqlalchemy as sa
from alembic import op

from protocol.exceptions import due_us, stake_minor

revision: Final = "0019"
down_revision: Final = "0018"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    for name in ("place", "number", "owner"):
        _add(sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("due_us", "snoozed_until_us"):
        _add(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    _add(sa.Column("escalated", sa.Integer(), nullable=False, server_default="0"))
    _add(sa.Column("at_stake_minor", sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("currency", "asked"):
        _add(sa.Column(name, sa.Text(), nullable=False, server_default=""))
    _add(sa.Column("told", sa.Integer(), nullable=False, server_default="0"))
    due = ["state", "due_us", "exception_id", "snoozed_until_us"]
    op.create_index("ix_exceptions_due", "exceptions", due, unique=False)
    op.create_index("ix_exceptions_kind", "exceptions", ["state", "kind"], unique=False)
    op.create_index("ix_exceptions_place", "exceptions", ["state", "place"], unique=False)
    op.create_table(
        "exception_acts",
        sa.Column("exception_id", sa.Text(), nullable=False),
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger()),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("exception_id", "apply_order", name=op.f("pk_exception_acts")),
    )
    _fill()


def _add(column: sa.Column[str] | sa.Column[int]) -> None:
    op.add_column("exceptions", column)


def _fill() -> None:
    """Give the cards that are there what new ones are raised with; the log says all of it again."""
    cards = sa.table(
        "exceptions",
        *(sa.column(name) for name in (
            "exception_id", "location", "kind", "facts", "raised_us", "place", "number", "due_us",
            "at_stake_minor", "currency",
        )),
    )  # fmt: skip
    connection = op.get_bind()
    for row in connection.execute(sa.select(cards)).all():
        facts = json.loads(row.facts)
        connection.execute(
            sa.update(cards)
            .where(cards.c.exception_id == row.exception_id)
            .values(
                place=str(facts.get("location") or facts.get("edge") or row.location),
                number=str(facts.get("number") or "")[:64],
                due_us=due_us(row.kind, facts, row.raised_us),
                at_stake_minor=stake_minor(facts, 0),
                currency=str(facts.get("currency") or "")[:3],
            )
        )
