"""Counts, adjustments and receipts of stock."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None
NEW_ACCOUNTS: Final = (
    ("5105", "Stock found", "expense"),
    ("5150", "Goods used by stores", "expense"),
    ("5160", "Samples", "expense"),
    ("5170", "Donations", "expense"),
)
PURPOSES: Final = (
    ("stock_gain", "5105"),
    ("disposal", "5110"),
    ("own_use", "5150"),
    ("samples", "5160"),
    ("donations", "5170"),
)


def upgrade() -> None:
    """Apply."""
    _counts()
    _count_lines()
    _deliveries()
    _delivery_lines()
    _told()
    _accounts()


def _counts() -> None:
    op.create_table(
        "count_tasks",
        sa.Column("count_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("over", sa.BigInteger(), nullable=False),
        sa.Column("short", sa.BigInteger(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('asked', 'open', 'posted', 'undone', 'cancelled', 'refused')",
            name=op.f("ck_count_tasks_state"),
        ),
        sa.PrimaryKeyConstraint("count_id", name=op.f("pk_count_tasks")),
    )
    op.create_index("ix_count_tasks_plan", "count_tasks", ["plan_id"], unique=False)
    op.create_index("ix_count_tasks_state", "count_tasks", ["state", "asked_us"], unique=False)


def _count_lines() -> None:
    op.create_table(
        "count_lines",
        sa.Column("count_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("variance", sa.BigInteger(), nullable=True),
        sa.Column("posted", sa.BigInteger(), nullable=True),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("count_id", "sku", name=op.f("pk_count_lines")),
    )
    op.create_index("ix_count_lines_sku", "count_lines", ["sku"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("told_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=True),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('told', 'expected', 'part', 'received', 'cancelled', 'refused')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state", "told_us"], unique=False)


def _delivery_lines() -> None:
    op.create_table(
        "delivery_lines",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("good", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.BigInteger(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "sku", name=op.f("pk_delivery_lines")),
    )


def _told() -> None:
    op.create_table(
        "stock_directives",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("edge", sa.Text(), nullable=False),
        sa.Column("hub_inc", sa.Text(), nullable=False),
        sa.Column("cseq", sa.BigInteger(), nullable=False),
        sa.Column("cancel_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_stock_directives")),
    )


def _accounts() -> None:
    """Give every entity that has books the accounts and purposes of counts; its own choices stay."""
    for account, name, kind in NEW_ACCOUNTS:
        op.execute(
            sa.text(
                "INSERT INTO accounts (entity, account, name, kind)"
                " SELECT DISTINCT known.entity, :account, :name, :kind FROM account_mapping AS known"
                " WHERE NOT EXISTS (SELECT 1 FROM accounts AS mine"
                " WHERE mine.entity = known.entity AND mine.account = :account)"
            ).bindparams(
                sa.bindparam("account", account, sa.Text()),
                sa.bindparam("name", name, sa.Text()),
                sa.bindparam("kind", kind, sa.Text()),
            )
        )
    for purpose, account in PURPOSES:
        op.execute(
            sa.text(
                "INSERT INTO account_mapping (entity, purpose, account)"
                " SELECT entity, :purpose, account FROM accounts AS mine WHERE account = :account"
                " AND NOT EXISTS (SELECT 1 FROM account_mapping AS known"
                " WHERE known.entity = mine.entity AND known.purpose = :purpose)"
            ).bindparams(
                sa.bindparam("purpose", purpose, sa.Text()), sa.bindparam("account", account, sa.Text())
            )
        )
