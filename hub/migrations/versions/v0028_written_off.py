"""Parts of orders that a person went on without, because their location is silent: since when."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0028"
down_revision: Final = "0027"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.add_column("assignments", sa.Column("written_off_us", sa.BigInteger(), nullable=True))
