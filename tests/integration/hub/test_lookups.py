"""Small questions and changes that are compiled once: the same as the usual way, on both databases."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hub.database import Change, HubDatabase, HubUnit, Lookup, before_each
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

ADD = Change(sa.insert(hub_meta))
MOVE = Change(
    sa.update(hub_meta)
    .where(hub_meta.c.key > sa.bindparam("above"))
    .values(value=hub_meta.c.value + sa.bindparam("more"))
)


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

    assert (before, after) == ([], [])


def test_a_failure_is_that_of_the_usual_way(hub_database: HubDatabase) -> None:
    with hub_database.read() as connection, pytest.raises(sa.exc.DBAPIError, match="of_nobody"):
        BROKEN.all(connection)


def test_a_change_is_made_and_says_how_many_rows_it_met(hub_database: HubDatabase) -> None:
    def step(unit: HubUnit) -> tuple[int, int]:
        ADD.run_each(unit.connection, [{"key": key, "value": "1"} for key in "abc"])
        met = MOVE.run(unit.connection, above="a", more="2")
        return met, MOVE.run(unit.connection, above="c", more="3")

    assert hub_database.write(step) == (2, 0)
    with hub_database.read() as connection:
        found = connection.execute(sa.select(hub_meta.c.value).order_by(hub_meta.c.key)).scalars().all()
    assert found == ["1", "12", "12"]


def test_a_row_that_is_there_already_is_not_counted(hub_database: HubDatabase) -> None:
    insert = (sqlite if hub_database.is_sqlite else postgresql).insert(hub_meta).on_conflict_do_nothing()
    claim = Change(insert)

    def step(unit: HubUnit) -> list[int]:
        return [claim.run(unit.connection, key="a", value=value) for value in ("first", "second")]

    assert hub_database.write(step) == [1, 0]


def test_values_are_stored_as_the_usual_way_stores_them(hub_database: HubDatabase) -> None:
    def step(unit: HubUnit) -> None:
        Change(sa.insert(link_sessions)).run(unit.connection, **SESSION)
        unit.connection.execute(sa.insert(link_sessions).values(**SESSION | {"inc": "life-2"}))

    hub_database.write(step)

    with hub_database.read() as connection:
        rows = connection.execute(sa.select(link_sessions).order_by(link_sessions.c.inc)).all()
    assert rows[0]._asdict() == rows[1]._asdict() | {"inc": "life-1"}
    assert rows[0].drain_only is True


def test_a_change_that_breaks_a_rule_fails_as_the_usual_way_and_leaves_the_unit_usable(
    hub_database: HubDatabase,
) -> None:
    def step(unit: HubUnit) -> None:
        ADD.run(unit.connection, key="a", value="first")
        with pytest.raises(sa.exc.IntegrityError), unit.savepoint():
            ADD.run(unit.connection, key="a", value="second")
        ADD.run(unit.connection, key="b", value="third")

    hub_database.write(step)

    with hub_database.read() as connection:
        assert connection.execute(sa.select(hub_meta.c.value).order_by(hub_meta.c.key)).scalars().all() == [
            "first",
            "third",
        ]


def test_whoever_looks_before_each_statement_sees_these_as_well(hub_database: HubDatabase) -> None:
    class TooLong(Exception):
        pass

    seen: list[str] = []

    def look(*_statement: object) -> None:
        seen.append("one")
        if len(seen) == 4:
            raise TooLong

    def step(unit: HubUnit) -> None:
        with before_each(unit.connection, look):
            KEYS.all(unit.connection)
            ADD.run(unit.connection, key="a", value="1")
            unit.connection.execute(sa.select(hub_meta)).all()
            with pytest.raises(TooLong):
                KEYS.all(unit.connection)
        KEYS.all(unit.connection)

    hub_database.write(step)

    assert len(seen) == 4


def _say(unit: HubUnit, *keys: str) -> None:
    unit.connection.execute(sa.insert(hub_meta), [{"key": key, "value": ""} for key in keys])
