"""The hub's database: the same statements on SQLite (embedded) and PostgreSQL (when it grows).

Tables are SQLAlchemy Core and register themselves on `metadata`; each room keeps its own in its `rows.py`.
Writing goes through one `Writer` per process, as at the edge: steps share commits, and what follows from
a change happens after it is durable. Several hub processes need PostgreSQL.
"""

from collections import deque, namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Transaction
from sqlalchemy.pool import PoolProxiedConnection

from protocol.kit.sqlite import BUSY_MILLISECONDS, WAL_LIMIT_BYTES, sqlite3
from protocol.kit.writer import Unit, Writer

T = TypeVar("T")
HubUnit = Unit[Connection]
POOL_SIZE: Final = 8
IDLE_READERS: Final = 8
STATEMENTS: Final = 512
"""Prepared ones that each connection to SQLite keeps: a hub has more of them than the 128 it would be."""
POSTGRES_OPTIONS: Final = (
    # A process that is paused, or whose machine is gone, in the middle of a transaction would hold the lock
    # of the log, and with it every other process, for ever. The server ends its session, and it does so
    # earlier than a lease of its locations runs out (`hub.link.leases`).
    "-c idle_in_transaction_session_timeout=10s -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2"
    " -c tcp_keepalives_count=3"
)
SLOW_READER: Final = "SET LOCAL idle_in_transaction_session_timeout = '10min'"
ONE_MOMENT: Final = "REPEATABLE READ"
"""What SQLite does anyway: all that a transaction reads is as it was when its first statement ran."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def open_engine(url: str) -> Engine:
    """Return an engine for `sqlite:///path` or `postgresql+psycopg://…` with this project's settings."""
    if not url.startswith("sqlite"):
        return sa.create_engine(
            url, pool_size=POOL_SIZE, pool_pre_ping=True, connect_args={"options": POSTGRES_OPTIONS}
        )
    engine = sa.create_engine(
        url,
        module=sqlite3,
        pool_size=POOL_SIZE,
        connect_args={"check_same_thread": False, "cached_statements": STATEMENTS},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(raw: Any, _record: object) -> None:
        # SQLAlchemy must not begin transactions on its own: ours take the write lock from the start.
        raw.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_MILLISECONDS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
            "cache_size = -65536",
        ):
            raw.execute(f"PRAGMA {pragma}")

    # Not the event `begin`: an engine that has one looks for listeners six times with every statement.
    engine.dialect.do_begin = _begin  # type: ignore[assignment]  # not a method
    return engine


def of_one_moment(engine: Engine) -> Engine:
    """Return the same pool of PostgreSQL for whoever reads; it costs no word more on the wire."""
    return engine.execution_options(isolation_level=ONE_MOMENT)


def _begin(connection: PoolProxiedConnection) -> None:
    raw: Any = connection.dbapi_connection
    if not raw.in_transaction:  # else `begin_writing` has begun it
        raw.execute("BEGIN")


def begin_writing(connection: Connection) -> Transaction:
    """Begin a transaction; on SQLite it takes the write lock from the start."""
    if connection.dialect.name == "sqlite":
        _driver(connection).execute("BEGIN IMMEDIATE")
    return connection.begin()


def _driver(connection: Connection) -> Any:
    """Return the driver's own connection, for the words that SQLAlchemy would only pass on."""
    return connection.connection.dbapi_connection


_looking: Final[dict[Connection, Callable[..., None]]] = {}


@contextmanager
def before_each(connection: Connection, look: Callable[..., None]) -> Iterator[None]:
    """Call `look` before every statement of a connection, those that go straight to the driver too."""
    sa.event.listen(connection, "before_cursor_execute", look)
    _looking[connection] = look
    try:
        yield
    finally:
        del _looking[connection]
        sa.event.remove(connection, "before_cursor_execute", look)


def _look(connection: Connection) -> None:
    look = _looking.get(connection)
    if look is not None:
        look()


