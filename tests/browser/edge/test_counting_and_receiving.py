"""A handheld counts a shelf and unpacks a delivery, through a Wi-Fi that fails; a manager posts at a till."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.stock import counting, expecting
from edge_agent.stock.count_models import OpenCount
from edge_agent.stock.delivery_models import ImportDeliveries
from edge_agent.stock.rows import on_hand
from tests.browser.edge.conftest import shot, sign_in
from tests.browser.edge.store import CODES, PIN, Store, manager, running, sell
from tests.browser.edge.test_every_screen import SMALL
from tests.support.browser import DESK, HANDHELD, VIEWPORTS, axe, overflows, ready, scan, window

pytestmark = pytest.mark.browser
BAG, LUNCH, CAKE = "85099B", "20725", "22423"
CSV = "sku,quantity,cost\n85099B,24,1.10\n22423,6,6.20\n"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a shelf to count and a delivery to come."""
    with running(tmp_path_factory.mktemp("counted")) as store:
        edge, who = store.edge, manager()
        shelf = OpenCount(key="shelf", scope="bins", bins=("A-01",))
        edge.database.write(lambda unit: counting.open_count(unit, edge, shelf, person=who))
        file = ImportDeliveries(key="file", csv=CSV, supplier="Lighthouse Candles", reference="DN 4711")
        edge.database.write(lambda unit: expecting.import_csv(unit, edge, file, person=who))
        yield store


def sellable(store: Store, sku: str) -> int:
    return int(on_hand(store.edge.database.read(), sku).buckets.get("sellable", 0))  # type: ignore[call-overload]  # a StrEnum


def scanned(page: Page, sku: str, times: int = 1) -> None:
    """Scan an item; the scanner needs a moment between two scans of one code."""
    for _time in range(times):
        scan(page, CODES[sku])
        page.wait_for_timeout(350)


@pytest.mark.timeout(120)
def test_a_shelf_is_counted_by_scan_and_by_hand_and_posted_by_a_manager(
    browser: Browser, counted: Store
) -> None:
    with window(browser, HANDHELD, touch=True, expect=("403", "409")) as opened:
        page = opened.page
        sign_in(page, counted)
        page.goto(f"{counted.url}/stock/counts")
        ready(page)
        shelf = page.locator("li", has_text="Shelf A-01")  # another test may have opened a count besides
        shelf.get_by_role("link", name="Count", exact=True).click()
        expect(page.get_by_text("0 of 2")).to_be_visible()
        ready(page)
        scanned(page, BAG, 3)
        expect(page.locator(f"#now-{BAG} .tally-figure strong")).to_have_text("3")
        sell(counted.edge, "meanwhile", (BAG, 1))  # whoever counts has seen it, and it leaves
        scan(page, "5999999999994")
        expect(page.get_by_text("Not in the catalogue, listed")).to_be_visible()
        page.locator("#feedback").get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="Lies there and is not part of it")).to_have_count(0)
        shot(page, "edge-count-scanned-360")
        page.locator(f"#now-{BAG}").get_by_label("Units of").fill("11")
        page.locator(f"#now-{BAG}").get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("1 of 2")).to_be_visible()
        page.locator(f"#todo-{LUNCH}").get_by_text("Type").click()
        page.locator(f"#todo-{LUNCH}").get_by_label("Units of").fill("28")
        page.locator(f"#todo-{LUNCH}").get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Count these again")).to_be_visible()
        page.get_by_role("button", name="Count Lunch Bag Red Retrospot again").click()
        page.locator(f"#now-{LUNCH}").get_by_label("Units of").fill("28")
        page.locator(f"#now-{LUNCH}").get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("2 of 2")).to_be_visible()
        shot(page, "edge-count-done-360")
        page.get_by_role("button", name="Post the count").click()
        expect(page.get_by_role("dialog")).to_contain_text("Store manager")
        expect(page.locator("dialog[open] input:focus, dialog[open] button:focus")).to_have_count(1)
        with page.expect_response(lambda told: told.request.method == "GET" and "/stock/counts/" in told.url):
            page.evaluate("document.body.dispatchEvent(new Event('counts'))")  # news, in the middle of it
        page.wait_for_timeout(300)
        expect(page.locator("dialog[open] input:focus, dialog[open] button:focus")).to_have_count(1)
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Posted")).to_be_visible(timeout=15_000)

    assert (sellable(counted, BAG), sellable(counted, LUNCH)) == (10, 28)


@pytest.mark.timeout(120)
def test_a_delivery_is_unpacked_without_the_wifi_and_received_short_and_damaged(
    browser: Browser, counted: Store
) -> None:
    before = sellable(counted, CAKE)
    with window(browser, HANDHELD, touch=True, expect=("ERR_INTERNET", "Failed to", "net::")) as opened:
        page = opened.page
        sign_in(page, counted)
        page.goto(f"{counted.url}/stock/receive")
        ready(page)
        page.get_by_role("button", name="Unpack Lighthouse").click()
        page.wait_for_url("**/stock/receive/*-*")
        ready(page)
        page.context.set_offline(True)
        scanned(page, CAKE)
        expect(page.locator("#feedback")).to_contain_text("Waits for Wi-Fi", timeout=15_000)
        page.context.set_offline(False)
        expect(page.locator(f"#line-{CAKE} .tally-figure-small")).to_contain_text("1 / 6", timeout=15_000)
        scanned(page, CAKE, 3)
        page.get_by_text("What I scan now is damaged").click()
        scanned(page, CAKE)
        expect(page.locator("#feedback")).to_contain_text("Damaged, kept apart")
        shot(page, "edge-unpack-360")
        page.get_by_role("button", name="Put it on the shelf").click()
        page.wait_for_url("**/receipts/LB1-W00001")
        ready(page)
        expect(page.get_by_text("Short").first).to_be_visible()
        shot(page, "edge-receipt-360", full=True)
        assert (axe(page), overflows(page)) == ([], False)

    assert sellable(counted, CAKE) == before + 4


@pytest.mark.timeout(120)
def test_no_screen_of_counts_and_deliveries_breaks_a_rule_of_accessibility_or_is_too_wide(
    browser: Browser, counted: Store
) -> None:
    edge, who = counted.edge, manager()
    wide = OpenCount(key="wide", scope="bins", bins=("B", "C"))
    done, _new = edge.database.write(lambda unit: counting.open_count(unit, edge, wide, person=who))
    screens = {
        "edge-counts": "/stock/counts",
        "edge-count": f"/stock/counts/{done.count_id}",
        "edge-receive": "/stock/receive",
        "edge-stock-item": f"/stock/{CAKE}",
    }
    found = {}
    with window(browser) as opened:
        page = opened.page
        sign_in(page, counted, "M. Kaur", till="till-2")
        for name, path in screens.items():
            page.goto(counted.url + path)
            ready(page)
            filled = page.locator(".btn-primary:visible").count()
            for size in VIEWPORTS:
                page.set_viewport_size({"width": size[0], "height": size[1]})
                found[name, size[0]] = (axe(page), overflows(page), page.evaluate(SMALL), filled > 1)
                if size != DESK:
                    shot(page, f"{name}-360" if size == HANDHELD else name)

    assert {name: result for name, result in found.items() if result != ([], False, [], False)} == {}
