"""Orders for later at a store, as people do them: walk, pack, stage, hand over, ship, in a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from edge_agent.stock.rows import on_hand
from protocol.ids import slip_code
from tests.browser.edge import work
from tests.browser.edge.conftest import shot
from tests.browser.edge.store import CODES, PIN, Store, manager, sell
from tests.support.browser import COUNTER, HANDHELD, ready, scan, window

pytestmark = pytest.mark.browser
BAG, CAKE, LUNCH, HEART, BUNTING = (CODES[sku] for sku in ("85099B", "22423", "20725", "85123A", "47566"))


@pytest.fixture(scope="module")
def handheld(browser: Browser, store: Store) -> Iterator[Page]:
    """One signed-in handheld for the tests of this module."""
    with window(browser, HANDHELD, touch=True, expect=("409", "404", "422", "429")) as opened:
        work.sign_in_at(opened.page, store)
        opened.page.set_default_timeout(10_000)
        yield opened.page


def rows(store: Store, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.edge.database.read().execute(sql, values)]


def state(store: Store, assignment_id: str) -> str:
    return str(rows(store, "SELECT state FROM assignments WHERE assignment_id = ?", assignment_id)[0][0])


def found(store: Store, assignment_id: str) -> list[int]:
    """Return what was scanned of each line."""
    return [
        row[0]
        for row in rows(
            store,
            "SELECT sum(units) FROM pick_scans WHERE assignment_id = ? AND undone = 0 GROUP BY line_no",
            assignment_id,
        )
    ]


def comes(page: Page, read: Callable[[], object], wanted: object) -> None:
    """Wait until the store has it: a page shows at once what the store is about to be told."""
    for _n in range(50):
        if read() == wanted:
            return
        page.wait_for_timeout(50)
    assert read() == wanted


def physical(store: Store, sku: str) -> int:
    """Return the units that the books say are here."""
    return on_hand(store.edge.database.read(), sku).rights.physical


def walk(page: Page, store: Store, assignment_id: str) -> str:
    """Begin to walk and open the list."""
    list_id = work.start(store.edge, assignment_id)
    page.goto(f"{store.url}/fulfil/pick/{list_id}")
    ready(page)
    return list_id


def heard(page: Page, words: str) -> None:
    expect(page.locator("#feedback .scan")).to_contain_text(words)


@pytest.mark.parametrize(("n", "delay_ms"), [(10, 0), (11, 8), (12, 20)])
def test_an_order_is_picked_by_scanning_at_every_pace_of_the_scanner(
    handheld: Page, store: Store, n: int, delay_ms: int
) -> None:
    each = work.offer(store.edge, n, ("47566", 1), ("20725", 1))
    walk(handheld, store, each)
    expect(handheld.locator(".now .bin")).to_have_text("A-01-2")
    scan(handheld, LUNCH, delay_ms=delay_ms)
    heard(handheld, "Lunch Bag Red Retrospot")
    expect(handheld.locator(".now .bin")).to_have_text("C-01-1")
    scan(handheld, BUNTING, delay_ms=delay_ms)
    heard(handheld, "Party Bunting")
    expect(handheld.locator("#all-found")).to_have_text("2")
    handheld.get_by_role("button", name="Picked, go and pack").click()
    ready(handheld, f"/fulfil/work/{each}")

    assert state(store, each) == "picked"
    assert rows(store, "SELECT line_no, picked_lent FROM assignment_lines WHERE assignment_id = ?", each) == [
        (1, 1),
        (2, 1),
    ]


def test_a_wrong_item_is_named_and_one_too_many_sounds_otherwise_and_neither_is_counted(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 20, ("20725", 1), ("47566", 1))
    walk(handheld, store, each)
    scan(handheld, CAKE)
    heard(handheld, "Wrong item, not counted")
    heard(handheld, "Regency Cakestand 3 Tier")
    assert handheld.locator("#feedback .scan").get_attribute("data-tone") == "error"
    scan(handheld, BUNTING)  # of this order, but not the line that is looked for
    heard(handheld, "Take Lunch Bag Red Retrospot from A-01-2")
    scan(handheld, LUNCH)
    heard(handheld, "Picked 1 of 1")
    handheld.wait_for_timeout(320)
    scan(handheld, LUNCH)
    heard(handheld, "Enough already: 1")
    assert handheld.locator("#feedback .scan").get_attribute("data-tone") == "over"
    scan(handheld, "9999999999994")
    heard(handheld, "Not recognised")

    assert found(store, each) == [1]


def test_a_scan_is_taken_back_and_a_number_is_set_by_hand(handheld: Page, store: Store) -> None:
    each = work.offer(store.edge, 21, ("20725", 2))
    walk(handheld, store, each)
    scan(handheld, LUNCH)
    heard(handheld, "Picked 1 of 2")
    handheld.locator("#feedback").get_by_role("button", name="Undo").click()
    expect(handheld.locator(".now [data-found]").first).to_have_text("0 of 2")
    comes(handheld, lambda: found(store, each), [])
    handheld.get_by_role("button", name="By hand").first.click()
    handheld.get_by_role("button", name="Set the number").click()
    expect(handheld.locator("#all-found")).to_have_text("2")

    comes(handheld, lambda: found(store, each), [2])


def test_a_code_that_does_not_scan_is_typed(handheld: Page, store: Store) -> None:
    each = work.offer(store.edge, 22, ("20725", 1))
    walk(handheld, store, each)
    handheld.get_by_role("button", name="By hand").first.click()
    handheld.get_by_label("Or type the code of the item").fill(LUNCH)
    handheld.get_by_role("button", name="Use this code").click()
    heard(handheld, "Picked 1 of 1")

    assert found(store, each) == [1]


def test_a_short_pick_says_what_it_will_do_and_does_it_when_the_walk_ends(
    handheld: Page, store: Store
) -> None:
    each = work.offer(store.edge, 23, ("85123A", 2))
    before = physical(store, "85123A")
    walk(handheld, store, each)
    handheld.get_by_role("button", name="Short pick").click()
    chosen = handheld.locator(".reason", has_text="Not found")
    expect(chosen).to_contain_text(f"Stock {before} → {before - 2}. B-04-2 gets a count task.")
    handheld.get_by_role("button", name="One more").first.click()
    expect(chosen).to_contain_text(f"Stock {before} → {before - 1}.")
    shot(handheld, "edge-short-360")
    handheld.get_by_role("button", name="Report 1 short").click()
    expect(handheld.locator(".now [data-missing]")).to_have_text("1 missing")
    scan(handheld, HEART)
    expect(handheld.locator("#walk-over")).to_contain_text("1 missing, with a reason")
    handheld.get_by_role("button", name="Picked, go and pack").click()
    ready(handheld, f"/fulfil/work/{each}")

    assert rows(store, "SELECT picked_lent, short FROM assignment_lines WHERE assignment_id = ?", each) == [
        (1, 1)
    ]
    assert physical(store, "85123A") == before - 1
    assert rows(store, "SELECT kind FROM exceptions WHERE dedupe_key = 'count_due:85123A'") == [
        ("count_due",)
    ]


def test_several_orders_are_walked_together_each_into_its_tote(handheld: Page, store: Store) -> None:
    first = work.offer(store.edge, 30, ("20725", 1), due_minutes=8)
    second = work.offer(store.edge, 31, ("20725", 1), ("47566", 1), due_minutes=9)
    handheld.goto(f"{store.url}/fulfil")
    ready(handheld)
    for each in (first, second):
        handheld.locator(f"#work-{each} input").check()
    handheld.get_by_role("button", name="Pick 2 orders together").click()
    handheld.wait_for_url("**/fulfil/pick/*")
    ready(handheld)
    expect(handheld.locator(".now .tote")).to_contain_text("A")
    shot(handheld, "edge-pick-batch-360")
    scan(handheld, LUNCH)
    heard(handheld, "Into tote A")
    expect(handheld.locator(".now .tote")).to_contain_text("B")
    handheld.wait_for_timeout(320)
    scan(handheld, LUNCH)
    heard(handheld, "Into tote B")
    scan(handheld, BUNTING)
    handheld.get_by_role("button", name="Picked, go and pack").click()
    expect(handheld.locator("#toasts")).to_contain_text("2 orders are picked.")

    assert (state(store, first), state(store, second)) == ("picked", "picked")


def test_bags_are_packed_with_their_items_checked_and_put_on_a_shelf_by_scanning_it(
    handheld: Page, store: Store
) -> None:
    lines = (("20725", 1), ("85099B", 1))
    each = work.offer(store.edge, 40, *lines)
    work.pick(store.edge, each, lines)
    handheld.goto(f"{store.url}/fulfil/work/{each}")
    ready(handheld)
    scan(handheld, LUNCH)
    heard(handheld, "Lunch Bag Red Retrospot")
    scan(handheld, HEART)
    heard(handheld, "not counted")
    scan(handheld, BAG)
    expect(handheld.locator(".checks-list .is-complete")).to_have_count(2)
    handheld.get_by_role("button", name="One bag more").click()
    handheld.get_by_role("button", name="Pack into 2 bags, print labels").click()
    expect(handheld.get_by_role("heading", name="Put it on a shelf")).to_be_visible()
    bags = [row[0] for row in rows(store, "SELECT parcel_id FROM parcels WHERE assignment_id = ?", each)]
    for bag in bags:
        scan(handheld, slip_code("bg", bag, 1))
        heard(handheld, bag)
    scan(handheld, "SHELF-P-12")
    expect(handheld.locator(".step .bin")).to_have_text("SHELF-P-12")

    assert state(store, each) == "ready"
    assert rows(store, "SELECT shelf, bags FROM assignments WHERE assignment_id = ?", each) == [
        ("SHELF-P-12", 2)
    ]


@pytest.fixture
def desk(browser: Browser, store: Store) -> Iterator[Page]:
    """A signed-in pickup desk."""
    with window(browser, COUNTER, expect=("409", "404", "422", "429")) as opened:
        work.sign_in_at(opened.page, store, "A. Osei")
        yield opened.page


def code_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Pickup code from the customer")


def collected(store: Store, assignment_id: str) -> int:
    sql = "SELECT sum(fulfilled) FROM assignment_lines WHERE assignment_id = ?"
    return int(rows(store, sql, assignment_id)[0][0])


def test_a_customer_with_a_code_takes_a_part_and_it_is_undone_and_handed_over_whole(
    desk: Page, store: Store
) -> None:
    each = work.ready(store.edge, 50, ("20725", 3), ("85099B", 1), shelf="P-07")
    desk.goto(f"{store.url}/fulfil/pickup")
    ready(desk)
    desk.get_by_label("Find an order").fill("HB1-00050")
    desk.keyboard.press("Enter")
    ready(desk, f"/fulfil/pickup/{each}")
    expect(desk.locator(".place")).to_have_text("P-07")
    code_field(desk).fill("111111")
    expect(desk.locator("#match")).to_contain_text("Not recognised")
    assert collected(store, each) == 0
    code_field(desk).fill(work.CODE)
    expect(desk.locator("#verify")).to_contain_text("Code is right")
    shot(desk, "edge-pickup")
    desk.get_by_label("Jumbo Bag Red Retrospot").uncheck()
    desk.get_by_label("How many of Lunch Bag Red Retrospot").select_option("2")
    desk.get_by_role("button", name="Hand over 2 items").click()
    expect(desk.locator(".handed")).to_contain_text("2 of the order stay here.")
    assert collected(store, each) == 2
    desk.get_by_role("button", name="Undo the handover").click()
    expect(code_field(desk)).to_be_visible()
    assert collected(store, each) == 0
    ready(desk)
    code_field(desk).fill(work.CODE)
    desk.get_by_role("button", name="Hand over 4 items").click()
    expect(desk.locator(".handed")).to_contain_text("The order is complete.")

    assert collected(store, each) == 4
    assert state(store, each) == "handed_over"


def test_a_mistyped_code_costs_one_try_though_enter_is_pressed_after_its_last_digit(
    desk: Page, store: Store
) -> None:
    each = work.ready(store.edge, 57, ("20725", 1), shelf="P-09")
    desk.goto(f"{store.url}/fulfil/pickup/{each}")
    ready(desk)
    # What follows is one moment of this page, however slow the machine is.
    desk.evaluate("() => { const now = Date.now(); Date.now = () => now; }")
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url) if "/verify" in request.url else None)
    with desk.expect_response("**/verify"):
        code_field(desk).press_sequentially("111111")
    expect(desk.locator("#match")).to_contain_text("Not recognised")
    code_field(desk).press("Enter")
    desk.get_by_role("button", name="Check the code").click()
    code_field(desk).fill("")
    with desk.expect_response("**/verify"):
        code_field(desk).press_sequentially("222222")

    assert len(asked) == 2
    tries = "SELECT failed FROM code_tries JOIN assignments USING (order_id) WHERE assignment_id = ?"
    assert rows(store, tries, each) == [(2,)]


def test_the_customers_qr_opens_the_order_and_recognises_them_in_one_scan(desk: Page, store: Store) -> None:
    each = work.ready(store.edge, 51, ("20725", 1), shelf="P-08")
    desk.goto(f"{store.url}/sell")
    ready(desk)
    scan(desk, slip_code("po", "HB1-00051", 1))
    ready(desk, f"/fulfil/pickup/{each}")
    scan(desk, slip_code("po", "HB1-00051", 1))
    expect(desk.locator("#verify")).to_contain_text("Code is right")
    desk.keyboard.press("F9")
    expect(desk.locator(".handed")).to_contain_text("1 item")

    assert state(store, each) == "handed_over"


def test_somebody_without_a_code_is_recognised_by_phone_and_otherwise_a_lead_vouches(
    desk: Page, store: Store
) -> None:
    each = work.ready(store.edge, 52, ("20725", 1), shelf="P-09")
    desk.goto(f"{store.url}/fulfil/pickup/{each}")
    ready(desk)
    desk.get_by_text("No code? Check a second identifier").click()
    desk.get_by_label("What they say").fill("0000")
    desk.get_by_role("button", name="Check", exact=True).click()
    expect(desk.locator("#match")).to_contain_text("That does not match this order.")
    desk.get_by_role("button", name="Nothing of it: a lead vouches").click()
    desk.locator("dialog[open]").wait_for()
    desk.get_by_text("S. Rowe").click()
    desk.get_by_label("PIN").fill(PIN)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.locator("#verify")).to_contain_text("A lead vouches")


def test_an_order_with_a_rest_to_pay_or_cancelled_is_not_handed_over(desk: Page, store: Store) -> None:
    owing = work.ready(store.edge, 53, ("20725", 1), shelf="P-10", due_minor=165)
    desk.goto(f"{store.url}/fulfil/pickup/{owing}")
    ready(desk)
    code_field(desk).fill(work.CODE)
    expect(desk.get_by_role("button", name="Hand over 1 item")).to_have_attribute("aria-disabled", "true")
    expect(desk.locator(".hand")).to_contain_text("£1.65 is still to pay.")
    gone = work.ready(store.edge, 54, ("20725", 1), shelf="P-11")
    work.cancel(store.edge, gone)
    desk.goto(f"{store.url}/fulfil/pickup/{gone}")
    expect(desk.locator(".hand")).to_contain_text("The order was cancelled. Do not hand it over")
    desk.goto(f"{store.url}/fulfil/work/{gone}")
    ready(desk)
    desk.get_by_role("button", name="They are back on their shelf").click()
    expect(desk.locator("#toasts")).to_contain_text("nothing of it is left to carry back")

    assert rows(
        store, "SELECT closed_us IS NULL FROM exceptions WHERE dedupe_key = ?", f"put_back:{gone}"
    ) == [(0,)]


def test_a_parcel_is_packed_with_its_weight_shipped_and_listed_on_the_manifest(
    desk: Page, store: Store
) -> None:
    each = work.offer(store.edge, 60, ("20725", 2), kind="ship")
    work.pick(store.edge, each, (("20725", 2),))
    desk.goto(f"{store.url}/fulfil/work/{each}")
    ready(desk)
    desk.get_by_label("Weight of parcel 1, kg").fill("0.85")
    desk.get_by_role("button", name="Pack into 1 parcel").click()
    expect(desk.get_by_role("heading", name="Ship it")).to_be_visible()
    desk.get_by_role("button", name="Ship, print the label").click()
    expect(desk.locator(".story")).to_contain_text("Left with the carrier")
    assert state(store, each) == "shipped"
    parcel = rows(
        store, "SELECT weight_g, carrier, tracking <> '' FROM parcels WHERE assignment_id = ?", each
    )
    assert parcel == [(850, "house", 1)]
    desk.goto(f"{store.url}/fulfil/manifest")
    ready(desk)
    desk.get_by_role("button", name="Close with house, print the manifest").click()
    expect(desk.locator("h1")).to_have_text("Nothing waits for a carrier")

    assert rows(store, "SELECT manifest <> '' FROM parcels WHERE assignment_id = ?", each) == [(1,)]


def test_work_is_given_back_with_a_reason(desk: Page, store: Store) -> None:
    each = work.offer(store.edge, 61, ("20725", 1))
    desk.goto(f"{store.url}/fulfil/work/{each}")
    ready(desk)
    desk.locator("summary", has_text="Give it back").click()
    desk.get_by_text("Closing", exact=True).click()
    desk.get_by_role("button", name="Give it back").click()
    expect(desk.locator("#toasts")).to_contain_text("Given back. The hub routes it again.")

    assert state(store, each) == "rejected"


def test_our_own_slips_open_what_they_stand_for_and_the_paper_of_another_store_says_so(
    desk: Page, store: Store
) -> None:
    each = work.offer(store.edge, 62, ("20725", 1))
    list_id = work.start(store.edge, each)
    desk.goto(f"{store.url}/stock")
    ready(desk)
    scan(desk, slip_code("pl", "MS1-L00007", 1))
    expect(desk.locator("#toasts")).to_contain_text("MS1-L00007 is the paper of another store")
    assert desk.url.endswith("/stock")
    scan(desk, slip_code("as", each, 1))
    ready(desk, f"/fulfil/work/{each}")
    scan(desk, slip_code("pl", list_id, 1))
    ready(desk, f"/fulfil/pick/{list_id}")


def test_the_inbox_shows_what_arrives_without_taking_the_focus(desk: Page, store: Store) -> None:
    desk.goto(f"{store.url}/fulfil")
    ready(desk)
    desk.get_by_role("link", name="Manifest").focus()
    desk.wait_for_timeout(300)
    each = work.offer(store.edge, 63, ("20725", 1), due_minutes=-5)
    expect(desk.locator(f"#work-{each}")).to_contain_text("Late 5 min", timeout=8000)
    assert desk.evaluate("document.activeElement.textContent").strip().startswith("Manifest")
    desk.goto(f"{store.url}/fulfil?show=ship")
    expect(desk.locator(f"#work-{each}")).to_have_count(0)


def test_another_device_sees_who_has_taken_an_order_along_and_a_manager_takes_it_back(
    browser: Browser, desk: Page, store: Store
) -> None:
    each = work.offer(store.edge, 64, ("20725", 1))
    with window(browser, HANDHELD) as opened:
        work.sign_in_at(opened.page, store, "T. Hill", device="till-2")
        opened.page.goto(f"{store.url}/fulfil/work/{each}")
        ready(opened.page)
        opened.page.get_by_role("button", name="Take to this handheld").click()
        expect(opened.page.get_by_role("button", name="Check it in")).to_be_visible()
    assert rows(store, "SELECT device FROM device_holds WHERE assignment_id = ?", each) == [("till-2",)]
    desk.goto(f"{store.url}/fulfil/work/{each}")
    ready(desk)
    expect(desk.locator("main")).to_contain_text("till-2 has taken it along, T. Hill since")
    desk.get_by_role("button", name="Take it back, a manager agrees").click()
    desk.get_by_label("PIN").fill(PIN)
    desk.get_by_role("button", name="Take it back").last.click()
    expect(desk.locator("#toasts")).to_contain_text("It is the store's again.")

    assert rows(store, "SELECT device FROM device_holds WHERE assignment_id = ?", each) == []


def test_an_order_is_picked_packed_and_staged_with_the_keyboard_alone(browser: Browser, store: Store) -> None:
    each = work.offer(store.edge, 65, ("20725", 1))
    with window(browser, COUNTER) as opened:
        page = opened.page
        work.sign_in_at(page, store, "A. Osei")
        page.goto(f"{store.url}/fulfil/work/{each}")
        ready(page)
        page.locator("[data-first]").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/fulfil/pick/*")
        ready(page)
        scan(page, LUNCH)
        expect(page.locator("#all-found")).to_have_text("1")
        page.get_by_role("button", name="Picked, go and pack").focus()
        page.keyboard.press("Enter")
        ready(page, f"/fulfil/work/{each}")
        page.get_by_role("button", name="Pack into 1 bag, print its label").focus()
        page.keyboard.press("Enter")
        page.get_by_role("textbox", name="Shelf").fill("P-20")
        page.keyboard.press("Enter")
        expect(page.locator(".step .bin")).to_have_text("P-20")

    assert state(store, each) == "ready"


def test_a_sale_still_goes_through_while_orders_wait(store: Store) -> None:
    assert sell(store.edge, "beside-fulfilment", ("20725", 1)).number.startswith("LB1-")
    assert manager().role == "manager"
