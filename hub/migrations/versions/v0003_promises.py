"""Promising: allocations, reservations, decisions, contacts, and what a channel or a person asked for."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_hub_rights_sku", "hub_rights", ["sku"])
    _allocations()
    _reservations()
    _api_keys()
    _captured()
    _order_requests()
    _contacts()
    _decisions()


def _allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "finished >= 0 AND ended >= 0 AND finished + ended <= units", name=op.f("ck_allocations_units")
        ),
        sa.PrimaryKeyConstraint("owner", "line_no", name=op.f("pk_allocations")),
        sqlite_with_rowid=False,
    )


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'used', 'released', 'expired')", name=op.f("ck_reservations_state")
        ),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_state", "reservations", ["state", "expires_us"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_at_us"), "api_keys", ["at_us"])


def _captured() -> None:
    op.create_table(
        "captured",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "external_id", name=op.f("pk_captured")),
    )
    op.create_index(op.f("ix_captured_order_id"), "captured", ["order_id"])


def _order_requests() -> None:
    op.create_table(
        "order_requests",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_customer", sa.Boolean(), nullable=False),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.Column("settled_us", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('cancel', 'reroute', 'change')", name=op.f("ck_order_requests_kind")),
        sa.CheckConstraint("outcome IN ('', 'done', 'too_late')", name=op.f("ck_order_requests_outcome")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_order_requests")),
    )
    op.create_index(op.f("ix_order_requests_order_id"), "order_requests", ["order_id"])
    op.create_index(op.f("ix_order_requests_assignment_id"), "order_requests", ["assignment_id"])


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_email"), "contacts", ["email"])
    op.create_index(op.f("ix_contacts_name"), "contacts", ["name"])
    op.create_index(op.f("ix_contacts_phone"), "contacts", ["phone"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("outcome IN ('chosen', 'unroutable')", name=op.f("ck_decisions_outcome")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_order", "decisions", ["order_id", "attempt"])
