"""What every web order asks for, found by an index alone: disputes of an order, what is free of an item.

On SQLite what 500 stores have free of an item lies on 500 pages of the table, and on a few of this index.
PostgreSQL would pay for it with every unit that is promised: it then writes all indexes of a row anew.
"""

from typing import Final

from alembic import op

revision: Final = "0025"
down_revision: Final = "0024"
branch_labels: Final = None
depends_on: Final = None
FREE: Final = ("sku", "location", "granted_seen", "returned", "allocated", "ended", "deficit")


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_money_moves_order", "money_moves", ["order_id"])
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_hub_rights_free", "hub_rights", list(FREE))
