"""The tables of store days: sessions, cash that moved, and closes, each added up again."""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

till_sessions: Final = sa.Table(
    "till_sessions",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("till", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("float_minor", sa.BigInteger, nullable=False),
    sa.Column("opened_us", sa.BigInteger, nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
    sa.Column("counts", sa.Integer, nullable=False),
    sa.Column("counted_minor", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("closed_us", sa.BigInteger),
    sa.Column("z_number", sa.BigInteger),
    sa.Index("ix_till_sessions_day", "location", "business_date"),
)

zs: Final = sa.Table(
    "zs",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("till", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("z_number", sa.BigInteger, nullable=False),
    sa.Column("inc", sa.Text, nullable=False),
    sa.Column("first_seq", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("range_hash", sa.Text, nullable=False),
    sa.Column("totals", sa.Text, nullable=False),
    sa.Column("tenders", sa.Text, nullable=False),
    sa.Column("recomputed", sa.Text, nullable=False),
    sa.Column("matches", sa.Boolean, nullable=False),
    sa.Column("difference_minor", sa.BigInteger, nullable=False),
    sa.Column("closed_us", sa.BigInteger, nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.Index("ix_zs_day", "business_date", "location"),
)
"""`totals` is what the store said, `recomputed` what the hub added up from the events it applied."""

cash_moves: Final = sa.Table(
    "cash_moves",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("session_id", sa.Text, nullable=False, index=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""Cash that went into a drawer or out of it without a sale; see `protocol.events.CashMoved`."""

audit_rules: Final = sa.Table(
    "audit_rules",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""The rules of the audit, whole, by their place in the log; without any the defaults hold."""

audit_hits: Final = sa.Table(
    "audit_hits",
    metadata,
    sa.Column("hit_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, nullable=False, index=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("test", sa.Text, nullable=False),
    sa.Column("bound", sa.BigInteger, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_us", sa.BigInteger),
    sa.Column("journal_id", sa.BigInteger),
    sa.CheckConstraint("state IN ('open', 'corrected', 'overridden', 'escalated')", name="state"),
    sa.Index("ix_audit_hits_state", "state", "business_date"),
)
"""What a rule hit in a closed session; `by` is who did it, `decided_by` who looked."""

UNDECIDED: Final = ("open", "escalated")
