"""The desk in a browser: where one looks first, where what is missing is said, and what it looks like."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.capture.steps import By
from hub.context import Hub
from hub.holds.api import HoldWanted
from hub.holds.steps import put_on_hold
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.later_site import running_later
from tests.browser.hub.site import Site
from tests.support import desk
from tests.support.browser import DESK, HANDHELD, ready, window, wrong_at

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with orders for later, one of them on hold."""
    with running_later(tmp_path_factory.mktemp("desk")) as (made, orders):
        wanted = HoldWanted(reason="The address does not exist")
        put_on_hold(made.hub, orders["ready"].number, wanted.stop, wanted, By("Priya Nair"))
        yield made


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A window of somebody in Operations."""
    with window(browser, DESK, expect=("409", "422")) as opened:
        enter(opened.page, site, HubRole.OPS)
        yield opened.page


def card_of(hub: Hub, kind: str) -> str:
    return f"/exceptions/{desk.card(hub, kind)}"


def test_the_queue_comes_first_on_a_handheld_unless_a_card_was_asked_for(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": HANDHELD[0], "height": HANDHELD[1]})
    first = []
    for path in ("/exceptions", "/exceptions?owner=ops", card_of(site.hub, "short_pick")):
        page.goto(site.url + path)
        ready(page)
        queue, card = page.locator("#queue").bounding_box(), page.locator("article.card").bounding_box()
        assert queue
        assert card
        first.append("queue" if queue["y"] < card["y"] else "card")

    assert first == ["queue", "queue", "card"]


@pytest.mark.parametrize("size", [HANDHELD, DESK], ids=["handheld", "desk"])
def test_a_reason_that_is_missing_is_in_sight_at_its_field_which_takes_the_next_key(
    page: Page, site: Site, shots: Path, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(site.url + card_of(site.hub, "short_pick"))
    ready(page)
    page.locator('input[value="order.cancel"]').check()
    page.locator('input[name="confirmed-order.cancel"]').check()
    page.get_by_role("button", name="Do it").click()
    ready(page, "/choose")
    page.screenshot(path=shots / f"hub-desk-missing-{size[0]}.png")

    expect(page.locator("#reason")).to_be_focused()
    expect(page.locator("#reason-says")).to_be_in_viewport()
    page.keyboard.type("the customer agreed")
    expect(page.locator("#reason")).to_have_value("the customer agreed")
    expect(page.locator('input[name="confirmed-order.cancel"]')).to_be_checked()


def test_the_screens_of_the_desk_have_nothing_that_axe_finds(
    page: Page, site: Site, shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, object] = {}
    sizes = (HANDHELD, DESK)
    page.goto(site.url + card_of(site.hub, "order_on_hold"))
    ready(page)
    page.get_by_role("button", name="Do it").click()
    ready(page, "/choose")
    expect(page.locator("#choice-says")).to_be_in_viewport()
    found |= wrong_at(page, "hub-desk-hold", shots, sizes)
    with monkeypatch.context() as slow:
        slow.setattr("hub.desk.rehearsal.LONGEST_SECONDS", -1.0)
        page.goto(site.url + card_of(site.hub, "short_pick") + "?owner=ops")
        ready(page)
        found |= wrong_at(page, "hub-desk-slow", shots, sizes)
    page.get_by_role("link", name="Try again").click()
    ready(page)
    expect(page.locator("form.choices")).to_be_visible()

    assert found == {}
