"""A scanner types wherever the focus is; the page hears one scan and the field keeps what was in it."""

import pytest
from playwright.sync_api import Browser, Page

from protocol.kit.web.shell import Scanner
from tests.browser.kit.conftest import Site
from tests.support.browser import pace, scan, window

pytestmark = pytest.mark.browser
CODE = "4006381333931"
HEAR = """window.heard = [];
document.addEventListener('scan', (e) => window.heard.push(e.detail.code));
document.addEventListener('submit', (e) => { e.preventDefault(); window.heard.push('submitted'); });"""
PRESSED = "(e) => e.addEventListener('click', () => window.heard.push('clicked'))"


def listen(page: Page, url: str) -> None:
    page.goto(url)
    page.evaluate(HEAR)


def heard(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.heard")
    return found


@pytest.mark.parametrize("delay_ms", [0, 8, 20])
def test_a_scan_is_heard_at_every_pace_and_the_focused_field_keeps_its_value(
    browser: Browser, shared: Site, delay_ms: int
) -> None:
    with window(browser) as opened:
        page = opened.page
        listen(page, shared.url + "/parts")
        pace(page, delay_ms)
        page.locator("#quantity").fill("3")
        page.locator("#quantity").focus()
        page.keyboard.type(CODE, delay=delay_ms)
        page.keyboard.press("Enter")

        assert heard(page) == [CODE]
        assert page.locator("#quantity").input_value() == "3"
        assert page.evaluate("document.activeElement.id") == "quantity"
        assert page.url.endswith("/parts")


def test_what_a_person_types_stays_in_the_field_and_is_no_scan(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        listen(page, shared.url + "/sell")
        pace(page, 120)
        page.locator("#find").focus()
        page.keyboard.type("bunting")
        page.keyboard.press("Enter")

        assert heard(page) == []
        assert page.locator("#find").input_value() == "bunting"


def test_a_short_burst_is_no_scan_without_a_prefix(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        listen(opened.page, shared.url + "/parts")
        pace(opened.page, 0)
        opened.page.locator("#note").focus()
        opened.page.keyboard.type("12345")
        opened.page.keyboard.press("Tab")

        assert heard(opened.page) == []
        assert opened.page.locator("#note").input_value() == "12345"


def test_the_same_code_twice_at_once_is_one_scan_and_later_it_is_two(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        listen(opened.page, shared.url + "/parts")
        scan(opened.page, CODE)
        scan(opened.page, CODE)
        assert heard(opened.page) == [CODE]
        opened.page.wait_for_timeout(400)
        scan(opened.page, CODE)

        assert heard(opened.page) == [CODE, CODE]


def test_one_key_that_comes_late_does_not_cut_a_code_in_half(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        listen(page, shared.url + "/parts")
        for gap_ms, part in ((8, CODE[:4]), (180, CODE[4]), (8, CODE[5:])):
            pace(page, gap_ms)
            page.keyboard.type(part)
        page.keyboard.press("Enter")

        assert heard(page) == [CODE]


def test_a_prefix_tells_a_scan_of_any_length_from_a_persons_typing(browser: Browser, site: Site) -> None:
    site.gallery.scanner = Scanner(prefix="~", suffix="Tab")
    with window(browser) as opened:
        page = opened.page
        listen(page, site.url + "/parts")
        page.locator("#note").fill("old")
        page.locator("#note").focus()
        page.keyboard.type("~A7")
        page.keyboard.press("Tab")

        assert heard(page) == ["A7"]
        assert page.locator("#note").input_value() == "old"
        assert page.evaluate("document.activeElement.id") == "note"
        page.keyboard.type("~x")
        page.wait_for_timeout(650)
        assert page.locator("#note").input_value() == "old~x"
        assert heard(page) == ["A7"]


def test_a_scan_presses_no_shortcut_and_no_button(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        listen(page, shared.url + "/parts")
        page.locator("#once").evaluate(PRESSED)
        page.locator("#once").focus()
        scan(page, "KKK 1K KK2K", delay_ms=8)
        page.wait_for_timeout(200)
        assert heard(page) == ["KKK 1K KK2K"]

        page.keyboard.press("k")
        page.wait_for_timeout(200)
        assert heard(page) == ["KKK 1K KK2K", "clicked"]


def test_a_person_may_press_the_same_shortcut_quickly_again_and_again(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        listen(page, shared.url + "/parts")
        page.locator("#once").evaluate(PRESSED)
        for _ in range(3):
            page.keyboard.press("k")
            page.wait_for_timeout(200)

        assert heard(page) == ["clicked"] * 3


def test_scans_that_come_faster_than_answers_arrive_all_and_in_order(browser: Browser, site: Site) -> None:
    codes = [f"500000000{number:04d}" for number in range(6)]
    with window(browser) as opened:
        page = opened.page
        listen(page, site.url + "/sell")
        page.locator("#find").focus()
        for code in codes:
            scan(page, code)
        page.get_by_text(f"Item {codes[-1]}").wait_for()

        assert site.gallery.scans == codes
        assert page.locator("#find").input_value() == ""
        assert page.locator(".scan-qty").inner_text() == "6"


def test_a_result_is_seen_and_felt(browser: Browser, site: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        scan(page, "5000000000001")
        page.get_by_text("Item 5000000000001").wait_for()

        assert page.evaluate("document.body.dataset.flash") == "ok"


def test_an_unknown_code_is_a_row_with_its_own_sound_and_never_a_dialog(browser: Browser, site: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        scan(page, "0000000000000")
        page.get_by_text("Not recognised").wait_for()

        assert page.evaluate("document.body.dataset.flash") == "error"
        assert page.locator("dialog").count() == 0
        scan(page, CODE)
        page.get_by_text(f"Item {CODE}").wait_for()


def test_a_badge_scanned_at_sign_in_goes_with_the_pin(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(shared.url + "/sign-in")
        page.locator("#pin").focus()
        scan(page, "OS1:bdg:p1:1:K")

        assert page.locator("#pin").input_value() == ""
        assert page.locator("input[name=badge]").input_value() == "OS1:bdg:p1:1:K"
        assert page.evaluate("document.activeElement.id") == "pin"
