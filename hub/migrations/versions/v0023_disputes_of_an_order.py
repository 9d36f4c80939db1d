"""What was disputed of an order, found by the order: every order of a known customer asks for it."""

from typing import Final

from alembic import op

revision: Final = "0023"
down_revision: Final = "0022"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_money_moves_order", "money_moves", ["order_id"])
