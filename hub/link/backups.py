"""Backups of the hub, what they cover, and putting one back.

Each store keeps what it told the hub until a backup that is still kept covers it (`safe`): so whatever a
restored copy lacks, the stores tell again. A restore therefore loses nothing that a store said; what only the
hub knew since the backup (orders of the web, promises) is lost and named.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import hub_meta, streams
from hub.link import watch
from hub.settings import HubSettings
from protocol.errors import Refused
from protocol.kit.backup import (
    Progress,
    check_database_of,
    check_stopped,
    copy_database,
    put_in_place,
)
from protocol.kit.marker import used_ordinal
from protocol.kit.sqlite import connect

_BACKUP: Final = "backup:"
_TABLES: Final = ("hub_meta", "streams", "counters")
"""By these a hub's database is known."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One verified copy of the hub's database."""

    file: str
    size: int
    sha256: str
    at_us: int
    applied: int
    upto: dict[str, int]
    """How far each stream was applied, by `edge|inc`."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of putting a backup back."""

    applied: int
    fenced: int
    """Locations from which nothing is promised until they have said what is open."""
    kept: str
    """Where the database before lies; empty when there was none."""


def back_up(hub: Hub, target: Path, say: Progress) -> Backup:
    """Copy the hub's database while it runs, check the copy, and move `safe` on.

    Raises:
        Refused: the hub runs on PostgreSQL, which has its own tools.
        Conflict: the file exists already.
    """
    file = _sqlite_file(hub.settings)
    target = target.absolute()
    digest = copy_database(file, target, say)
    copy = connect(target, read_only=True)
    try:
        upto = {
            f"{edge}|{inc}": number
            for edge, inc, number in copy.execute("SELECT edge, inc, upto FROM streams")
        }
        applied = copy.execute("SELECT value FROM counters WHERE name = 'apply_order'").fetchone()
    finally:
        copy.close()
    made = Backup(
        file=str(target),
        size=target.stat().st_size,
        sha256=digest,
        at_us=hub.clock.now_us(),
        applied=int(applied[0]) if applied else 0,
        upto=upto,
    )
    hub.database.write(lambda unit: _remember(unit, made))
    return made


def kept_backups(connection: Connection) -> list[Backup]:
    """Return the backups that are still where they were made, the oldest first."""
    rows = connection.execute(sa.select(hub_meta.c.value).where(hub_meta.c.key.startswith(_BACKUP))).scalars()
    known = sorted((Backup(**json.loads(row)) for row in rows), key=lambda made: made.at_us)
    return [made for made in known if _is_there(made)]


def restore(settings: HubSettings, source: Path, say: Progress, *, stamp: str) -> Restored:
    """Let a backup become the hub's database, as a new life of the hub; the hub must not run.

    Raises:
        Refused: the hub runs on PostgreSQL, the file is no whole database of a hub, or a newer one.
        Conflict: the hub is running.
    """
    from hub.app import parts

    file = _sqlite_file(settings)
    check_stopped("hub", settings.host, settings.port)
    check_database_of("hub", source, _TABLES)
    above = used_ordinal(settings.marker)
    made = file.with_name(f"{file.name}.restored")
    made.unlink(missing_ok=True)
    copy_database(source, made, say)
    say("beginning a new life: every location is fenced until it has said what is open")
    beside = settings.model_copy(
        update={
            "database_url": f"sqlite:///{made}",
            "marker_file": made.with_name(f"{made.name}.marker"),
        }
    )
    hub = parts(beside)
    try:
        fenced = hub.database.write(lambda unit: watch.begin(unit, hub, why="restored", ordinal_above=above))
        with hub.database.read() as connection:
            applied = watch.applied(connection)
    finally:
        hub.database.close()
        beside.marker.unlink(missing_ok=True)
    kept = put_in_place(made, file, stamp)
    settings.marker.unlink(missing_ok=True)
    return Restored(applied, fenced, "" if kept is None else str(kept))


def promote(hub: Hub) -> int:
    """Begin a new life on the database as it is, after a failover; return how many locations are fenced."""
    above = used_ordinal(hub.settings.marker)
    return hub.database.write(lambda unit: watch.begin(unit, hub, why="promoted", ordinal_above=above))


def _remember(unit: HubUnit, made: Backup) -> None:
    connection = unit.connection
    before = kept_backups(connection)
    connection.execute(sa.delete(hub_meta).where(hub_meta.c.key.startswith(_BACKUP)))
    everything = [*before, made]
    for n, backup in enumerate(everything):
        connection.execute(
            sa.insert(hub_meta).values(key=f"{_BACKUP}{n:04d}", value=json.dumps(asdict(backup)))
        )
    for row in connection.execute(sa.select(streams.c.edge, streams.c.inc, streams.c.upto)).all():
        covered = min(backup.upto.get(f"{row.edge}|{row.inc}", 0) for backup in everything)
        mine = (streams.c.edge == row.edge) & (streams.c.inc == row.inc)
        connection.execute(sa.update(streams).where(mine).values(safe=min(covered, row.upto)))


def _is_there(made: Backup) -> bool:
    file = Path(made.file)
    return file.is_file() and file.stat().st_size == made.size


def _sqlite_file(settings: HubSettings) -> Path:
    prefix = "sqlite:///"
    if not settings.url.startswith(prefix):
        raise Refused(
            "This hub runs on PostgreSQL, which has its own tools for backups.",
            "Use those; after a restore or a failover run `orderspine hub promote` before the hub starts.",
            code="needs_sqlite",
        )
    return Path(settings.url.removeprefix(prefix))
