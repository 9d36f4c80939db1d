"""What a channel said about an order, by which it is known again, and what was asked about orders since.

Both tables stand beside the log: the first is how a second message about one order is told from a new
order, the second what a person or a program waits for until a location has answered.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

captured: Final = sa.Table(
    "captured",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("external_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("digests", sa.Text, nullable=False),
    sa.Column("changed_us", sa.BigInteger, nullable=False),
)
"""`digests` is JSON: one digest for each group of fields (lines, promise, customer, note, payment)."""

order_requests: Final = sa.Table(
    "order_requests",
    metadata,
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("assignment_id", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("by_customer", sa.Boolean, nullable=False),
    sa.Column("asked_us", sa.BigInteger, nullable=False),
    sa.Column("settled_us", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.CheckConstraint("kind IN ('cancel', 'reroute', 'change')", name="kind"),
    sa.CheckConstraint("outcome IN ('', 'done', 'too_late')", name="outcome"),
)
"""One row for each assignment that was asked to be given up. `body` is JSON: `lines`, units by line that the
customer no longer wants (what else the assignment holds stays there, or goes back to routing when all of it
was asked for) with `added`, the lines that are ordered in their place, and `was_before`, true where they are
cancelled whatever the answer is; or the new `promise`."""
