"""Without the guards of the disk: commits that do not wait for it, transactions that lock too late."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy as sa

import edge_agent.database
import hub.database
import protocol.kit.writer
from protocol.kit.sqlite import connect
from tests.simulation import seams
from tests.simulation.mutants.patch import put


def normal_at_stores() -> AbstractContextManager[Any]:
    """A store's commit does not wait for the disk."""

    def lazy(*args: Any, **said: Any) -> Any:
        connection = connect(*args, **said)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    return put(edge_agent.database, "connect", lazy)


@contextmanager
def normal_at_the_hub() -> Iterator[None]:
    """The hub's commit does not wait for the disk."""
    real = seams._engine

    def lazy(url: str) -> Any:
        engine = real(url)
        sa.event.listen(engine, "connect", _relax)
        return engine

    with put(seams, "_engine", lazy):
        yield
    for engine in seams._engines.values():
        if sa.event.contains(engine, "connect", _relax):
            sa.event.remove(engine, "connect", _relax)


def _relax(raw: Any, _record: object) -> None:
    raw.execute("PRAGMA synchronous = NORMAL")


def deferred_at_stores() -> AbstractContextManager[Any]:
    """A store's transaction takes the write lock only when it writes."""

    def begin(self: Any) -> None:
        self.connection.execute("BEGIN")

    return put(protocol.kit.writer.SqliteStore, "begin", begin)


def deferred_at_the_hub() -> AbstractContextManager[Any]:
    """The hub's transaction takes the write lock only when it writes."""
    return put(hub.database, "begin_writing", lambda connection: connection.begin())
