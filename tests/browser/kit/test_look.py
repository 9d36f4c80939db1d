"""Every page of the gallery is readable for everybody, in every size and in both lights."""

import pytest
from playwright.sync_api import Browser

from tests.browser.kit.conftest import Site
from tests.support.browser import COUNTER, HANDHELD, VIEWPORTS, axe, overflows, window

pytestmark = pytest.mark.browser
PAGES = [
    "/sell",
    "/pay",
    "/pick-wrong",
    "/close",
    "/parts",
    "/sign-in?error=That+is+not+the+PIN+of+A.+Osei.+2+tries+left.",
    "/hub-sign-in?error=Name+or+password+is+wrong.",
    "/overview",
    "/order",
    "/nowhere",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_breaks_no_rule_of_accessibility_and_fits_every_window_in_both_lights(
    browser: Browser, shared: Site, path: str
) -> None:
    found = {}
    with window(browser, expect=("404",)) as opened:
        opened.page.goto(shared.url + path)
        for width, height in VIEWPORTS:
            opened.page.set_viewport_size({"width": width, "height": height})
            for light in ("light", "dark"):
                opened.page.emulate_media(color_scheme=light)
                found[width, light] = (axe(opened.page), overflows(opened.page))

    assert found == dict.fromkeys(found, ([], False))
    assert len(found) == 6


@pytest.mark.parametrize("path", ["/sell", "/pay", "/pick-wrong", "/close", "/sign-in"])
def test_what_is_touched_at_the_edge_is_large_enough_for_a_thumb(
    browser: Browser, shared: Site, path: str
) -> None:
    with window(browser, HANDHELD, touch=True) as opened:
        opened.page.goto(shared.url + path)
        small = opened.page.evaluate(
            """[...document.querySelectorAll('main .btn, main .input, main .tile, .tabs a')]
               .map((e) => [e.textContent.trim() || e.id, e.getBoundingClientRect()])
               .filter(([, box]) => box.width && (box.height < 48 || box.width < 48)).map(([name]) => name)"""
        )

    assert small == []


def test_the_answer_of_the_pay_screen_is_far_larger_than_anything_else(
    browser: Browser, shared: Site
) -> None:
    with window(browser, COUNTER) as opened:
        opened.page.goto(shared.url + "/pay")
        change = opened.page.locator(".change .money").evaluate(
            "(e) => parseFloat(getComputedStyle(e).fontSize)"
        )
        due = opened.page.locator(".between .money").evaluate(
            "(e) => parseFloat(getComputedStyle(e).fontSize)"
        )

    assert (change, due) == (128, 44)


@pytest.mark.parametrize("path", ["/sell", "/pay", "/overview", "/order", "/sign-in", "/close"])
def test_one_button_of_a_page_is_filled_with_the_accent(browser: Browser, shared: Site, path: str) -> None:
    with window(browser, COUNTER) as opened:
        opened.page.goto(shared.url + path)
        assert opened.page.locator(".btn-primary:visible").count() == 1


def test_a_dialog_leaves_the_connectivity_strip_in_sight(browser: Browser, shared: Site) -> None:
    with window(browser, COUNTER) as opened:
        opened.page.goto(shared.url + "/sell")
        opened.page.evaluate(
            """document.getElementById('dialogs').innerHTML = '<dialog class="dialog" data-dialog '
               + 'aria-labelledby="ask"><h2 id="ask">15% off needs a manager</h2>'
               + '<button class="btn" data-close>Keep £43.70</button></dialog>'"""
        )
        dialog = opened.page.locator("dialog")
        dialog.wait_for(state="visible")
        strip = opened.page.locator("#strip").bounding_box()
        box = dialog.bounding_box()
        backdrop = opened.page.evaluate(
            "getComputedStyle(document.querySelector('dialog'), '::backdrop').top"
        )
        assert strip is not None
        assert box is not None
        assert (backdrop, strip["y"]) == ("33px", 0)
        assert box["y"] > strip["y"] + strip["height"]
        opened.page.get_by_text("Keep £43.70").click()
        assert not dialog.is_visible()


def test_on_paper_a_page_leaves_out_what_only_a_screen_can_do(browser: Browser, shared: Site) -> None:
    with window(browser, COUNTER, dark=True) as opened:
        opened.page.goto(shared.url + "/order")
        opened.page.emulate_media(media="print")
        assert not opened.page.locator("#strip").is_visible()
        assert not opened.page.get_by_text("Decide short pick").is_visible()
        assert opened.page.get_by_role("heading", name="HT-11874").is_visible()
