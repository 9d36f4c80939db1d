"""Raw TCP to port 9100, which nearly every network printer listens on.

The kernel accepts megabytes for a printer that prints nothing, so a successful send says nothing here.
Nagle's delay is off, because a receipt is a few small writes; keep-alive and the kernel's user timeout
notice a printer whose cable was pulled without a word.
"""

import contextlib
import select
import socket
from typing import Final

from protocol.errors import PrinterUnavailable

UNACKNOWLEDGED_MS: Final = 30_000
READ_BYTES: Final = 4096


class TcpLink:
    """One TCP connection."""

    def __init__(self, peer: socket.socket, name: str) -> None:
        self._peer = peer
        self._name = name

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        """Send what can be sent now and read what is there; return (bytes sent, bytes read)."""
        try:
            readable, writable, _ = select.select(
                [self._peer], [self._peer] if out else [], [], timeout_seconds
            )
            data = self._read() if readable else b""
            sent = self._peer.send(out) if writable else 0
        except (BlockingIOError, InterruptedError):
            return 0, b""
        except OSError as error:
            raise self._lost(str(error)) from error
        return sent, data

    def _read(self) -> bytes:
        data = self._peer.recv(READ_BYTES)
        if not data:
            raise self._lost("the printer ended the connection")
        return data

    def _lost(self, why: str) -> PrinterUnavailable:
        return PrinterUnavailable(
            f"The connection to the printer {self._name} was lost: {why}.",
            "Look at the printer's cable and power.",
            code="link_lost",
        )

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._peer.close()


class Tcp9100:
    """A printer at an address."""

    def __init__(self, host: str, port: int = 9100) -> None:
        self._address = (host, port)

    @property
    def name(self) -> str:
        """Return the address as people write it."""
        return f"{self._address[0]}:{self._address[1]}"

    def connect(self, timeout_seconds: float) -> TcpLink:
        """Return a new connection.

        Raises:
            PrinterUnavailable: when nothing answers at the address.
        """
        try:
            peer = socket.create_connection(self._address, timeout_seconds)
        except OSError as error:
            raise PrinterUnavailable(
                f"The printer {self.name} cannot be reached: {error}.",
                "Look at its power and network cable; the slips wait and print when it is back.",
                code="unreachable",
            ) from error
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        peer.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        return TcpLink(peer, self.name)
