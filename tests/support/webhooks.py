"""A channel that takes webhooks: a real server on a real port, which checks each signature as channels do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub.channels import steps
from hub.channels.steps import EndpointWanted
from hub.context import Hub


@dataclass
class Taken:
    """What a channel took, and how it answers."""

    url: str = ""
    secret: str = ""
    status: int = 200
    bodies: list[Any] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    forged: int = 0

    @property
    def last(self) -> dict[str, int]:
        """Return what it may sell, as it heard last, by item."""
        return {item["sku"]: item["available"] for body in self.bodies for item in body["data"]["items"]}


@contextmanager
def taking_channel() -> Iterator[Taken]:
    """Run a channel that takes webhooks."""
    taken = Taken()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            taken.ids.append(self.headers["webhook-id"])
            try:
                body = Webhook(taken.secret).verify(data, dict(self.headers))
            except WebhookVerificationError:
                taken.forged += 1
                self.send_response(400)
            else:
                if taken.status < 300:
                    taken.bodies.append(body)
                self.send_response(taken.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    taken.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def add_endpoint(hub: Hub, taken: Taken, *, buffer: int = 0) -> str:
    """Let a channel be told from now on, and return the id of its endpoint."""
    wanted = EndpointWanted(channel="web", url=taken.url, buffer=buffer)
    made = steps.add(hub, wanted, by="test")
    taken.secret = made.secret
    return made.endpoint_id
