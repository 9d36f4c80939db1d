"""Keys of receipts, goods that are sent back, serial numbers, commissions."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0021"
down_revision: Final = "0020"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "receipt_keys",
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public", name=op.f("pk_receipt_keys")),
    )
    op.create_index(op.f("ix_receipt_keys_location"), "receipt_keys", ["location"], unique=False)
    op.create_table(
        "sold_serials",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("back_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "line_no", "serial", name=op.f("pk_sold_serials")),
    )
    op.create_index("ix_sold_serials_serial", "sold_serials", ["serial"], unique=False)
    op.create_table(
        "mail_ins",
        sa.Column("authorisation_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refund", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tracking", sa.Text(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("arrived_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("accepted_minor", sa.BigInteger(), nullable=False),
        sa.Column("advanced_minor", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("authorisation_id", name=op.f("pk_mail_ins")),
        sa.UniqueConstraint("number", name=op.f("uq_mail_ins_number")),
    )
    op.create_index(op.f("ix_mail_ins_order_id"), "mail_ins", ["order_id"], unique=False)
    op.create_index(op.f("ix_mail_ins_tracking"), "mail_ins", ["tracking"], unique=False)
    op.create_index("ix_mail_ins_state", "mail_ins", ["state", "due_us"], unique=False)
    _commissions()


def _commissions() -> None:
    op.create_table(
        "commission_plans",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_day", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_commission_plans")),
    )
    op.create_table(
        "line_commissions",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("earned_minor", sa.BigInteger(), nullable=False),
        sa.Column("back_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "line_no", name=op.f("pk_line_commissions")),
    )
    op.create_table(
        "commission_moves",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_commission_moves")),
    )
    op.create_index(
        "ix_commission_moves_person", "commission_moves", ["person", "business_date"], unique=False
    )
