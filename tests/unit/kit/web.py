"""The gallery's application for tests without a browser: a clock that stands still, ids that count."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from tests.browser.kit.gallery import Gallery, monday_us

HTML = {"accept": "text/html"}
HTMX = {"hx-request": "true", "accept": "text/html"}


class StillClock:
    """A clock that shows what it was set to."""

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1_000_000


class CountingIds:
    """Ids and secrets that count."""

    def __init__(self) -> None:
        self.count = 0

    def new_id(self) -> str:
        self.count += 1
        return f"id-{self.count}"

    def secret(self, n_bytes: int) -> str:
        self.count += 1
        return f"{self.count:0{2 * n_bytes}x}"


def gallery() -> Gallery:
    """Return the gallery on a Sunday at 14:36."""
    return Gallery(clock=StillClock(monday_us()), ids=CountingIds())


@contextmanager
def client_of(made: Gallery) -> Iterator[TestClient]:
    """Open a client that asks like a browser on the program's own address."""
    with TestClient(made.app, base_url="http://till.test", follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient) -> None:
    """Sign A. Osei in."""
    answer = client.post("/sign-in", data={"person_id": "p1", "pin": "1234"})
    assert answer.status_code == 303
