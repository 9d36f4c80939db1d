"""Goods go from store to store by hand and scanner; every screen on the way is readable for everybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from protocol.sscc import make_sscc, spaced
from tests.browser.edge import goods_between as between
from tests.browser.edge.conftest import shot
from tests.browser.edge.store import CODES, Store
from tests.browser.edge.test_every_screen import SMALL
from tests.support.browser import DESK, HANDHELD, axe, overflows, ready, scan, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
LUNCH, BUNTING, CAKE = CODES["20725"], CODES["47566"], CODES["22423"]
STRANGER = make_sscc("9501101077", 1, 12)
ELSEWHERE = make_sscc("9501101078", 1, 3)
AWAY = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to fetch", "htmx:error", "409", "404", "422")
BACK_MS = 15_000
SAME_SCAN_MS = 320
"""The same code sooner than this is the same scan."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    with between.two_stores(tmp_path_factory.mktemp("between")) as made:
        yield made


def looked_at(page: Page, name: str) -> None:
    """Keep pictures of a page, and see that it breaks no rule at both sizes."""
    found = {}
    for size in (HANDHELD, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        found[size[0]] = (axe(page), overflows(page), page.evaluate(SMALL))
        shot(page, f"{name}-360" if size == HANDHELD else name)
    page.set_viewport_size({"width": HANDHELD[0], "height": HANDHELD[1]})
    assert found == dict.fromkeys(found, ([], False, []))


def rows(store: Store, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.edge.database.read().execute(sql, values)]


def balance(store: Store, sku: str, bucket: str) -> int:
    found = rows(store, "SELECT quantity FROM balances WHERE sku = ? AND bucket = ?", sku, bucket)
    return int(found[0][0]) if found else 0


def send(page: Page, store: Store, transfer_id: str) -> list[str]:
    """Answer, walk, pack two cartons and ship, as a person with a handheld does; return the cartons."""
    page.goto(f"{store.url}/transfers")
    ready(page)
    page.get_by_role("link", name="Answer").click()
    ready(page, f"/transfers/{transfer_id}")
    looked_at(page, "edge-transfer-answer")
    page.get_by_role("button", name="Accept and set aside").click()
    page.get_by_role("link", name="Start to walk").click()
    ready(page, "/pick")
    looked_at(page, "edge-transfer-pick")
    scan(page, CAKE)
    expect(page.locator("#feedback")).to_contain_text("Wrong item, not counted")
    scan(page, LUNCH)
    expect(page.locator("#feedback")).to_contain_text("1 of 2")
    page.wait_for_timeout(SAME_SCAN_MS)
    scan(page, LUNCH)
    expect(page.locator("#feedback")).to_contain_text("2 of 2")
    scan(page, BUNTING)
    expect(page.locator("#all-found")).to_have_text("3")
    page.get_by_role("button", name="Picked, go and pack").click()
    ready(page, f"/transfers/{transfer_id}")
    scan(page, BUNTING)
    expect(page.locator("#feedback")).to_contain_text("1 of 1")
    looked_at(page, "edge-transfer-pack")
    page.get_by_role("button", name="Close the carton").click()
    page.get_by_role("heading", name="Carton 1").wait_for()
    page.get_by_role("button", name="Close the carton").click()
    page.get_by_role("button", name="Ship, print the manifest").wait_for()
    looked_at(page, "edge-transfer-ship")
    page.get_by_role("button", name="Ship, print the manifest").click()
    expect(page.get_by_text("On its way", exact=True).first).to_be_visible()
    looked_at(page, "edge-transfer-away")
    return [carton.sscc for carton in between.shipped(store.edge, transfer_id).cartons]


def test_goods_are_sent_and_received_by_scanning_and_nothing_stays_on_the_way(
    browser: Browser, stores: tuple[Store, Store]
) -> None:
    source, destination = stores
    transfer_id = between.request(source.edge, 1, ("20725", 2), ("47566", 1), note="With the morning van.")
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        between.sign_in(opened.page, source)
        looked_at(opened.page, "edge-transfers")
        first, second = send(opened.page, source, transfer_id)
        assert balance(source, "20725", "in_transit") == 2
    between.announce(source.edge, destination.edge, transfer_id)
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, destination)
        scan(page, f"]C100{first}")
        ready(page, f"/transfers/{transfer_id}")
        expect(page.get_by_text("1 of 2 cartons scanned")).to_be_visible()
        scan(page, f"]C100{first}")
        expect(page.locator("#feedback")).to_contain_text("is scanned already")
        scan(page, f"]C100{ELSEWHERE}")
        expect(page.locator("#feedback")).to_contain_text("has not been announced to this store")
        scan(page, f"]C100{second}")
        expect(page.locator("#feedback")).to_contain_text("Carton 2 of 2")
        page.locator("summary", has_text="Correct").first.click()
        page.locator("#damaged-1").fill("1")
        looked_at(page, "edge-transfer-receive")
        page.get_by_role("button", name="Note it").first.click()
        expect(page.get_by_text("1 damaged").first).to_be_visible()
        page.get_by_role("button", name="Take in 3 items").click()
        expect(page.get_by_role("heading", name="All here")).to_be_visible()
        looked_at(page, "edge-transfer-received")
    between.settle(source.edge, destination.edge, transfer_id)

    came = (balance(destination, "20725", "sellable"), balance(destination, "20725", "quarantine"))
    assert came == (31, 1)
    assert balance(source, "20725", "in_transit") == balance(source, "47566", "in_transit") == 0


