"""A database that was migrated step by step equals a new one."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from hub.database import HubDatabase, metadata
from hub.ledger import chain
from hub.ledger.chart import MAPPING, account_for, mapping_of, seed_chart
from hub.ledger.rows import POSTGRES_GUARDS, SQLITE_GUARDS, account_mapping
from hub.route.facts.current import book_of, digest_of
from hub.route.facts.parameters import General
from hub.route.facts.rows import routing_sets
from hub.schema import MIGRATIONS, create_schema, newest_version, upgrade, version
from hub.spine.work import Promising
from protocol.errors import Refused
from tests.support.postgres import Postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def two_empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[HubDatabase, HubDatabase]]:
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    else:
        server: Postgres = request.getfixturevalue("postgres")
        urls = [server.fresh(empty=True), server.fresh(empty=True)]
    first, second = (HubDatabase(url) for url in urls)
    yield first, second
    first.close()
    second.close()
    if request.param == "postgresql":
        for url in urls:
            server.drop(url)


def described(database: HubDatabase) -> dict[str, Any]:
    inspector = sa.inspect(database.engine)
    found: dict[str, Any] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        found[table] = {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(str(sorted(u["column_names"])) for u in inspector.get_unique_constraints(table)),
            "checks": sorted(str(c["sqltext"]) for c in inspector.get_check_constraints(table)),
            "foreign": sorted(
                str((f["name"], f["constrained_columns"])) for f in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted(
                str((i["name"], i["column_names"], i["unique"])) for i in inspector.get_indexes(table)
            ),
        }
    return found | {"guards": guards(database)}


def guards(database: HubDatabase) -> list[str]:
    query = (
        "SELECT sql FROM sqlite_master WHERE type IN ('trigger', 'table') AND name <> 'alembic_version'"
        if database.is_sqlite
        else "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal"
        " UNION ALL SELECT prosrc FROM pg_proc WHERE proname LIKE 'ledger%%'"
    )
    with database.read() as connection:
        return sorted(re.sub(r"\s+|\"", "", row[0]) for row in connection.exec_driver_sql(query))


def test_a_migrated_database_has_the_schema_of_a_new_one(two_empty: tuple[HubDatabase, HubDatabase]) -> None:
    migrated, made = two_empty
    script = ScriptDirectory(str(MIGRATIONS))
    for step in reversed([each.revision for each in script.walk_revisions()]):
        assert upgrade(migrated.engine, step)
    create_schema(made.engine)

    assert described(migrated) == described(made)
    assert set(described(made)) - {"guards"} == set(metadata.tables)
    with migrated.read() as connection:
        assert version(connection) == newest_version()
    assert upgrade(migrated.engine) is False


def test_a_database_of_a_newer_hub_is_refused_and_left_alone(
    two_empty: tuple[HubDatabase, HubDatabase],
) -> None:
    database, _other = two_empty
    upgrade(database.engine)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = described(database)

    with pytest.raises(Refused) as refusal:
        upgrade(database.engine)

    assert refusal.value.reason == "newer_database"
    assert described(database) == before


def test_the_migrations_carry_every_guard_of_the_books() -> None:
    versions = MIGRATIONS / "versions"
    text = "".join(path.read_text() for path in sorted(versions.glob("v*.py")))

    assert [guard for guard in (*SQLITE_GUARDS, *POSTGRES_GUARDS) if guard not in text] == []


def test_a_company_that_keeps_books_already_gets_the_new_purposes_and_keeps_its_own(
    two_empty: tuple[HubDatabase, HubDatabase],
) -> None:
    database, _other = two_empty
    upgrade(database.engine, "0003")
    with database.engine.begin() as connection:
        seed_chart(connection, "main")
        new = ("deposits", "receivable", "shipping_income", "gateway", "exchange", "sales.abroad")
        connection.execute(sa.delete(account_mapping).where(account_mapping.c.purpose.in_(new)))
        connection.execute(
            sa.insert(account_mapping).values(entity="main", purpose="gateway", account="1100")
        )

    upgrade(database.engine)

    with database.read() as connection:
        mapping = mapping_of(connection, "main")
    assert mapping == MAPPING | {"gateway": "1100"}
    assert account_for(mapping, "gateway.adyen") == "1100"
    assert account_for(mapping, "nothing") is None


def test_journals_that_stand_get_their_place_in_the_chain(two_empty: tuple[HubDatabase, HubDatabase]) -> None:
    database, _other = two_empty
    upgrade(database.engine, "0011")
    with database.engine.begin() as connection:
        for n in (101, 201):
            for side, amount in ((1, 500), (2, -500)):
                connection.exec_driver_sql(
                    "INSERT INTO entries (journal_id, n, account, amount_minor, rate_ppm)"
                    f" VALUES ({n}, {side}, '{1000 * side}', {amount}, NULL)"
                )
            connection.exec_driver_sql(
                f"INSERT INTO journals VALUES ({n}, 'e-{n}', 'main', 'sale', 1, {n // 100}, 'store-1', '',"
                " '2025-11-24', '2025-11-24', 1, 'GBP', '', NULL)"
            )

    upgrade(database.engine)

    with database.read() as connection:
        assert chain.broken_at(connection, "main") == 0
        assert chain.head_of(connection, "main")[0] == 2


def test_stored_routing_rules_go_on_saying_what_a_default_said_before(
    two_empty: tuple[HubDatabase, HubDatabase],
) -> None:
    database, _other = two_empty
    upgrade(database.engine, "0015")
    silent, outspoken = (
        "{}",
        '{"general":{"max_shipments":3,"demand":true},"places":[{"location":"store-1"}]}',
    )
    with database.engine.begin() as connection:
        for version_no, body in ((1, silent), (2, outspoken)):
            connection.execute(
                sa.text("INSERT INTO routing_sets VALUES (:n, 'old', :body, 0, '', 1, 'ops')"),
                {"n": version_no, "body": body},
            )

    upgrade(database.engine)

    with database.read() as connection:
        sets = {n: book_of(connection, Promising(), n).said for n in (1, 2)}
        rows = connection.execute(sa.select(routing_sets.c.body, routing_sets.c.digest)).all()
    general = {n: (said.general.max_shipments, said.general.split_minor) for n, said in sets.items()}
    assert general == {1: (1, 0), 2: (3, 0)}
    assert sets[2].general.demand
    assert [row.location for row in sets[2].places] == ["store-1"]
    assert [digest_of(row.body) for row in rows] == [row.digest for row in rows]
    assert (General().max_shipments, General().split_minor) != (1, 0)
