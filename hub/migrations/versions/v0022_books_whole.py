"""Money that is promised, offline cards, what services are asked for."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0022"
down_revision: Final = "0021"
branch_labels: Final = None
depends_on: Final = None
ACCOUNTS: Final = (("6135", "Declined cards given up", "expense"),)
PURPOSES: Final = (("declined_cards", "6135"),)


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "payments", sa.Column("marketplace", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    _promised()
    _asked()
    _audit()
    _between()
    _settlements()
    _chart()


def _promised() -> None:
    op.create_table(
        "authorisations",
        sa.Column("authorisation_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('authorised', 'captured', 'released', 'expired', 'declined')",
            name=op.f("ck_authorisations_state"),
        ),
        sa.PrimaryKeyConstraint("authorisation_id", name=op.f("pk_authorisations")),
    )
    op.create_index("ix_authorisations_state", "authorisations", ["state", "expires_us"], unique=False)
    op.create_index(op.f("ix_authorisations_order_id"), "authorisations", ["order_id"], unique=False)
    op.create_table(
        "offline_cards",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("taken_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('offline_pending', 'captured', 'voided', 'declined_late', 'paid_again',"
            " 'written_off')",
            name=op.f("ck_offline_cards_state"),
        ),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_offline_cards")),
    )
    op.create_index("ix_offline_cards_state", "offline_cards", ["state", "location"], unique=False)
    op.create_index(op.f("ix_offline_cards_order_id"), "offline_cards", ["order_id"], unique=False)


def _asked() -> None:
    op.create_table(
        "payment_asks",
        sa.Column("ask_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('authorise', 'capture', 'release', 'clear')", name=op.f("ck_payment_asks_kind")
        ),
        sa.CheckConstraint("state IN ('queued', 'done', 'failed')", name=op.f("ck_payment_asks_state")),
        sa.PrimaryKeyConstraint("ask_id", name=op.f("pk_payment_asks")),
    )
    op.create_index("ix_payment_asks_state", "payment_asks", ["state", "due_us"], unique=False)
    op.create_index(op.f("ix_payment_asks_about"), "payment_asks", ["about"], unique=False)
    op.create_index(op.f("ix_payment_asks_order_id"), "payment_asks", ["order_id"], unique=False)


def _audit() -> None:
    op.create_table(
        "audit_rules",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_audit_rules")),
    )
    op.create_table(
        "audit_hits",
        sa.Column("hit_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("bound", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_us", sa.BigInteger()),
        sa.Column("journal_id", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('open', 'corrected', 'overridden', 'escalated')", name=op.f("ck_audit_hits_state")
        ),
        sa.PrimaryKeyConstraint("hit_id", name=op.f("pk_audit_hits")),
    )
    op.create_index("ix_audit_hits_state", "audit_hits", ["state", "business_date"], unique=False)
    op.create_index(op.f("ix_audit_hits_session_id"), "audit_hits", ["session_id"], unique=False)


def _between() -> None:
    """Make the tables of trade between entities."""
    op.add_column(
        "transfer_pieces", sa.Column("margin_minor", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_table(
        "transfer_prices",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "buyer", "apply_order", name=op.f("pk_transfer_prices")),
    )
    op.create_table(
        "transfer_sales",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("rate_ppm", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('supply', 'transfer', 'kept')", name=op.f("ck_transfer_sales_kind")),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_transfer_sales")),
    )
    op.create_index("ix_transfer_sales_pair", "transfer_sales", ["supplier", "buyer"], unique=False)
    op.create_index(op.f("ix_transfer_sales_order_id"), "transfer_sales", ["order_id"], unique=False)
    op.create_table(
        "value_set_offs",
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("here", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("apply_order", "n", name=op.f("pk_value_set_offs")),
    )


def _settlements() -> None:
    op.add_column("settlements", sa.Column("mapper", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "settlements", sa.Column("mapper_version", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column(
        "settlement_lines", sa.Column("known", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "settlement_mappers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_settlement_mappers")),
    )


def _chart() -> None:
    """Give companies that keep books already the new accounts and purposes."""
    for account, name, kind in ACCOUNTS:
        op.execute(
            sa.text(
                "INSERT INTO accounts (entity, account, name, kind)"
                " SELECT DISTINCT known.entity, :account, :name, :kind FROM account_mapping AS known"
                " WHERE NOT EXISTS (SELECT 1 FROM accounts AS mine"
                " WHERE mine.entity = known.entity AND mine.account = :account)"
            ).bindparams(
                sa.bindparam("account", account, sa.Text),
                sa.bindparam("name", name, sa.Text),
                sa.bindparam("kind", kind, sa.Text),
            )
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
