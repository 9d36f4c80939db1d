"""The tables of periods: how far each month is, who signed it, and which gaps were declared.

All of them are written by the stages of events and can be made anew from the log. A month without a row is
open, unless a later one is closed (`rules.state_of`).
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

periods: Final = sa.Table(
    "periods",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("soft_closed_us", sa.BigInteger, nullable=False),
    sa.Column("moved_us", sa.BigInteger, nullable=False),
    sa.Column("moved_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("difference", sa.Text, nullable=False),
    sa.CheckConstraint(
        "state IN ('open', 'soft_closed', 'closing', 'closed', 'reopened', 'hard_locked')", name="state"
    ),
)
"""`fingerprint` and `event_id` are those of the last close; its event has the assertions and the checks.

`difference` is JSON: by how much each account stands otherwise than when the month was closed before.
"""

period_signs: Final = sa.Table(
    "period_signs",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.CheckConstraint("role IN ('prepared', 'approved')", name="role"),
)
"""The signatures that stand; a step back takes them away, and a late journal makes them stale."""

period_gaps: Final = sa.Table(
    "period_gaps",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("upto", sa.BigInteger, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("also_by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""A store whose days two people closed over, and how far it had told until then."""

accrual_rules: Final = sa.Table(
    "accrual_rules",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""What an entity expects at the end of a month, every version; the newest holds."""

accruals: Final = sa.Table(
    "accruals",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("overridden", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.CheckConstraint("kind IN ('expected_returns', 'breakage', 'fees_expected')", name="kind"),
    sa.Index("ix_accruals_period", "entity", "period"),
)
"""What was posted of it, step by step; that it was taken back is in the journals alone."""
