"""How every SQLite file of this project is opened.

WAL and FULL: a sale whose receipt was printed must survive a power cut, and readers never wait for the
writer. One connection writes (see `protocol.kit.writer`); readers are `query_only` and never checkpoint,
because SQLite before 3.51.3 could corrupt a WAL file when two connections wrote it at the same instant.
`pysqlite3` brings a newer SQLite than the system's; where there is no wheel for it, Python's own serves.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:  # no wheel for this platform
        import sqlite3

BUSY_MILLISECONDS: Final = 5_000
CACHE_KIBIBYTES: Final = 16_384
WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
SQLITE_VERSION: Final[str] = sqlite3.sqlite_version

__all__ = [
    "BUSY_MILLISECONDS",
    "SQLITE_VERSION",
    "WAL_LIMIT_BYTES",
    "Connection",
    "DatabaseError",
    "IntegrityError",
    "OperationalError",
    "Readers",
    "Row",
    "as_dict",
    "connect",
    "data_version",
    "sqlite3",
]

Connection = sqlite3.Connection
Row = sqlite3.Row
DatabaseError = sqlite3.DatabaseError
IntegrityError = sqlite3.IntegrityError
OperationalError = sqlite3.OperationalError


def connect(path: Path | str, *, read_only: bool = False) -> Connection:
    """Open a file with the settings that every connection of this project shares.

    Transactions are explicit (`isolation_level=None`): the writer begins them with BEGIN IMMEDIATE.
    """
    connection = sqlite3.connect(  # noqa: TID251 - this is the one place that everybody else uses
        str(path), isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
    connection.execute("PRAGMA foreign_keys = ON")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return connection
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    return connection


def data_version(connection: Connection) -> int:
    """Return a number that changes with every commit of anybody else; it says nothing to another connection.

    Whoever looks again and again at what seldom changes asks this first.
    """
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


class Readers:
    """One read-only connection for each thread that asks; closed together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[Connection] = []
        self._lock = threading.Lock()

    def get(self) -> Connection:
        """Return this thread's connection. Never hold a transaction open on it across requests."""
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = connect(self._path, read_only=True)
            self._local.connection = found
            with self._lock:
                self._all.append(found)
        return found

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Read several statements of one moment."""
        connection = self.get()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close every connection handed out."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()


def as_dict(row: Any) -> dict[str, Any]:
    """Return a row as a plain dictionary."""
    return dict(zip(row.keys(), tuple(row), strict=True))
