"""A Chromium and a gallery per module of tests; why per module: see tests/support/browser.py."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from protocol.kit.web.server import WebServer
from tests.browser.kit.gallery import Gallery
from tests.support.browser import chromium


class Site:
    """The gallery behind a real server."""

    def __init__(self, gallery: Gallery, server: WebServer) -> None:
        self.gallery = gallery
        self.server = server
        self.url = server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """A gallery that tests only look at."""
    yield from _site()


@pytest.fixture
def site() -> Iterator[Site]:
    """A gallery that a test may change and stop."""
    yield from _site()


def _site() -> Iterator[Site]:
    gallery = Gallery()
    server = WebServer(gallery.app, on_stop=[gallery.broadcaster.close])
    server.start()
    try:
        yield Site(gallery, server)
    finally:
        server.stop()
