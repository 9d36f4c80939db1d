"""The table of decisions: what was chosen for an order, and why every other location was not.

It stands beside the log and is not made anew from it: an event keeps the choice and the nearest reasons, a
row here keeps all of them, as the snapshot of that moment gave them.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

decisions: Final = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("assignment_id", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("excluded", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("ages", sa.Text, nullable=False, server_default="{}"),
    sa.CheckConstraint("outcome IN ('chosen', 'unroutable')", name="outcome"),
    sa.Index("ix_decisions_order", "order_id", "attempt"),
)
"""`excluded` is a JSON list of locations; `body` is JSON: lines, options with their cost, and reasons.

`ages` is JSON too: how many seconds ago each location that was looked at had last been heard, null for never.
What was decided rested on figures of that age.
"""
