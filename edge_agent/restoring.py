"""Putting a backup of a store back in its place, as a new life of the store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.context import identify
from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.journal import Identity, Journal
from edge_agent.lives import begin_life, doubt_unfinished_slips
from edge_agent.settings import EdgeSettings
from protocol.kit.backup import (
    Progress,
    check_database_of,
    check_stopped,
    copy_database,
    put_in_place,
)
from protocol.kit.marker import used_ordinal
from protocol.kit.system import SystemClock, SystemIds

_TABLES: Final = ("events", "link", "balances")
"""By these a store's database is known."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of putting a backup back."""

    ordinal: int
    """In every number that is printed from now on."""
    slips: int
    """Slips that may have been printed since the backup."""
    carried: int
    """Events of the backup that the hub may not have."""
    kept: str
    """Where the database before lies; empty when there was none."""


def restore(settings: EdgeSettings, source: Path, say: Progress, *, stamp: str) -> Restored:
    """Let a backup become the store's database; the store must not run.

    Raises:
        Refused: the file is no whole database of this store.
        Conflict: the store is running.
    """
    check_stopped("store", settings.host, settings.port)
    check_database_of("store", source, _TABLES)
    file = settings.database_file
    made = file.with_name(f"{file.name}.restored")
    made.unlink(missing_ok=True)
    copy_database(source, made, say)
    say("beginning a new life: no number is ever printed twice")
    above = used_ordinal(settings.marker)
    clock, ids = SystemClock(), SystemIds()
    database = EdgeDatabase(made)
    try:
        journal = Journal(identify(database, settings, ids), {}, clock=clock, ids=ids)

        def step(unit: EdgeUnit) -> tuple[Identity, int, int]:
            slips = doubt_unfinished_slips(unit, clock)
            new = begin_life(unit, journal, why="restored", clock=clock, ids=ids, ordinal_above=above)
            carried = unit.connection.execute("SELECT carried FROM link").fetchone()[0]
            return new, slips, int(carried)

        identity, slips, carried = database.write(step)
    finally:
        database.close()
    kept = put_in_place(made, file, stamp)
    settings.marker.unlink(missing_ok=True)
    return Restored(identity.ordinal, slips, carried, "" if kept is None else str(kept))
