"""The tables of fulfilment: assignments with their lines, parcels, handovers, manifests.

They are shadows of the log, except `assignment_directives`: which directive told a location of an assignment
is live state of the wire, like the directives themselves.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

assignments: Final = sa.Table(
    "assignments",
    metadata,
    sa.Column("assignment_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("promise_class", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("keep_until_us", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("decision_id", sa.Text, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
    sa.Column("picker", sa.Text, nullable=False),
    sa.Column("shelf", sa.Text, nullable=False),
    sa.Column("bags", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("reroute", sa.Boolean, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("heard_us", sa.BigInteger, nullable=False),
    sa.Column("acknowledged_us", sa.BigInteger),
    sa.Column("accepted_us", sa.BigInteger),
    sa.Column("ready_us", sa.BigInteger),
    sa.Column("left_us", sa.BigInteger),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("written_off_us", sa.BigInteger),
    sa.Index("ix_assignments_location", "location", "state"),
    sa.Index("ix_assignments_state", "state", "due_us"),
)
"""`heard_us` is when something was last heard of it, by the clock of whoever said so. `reason` is why it was
given up. `state` never says `sent`: that is read from the directive (`hub.fulfil.reads`). `written_off_us` is
when a person went on without the location; it stays, whatever the location says later."""

assignment_lines: Final = sa.Table(
    "assignment_lines",
    metadata,
    sa.Column("assignment_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("picked", sa.BigInteger, nullable=False),
    sa.Column("short", sa.BigInteger, nullable=False),
    sa.Column("fulfilled", sa.BigInteger, nullable=False),
    sa.Column("given_up", sa.BigInteger, nullable=False),
)
"""`quantity = open + short + fulfilled + given_up`, as long as a location says what fits together."""

parcels: Final = sa.Table(
    "parcels",
    metadata,
    sa.Column("assignment_id", sa.Text, primary_key=True),
    sa.Column("parcel_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parcel_id", sa.Text, nullable=False),
    sa.Column("weight_g", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("tracking", sa.Text, nullable=False, index=True),
    sa.Column("shipped_us", sa.BigInteger),
    sa.Column("manifest_id", sa.Text, nullable=False),
)
"""Parcels, and the bags of a pickup desk; `lines` is JSON."""

handovers: Final = sa.Table(
    "handovers",
    metadata,
    sa.Column("handover_id", sa.Text, primary_key=True),
    sa.Column("assignment_id", sa.Text, nullable=False, index=True),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("verified", sa.Text, nullable=False),
    sa.Column("proxy", sa.Boolean, nullable=False),
    sa.Column("rest", sa.Boolean, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("undone_us", sa.BigInteger),
    sa.Column("undone_why", sa.Text, nullable=False),
)

manifests: Final = sa.Table(
    "manifests",
    metadata,
    sa.Column("manifest_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("parcels", sa.Integer, nullable=False),
    sa.Column("closed_us", sa.BigInteger, nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
)

assignment_directives: Final = sa.Table(
    "assignment_directives",
    metadata,
    sa.Column("assignment_id", sa.Text, primary_key=True),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("hub_inc", sa.Text, nullable=False),
    sa.Column("cseq", sa.BigInteger, nullable=False),
)
"""Which directive offered an assignment.

After a restore the hub numbers anew under another `hub_inc`; then nothing here can be withdrawn any more,
because what was sent before cannot be known: it has to be asked for.
"""
