"""Putting a backup of a store back in its place, as a new life of the store."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.context import identify
from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.journal import Identity, Journal
from edge_agent.lives import begin_life, doubt_unfinished_slips
from edge_agent.settings import EdgeSettings
from protocol.errors import Conflict, Refused
from protocol.kit.backup import Progress, check_database, copy_database, put_in_place, settled
from protocol.kit.marker import read_note
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock, SystemIds

_REFUSE_SECONDS: Final = 0.5


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
    _not_running(settings)
    check_database(source)
    _is_of_a_store(source)
    file = settings.database_file
    made = file.with_name(f"{file.name}.restored")
    made.unlink(missing_ok=True)
    copy_database(source, made, say)
    say("beginning a new life: no number is ever printed twice")
    note = read_note(settings.marker)
    clock, ids = SystemClock(), SystemIds()
    database = EdgeDatabase(made)
    try:
        journal = Journal(identify(database, settings, ids), {}, clock=clock, ids=ids)

        def step(unit: EdgeUnit) -> tuple[Identity, int, int]:
            slips = doubt_unfinished_slips(unit, clock)
            above = note.ordinal if note is not None else 0
            new = begin_life(unit, journal, why="restored", clock=clock, ids=ids, ordinal_above=above)
            carried = unit.connection.execute("SELECT carried FROM link").fetchone()[0]
            return new, slips, int(carried)

        identity, slips, carried = database.write(step)
    finally:
        database.close()
    connection = connect(made)
    try:
        settled(connection)
    finally:
        connection.close()
    kept = put_in_place(made, file, stamp)
    settings.marker.unlink(missing_ok=True)
    return Restored(identity.ordinal, slips, carried, "" if kept is None else str(kept))


def _not_running(settings: EdgeSettings) -> None:
    with socket.socket() as asked:
        asked.settimeout(_REFUSE_SECONDS)
        if settings.port and asked.connect_ex((settings.host, settings.port)) == 0:
            raise Conflict(
                f"The store is running on port {settings.port}.", "Stop it, then restore.", code="store_runs"
            )


def _is_of_a_store(source: Path) -> None:
    connection = connect(source, read_only=True)
    try:
        found = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('events', 'link', 'balances')"
        ).fetchone()
    finally:
        connection.close()
    if found[0] != 3:
        raise Refused(f"{source.name} is no database of a store.", "Give a file that `backup` made.")
