"""The tables of transfers: heads, lines, what was shipped, what arrived piece by piece, cartons.

They are shadows of the log, except `transfer_directives`: which directive told a store of a transfer is live
state of the wire. A *piece* is units of one article of one receipt in one bucket; its worth is kept beside
it, because a cost that is known later changes what the piece is worth, and by how much the books move then is
the difference to what stands here.
"""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

transfers: Final = sa.Table(
    "transfers",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("send_state", sa.Text, nullable=False),
    sa.Column("receive_state", sa.Text, nullable=False),
    sa.Column("refusal", sa.Text, nullable=False),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("arrive_by_us", sa.BigInteger, nullable=False),
    sa.Column("accepted_us", sa.BigInteger),
    sa.Column("shipped_us", sa.BigInteger),
    sa.Column("acknowledged_us", sa.BigInteger),
    sa.Column("received_us", sa.BigInteger),
    sa.Column("decided_us", sa.BigInteger),
    sa.Column("closed_us", sa.BigInteger),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("transit", sa.BigInteger, nullable=False),
    sa.Column("transit_minor", sa.BigInteger, nullable=False),
    sa.Column("unmatched", sa.BigInteger, nullable=False),
    sa.Column("unmatched_minor", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("ix_transfers_source", "source", "created_us"),
    sa.Index("ix_transfers_destination", "destination", "created_us"),
    sa.Index("ix_transfers_open", "ended_us", "created_us"),
)
"""`acknowledged_us`: since when the destination knows that it comes. `arrive_by_us` 0: nobody said a day."""

transfer_lines: Final = sa.Table(
    "transfer_lines",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.Column("lent", sa.BigInteger, nullable=False),
    sa.Column("to_grant", sa.BigInteger, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("order_number", sa.Text, nullable=False),
    sa.Column("order_line_no", sa.Integer, nullable=False),
    sa.Column("assignment_id", sa.Text, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("declined", sa.BigInteger, nullable=False),
    sa.Column("picked", sa.BigInteger, nullable=False),
    sa.Column("short", sa.BigInteger, nullable=False),
    sa.Column("shipped", sa.BigInteger, nullable=False),
    sa.Column("shipped_minor", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("damaged", sa.BigInteger, nullable=False),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("matched", sa.BigInteger, nullable=False),
    sa.Column("matched_minor", sa.BigInteger, nullable=False),
    sa.Column("lost_said", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("lost_minor", sa.BigInteger, nullable=False),
    sa.Column("over_said", sa.BigInteger, nullable=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("arrival", sa.Text, nullable=False),
    sa.Index("ix_transfer_lines_sku", "sku"),
)
"""Line 0 is what nobody announced. In transit are `shipped - matched - lost` units. `arrival` is why the
destination says that units are missing."""

transfer_shipments: Final = sa.Table(
    "transfer_shipments",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False),
)

transfer_receipts: Final = sa.Table(
    "transfer_receipts",
    metadata,
    sa.Column("receipt_id", sa.Text, primary_key=True),
    sa.Column("transfer_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("cartons", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("matched_us", sa.BigInteger),
    sa.Column("undone_us", sa.BigInteger),
    sa.Column("accepted_us", sa.BigInteger),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("ix_transfer_receipts_destination", "destination", "at_us"),
)
"""`transfer_id` is empty while nobody knows what it belongs to; `cartons` is a JSON list of SSCCs."""

IS_UNEXPLAINED: Final = (
    (transfer_receipts.c.transfer_id == "")
    & transfer_receipts.c.undone_us.is_(None)
    & transfer_receipts.c.accepted_us.is_(None)
)
"""The condition that a receipt belongs to nothing, and that nobody has settled that."""

transfer_pieces: Final = sa.Table(
    "transfer_pieces",
    metadata,
    sa.Column("receipt_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line_no", sa.Integer, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("estimate_minor", sa.BigInteger, nullable=False),
    sa.Column("covered", sa.BigInteger, nullable=False),
    sa.Column("matched", sa.BigInteger, nullable=False),
    sa.Column("matched_minor", sa.BigInteger, nullable=False),
    sa.Column("open", sa.BigInteger, nullable=False),
    sa.Column("open_minor", sa.BigInteger, nullable=False),
    sa.Column("over", sa.BigInteger, nullable=False),
    sa.Column("over_minor", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("margin_minor", sa.BigInteger, nullable=False, server_default="0"),
)
"""`matched` units are explained by a shipment, `open` ones by nothing yet, `over` ones are kept as found.
`covered` of them filled stock that was below zero."""

transfer_cartons: Final = sa.Table(
    "transfer_cartons",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("sscc", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("weight_g", sa.BigInteger, nullable=False),
    sa.Column("packed_us", sa.BigInteger),
    sa.Column("shipped_us", sa.BigInteger),
    sa.Column("received_us", sa.BigInteger),
    sa.Column("received_at", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('packed', 'opened', 'shipped', 'received')", name="state"),
    sa.Index("ix_transfer_cartons_sscc", "sscc"),
)
"""A label is unique over all locations, but a store may say anything; `lines` is JSON."""

transfer_directives: Final = sa.Table(
    "transfer_directives",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("about", sa.Text, primary_key=True),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("hub_inc", sa.Text, nullable=False),
    sa.Column("cseq", sa.BigInteger, nullable=False),
)
"""Which directive told whom of a transfer, so that one that never left can be taken back with certainty."""
