"""A printer at a device file: USB by the kernel's usblp, or a serial line.

Both are files that are written and read without waiting. A lock keeps a second program of ours off the
printer: two owners would mix their slips and take each other's answers. A serial line is set to raw bytes,
8N1, with the printer's own busy line (RTS/CTS) holding the sender back.
"""

import contextlib
import errno
import fcntl
import os
import select
import termios
import tty
from typing import Final

from protocol.errors import Invalid, PrinterUnavailable

READ_BYTES: Final = 4096
SPEEDS: Final = {
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
}


class DeviceLink:
    """One opened device."""

    def __init__(self, file: int, name: str) -> None:
        self._file = file
        self._name = name

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        """Send what can be sent now and read what is there; return (bytes sent, bytes read)."""
        try:
            readable, writable, _ = select.select(
                [self._file], [self._file] if out else [], [], timeout_seconds
            )
            data = self._read() if readable else b""
            sent = os.write(self._file, out) if writable else 0
        except (BlockingIOError, InterruptedError):
            return 0, b""
        except (OSError, ValueError) as error:
            raise self._lost(str(error)) from error
        return sent, data

    def _read(self) -> bytes:
        try:
            return os.read(self._file, READ_BYTES)
        except BlockingIOError:
            return b""  # usblp calls a printer readable that has nothing to say

    def _lost(self, why: str) -> PrinterUnavailable:
        return PrinterUnavailable(
            f"The connection to the printer {self._name} was lost: {why}.",
            "Look at the printer's cable and power.",
            code="link_lost",
        )

    def close(self) -> None:
        """End the connection; the lock goes with it."""
        with contextlib.suppress(OSError):
            os.close(self._file)


class DeviceFile:
    """A printer at a device file such as `/dev/usb/lp0`; with a speed, at a serial line."""

    def __init__(self, path: str, baud: int | None = None) -> None:
        if baud is not None and baud not in SPEEDS:
            known = ", ".join(str(speed) for speed in SPEEDS)
            raise Invalid(f"A serial line has no speed {baud}.", f"Use one of: {known}.", code="bad_speed")
        self._path = path
        self._baud = baud

    @property
    def name(self) -> str:
        """Return the path as people write it."""
        return self._path

    def connect(self, timeout_seconds: float) -> DeviceLink:  # noqa: ARG002 - opening does not wait
        """Return the opened device.

        Raises:
            PrinterUnavailable: when it is not there, may not be opened, or has another owner.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._baud is not None:
                _set_line(file, SPEEDS[self._baud])
        except (OSError, termios.error) as error:
            os.close(file)
            if isinstance(error, OSError) and error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise PrinterUnavailable(
                    f"Another program holds the printer {self._path}.",
                    "End that program; the slips wait and print then.",
                    code="unreachable",
                ) from error
            raise self._unreachable(error) from error
        return DeviceLink(file, self._path)

    def _unreachable(self, error: Exception) -> PrinterUnavailable:
        return PrinterUnavailable(
            f"The printer {self._path} cannot be opened: {error}.",
            "Look at its power and cable, and whether this program may use it (group lp or dialout).",
            code="unreachable",
        )


def _set_line(file: int, speed: int) -> None:
    tty.setraw(file, termios.TCSANOW)
    settings = termios.tcgetattr(file)
    settings[2] |= termios.CLOCAL | termios.CREAD | termios.CRTSCTS
    settings[4] = settings[5] = speed
    termios.tcsetattr(file, termios.TCSANOW, settings)
