"""The policy of returns, decisions, stored value."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0014"
down_revision: Final = "0013"
branch_labels: Final = None
depends_on: Final = None
PURPOSES: Final = (
    ("tender.store_credit", "2120"),
    ("tender.gift_card", "2130"),
    ("tender.exchange", "2150"),
    ("restocking_fees", "4200"),
    ("write_down", "5120"),
    ("safe", "1010"),
    ("petty_cash", "6160"),
    ("repair", "5140"),
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "return_policies",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_return_policies")),
    )
    op.create_table(
        "return_decisions",
        sa.Column("return_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("overridden_by", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("doubts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("return_id", name=op.f("pk_return_decisions")),
    )
    op.create_index("ix_return_decisions_at", "return_decisions", ["at_us"], unique=False)
    op.create_index(
        "ix_return_decisions_customer", "return_decisions", ["customer_id", "at_us"], unique=False
    )
    _stored_value()
    _kept_beside_the_books()
    _map_purposes()


def _stored_value() -> None:
    op.create_table(
        "stored_values",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_stored_values")),
    )
    op.create_index("ix_stored_values_changed", "stored_values", ["changed_us"], unique=False)
    op.create_table(
        "stored_value_moves",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_stored_value_moves")),
    )
    op.create_index(op.f("ix_stored_value_moves_number"), "stored_value_moves", ["number"], unique=False)
    op.create_table(
        "gift_card_tenders",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_gift_card_tenders")),
    )
    op.create_index(op.f("ix_gift_card_tenders_reference"), "gift_card_tenders", ["reference"], unique=False)


def _kept_beside_the_books() -> None:
    """Make the tables that the books tie to: fees, goods sold off, cash moved."""
    op.create_table(
        "return_fees",
        sa.Column("return_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("rate_ppm", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("return_id", "n", name=op.f("pk_return_fees")),
    )
    op.create_table(
        "sold_off",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("proceeds_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("rate_ppm", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_sold_off")),
    )
    op.create_table(
        "cash_moves",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", name=op.f("pk_cash_moves")),
    )
    op.create_index(op.f("ix_cash_moves_session_id"), "cash_moves", ["session_id"], unique=False)


def _map_purposes() -> None:
    """Give companies that keep books already the new purposes, where the account is theirs still."""
    op.execute(
        "INSERT INTO accounts (entity, account, name, kind)"
        " SELECT DISTINCT known.entity, '6160', 'Petty cash of stores', 'expense'"
        " FROM account_mapping AS known"
        " WHERE NOT EXISTS (SELECT 1 FROM accounts AS mine"
        " WHERE mine.entity = known.entity AND mine.account = '6160')"
    )
    for purpose, account in PURPOSES:
        op.execute(
            sa.text(
                "INSERT INTO account_mapping (entity, purpose, account)"
                " SELECT a.entity, :purpose, a.account FROM accounts AS a WHERE a.account = :account"
                " AND NOT EXISTS (SELECT 1 FROM account_mapping AS known"
                " WHERE known.entity = a.entity AND known.purpose = :purpose)"
            ).bindparams(sa.bindparam("purpose", purpose, sa.Text), sa.bindparam("account", account, sa.Text))
        )
