"""Every table of the hub in one place: the rooms keep their own, this module knows all of them.

A new database and an old one that was migrated step by step have the same schema; a test compares them.
"""

from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine

from hub.catalog import rows as catalog
from hub.database import metadata
from hub.exceptions import rows as exceptions
from hub.fleet import rows as fleet
from hub.ledger import rows as ledger
from hub.people import rows as people
from hub.spine import log
from hub.spine import rows as spine
from hub.stock import rows as stock
from hub.till import rows as till

ROOMS: Final = (catalog, exceptions, fleet, ledger, people, log, spine, stock, till)
MIGRATIONS: Final = Path(__file__).parent / "migrations"


def create_schema(engine: Engine) -> None:
    """Create every table of an empty database as the code knows it today."""
    metadata.create_all(engine)
