"""One line of everything that was ever set aside: it goes on after what stands in it."""

from typing import Final

from alembic import op

revision: Final = "0023"
down_revision: Final = "0022"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.execute(
        "INSERT INTO counters (name, value) SELECT 'parked', max(park_order) FROM parked"
        " HAVING max(park_order) IS NOT NULL"
    )
