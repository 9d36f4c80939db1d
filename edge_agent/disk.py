"""The last room on the disk is kept for sales: a file that is given up when there is nearly none left.

Databases, logs and backups grow unseen. While there is plenty, a file holds some room; when little is left it
is removed, so that selling, closing and sending go on for days, and a person is told before the first sale
is refused. It comes back by itself once there is room.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception
from protocol.errors import OrderspineError
from protocol.kit.text import _

MEGABYTE: Final = 1_000_000
RESERVE_BYTES: Final = 64 * MEGABYTE
PLENTY_BYTES: Final = 1_000 * MEGABYTE
"""From here on the reserve is held; a disk that never has so much holds none."""
LOW_BYTES: Final = 300 * MEGABYTE
LAST_BYTES: Final = 40 * MEGABYTE
LOOK_SECONDS: Final = 5.0
FILE: Final = "reserve"
KEY: Final = "disk_low"

Room = Literal["plenty", "enough", "low", "last"]


def room_of(free: int, *, held: bool) -> Room:
    """Return how much room there is, not counting what the reserve holds."""
    if free >= PLENTY_BYTES:
        return "plenty"
    if free >= LOW_BYTES:
        return "enough"
    return "last" if free < LAST_BYTES or not held else "low"


def make_way(folder: Path) -> None:
    """Give the reserve up when there is nearly no room: a database needs some to be opened."""
    if shutil.disk_usage(folder).free < LAST_BYTES:
        (folder / FILE).unlink(missing_ok=True)


class DiskWatch:
    """Looks at the disk every few seconds, on a thread of its own."""

    def __init__(self, edge: Edge, *, free_bytes: Callable[[Path], int] | None = None) -> None:
        self._edge = edge
        self._file = edge.settings.data_dir / FILE
        self._free_bytes = free_bytes or (lambda path: shutil.disk_usage(path).free)
        self._told: Room = "enough"
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._thread = threading.Thread(target=self._run, name="edge-disk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2)

    def look(self) -> Room:
        """Hold the reserve, or give it up, and tell whoever has to make room."""
        room = room_of(self._free_bytes(self._edge.settings.data_dir), held=self._file.exists())
        if room == "plenty" and not self._file.exists():
            self._hold()
        elif room == "last":
            self._file.unlink(missing_ok=True)
        if room != self._told:
            self._edge.database.write(lambda unit: self._say(unit, room))
            self._told = room
        return room

    def _hold(self) -> None:
        beside = self._file.with_name(f"{FILE}.new")
        with beside.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        beside.replace(self._file)

    def _say(self, unit: EdgeUnit, room: Room) -> None:
        if room in ("plenty", "enough"):
            close_exception(unit, self._edge, KEY, how=_("There is room again."))
            return
        self._edge.journal.raise_exception(
            unit,
            kind=KEY,
            subject="disk",
            title=_("The disk of this store is nearly full. Selling goes on; make room before it stops."),
            facts={"folder": str(self._edge.settings.data_dir), "reserve_given_up": room == "last"},
            dedupe_key=KEY,
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            # A disk that cannot be looked at is looked at again; a full one refuses sales in words.
            with contextlib.suppress(OrderspineError, OSError):
                self.look()
            self._stopping.wait(LOOK_SECONDS)
