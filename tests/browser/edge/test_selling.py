"""A counter at work: scan, pay, park, agree in place; each as a person does it in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.edge.conftest import empty, shot, sign_in
from tests.browser.edge.store import CODES, PIN, Store, sell
from tests.support.browser import ready, scan, window

pytestmark = pytest.mark.browser
BAG, CAKE, BUNTING, HEART = CODES["85099B"], CODES["22423"], CODES["47566"], CODES["85123A"]


@pytest.fixture(scope="module")
def seat(browser: Browser, store: Store) -> Iterator[Page]:
    """One signed-in counter for the tests of this module."""
    with window(browser, expect=("409", "422", "404")) as opened:
        sign_in(opened.page, store)
        yield opened.page


@pytest.fixture
def counter(seat: Page, store: Store) -> Page:
    empty(seat, store)
    return seat


def add(page: Page, code: str, *, delay_ms: float = 0) -> None:
    """Scan and wait until the page shows what it did."""
    before = page.locator("#live-basket").get_attribute("hx-get")
    scan(page, code, delay_ms=delay_ms)
    expect(page.locator("#live-basket")).not_to_have_attribute("hx-get", before or "")


def first_row(store: Store, sql: str) -> tuple[Any, ...]:
    """Return what the writer sees: a reader of this thread may still stand at an earlier moment."""
    return tuple(store.edge.database.write(lambda unit: unit.connection.execute(sql).fetchone()))


def newest_total(store: Store) -> tuple[str, int]:
    state, total_minor = first_row(store, "SELECT state, total_minor FROM orders ORDER BY seq DESC LIMIT 1")
    return state, total_minor


def orders(store: Store) -> int:
    return int(first_row(store, "SELECT count(*) FROM orders")[0])


@pytest.mark.parametrize("delay_ms", [0, 8, 20])
def test_a_cash_sale_goes_from_scan_to_the_next_customer_at_every_pace_of_the_scanner(
    counter: Page, store: Store, delay_ms: int
) -> None:
    before = orders(store)
    add(counter, BAG, delay_ms=delay_ms)
    counter.wait_for_timeout(320)  # the same code sooner would be the same scan
    counter.evaluate("if (window.keysAt) window.keysAt += 320")  # the same by the clock that paces its keys
    add(counter, BAG, delay_ms=delay_ms)

    expect(counter.locator(".scan-qty")).to_have_text("2")
    expect(counter.locator(".scan-name")).to_have_text("Jumbo Bag Red Retrospot")
    expect(counter.locator("#to-pay")).to_have_text("£5.00")
    counter.keyboard.press("F9")
    counter.wait_for_url("**/sell/pay?by=cash")
    ready(counter)
    counter.get_by_role("button", name="£10", exact=True).click()
    expect(counter.locator("[data-shows=change]")).to_have_text("£5.00")
    expect(counter.locator(".coins li")).to_have_text(["£5"])
    counter.get_by_role("button", name="Take £10.00, open drawer").click()
    counter.wait_for_url("**/sell?sold=*")

    expect(counter.locator(".scan-name")).to_have_text("Change £5.00")
    assert counter.evaluate("document.activeElement.id") == "find"
    assert (orders(store), newest_total(store)) == (before + 1, ("completed", 500))


def test_a_quick_amount_that_is_tapped_is_taken_with_enter(counter: Page, store: Store) -> None:
    before = orders(store)
    add(counter, BAG)
    counter.keyboard.press("F9")
    counter.wait_for_url("**/sell/pay?by=cash")
    ready(counter)
    counter.get_by_role("button", name="Exact").click()
    counter.keyboard.press("Enter")
    counter.wait_for_url("**/sell?sold=*")

    assert (orders(store), newest_total(store)) == (before + 1, ("completed", 250))


def test_an_unknown_code_is_a_row_with_two_ways_on_and_adds_nothing(counter: Page) -> None:
    add(counter, "NO-SUCH-CODE-1")

    expect(counter.locator(".scan-word")).to_have_text("Unknown code")
    expect(counter.locator(".scan")).to_have_attribute("data-tone", "error")
    expect(counter.locator("#to-pay")).to_have_text("£0.00")
    shot(counter, "edge-sell-unknown")
    counter.get_by_role("button", name="Ignore").click()
    expect(counter.locator(".scan-name")).to_have_text("Scan the first item")


def test_selling_beyond_the_books_says_the_facts_and_goes_on(counter: Page) -> None:
    add(counter, CODES["22720"])
    for count in (2, 3):
        counter.get_by_role("button", name="One more of Set of 3 Cake Tins").click()
        expect(counter.locator(".scan-qty")).to_have_text(str(count))

    expect(counter.locator(".scan-word")).to_have_text("Added, beyond the books")
    expect(counter.locator(".scan")).to_contain_text(
        "The books have 2 here; sell it if the customer holds it."
    )
    expect(counter.locator("#to-pay")).to_have_text("£14.85")


def test_a_name_finds_the_product_while_it_is_typed_and_the_keyboard_adds_it(counter: Page) -> None:
    counter.locator("#find").press_sequentially("cakest", delay=60)
    expect(counter.locator("#found .btn")).to_have_count(1)
    counter.keyboard.press("ArrowDown")
    counter.keyboard.press("Enter")

    expect(counter.locator(".scan-name")).to_have_text("Regency Cakestand 3 Tier")
    expect(counter.locator("#found .btn")).to_have_count(0)
    assert counter.locator("#find").input_value() == ""


def test_quantities_step_and_undo_takes_the_last_change_back(counter: Page) -> None:
    add(counter, HEART)
    counter.get_by_role("button", name="One more of White Hanging Heart").click()
    expect(counter.locator("#to-pay")).to_have_text("£5.90")
    counter.get_by_role("button", name="Undo").click()
    expect(counter.locator("#to-pay")).to_have_text("£2.95")
    counter.get_by_role("button", name="Take out White Hanging Heart").click()
    expect(counter.get_by_text("Nothing in the basket")).to_be_visible()
    counter.get_by_role("button", name="Undo").click()
    expect(counter.locator("#to-pay")).to_have_text("£2.95")


def test_a_card_sale_keeps_the_reference_of_the_terminal(counter: Page, store: Store) -> None:
    add(counter, CAKE)
    counter.keyboard.press("F10")
    counter.wait_for_url("**/sell/pay?by=card")
    ready(counter)
    shot(counter, "edge-pay-card")
    counter.get_by_label("Last four digits").fill("4242")
    counter.get_by_label("Reference").fill("T-778")
    counter.get_by_role("button", name="Card paid £12.75").click()
    counter.wait_for_url("**/sell?sold=*")

    row = store.edge.database.read().execute(
        "SELECT kind, t.amount_minor, last4, reference FROM order_tenders t JOIN orders USING (order_id)"
        " ORDER BY seq DESC"
    )
    assert tuple(row.fetchone()) == ("card", 1275, "4242", "T-778")


def test_a_split_sale_says_what_is_left_until_nothing_is(counter: Page, store: Store) -> None:
    add(counter, CAKE)
    counter.keyboard.press("F12")
    counter.wait_for_url("**/sell/pay?by=split")
    ready(counter)
    counter.keyboard.type("500")
    expect(counter.locator("#got")).to_have_value("£5.00")
    counter.keyboard.press("F10")
    counter.wait_for_url("**taken=card*")
    ready(counter)
    expect(counter.locator(".change .money")).to_have_text("£7.75")
    counter.reload()
    ready(counter)
    expect(counter.locator(".change .money")).to_have_text("£7.75")
    shot(counter, "edge-pay-split")
    counter.keyboard.press("F9")
    counter.wait_for_url("**/sell?sold=*")

    found = store.edge.database.read().execute(
        "SELECT kind, t.amount_minor FROM order_tenders t JOIN orders USING (order_id)"
        " WHERE number = (SELECT number FROM orders ORDER BY seq DESC) ORDER BY n"
    )
    assert [tuple(row) for row in found] == [("card", 500), ("cash", 775)]


def test_a_basket_is_parked_and_comes_back_from_the_list(counter: Page) -> None:
    add(counter, BUNTING)
    counter.keyboard.press("F6")
    expect(counter.get_by_text("Nothing in the basket")).to_be_visible()
    counter.keyboard.press("F7")
    counter.locator("dialog").wait_for()
    shot(counter, "edge-recall")
    counter.locator("dialog").get_by_role("button", name="Bring back").first.click()

    expect(counter.locator("#to-pay")).to_have_text("£4.95")
    expect(counter.locator("dialog")).to_have_count(0)


def test_a_discount_above_the_limit_is_agreed_in_place_and_the_basket_is_kept(counter: Page) -> None:
    add(counter, CAKE)
    counter.keyboard.press("F4")
    counter.get_by_label("Percent off").fill("15")
    counter.get_by_role("button", name="Give the discount").click()
    sheet = counter.locator("dialog[open]:has([data-approval])")
    expect(sheet.get_by_role("heading")).to_have_text("15% off needs somebody's word")
    expect(sheet).to_contain_text("£10.84")
    expect(counter.locator("#to-pay")).to_have_text("£12.75")
    shot(counter, "edge-override")
    sheet.get_by_text("S. Rowe").click()
    sheet.get_by_label("PIN").fill("0000")
    sheet.get_by_role("button", name="Allow 15% off").click()
    expect(counter.locator("#approval-says")).to_contain_text("That is not the PIN of this person.")
    sheet.get_by_label("PIN").fill(PIN)
    sheet.get_by_role("button", name="Allow 15% off").click()

    expect(counter.locator("#to-pay")).to_have_text("£10.84")
    expect(counter.locator("dialog")).to_have_count(0)


def test_a_manager_agrees_to_another_price_by_badge_and_the_scan_adds_nothing(counter: Page) -> None:
    add(counter, CAKE)
    counter.get_by_role("button", name="Quantity 1, change").click()
    counter.locator("dialog summary", has_text="Another price").click()
    counter.get_by_label("Price each").fill("10.00")
    shot(counter, "edge-line")
    counter.get_by_role("button", name="Set the price").click()
    counter.locator("[data-approval]").wait_for()
    scan(counter, "BADGE-00077")
    expect(counter.get_by_text("Badge scanned")).to_be_visible()
    counter.keyboard.type(PIN)
    counter.keyboard.press("Enter")

    expect(counter.locator("#to-pay")).to_have_text("£10.00")
    expect(counter.locator(".lines tbody tr")).to_have_count(1)


def test_a_stale_basket_is_shown_as_it_is_now_and_says_so(
    counter: Page, browser: Browser, store: Store
) -> None:
    add(counter, CAKE)
    counter.evaluate("document.getElementById('live').remove()")
    with window(browser) as other:
        sign_in(other.page, store, "T. Hill")
        add(other.page, BAG)
    counter.get_by_role("button", name="One more of Regency").click()

    expect(counter.locator("#toasts")).to_contain_text("The basket was changed on another screen.")
    expect(counter.locator("#to-pay")).to_have_text("£15.25")


def test_a_whole_sale_needs_no_hand_on_the_mouse(counter: Page, store: Store) -> None:
    before = orders(store)
    counter.keyboard.type("party bun", delay=60)
    expect(counter.locator("#found .btn")).to_have_count(1)
    counter.keyboard.press("Enter")
    expect(counter.locator("#to-pay")).to_have_text("£4.95")
    counter.keyboard.press("F9")
    counter.wait_for_url("**/sell/pay?by=cash")
    ready(counter)
    counter.keyboard.type("2000")
    expect(counter.locator("[data-shows=change]")).to_have_text("£15.05")
    counter.keyboard.press("Enter")
    counter.wait_for_url("**/sell?sold=*")

    expect(counter.locator(".scan-name")).to_have_text("Change £15.05")
    assert orders(store) == before + 1


def test_the_last_sale_is_printed_again_from_the_counter(counter: Page, store: Store) -> None:
    done = sell(store.edge, "again", ("47566", 1))
    store.edge.database.write(
        lambda unit: unit.connection.execute(
            "UPDATE print_jobs SET state = 'printed' WHERE title = ?", (done.number,)
        )
    )
    counter.reload()
    counter.get_by_role("button", name="Print again").click()

    expect(counter.locator("#toasts")).to_contain_text(
        f"Receipt {done.number} prints again, marked as a reprint."
    )
