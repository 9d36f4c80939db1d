"""The tables of the flow map: orders that are followed, their stays, how long stays lasted, what was lost.

They follow the log at their own pace: `counters` says how far (`COUNTER`). So the batch that takes in a
store's events never waits for them, and a hub that gets this room later counts its whole past by itself. They
are shadows of the log all the same, and are made anew and compared like all others.
"""

from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup, metadata
from hub.flow.rules import Stage, Stay, Track
from hub.spine.bulk import Insert, Select, Upsert
from hub.spine.rows import APPLY_ORDER, counters

COUNTER: Final = "flow"

flow_orders: Final = sa.Table(
    "flow_orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("placed_us", sa.BigInteger, nullable=False, index=True),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("ordered", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("fulfilled", sa.BigInteger, nullable=False),
    sa.Column("freed_minor", sa.BigInteger, nullable=False),
    sa.Column("failed_stage", sa.Text, nullable=False),
    sa.Column("failed_location", sa.Text, nullable=False),
)

flow_stays: Final = sa.Table(
    "flow_stays",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("entered_us", sa.BigInteger, nullable=False),
    sa.Column("left_us", sa.BigInteger),
    sa.Column("broken_us", sa.BigInteger, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Index("ix_flow_stays_left", "stage", "left_us"),
    sa.Index(
        "ix_flow_stays_open",
        "stage",
        "location",
        sqlite_where=sa.text("left_us IS NULL"),
        postgresql_where=sa.text("left_us IS NULL"),
    ),
    sa.Index(
        "ix_flow_stays_broken",
        "broken_us",
        sqlite_where=sa.text("broken_us > 0"),
        postgresql_where=sa.text("broken_us > 0"),
    ),
)
"""`left_us` is null while a part is there; `sku` says which goods came back, and is empty for all others."""

flow_waits: Final = sa.Table(
    "flow_waits",
    metadata,
    sa.Column("week", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
)
"""How many stays that ended in a week lasted how long; see `hub.flow.waits`. The week is the company's."""

flow_leaks: Final = sa.Table(
    "flow_leaks",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("week", sa.Text, nullable=False, index=True),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
)
"""`source` is `event:<id>` or `journal:<number>`; a loss that no single order caused has an empty number."""

TABLES: Final = (flow_orders, flow_stays, flow_waits, flow_leaks)
KEEP_ORDERS: Final = Upsert(flow_orders)
KEEP_STAYS: Final = Upsert(flow_stays)
COUNT_WAITS: Final = Upsert(flow_waits, add=["n"])
KEEP_LEAKS: Final = Insert(flow_leaks)
_COUNTERS: Final = Lookup(sa.select(counters).where(counters.c.name.in_((COUNTER, APPLY_ORDER))))
_ORDERS: Final = Select(sa.select(flow_orders), flow_orders.c.order_id)
_OPEN: Final = Select(
    sa.select(flow_stays).where(flow_stays.c.left_us.is_(None), flow_stays.c.sku == ""),
    flow_stays.c.order_id,
)
_RETURNED: Final = Select(
    sa.select(flow_stays)
    .where(flow_stays.c.left_us.is_(None), flow_stays.c.stage == Stage.RETURNED.value)
    .order_by(flow_stays.c.entered_us, flow_stays.c.since, flow_stays.c.part),
    flow_stays.c.location,
)


def position(connection: sa.Connection) -> tuple[int, int]:
    """Return how far the flow map has counted, and how far the log goes."""
    found = {row.name: int(row.value) for row in _COUNTERS.all(connection)}
    return found.get(COUNTER, 0), found.get(APPLY_ORDER, 0)


def tracks(connection: sa.Connection, order_ids: list[str]) -> dict[str, Track]:
    """Return the orders that are followed, each with the stays that it is in."""
    found = {row.order_id: Track(**row._asdict()) for row in _ORDERS.run(connection, order_ids)}
    for row in _OPEN.run(connection, list(found)):
        found[row.order_id].open[row.part] = stay_of(row)
    return found


def returned(connection: sa.Connection, locations: list[str]) -> list[Stay]:
    """Return the goods that came back to some locations and wait there, first come first."""
    return [stay_of(row) for row in _RETURNED.run(connection, locations)]


def stay_of(row: sa.Row[Any]) -> Stay:
    """Return a stay from its row."""
    values = row._asdict()
    return Stay(**{**values, "stage": Stage(values["stage"])})


def order_row(track: Track) -> tuple[Any, ...]:
    """Return the row of a track."""
    return (
        track.order_id,
        track.number,
        track.channel,
        track.origin,
        track.kind,
        track.currency,
        track.placed_us,
        track.due_us,
        track.ordered,
        track.cancelled,
        track.fulfilled,
        track.freed_minor,
        track.failed_stage,
        track.failed_location,
    )


def stay_row(stay: Stay) -> tuple[Any, ...]:
    """Return the row of a stay."""
    return (
        stay.order_id,
        stay.part,
        stay.since,
        stay.number,
        stay.stage.value,
        stay.channel,
        stay.location,
        stay.kind,
        stay.sku,
        stay.units,
        stay.cost_minor,
        stay.entered_us,
        stay.left_us,
        stay.broken_us,
        stay.how,
    )
