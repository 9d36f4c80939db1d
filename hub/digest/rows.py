"""The tables of digests: who gets one, and which days had one."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.database import metadata
from protocol.errors import NotFound
from protocol.kit.text import _

digests: Final = sa.Table(
    "digests",
    metadata,
    sa.Column("digest_id", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("minute", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)
"""`minute` is that of the company's day, 420 for 07:00. `location` is empty except for a store's digest."""

digest_days: Final = sa.Table(
    "digest_days",
    metadata,
    sa.Column("digest_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("notice_id", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("outcome IN ('queued', 'skipped')", name="outcome"),
)
"""Its key is what makes a digest leave once, whichever process of the hub looks first."""
_MARK: Final = {
    name: dialect.insert(digest_days)
    .on_conflict_do_nothing(index_elements=[digest_days.c.digest_id, digest_days.c.day])
    .returning(digest_days.c.day)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


@dataclass(frozen=True, slots=True)
class Digest:
    """Who gets a digest, of what, and when."""

    digest_id: str
    address: str
    role: str
    location: str
    language: str
    minute: int
    active: bool
    created_us: int
    created_by: str

    @property
    def clock(self) -> str:
        """Return its minute as people write it."""
        return f"{self.minute // 60:02d}:{self.minute % 60:02d}"


def listed(connection: Connection) -> list[Digest]:
    """Return every digest, by what it is for and who gets it."""
    found = connection.execute(
        sa.select(digests).order_by(
            digests.c.role, digests.c.location, digests.c.address, digests.c.digest_id
        )
    ).mappings()
    return [Digest(**row) for row in found]


def find(connection: Connection, digest_id: str) -> Digest:
    """Return one digest.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(sa.select(digests).where(digests.c.digest_id == digest_id)).mappings().first()
    if row is None:
        raise NotFound(_("There is no such digest."), _("Look the list up again."), code="no_digest")
    return Digest(**row)


def last_days(connection: Connection) -> dict[str, date]:
    """Return the last day of each digest that had one."""
    rows = connection.execute(
        sa.select(digest_days.c.digest_id, sa.func.max(digest_days.c.day))
        .where(digest_days.c.outcome == "queued")
        .group_by(digest_days.c.digest_id)
    )
    return {row[0]: date.fromisoformat(row[1]) for row in rows}


def mark(
    connection: Connection, digest_id: str, day: date, *, outcome: str, notice_id: str, at_us: int
) -> bool:
    """Note what became of a day; False when another process was faster."""
    row = {
        "digest_id": digest_id,
        "day": day.isoformat(),
        "outcome": outcome,
        "notice_id": notice_id,
        "at_us": at_us,
    }
    return connection.execute(_MARK[connection.dialect.name], row).first() is not None


def recent(connection: Connection, digest_id: str, limit: int = 14) -> list[sa.RowMapping]:
    """Return the newest days of a digest with what became of them."""
    found = connection.execute(
        sa.select(digest_days)
        .where(digest_days.c.digest_id == digest_id)
        .order_by(digest_days.c.day.desc())
        .limit(limit)
    )
    return list(found.mappings())
