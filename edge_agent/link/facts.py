"""What a heartbeat tells of the store beside the link: disk, catalogue, open exceptions. Read only."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from protocol.kit.sqlite import Connection


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
