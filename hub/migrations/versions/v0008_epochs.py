"""Epochs of the rights, and lives of the hub."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rights_epochs",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("ep", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("inc", sa.Text(), nullable=False),
        sa.Column("hub_inc", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'fenced', 'told')", name=op.f("ck_rights_epochs_state")),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_rights_epochs")),
    )
    op.add_column("streams", sa.Column("ordinal", sa.Integer(), server_default="0", nullable=False))
    op.add_column("streams", sa.Column("safe", sa.BigInteger(), server_default="0", nullable=False))
