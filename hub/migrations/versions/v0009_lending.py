"""Policy of lending, wishes, webhooks."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"
branch_labels: Final = None
depends_on: Final = None
_DUE: Final = sa.text("version > echoed")


def upgrade() -> None:
    """Apply."""
    for name in ("returned_echoed", "back_upto", "on_hand", "bound", "want"):
        op.add_column("hub_rights", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        "ix_hub_rights_due", "hub_rights", ["location", "sku"], sqlite_where=_DUE, postgresql_where=_DUE
    )
    op.create_table(
        "lending_policies",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_lending_policies")),
    )
    op.create_table(
        "lending_rates",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("rate_milli", sa.BigInteger(), nullable=False),
        sa.Column("allocated", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location", "sku", name=op.f("pk_lending_rates")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "atp_changed",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_atp_changed")),
    )
    _channels()


def _channels() -> None:
    op.create_table(
        "channel_endpoints",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=False),
        sa.Column("old_until_us", sa.BigInteger(), nullable=False),
        sa.Column("buffer", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'dead', 'off')", name=op.f("ck_channel_endpoints_state")),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_channel_endpoints")),
    )
    op.create_table(
        "channel_items",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("said", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "sku", name=op.f("pk_channel_items")),
        sqlite_with_rowid=False,
    )
    due = sa.text("due = 1")
    columns = ["endpoint_id", "sku"]
    op.create_index("ix_channel_items_due", "channel_items", columns, sqlite_where=due, postgresql_where=due)
    op.create_table(
        "channel_deliveries",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'dead')", name=op.f("ck_channel_deliveries_state")
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_channel_deliveries")),
    )
    op.create_index(
        "ix_channel_deliveries_state", "channel_deliveries", ["endpoint_id", "state", "next_us"], unique=False
    )
    op.create_table(
        "channel_places",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("silent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_channel_places")),
    )
