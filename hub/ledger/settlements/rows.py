"""The tables of settlements: one row for each payout, one for each row of its file."""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

settlements: Final = sa.Table(
    "settlements",
    metadata,
    sa.Column("settlement_id", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("marketplace", sa.Boolean, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("paid_on", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("payout_minor", sa.BigInteger, nullable=False),
    sa.Column("expected_minor", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("mapper", sa.Text, nullable=False, server_default=""),
    sa.Column("mapper_version", sa.Integer, nullable=False, server_default="0"),
    sa.Index("ix_settlements_day", "entity", "paid_on"),
)

settlement_mappers: Final = sa.Table(
    "settlement_mappers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
"""How files are read, every version from 1; the newest holds, before what came with the product."""

settlement_lines: Final = sa.Table(
    "settlement_lines",
    metadata,
    sa.Column("settlement_id", sa.Text, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("fee_minor", sa.BigInteger, nullable=False),
    sa.Column("known", sa.Boolean, nullable=False, server_default=sa.false()),
)

money_moves: Final = sa.Table(
    "money_moves",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("business_date", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("other_minor", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Index("ix_money_moves_reference", "entity", "reference"),
    sa.Index("ix_money_moves_order", "order_id"),
)
"""Deposits on their way and at the bank, disputes and how they ended; see `protocol.books.MoneyMoved`."""
