"""The tables of the record: the log, who it touches, what was set aside, and the orders folded from it.

`events` is the truth and is in apply order, which is commit order: the counter `apply_order` is taken with a
lock that is held until COMMIT. All other tables here can be made anew from it. The chain hash of every event
is kept, of those set aside too, because a Z is sealed over the hashes of its range.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

APPLY_ORDER: Final = "apply_order"

counters: Final = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

events: Final = sa.Table(
    "events",
    metadata,
    sa.Column(
        "apply_order",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("inc", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("v", sa.Integer, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("arrived_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("edge", "inc", "seq", name="uq_events_stream"),
)

event_subjects: Final = sa.Table(
    "event_subjects",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

parked: Final = sa.Table(
    "parked",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("inc", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("subjects", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.Column("arrived_us", sa.BigInteger, nullable=False),
    sa.Column("park_order", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("settled_us", sa.BigInteger),
    sa.CheckConstraint("state IN ('parked', 'replayed', 'discarded')", name="state"),
    sa.Index("ix_parked_state", "state", "park_order"),
)
"""`park_order` is the place in the line of all that was ever set aside, whichever store it came from."""

parked_subjects: Final = sa.Table(
    "parked_subjects",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("inc", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
)
"""What may not be touched until an event that was set aside is settled."""

orders: Final = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("till", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("total_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("change_minor", sa.BigInteger, nullable=False),
    sa.Column("rounding_minor", sa.BigInteger, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("paid_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
"""`apply_order` is that of the sale, `version` that of the newest event of the order."""

order_lines: Final = sa.Table(
    "order_lines",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("list_price_minor", sa.BigInteger, nullable=False),
    sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
    sa.Column("unit_price_exact", sa.Text, nullable=False),
    sa.Column("line_discount_minor", sa.BigInteger, nullable=False),
    sa.Column("order_discount_minor", sa.BigInteger, nullable=False),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("fulfilled", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("returned", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_tax_minor", sa.BigInteger, nullable=False),
    sa.Column("returned_cost_minor", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

order_tenders: Final = sa.Table(
    "order_tenders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("tendered_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("last4", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

returns: Final = sa.Table(
    "returns",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("order_number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("till", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("total_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("apply_order", sa.BigInteger, nullable=False),
    sa.CheckConstraint("kind IN ('return', 'void')", name="kind"),
)

return_lines: Final = sa.Table(
    "return_lines",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("to_bucket", sa.Text, nullable=False),
)

return_fees: Final = sa.Table(
    "return_fees",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
)
"""What was kept of a refund for a line, tax inside."""

return_tenders: Final = sa.Table(
    "return_tenders",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("last4", sa.Text, nullable=False),
)
