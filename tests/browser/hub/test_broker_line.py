"""The line to the broker as people at the hub see it: up, down, and when the broker had forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from hub.fleet.line import keep_forgotten
from hub.fleet.rows import link_sessions
from protocol.clock import MICROSECONDS
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.site import NOW_US, Site, running
from tests.support.browser import DESK, HANDHELD, axe, overflows, ready, window

pytestmark = pytest.mark.browser
WIPED_US = NOW_US - 1_800 * MICROSECONDS
WHAT = "The broker at mqtt.shop.example:8883 does not answer (ConnectionRefusedError)."
REMEDY = "Selling goes on. Check the network; everything is sent when the line is back."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub whose broker is named, and whose line a test brings up and down."""
    with running(tmp_path_factory.mktemp("line")) as started:
        started.hub.line.at("mqtt.shop.example:8883")
        yield started


def look(page: Page, shots: Path, name: str, url: str) -> None:
    """Look at a page at both sizes."""
    for size in (HANDHELD, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(url)
        ready(page)
        page.screenshot(path=shots / f"hub-line-{name}-{size[0]}.png", full_page=True)
        assert (axe(page), overflows(page)) == ([], False)


def test_a_line_that_goes_down_is_said_on_open_pages_and_taken_back(
    browser: Browser, site: Site, shots: Path
) -> None:
    line = site.hub.line
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, site, HubRole.OPS)
        line.came("c1", WIPED_US)
        look(page, shots, "up", f"{site.url}/fleet")
        expect(page.get_by_text("connected to mqtt.shop.example:8883 since")).to_be_visible()

        line.went(WHAT, REMEDY, NOW_US)
        site.hub.broadcaster.publish("fleet")
        expect(page.locator("#line-down")).to_contain_text(WHAT)
        for name, path in (("fleet", "/fleet"), ("overview", "/"), ("desk", "/exceptions")):
            look(page, shots, f"down-{name}", site.url + path)
            expect(page.locator("#line-down")).to_contain_text("The hub is not connected to the broker.")

        page.goto(f"{site.url}/fleet")
        line.came("c2", NOW_US)
        site.hub.broadcaster.publish("fleet")
        expect(page.locator("#line-down")).to_have_count(0)


def test_a_broker_that_had_forgotten_is_told_of_until_all_have_spoken(
    browser: Browser, site: Site, shots: Path
) -> None:
    hub = site.hub
    hub.line.came("c3", WIPED_US)
    hub.database.write(lambda unit: keep_forgotten(unit.connection, at_us=WIPED_US, lost_us=WIPED_US - 1))
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, site, HubRole.OPS)
        look(page, shots, "forgot", f"{site.url}/fleet")
        expect(page.locator("#line-forgot.is-wait")).to_contain_text("without what it kept.")
        expect(page.locator("#line-forgot")).to_contain_text("Still missing: ")

        spoken = sa.update(link_sessions).values(opened_us=NOW_US, last_us=NOW_US)
        hub.database.write(lambda unit: unit.connection.execute(spoken))
        hub.broadcaster.publish("fleet")
        expect(page.locator("#line-forgot.is-calm")).to_contain_text("locations have spoken since.")
        look(page, shots, "forgot-all", f"{site.url}/fleet")
