"""Up to where a location had spoken when the epoch of its rights began."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0015"
down_revision: Final = "0014"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.add_column("rights_epochs", sa.Column("position", sa.BigInteger(), nullable=False, server_default="0"))
