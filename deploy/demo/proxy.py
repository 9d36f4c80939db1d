"""A store's line to the outside, as a thing that can be cut.

Everything an edge says to the broker and to the hub goes through two TCP proxies of its own. Cutting closes
every connection with a reset and refuses new ones; the port stays bound meanwhile, because a connection to
a loopback port that nobody holds can, by bad luck, connect to itself.
"""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from protocol.errors import Unavailable

CHUNK_BYTES: Final = 65_536
CONNECT_SECONDS: Final = 5.0
REBIND_TRIES: Final = 100
_RESET: Final = struct.pack("ii", 1, 0)


class Proxy:
    """Carries TCP from one loopback port to another address until it is cut."""

    def __init__(self, port: int, target: tuple[str, int], host: str = "127.0.0.1") -> None:
        self.port = port
        self._host = host
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        self._listener: socket.socket | None = None
        self._held: socket.socket | None = None
        self.restore()

    @property
    def is_cut(self) -> bool:
        """Whether connections are refused at the moment."""
        return self._listener is None

    def restore(self) -> None:
        """Accept connections again; nothing happens when it already does."""
        with self._lock:
            if self._listener is not None or self._closed.is_set():
                return
            listener = self._held or self._bind()
            self._held = None
            listener.listen(64)
            self._listener = listener
        threading.Thread(
            target=self._accept, args=(listener,), name=f"proxy-{self.port}", daemon=True
        ).start()

    def cut(self) -> None:
        """Reset every connection and refuse new ones; nothing happens when it is cut already."""
        with self._lock:
            listener, self._listener = self._listener, None
            if listener is None:
                return
            _wake_and_close(listener)
            self._held = None if self._closed.is_set() else self._bind()
            broken, self._open = self._open, set()
        for connection in broken:
            _reset(connection)

    def close(self) -> None:
        """Cut for good and give the port back."""
        self._closed.set()
        self.cut()
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None

    def _bind(self) -> socket.socket:
        for _ in range(REBIND_TRIES):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self._host, self.port))
            except OSError:
                listener.close()
                self._closed.wait(0.02)
            else:
                return listener
        raise Unavailable(f"Port {self.port} is taken.", "Stop what uses it, or start the demo with --reset.")

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near, listener), daemon=True).start()

    def _carry(self, near: socket.socket, listener: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=CONNECT_SECONDS)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        with self._lock:
            if self._listener is not listener:
                _reset(near)
                _reset(far)
                return
            self._open |= {near, far}
        for connection in (near, far):
            # Without this, the small packets of a request and its answer wait 40 ms for each other.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry bytes one way until either side ends; then end the other side's way too."""
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self._pass_on(data, sink)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        """Carry some bytes; a line that is worse than this one does it later, or never."""
        sink.sendall(data)


class StoreLine:
    """Both proxies of one store: MQTT to the broker and HTTP to the hub. Use it as a context manager."""

    def __init__(self, mqtt: Proxy, http: Proxy) -> None:
        self.mqtt = mqtt
        self.http = http

    @property
    def is_cut(self) -> bool:
        """Whether the store is cut off."""
        return self.mqtt.is_cut

    def cut(self) -> None:
        """Cut the store off."""
        self.mqtt.cut()
        self.http.cut()

    def restore(self) -> None:
        """Give the store its line back."""
        self.http.restore()
        self.mqtt.restore()

    def close(self) -> None:
        """Give both ports back."""
        self.mqtt.close()
        self.http.close()

    def __enter__(self) -> Self:
        """Return the line itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give both ports back."""
        self.close()


def _wake_and_close(listener: socket.socket) -> None:
    """Close a listener; the shutdown wakes the thread that waits in accept, which a close alone does not."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _reset(connection: socket.socket) -> None:
    """Close a connection the hard way, as a line that was cut does."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
