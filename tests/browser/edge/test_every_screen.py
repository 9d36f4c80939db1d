"""Every screen of a store is readable for everybody, in every size and in both lights."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.edge.conftest import empty, shot, sign_in
from tests.browser.edge.store import CABINET, CODES, Store, add_cabinet, add_printer, manager, running, sell
from tests.support.browser import DESK, HANDHELD, VIEWPORTS, axe, overflows, scan, window
from tests.support.later import taken_at_counter

pytestmark = pytest.mark.browser
SMALL = """[...document.querySelectorAll('main .btn, main .input, main .tile, .tabs a, main button')]
  .map((e) => [e.textContent.trim() || e.id, e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 47.5 || box.width < 47.5)).map(([name]) => name)"""
SCREENS = {
    "edge-orders": "/orders",
    "edge-order": "/orders/{number}",
    "edge-return": "/orders/{number}/return",
    "edge-stock": "/stock",
    "edge-stock-none": "/stock?q=nothing+like+it",
    "edge-product": "/stock/85099B",
    "edge-store": "/store",
    "edge-sync": "/store/sync",
    "edge-reclaim": "/store/reclaim",
    "edge-printers": "/store/printers",
    "edge-printer": "/store/printers/till-1",
    "edge-printer-new": "/store/printers/new",
    "edge-slip": "/store/printers/jobs/{job}",
    "edge-dayclose": "/store/day",
    "edge-day-open": "/store/day?till=till-2",
    "edge-people": "/store/people",
    "edge-catalog": "/store/catalog",
    "edge-exceptions": "/store/exceptions",
    "edge-account": "/account",
    "edge-sell": "/sell",
    "edge-later": "/sell/later",
    "edge-later-ship": "/sell/later?way=ship",
    "edge-later-elsewhere": "/sell/later?way=elsewhere",
    "edge-later-order": "/orders/{later}",
    "edge-later-rest": "/orders/{later}/rest?by=cash",
    "edge-later-cancel": "/orders/{later}/cancel",
    "edge-pay": "/sell/pay?by=cash",
    "edge-pay-card": "/sell/pay?by=card",
    "edge-pay-split": "/sell/pay?by=split&taken=card%3A1275%3A4242%3A",
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, str]]]:
    """A store that has sold, and has a printer that does not answer."""
    folder = tmp_path_factory.mktemp("busy")
    with running(folder, demo=True, paper_url="http://127.0.0.1:9180/") as store:
        add_cabinet(store.edge, folder)
        sold = sell(store.edge, "first", ("85099B", 2), ("22423", 1), ("20725", 3))
        sell(store.edge, "second", ("47566", 1), card=True)
        add_printer(store.edge, "127.0.0.1", 9)
        later = taken_at_counter(store.edge, manager(), "later", ("20725", 2), ("47566", 1)).number
        job = store.edge.database.read().execute("SELECT job_id FROM print_jobs").fetchone()[0]
        yield store, {"number": sold.number, "job": job, "later": later}


DARK = ("edge-sell", "edge-dayclose", "edge-order", "edge-printers")


def filled_basket(page: Page, store: Store) -> None:
    """Sign in as somebody who may do everything, with a basket of five lines for £1,234.56."""
    sign_in(page, store, "M. Kaur")
    empty(page, store)
    codes = CODES | {CABINET[0]: CABINET[3]}
    for sku in (CABINET[0], "47566", "85123A", "22423", "85099B"):
        scan(page, codes[sku])
        expect(page.locator(".lines tbody tr").first).to_contain_text(sku)
    expect(page.locator("#to-pay")).to_have_text("£1,234.56")


@pytest.mark.timeout(120)
def test_no_screen_breaks_a_rule_of_accessibility_or_grows_wider_than_its_window_at_any_size(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, names = busy
    found = {}
    with window(browser) as opened:
        page = opened.page
        page.goto(f"{store.url}/sign-in")
        addresses = {"edge-sign-in": "", **SCREENS}
        for name, path in addresses.items():
            if name == "edge-orders":
                filled_basket(page, store)
            if path:
                page.goto(store.url + path.format(**names))
            for size in VIEWPORTS:
                page.set_viewport_size({"width": size[0], "height": size[1]})
                found[name, size[0]] = (axe(page), overflows(page), page.evaluate(SMALL))
                if size != DESK:
                    shot(page, f"{name}-360" if size == HANDHELD else name)

    assert {name: result for name, result in found.items() if result != ([], False, [])} == {}


@pytest.mark.timeout(60)
def test_the_screens_people_look_at_all_day_keep_their_contrast_in_the_dark(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, names = busy
    found = {}
    with window(browser, dark=True) as opened:
        filled_basket(opened.page, store)
        for name in DARK:
            opened.page.goto(store.url + SCREENS[name].format(**names))
            found[name] = axe(opened.page)
            shot(opened.page, f"{name}-dark")

    assert found == {name: [] for name in DARK}


@pytest.mark.timeout(60)
def test_every_dialog_of_the_counter_keeps_the_rules_at_every_size(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, _names = busy
    found = {}
    with window(browser) as opened:
        page = opened.page
        filled_basket(page, store)
        for key in ("F4", "F5", "F7"):
            page.keyboard.press(key)
            page.locator("dialog[open]").wait_for()
            for size in VIEWPORTS:
                page.set_viewport_size({"width": size[0], "height": size[1]})
                found[key, size[0]] = (axe(page), overflows(page))
            page.keyboard.press("Escape")
            expect(page.locator("dialog[open]")).to_have_count(0)

    assert {name: result for name, result in found.items() if result != ([], False)} == {}


@pytest.mark.timeout(60)
def test_one_button_of_every_screen_at_most_is_filled_with_the_accent(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, names = busy
    with window(browser) as opened:
        sign_in(opened.page, store, "M. Kaur")
        filled = {}
        for name, path in SCREENS.items():
            opened.page.goto(store.url + path.format(**names))
            filled[name] = opened.page.locator(".btn-primary:visible").count()

    assert {name: count for name, count in filled.items() if count > 1} == {}


def test_a_page_shows_what_another_till_did_without_being_asked(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, _names = busy
    with window(browser) as opened:
        sign_in(opened.page, store, "M. Kaur")
        opened.page.goto(f"{store.url}/store/sync")
        count = opened.page.locator(".sync-count")
        before = int(count.inner_text())
        opened.page.wait_for_timeout(300)
        sell(store.edge, "elsewhere", ("20725", 1))

        expect(count).to_have_text(str(before + 1), timeout=8000)
        expect(opened.page.locator("#strip")).to_contain_text(f"{before + 1} to send")
        expect(opened.page.locator("#demo")).to_contain_text("DEMO")
