"""Keys of receipts, goods that are sent back, serial numbers, commissions."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015"
down_revision: Final = "0014"
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
