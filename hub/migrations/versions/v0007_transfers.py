"""Transfers between locations."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"
branch_labels: Final = None
depends_on: Final = None
PURPOSES: Final = (("transit_unmatched", "1345"), ("due_from", "1400"), ("due_to", "2400"))


def upgrade() -> None:
    """Apply."""
    _heads()
    _lines()
    _arrivals()
    _wire()
    _purposes()


def _heads() -> None:
    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("send_state", sa.Text(), nullable=False),
        sa.Column("receive_state", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("arrive_by_us", sa.BigInteger(), nullable=False),
        sa.Column("accepted_us", sa.BigInteger(), nullable=True),
        sa.Column("shipped_us", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_us", sa.BigInteger(), nullable=True),
        sa.Column("received_us", sa.BigInteger(), nullable=True),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("transit", sa.BigInteger(), nullable=False),
        sa.Column("transit_minor", sa.BigInteger(), nullable=False),
        sa.Column("unmatched", sa.BigInteger(), nullable=False),
        sa.Column("unmatched_minor", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_transfers")),
    )
    op.create_index("ix_transfers_destination", "transfers", ["destination", "created_us"], unique=False)
    op.create_index(op.f("ix_transfers_number"), "transfers", ["number"], unique=False)
    op.create_index("ix_transfers_open", "transfers", ["ended_us", "created_us"], unique=False)
    op.create_index("ix_transfers_source", "transfers", ["source", "created_us"], unique=False)


def _lines() -> None:
    op.create_table(
        "transfer_lines",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("lent", sa.BigInteger(), nullable=False),
        sa.Column("to_grant", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("order_line_no", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("declined", sa.BigInteger(), nullable=False),
        sa.Column("picked", sa.BigInteger(), nullable=False),
        sa.Column("short", sa.BigInteger(), nullable=False),
        sa.Column("shipped", sa.BigInteger(), nullable=False),
        sa.Column("shipped_minor", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.BigInteger(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("matched_minor", sa.BigInteger(), nullable=False),
        sa.Column("lost_said", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("lost_minor", sa.BigInteger(), nullable=False),
        sa.Column("over_said", sa.BigInteger(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("arrival", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id", "line_no", "sku", name=op.f("pk_transfer_lines")),
    )
    op.create_index(op.f("ix_transfer_lines_order_id"), "transfer_lines", ["order_id"], unique=False)
    op.create_index(op.f("ix_transfer_lines_sku"), "transfer_lines", ["sku"], unique=False)
    op.create_table(
        "transfer_shipments",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id", "line_no", "event_id", name=op.f("pk_transfer_shipments")),
    )


def _arrivals() -> None:
    op.create_table(
        "transfer_receipts",
        sa.Column("receipt_id", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("cartons", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("matched_us", sa.BigInteger(), nullable=True),
        sa.Column("undone_us", sa.BigInteger(), nullable=True),
        sa.Column("accepted_us", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_transfer_receipts")),
    )
    op.create_index(
        "ix_transfer_receipts_destination", "transfer_receipts", ["destination", "at_us"], unique=False
    )
    op.create_index(
        op.f("ix_transfer_receipts_transfer_id"), "transfer_receipts", ["transfer_id"], unique=False
    )
    op.create_table(
        "transfer_pieces",
        sa.Column("receipt_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("estimate_minor", sa.BigInteger(), nullable=False),
        sa.Column("covered", sa.BigInteger(), nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("matched_minor", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.BigInteger(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.Column("over", sa.BigInteger(), nullable=False),
        sa.Column("over_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", "n", name=op.f("pk_transfer_pieces")),
    )


def _wire() -> None:
    op.create_table(
        "transfer_cartons",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("sscc", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("packed_us", sa.BigInteger(), nullable=True),
        sa.Column("shipped_us", sa.BigInteger(), nullable=True),
        sa.Column("received_us", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('packed', 'opened', 'shipped', 'received')",
            name=op.f("ck_transfer_cartons_state"),
        ),
        sa.PrimaryKeyConstraint("transfer_id", "sscc", name=op.f("pk_transfer_cartons")),
    )
    op.create_index("ix_transfer_cartons_sscc", "transfer_cartons", ["sscc"], unique=False)
    op.create_table(
        "transfer_directives",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("edge", sa.Text(), nullable=False),
        sa.Column("hub_inc", sa.Text(), nullable=False),
        sa.Column("cseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id", "about", name=op.f("pk_transfer_directives")),
    )


def _purposes() -> None:
    """Map new purposes where a company has the account for them and has not chosen another."""
    for purpose, account in PURPOSES:
        op.execute(
            sa.text(
                "INSERT INTO account_mapping (entity, purpose, account)"
                " SELECT entity, :purpose, account FROM accounts WHERE account = :account AND NOT EXISTS"
                " (SELECT 1 FROM account_mapping AS known"
                " WHERE known.entity = accounts.entity AND known.purpose = :purpose)"
            ).bindparams(sa.bindparam("purpose", purpose, sa.Text), sa.bindparam("account", account, sa.Text))
        )
