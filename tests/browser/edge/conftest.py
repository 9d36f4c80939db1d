"""One Chromium for the pages of a store, and helpers that say what a person does."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.edge.store import PIN, Store, running
from tests.support.browser import chromium, ready

SHOTS = Path(os.environ.get("ORDERSPINE_SHOTS", "test-artifacts"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A furnished store that the tests of a module share."""
    with running(tmp_path_factory.mktemp("store")) as started:
        yield started


def sign_in(page: Page, store: Store, name: str = "A. Osei", *, till: str = "till-1") -> None:
    """Tap a name, type the PIN."""
    page.goto(f"{store.url}/sign-in")
    ready(page)
    page.get_by_label("You stand at").select_option(till)
    page.get_by_text(name, exact=True).click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/sell")
    ready(page)


def empty(page: Page, store: Store) -> None:
    """Begin with an empty basket."""
    page.goto(f"{store.url}/sell")
    ready(page)
    button = page.get_by_role("button", name="Empty the basket")
    if button.count():
        button.click()
        page.get_by_text("Nothing in the basket").wait_for()


def shot(page: Page, name: str, *, full: bool = False) -> None:
    """Keep a picture of a page for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=full)
