"""A Chromium and one furnished hub per module of tests; why per module: see tests/support/browser.py."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Cookie, Page

from protocol.people import HubRole
from tests.browser.hub.site import PASSWORD, PEOPLE, Site, running
from tests.support.browser import DESK, chromium, ready, window

Opens = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with two days of trade."""
    with running(tmp_path_factory.mktemp("hub")) as started:
        yield started


@pytest.fixture(scope="module")
def opens(browser: Browser, site: Site) -> Opens:
    """Return what opens a window of somebody who has signed in; each role signs in once."""
    cookies: dict[HubRole, list[Cookie]] = {}

    @contextmanager
    def opened(
        path: str,
        role: HubRole = HubRole.ADMIN,
        size: tuple[int, int] = DESK,
        *,
        dark: bool = False,
        expect: tuple[str, ...] = (),
    ) -> Iterator[Page]:
        with window(browser, size, dark=dark, expect=expect) as opened_window:
            page = opened_window.page
            if role not in cookies:
                enter(page, site, role)
                cookies[role] = page.context.cookies()
            page.context.add_cookies(cookies[role])  # type: ignore[arg-type]  # what it gives it also takes
            page.goto(site.url + path)
            ready(page)
            yield page

    return opened


def enter(page: Page, site: Site, role: HubRole) -> None:
    """Sign in by name and password."""
    page.goto(f"{site.url}/sign-in")
    page.fill("[name=name]", PEOPLE[role])
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    ready(page, "/")


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where pictures go."""
    folder = Path(os.environ.get("ORDERSPINE_SHOTS", "test-artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
