"""Every screen of fulfilment is readable for everybody, in every size and in both lights."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.edge import work
from tests.browser.edge.conftest import shot
from tests.browser.edge.store import CODES, Store, running
from tests.browser.edge.test_every_screen import SMALL
from tests.support.browser import DESK, HANDHELD, VIEWPORTS, axe, overflows, ready, scan, window

pytestmark = pytest.mark.browser
SCREENS = {
    "edge-fulfil": "/fulfil",
    "edge-fulfil-none": "/fulfil?show=mine",
    "edge-pick": "/fulfil/pick/{list}",
    "edge-pick-batch": "/fulfil/pick/{batch}",
    "edge-pick-done": "/fulfil/pick/{done}",
    "edge-work-pack": "/fulfil/work/as-5",
    "edge-work-ship": "/fulfil/work/as-6",
    "edge-work-ready": "/fulfil/work/as-7",
    "edge-work-cancelled": "/fulfil/work/as-9",
    "edge-manifest": "/fulfil/manifest",
    "edge-pickup-list": "/fulfil/pickup",
    "edge-pickup-desk": "/fulfil/pickup/as-7",
    "edge-pickup-not": "/fulfil/pickup/as-4",
    "edge-pickup-none": "/fulfil/pickup?q=nobody+at+all",
}
DARK = ("edge-fulfil", "edge-pick", "edge-work-pack", "edge-pickup-desk")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, str]]]:
    """A store with an order in every state."""
    with running(tmp_path_factory.mktemp("busy")) as store:
        edge = store.edge
        work.offer(edge, 1, ("85123A", 2), ("47566", 1), ("20725", 3), due_minutes=38)
        work.offer(edge, 2, ("20725", 2), ("47566", 2), due_minutes=15, kind="ship")
        work.offer(edge, 3, ("20725", 1), ("85099B", 1), due_minutes=-12, gift=True, note="Wrap it, please.")
        work.offer(edge, 4, ("85099B", 1), due_minutes=200)
        work.pick(edge, work.offer(edge, 5, ("22423", 1), ("20725", 2)), [("22423", 1), ("20725", 2)])
        work.pick(edge, work.offer(edge, 6, ("20725", 2), kind="ship"), [("20725", 2)])
        work.pack(edge, "as-6", weight_g=800)
        work.ready(edge, 7, ("22423", 1), ("20725", 2), ("85099B", 1), due_minor=1275)
        work.pick(edge, work.offer(edge, 9, ("47566", 1)), [("47566", 1)])
        work.cancel(edge, "as-9")
        work.ship(edge, work.offer(edge, 10, ("20725", 1), kind="ship"), [("20725", 1)])
        done = edge.database.read().execute("SELECT list_id FROM assignments WHERE assignment_id = 'as-5'")
        names = {"list": work.start(edge, "as-1"), "batch": work.start(edge, "as-2", "as-3")}
        yield store, names | {"done": done.fetchone()[0]}


@pytest.mark.timeout(120)
def test_no_screen_of_fulfilment_breaks_a_rule_of_accessibility_or_is_wider_than_its_window(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, names = busy
    found = {}
    with window(browser, expect=("404",)) as opened:
        page = opened.page
        work.sign_in_at(page, store)
        for name, path in SCREENS.items():
            page.goto(store.url + path.format(**names))
            ready(page)
            filled = page.locator(".btn-primary:visible").count()
            for size in VIEWPORTS:
                page.set_viewport_size({"width": size[0], "height": size[1]})
                found[name, size[0]] = (axe(page), overflows(page), page.evaluate(SMALL), filled > 1)
                if size != DESK:
                    shot(page, f"{name}-360" if size == HANDHELD else name)

    assert {name: result for name, result in found.items() if result != ([], False, [], False)} == {}


def test_the_views_of_a_walk_keep_the_rules_too_and_the_wrong_item_in_the_dark(
    browser: Browser, busy: tuple[Store, dict[str, str]]
) -> None:
    store, names = busy
    found = {}
    with window(browser, HANDHELD, dark=True) as opened:
        page = opened.page
        work.sign_in_at(page, store)
        for name in DARK:
            page.goto(store.url + SCREENS[name].format(**names))
            ready(page)
            found[name] = axe(page)
            shot(page, f"{name}-360-dark")
        page.goto(store.url + SCREENS["edge-pick"].format(**names))
        ready(page)
        scan(page, CODES["22423"])
        expect(page.locator("#feedback")).to_contain_text("Wrong item")
        page.wait_for_timeout(400)  # the flash is over
        found["wrong"] = axe(page)
        shot(page, "edge-pick-wrong-360-dark")
        for button in ("Short pick", "By hand"):
            page.get_by_role("button", name=button).first.click()
            found[button] = [*axe(page), *page.evaluate(SMALL), *(["wide"] if overflows(page) else [])]
            with page.expect_response(lambda answer: "/fulfil/pick/" in answer.url):
                page.evaluate("document.body.dispatchEvent(new Event('fulfil'))")  # news, in the middle of it
            page.wait_for_timeout(300)
            page.get_by_role("button", name="Back to the line").click()

    assert found == {name: [] for name in found}
