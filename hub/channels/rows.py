"""The tables of webhooks to channels: endpoints, what each was told of each item, and deliveries.

They are live state, like the directives: nothing of them follows from the log. An endpoint's secret is never
shown again after it was made, and stands in no log, event or answer.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

channel_endpoints: Final = sa.Table(
    "channel_endpoints",
    metadata,
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("old_secret", sa.Text, nullable=False),
    sa.Column("old_until_us", sa.BigInteger, nullable=False),
    sa.Column("buffer", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('active', 'dead', 'off')", name="state"),
)
"""Where a channel is told. `dead`: it did not answer for so long that a person must look. `buffer` units of
every item are kept from it, for what it sells before it hears."""

channel_buffers: Final = sa.Table(
    "channel_buffers",
    metadata,
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("before", sa.BigInteger, nullable=False),
    sa.Column("after", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Who changed the buffer of an endpoint, and when."""

channel_items: Final = sa.Table(
    "channel_items",
    metadata,
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("said", sa.BigInteger, nullable=False),
    sa.Column("due", sa.Integer, nullable=False),
    sa.Index(
        "ix_channel_items_due",
        "endpoint_id",
        "sku",
        sqlite_where=sa.text("due = 1"),
        postgresql_where=sa.text("due = 1"),
    ),
    sqlite_with_rowid=False,
)
"""What an endpoint was told of an item (-1: nothing yet), and whether it has to be told again (1)."""

channel_deliveries: Final = sa.Table(
    "channel_deliveries",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_us", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("sent_us", sa.BigInteger),
    sa.Column("detail", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'dead')", name="state"),
    sa.Index("ix_channel_deliveries_state", "endpoint_id", "state", "next_us"),
)
"""What leaves as one request, as it was written when it was made: a repeat says the same under its own id."""

channel_places: Final = sa.Table(
    "channel_places",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("silent", sa.Text, nullable=False),
)
"""Why each location got no new promise at the last look: when that changes, everything it lent changes."""
