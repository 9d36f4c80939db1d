"""A small file outside the database that remembers how far the database had got.

A store PC restored from a backup looks healthy to itself. This file is not part of the backup, so it shows
the higher number, and the store stops telling the hub things under numbers it has used before.
It is written at most once a second or every 64 events: it may lag behind, never run ahead.
"""

from pathlib import Path
from typing import Final

from protocol.handshake import Marker
from protocol.kit.marker import Note, read_note, write_note

EVERY_EVENTS: Final = 64
EVERY_SECONDS: Final = 1.0


class MarkerFile:
    """The file, and when it was last written."""

    def __init__(self, path: Path, *, inc: str, machine: str, ordinal: int = 0) -> None:
        self._path = path
        self._ordinal = ordinal
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
        write_note(self._path, Note(self._inc, seq, self._machine, self._ordinal))
        self._seq, self._written_at = seq, now
