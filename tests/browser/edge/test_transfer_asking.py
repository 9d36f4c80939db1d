"""What was typed into a request stays there when it is refused, and when a place is asked back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.edge import goods_between as between
from tests.browser.edge.store import CODES, Store
from tests.browser.edge.test_transfers import AWAY, looked_at, rows
from tests.support.browser import HANDHELD, ready, scan, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with between.two_stores(tmp_path_factory.mktemp("asking")) as made:
        yield made[0]


def test_a_mistyped_place_is_asked_back_and_nothing_that_was_typed_is_lost(
    browser: Browser, source: Store
) -> None:
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, source)
        page.get_by_role("link", name="Send goods").first.click()
        page.wait_for_url("**/transfers/new?way=out&work_id=*")
        ready(page)
        scan(page, CODES["47566"])
        units = page.get_by_label("How many Party Bunting")
        expect(units).to_have_value("1")
        units.fill("1e1")
        page.get_by_label("Name of the location").fill("warehuose")
        page.get_by_role("button", name="Set aside and send").click()
        expect(page.locator("#toasts")).to_contain_text("'1e1' is no number of units of Party Bunting")
        expect(units).to_have_value("1e1")
        units.fill("3")
        page.get_by_role("button", name="Set aside and send").click()
        sure = page.get_by_label("The name is right: send to warehuose all the same.")
        expect(sure).not_to_be_checked()
        expect(units).to_have_value("3")
        expect(page.get_by_label("Name of the location")).to_have_value("warehuose")
        assert rows(source, "SELECT * FROM transfers") == []
        looked_at(page, "edge-transfer-unknown-place")
        sure.check()
        page.get_by_role("button", name="Set aside and send").click()
        page.get_by_role("link", name="Start to walk").wait_for()

    sent = "SELECT destination, quantity FROM transfers JOIN transfer_lines USING (transfer_id)"
    assert rows(source, sent) == [("warehuose", 3)]
