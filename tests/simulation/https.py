"""The HTTPS questions of a store, through the same cut lines, without a socket.

The store's courier and its client library are the real ones; only the transport is not. It asks the hub's
own functions, and breaks off before or after they took effect.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from edge_agent.link.courier import Courier, Uploads
from edge_agent.link.recovery import Recovery
from hub.catalog.steps import catalog_file
from hub.context import Hub
from hub.customers import steps as customers
from hub.fleet.credentials import edge_of_token, is_token
from hub.fleet.rows import blob, blobs, location, stream
from hub.link import pullback
from protocol.envelope import decode_batch
from protocol.errors import OrderspineError, Refused, Unavailable
from tests.simulation.schedule import SECOND
from tests.simulation.writer import Crash

PIECE = 150
"""Bytes of a download that arrive before it may break off."""

Answer = Callable[[Hub, str, httpx.Request], httpx.Response]


class Download(httpx.SyncByteStream):
    """A body that comes in pieces, and may end too early."""

    def __init__(self, data: bytes, *, breaks_after: int | None = None) -> None:
        self.data = data
        self.breaks_after = breaks_after

    def __iter__(self) -> Iterator[bytes]:
        yield self.data[: self.breaks_after]
        if self.breaks_after is not None and self.breaks_after < len(self.data):
            raise httpx.ReadError("the line is gone")


class SimTransport(httpx.BaseTransport):
    """Carries the requests of one store to the hub of the same world."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self.routes: dict[str, Answer] = {
            "/edge/catalog/": get_catalog,
            "/edge/blobs/": put_blob,
            "/edge/contacts/": get_contact,
            "/edge/lives/": own_past,
            "/edge/directives": answered,
            "/edge/hub-lives": hub_lives,
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, if the line and the hub are there."""
        node, world = self._node, self._node.world
        rng, share = world.net.rng, 0.0 if world.net.calm else world.options.https
        if not node.line.open or world.hub.program is None or rng.random() < share / 2:
            world.tally.fault("https unreachable")
            raise httpx.ConnectTimeout("nobody answers", request=request)
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        edge = edge_of_token(token)
        hub: Hub = world.hub.program
        try:
            with hub.database.read() as connection:
                place = location(connection, edge)
            if scheme != "Bearer" or place is None or not is_token(token, place.token_hash):
                return httpx.Response(401, request=request)
            answer = self._answer(hub, edge, request)
        except Crash as crash:
            world.crashed(crash)
            raise httpx.ReadError("the hub is gone", request=request) from None
        if rng.random() < share / 2:
            world.tally.fault("https broke off")
            if isinstance(answer.stream, Download):
                answer.stream.breaks_after = PIECE
                return answer
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return answer

    def _answer(self, hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
        for prefix, answer in self.routes.items():
            if request.url.path.startswith(prefix):
                return answer(hub, edge, request)
        return httpx.Response(404, request=request)


def get_catalog(hub: Hub, _edge: str, request: httpx.Request) -> httpx.Response:
    """Give a catalogue's file, from where an earlier download broke off."""
    found = catalog_file(hub)(int(request.url.path.rpartition("/")[2]))
    if found is None:
        return httpx.Response(404, request=request)
    data = found[0].read_bytes()
    asked = request.headers.get("range", "")
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
    return httpx.Response(206 if asked else 200, stream=Download(data[start:]), request=request)


def get_contact(hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
    """Show a customer to a store that fulfils something for them."""
    with hub.database.read() as connection:
        try:
            contact = customers.show(
                connection, edge, request.url.path.rpartition("/")[2], may_see=lambda *_asked: True
            )
        except OrderspineError as error:
            return httpx.Response(error.http_status, request=request)
    return httpx.Response(200, content=contact.model_dump_json(), request=request)


def put_blob(hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
    """Take a large event under the hash of its bytes."""
    sha256, data = request.url.path.rpartition("/")[2], request.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        return httpx.Response(422, request=request)

    def step(unit: Any) -> bool:
        if blob(unit.connection, sha256) is not None:
            return False
        row = {"sha256": sha256, "bytes": data, "edge": edge, "arrived_us": hub.clock.now_us()}
        unit.connection.execute(sa.insert(blobs).values(**row))
        return True

    return httpx.Response(201 if hub.database.write(step) else 200, request=request)


def own_past(hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
    """Give a store's events back, or take what a restored hub lacks of a life that is over."""
    inc = request.url.path.split("/")[3]
    with hub.database.read() as connection:
        if request.method == "GET":
            if stream(connection, edge, inc) is None:
                return httpx.Response(404, request=request)
            events = pullback.own_events(connection, edge, inc, int(request.url.params["after"]))
            return httpx.Response(200, json={"events": events}, request=request)
    batch = decode_batch(request.read())
    try:
        received = hub.database.write(lambda unit: pullback.take_in(hub, unit, edge, inc, batch))
    except OrderspineError as error:
        return httpx.Response(error.http_status, request=request)
    return httpx.Response(200, json={"upto": received.upto}, request=request)


def answered(hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
    """Give a store the directives back that it had answered."""
    asked = request.url.params
    with hub.database.read() as connection:
        found = pullback.answered_directives(connection, edge, asked["hub_inc"], int(asked["after"]))
    return httpx.Response(200, json={"directives": found}, request=request)


def hub_lives(hub: Hub, edge: str, request: httpx.Request) -> httpx.Response:
    """Say which lives of the hub are over."""
    with hub.database.read() as connection:
        return httpx.Response(200, json={"lives": pullback.lives_before(connection, edge)}, request=request)


class SimCourier(Courier):
    """The store's courier on the simulated line."""

    def __init__(self, node: Any, hub_url: str, token: str, incoming: Path) -> None:
        self._incoming = incoming
        self._client = httpx.Client(
            base_url=hub_url or "http://hub.invalid",
            headers={"Authorization": f"Bearer {token}"},
            transport=SimTransport(node),
            trust_env=False,
        )


class SimUploads(Uploads):
    """Large events on their way to the hub, one after the other, in simulated time."""

    def __init__(self, node: Any, courier: Courier, moved: Callable[[], None]) -> None:
        super().__init__(courier, moved)
        self._node = node
        self._under_way = False

    @property
    def busy(self) -> bool:
        """Tell whether one is under way."""
        return self._under_way

    def begin(self, sha256: str, data: bytes) -> None:
        """Bring one to the hub, unless one is under way."""
        if self._under_way:
            return
        self._under_way = True
        delay = self._node.world.net.rng.randrange(20_000, SECOND)
        self._node.later(delay, "uploads", lambda: self._arrive(sha256, data))

    def _arrive(self, sha256: str, data: bytes) -> None:
        self._under_way = False
        try:
            self._courier.put_blob(sha256, data)
        except (Unavailable, Refused) as error:
            self.trouble = (error.what, error.remedy)
        else:
            self.trouble = None
            self.delivered.add(sha256)
        self._moved()


class SimRecovery(Recovery):
    """What brings back what a store has lost, tried again in simulated time."""

    def __init__(self, node: Any, *args: Any) -> None:
        super().__init__(*args)
        self._node = node

    def _start(self) -> None:
        self._node.later(self._node.world.net.rng.randrange(20_000, SECOND), "recovers", self._try)

    def _try(self) -> None:
        wait = self.attempt()
        if wait is None:
            self._done()
        else:
            self._node.later(int(wait * SECOND), "recovers", self._try)
