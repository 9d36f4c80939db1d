"""An order for later as people take it: chosen on a handheld, paid at a till, found again, cancelled."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.later.hub import Option, Place
from edge_agent.till import rows
from protocol.ids import slip_code
from tests.browser.edge.conftest import empty, shot, sign_in
from tests.browser.edge.store import CODES, Store, manager, running
from tests.support.browser import HANDHELD, ready, scan, window
from tests.support.later import CUSTOMER, AnsweringHub, taken_at_counter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
HOUR_US = 3600 * 1_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running(tmp_path_factory.mktemp("later"), handhelds=("handheld-1",)) as started:
        yield started


@pytest.fixture(scope="module")
def seat(browser: Browser, store: Store) -> Iterator[Page]:
    """One signed-in counter for the tests of this module."""
    with window(browser, expect=("409", "422")) as opened:
        sign_in(opened.page, store, "M. Kaur")
        yield opened.page


@pytest.fixture
def counter(seat: Page, store: Store) -> Page:
    store.edge.online = lambda: False
    empty(seat, store)
    return seat


def add(page: Page, sku: str) -> None:
    before = page.locator("#live-basket").get_attribute("hx-get")
    scan(page, CODES[sku])
    expect(page.locator("#live-basket")).not_to_have_attribute("hx-get", before or "")


def go_on_to_later(page: Page) -> None:
    page.keyboard.press("F8")
    ready(page, "/sell/later")


def write_down(page: Page, **said: str) -> None:
    """Add a customer in the dialog."""
    page.keyboard.press("F5")
    page.locator("dialog[open] summary").click()
    for name, text in said.items():
        page.get_by_label(name.replace("_", " "), exact=True).fill(text)
    page.get_by_role("button", name="Use this customer").click()
    expect(page.locator("dialog[open]")).to_have_count(0)


def choose(page: Page, phone: str, name: str) -> None:
    """Find a customer by the last digits of the phone."""
    page.keyboard.press("F5")
    page.locator("#find-customer").fill(phone)
    page.locator("#customers button").click()
    expect(page.locator(".side .customer")).to_contain_text(name)


def on_hand(store: Store, sku: str, bucket: str) -> int:
    row = (
        store.edge.database.read()
        .execute("SELECT quantity FROM balances WHERE sku = ? AND bucket = ?", (sku, bucket))
        .fetchone()
    )
    return row[0] if row else 0


def test_an_order_is_taken_with_a_deposit_its_rest_paid_and_a_part_of_it_cancelled(
    counter: Page, store: Store
) -> None:
    add(counter, "85099B")
    add(counter, "22423")
    go_on_to_later(counter)
    expect(counter.locator(".why.whole")).to_have_text("First: say who it is for.")
    write_down(counter, First_name="Ada", Surname="Byron", Phone="0113 496 0001")
    counter.get_by_text("A deposit", exact=True).click()
    counter.locator("#deposit").fill("500")
    counter.locator("#deposit").press("Tab")
    expect(counter.locator(".pay-bar")).to_contain_text("£10.25 left for later")
    shot(counter, "edge-later")
    counter.keyboard.press("F10")
    counter.wait_for_url("**/pay?by=card**")
    ready(counter)
    counter.keyboard.press("Enter")
    counter.wait_for_url("**/orders/LB1-*")
    ready(counter)

    expect(counter.get_by_text("The order is taken.")).to_be_visible()
    expect(counter.locator(".page-head .pill")).to_have_text("To be picked")
    assert (on_hand(store, "22423", "reserved"), on_hand(store, "85099B", "reserved")) == (1, 1)
    counter.get_by_role("link", name="Take £10.25").click()
    counter.wait_for_url("**/rest?by=cash")
    ready(counter)
    counter.keyboard.press("Enter")
    expect(counter.locator("#toasts")).to_contain_text("£10.25 taken. Change to give: £4.75.")
    counter.get_by_role("link", name="Cancel it, or a part").click()
    counter.wait_for_url("**/cancel")
    ready(counter)
    counter.get_by_role("button", name="One less of Jumbo Bag").click()
    expect(counter.locator(".refund")).to_have_text("£12.75")
    shot(counter, "edge-later-cancel")
    counter.get_by_role("button", name="Cancel this part").click()
    expect(counter.locator("#toasts")).to_contain_text("Cancelled; £12.75 go back.")
    assert (on_hand(store, "22423", "reserved"), on_hand(store, "85099B", "reserved")) == (0, 1)


def test_what_was_chosen_on_a_handheld_comes_back_at_the_till_that_takes_the_money(
    browser: Browser, counter: Page, store: Store
) -> None:
    with window(browser, HANDHELD) as hand:
        page = hand.page
        sign_in(page, store, "A. Osei", till="handheld-1")
        add(page, "47566")
        go_on_to_later(page)
        page.locator("label.way", has_text="Ship it").click()
        expect(page.get_by_text("so this store ships it itself: that is firm.")).to_be_visible()
        page.keyboard.press("F5")
        page.locator("dialog[open] summary").click()
        for name, text in {
            "First name": "Max", "Surname": "Noether", "E-mail": "max@example.org",
            "Street and number": "1 Park Row", "Postcode": "LS1 5HN", "Town": "Leeds",
        }.items():  # fmt: skip
            page.get_by_label(name).fill(text)
        page.get_by_role("button", name="Use this customer").click()
        expect(page.locator(".side .customer")).to_contain_text("Max Noether")
        page.get_by_role("button", name="Park it for a till").click()
        expect(page.locator(".done-panel h1")).to_contain_text("LB1-P")
        parked = page.locator(".done-panel h1").inner_text()
        picture = page.locator(".paper img")
        assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
        shot(page, "edge-parked-handheld", full=True)
    scan(counter, slip_code("bk", parked, 1))
    expect(counter.locator(".side .customer").first).to_contain_text("Max Noether")
    go_on_to_later(counter)
    expect(counter.locator("label.way:has(:checked)")).to_contain_text("Ship it")
    counter.keyboard.press("F9")
    counter.wait_for_url("**/pay?by=cash**")
    ready(counter)
    counter.keyboard.press("Enter")
    counter.wait_for_url("**/orders/LB1-*")

    expect(counter.locator(".answer")).to_contain_text("Shipped by")
    row = store.edge.database.read().execute(
        "SELECT a.kind, l.sku FROM assignments a JOIN assignment_lines l USING (assignment_id)"
        " ORDER BY a.arrived_us DESC"
    )
    assert tuple(row.fetchone()) == ("ship", "47566")


def test_without_the_hub_another_store_is_provisional_and_the_page_says_so_before_the_money(
    counter: Page, store: Store
) -> None:
    now_us = store.edge.clock.now_us()
    offers = [
        Option(location="store-2", name="York Coney Street", due_us=now_us + 30 * HOUR_US, age_seconds=3600)
    ]
    store.edge.online = lambda: True
    store.app.state.hub_questions = AnsweringHub(
        offers,
        [Place(location="store-2", name="York Coney Street", promisable=3, free=5, age_seconds=3600)],
    )
    for _time in range(3):
        add(counter, "22720")
        counter.wait_for_timeout(320)
    counter.get_by_role("button", name="2 free here").click()
    dialog = counter.locator("dialog[open]")
    expect(dialog).to_contain_text("last heard 1 h ago")
    for each in dialog.locator(".made-of summary").all():
        each.click()
    expect(dialog).to_contain_text("safety stock")
    expect(dialog).to_contain_text("bound to orders")
    counter.get_by_role("link", name="Reserve there").click()
    counter.wait_for_url("**/sell/later?**")
    ready(counter)
    expect(counter.get_by_text("As the hub says now")).to_be_visible()
    taken_at_counter(
        store.edge, manager(), "known", ("20725", 1), contact=CUSTOMER | {"phone": "0113 496 0999"}
    )
    choose(counter, "0999", "Ada Byron")
    store.edge.online = lambda: False
    counter.goto(f"{store.url}/sell/later")
    ready(counter)
    expect(counter.get_by_text("The hub cannot be reached, so this is provisional.")).to_be_visible()
    counter.keyboard.press("F10")
    counter.wait_for_url("**/pay?by=card&told=yes")
    ready(counter)
    counter.keyboard.press("Enter")
    counter.wait_for_url("**/orders/LB1-*")

    expect(counter.locator(".page-head .pill")).to_have_text("Waiting for the hub")
    expect(counter.get_by_text("Customer service at the hub changes or cancels it")).to_be_visible()
    assert on_hand(store, "22720", "reserved") == 0


def test_one_box_finds_an_order_by_phone_and_by_the_code_of_its_slip(counter: Page, store: Store) -> None:
    mine = CUSTOMER | {"first_name": "Emmy", "last_name": "Klein", "phone": "0113 496 0777", "email": ""}
    number = taken_at_counter(store.edge, manager(), "found", ("20725", 1), contact=mine).number
    taken_at_counter(store.edge, manager(), "other", ("20725", 2), contact=mine | {"first_name": "Ann"})
    counter.goto(f"{store.url}/orders")
    ready(counter)
    counter.get_by_placeholder("Number, phone, mail or name").fill("496 0777")
    counter.get_by_role("button", name="Find").click()
    counter.wait_for_url("**q=496**")
    ready(counter)
    expect(counter.locator(".order-list tbody tr")).to_have_count(2)
    expect(counter.locator(".order-list")).to_contain_text("Klein E.")
    scan(counter, slip_code("po", number, 1))
    counter.wait_for_url(f"**/orders/{number}")

    expect(counter.get_by_role("heading", level=1)).to_have_text(number)


def test_a_drawer_counts_what_was_taken_and_given_back_for_orders(counter: Page, store: Store) -> None:
    taken_at_counter(store.edge, manager(), "drawer", ("20725", 4))
    # By the writer: a reader of this thread may still stand at an earlier moment.
    session = store.edge.database.write(lambda unit: rows.open_session(unit.connection, "till-1"))
    assert session is not None
    counter.goto(f"{store.url}/store/day?till=till-1")
    counter.get_by_role("button", name="Reading (X)").click()

    taken = counter.locator("dt", has_text="Deposits and rests taken")
    expect(taken).to_have_text(f"Deposits and rests taken ({session.totals.payments})")
    expect(taken.locator("+ dd")).to_have_text(f"{session.totals.payments_minor / 100:.2f}")
    expect(counter.get_by_text(f"Refunded orders ({session.totals.refunds})")).to_be_visible()
