"""Tax that is due when a deposit is paid: which entities have it so, and how much stands on each order."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0024"
down_revision: Final = "0023"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.add_column("later_orders", sa.Column("deposit_taxes", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "entity_terms",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tax_at_payment", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "apply_order", name=op.f("pk_entity_terms")),
    )
