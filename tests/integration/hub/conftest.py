"""A hub on SQLite and on PostgreSQL: every storage test runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.context import Hub
from hub.database import HubDatabase
from hub.schema import create_schema
from tests.support.hub import hub_of
from tests.support.postgres import Postgres
from tests.support.store_day import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store of its own, which takes in what customers send back."""
    running = Store(tmp_path)
    yield running
    running.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start PostgreSQL once."""
    server = Postgres()
    server.make_template(create_schema)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def hub_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDatabase]:
    """Return a fresh database with the hub's schema."""
    if request.param == "sqlite":
        database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
        create_schema(database.engine)
        yield database
        database.close()
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    database = HubDatabase(url)
    yield database
    database.close()
    server.drop(url)


@pytest.fixture
def hub(hub_database: HubDatabase) -> Hub:
    """Return a hub around it."""
    return hub_of(hub_database)
