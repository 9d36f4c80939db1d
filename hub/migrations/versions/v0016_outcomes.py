"""What each location did with what it was asked for; sets of parameters say what a default said before.

A set keeps only what is not as by default. The defaults of splitting have changed, and a set that somebody
has let count must go on saying what it said.
"""

import hashlib
import json
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0016"
down_revision: Final = "0015"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accept_history",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("newest_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location", "category", name=op.f("pk_accept_history")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_accept_history_category", "accept_history", ["category"], unique=False)
    _say_old_defaults()


def _say_old_defaults() -> None:
    connection = op.get_bind()
    sets = sa.table("routing_sets", sa.column("version"), sa.column("body"), sa.column("digest"))
    for row in connection.execute(sa.select(sets.c.version, sets.c.body)).all():
        said = json.loads(row.body)
        said["general"] = {"max_shipments": 1, "split_minor": 0, **said.get("general", {})}
        body = json.dumps(said, separators=(",", ":"))
        digest = hashlib.sha256(body.encode()).hexdigest()
        connection.execute(
            sa.update(sets).where(sets.c.version == row.version).values(body=body, digest=digest)
        )
