"""A small file outside a database that remembers how far the database had got.

A database that was restored from a backup looks healthy to itself. This file is not part of the backup, so it
shows the higher number. It may lag behind the database and never runs ahead of it: who writes it reads what
is committed first.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Note:
    """What the file says."""

    inc: str
    seq: int
    machine: str
    ordinal: int = 0
    """The highest number of a life that was printed from here."""


def read_note(path: Path) -> Note | None:
    """Return what the file says, or None when there is none that can be read."""
    try:
        said = json.loads(path.read_bytes())
        return Note(
            inc=str(said["inc"]),
            seq=int(said["seq"]),
            machine=str(said["machine"]),
            ordinal=int(said.get("ordinal", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def used_ordinal(path: Path) -> int:
    """Return the highest number of a life that was printed, as far as the file knows; 0 without one."""
    note = read_note(path)
    return 0 if note is None else note.ordinal


def write_note(path: Path, note: Note) -> None:
    """Replace the file so that a power cut leaves the old or the new one, whole."""
    beside = f"{path}.new"
    try:
        file = os.open(beside, _NEW)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(beside, _NEW)
    try:
        os.write(file, json.dumps(asdict(note)).encode())
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
