"""Orders for later as people at the hub see and serve them: every screen, and what customer service does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.capture.steps import By, capture
from hub.capture.wanted import OrderAnswer, OrderWanted
from hub.holds.api import HoldWanted
from hub.holds.rows import listed
from hub.holds.steps import put_on_hold
from protocol.holds import OnExpiry
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.later_site import running_later
from tests.browser.hub.site import EVIL, Site, running
from tests.support.browser import DESK, HANDHELD, axe, overflows, ready, window, wrong_at

pytestmark = pytest.mark.browser

Later = tuple[Site, dict[str, OrderAnswer]]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Later]:
    """A hub with orders for later in every state."""
    with running_later(tmp_path_factory.mktemp("later")) as made:
        wanted = HoldWanted(reason="The address does not exist", then=OnExpiry.REJECT)
        put_on_hold(made[0].hub, made[1]["ready"].number, wanted.stop, wanted, By("Priya Nair"))
        yield made


@pytest.fixture
def page(browser: Browser, later: Later) -> Iterator[Page]:
    """A window of somebody in Operations."""
    with window(browser, DESK, expect=("409", "422")) as opened:
        enter(opened.page, later[0], HubRole.OPS)
        yield opened.page


def screens(later: Later) -> dict[str, str]:
    """Return the address of every screen by its name."""
    site, orders = later
    at = {word: f"/orders/{answer.number}" for word, answer in orders.items()}
    part = orders["silent"].assignments[0].assignment_id
    with site.hub.database.read() as connection:
        from hub.payments.rows import of_order

        refund = of_order(connection, orders["cancelled"].order_id)[0].command_id
        hold = listed(connection)[0][0].hold.hold_id
    return {
        "list": "/orders",
        "flow": "/flow",
        "flow-orders": "/flow/orders?what=broken",
        "list-late": "/orders?view=late",
        "list-waiting": "/orders?view=waiting",
        "short": at["short"],
        "ready": at["ready"],
        "collected": at["collected"],
        "shipped": at["shipped"],
        "silent": at["silent"],
        "nobody": at["nobody"],
        "cancelled": at["cancelled"],
        "routing": f"{at['shipped']}/routing",
        "routing-nobody": f"{at['nobody']}/routing",
        "cancel": f"{at['short']}/cancel",
        "lines": f"{at['ready']}/lines",
        "lines-gone": f"{at['collected']}/lines",
        "promise": f"{at['nobody']}/promise",
        "customer": f"{at['ready']}/customer",
        "part": f"{at['silent']}/parts/{part}",
        "refund": f"{at['cancelled']}/refunds/{refund}",
        "new": "/orders/new",
        "assignments": "/assignments",
        "assignments-none": "/assignments?state=packed",
        "overview": "/",
        "location": "/fleet/store-4",
        "item": "/stock/47566",
        "exceptions": "/exceptions",
        "holds": "/holds",
        "holds-restored": "/holds/restored",
        "hold": f"/holds/{hold}",
        "hold-new": f"{at['silent']}/hold",
        "checks": "/checks?kind=fraud",
    }


PARTS = 3  # each test has a limit, and a busy machine is slow


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_screen_of_orders_for_later_at_any_size(
    page: Page, later: Later, shots: Path, part: int
) -> None:
    found: dict[str, object] = {}
    for name, path in list(screens(later).items())[part::PARTS]:
        page.goto(later[0].url + path)
        ready(page)
        found |= wrong_at(page, f"hub-later-{name}", shots)

    assert found == {}


def test_axe_finds_nothing_in_the_dark(browser: Browser, later: Later, shots: Path) -> None:
    found: dict[str, object] = {}
    with window(browser, DESK, dark=True) as opened:
        enter(opened.page, later[0], HubRole.ADMIN)
        for name in ("short", "routing", "promise", "assignments"):
            opened.page.goto(later[0].url + screens(later)[name])
            ready(opened.page)
            opened.page.screenshot(path=shots / f"hub-later-{name}-dark.png", full_page=True)
            if broken := axe(opened.page):
                found[name] = broken

    assert found == {}


def placed_by_phone(site: Site) -> OrderAnswer:
    """Return a new order that waits at Leeds, of which its store has been told."""
    hub = site.hub
    wanted = OrderWanted.model_validate(
        {
            "channel": "service",
            "currency": "GBP",
            "lines": [{"sku": "47566", "quantity": 2}],
            "promise": {"kind": "collect", "location": "store-1", "promise_class": "standard"},
        }
    )
    answer, _fresh = hub.database.write(lambda unit: capture(hub, unit, wanted, By("C. Ford")))
    hub.database.write(lambda unit: hub.outbox.take(unit, "store-1", 0, resend=False))
    return answer


def test_customer_service_changes_lines_after_seeing_what_it_comes_to(
    page: Page, later: Later, shots: Path
) -> None:
    path = f"/orders/{placed_by_phone(later[0]).number}/lines"
    page.goto(later[0].url + path)
    ready(page, path)
    first = page.get_by_role("textbox", name="Units of").first
    before = int(first.input_value())
    first.fill(str(before + 1))
    page.get_by_label("Item's code or name").fill("Jumbo")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Add Jumbo Bag Red Retrospot").click()
    expect(page.get_by_text("Due on collection")).to_be_visible()
    for size in (HANDHELD, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.screenshot(path=shots / f"hub-later-lines-looked-{size[0]}.png", full_page=True)
        assert not axe(page)
        assert not overflows(page)
    page.get_by_label("Units of Jumbo Bag Red Retrospot").fill("2")
    page.get_by_role("button", name="Change the order").click()

    expect(page.get_by_text("Look at what it comes to now, then do it.")).to_be_visible()
    page.get_by_role("button", name="Change the order").click()

    expect(page.get_by_text("The order and what is due for it stand below")).to_be_visible()
    expect(page.get_by_role("row", name="Jumbo Bag Red Retrospot")).to_be_visible()
    page.screenshot(path=shots / "hub-later-lines-done.png", full_page=True)


def test_customer_service_cancels_units_and_the_store_is_asked(page: Page, later: Later, shots: Path) -> None:
    site, orders = later
    number = orders["ready"].number
    page.goto(f"{site.url}/orders/{number}")
    answer = page.inner_text("h1")
    page.get_by_role("link", name="Cancel units").click()
    ready(page, f"/orders/{number}/cancel")
    page.get_by_label("Units of Jumbo Bag Red Retrospot to cancel").fill("99")
    page.get_by_label("Reason").fill("Ordered too many")
    page.get_by_role("button", name="Cancel these units").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 1 has 4 units that can be cancelled.")
    kept = page.get_by_label("Reason").input_value()
    page.get_by_label("Units of Jumbo Bag Red Retrospot to cancel").fill("1")
    page.get_by_role("button", name="Cancel these units").click()
    ready(page)
    expect(page.locator(".notice.is-wait")).to_contain_text("Until the location answers this is requested")
    expect(page.locator(".parts-list .pill").first).to_have_text("Requested")
    page.screenshot(path=shots / "hub-later-requested-1440.png", full_page=True)
    page.get_by_role("link", name="Cancel units").click()
    ready(page)
    told = page.inner_text(".needs")

    assert answer.startswith("Ready at Leeds Briggate, kept until ")
    assert kept == "Ordered too many"
    assert "has not answered" in told


def test_customer_service_promises_another_store_than_the_one_that_cannot(page: Page, later: Later) -> None:
    site, orders = later
    number = orders["evil"].number
    page.goto(f"{site.url}/orders/{number}/promise")
    ready(page)
    page.get_by_label("Collect at Sheffield Fargate").check()
    page.get_by_label("Reason").fill("Moved house")
    page.get_by_role("button", name="Promise this").click()
    expect(page.get_by_role("alert")).to_contain_text("Sheffield Fargate")
    still = page.get_by_label("Collect at Sheffield Fargate").is_checked()
    page.get_by_label("Collect at Leeds Briggate").check()
    page.get_by_role("button", name="Promise this").click()
    ready(page)
    expect(page.locator(".notice.is-done")).to_contain_text("Changed.")
    expect(page.locator(".then-later ins").last).to_have_text("collect at Leeds Briggate")

    assert still


def test_the_keys_of_the_desk_pick_a_choice_take_a_card_and_put_it_aside(page: Page, later: Later) -> None:
    page.goto(f"{later[0].url}/exceptions?kind=short_pick")
    ready(page)
    page.keyboard.press("2")
    expect(page.locator(".choice.is-picked")).to_contain_text("Have it brought to York Coppergate")
    expect(page.locator("#c2")).to_be_checked()
    page.keyboard.press("a")
    expect(page.locator(".facts")).to_contain_text("C. Ford")
    ready(page)
    page.keyboard.press("h")
    expect(page.locator(".notice")).to_contain_text("It comes back by itself")
    page.goto(f"{later[0].url}/exceptions?state=asleep")
    ready(page)
    page.keyboard.press("h")

    expect(page.locator(".notice")).to_contain_text("Back on the desk")


def test_an_order_by_phone_is_found_put_together_and_placed(page: Page, later: Later, shots: Path) -> None:
    site, _orders = later
    page.goto(f"{site.url}/orders/new")
    page.get_by_label("Item's code or name").fill("lunch bag")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add Lunch Bag Red Retrospot").click()
    page.get_by_label("Units of Lunch Bag Red Retrospot").fill("2")
    page.get_by_label("First name").fill("Jo")
    page.get_by_label("Phone").fill("0113 496 0555")
    page.get_by_role("radio", name="Shipped, standard").check()
    page.get_by_role("button", name="Work out again").click()
    page.screenshot(path=shots / "hub-later-new-filled-1440.png", full_page=True)
    broken = axe(page)
    page.get_by_role("button", name="Place the order, £3.30").click()
    expect(page.get_by_role("alert")).to_contain_text("An order that is shipped must be paid first.")
    name = page.get_by_label("First name").input_value()
    page.get_by_label("Collect at York Coppergate").check()
    page.get_by_role("button", name="Place the order, £3.30").click()
    expect(page.locator("h1")).to_have_text("Waits to be sent to York Coppergate")
    page.goto(f"{site.url}/orders?q=0113+496+0555")
    listed = page.locator("tbody tr").all_inner_texts()

    assert broken == []
    assert name == "Jo"
    assert len(listed) == 1


def test_a_pickup_code_is_masked_until_somebody_asks_for_it(page: Page, later: Later) -> None:
    site, orders = later
    code = orders["ready"].pickup_code
    page.goto(f"{site.url}/orders/{orders['ready'].number}")
    ready(page)
    before = page.content()
    page.get_by_role("button", name="Show the pickup code").click()
    expect(page.locator("#code")).to_have_text(f"{code[:3]} {code[3:]}")

    assert code not in before


def test_a_customer_whose_name_and_note_are_scripts_runs_nothing(page: Page, later: Later) -> None:
    site, orders = later
    page.goto(f"{site.url}/orders/{orders['evil'].number}")
    ready(page)

    assert EVIL in page.inner_text(".aside")
    assert page.title() != "owned"


def test_an_order_follows_its_store_without_being_asked(page: Page, later: Later) -> None:
    site, orders = later
    page.goto(f"{site.url}/orders/{orders['silent'].number}")
    expect(page.locator("#live")).to_be_attached()
    expect(page.locator("h1")).to_have_text("Sent to Sheffield Fargate, not answered yet")
    site.hub.broadcaster.publish("orders")
    expect(page.locator("h1")).to_have_text("Sent to Sheffield Fargate, not answered yet")


def test_a_hub_without_orders_says_what_will_wait_where(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path, empty=True) as site, window(browser) as opened:
        enter(opened.page, site, HubRole.ADMIN)
        opened.page.goto(f"{site.url}/assignments")
        ready(opened.page)

        assert opened.page.locator(".empty h2").inner_text() == "Nothing waits at a location"
        assert axe(opened.page) == []
