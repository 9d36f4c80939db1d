"""The tables of what routing knows: sets of parameters, postcodes, what was measured, replays.

None is made anew from the log except demand and outcomes: sets and postcodes are what people said.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

routing_sets: Final = sa.Table(
    "routing_sets",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("base", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
"""Every set of parameters there was; `body` is a `ParameterSet`, `base` the version it was made from."""

routing_activations: Final = sa.Table(
    "routing_activations",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
"""Which version counted from when on; the newest row counts. Version 0 is a set without rows."""

postcodes: Final = sa.Table(
    "postcodes",
    metadata,
    sa.Column("country", sa.Text, primary_key=True),
    sa.Column("postcode", sa.Text, primary_key=True),
    sa.Column("latitude_e5", sa.Integer, nullable=False),
    sa.Column("longitude_e5", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Where postcodes lie, or the beginnings of many, in hundred-thousandths of a degree."""

local_demand: Final = sa.Table(
    "local_demand",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("rate_milli", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Index("ix_local_demand_sku", "sku"),
    sqlite_with_rowid=False,
)
"""What a location's own customers buy of an item, in thousandths of a unit a day, and at which moment."""

accept_history: Final = sa.Table(
    "accept_history",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("kept", sa.BigInteger, nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.Column("newest_us", sa.BigInteger, nullable=False),
    sa.Index("ix_accept_history_category", "category"),
    sqlite_with_rowid=False,
)
"""Lines that a location was asked for and how many it packed whole, in the last season; the empty category
is all of them. A clock makes it anew from assignments."""

route_replays: Final = sa.Table(
    "route_replays",
    metadata,
    sa.Column("replay_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("left_version", sa.BigInteger, nullable=False),
    sa.Column("right_version", sa.BigInteger, nullable=False),
    sa.Column("orders", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("seen_us", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
    sa.Index("ix_route_replays_state", "state", "made_us"),
)
"""Past orders routed again under two versions. `seen_us` is when whoever works on it last said so."""