def say(connection: Connection, sql: str, values: Sequence[Any], *, each: bool = False) -> Any:
    """Say a statement to SQLite's own driver and return its cursor; one that fails fails as in SQLAlchemy.

    `each`: once for every row of `values`.
    """
    if _looking:
        _look(connection)
    if not connection.in_transaction():
        connection.begin()  # what is read after this is of the same moment, as it is the usual way
    driver = _driver(connection)
    try:
        return (driver.executemany if each else driver.execute)(sql, values)
    except sqlite3.Error as error:
        raise sa.exc.DBAPIError.instance(sql, values, error, sqlite3.Error) from error


def say_many(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Say a statement once for each row, as `say` does; on PostgreSQL through SQLAlchemy."""
    if connection.dialect.name == "sqlite":
        say(connection, sql, rows, each=True)
    else:
        connection.exec_driver_sql(sql, list(rows))


class AlchemyStore:
    """A `Store` over one SQLAlchemy connection.

    Every step is a savepoint, so these are set in the database's own words: they nest under one name, and an
    object for each of them costs more than the savepoint does. On SQLite they go straight to the driver; with
    PostgreSQL SQLAlchemy has to see when a connection breaks.
    """

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self._transaction: Transaction | None = None
        is_sqlite = engine.dialect.name == "sqlite"
        self._say: Callable[[str], object] = (
            _driver(self.connection).execute if is_sqlite else self.connection.exec_driver_sql
        )

    def begin(self) -> None:
        """Begin; on SQLite this takes the write lock."""
        self._transaction = begin_writing(self.connection)

    def commit(self) -> None:
        """Make it durable."""
        assert self._transaction is not None
        self._transaction.commit()
        self._transaction = None

    def rollback(self) -> None:
        """Undo everything, if anything was begun."""
        if self._transaction is not None:
            self._transaction.rollback()
            self._transaction = None

    def mark(self) -> None:
        """Set a savepoint."""
        self._say("SAVEPOINT part")

    def release(self) -> None:
        """Keep what the last savepoint began."""
        self._say("RELEASE SAVEPOINT part")

    def undo(self) -> None:
        """Undo what the last savepoint began."""
        self._say("ROLLBACK TO SAVEPOINT part")
        self._say("RELEASE SAVEPOINT part")

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


class Lookup:
    """A small question of a path that is walked with every packet: compiled once, answered with plain rows.

    On SQLite it goes straight to the driver, because SQLAlchemy's care around one statement costs ten times
    what finding one row does. PostgreSQL is further away, and is asked the usual way.
    """

    def __init__(self, statement: sa.Select[Any] | sa.CompoundSelect[Any]) -> None:
        self._statement = statement
        self._sql = ""
        self._names: tuple[str, ...] = ()
        self._given: dict[str, Any] = {}
        self._row: Any = None
        self._processed: list[tuple[int, Callable[[Any], Any]]] = []
        """Columns that the driver does not give as they are, such as what is true or not."""

    def all(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Return the rows; `values` are the statement's parameters."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        found = self._found(connection, values)
        if self._processed:
            found = [self._as_typed(row) for row in found]
        kind, made = self._row, tuple.__new__  # a named tuple's own maker is Python, and adds nothing
        return [made(kind, row) for row in found]

    def plain(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Return the rows as the driver has them, where there are thousands and none needs its names."""
        if connection.dialect.name == "sqlite":
            return self._found(connection, values)
        result = connection.execute(self._statement, values)
        rows: Sequence[Any] = result.cursor.fetchall()
        result.close()
        return rows

    def _found(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        if not self._sql:
            self._compile(connection, values)
        given = self._given | values if self._given else values
        rows: list[Any] = say(connection, self._sql, [given[name] for name in self._names]).fetchall()
        return rows

    def _as_typed(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for n, process in self._processed:
            values[n] = process(values[n])
        return values

    def first(self, connection: Connection, **values: Any) -> Any | None:
        """Return the first row, or None when there is none; the statement finds few."""
        found = self.all(connection, **values)
        return found[0] if found else None

    def scalars(self, connection: Connection, **values: Any) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self.all(connection, **values)]

    def scalar(self, connection: Connection, **values: Any) -> Any | None:
        """Return the first column of the first row, or None when there is none."""
        found = self.all(connection, **values)
        return found[0][0] if found else None

    def _compile(self, connection: Connection, values: dict[str, Any]) -> None:
        compiled: Any = self._statement.compile(dialect=connection.dialect)
        # A list is written out as so many parameters; those that are not given by each caller are kept.
        expanded = compiled.construct_expanded_state(values)
        self._names = tuple(expanded.positiontup or ())
        self._given = {name: value for name, value in expanded.parameters.items() if name not in values}
        columns = [column.key or f"column_{n}" for n, column in enumerate(self._statement.selected_columns)]
        self._row = namedtuple("Row", columns)  # type: ignore[misc]  # noqa: PYI024 - known only now
        types = [column.type.dialect_impl(connection.dialect) for column in self._statement.selected_columns]
        processors = [each.result_processor(connection.dialect, None) for each in types]
        self._processed = [(n, process) for n, process in enumerate(processors) if process is not None]
        self._sql = expanded.statement


_COUNTED: Final = {"preserve_rowcount": True}
"""SQLAlchemy says of an INSERT how many rows it met only when it is asked to."""


class Change:
    """A small INSERT, UPDATE or DELETE of such a path: compiled once, and said to SQLite's own driver."""

    def __init__(self, statement: sa.Insert | sa.Update | sa.Delete | sa.TextClause) -> None:
        self._statement = statement
        self._sql = ""
        self._names: tuple[str, ...] = ()
        self._given: dict[str, Any] = {}
        self._processors: dict[str, Callable[[Any], Any]] = {}
        """Of parameters that the driver does not take as they are, such as JSON."""

    def run(self, connection: Connection, **values: Any) -> int:
        """Make the change and return how many rows it met; `values` are always the same parameters."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values, execution_options=_COUNTED).rowcount
        if not self._sql:
            self._compile(connection, values)
        given = self._given | values
        for name, process in self._processors.items():
            given[name] = process(given[name])
        return int(say(connection, self._sql, [given[name] for name in self._names]).rowcount)

    def run_each(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Make the change for each of some parameters, in their order."""
        if connection.dialect.name != "sqlite" and rows:
            connection.execute(self._statement, rows)
            return
        for values in rows:
            self.run(connection, **values)

    def _compile(self, connection: Connection, values: dict[str, Any]) -> None:
        compiled: Any = self._statement.compile(dialect=connection.dialect, column_keys=list(values))
        expanded = compiled.construct_expanded_state(values)
        self._names, self._given = tuple(expanded.positiontup or ()), dict(expanded.parameters)
        types = {name: bind.type.dialect_impl(connection.dialect) for name, bind in compiled.binds.items()}
        found = {name: each.bind_processor(connection.dialect) for name, each in types.items()}
        self._processors = {name: process for name, process in found.items() if process is not None}
        self._sql = expanded.statement


class HubDatabase:
    """The hub's database: one writer in this process, and readers."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._reading = self.engine if self.is_sqlite else of_one_moment(self.engine)
        self.writer: Writer[Connection] = Writer(lambda: AlchemyStore(self.engine), name="hub-writer")
        self._idle: deque[Connection] = deque()
        """On SQLite: readers that nobody uses; to take one from the pool costs more than a small question."""

    @property
    def is_sqlite(self) -> bool:
        """Tell which of the two dialects this is, for the few statements that differ."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self, *, slowly: bool = False) -> Iterator[Connection]:
        """Read several statements of one moment.

        `slowly`: between two of them a long time may pass, as when a client takes its time over a long file.
        PostgreSQL then waits for ten minutes instead of ten seconds. A reader holds no lock others wait for.
        """
        if not self.is_sqlite:
            with self._reading.connect() as connection:
                if slowly:
                    connection.exec_driver_sql(SLOW_READER)
                yield connection
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.engine.connect()
        try:
            yield connection
        finally:
            connection.rollback()
            if len(self._idle) < IDLE_READERS and not connection.invalidated:
                self._idle.append(connection)
            else:
                connection.close()

    def write(self, step: Callable[[HubUnit], T]) -> T:
        """Run a step on the writer and wait until it is durable."""
        return self.writer.run(step)

    async def awrite(self, step: Callable[[HubUnit], T]) -> T:
        """Run a step on the writer and await its durability."""
        return await self.writer.arun(step)

    def close(self) -> None:
        """Finish what waits and close every connection."""
        self.writer.close()
        self.close_readers()

    def close_readers(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()
