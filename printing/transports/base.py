"""What a way to a printer must do: connect, move bytes both ways, and say when it is lost."""

from typing import Protocol


class Link(Protocol):
    """One uninterrupted connection. What is answered on another one proves nothing about this one."""

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        """Send what can be sent now and read what is there; return (bytes sent, bytes read).

        Waits up to the timeout for the first of either.

        Raises:
            PrinterUnavailable: when the connection is lost.
        """

    def close(self) -> None:
        """End the connection."""


class Transport(Protocol):
    """A way to one printer."""

    @property
    def name(self) -> str:
        """Return the address as people write it."""

    def connect(self, timeout_seconds: float) -> Link:
        """Return a new connection.

        Raises:
            PrinterUnavailable: when there is none to be had.
        """
