"""Running an application: one uvicorn server that stops without waiting for open event streams.

Uvicorn waits for connections before it tells the application to shut down, and an event stream never ends by
itself. `on_stop` is called before that wait; give it `Broadcaster.close`.
"""

import socket
import threading
from collections.abc import Callable, Sequence

import uvicorn
from starlette.types import ASGIApp

from protocol.errors import Unavailable

GRACEFUL_SECONDS = 5


class _Server(uvicorn.Server):
    """A server that first tells the application it is about to stop."""

    def __init__(self, config: uvicorn.Config, on_stop: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of what would keep connections open, then stop as usual."""
        for act in self._on_stop:
            act()
        await super().shutdown(sockets)


def _config(app: ASGIApp, host: str, port: int, tls: tuple[str, str] | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )


def run_uvicorn(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    on_stop: Sequence[Callable[[], None]] = (),
    tls: tuple[str, str] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `tls` is a certificate file and its key file."""
    _Server(_config(app, host, port, tls), on_stop).run()


class WebServer:
    """The same server on a thread of its own: for the demo, which runs hub and stores in one process."""

    def __init__(
        self,
        app: ASGIApp,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        on_stop: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(_config(app, host, self.port, None), on_stop)
        self._thread = threading.Thread(target=self._run, name=f"web-{self.port}", daemon=True)
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    def start(self, timeout_seconds: float = 10.0) -> None:
        """Start and return when it answers."""
        self._thread.start()
        waited = 0.0
        while not self._server.started:
            if self._ended.wait(0.02) or waited > timeout_seconds:
                raise Unavailable(
                    f"The web server on port {self.port} did not start.", "Read the log above this line."
                )
            waited += 0.02

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop and wait for the end."""
        self._server.should_exit = True
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._ended.set()
