"""A store's pages in a hand: what is needed next is in sight, and the largest amounts fit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.catalog import steps as catalog
from edge_agent.counter.steps import sale
from tests.browser.edge.conftest import empty, shot, sign_in
from tests.browser.edge.store import CABINET, CODES, Store, add_cabinet, manager, running
from tests.support.browser import HANDHELD, axe, overflows, ready, scan, window

pytestmark = pytest.mark.browser
IN_SIGHT = """(e) => { const box = e.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth; }"""
REDS = 11


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that also sells a cabinet and eleven red things."""
    folder = tmp_path_factory.mktemp("hand")
    with running(folder) as started:
        add_cabinet(started.edge, folder)
        file = folder / "red.csv"
        rows = [f"RED-{n},Vermilion Box No {n},1.00" for n in range(1, REDS + 1)]
        file.write_text("\n".join(["sku,name,price", *rows]), encoding="utf-8")
        catalog.import_csv(started.edge, file, whole=False)
        yield started


@pytest.fixture(scope="module")
def seat(browser: Browser, store: Store) -> Iterator[Page]:
    with window(browser, HANDHELD, touch=True) as opened:
        sign_in(opened.page, store, "M. Kaur")
        yield opened.page


@pytest.fixture
def hand(seat: Page, store: Store) -> Page:
    empty(seat, store)
    return seat


def in_sight(page: Page, selector: str) -> bool:
    return bool(page.locator(selector).first.evaluate(IN_SIGHT))


def test_tapping_a_name_brings_the_pin_its_pad_and_the_button_into_sight(
    browser: Browser, store: Store
) -> None:
    with window(browser, HANDHELD, touch=True) as opened:
        page = opened.page
        page.goto(f"{store.url}/sign-in")
        ready(page)
        page.get_by_text("T. Hill", exact=True).tap()
        expect(page.locator("#pin-label")).to_have_text("PIN of T. Hill")
        seen = {what: in_sight(page, what) for what in ("#pin", ".keys", ".pin-side .btn-primary")}

    assert seen == dict.fromkeys(seen, True)


def test_what_an_unknown_code_says_stands_above_its_buttons_and_has_the_width(hand: Page) -> None:
    scan(hand, "4006381333931")
    expect(hand.locator(".scan-name")).to_have_text("4006381333931")
    text = hand.locator(".scan > div").first.bounding_box()
    buttons = hand.locator(".scan > .row").bounding_box()

    assert text
    assert buttons
    assert text["width"] > 200
    assert buttons["y"] >= text["y"] + text["height"]


def test_the_total_and_the_tenders_stay_in_sight_however_long_the_basket_is(hand: Page) -> None:
    for sku in ("47566", "85123A", "22423", "85099B", "20725"):
        scan(hand, CODES[sku])
        expect(hand.locator(".lines tbody tr").first).to_contain_text(sku)
    seen = []
    for place in (0, 200, 10_000):
        hand.evaluate("(y) => scrollTo(0, y)", place)
        seen.append((in_sight(hand, "#to-pay"), in_sight(hand, ".tenders .btn-primary")))

    assert seen == [(True, True)] * 3


def test_a_text_that_means_many_products_says_how_many_more_and_stays_in_its_field(hand: Page) -> None:
    hand.locator("#find").press_sequentially("vermil", delay=60)
    expect(hand.locator("#found .btn")).to_have_count(8)
    expect(hand.locator(".found-more")).to_have_text("3 more: type more of the name.")
    hand.keyboard.press("Enter")
    hand.wait_for_timeout(300)
    expect(hand.locator("#find")).to_have_value("vermil")
    broken = axe(hand)
    hand.locator("#find").press_sequentially("ion box no 11", delay=60)
    expect(hand.locator("#found .btn")).to_have_count(1)

    assert broken == []


def test_what_is_left_of_a_found_product_opens_to_its_parts_by_touch_and_by_key(hand: Page) -> None:
    hand.locator("#find").fill("vermil")  # at once: a list that comes late would close what is open
    expect(hand.locator("#found .btn")).to_have_count(8)
    first, second = hand.locator("#found .made-of").nth(0), hand.locator("#found .made-of").nth(1)

    first.locator("summary").tap()
    second.locator("summary").focus()
    hand.keyboard.press("Enter")

    for each in (first, second):
        expect(each.get_by_text("bound to orders")).to_be_visible()
        expect(each.get_by_text("lent to the hub")).to_be_visible()
    shot(hand, "edge-found-parts-360")
    assert (axe(hand), overflows(hand)) == ([], False)
    expect(hand.locator("#body .lines tbody tr")).to_have_count(0)  # it opened, and nothing was added


@pytest.mark.timeout(60)
def test_five_digits_of_pounds_fit_on_every_screen_that_shows_an_amount_large(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path) as store, window(browser, HANDHELD, touch=True) as opened:
        add_cabinet(store.edge, tmp_path)
        sign_in(opened.page, store, "M. Kaur")
        found = {name: overflows(opened.page) for name in large_amounts(opened.page, store)}

    assert found == dict.fromkeys(
        ("sell", "cash", "card", "split", "return", "reading", "counted", "result"), False
    )


def large_amounts(hand: Page, store: Store) -> Iterator[str]:
    """Walk the screens that show an amount large, and show five digits of pounds there."""
    tender = sale.TenderGiven(kind="cash", amount_minor=10 * CABINET[2])
    command = sale.Sale(
        key="cabinets", till="till-1", lines=(sale.SaleLine(sku=CABINET[0], quantity=10),), tenders=(tender,)
    )
    sold = store.edge.database.write(lambda unit: sale.sell(unit, store.edge, command, person=manager()))[0]
    scan(hand, CABINET[3])
    expect(hand.locator(".lines tbody tr")).to_have_count(1)
    hand.get_by_role("button", name="Quantity 1, change").click()
    hand.locator("#quantity").fill("10")
    hand.get_by_role("button", name="Set quantity").click()
    expect(hand.locator("#to-pay")).to_have_text("£12,114.10")
    yield "sell"
    for by in ("cash", "card", "split"):
        hand.goto(f"{store.url}/sell/pay?by={by}")
        ready(hand)
        yield by
    empty(hand, store)
    hand.goto(f"{store.url}/orders/{sold.number}/return")
    ready(hand)
    hand.locator("[data-step='1']").first.click()
    expect(hand.locator(".refund")).to_have_text("£1,211.41")
    yield "return"
    hand.goto(f"{store.url}/store/day")
    ready(hand)
    hand.get_by_role("button", name="Reading (X)").click()
    expect(hand.locator(".money-huge")).to_have_text("£12,214.10")
    yield "reading"
    hand.goto(f"{store.url}/store/day")
    ready(hand)
    hand.locator("#d-5000").fill("250")
    hand.get_by_role("button", name="Confirm £12,500.00").click()
    expect(hand.locator(".change .money")).to_have_text("£12,500.00")
    yield "counted"
    hand.get_by_role("button", name="Let £12,500.00 stand").click()
    expect(hand.locator(".change .money")).to_have_text("£285.90")
    yield "result"
