"""The virtual printer's network side: raw TCP as on port 9100, one sender at a time.

A second sender is turned away while one is connected, as most print servers do; that is why the real
queue has one owner per printer. Dropping a connection is done with a reset, the rude way that real
networks use.
"""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from printing.profiles import Profile
from printing.virtual.brands import Brand
from printing.virtual.machine import Machine
from protocol.clock import Clock

GRACE_SECONDS: Final = 0.2
READ_BYTES: Final = 4096


class _Connection:
    """One sender."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.done = threading.Event()
        self._sending = threading.Lock()

    def answer(self, data: bytes) -> None:
        """Send an answer; a sender that went away does not get it."""
        with self._sending, contextlib.suppress(OSError):
            self.peer.sendall(data)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        with contextlib.suppress(OSError):
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RD)
        self.done.set()


class VirtualPrinter:
    """A printer on a TCP port. Use it as a context manager, or `start` and `stop` it."""

    def __init__(  # noqa: PLR0913 - what a printer is and where it stands, all by name
        self,
        profile: Profile,
        clock: Clock,
        *,
        brand: Brand | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        mm_per_second: float | None = None,
        keep_slips: int = 200,
        folder: Path | None = None,
    ) -> None:
        self.machine = Machine(
            profile,
            clock,
            brand=brand,
            mm_per_second=mm_per_second,
            keep_slips=keep_slips,
            folder=folder,
        )
        self.connections = 0
        self._address = (host, port)
        self._drop_after: int | None = None
        self._listening: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._current: _Connection | None = None
        self._stopping = threading.Event()

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return self._address[1]

    @property
    def host(self) -> str:
        """Return the address it listens on."""
        return self._address[0]

    def start(self) -> Self:
        """Listen and print."""
        self._stopping.clear()
        self.plug_in()  # first, because a taken port must leave nothing running
        self.machine.start()
        return self

    def plug_in(self) -> None:
        """Listen (again) on the same port."""
        listening = socket.create_server(self._address)
        listening.settimeout(0.1)
        self._address = (self._address[0], listening.getsockname()[1])
        self._listening = listening
        self._accepting = threading.Thread(
            target=self._accept, args=(listening,), name="virtual-printer-port"
        )
        self._accepting.start()

    def unplug(self) -> None:
        """Drop the sender and refuse connections, as when the network cable is out."""
        listening, self._listening = self._listening, None
        if listening is not None and self._accepting is not None:
            self._accepting.join()
            listening.close()

    @property
    def plugged_in(self) -> bool:
        """Tell whether it can be reached."""
        return self._listening is not None

    def stop(self) -> None:
        """End every thread and free the port."""
        self._stopping.set()
        self.machine.stop()
        self.unplug()

    def drop_after(self, n_bytes: int) -> None:
        """Reset the connection once when so many more bytes came in; later bytes of it are lost."""
        self._drop_after = n_bytes

    def power_cycle(self) -> None:
        """Switch it off and on: the buffer is gone, the connection is reset, half a slip hangs out."""
        connection = self._current
        self.machine.power_cycle()
        if connection is not None:
            connection.reset()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listening: socket.socket) -> None:
        readers: list[threading.Thread] = []
        while self._listening is listening and not self._stopping.is_set():
            try:
                peer, _address = listening.accept()
            except TimeoutError:
                continue
            busy = self._current
            if self.machine.is_on("drop_connection") or (busy and not busy.done.wait(GRACE_SECONDS)):
                peer.close()
                continue
            self.connections += 1
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.settimeout(0.1)
            self._current = _Connection(peer)
            reader = threading.Thread(
                target=self._read, args=(self._current, listening), name="virtual-printer-line"
            )
            reader.start()
            readers = [*(each for each in readers if each.is_alive()), reader]
        for reader in readers:
            reader.join()

    def _read(self, connection: _Connection, listening: socket.socket) -> None:
        machine = self.machine
        machine.attach(connection)
        try:
            while (
                self._listening is listening and not self._stopping.is_set() and not connection.done.is_set()
            ):
                if machine.is_on("half_open"):  # the line stands, and nobody reads it
                    self._stopping.wait(0.05)
                    continue
                try:
                    data = connection.peer.recv(READ_BYTES)
                except TimeoutError:
                    data = None
                except OSError:
                    break
                if data == b"" or (data and machine.is_on("hang_up")):
                    break
                if machine.is_on("drop_connection"):
                    connection.reset()
                elif data:
                    self._take(data, connection)
        finally:
            machine.detach(connection)
            connection.done.set()
            connection.peer.close()

    def _take(self, data: bytes, connection: _Connection) -> None:
        if self._drop_after is not None:
            if len(data) >= self._drop_after:
                data = data[: self._drop_after]
                self._drop_after = None
                connection.reset()
            else:
                self._drop_after -= len(data)
        if data:
            self.machine.receive(data, connection)
