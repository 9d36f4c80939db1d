"""Copying a SQLite database that is in use, and believing the copy only after it was read.

SQLite's own online backup gives the state of one moment, also while others write. The copy is made beside its
place, read from end to end, made durable and only then renamed: a power cut leaves the copy before or none.
"""

import hashlib
import os
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from protocol.clock import from_us
from protocol.errors import Conflict, NotFound, Refused
from protocol.kit.sqlite import Connection, DatabaseError, connect

PAGES_AT_ONCE: Final = 2_000
_REFUSE_SECONDS: Final = 0.5
Progress = Callable[[str], None]


def copy_database(source: Path, target: Path, say: Progress) -> str:
    """Copy a database that may be in use and return the SHA-256 of the copy, which has been checked.

    Raises:
        NotFound: there is no such file.
        Conflict: the target exists already.
        Refused: the source is no database, or the copy is not whole.
    """
    if not source.is_file():
        raise NotFound(f"There is no file {source}.", "Check the path.", code="no_file")
    if target.exists():
        raise Conflict(
            f"{target} exists already.",
            "Give another name: a backup is never overwritten.",
            code="file_exists",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy(source, part, say)
        say("checking the copy")
        check_database(part)
        digest = _durable(part)
        part.rename(target)
        _sync(target.parent)
    except DatabaseError as error:
        raise Refused(
            f"{source.name} could not be copied: {error}.", "Check the file and the room on the disk."
        ) from error
    finally:
        for left in (part, part.with_name(f"{part.name}-wal"), part.with_name(f"{part.name}-shm")):
            left.unlink(missing_ok=True)
    return digest


def check_database(file: Path) -> None:
    """Read a database from end to end.

    Raises:
        NotFound: there is no such file.
        Refused: it is no database, or damaged.
    """
    if not file.is_file():
        raise NotFound(f"There is no file {file}.", "Check the path.", code="no_file")
    try:
        connection = connect(file, read_only=True)
        try:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            connection.close()
    except DatabaseError as error:
        raise Refused(f"{file.name} is no database: {error}.", "Give a file that `backup` made.") from error
    if said != "ok":
        raise Refused(f"{file.name} is damaged: {said}.", "Take another backup.", code="damaged")


def check_database_of(who: str, file: Path, tables: Collection[str]) -> None:
    """Read a database from end to end, and make sure that it is one of a `store` or of a `hub`.

    Raises:
        NotFound: there is no such file.
        Refused: it is no database, or damaged, or one without these tables.
    """
    check_database(file)
    connection = connect(file, read_only=True)
    try:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master").fetchall()}
    finally:
        connection.close()
    if not found.issuperset(tables):
        raise Refused(f"{file.name} is no database of a {who}.", "Give a file that `backup` made.")


def check_stopped(who: str, host: str, port: int) -> None:
    """Make sure that nobody serves where a `store` or a `hub` does: its file is about to be moved.

    Raises:
        Conflict: it is running.
    """
    with socket.socket() as asked:
        asked.settimeout(_REFUSE_SECONDS)
        if port and asked.connect_ex((host, port)) == 0:
            raise Conflict(
                f"The {who} is running on port {port}.", "Stop it, then restore.", code=f"{who}_runs"
            )


def stamp_of(at_us: int) -> str:
    """Return a moment as a part of a file's name."""
    return f"{from_us(at_us):%Y%m%dT%H%M%S}"


def put_in_place(made: Path, place: Path, stamp: str) -> Path | None:
    """Let a checked file become the database; return where the one before is kept, None if there was none.

    Nobody may have it open. The files beside a database (`-wal`, `-shm`) belong to it and go with it.
    """
    connection = connect(made)
    try:
        _settle(connection)
    finally:
        connection.close()
    kept = None
    for suffix in ("-wal", "-shm", ""):
        old = place.with_name(f"{place.name}{suffix}")
        if old.exists():
            moved = place.with_name(f"{place.name}.before-{stamp}{suffix}")
            old.rename(moved)
            kept = moved
    made.rename(place)
    _sync(place.parent)
    return kept


def _settle(connection: Connection) -> None:
    """Bring everything that was written into the one file, so that it can be moved by itself."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")


def _copy(source: Path, part: Path, say: Progress) -> None:
    told = -1

    def progress(_status: int, remaining: int, total: int) -> None:
        nonlocal told
        tenth = 10 * (total - remaining) // max(1, total)
        if tenth > told:
            told = tenth
            say(f"copied {10 * tenth} % of {total:,} pages")

    old, new = connect(source, read_only=True), connect(part)
    try:
        old.backup(new, pages=PAGES_AT_ONCE, progress=progress)
        _settle(new)
    finally:
        new.close()
        old.close()


def _durable(file: Path) -> str:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())
    return digest


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
