"""Keys of receipts, goods that are sent back, serial numbers, commissions."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0016"
down_revision: Final = "0015"
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
