"""What every page does by itself: keys, the strip, live updates, toasts, times."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from protocol.kit.web.shell import Strip
from tests.browser.kit.conftest import Site
from tests.support.browser import ready, window

pytestmark = pytest.mark.browser


def listening(site: Site, page: Page) -> None:
    """Wait until the open page hears live updates."""
    for _ in range(250):
        if site.gallery.broadcaster.listeners:
            return
        page.wait_for_timeout(20)
    raise AssertionError("The page never listened.")


def test_a_sale_can_be_paid_and_left_again_with_the_keyboard_alone(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(shared.url + "/sell")
        page.keyboard.press("F9")
        ready(page, "/pay")
        page.keyboard.press("Escape")
        ready(page, "/sell")


def test_the_first_tab_stop_leads_past_the_head_to_the_content(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(shared.url + "/overview")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_a_letter_is_a_shortcut_on_the_page_and_a_letter_in_a_field(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(shared.url + "/overview")
        page.locator("#find-all").focus()
        page.keyboard.type("e")
        page.wait_for_timeout(200)
        assert page.locator("#find-all").input_value() == "e"
        assert page.url.endswith("/overview")
        page.locator("#find-all").evaluate("(e) => e.blur()")
        page.keyboard.press("e")
        ready(page, "/order")


def test_somebody_signs_in_with_a_tile_and_the_keys_on_the_screen(browser: Browser, site: Site) -> None:
    with window(browser, touch=True) as opened:
        page = opened.page
        page.goto(site.url + "/sign-in")
        page.get_by_text("A. Osei").tap()
        for digit in "12994":
            page.get_by_role("button", name=digit, exact=True).tap()
        page.get_by_role("button", name="Delete last digit").tap()
        page.get_by_role("button", name="Sign in").tap()
        ready(page, "/sell")

    assert site.gallery.posts == [{"person_id": "p1", "pin": "1299"}]


def test_the_strip_says_when_the_store_pc_is_out_of_reach_and_when_it_is_back(
    browser: Browser, site: Site
) -> None:
    with window(browser, expect=("net::ERR", "500", "Failed to fetch")) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        page.locator("#find").fill("half a name")
        page.route("**/shell/strip", lambda route: route.abort())
        page.evaluate("window.orderspine.askStrip()")
        strip = page.locator("#strip")
        expect(strip).to_contain_text("Cannot reach store PC")
        expect(strip).to_have_class("strip is-act")
        assert strip.locator("strong").evaluate("(e) => getComputedStyle(e).textTransform") == "uppercase"

        site.gallery.strip = Strip("live", "Online", "synced", since_us=site.gallery.clock.now_us())
        page.unroute("**/shell/strip")
        expect(strip).to_contain_text("Online")
        assert page.locator("#find").input_value() == "half a name"


def test_news_from_another_thread_changes_the_strip_at_once(browser: Browser, site: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        expect(page.locator("#strip")).to_contain_text("12 to send")
        listening(site, page)
        site.gallery.strip = Strip("live", "Sending", "8 of 12", accent=True)
        site.gallery.broadcaster.publish("strip")
        expect(page.locator("#strip")).to_have_text("Sending 8 of 12", timeout=2000)


def test_a_step_of_the_tour_ticks_itself_off_when_it_happens(browser: Browser, site: Site) -> None:
    site.gallery.demo = True
    with window(browser) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        expect(page.locator(".tour .is-now")).to_have_text("2Cut store 2's network and sell again")
        listening(site, page)
        site.gallery.tour_done = 2
        site.gallery.broadcaster.publish("tour")
        expect(page.locator(".tour .is-now")).to_have_text("3Watch the hub catch up")
        page.get_by_text("Hide the tour").click()
        expect(page.locator(".tour")).to_be_hidden()
        page.reload()
        expect(page.locator(".tour")).to_be_hidden()


def test_a_refused_click_says_why_and_leaves_the_page_as_it_was(browser: Browser, site: Site) -> None:
    with window(browser, expect=("409",)) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        page.locator("#find").fill("half a name")
        page.keyboard.press("F8")
        toast = page.locator("#toasts .toast")
        expect(toast).to_contain_text("Sell 1, or reserve 1 at York Coppergate.")
        expect(page.locator(".scan-name")).to_have_text("Jumbo Bag Red Retrospot")
        assert page.locator("#find").input_value() == "half a name"
        toast.get_by_role("button", name="Close").click()
        expect(toast).to_have_count(0)


def test_a_click_that_gets_no_answer_says_so_and_keeps_the_page(browser: Browser, site: Site) -> None:
    with window(browser, expect=("net::ERR", "Failed to fetch")) as opened:
        page = opened.page
        page.goto(site.url + "/sell")
        page.route("**/refuse", lambda route: route.abort())
        page.get_by_role("button", name="For later").click()
        expect(page.locator("#toasts .toast")).to_contain_text("Cannot reach store PC")
        expect(page.locator(".scan-name")).to_have_text("Jumbo Bag Red Retrospot")


def test_a_click_of_somebody_signed_in_carries_the_token_of_the_session(browser: Browser, site: Site) -> None:
    with window(browser, expect=("409",)) as opened:
        page = opened.page
        page.goto(site.url + "/sign-in")
        page.get_by_text("A. Osei").click()
        page.locator("#pin").fill("1234")
        page.keyboard.press("Enter")
        ready(page, "/sell")
        page.keyboard.press("F8")
        expect(page.locator("#toasts .toast")).to_contain_text("Only 1 Jumbo Bag")
        page.goto(site.url + "/parts")
        page.locator("#note").fill("torn box")
        page.get_by_role("button", name="Keep", exact=True).click()
        page.wait_for_url("**/keep")

    assert site.gallery.posts[-1] == {"who": "p1", "note": "torn box"}


def test_an_age_on_the_page_grows_older_by_itself(browser: Browser, shared: Site) -> None:
    with window(browser) as opened:
        page = opened.page
        page.clock.install()
        page.goto(shared.url + "/parts")
        age = page.locator("main time[data-ago]")
        before = int(age.inner_text().split()[0])
        page.clock.run_for(3000)
        assert int(age.inner_text().split()[0]) == before + 3
        page.clock.run_for(120_000)
        assert age.inner_text() == "2 min ago"


def test_a_page_listens_also_when_its_scripts_arrive_slowly_one_after_the_other(
    browser: Browser, site: Site
) -> None:
    with window(browser) as opened:
        page = opened.page

        def slowly(route: Route) -> None:
            page.wait_for_timeout(150)
            route.continue_()

        page.route("**/hx-sse.min.js*", slowly)
        page.goto(site.url + "/sell")
        ready(page)
        listening(site, page)
