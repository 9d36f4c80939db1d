"""Sign-in, the day of a till, printers, people, the catalogue: what surrounds the counter."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.till import rows, rules
from tests.browser.edge.conftest import shot, sign_in
from tests.browser.edge.store import PIN, Store, add_printer, sell
from tests.support.browser import ready, window

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser, store: Store) -> Iterator[Page]:
    """A manager at the second till."""
    with window(browser, expect=("409", "422", "404", "401", "429")) as opened:
        sign_in(opened.page, store, "M. Kaur", till="till-2")
        yield opened.page


def test_a_wrong_pin_is_said_beside_the_field_and_the_fifth_locks_the_tile(
    browser: Browser, store: Store
) -> None:
    with window(browser, expect=("401", "429")) as opened:
        page = opened.page
        page.goto(f"{store.url}/sign-in")
        for tries in range(5):
            page.get_by_text("T. Hill", exact=True).click()
            page.keyboard.type("1111")
            page.keyboard.press("Enter")
            expect(page.locator("#pin-says")).to_be_visible()
            if tries == 0:
                expect(page.locator("#pin-says")).to_contain_text("4 more tries")
        expect(page.locator("#pin-says")).to_contain_text("Try again in 5 min")
        expect(page.locator(".tile", has_text="T. Hill")).to_contain_text("Locked")
        shot(page, "edge-sign-in-locked")
        page.get_by_text("S. Rowe", exact=True).click()
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/sell")


def test_a_page_that_needs_a_person_leads_through_sign_in_and_back(browser: Browser, store: Store) -> None:
    with window(browser) as opened:
        opened.page.goto(f"{store.url}/store/sync")
        opened.page.get_by_text("A. Osei", exact=True).click()
        for digit in PIN:
            opened.page.locator("[data-digit]", has_text=digit).click()
        opened.page.get_by_role("button", name="Sign in").click()
        opened.page.wait_for_url("**/store/sync")
        expect(opened.page.get_by_role("heading", level=1)).to_contain_text("wait on this PC")


def test_a_day_is_opened_counted_blind_and_closed_with_its_difference_agreed(
    page: Page, store: Store
) -> None:
    page.goto(f"{store.url}/sell")
    expect(page.get_by_text("Till 2 is not open.")).to_be_visible()
    page.get_by_role("link", name="Open it with its float").click()
    page.wait_for_url("**/store/day")
    ready(page)
    page.keyboard.type("15000")
    expect(page.locator("#float")).to_have_value("£150.00")
    page.get_by_role("button", name="Open Till 2, start selling").click()
    page.wait_for_url("**/sell")
    page.goto(f"{store.url}/store/day?till=till-2")
    expect(page.get_by_role("button", name="Close the day, print Z")).to_have_attribute(
        "aria-disabled", "true"
    )
    page.locator("#d-2000").fill("7")
    expect(page.locator("[data-shows=counted]")).to_have_text("£140.00")
    shot(page, "edge-dayclose")
    assert "150.00" not in page.content()
    page.get_by_role("button", name="Confirm £140.00").click()
    expect(page.get_by_role("button", name="Let £140.00 stand")).to_be_visible()
    assert "150.00" not in page.content()
    page.get_by_role("button", name="Let £140.00 stand").click()
    expect(page.locator(".change .money")).to_have_text("£10.00")
    shot(page, "edge-dayclose-counted")
    page.get_by_role("button", name="Close the day, print Z").click()

    expect(page.locator(".notice.is-done")).to_contain_text("LB1-Z00001 is sealed")
    row = store.edge.database.read().execute(
        "SELECT state, z_number FROM till_sessions WHERE till = 'till-2'"
    )
    assert tuple(row.fetchone()) == ("closed", 1)
    page.goto(f"{store.url}/store/exceptions")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 thing needs a person")
    shot(page, "edge-exceptions")


def test_an_associate_closes_above_the_tolerance_only_with_a_managers_word(
    browser: Browser, store: Store
) -> None:
    with window(browser, expect=("409",)) as opened:
        page = opened.page
        sign_in(page, store, "A. Osei", till="till-1")
        page.goto(f"{store.url}/store/day")
        page.get_by_role("button", name="Confirm £0.00").click()
        page.get_by_role("button", name="Let £0.00 stand").click()
        page.get_by_role("button", name="Close the day, print Z").click()
        sheet = page.locator("dialog[open]")
        expect(sheet.get_by_role("heading")).to_have_text("The difference needs a manager")
        shot(page, "edge-dayclose-manager")
        sheet.get_by_role("button", name="Not yet").click()
        expect(page.locator("dialog[open]")).to_have_count(0)
        page.get_by_role("button", name="Give the count up, sell on").click()
        sheet = page.locator("dialog[open]")
        sheet.get_by_text("S. Rowe").click()
        sheet.get_by_label("PIN").fill(PIN)
        sheet.get_by_role("button", name="Allow").click()
        expect(page.locator("#toasts")).to_contain_text("The till sells again.")


def test_a_reading_shows_what_the_drawer_should_hold(page: Page, store: Store) -> None:
    sell(store.edge, "x", ("22423", 1))
    session = rows.open_session(store.edge.database.read(), "till-1")
    assert session is not None
    expected = f"£{rules.expected_cash(session.totals) / 100:.2f}"
    page.goto(f"{store.url}/store/day?till=till-1")
    page.get_by_role("button", name="Reading (X)").click()

    expect(page.locator(".money-huge")).to_have_text(expected)
    shot(page, "edge-reading")


def test_a_printer_that_does_not_answer_says_what_to_do_and_its_slips_wait(page: Page, store: Store) -> None:
    sold = sell(store.edge, "paper", ("47566", 1))
    add_printer(store.edge, "127.0.0.1", 9)
    page.goto(f"{store.url}/store/printers")
    expect(page.locator(".printers .pill")).to_have_text("Not reachable")
    expect(page.locator(".printers")).to_contain_text("Check its power and its cable")
    shot(page, "edge-printers")
    page.get_by_role("link", name=f"Receipt {sold.number}").click()
    picture = page.locator(".paper img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 640
    shot(page, "edge-slip")


def test_a_catalogue_file_is_taken_over_with_a_report_per_row(
    page: Page, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_text(
        "sku,name,price\nNEW-1,New Mug,4.50\nNEW-2,,1.00\nNEW-3,Tea Towel,none\n", encoding="utf-8"
    )
    page.goto(f"{store.url}/store/catalog")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Take it over").click()

    expect(page.get_by_text("What became of the file")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    shot(page, "edge-catalog")
    page.goto(f"{store.url}/stock?q=New+Mug")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_new_pin_lifts_the_lock_and_the_language_follows_the_person(page: Page, store: Store) -> None:
    page.goto(f"{store.url}/store/people")
    row = page.locator(".rows li", has_text="T. Hill")
    row.locator("summary").click()
    row.get_by_label("New PIN", exact=True).fill("8642")
    row.get_by_label("Once more").fill("8642")
    row.get_by_role("button", name="Set the PIN of T. Hill").click()
    expect(page.locator("#toasts")).to_contain_text("T. Hill has a new PIN from now on.")
    page.goto(f"{store.url}/account")
    page.get_by_role("button", name="Deutsch").click()
    page.wait_for_url("**/account")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en-GB")


def test_signing_out_ends_the_session_and_keeps_what_is_unsent(browser: Browser, store: Store) -> None:
    with window(browser) as opened:
        sign_in(opened.page, store, "S. Rowe")
        opened.page.goto(f"{store.url}/account")
        opened.page.get_by_role("button", name="Sign out").click()
        opened.page.wait_for_url("**/sign-in")
        opened.page.goto(f"{store.url}/sell")
        opened.page.wait_for_url("**/sign-in?next=/sell")
