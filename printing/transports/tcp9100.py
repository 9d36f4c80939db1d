"""Raw TCP to port 9100, which nearly every network printer listens on.

The kernel accepts megabytes for a printer that prints nothing, so a successful send says nothing here.
Nagle's delay is off, because a receipt is a few small writes; keep-alive and the kernel's user timeout
notice a printer whose cable was pulled without a word.

A printer whose buffer is full because its paper is out closes its window. The kernel counts that as silence
too, although its probes are answered, and would end the connection in the middle of a slip that waits for
a roll. So while a printer acknowledges all that it has taken, the timeout does not count.
"""

import contextlib
import select
import socket
import struct
from typing import Final

from protocol.errors import PrinterUnavailable

UNACKNOWLEDGED_MS: Final = 30_000
WAITING_MS: Final = 24 * 3600 * 1000
READ_BYTES: Final = 4096
_PROBES: Final = 3
_UNACKNOWLEDGED: Final = 24
_INFO_BYTES: Final = 32
"""Where in `struct tcp_info` (linux/tcp.h) the unanswered probes and the segments under way are counted."""


class TcpLink:
    """One TCP connection."""

    def __init__(self, peer: socket.socket, name: str) -> None:
        self._peer = peer
        self._name = name
        self._waits = False

    def exchange(self, out: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        """Send what can be sent now and read what is there; return (bytes sent, bytes read)."""
        try:
            readable, writable, _ = select.select(
                [self._peer], [self._peer] if out else [], [], timeout_seconds
            )
            data = self._read() if readable else b""
            sent = self._peer.send(out) if writable else 0
            if not sent:
                self._wait_for_a_full_printer()
        except (BlockingIOError, InterruptedError):
            return 0, b""
        except OSError as error:
            raise self._lost(str(error)) from error
        return sent, data

    def _wait_for_a_full_printer(self) -> None:
        if not (hasattr(socket, "TCP_INFO") and hasattr(socket, "TCP_USER_TIMEOUT")):
            return
        waits = keeps_up(self._peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES))
        if waits is not self._waits:
            self._waits = waits
            timeout_ms = WAITING_MS if waits else UNACKNOWLEDGED_MS
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)

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


def keeps_up(info: bytes) -> bool:
    """Tell from the kernel's `tcp_info` whether a peer has acknowledged all that it let itself be sent.

    One probe may be under way; a second one means that the first was not answered.
    """
    (under_way,) = struct.unpack_from("I", info, _UNACKNOWLEDGED)
    return under_way == 0 and info[_PROBES] <= 1


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
