"""The tables of the books, and what the database itself refuses.

Entries are inserted first and their journal last: the foreign key waits until COMMIT, and a trigger on the
journal sums its entries. So an unbalanced or empty journal cannot exist, nothing can be added to one that
stands, nothing of it can be changed or deleted, and nothing enters a closed period, whoever holds the
connection. On PostgreSQL the sum is
checked at COMMIT, for journals and for entries, which also covers two transactions that write at once.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

accounts: Final = sa.Table(
    "accounts",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.CheckConstraint("kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name="kind"),
)

account_mapping: Final = sa.Table(
    "account_mapping",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["entity", "account"], ["accounts.entity", "accounts.account"], name="fk_account_mapping_account"
    ),
)
"""What the posting rules call `sales` or `tender.cash` is an account of the company's choice.

Here is what an entity began with; what was mapped elsewhere since stands in `mapping_changes`.
"""

mapping_changes: Final = sa.Table(
    "mapping_changes",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account", sa.Text, nullable=False),
)
"""The account of a purpose from an event on: books made anew post to the account that served then."""

entity_terms: Final = sa.Table(
    "entity_terms",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tax_at_payment", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""How an entity keeps its books, every version; the newest holds."""

journals: Final = sa.Table(
    "journals",
    metadata,
    sa.Column(
        "journal_id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("posting_date", sa.Text, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("memo", sa.Text, nullable=False),
    sa.Column("reverses", sa.BigInteger),
    # The event first, because this is also how the journals of an event are found.
    sa.UniqueConstraint("event_id", "entity", "rule", name="uq_journals_posting"),
    sa.Index("ix_journals_posted", "entity", "posting_date"),
)

entries: Final = sa.Table(
    "entries",
    metadata,
    sa.Column(
        "journal_id",
        sa.BigInteger,
        sa.ForeignKey(
            "journals.journal_id", deferrable=True, initially="DEFERRED", name="fk_entries_journal_id"
        ),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer),
    sa.Column("ref", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("amount_minor <> 0", name="amount"),
    sqlite_with_rowid=False,
)
"""`ref` says whose side it is where the account alone does not: another entity, a payment service, a bag."""

chain: Final = sa.Table(
    "chain",
    metadata,
    sa.Column(
        "journal_id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)
"""The hash of a journal over itself and the one before it of its entity; see `hub.ledger.chain`."""

chain_heads: Final = sa.Table(
    "chain_heads",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("journals", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

SQLITE_GUARDS: Final = (
    """CREATE TRIGGER journals_balance BEFORE INSERT ON journals
    WHEN coalesce((SELECT sum(amount_minor) FROM entries WHERE journal_id = NEW.journal_id), 1) <> 0
    BEGIN SELECT RAISE(ABORT, 'journal does not balance or is empty'); END""",
    """CREATE TRIGGER entries_sealed BEFORE INSERT ON entries
    WHEN EXISTS (SELECT 1 FROM journals WHERE journal_id = NEW.journal_id)
    BEGIN SELECT RAISE(ABORT, 'journal is sealed'); END""",
    """CREATE TRIGGER journals_no_update BEFORE UPDATE ON journals
    BEGIN SELECT RAISE(ABORT, 'journals are immutable'); END""",
    """CREATE TRIGGER journals_no_delete BEFORE DELETE ON journals
    BEGIN SELECT RAISE(ABORT, 'journals are immutable'); END""",
    """CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END""",
    """CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END""",
    """CREATE TRIGGER journals_period BEFORE INSERT ON journals
    WHEN EXISTS (SELECT 1 FROM periods WHERE entity = NEW.entity AND period = substr(NEW.posting_date, 1, 7)
                 AND state IN ('closed', 'hard_locked'))
    BEGIN SELECT RAISE(ABORT, 'period is closed'); END""",
    """CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain
    BEGIN SELECT RAISE(ABORT, 'the chain is immutable'); END""",
    """CREATE TRIGGER chain_no_delete BEFORE DELETE ON chain
    BEGIN SELECT RAISE(ABORT, 'the chain is immutable'); END""",
)

POSTGRES_GUARDS: Final = (
    """CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF coalesce((SELECT sum(amount_minor) FROM entries WHERE journal_id = NEW.journal_id), 1) <> 0 THEN
        RAISE EXCEPTION 'journal does not balance or is empty' USING ERRCODE = 'check_violation';
      END IF;
      RETURN NULL;
    END $$""",
    """CREATE FUNCTION ledger_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT 1 FROM journals WHERE journal_id = NEW.journal_id) THEN
        RAISE EXCEPTION 'journal is sealed' USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$""",
    """CREATE FUNCTION ledger_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the ledger is immutable' USING ERRCODE = 'check_violation';
    END $$""",
    """CREATE CONSTRAINT TRIGGER journals_balance AFTER INSERT ON journals
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balanced()""",
    """CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balanced()""",
    """CREATE TRIGGER entries_sealed BEFORE INSERT ON entries
    FOR EACH ROW EXECUTE FUNCTION ledger_sealed()""",
    """CREATE TRIGGER journals_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON journals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_immutable()""",
    """CREATE TRIGGER entries_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_immutable()""",
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
)


def guards(dialect: str) -> tuple[str, ...]:
    """Return the statements that make a database guard its books."""
    return SQLITE_GUARDS if dialect == "sqlite" else POSTGRES_GUARDS