def test_a_carton_that_nobody_announced_is_a_question_before_it_is_taken_in(
    browser: Browser, stores: tuple[Store, Store]
) -> None:
    destination = stores[1]
    before = balance(destination, "22423", "sellable")
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, destination)
        scan(page, f"]C100{STRANGER}")
        ready(page, f"/transfers/carton/{STRANGER}")
        expect(page.get_by_role("alert").first).to_contain_text(spaced(STRANGER))
        assert rows(destination, "SELECT count(*) FROM cartons WHERE sscc = ?", STRANGER) == [(0,)]
        scan(page, CAKE)
        expect(page.locator("#feedback")).to_contain_text("1, not announced")
        looked_at(page, "edge-transfer-unknown")
        page.get_by_text("I have read the label").click()
        page.get_by_role("button", name="Take in 1 item").click()
        ready(page, "/transfers")
        expect(page.get_by_text("Waits for its announcement")).to_be_visible()
        looked_at(page, "edge-transfers-unannounced")

    assert balance(destination, "22423", "sellable") == before + 1


def test_scans_of_an_arrival_wait_for_the_wifi_and_count_once(
    browser: Browser, stores: tuple[Store, Store]
) -> None:
    destination = stores[1]
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, destination, "/transfers/arrivals/by-hand")
        scan(page, LUNCH)
        expect(page.locator("#feedback")).to_contain_text("1, not announced")
        page.context.set_offline(True)
        scan(page, LUNCH + " ")
        scan(page, BUNTING)
        expect(page.locator("#outbox [data-waiting] strong")).to_have_text(
            "2 scans wait for Wi-Fi", timeout=BACK_MS
        )
        page.context.set_offline(False)
        expect(page.locator("#outbox [data-waiting]")).to_be_hidden(timeout=BACK_MS)
        expect(page.get_by_role("button", name="Take in 3 items")).to_be_visible(timeout=BACK_MS)

    counted = "SELECT sku, sum(units) FROM transfer_scans WHERE work_id = 'by-hand' GROUP BY sku ORDER BY sku"
    assert rows(destination, counted) == [("20725", 2), ("47566", 1)]


def test_what_is_to_be_sent_is_scanned_together_and_set_aside_when_it_is_asked(
    browser: Browser, stores: tuple[Store, Store]
) -> None:
    source = stores[0]
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, source)
        page.get_by_role("link", name="Send goods").first.click()
        page.wait_for_url("**/transfers/new?way=out&work_id=*")
        ready(page)
        scan(page, BUNTING)
        expect(page.get_by_label("How many Party Bunting")).to_have_value("1")
        page.wait_for_timeout(SAME_SCAN_MS)
        scan(page, BUNTING)
        expect(page.get_by_label("How many Party Bunting")).to_have_value("2")
        page.get_by_label("Where to").select_option("store-2")
        looked_at(page, "edge-transfer-new")
        page.get_by_role("button", name="Set aside and send").click()
        page.get_by_role("link", name="Start to walk").wait_for()

    assert balance(source, "47566", "reserved") == 2


def test_what_is_not_sent_because_it_was_not_found_leaves_the_stock_by_the_choice_on_the_page(
    browser: Browser, stores: tuple[Store, Store]
) -> None:
    source = stores[0]
    transfer_id = between.request(source.edge, 7, ("22423", 3))
    before = balance(source, "22423", "sellable")
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        page = opened.page
        between.sign_in(page, source, f"/transfers/{transfer_id}")
        page.get_by_role("button", name="One fewer").first.click()
        page.get_by_text("Fewer than asked: say why").click()
        chosen = page.locator("#send-fewer .reason", has_text="Not found")
        expect(chosen).to_contain_text("They leave the stock, and are counted before any is promised again.")
        chosen.click()
        looked_at(page, "edge-transfer-fewer")
        page.get_by_role("button", name="Accept and set aside").click()
        page.get_by_role("link", name="Start to walk").wait_for()

    assert (balance(source, "22423", "sellable"), balance(source, "22423", "reserved")) == (before - 3, 2)
    gone = "SELECT reason, note FROM adjustments ORDER BY seq DESC LIMIT 1"
    assert rows(source, gone) == [("not_found", "HBX-00007")]
