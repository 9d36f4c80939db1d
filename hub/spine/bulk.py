"""Writing many rows with statements that are compiled once.

The statements are Core, so both dialects get their own SQL; what is saved is compiling them and turning every
row into named parameters, which costs more than the database does. Rows are plain tuples in the order of the
table's columns. On PostgreSQL appended rows go by COPY, which runs the same triggers and checks.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles

from hub.database import Lookup, say_many

Rows = Sequence[tuple[Any, ...]]
COPY_FROM: Final = 8
"""From this many rows on COPY is quicker than INSERT."""


def _dialect(name: str) -> Dialect:
    if name == "sqlite":
        return sqlite.dialect()
    made: Dialect = psycopg_dialect(paramstyle="format")  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    return made


class Insert:
    """Appends rows to a table."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Rows) -> None:
        """Write the rows; nothing happens when there are none."""
        if not rows:
            return
        name = connection.dialect.name
        if name == "postgresql" and len(rows) >= COPY_FROM:
            self._copy(connection, rows)
            return
        sql = self._sql.get(name)
        if sql is None:
            sql = self._sql[name] = _text(sa.insert(self._table), self._table, name)
        say_many(connection, sql, rows)

    def _copy(self, connection: Connection, rows: Rows) -> None:
        raw: Any = connection.connection.driver_connection
        columns = ", ".join(f'"{column.name}"' for column in self._table.columns)
        with raw.cursor() as cursor, cursor.copy(f"COPY {self._table.name} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


class Upsert:
    """Appends rows, or changes those that are there: `add` sums columns, all others are replaced."""

    def __init__(self, table: sa.Table, *, add: Sequence[str] = ()) -> None:
        self._table = table
        self._add = frozenset(add)
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Rows) -> None:
        """Write the rows; nothing happens when there are none."""
        if not rows:
            return
        name = connection.dialect.name
        sql = self._sql.get(name)
        if sql is None:
            sql = self._sql[name] = self._compiled(name)
        say_many(connection, sql, rows)

    def _compiled(self, name: str) -> str:
        insert: Any = (sqlite if name == "sqlite" else postgresql).insert(self._table)
        keys = list(self._table.primary_key.columns)
        changed = {
            column.name: column + insert.excluded[column.name]
            if column.name in self._add
            else insert.excluded[column.name]
            for column in self._table.columns
            if not column.primary_key
        }
        return _text(insert.on_conflict_do_update(index_elements=keys, set_=changed), self._table, name)


class Update:
    """Changes columns of rows found by their key; a row is the new values, then the key."""

    def __init__(self, table: sa.Table, columns: Sequence[str]) -> None:
        self._table = table
        self._columns = tuple(columns)
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Rows) -> None:
        """Write the rows; nothing happens when there are none."""
        if not rows:
            return
        name = connection.dialect.name
        sql = self._sql.get(name)
        if sql is None:
            mark = "?" if name == "sqlite" else "%s"
            keys = [column.name for column in self._table.primary_key.columns]
            sets = ", ".join(f'"{column}" = {mark}' for column in self._columns)
            where = " AND ".join(f'"{key}" = {mark}' for key in keys)
            sql = self._sql[name] = f"UPDATE {self._table.name} SET {sets} WHERE {where}"  # noqa: S608 - our own names
        say_many(connection, sql, rows)


class Select:
    """Reads the rows that have one of many keys; building the statement costs more than the database does."""

    def __init__(self, statement: sa.Select[Any], column: sa.ColumnElement[str]) -> None:
        self._lookups = {
            "sqlite": Lookup(statement.where(_among_json(column, sa.bindparam("keys", type_=sa.Text)))),
            "postgresql": Lookup(
                statement.where(column == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(sa.Text))))
            ),
        }

    def run(self, connection: Connection, keys: Sequence[str], **values: Any) -> Sequence[Any]:
        """Return the rows, in the order that the statement names; `values` fill its other parameters."""
        name = connection.dialect.name
        said = json.dumps(keys) if name == "sqlite" else list(keys)
        return self._lookups[name].all(connection, keys=said, **values)

    def scalars(self, connection: Connection, keys: Sequence[str], **values: Any) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self.run(connection, keys, **values)]


class SelectPairs:
    """Reads the rows whose two text columns are each one of many keys, such as locations and items."""

    def __init__(
        self, statement: sa.Select[Any], first: sa.ColumnElement[str], second: sa.ColumnElement[str]
    ) -> None:
        text, array = sa.Text(), postgresql.ARRAY(sa.Text)
        self._lookups = {
            "sqlite": Lookup(
                statement.where(
                    _among_json(first, sa.bindparam("first", type_=text)),
                    _among_json(second, sa.bindparam("second", type_=text)),
                )
            ),
            "postgresql": Lookup(
                statement.where(
                    first == sa.any_(sa.bindparam("first", type_=array)),
                    second == sa.any_(sa.bindparam("second", type_=array)),
                )
            ),
        }

    def run(
        self, connection: Connection, first: Sequence[str], second: Sequence[str], **values: Any
    ) -> Sequence[Any]:
        """Return the rows; a pair that nobody asked for may be among them. `values` fill other parameters."""
        name = connection.dialect.name
        said = [json.dumps(keys) if name == "sqlite" else list(keys) for keys in (first, second)]
        return self._lookups[name].all(connection, first=said[0], second=said[1], **values)


class by_key(sa.sql.functions.GenericFunction[str]):  # noqa: N801 - it reads as a function in a statement
    """An aggregate: one text with the value of every key (`unpacked`), where rows would be thousands."""

    type = sa.Text()
    inherit_cache = True


@compiles(by_key, "sqlite")
def _by_key_sqlite(element: by_key, compiler: Any, **more: Any) -> str:
    return f"json_group_object({compiler.process(element.clauses, **more)})"


@compiles(by_key, "postgresql")
def _by_key_postgresql(element: by_key, compiler: Any, **more: Any) -> str:
    return f"json_object_agg({compiler.process(element.clauses, **more)})"


def unpacked(packed: Any) -> dict[str, int]:
    """Return what `by_key` gathered; PostgreSQL's driver has read it already, and has nothing for nothing."""
    if packed is None:
        return {}
    found: dict[str, int] = packed if isinstance(packed, dict) else orjson.loads(packed)
    return found


def among(
    connection: Connection, column: sa.ColumnElement[str], keys: Sequence[str]
) -> sa.ColumnElement[bool]:
    """Return the condition that a text column is one of many keys, as one parameter.

    `IN` with a parameter for each key is written out and compiled again for every batch.
    """
    if connection.dialect.name == "sqlite":
        return _among_json(column, json.dumps(keys))
    return column == sa.any_(sa.bindparam(None, list(keys), type_=postgresql.ARRAY(sa.Text)))


def _among_json(column: sa.ColumnElement[str], keys: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    each = sa.func.json_each(keys).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _text(statement: Any, table: sa.Table, name: str) -> str:
    compiled = statement.compile(
        dialect=_dialect(name), column_keys=[column.name for column in table.columns]
    )
    assert list(compiled.positiontup) == [column.name for column in table.columns]
    return str(compiled)
