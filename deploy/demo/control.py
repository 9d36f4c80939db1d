"""How other terminals and the pages talk to a running demo: a little JSON over HTTP on a loopback port.

Whoever may change something proves it with the word in `control.json`, a file that only the owner of the
demo can read. `/tour` and `/paper` are open: the pages of the stores show them.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.demo.layout import write_secret
from protocol.errors import NotFound, OrderspineError, Refused, Unavailable

Answer = Mapping[str, Any]
BODY_BYTES: Final = 10_000
STOP_SECONDS: Final = 60.0


class ControlServer:
    """Answers on the control port until it is closed."""

    def __init__(
        self,
        port: int,
        file: Path,
        secret: str,
        *,
        acts: Mapping[str, Callable[[str], Answer]],
        tour: Callable[[], Answer],
        paper: Callable[[], str],
    ) -> None:
        self._file = file
        handler = _handler(secret, acts, tour, paper)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)
        self._thread.start()
        write_secret(file, json.dumps({"port": port, "secret": secret}))

    def close(self) -> None:
        """Stop answering and remove the file that says where."""
        self._file.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def tell(folder: Path, act: str, name: str = "") -> Answer:
    """Have a running demo do something.

    Raises:
        Unavailable: no demo runs in this folder.
        Refused: it knows no such place, or can't do that.
    """
    file = folder / "control.json"
    try:
        known = json.loads(file.read_text(encoding="ascii"))
        answer = httpx.post(
            f"http://127.0.0.1:{known['port']}/{act}",
            json={"name": name},
            headers={"Authorization": f"Bearer {known['secret']}"},
            timeout=STOP_SECONDS,
            trust_env=False,
        )
    except (OSError, ValueError, httpx.TransportError) as error:
        raise Unavailable(
            f"No demo runs in {folder}.",
            "Start one with `orderspine demo`, or say where it is with --folder.",
        ) from error
    said: Answer = answer.json()
    if not answer.is_success:
        raise Refused(str(said["what"]), str(said["remedy"]), code=str(said["code"]))
    return said


def _handler(
    secret: str,
    acts: Mapping[str, Callable[[str], Answer]],
    tour: Callable[[], Answer],
    paper: Callable[[], str],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request to the control port."""

        def do_GET(self) -> None:
            if self.path == "/tour":
                self._send(200, tour())
            elif self.path == "/paper":
                self.send_response(302)
                self.send_header("Location", paper())
                self.end_headers()
            else:
                self._send(
                    404, {"what": "There is nothing here.", "remedy": "Try /tour.", "code": "not_found"}
                )

        def do_POST(self) -> None:
            if self.headers.get("Authorization") != f"Bearer {secret}":
                self._send(
                    403, {"what": "Not allowed.", "remedy": "Use `orderspine demo`.", "code": "forbidden"}
                )
                return
            length = min(int(self.headers.get("Content-Length") or 0), BODY_BYTES)
            wanted = json.loads(self.rfile.read(length) or b"{}")
            act = acts.get(self.path.strip("/"))
            try:
                if act is None:
                    raise NotFound(f"The demo cannot {self.path.strip('/')}.", f"It can {', '.join(acts)}.")
                self._send(200, act(str(wanted.get("name", ""))))
            except OrderspineError as error:
                facts = {"what": error.what, "remedy": error.remedy, "code": error.reason}
                self._send(error.http_status, facts)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Say nothing: the terminal belongs to the progress lines."""

        def _send(self, status: int, body: Answer) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
