"""A handheld out of reach of the store PC: nothing is lost or counts twice, and what was refused is said."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.edge import work
from tests.browser.edge.conftest import shot
from tests.browser.edge.store import CODES, Store
from tests.support.browser import HANDHELD, axe, ready, scan, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
LUNCH, BUNTING, CAKE = CODES["20725"], CODES["47566"], CODES["22423"]
AWAY = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to fetch", "htmx:error", "409", "404", "422")
BACK_MS = 15_000


@pytest.fixture
def handheld(browser: Browser, store: Store) -> Iterator[Page]:
    """A signed-in handheld, with an outbox of its own."""
    with window(browser, HANDHELD, touch=True, expect=AWAY) as opened:
        work.sign_in_at(opened.page, store, "M. Kaur")
        yield opened.page
        opened.page.context.set_offline(False)


def rows(store: Store, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.edge.database.read().execute(sql, values)]


def scans(store: Store, assignment_id: str) -> list[tuple[int, int]]:
    """Return (line, units) of every scan that counts, in the order in which they came."""
    sql = "SELECT line_no, units FROM pick_scans WHERE assignment_id = ? AND undone = 0 ORDER BY at_us, rowid"
    return [(row[0], row[1]) for row in rows(store, sql, assignment_id)]


def state(store: Store, assignment_id: str) -> str:
    return str(rows(store, "SELECT state FROM assignments WHERE assignment_id = ?", assignment_id)[0][0])


def walk(page: Page, store: Store, assignment_id: str) -> str:
    list_id = work.start(store.edge, assignment_id)
    page.goto(f"{store.url}/fulfil/pick/{list_id}")
    ready(page)
    page.wait_for_timeout(200)
    return list_id


def waiting(page: Page, words: str) -> None:
    expect(page.locator("#outbox [data-waiting] strong")).to_have_text(words, timeout=10_000)


def nothing_waits(page: Page) -> None:
    expect(page.locator("#outbox [data-waiting]")).to_be_hidden(timeout=BACK_MS)


def test_scans_without_the_wifi_wait_in_order_and_count_once_when_it_is_back(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 100, ("20725", 2), ("47566", 1))
    walk(handheld, store, each)
    scan(handheld, LUNCH)
    expect(handheld.locator("#feedback")).to_contain_text("Picked 1 of 2")
    handheld.context.set_offline(True)
    scan(handheld, CAKE)  # wrong, and there is nobody to ask: judged here
    expect(handheld.locator("#feedback")).to_contain_text("not counted")
    handheld.wait_for_timeout(320)
    scan(handheld, LUNCH)
    expect(handheld.locator("#feedback")).to_contain_text("Picked 2 of 2, waits for Wi-Fi", timeout=10_000)
    expect(handheld.locator(".now .bin")).to_have_text("C-01-1")
    scan(handheld, BUNTING)
    waiting(handheld, "2 scans wait for Wi-Fi")
    expect(handheld.locator("#all-found")).to_have_text("3")
    expect(handheld.locator("#strip")).to_contain_text(
        "Cannot reach store PC", timeout=BACK_MS, ignore_case=True
    )
    assert axe(handheld) == []
    shot(handheld, "edge-pick-away")
    assert scans(store, each) == [(1, 1)]
    handheld.context.set_offline(False)
    nothing_waits(handheld)

    assert scans(store, each) == [(1, 1), (1, 1), (2, 1)]
    assert rows(store, "SELECT count(*) FROM idempotency WHERE key LIKE 'dev:%'")[0][0] >= 3


def test_an_answer_that_is_lost_on_the_way_is_asked_for_again_and_the_scan_counts_once(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 101, ("20725", 3))
    walk(handheld, store, each)
    lost: list[int] = []

    def swallow(route: Route) -> None:
        if len(lost) < 2:
            lost.append(route.fetch().status)  # the store PC has done it
            route.abort()
        else:
            route.continue_()

    handheld.route("**/fulfil/pick/*/scan", swallow)
    scan(handheld, LUNCH)
    expect(handheld.locator(".now [data-found]").first).to_have_text("1 of 3", timeout=10_000)
    waiting(handheld, "1 scan waits for Wi-Fi")
    nothing_waits(handheld)

    assert lost == [200, 200]
    assert scans(store, each) == [(1, 1)]


def test_what_waits_outlives_the_page_and_an_undo_of_it_counts_too(handheld: Page, store: Store) -> None:
    each = work.offer(store.edge, 102, ("20725", 3))
    list_id = walk(handheld, store, each)
    handheld.context.set_offline(True)
    for _n in range(2):
        scan(handheld, LUNCH)
        handheld.wait_for_timeout(400)
    expect(handheld.locator(".now [data-found]").first).to_have_text("2 of 3", timeout=10_000)
    handheld.locator("#feedback").get_by_role("button", name="Undo").click()
    expect(handheld.locator(".now [data-found]").first).to_have_text("1 of 3")
    waiting(handheld, "3 steps wait for Wi-Fi")
    handheld.goto("about:blank")  # the page is gone; what it kept is not
    handheld.context.set_offline(False)
    handheld.goto(f"{store.url}/fulfil/pick/{list_id}")
    nothing_waits(handheld)
    expect(handheld.locator(".now [data-found]").first).to_have_text("1 of 3", timeout=BACK_MS)

    assert scans(store, each) == [(1, 1)]
    assert len(rows(store, "SELECT 1 FROM pick_scans WHERE assignment_id = ?", each)) == 2


def test_a_short_pick_without_the_wifi_is_kept_and_what_needs_an_answer_is_refused_in_place(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 103, ("20725", 1))
    walk(handheld, store, each)
    handheld.context.set_offline(True)
    handheld.get_by_role("button", name="Short pick").click()
    handheld.get_by_text("Damaged", exact=True).click()
    handheld.get_by_role("button", name="Report 1 short").click()
    waiting(handheld, "1 step waits for Wi-Fi")
    handheld.get_by_role("button", name="Picked, go and pack").click()
    expect(handheld.locator("#walk-over [data-error]")).to_contain_text(
        "take the order to this handheld before"
    )
    assert state(store, each) == "picking"
    handheld.context.set_offline(False)
    nothing_waits(handheld)

    sql = "SELECT reason, units FROM pick_shorts WHERE assignment_id = ?"
    assert rows(store, sql, each) == [("damaged", 1)]


def test_a_scan_that_the_store_refuses_later_is_listed_with_its_words_until_it_was_read(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 104, ("20725", 2))
    walk(handheld, store, each)
    handheld.context.set_offline(True)
    scan(handheld, LUNCH)
    waiting(handheld, "1 scan waits for Wi-Fi")
    work.cancel(store.edge, each)
    handheld.context.set_offline(False)
    refused = handheld.locator("#outbox .refused")
    expect(refused).to_contain_text("nothing on it is to be fetched any more", timeout=BACK_MS)
    expect(refused).to_contain_text("Scan of Lunch Bag Red Retrospot")
    handheld.reload()
    ready(handheld)
    expect(refused).to_have_count(1)
    refused.get_by_role("button", name="Understood").click()
    expect(refused).to_have_count(0)

    assert scans(store, each) == []


def test_an_order_that_was_taken_along_goes_on_to_the_handover_and_the_store_hears_all_of_it(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 105, ("20725", 1))
    walk(handheld, store, each)
    handheld.get_by_role("button", name="Take to this handheld").click()
    expect(handheld.locator("main")).to_contain_text("On this handheld", timeout=10_000)
    ready(handheld)
    handheld.wait_for_timeout(300)
    handheld.context.set_offline(True)
    scan(handheld, LUNCH)
    waiting(handheld, "1 scan waits for Wi-Fi")
    handheld.get_by_role("button", name="Picked, go and pack").click()
    handheld.get_by_role("button", name="Pack into 1 bag").click()
    handheld.get_by_role("textbox", name="Shelf").fill("VAN-1")
    handheld.get_by_role("button", name="Put on this shelf").click()
    handheld.get_by_role("textbox", name="Pickup code").fill(work.CODE)
    handheld.get_by_role("button", name="Hand over 1 item").click()
    waiting(handheld, "6 steps wait for Wi-Fi")
    shot(handheld, "edge-handheld-away")
    assert state(store, each) == "picking"
    handheld.context.set_offline(False)
    nothing_waits(handheld)

    assert state(store, each) == "handed_over"
    assert rows(store, "SELECT fulfilled FROM assignment_lines WHERE assignment_id = ?", each) == [(1,)]
    assert len(rows(store, "SELECT 1 FROM handovers WHERE assignment_id = ?", each)) == 1
    assert rows(store, "SELECT 1 FROM device_holds WHERE assignment_id = ?", each) == []


def test_what_one_person_did_is_not_sent_in_the_name_of_another(handheld: Page, store: Store) -> None:
    each = work.offer(store.edge, 106, ("20725", 2))
    list_id = walk(handheld, store, each)
    handheld.context.set_offline(True)
    scan(handheld, LUNCH)
    waiting(handheld, "1 scan waits for Wi-Fi")
    handheld.context.clear_cookies()  # while it is away: the page would send it the moment it is back
    handheld.goto("about:blank")
    handheld.context.set_offline(False)
    work.sign_in_at(handheld, store, "S. Rowe")
    handheld.goto(f"{store.url}/fulfil/pick/{list_id}")
    expect(handheld.locator("#outbox [data-waiting]")).to_contain_text("sent when M. Kaur signs in here")
    assert scans(store, each) == []
    handheld.context.clear_cookies()
    work.sign_in_at(handheld, store, "M. Kaur")
    handheld.goto(f"{store.url}/fulfil/pick/{list_id}")
    nothing_waits(handheld)

    assert rows(store, "SELECT person_id FROM pick_scans WHERE assignment_id = ?", each) == [("m-kaur",)]


def test_nobody_signs_out_while_something_of_theirs_waits_to_be_sent(handheld: Page, store: Store) -> None:
    each = work.offer(store.edge, 140, ("20725", 1))
    walk(handheld, store, each)
    handheld.route("**/fulfil/pick/*/scan", lambda route: route.abort())
    scan(handheld, LUNCH)
    waiting(handheld, "1 scan waits for Wi-Fi")
    handheld.goto(f"{store.url}/account")
    ready(handheld)
    handheld.get_by_role("button", name="Sign out").click()

    expect(handheld.locator("#toasts")).to_contain_text("Stay signed in until it is sent.")
    assert handheld.url == f"{store.url}/account"
    handheld.unroute("**/fulfil/pick/*/scan")
    nothing_waits(handheld)
    assert scans(store, each) == [(1, 1)]
