"""Periods and their close, the chain of journals, mappings that change, settlements, whose an entry is."""

import hashlib
from typing import Final

import orjson
import sqlalchemy as sa
from alembic import op

revision: Final = "0012"
down_revision: Final = "0011"
branch_labels: Final = None
depends_on: Final = None

GUARDS: Final = {
    "sqlite": (
        """CREATE TRIGGER journals_period BEFORE INSERT ON journals
    WHEN EXISTS (SELECT 1 FROM periods WHERE entity = NEW.entity AND period = substr(NEW.posting_date, 1, 7)
                 AND state IN ('closed', 'hard_locked'))
    BEGIN SELECT RAISE(ABORT, 'period is closed'); END""",
        """CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain
    BEGIN SELECT RAISE(ABORT, 'the chain is immutable'); END""",
        """CREATE TRIGGER chain_no_delete BEFORE DELETE ON chain
    BEGIN SELECT RAISE(ABORT, 'the chain is immutable'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION ledger_period() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT 1 FROM periods WHERE entity = NEW.entity AND period = substr(NEW.posting_date, 1, 7)
                 AND state IN ('closed', 'hard_locked')) THEN
        RAISE EXCEPTION 'period is closed' USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$""",
        """CREATE TRIGGER journals_period BEFORE INSERT ON journals
    FOR EACH ROW EXECUTE FUNCTION ledger_period()""",
        """CREATE TRIGGER chain_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON chain
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_immutable()""",
    ),
}
PURPOSES: Final = (
    ("tender.store_credit", "2120"),
    ("tender.gift_card", "2130"),
    ("safe", "1010"),
    ("in_transit_cash", "1020"),
    ("bank", "1030"),
    ("marketplace", "1110"),
    ("reserve", "1120"),
    ("disputes", "1210"),
    ("inventory.shipped", "1350"),
    ("right_to_recover", "1370"),
    ("input_tax", "1450"),
    ("store_credit", "2120"),
    ("gift_cards", "2130"),
    ("expected_returns", "2140"),
    ("exchange", "2150"),
    ("commissions_payable", "2300"),
    ("restocking_fees", "4200"),
    ("breakage", "4210"),
    ("sales.abroad", "4400"),
    ("cogs.abroad", "5020"),
    ("write_down", "5120"),
    ("repair", "5140"),
    ("commissions", "6000"),
    ("marketplace_fees", "6110"),
    ("payment_fees", "6120"),
    ("chargeback_losses", "6130"),
    ("goodwill", "6150"),
)
"""What the whole posting matrix needs, for entities that have their chart already."""
PIECE: Final = 2_000


def upgrade() -> None:
    """Apply."""
    _periods()
    _books()
    _settlements()
    _purposes()
    _hash_what_stands()
    bind = op.get_bind()
    for statement in GUARDS[bind.dialect.name]:
        bind.exec_driver_sql(statement)


def _periods() -> None:
    op.create_table(
        "periods",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("soft_closed_us", sa.BigInteger(), nullable=False),
        sa.Column("moved_us", sa.BigInteger(), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("difference", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'soft_closed', 'closing', 'closed', 'reopened', 'hard_locked')",
            name=op.f("ck_periods_state"),
        ),
        sa.PrimaryKeyConstraint("entity", "period", name=op.f("pk_periods")),
    )
    op.create_table(
        "period_signs",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('prepared', 'approved')", name=op.f("ck_period_signs_role")),
        sa.PrimaryKeyConstraint("entity", "period", "role", name=op.f("pk_period_signs")),
    )
    op.create_table(
        "period_gaps",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("also_by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "period", "location", name=op.f("pk_period_gaps")),
    )


def _books() -> None:
    op.create_table(
        "mapping_changes",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("apply_order", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "purpose", "apply_order", name=op.f("pk_mapping_changes")),
    )
    op.create_table(
        "chain",
        sa.Column(
            "journal_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_chain")),
    )
    op.create_table(
        "chain_heads",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("journals", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_chain_heads")),
    )
    op.add_column("entries", sa.Column("ref", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_journals_posted", "journals", ["entity", "posting_date"])


def _settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("marketplace", sa.Boolean(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payout_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("settlement_id", name=op.f("pk_settlements")),
    )
    op.create_index("ix_settlements_day", "settlements", ["entity", "paid_on"])
    op.create_table(
        "settlement_lines",
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("settlement_id", "row", name=op.f("pk_settlement_lines")),
    )
    op.create_index(op.f("ix_settlement_lines_order_id"), "settlement_lines", ["order_id"])
    op.create_table(
        "money_moves",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("other_minor", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_money_moves")),
    )
    op.create_index("ix_money_moves_reference", "money_moves", ["entity", "reference"])


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


def _hash_what_stands() -> None:
    """Give every journal that stands its place in the chain of its entity."""
    bind = op.get_bind()
    heads: dict[str, tuple[int, bytes]] = {}
    after = 0
    while rows := bind.execute(
        sa.text(
            "SELECT journal_id, event_id, entity, rule, rule_version, apply_order, location, order_id,"
            " business_date, posting_date, recorded_us, currency, memo, reverses FROM journals"
            " WHERE journal_id > :after ORDER BY journal_id LIMIT :piece"
        ),
        {"after": after, "piece": PIECE},
    ).all():
        sides: dict[int, list[list[object]]] = {}
        for journal_id, *side in bind.execute(
            sa.text(
                "SELECT journal_id, account, amount_minor, rate_ppm, ref FROM entries"
                " WHERE journal_id > :after AND journal_id <= :upto ORDER BY journal_id, n"
            ),
            {"after": after, "upto": rows[-1].journal_id},
        ):
            sides.setdefault(journal_id, []).append(side)
        made = []
        for row in rows:
            count, before = heads.get(row.entity, (0, bytes(32)))
            packed = orjson.dumps([list(row), sides.get(row.journal_id, [])])
            hashed = hashlib.sha256(before + packed).digest()
            heads[row.entity] = (count + 1, hashed)
            made.append({"journal_id": row.journal_id, "entity": row.entity, "hash": hashed})
        bind.execute(
            sa.text("INSERT INTO chain (journal_id, entity, hash) VALUES (:journal_id, :entity, :hash)"), made
        )
        after = rows[-1].journal_id
    for entity, (count, hashed) in heads.items():
        bind.execute(
            sa.text("INSERT INTO chain_heads (entity, journals, hash) VALUES (:entity, :count, :hash)"),
            {"entity": entity, "count": count, "hash": hashed},
        )
