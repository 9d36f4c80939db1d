"""Transfers as people at the hub see them and decide about them, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.site import Site
from tests.browser.hub.transfer_site import running_transfers
from tests.support.browser import DESK, axe, ready, window, wrong_at

pytestmark = pytest.mark.browser

SCREENS = {
    "list": "/transfers",
    "decide": "/transfers?view=decide",
    "nobody": "/transfers?view=unexplained",
    "none": "/transfers?q=nothing-like-it",
    "over": "/transfers?view=over",
    "short": "/transfers/YC1-X00002",
    "way": "/transfers/HBX-00003",
    "requested": "/transfers/HBX-00001",
    "early": "/transfers/SF1-X00004",
    "settle": "/transfers/YC1-X00002/settle",
    "settle-over": "/transfers/HT1-X00003/settle",
    "settle-nothing": "/transfers/LB1-X00001/settle",
    "cancel": "/transfers/HBX-00001/cancel",
    "receipt": "/transfers/receipts/t-5-r1",
    "new": "/transfers/new?sku=22423&source=store-1&destination=store-2",
    "item": "/stock/22423",
    "exceptions": "/exceptions",
}
PARTS = 2
ASK = re.compile(r"^Ask for (it|\d+ units)$")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with transfers in every state."""
    with running_transfers(tmp_path_factory.mktemp("transfers")) as made:
        yield made


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A window of somebody in Operations."""
    with window(browser, DESK, expect=("409", "422")) as opened:
        enter(opened.page, site, HubRole.OPS)
        yield opened.page


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_screen_of_transfers_at_any_size(
    page: Page, site: Site, shots: Path, part: int
) -> None:
    found: dict[str, object] = {}
    for name, path in list(SCREENS.items())[part::PARTS]:
        page.goto(site.url + path)
        ready(page)
        found |= wrong_at(page, f"hub-transfers-{name}", shots)

    assert found == {}


def test_axe_finds_nothing_on_transfers_in_the_dark(browser: Browser, site: Site, shots: Path) -> None:
    found: dict[str, object] = {}
    with window(browser, DESK, dark=True) as opened:
        enter(opened.page, site, HubRole.ADMIN)
        for name in ("list", "short", "settle", "new"):
            opened.page.goto(site.url + SCREENS[name])
            ready(opened.page)
            opened.page.screenshot(path=shots / f"hub-transfers-{name}-dark.png", full_page=True)
            if broken := axe(opened.page):
                found[name] = broken

    assert found == {}


def test_operations_asks_for_a_transfer_by_scanning_and_finds_its_number(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/transfers")
    page.get_by_role("link", name="Ask for a transfer").first.click()
    ready(page, "/transfers/new")
    page.get_by_label("Scan a code, or type a code or name").fill("22423")
    page.keyboard.press("Enter")
    page.get_by_label("Units of Regency Cakestand 3 Tier").fill("2")
    page.get_by_label("From", exact=True).select_option("store-1")
    page.get_by_label("To", exact=True).select_option("store-1")
    page.get_by_role("button", name=ASK).click()
    expect(page.get_by_role("alert")).to_contain_text("A transfer goes to another location")
    kept = page.get_by_label("Units of Regency Cakestand 3 Tier").input_value()
    page.get_by_label("To", exact=True).select_option("store-4")
    page.get_by_role("button", name=ASK).click()
    expect(page.locator("h1")).to_contain_text("Leeds Briggate")
    expect(page.locator(".notice")).to_contain_text("Asked.")
    expect(page.locator(".crumb")).to_contain_text("HBX-")

    assert kept == "2"


def test_operations_writes_off_what_did_not_arrive_and_in_transit_is_zero(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/transfers/YC1-X00002")
    ready(page)
    before = page.locator(".then b").first.inner_text()
    page.get_by_role("link", name="Settle it").click()
    ready(page)
    page.get_by_label("Write them off").check()
    page.get_by_label("Reason").fill("The van was emptied without them")
    page.get_by_role("button", name="Settle it").click()
    expect(page.locator(".then b").first).to_have_text("0 units")
    expect(page.locator(".notice")).to_contain_text("Settled.")
    expect(page.locator(".timeline")).to_contain_text("Written off: The van was emptied without them.")

    assert before == "2 units"


def test_what_has_left_cannot_be_taken_back_and_the_page_says_what_to_do(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/transfers/HBX-00003/cancel")
    ready(page)

    expect(page.locator("main")).to_contain_text("Let it arrive, then send it back")
    assert page.get_by_role("button", name="Ask Hull Trinity").count() == 0


def test_a_file_with_faults_is_answered_row_by_row(page: Page, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "transfers.csv"
    file.write_text("source,destination,sku,quantity\nstore-1,store-2,22423,1\nstore-1,store-2,NOPE,1\n")
    page.goto(f"{site.url}/transfers/new")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Ask for all of it").click()
    expect(page.get_by_role("heading", name="What became of the file")).to_be_visible()

    assert "The hub knows no item NOPE." in page.inner_text("main")
    assert page.get_by_role("link", name="HBX-").count() == 1


def test_finance_sees_transfers_and_cannot_change_them(browser: Browser, site: Site) -> None:
    with window(browser, DESK, expect=("403",)) as opened:
        enter(opened.page, site, HubRole.FINANCE)
        opened.page.goto(f"{site.url}/transfers/YC1-X00002")
        ready(opened.page)
        buttons = opened.page.get_by_role("link", name="Settle it").count()
        answer = opened.page.goto(f"{site.url}/transfers/new")

    assert (buttons, answer.status if answer else 0) == (0, 403)
