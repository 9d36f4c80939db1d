"""The tables of stock: movements, balances, what they are worth, and the rights that were lent and promised.

Movements are the only writer of balances. A value is kept per bucket, because goods in quarantine are another
account than goods on the shelf.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

stock_movements: Final = sa.Table(
    "stock_movements",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("from_bucket", sa.Text, nullable=False),
    sa.Column("to_bucket", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("value_minor", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

sold_off: Final = sa.Table(
    "sold_off",
    metadata,
    sa.Column("apply_order", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("proceeds_minor", sa.BigInteger, nullable=False),
    sa.Column("tax_minor", sa.BigInteger, nullable=False),
    sa.Column("rate_ppm", sa.Integer, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""What somebody pays for goods that were liquidated, line by line of the decision; tax inside."""

balances: Final = sa.Table(
    "balances",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

stock_values: Final = sa.Table(
    "stock_values",
    metadata,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("value_minor", sa.BigInteger, nullable=False),
    sa.Column("last_unit_cost_minor", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

hub_rights: Final = sa.Table(
    "hub_rights",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("granted_seen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("finished_seen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("allocated", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("ended", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("returned", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("deficit", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("edge_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("echoed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("returned_echoed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("back_upto", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("on_hand", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("bound", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("want", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_hub_rights_sku", "sku"),
    # Every order asks what all locations have free of an item: on SQLite their rows are far apart, in this
    # index together. PostgreSQL would pay with every unit that is promised: it then writes all indexes anew.
    sa.Index(
        "ix_hub_rights_free",
        "sku",
        "location",
        "granted_seen",
        "returned",
        "allocated",
        "ended",
        "deficit",
    ).ddl_if(dialect="sqlite"),
    sa.Index(
        "ix_hub_rights_due",
        "location",
        "sku",
        sqlite_where=sa.text("version > echoed"),
        postgresql_where=sa.text("version > echoed"),
    ),
)
"""What each location has lent the hub, as the last vectors of both sides said it.

`returned_echoed` is `returned` as the location had seen it when it said its deficit, `back_upto` the level of
`returned` that it asks for, `want` the number of free units that the hub asks it for. A location is told of
rows whose `version` it has not `echoed`; they have an index of their own, because it lends 200,000 others.
"""

lending_policies: Final = sa.Table(
    "lending_policies",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
"""Every policy of lending there was; the newest counts. `body` is a `hub.stock.policy.CompanyPolicy`."""

lending_rates: Final = sa.Table(
    "lending_rates",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("rate_milli", sa.BigInteger, nullable=False),
    sa.Column("allocated", sa.BigInteger, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What is promised of an item at a location, in thousandths of a unit a day, and the cell A at that time."""

atp_changed: Final = sa.Table("atp_changed", metadata, sa.Column("sku", sa.Text, primary_key=True))
"""Items of which something else may be promised than a channel was told; written with the change itself."""

rights_epochs: Final = sa.Table(
    "rights_epochs",
    metadata,
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("ep", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("inc", sa.Text, nullable=False),
    sa.Column("hub_inc", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("since_us", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('open', 'fenced', 'told')", name="state"),
)
"""Which epoch the rights of a location belong to; one without a row lends in epoch 0.

`fenced`: one side has lost its past; nothing is promised or given back until both have said what is open.
`told`: the hub has said what the new epoch begins with (`told`), and waits until the edge has taken it over.
What `inc` had said up to `position` was said before the epoch began.
Whoever takes rights asks for `state = 'open'` in the same statement (`hub.stock.allocations`).
"""

FREE_UNITS: Final = (
    hub_rights.c.granted_seen - hub_rights.c.returned - hub_rights.c.allocated + hub_rights.c.ended
)
"""Units that a location has lent and nobody was promised: H of `protocol.rights`."""
PROMISED_UNITS: Final = hub_rights.c.allocated - hub_rights.c.ended - hub_rights.c.finished_seen
"""Units that are promised and not fulfilled yet, as far as the location has said it: U.

Both together are what it has lent (`hub.stock.rules.lent_of`).
"""


def is_fenced(location: sa.Column[str]) -> sa.Exists:
    """Return the condition that the rights of the location in a column are being re-opened."""
    return (
        sa.exists()
        .where(rights_epochs.c.location == location, rights_epochs.c.state != "open")
        .correlate(location.table)
    )


allocations: Final = sa.Table(
    "allocations",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("finished", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, nullable=False),
    sa.CheckConstraint("finished >= 0 AND ended >= 0 AND finished + ended <= units", name="units"),
    sqlite_with_rowid=False,
)
"""Who holds rights: an assignment by its id, or a checkout as `r:<reservation>:<location>`."""

reservations: Final = sa.Table(
    "reservations",
    metadata,
    sa.Column("reservation_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('active', 'used', 'released', 'expired')", name="state"),
    sa.Index("ix_reservations_state", "state", "expires_us"),
)
"""Units that a checkout holds for minutes. Only an active one has rights; `body` is what was asked for."""
