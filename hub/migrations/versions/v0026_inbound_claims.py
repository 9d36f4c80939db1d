"""Orders that wait for goods on their way: what each has claimed, and how far rights ran ahead."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0026"
down_revision: Final = "0025"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "inbound_claims",
        sa.Column("claim_id", sa.Text(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("wait_id", "order_id", "number")],
        sa.Column("line_no", sa.Integer(), nullable=False),
        *[
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("sku", "location", "transfer_id", "transfer_number")
        ],
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("arrived", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("promise_us", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'used', 'ended')", name=op.f("ck_inbound_claims_state")),
        sa.CheckConstraint("arrived >= 0 AND arrived <= units", name=op.f("ck_inbound_claims_units")),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_inbound_claims")),
    )
    for name, columns in (
        ("order", ["order_id", "state"]),
        ("place", ["location", "sku", "state"]),
        ("transfer", ["transfer_id", "state"]),
        ("state", ["state", "due_us"]),
    ):
        op.create_index(f"ix_inbound_claims_{name}", "inbound_claims", columns)
    op.create_table(
        "inbound_ahead",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location", "sku", name=op.f("pk_inbound_ahead")),
        sqlite_with_rowid=False,
    )
