"""The tables of returns that are the room's own: every policy there was, and every decision of a store."""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

return_policies: Final = sa.Table(
    "return_policies",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
"""The newest counts. `body` is a `protocol.returns.ReturnPolicy`."""

return_decisions: Final = sa.Table(
    "return_decisions",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("order_number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("total_minor", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("policy_version", sa.BigInteger, nullable=False),
    sa.Column("overridden_by", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("doubts", sa.Text, nullable=False),
    sa.Index("ix_return_decisions_at", "at_us"),
    sa.Index("ix_return_decisions_customer", "customer_id", "at_us"),
)
"""`body` is the store's `ReturnDecision`, `lines` the (SKU, reason) of each line it decided, `doubts` what
the hub found of it when it arrived."""

sold_serials: Final = sa.Table(
    "sold_serials",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("back_at", sa.Text, nullable=False),
    sa.Index("ix_sold_serials_serial", "serial"),
)
"""The serial numbers of units that were sold; `back_at` is where one came back, empty while it has not."""

receipt_keys: Final = sa.Table(
    "receipt_keys",
    metadata,
    sa.Column("public", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False, index=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
)
"""What the receipts of a store are verified with; `until_us` is when its next key came, 0 while it counts."""

mail_ins: Final = sa.Table(
    "mail_ins",
    metadata,
    sa.Column("authorisation_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("order_number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("refund", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("tracking", sa.Text, nullable=False, index=True),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("arrived_us", sa.BigInteger),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("accepted_minor", sa.BigInteger, nullable=False),
    sa.Column("advanced_minor", sa.BigInteger, nullable=False),
    sa.Column("credits", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_mail_ins_state", "state", "due_us"),
)
"""Goods that customers send back. `lines` are JSON: what was expected, taken back and refused of each line;
`accepted_minor` what the customer is owed for what was inspected, `advanced_minor` what was given before;
`credits` are the store credits that it was given as, JSON of (number, amount)."""
