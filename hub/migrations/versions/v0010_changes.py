"""Changed lines and the age of what a decision knew."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.add_column("decisions", sa.Column("ages", sa.Text(), nullable=False, server_default="{}"))
