"""The tables of orders for later: what was promised, what left piece by piece, the money beside the lines.

They stand beside `orders` and `order_lines`, which have a row for each of these orders too. All of them are
shadows of the log and are made anew from it.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

later_orders: Final = sa.Table(
    "later_orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("promise", sa.Text, nullable=False),
    sa.Column("first_promise", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.Column("pickup_code", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("gift", sa.Boolean, nullable=False),
    sa.Column("provisional", sa.Boolean, nullable=False),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("requested", sa.Boolean, nullable=False),
    sa.Column("reservation_id", sa.Text, nullable=False),
    sa.Column("deposits_minor", sa.BigInteger, nullable=False),
    sa.Column("receivable_minor", sa.BigInteger, nullable=False),
    sa.Column("owed_minor", sa.BigInteger, nullable=False),
    sa.Column("deposit_taxes", sa.Text, nullable=False, server_default="{}"),
    sa.CheckConstraint("kind IN ('collect', 'ship')", name="kind"),
    sa.Index(
        "uq_later_orders_external",
        "channel",
        "external_id",
        unique=True,
        sqlite_where=sa.text("external_id <> ''"),
        postgresql_where=sa.text("external_id <> ''"),
    ),
    sa.Index("ix_later_orders_due", "due_us"),
    sa.Index("ix_later_orders_contact", "contact_id"),
)
"""`location` captured the order, which may be the hub. `requested`: a change waits for a location's answer.

`deposits_minor` is held for what has not left, `receivable_minor` is owed by the customer for what has, and
`owed_minor` is owed to the customer; below zero when money went back before its cancellation was heard of.
"""

later_lines: Final = sa.Table(
    "later_lines",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("unit_cost_minor", sa.BigInteger, nullable=False),
    sa.Column("settled_minor", sa.BigInteger, nullable=False),
    sa.Column("settled_tax_minor", sa.BigInteger, nullable=False),
)
"""What of a line's money is decided: earned by goods that left, or dropped by a cancellation."""

order_leavings: Final = sa.Table(
    "order_leavings",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("leaving_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
)
"""What left with one handover or shipment, and what it was worth, so that it can be taken back exactly.

What is taken back leaves its row: a handover that was undone whole has no units here any more.
"""

payments: Final = sa.Table(
    "payments",
    metadata,
    sa.Column("payment_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("tenders", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("till", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.Column("marketplace", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.CheckConstraint("via IN ('till', 'online')", name="via"),
)
"""Money of orders for later, in and out; `tenders` is JSON, empty for what a payment service took."""
