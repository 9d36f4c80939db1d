"""Every table of the hub in one place, and how a database gets to the schema of today.

A new database and an old one that was migrated step by step have the same schema; a test compares them. The
migrations are applied under a lock, so that two processes that start together do not both apply them.
"""

from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from hub import offers, once
from hub.capture import rows as capture
from hub.catalog import rows as catalog
from hub.channels import rows as channels
from hub.checks import rows as checks
from hub.commissions import rows as commissions
from hub.customers import rows as customers
from hub.database import begin_writing, metadata
from hub.digest import rows as digest
from hub.exceptions import rows as exceptions
from hub.fleet import rows as fleet
from hub.flow import rows as flow
from hub.fulfil import rows as fulfil
from hub.holds import rows as holds
from hub.ledger import rows as ledger
from hub.ledger.between import rows as between
from hub.ledger.close import rows as closing
from hub.ledger.settlements import rows as settlements
from hub.notify import rows as notify
from hub.payments import rows as payments
from hub.people import rows as people
from hub.returns import rows as returns
from hub.route import rows as route
from hub.route.facts import rows as routing_facts
from hub.spine import later_rows, log, payment_rows
from hub.spine import rows as spine
from hub.stock import claim_rows as stock_claims
from hub.stock import rows as stock
from hub.stock import task_rows as stock_tasks
from hub.stored_value import rows as stored_value
from hub.till import rows as till
from hub.transfers import rows as transfers
from protocol.errors import Refused

ROOMS: Final = (
    between,
    capture,
    catalog,
    channels,
    checks,
    closing,
    commissions,
    customers,
    digest,
    exceptions,
    fleet,
    flow,
    fulfil,
    holds,
    later_rows,
    ledger,
    log,
    notify,
    offers,
    once,
    payment_rows,
    payments,
    people,
    returns,
    route,
    routing_facts,
    settlements,
    spine,
    stock,
    stock_claims,
    stock_tasks,
    stored_value,
    till,
    transfers,
)
MIGRATIONS: Final = Path(__file__).parent / "migrations"
MIGRATION_LOCK: Final = 7_317_003


def create_schema(engine: Engine) -> None:
    """Create every table of an empty database as the code knows it today; for rebuilds, tests, benchmarks."""
    with engine.begin() as connection:
        for statement in _definitions(engine.dialect.name):
            connection.exec_driver_sql(statement)


@cache
def _definitions(dialect: str) -> tuple[str, ...]:
    """Return the statements that make the tables; to write them takes much longer than to run them."""
    written: list[str] = []

    def write(definition: sa.schema.ExecutableDDLElement, *_parameters: object) -> None:
        written.append(str(definition.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine(f"{dialect}://", write)
    metadata.create_all(engine, checkfirst=False)
    return (*written, *ledger.guards(dialect))


def upgrade(engine: Engine, revision: str = "head") -> bool:
    """Apply the migrations that a database lacks; return whether there were any.

    Raises:
        Refused: the database is newer than this program.
    """
    with engine.connect() as connection, begin_writing(connection):
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        before = version(connection)
        if revision == "head" and before == newest_version():
            return False
        config = _config()
        config.attributes["connection"] = connection
        if before is not None and before not in _known(config):
            raise Refused(
                "This database was made by a newer version of the hub.",
                "Install that version, or restore a backup from before the upgrade.",
                code="newer_database",
                revision=before,
            )
        command.upgrade(config, revision)
    return True


def version(connection: Connection) -> str | None:
    """Return the newest migration that was applied, None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def newest_version() -> str:
    """Return the newest migration that this program has."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
