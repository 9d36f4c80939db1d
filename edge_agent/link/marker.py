"""A small file outside the database that remembers how far the database had got.

A store PC restored from a backup looks healthy to itself. This file is not part of the backup, so it shows
the higher number, and the store stops telling the hub things under numbers it has used before.
It is written at most once a second or every 64 events: it may lag behind, never run ahead.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocol.handshake import Marker

EVERY_EVENTS: Final = 64
EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Note:
    """What the file says."""

    inc: str
    seq: int
    machine: str


class MarkerFile:
    """The file, and when it was last written."""

    def __init__(self, path: Path, *, inc: str, machine: str) -> None:
        self._path = path
        self._inc = inc
        self._machine = machine
        self._seq = 0
        self._written_at = float("-inf")

    def judge(self, last_seq: int) -> Marker:
        """Return what the file says about a database that ends at `last_seq`."""
        note = read_note(self._path)
        if note is None:
            return Marker.MISSING
        if note.inc == self._inc and note.seq > last_seq:
            return Marker.ROLLED_BACK
        if note.inc == self._inc and note.machine != self._machine:
            return Marker.OTHER_MACHINE
        return Marker.OK

    def keep(self, seq: int, now: float, *, at_once: bool = False) -> None:
        """Write the newest number if it is time to."""
        if seq <= self._seq and not at_once:
            return
        due = now - self._written_at >= EVERY_SECONDS or seq - self._seq >= EVERY_EVENTS
        if not (due or at_once):
            return
        write_note(self._path, Note(self._inc, seq, self._machine))
        self._seq, self._written_at = seq, now


def read_note(path: Path) -> Note | None:
    """Return what the file says, or None when there is none that can be read."""
    try:
        said = json.loads(path.read_bytes())
        return Note(inc=str(said["inc"]), seq=int(said["seq"]), machine=str(said["machine"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(path: Path, note: Note) -> None:
    """Replace the file so that a power cut leaves the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"inc": note.inc, "seq": note.seq, "machine": note.machine}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
