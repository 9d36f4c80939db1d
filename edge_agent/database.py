"""The one file in which a store keeps everything.

Schema and migrations go through sqlite-utils; the paths that run on every scan use plain SQL on the same
connection, because row helpers cost nine times as much there. `EdgeDatabase` owns the single writer and
the readers; nobody else opens the file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge_agent.schema import MIGRATIONS, Migration
from protocol.kit.sqlite import Connection, Readers, connect
from protocol.kit.writer import SqliteStore, Unit, Writer

T = TypeVar("T")
EdgeUnit = Unit[Connection]


class EdgeDatabase:
    """The store's database: one writer, many readers."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.readers = Readers(path)
        self.writer: Writer[Connection] = Writer(lambda: SqliteStore(_current(path)), name="edge-writer")

    def read(self) -> Connection:
        """Return this thread's read-only connection."""
        return self.readers.get()

    def write(self, step: Callable[[EdgeUnit], T]) -> T:
        """Run a step on the writer and wait until it is durable."""
        return self.writer.run(step)

    async def awrite(self, step: Callable[[EdgeUnit], T]) -> T:
        """Run a step on the writer and await its durability."""
        return await self.writer.arun(step)

    def close(self) -> None:
        """Finish what waits and close the file."""
        self.writer.close()
        self.readers.close()


def _current(path: Path) -> Connection:
    """Open a file at today's schema; nearly always it is there, and one connection looks and stays."""
    connection = connect(path)
    if _missing(connection):
        connection.close()
        migrate(path)
        connection = connect(path)
    return connection


def _missing(connection: Connection) -> list[Migration]:
    is_new = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None
    known = set() if is_new else {row[0] for row in connection.execute("SELECT name FROM migrations")}
    return [each for each in MIGRATIONS if each[0] not in known]


def migrate(path: Path) -> list[str]:
    """Bring a file to today's schema and return the names of the migrations that ran.

    Each migration runs in one transaction together with its record, so a power cut leaves either both
    or none.
    """
    connection = connect(path)
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at TEXT NOT NULL)")
        missing = _missing(connection)
        if not missing:
            return []
        from sqlite_utils import Database  # only here, see `edge_agent.schema`

        database = Database(connection)
        ran = []
        for name, change in missing:
            connection.execute("BEGIN IMMEDIATE")
            try:
                change(database)
                connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", [name])
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            ran.append(name)
        return ran
    finally:
        connection.close()
