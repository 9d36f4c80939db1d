"""The tables of counts and deliveries over all locations. Shadows of the log, but for what is on its way out.

`count_lines` has the newest pass over an item; what was posted of it stands beside. A delivery that a store
took in without an announcement is here as well, under the id of its receipt, so that one list shows all
that came.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

count_tasks: Final = sa.Table(
    "count_tasks",
    metadata,
    sa.Column("count_id", sa.Text, primary_key=True),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("asked_us", sa.BigInteger, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("closed_us", sa.BigInteger),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("items", sa.BigInteger, nullable=False),
    sa.Column("counted", sa.BigInteger, nullable=False),
    sa.Column("over", sa.BigInteger, nullable=False),
    sa.Column("short", sa.BigInteger, nullable=False),
    sa.Column("value_minor", sa.BigInteger, nullable=False),
    sa.CheckConstraint(
        "state IN ('asked', 'open', 'posted', 'undone', 'cancelled', 'refused')", name="state"
    ),
    sa.Index("ix_count_tasks_state", "state", "asked_us"),
    sa.Index("ix_count_tasks_plan", "plan_id"),
)
"""`value_minor` is what its posted differences did to the value of stock: below zero, stock was lost."""

count_lines: Final = sa.Table(
    "count_lines",
    metadata,
    sa.Column("count_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("passes", sa.Integer, nullable=False),
    sa.Column("counted", sa.BigInteger),
    sa.Column("balance", sa.BigInteger),
    sa.Column("variance", sa.BigInteger),
    sa.Column("posted", sa.BigInteger),
    sa.Column("value_minor", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger),
    sa.Index("ix_count_lines_sku", "sku"),
)

deliveries: Final = sa.Table(
    "deliveries",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("supplier", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger),
    sa.Column("told_us", sa.BigInteger, nullable=False),
    sa.Column("received_us", sa.BigInteger),
    sa.Column("numbers", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.CheckConstraint(
        "state IN ('told', 'expected', 'part', 'received', 'cancelled', 'refused')", name="state"
    ),
    sa.Index("ix_deliveries_state", "state", "told_us"),
)
"""`numbers`: the receipts it came in, with a comma between them."""

delivery_lines: Final = sa.Table(
    "delivery_lines",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("expected", sa.BigInteger, nullable=False),
    sa.Column("good", sa.BigInteger, nullable=False),
    sa.Column("damaged", sa.BigInteger, nullable=False),
    sa.Column("value_minor", sa.BigInteger, nullable=False),
)
"""`value_minor` is what the supplier is owed for what came, at the receipt's cost."""

COUNT_OPEN: Final = ("asked", "open")
"""States of a count that may still be posted."""
DELIVERY_OPEN: Final = ("told", "expected", "part")
"""States of a delivery of which something may still come."""

stock_directives: Final = sa.Table(
    "stock_directives",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("hub_inc", sa.Text, nullable=False),
    sa.Column("cseq", sa.BigInteger, nullable=False),
    sa.Column("cancel_us", sa.BigInteger),
)
"""Which directive told a location of a count or a delivery, and since when the hub wants it back."""
