"""A file instead of a printer: every slip's bytes, one behind the other, for another program to take.

A file answers nothing, so its slips read "sent, unconfirmed"; what was sent is on the disk before that is
said.
"""

import contextlib
import os
from pathlib import Path

from protocol.errors import PrinterUnavailable


class FileLink:
    """One opened file."""

    def __init__(self, file: int, name: str) -> None:
        self._file = file
        self._name = name

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:  # noqa: ARG002 - never waits
        """Write and sync; nothing is ever read."""
        if not out:
            return 0, b""
        try:
            sent = os.write(self._file, out)
            os.fsync(self._file)
        except OSError as error:
            raise PrinterUnavailable(
                f"The file {self._name} cannot be written: {error}.",
                "Make room on the disk, or give the printer another file.",
                code="link_lost",
            ) from error
        return sent, b""

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._file)


class RawFile:
    """A file that slips are appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self._path.name

    def connect(self, timeout_seconds: float) -> FileLink:  # noqa: ARG002 - opening does not wait
        """Return the opened file.

        Raises:
            PrinterUnavailable: when it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PrinterUnavailable(
                f"The file {self._path.name} cannot be written: {error}.",
                "Give the printer another file.",
                code="unreachable",
            ) from error
        return FileLink(file, self._path.name)
