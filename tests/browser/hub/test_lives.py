"""A location whose past is in doubt, as people at the hub see it: fenced, copied, and on the telephone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from hub.link.alarms import raise_on
from hub.link.epochs import fence
from hub.link.rules import Alarm
from hub.stock.rows import hub_rights
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.site import Site, running
from tests.support.browser import DESK, HANDHELD, axe, overflows, ready, window

pytestmark = pytest.mark.browser
FENCED, COPIED, SILENT, IMAGED = "store-3", "store-2", "store-1", "store-4"
SKU = "85099B"


@pytest.fixture(scope="module")
def doubted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub that was restored, stores with a second computer or another history, and one that lends."""
    with running(tmp_path_factory.mktemp("lives")) as site:
        hub = site.hub
        alarms = [
            Alarm(kind, store, "A second machine connects.", (("machine", "5ec0" * 8),))
            for kind, store in (("edge_duplicate", COPIED), ("edge_forked", IMAGED))
        ]
        hub.database.write(lambda unit: [raise_on(hub.spine)(unit, alarm) for alarm in alarms])
        lent = {"location": SILENT, "sku": SKU, "granted_seen": 5, "allocated": 2}
        hub.database.write(lambda unit: unit.connection.execute(sa.insert(hub_rights).values(**lent)))
        hub.database.write(lambda unit: fence(unit, FENCED, "hub_restored", clock=hub.clock))
        yield site


def look(page: Page, shots: Path, name: str, url: str = "") -> None:
    """Look at a page at both sizes: the one at an address, or the one that is open."""
    for size in (HANDHELD, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        if url:
            page.goto(url)
            ready(page)
        page.screenshot(path=shots / f"hub-lives-{name}-{size[0]}.png", full_page=True)
        assert (axe(page), overflows(page)) == ([], False)


def test_a_second_computer_is_a_question_for_an_admin(browser: Browser, doubted: Site, shots: Path) -> None:
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, doubted, HubRole.ADMIN)
        look(page, shots, "copied", f"{doubted.url}/fleet/{COPIED}")

        expect(page.get_by_text("Two computers use this name")).to_be_visible()


def test_another_history_is_a_question_for_an_admin(browser: Browser, doubted: Site, shots: Path) -> None:
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, doubted, HubRole.ADMIN)
        look(page, shots, "imaged", f"{doubted.url}/fleet/{IMAGED}")

        expect(page.get_by_role("button", name="It is the store: let it go on")).to_be_visible()


def test_free_rights_are_given_up_before_their_code_is_read_out(
    browser: Browser, doubted: Site, shots: Path
) -> None:
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, doubted, HubRole.OPS)
        page.goto(f"{doubted.url}/fleet/{SILENT}")
        page.locator("form[action$='/reclaim'] [name=sku]").fill(SKU)
        page.locator("form[action$='/reclaim'] button").click()
        ready(page)
        look(page, shots, "reclaim")

    with doubted.hub.database.read() as connection:
        cells = connection.execute(
            sa.select(hub_rights.c.granted_seen, hub_rights.c.returned, hub_rights.c.allocated).where(
                hub_rights.c.location == SILENT, hub_rights.c.sku == SKU
            )
        ).one()
    assert tuple(cells) == (5, 3, 2)


def test_a_fenced_location_says_why_nothing_is_promised_from_it(
    browser: Browser, doubted: Site, shots: Path
) -> None:
    with window(browser, DESK) as opened:
        page = opened.page
        enter(page, doubted, HubRole.OPS)
        look(page, shots, "fenced", f"{doubted.url}/fleet/{FENCED}")

        expect(page.get_by_text("Nothing is promised from here yet.")).to_be_visible()
