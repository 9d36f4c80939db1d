"""The tables of the fleet and of the wire.

`streams` is how far each incarnation's stream is applied; its cursor (`upto`, `head`) moves only in the
transaction that applies the events. `link_sessions` outlives the process, so that a restarted hub goes on
where it was. `directives` is the outbox: a row is `sent` in a committed transaction before it is published,
so what was never marked sent can be taken back with certainty.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup, metadata

CURRENT: Final = "current"
CLOSED: Final = "closed"
REJECTED: Final = "rejected"

locations: Final = sa.Table(
    "locations",
    metadata,
    sa.Column("location_id", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False, server_default="main"),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("token_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("mqtt_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("kind IN ('store', 'warehouse')", name="kind"),
    sa.CheckConstraint("status IN ('active', 'revoked')", name="status"),
)

streams: Final = sa.Table(
    "streams",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("inc", sa.Text, primary_key=True),
    sa.Column("upto", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("oldest_ms", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("state", sa.Text, nullable=False, server_default=CURRENT),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False, server_default="0"),
    sa.Column("safe", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('current', 'closed', 'rejected')", name="state"),
)

link_sessions: Final = sa.Table(
    "link_sessions",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("inc", sa.Text, primary_key=True),
    sa.Column("sess", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False, server_default=""),
    sa.Column("software", sa.Text, nullable=False, server_default=""),
    sa.Column("drain_only", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("skew_us", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("opened_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
)

directives: Final = sa.Table(
    "directives",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("hub_inc", sa.Text, primary_key=True),
    sa.Column("cseq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
    sa.Column("code", sa.Text, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("expires_us", sa.BigInteger),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("sent_us", sa.BigInteger),
    sa.Column("answered_us", sa.BigInteger),
    sa.CheckConstraint("state IN ('queued', 'sent', 'answered', 'withdrawn')", name="state"),
    sa.Index("ix_directives_state", "state", "edge"),
)

blobs: Final = sa.Table(
    "blobs",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.Column("edge", sa.Text, nullable=False),
    sa.Column("arrived_us", sa.BigInteger, nullable=False),
)

hub_meta: Final = sa.Table(
    "hub_meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

heartbeats: Final = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("inc", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("arrived_us", sa.BigInteger, nullable=False),
)
"""The latest word of each edge about itself; older ones are worth nothing."""

leases: Final = sa.Table(
    "leases",
    metadata,
    sa.Column("edge", sa.Text, primary_key=True),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
)
"""Which process of the hub serves a location; whoever takes one over raises its fence (`hub.link.leases`)."""

workers: Final = sa.Table(
    "workers",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("seen_us", sa.BigInteger, nullable=False),
)
"""The processes of the hub, and when each last said that it is there."""


_LOCATION: Final = Lookup(sa.select(locations).where(locations.c.location_id == sa.bindparam("of")))
_META: Final = Lookup(sa.select(hub_meta.c.value).where(hub_meta.c.key == sa.bindparam("of")))
_LOCATIONS: Final = Lookup(sa.select(locations).order_by(locations.c.location_id))
_STREAM: Final = Lookup(
    sa.select(streams).where(streams.c.edge == sa.bindparam("of"), streams.c.inc == sa.bindparam("life"))
)
_CURRENT_STREAM: Final = Lookup(
    sa.select(streams).where(streams.c.edge == sa.bindparam("of"), streams.c.state == CURRENT)
)


def location(connection: Connection, location_id: str) -> sa.Row[Any] | None:
    """Return one location, or None when nobody registered it."""
    return _LOCATION.first(connection, of=location_id)


def all_locations(connection: Connection) -> Sequence[sa.Row[Any]]:
    """Return every location, by name of its edge."""
    return _LOCATIONS.all(connection)


def stream(connection: Connection, edge: str, inc: str) -> sa.Row[Any] | None:
    """Return how far one incarnation's stream is applied, or None when it never said HELLO."""
    return _STREAM.first(connection, of=edge, life=inc)


def current_stream(connection: Connection, edge: str) -> sa.Row[Any] | None:
    """Return the stream of the incarnation that counts today."""
    return _CURRENT_STREAM.first(connection, of=edge)


def blob(connection: Connection, sha256: str) -> bytes | None:
    """Return the bytes of an event that came over HTTPS."""
    found: bytes | None = connection.execute(
        sa.select(blobs.c.bytes).where(blobs.c.sha256 == sha256)
    ).scalar()
    return found


def meta(connection: Connection, key: str) -> str | None:
    """Return one fact that the hub keeps about itself."""
    found: str | None = _META.scalar(connection, of=key)
    return found
