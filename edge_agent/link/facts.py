"""What a store says of itself, in HELLO and with every heartbeat. Read only."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.context import Edge
from edge_agent.link import rows
from edge_agent.link.settings import LinkSettings
from protocol.handshake import Heartbeat, Hello, Marker
from protocol.kit.sqlite import Connection
from protocol.stream import first_hash


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """How the store is at this moment."""

    disk_free_mb: int
    catalog_version: int
    exceptions_open: int


def read(connection: Connection, database: Path) -> StoreFacts:
    """Return how the store is."""
    version = connection.execute("SELECT version FROM catalog").fetchone()
    still_open = connection.execute("SELECT count(*) FROM exceptions WHERE closed_us IS NULL").fetchone()
    return StoreFacts(
        disk_free_mb=shutil.disk_usage(database.parent).free // 1_000_000,
        catalog_version=int(version[0]) if version else 0,
        exceptions_open=int(still_open[0]),
    )


def hello_of(
    edge: Edge,
    settings: LinkSettings,
    *,
    boots: tuple[str, str],
    nonce: str,
    marker: Marker,
    upto: int | None = None,
) -> Hello:
    """Return the first word on a connection; `boots` are this start of the agent and the one before.

    `upto`: speak of the history up to there only, because the hub knows another one from there on.
    """
    connection = edge.database.read()
    link, last_seq = rows.read_link(connection), rows.newest(connection)
    last_seq = last_seq if upto is None else min(last_seq, upto)
    own = edge.identity
    return Hello(
        inc=own.inc,
        boot=boots[0],
        prev_boot=boots[1],
        machine=settings.machine,
        nonce=nonce,
        last_seq=last_seq,
        head=(rows.hash_at(connection, last_seq) if last_seq else None) or first_hash(own.edge, own.inc),
        acked=min(link.acked, last_seq),
        hub_inc_seen=link.hub_inc,
        cseq_done=link.cseq_done,
        chead=link.chead,
        ep=link.ep,
        r_seen=rows.returned_seen(connection),
        granted=rows.granted(connection),
        ordinal=own.ordinal,
        was=rows.read_meta(connection, "was"),
        why=rows.read_meta(connection, "why"),
        marker=marker,
        clock_us=edge.clock.now_us(),
        software=settings.software,
        receipt_key=edge.receipt_key,
    )


def heartbeat_of(
    edge: Edge,
    settings: LinkSettings,
    *,
    sess: str,
    acked: int,
    oldest_ms: int,
    printers: Mapping[str, str],
) -> Heartbeat:
    """Return how this store is at this moment."""
    connection = edge.database.read()
    known = read(connection, edge.database.path)
    return Heartbeat(
        inc=edge.identity.inc,
        sess=sess,
        last_seq=rows.newest(connection),
        acked=acked,
        oldest_ms=oldest_ms,
        clock_us=edge.clock.now_us(),
        disk_free_mb=known.disk_free_mb,
        printers=dict(list(printers.items())[:20]),
        catalog_version=known.catalog_version,
        exceptions_open=known.exceptions_open,
        software=settings.software,
    )
