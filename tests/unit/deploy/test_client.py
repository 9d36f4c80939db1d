"""The client that repeats until it is answered waits as long as it is told."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from deploy.demo.client import Login, StoreClient
from protocol.errors import Unavailable
from protocol.kit.system import SystemClock


class Pauses(threading.Event):
    """Notes every pause, and makes time pass by it."""

    def __init__(self, clock: "Passing") -> None:
        super().__init__()
        self.clock, self.seconds = clock, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(round(timeout, 3))
        self.clock.ahead += timeout
        return False


class Passing(SystemClock):
    """A clock that is put on by hand."""

    ahead = 0.0

    def monotonic(self) -> float:
        return self.ahead


def client(answers: Iterator[httpx.Response]) -> tuple[StoreClient, Pauses]:
    """Return a client whose store gives these answers, and the pauses that it makes."""
    clock = Passing()
    pauses = Pauses(clock)
    made = StoreClient("store-1", "http://store", Login("p", "1", "till-1"), clock, pauses)
    made.close()
    made._http = httpx.Client(
        base_url="http://store", transport=httpx.MockTransport(lambda _request: next(answers))
    )
    return made, pauses


def too_often(seconds: int) -> httpx.Response:
    said = {"code": "too_many_tries", "what": "Too often.", "facts": {"retry_after_seconds": seconds}}
    return httpx.Response(429, json={"error": said})


def test_who_tried_too_often_waits_as_long_as_told_and_who_meets_a_busy_store_a_moment() -> None:
    answers = [too_often(7), httpx.Response(503), httpx.Response(429, text="?"), httpx.Response(200, json=1)]
    store, pauses = client(iter(answers))

    assert store.get("/api/sync") == 1
    assert pauses.seconds == [7.0, 0.1, 0.1]
    assert store.repeats == 3


def test_nobody_waits_longer_than_their_patience() -> None:
    store, pauses = client(too_often(300) for _ in range(9))

    with pytest.raises(Unavailable, match="429"):
        store.get("/api/sync")
    assert pauses.seconds == [90.0, 0.1]
