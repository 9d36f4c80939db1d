"""Runs a migration on the connection that `hub.schema.upgrade` holds; Alembic imports this file.

There is no configuration file: the connection and its transaction are the caller's.
"""

from alembic import context

from hub.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
