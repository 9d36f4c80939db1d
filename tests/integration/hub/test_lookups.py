"""Small questions that are compiled once: the same answers as the usual way, on both databases."""

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit, Lookup
from hub.fleet.rows import hub_meta, link_sessions

SESSION = {
    "edge": "store-1",
    "inc": "life-1",
    "sess": "s-1",
    "nonce": "n-1",
    "boot": "b-1",
    "machine": "m-1",
    "software": "1",
    "drain_only": True,
    "skew_us": 0,
    "opened_us": 1,
    "last_us": 1,
}
OF = Lookup(sa.select(link_sessions).where(link_sessions.c.edge == sa.bindparam("of")))
KEYS = Lookup(
    sa.select(hub_meta.c.key).where(hub_meta.c.key.in_(("a", "b"))).order_by(hub_meta.c.key).limit(5)
)
BROKEN = Lookup(sa.select(sa.Table("of_nobody", sa.MetaData(), sa.Column("key", sa.Text))))


def test_rows_are_those_of_the_usual_way_with_their_names_and_types(hub_database: HubDatabase) -> None:
    hub_database.write(lambda unit: unit.connection.execute(sa.insert(link_sessions).values(**SESSION)))

    with hub_database.read() as connection:
        usual = connection.execute(sa.select(link_sessions)).one()
        found = OF.first(connection, of="store-1")
        nobody = OF.first(connection, of="store-2")

    assert found is not None
    assert found._asdict() == usual._asdict()
    assert found.drain_only is True
    assert nobody is None


def test_lists_and_limits_of_a_statement_are_part_of_it(hub_database: HubDatabase) -> None:
    hub_database.write(lambda unit: _say(unit, "a", "b", "c"))

    with hub_database.read() as connection:
        assert KEYS.scalars(connection) == ["a", "b"]
        assert KEYS.scalar(connection) == "a"


def test_two_lookups_are_of_one_moment_as_two_statements_are(hub_database: HubDatabase) -> None:
    with hub_database.read() as connection:
        before = KEYS.scalars(connection)
        hub_database.write(lambda unit: _say(unit, "a"))
        after = KEYS.scalars(connection)

    # With PostgreSQL every statement is of its own moment, however it is asked.
    assert (before, after) == ([], [] if hub_database.is_sqlite else ["a"])


def test_a_failure_is_that_of_the_usual_way(hub_database: HubDatabase) -> None:
    with hub_database.read() as connection, pytest.raises(sa.exc.DBAPIError, match="of_nobody"):
        BROKEN.all(connection)


def _say(unit: HubUnit, *keys: str) -> None:
    unit.connection.execute(sa.insert(hub_meta), [{"key": key, "value": ""} for key in keys])
