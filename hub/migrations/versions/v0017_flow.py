"""The flow map: orders that are followed, their stays, how long those lasted, what was lost."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0017"
down_revision: Final = "0016"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    _orders()
    _stays()
    _sums()


def _orders() -> None:
    op.create_table(
        "flow_orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("placed_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("ordered", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("fulfilled", sa.BigInteger(), nullable=False),
        sa.Column("freed_minor", sa.BigInteger(), nullable=False),
        sa.Column("failed_stage", sa.Text(), nullable=False),
        sa.Column("failed_location", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_flow_orders")),
    )
    op.create_index(op.f("ix_flow_orders_placed_us"), "flow_orders", ["placed_us"], unique=False)


def _stays() -> None:
    op.create_table(
        "flow_stays",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("entered_us", sa.BigInteger(), nullable=False),
        sa.Column("left_us", sa.BigInteger(), nullable=True),
        sa.Column("broken_us", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "part", "since", name=op.f("pk_flow_stays")),
    )
    op.create_index("ix_flow_stays_left", "flow_stays", ["stage", "left_us"], unique=False)
    here, broken = sa.text("left_us IS NULL"), sa.text("broken_us > 0")
    op.create_index(
        "ix_flow_stays_open",
        "flow_stays",
        ["stage", "location"],
        unique=False,
        sqlite_where=here,
        postgresql_where=here,
    )
    op.create_index(
        "ix_flow_stays_broken",
        "flow_stays",
        ["broken_us"],
        unique=False,
        sqlite_where=broken,
        postgresql_where=broken,
    )


def _sums() -> None:
    op.create_table(
        "flow_waits",
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("week", "stage", "channel", "location", "bucket", name=op.f("pk_flow_waits")),
    )
    op.create_table(
        "flow_leaks",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_flow_leaks")),
    )
    op.create_index(op.f("ix_flow_leaks_week"), "flow_leaks", ["week"], unique=False)
