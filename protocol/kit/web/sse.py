"""Live updates: whoever commits publishes, every open page hears it.

`publish` may be called from any thread, after the commit. A message is a topic and, rarely, a short text: a
page that hears `orders` asks for its own part again, so nothing needs to be complete here. Each listener has
a bounded queue; a slow one loses its oldest messages and is told so with `resync`, which means: ask for
everything again. The same happens when a page reconnects, or when something was published between the
moment its page was made and the moment it listens.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import StreamingResponse

from protocol.errors import Unavailable
from protocol.kit.text import _

RESYNC = "resync"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class _Note:
    """One message on its way to one listener."""

    topic: str
    data: str
    number: int


class _Listener:
    """One open page."""

    def __init__(self, topics: frozenset[str], size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.topics = topics
        self.loop = loop
        self.wake = asyncio.Event()
        self.closed = False
        self._queue: deque[_Note] = deque(maxlen=size)
        self._lost = False
        self._lock = threading.Lock()

    def put(self, note: _Note) -> None:
        """Queue a message; the same message still waiting is not queued twice."""
        with self._lock:
            if any(waiting.topic == note.topic and waiting.data == note.data for waiting in self._queue):
                return
            self._lost = self._lost or len(self._queue) == self._queue.maxlen
            self._queue.append(note)
        self.rouse()

    def take(self) -> list[bytes]:
        """Return what to send now."""
        with self._lock:
            self.wake.clear()
            lines = [_event(_Note(RESYNC, "", 0))] if self._lost else []
            lines += [_event(note) for note in self._queue]
            self._queue.clear()
            self._lost = False
        return lines

    def resync(self) -> None:
        """Tell this page to ask for everything again."""
        with self._lock:
            self._lost = True
        self.rouse()

    def rouse(self) -> None:
        """Wake the stream from whatever thread this is."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.wake.set)


class Broadcaster:
    """Carries messages from whoever commits to every page that is open."""

    def __init__(
        self, *, queue_size: int = 256, keep_alive_seconds: float = 15.0, max_listeners: int = 1000
    ) -> None:
        self._queue_size = queue_size
        self._max_listeners = max_listeners
        self._keep_alive_seconds = keep_alive_seconds
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._closed = False
        self._number = 0
        self._latest: dict[str, int] = {}

    @property
    def position(self) -> int:
        """The number of the latest message; a page says it when it starts to listen."""
        return self._number

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def publish(self, topic: str, data: str = "") -> None:
        """Tell every page that listens to a topic; never blocks, from any thread."""
        with self._lock:
            self._number += 1
            self._latest[topic] = self._number
            number = self._number
            hearing = [listener for listener in self._listeners if topic in listener.topics]
        for listener in hearing:
            listener.put(_Note(topic, data, number))

    def close(self) -> None:
        """End every stream, so that the server can stop without waiting for pages to go away."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.closed = True
            listener.rouse()

    async def stream(
        self, request: Request, topics: Collection[str], *, since: int | None = None
    ) -> StreamingResponse:
        """Return the answer of an `/events` route; `since` is the position the page was made at."""
        listener = _Listener(frozenset(topics), self._queue_size, asyncio.get_running_loop())
        with self._lock:
            if len(self._listeners) >= self._max_listeners:
                raise Unavailable(
                    _("Too many pages listen for live updates."), _("Close pages that nobody looks at.")
                )
            self._listeners.add(listener)
            listener.closed = self._closed
            missed = since is not None and self._missed(listener.topics, since)
        if missed or "last-event-id" in request.headers:
            listener.resync()
        return StreamingResponse(self._lines(listener), media_type="text/event-stream", headers=_HEADERS)

    def _missed(self, topics: frozenset[str], since: int) -> bool:
        if since > self._number:
            return True  # the program was started anew since the page was made
        return any(self._latest.get(topic, 0) > since for topic in topics)

    async def _lines(self, listener: _Listener) -> AsyncIterator[bytes]:
        try:
            yield f"retry: 1000\nid: {self._number}\n\n".encode()
            while not listener.closed:
                for line in listener.take():
                    yield line
                try:
                    async with asyncio.timeout(self._keep_alive_seconds):
                        await listener.wake.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            with self._lock:
                self._listeners.discard(listener)


def _event(note: _Note) -> bytes:
    data = "".join(f"data: {line}\n" for line in note.data.split("\n"))
    number = f"id: {note.number}\n" if note.number else ""
    return f"event: {note.topic}\n{number}{data}\n".encode()
