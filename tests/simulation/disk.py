"""A disk that forgets what was not synced.

The files are real and lie in memory, so a sync costs nothing and proves nothing. What it would have proved
is worked out instead: after every commit the header of SQLite's own index of the WAL says how many frames
there are, and the connection's `synchronous` says whether that commit waited for the disk. A loss of power
cuts the WAL after the last synced frame, or tears it somewhere in what came after.
"""

import os
import random
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

FULL: Final = 2
"""`PRAGMA synchronous` from which on every commit waits for the disk."""
FRAME_HEADER: Final = 24
WAL_HEADER: Final = 32
INDEX_HEADER: Final = 100


class Index(NamedTuple):
    """What the shared header of the WAL says: which life of the file, how many frames, how many copied."""

    salt: bytes = b""
    frames: int = 0
    copied: int = 0
    page: int = 4096


@dataclass(frozen=True, slots=True)
class Copy:
    """The bytes of a database at one moment."""

    data: bytes
    wal: bytes


class Disk:
    """One database file and what of it would survive a loss of power."""

    def __init__(self, file: Path, template: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, file)
        self.file = file
        self.wal = file.with_name(f"{file.name}-wal")
        self.index = file.with_name(f"{file.name}-shm")
        self.synchronous = FULL
        self._synced = Index()
        self._open_index: int | None = None

    def opened(self, synchronous: int) -> None:
        """A writer has opened the file; what the last owner left is as good as synced once it is read."""
        self.closed()
        self.synchronous = synchronous
        self._synced = self._read_index()

    def closed(self) -> None:
        """The writer has ended, and the next one has an index of its own."""
        if self._open_index is not None:
            os.close(self._open_index)
            self._open_index = None

    def committed(self) -> None:
        """A transaction was committed; note what of it is on the disk by now."""
        seen, synced = self._read_index(), self._synced
        if self.synchronous >= FULL:
            self._synced = seen
        elif seen.copied > (synced.copied if seen.salt == synced.salt else 0):
            self._synced = seen  # pages are only copied into the file after the WAL was synced
        elif seen.salt != synced.salt:
            self._synced = Index(seen.salt, 0, 0, seen.page)

    def freeze(self) -> Copy:
        """Return the files as the operating system has them at this moment."""
        return Copy(self.file.read_bytes(), self.wal.read_bytes() if self.wal.exists() else b"")

    def forget(self) -> None:
        """Take the file's name away from whoever has it open: SQLite tidies nothing up as it is closed."""
        self.file.unlink()

    def put_back(self, copy: Copy) -> None:
        """Make the files what they were; nobody may have them open."""
        self.file.write_bytes(copy.data)
        self.index.unlink(missing_ok=True)
        if copy.wal:
            self.wal.write_bytes(copy.wal)
        else:
            self.wal.unlink(missing_ok=True)

    def after_power_loss(self, copy: Copy, rng: random.Random) -> Copy:
        """Return what a loss of power leaves of the files."""
        wal, synced = copy.wal, self._synced
        if len(wal) < WAL_HEADER:
            return copy
        same_life = wal[16:24] == synced.salt
        kept = WAL_HEADER + (synced.frames if same_life else 0) * (FRAME_HEADER + synced.page)
        if kept >= len(wal):
            return copy
        torn = rng.randrange(kept, len(wal) + 1) if rng.random() < 0.5 else kept
        damaged = bytearray(wal[:torn])
        if torn > kept + 8:
            # The last piece reached the disk in another order: one word in it is not what was written.
            # A disk is free to keep all of it, but then nothing would be lost that could be noticed.
            at = rng.randrange(kept, torn - 8)
            damaged[at : at + 8] = b"\x00" * 8
        return Copy(copy.data, bytes(damaged))

    def _read_index(self) -> Index:
        # After every commit: one system call, and none of what a file object does beside it.
        if self._open_index is None:
            try:
                self._open_index = os.open(self.index, os.O_RDONLY)
            except OSError:
                return Index()
        header = os.pread(self._open_index, INDEX_HEADER, 0)
        if len(header) < INDEX_HEADER:
            return Index()
        page = struct.unpack_from("=H", header, 14)[0]
        frames, copied = struct.unpack_from("=I", header, 16)[0], struct.unpack_from("=I", header, 96)[0]
        return Index(header[32:40], frames, copied, 65536 if page == 1 else page)
