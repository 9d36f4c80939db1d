"""The tables of goods that are promised before they have arrived: who waits, and what was heard first.

Live state beside the log, as rights and allocations are: an event says that an order waits (`order.waits`),
these rows say how much of it has come.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

inbound_claims: Final = sa.Table(
    "inbound_claims",
    metadata,
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("wait_id", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("transfer_id", sa.Text, nullable=False),
    sa.Column("transfer_number", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("arrived", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("promise_us", sa.BigInteger, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('open', 'used', 'ended')", name="state"),
    sa.CheckConstraint("arrived >= 0 AND arrived <= units", name="units"),
    sa.Index("ix_inbound_claims_order", "order_id", "state"),
    sa.Index("ix_inbound_claims_place", "location", "sku", "state"),
    sa.Index("ix_inbound_claims_transfer", "transfer_id", "state"),
    sa.Index("ix_inbound_claims_state", "state", "due_us"),
)
"""Units that one order waits for at one location. `wait_id` is the decision that lets it wait.

`arrived` of `units` are there: their rights are held for the order (`hub.stock.claims.owner_of_wait`). Units
that were free when it was decided stand here too, with no transfer and arrived at once, so that the rows of a
wait are all of it. `due_us` is when the transfer was expected when it was decided, `promise_us` what the
customer was told: who was promised the earliest is served first. `why` says how a claim ended.
"""

inbound_ahead: Final = sa.Table(
    "inbound_ahead",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""By how many units the rights of a location run ahead of its receipts, while something is on its way there.

A receipt is heard twice, in either order: as the rights that it lends (a vector) and as what arrived (an
event). Above zero, rights came that may be of a receipt still to be heard, so as many units of what seems to
be on its way cannot be claimed any more. Below zero, receipts were heard whose rights are still to come.
"""
