"""Sets of routing parameters, postcodes, local demand, offered promises, replays."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0013"
down_revision: Final = "0012"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "routing_sets",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_routing_sets")),
    )
    op.create_table(
        "routing_activations",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_routing_activations")),
    )
    op.create_table(
        "postcodes",
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("postcode", sa.Text(), nullable=False),
        sa.Column("latitude_e5", sa.Integer(), nullable=False),
        sa.Column("longitude_e5", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("country", "postcode", name=op.f("pk_postcodes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "local_demand",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("rate_milli", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location", "sku", name=op.f("pk_local_demand")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_local_demand_sku", "local_demand", ["sku"], unique=False)
    _shown()


def _shown() -> None:
    op.create_table(
        "promise_offers",
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_promise_offers")),
    )
    op.create_index(op.f("ix_promise_offers_until_us"), "promise_offers", ["until_us"], unique=False)
    op.create_table(
        "route_replays",
        sa.Column("replay_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("left_version", sa.BigInteger(), nullable=False),
        sa.Column("right_version", sa.BigInteger(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_route_replays_state")
        ),
        sa.PrimaryKeyConstraint("replay_id", name=op.f("pk_route_replays")),
    )
    op.create_index("ix_route_replays_state", "route_replays", ["state", "made_us"], unique=False)
