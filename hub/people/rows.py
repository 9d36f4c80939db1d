"""The tables `people`, `sign_ins` and `api_tokens`. Secrets are kept as hashes only."""

from typing import Final

import sqlalchemy as sa

from hub.database import metadata

people: Final = sa.Table(
    "people",
    metadata,
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("role IN ('ops', 'finance', 'admin')", name="role"),
)

sign_ins: Final = sa.Table(
    "sign_ins",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("people.person_id"), nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
)

api_tokens: Final = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("revoked_us", sa.BigInteger),
    sa.CheckConstraint("role IN ('ops', 'finance', 'admin')", name="role"),
)
