"""Orders, returns in steps, a post-void; stock and why it changed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from protocol.ids import slip_code
from tests.browser.edge.conftest import shot, sign_in
from tests.browser.edge.store import CODES, PIN, Store, sell
from tests.support.browser import ready, scan, window

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser, store: Store) -> Iterator[Page]:
    """One signed-in counter for the tests of this module."""
    with window(browser, expect=("409", "422", "404")) as opened:
        sign_in(opened.page, store)
        yield opened.page


def on_hand(store: Store, sku: str, bucket: str = "sellable") -> int:
    row = (
        store.edge.database.read()
        .execute("SELECT quantity FROM balances WHERE sku = ? AND bucket = ?", (sku, bucket))
        .fetchone()
    )
    return row[0] if row else 0


def test_a_scanned_receipt_opens_its_order(page: Page, store: Store) -> None:
    sold = sell(store.edge, "receipt", ("47566", 1))
    page.goto(f"{store.url}/orders")
    ready(page)
    scan(page, slip_code("rc", sold.number, 1))
    page.wait_for_url(f"**/orders/{sold.number}")

    expect(page.get_by_role("heading", level=1)).to_have_text(sold.number)
    expect(page.locator(".story > li")).to_have_count(2)


def test_a_filter_stays_in_the_address_and_the_last_digits_find_one_order(page: Page, store: Store) -> None:
    sold = sell(store.edge, "digits", ("47566", 1))
    page.goto(f"{store.url}/orders")
    page.get_by_label("State").select_option("returned")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**state=returned*")
    expect(page.get_by_text("No order of this store fits")).to_be_visible()
    page.goto(f"{store.url}/orders?q={sold.number[-5:]}")

    expect(page.get_by_role("heading", level=1)).to_have_text(sold.number)


def test_a_return_shows_the_refund_per_tender_before_it_is_done_and_then_its_slip(
    page: Page, store: Store
) -> None:
    sold = sell(store.edge, "return", ("85099B", 2), ("22423", 1), card=True)
    before = on_hand(store, "85099B")
    page.goto(f"{store.url}/orders/{sold.number}")
    page.keyboard.press("F3")
    page.wait_for_url("**/return")
    page.get_by_role("button", name="One more of Jumbo Bag").click()
    expect(page.locator(".refund")).to_have_text("£2.50")
    page.get_by_label("Why", exact=True).select_option("damaged")
    expect(page.get_by_label("The goods go").locator("option:checked")).to_have_text(
        "As proposed: Kept apart, damaged"
    )
    expect(page.locator("ol.taken")).to_contain_text("Card …4242")
    assert on_hand(store, "85099B") == before
    shot(page, "edge-return-chosen")
    page.get_by_role("button", name="Give back £2.50").click()

    expect(page.locator(".done-panel .money-huge")).to_have_text("£2.50")
    shot(page, "edge-returned")
    assert (on_hand(store, "85099B"), on_hand(store, "85099B", "quarantine")) == (before, 1)
    page.goto(f"{store.url}/orders/{sold.number}/return")
    expect(page.locator(".bring li").first).to_contain_text("1 of 2 may come back")


def test_too_many_units_are_refused_in_place_and_nothing_is_given_back(page: Page, store: Store) -> None:
    sold = sell(store.edge, "many", ("20725", 2))
    page.goto(f"{store.url}/orders/{sold.number}/return")
    page.locator("#units-1").evaluate("(field) => { field.removeAttribute('max'); field.value = '9'; }")
    page.locator("#units-1").dispatch_event("change")

    expect(page.locator("[role=alert]")).to_be_visible()
    expect(page.locator(".refund")).to_have_text("£0.00")
    row = store.edge.database.read().execute(
        "SELECT returned FROM order_lines WHERE order_id = ?", (sold.order_id,)
    )
    assert row.fetchone()[0] == 0


def test_a_post_void_asks_a_lead_in_place_and_gives_the_reason_to_the_books(page: Page, store: Store) -> None:
    sold = sell(store.edge, "void", ("47566", 2))
    page.goto(f"{store.url}/orders/{sold.number}")
    shot(page, "edge-order")
    page.locator("summary", has_text="Void the whole sale").click()
    page.get_by_text("Wrong item scanned").click()
    page.get_by_role("button", name="Void £9.90").click()
    sheet = page.locator("dialog[open]")
    sheet.get_by_text("S. Rowe").click()
    sheet.get_by_label("PIN").fill(PIN)
    sheet.get_by_role("button", name="Void £9.90").click()

    expect(page.locator(".page-head .pill")).to_have_text("Voided")
    body = (
        store.edge.database.read()
        .execute("SELECT bytes FROM events WHERE kind = 'order.voided' ORDER BY seq DESC")
        .fetchone()[0]
    )
    assert b"Wrong item scanned" in body
    assert b"s-rowe" in body


def test_stock_shows_every_part_of_the_formula_and_why_it_changed(page: Page, store: Store) -> None:
    sold = sell(store.edge, "why", ("20725", 1))
    left = on_hand(store, "20725")
    page.goto(f"{store.url}/stock")
    ready(page)
    scan(page, CODES["20725"])
    page.wait_for_url("**/stock/20725")

    expect(page.locator(".formula .money-huge")).to_have_text(str(left))
    expect(page.locator(".formula .zero")).to_have_text([str(left), "0", "0"])
    expect(page.locator("tbody tr").first).to_contain_text(sold.number)
    expect(page.get_by_role("heading", name="Correct the stock")).to_be_visible()
    shot(page, "edge-product")


def test_a_manager_corrects_stock_for_a_reason_and_takes_it_back(browser: Browser, store: Store) -> None:
    before = on_hand(store, "22423")
    with window(browser) as opened:
        sign_in(opened.page, store, "M. Kaur", till="till-2")
        opened.page.goto(f"{store.url}/stock/22423")
        opened.page.locator("#units").fill("5")
        opened.page.get_by_label("Why", exact=True).select_option(label="Found")
        opened.page.get_by_label("Note").fill("Behind the counter")
        opened.page.get_by_role("button", name="Write it down").click()

        expect(opened.page.locator(".formula .money-huge")).to_have_text(str(before + 5))
        expect(opened.page.locator("tbody tr").first).to_contain_text("Found")
        expect(opened.page.locator("tbody tr").first).to_contain_text("+5")
        opened.page.get_by_role("button", name="Take back").click()
        expect(opened.page.locator(".formula .money-huge")).to_have_text(str(before))
