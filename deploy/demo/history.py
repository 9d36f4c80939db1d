"""What the simulated people were told, written down by themselves and on the disk before they go on.

It is the only witness that no process of ours can have made up: a sale stands here because a store's answer
reached a client. The check at the end asks the stores and the hub for exactly this, no more and no less.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class History:
    """An append-only file of answers; every line is synced before `write` returns."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._out = file.open("ab", buffering=0)
        self._file = file
        self._lock = threading.Lock()

    def write(self, kind: str, store: str, **facts: Any) -> None:
        """Write one answer down."""
        line = json.dumps({"kind": kind, "store": store, **facts}, separators=(",", ":")) + "\n"
        with self._lock:
            self._out.write(line.encode())
            os.fdatasync(self._out.fileno())

    def lines(self) -> list[Mapping[str, Any]]:
        """Return every answer, oldest first."""
        return [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        """Close the file."""
        self._out.close()
