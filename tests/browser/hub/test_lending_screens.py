"""How much stores lend, who gives way, and which channels are told: every screen, and what ops does there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.channels import steps as channels
from hub.channels.rows import channel_endpoints
from hub.channels.steps import EndpointWanted
from hub.stock.policy import CompanyPolicy
from hub.stock.policy_steps import save
from hub.stock.rows import hub_rights
from protocol.lending import LastUnits, LendingRule
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.later_site import running_later
from tests.browser.hub.site import Site
from tests.support.browser import DESK, axe, ready, window, wrong_at

pytestmark = pytest.mark.browser

RULES = (
    LendingRule(share_ppm=500_000, cap=6, least=1, k_milli=2000, refill_minutes=60),
    LendingRule(scope="sku", name="22423", last_units=LastUnits.STORE, kept_units=2, company_threshold=3),
    LendingRule(scope="sku", name="47566", location="store-1", safety_stock=4),
)
SCREENS = {
    "lending": "/stock/lending",
    "lending-change": "/stock/lending?rule=sku%7C22423%7C#rule-form",
    "missing": "/stock/missing?location=store-4&sku=85123A",
    "missing-unknown": "/stock/missing?location=store-3&sku=47566",
    "missing-nothing": "/stock/missing?location=store-1&sku=47566",
    "channels": "/stock/channels",
    "item": "/stock/47566",
}


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with rules, a store that misses units, and channels that are told and not reached."""
    with running_later(tmp_path_factory.mktemp("lending")) as (site, _orders):
        hub = site.hub
        save(hub, CompanyPolicy(rules=RULES), base=0, by="Priya Nair")
        web = channels.add(
            hub, EndpointWanted(channel="web", url="https://shop.test/hooks/stock", buffer=2), by="P"
        )
        channels.keep_from(hub, web.endpoint_id, 12, by="Priya Nair")
        dead = channels.add(hub, EndpointWanted(channel="market", url="https://market.test/in"), by="P")
        # No server of the world is asked by a test: both are as the sender would have left them.
        hub.database.write(
            lambda unit: unit.connection.execute(channel_endpoints.update().values(state="off"))
        )
        hub.database.write(
            lambda unit: unit.connection.execute(
                channel_endpoints.update()
                .where(channel_endpoints.c.endpoint_id == dead.endpoint_id)
                .values(state="dead")
            )
        )
        hub.database.write(
            lambda unit: unit.connection.execute(
                hub_rights.update()
                .where(hub_rights.c.location == "store-4", hub_rights.c.sku == "85123A")
                .values(deficit=2)
            )
        )
        yield site


@pytest.fixture
def page(browser: Browser, lent: Site) -> Iterator[Page]:
    """A window of an administrator."""
    with window(browser, DESK, expect=("422",)) as opened:
        enter(opened.page, lent, HubRole.ADMIN)
        yield opened.page


def test_axe_finds_nothing_on_any_screen_of_lending_at_any_size(page: Page, lent: Site, shots: Path) -> None:
    found: dict[str, object] = {}
    for name, path in SCREENS.items():
        page.goto(lent.url + path)
        ready(page)
        found |= wrong_at(page, f"hub-{name}", shots)

    assert found == {}


def test_every_number_that_may_be_promised_opens_to_its_parts_at_any_size(
    page: Page, lent: Site, shots: Path
) -> None:
    """By keyboard and by touch, in a list as in a draft, and nothing becomes wider than the window."""
    found: dict[str, object] = {}
    page.goto(f"{lent.url}/stock")
    ready(page)
    mine = page.locator("tr", has_text="47566").locator(".made-of")
    mine.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(mine).to_contain_text("lent and free")
    expect(mine.get_by_role("link", name="By location")).to_be_visible()
    found |= wrong_at(page, "hub-stock-parts", shots)
    page.goto(f"{lent.url}/orders/new")
    ready(page)
    page.get_by_label("Item's code or name").fill("47566")
    page.get_by_role("button", name="Search").click()
    page.locator(".needs .made-of summary").first.click()
    expect(page.locator(".needs .made-of").first).to_contain_text("safety stock")
    found |= wrong_at(page, "hub-draft-parts", shots)
    page.get_by_role("button", name="Add Party Bunting").click()
    page.locator("table .made-of summary").first.click()
    found |= wrong_at(page, "hub-draft-line-parts", shots)
    page.goto(f"{lent.url}/stock/channels")
    ready(page)
    page.get_by_label("Buffer of web: 12").click()
    expect(page.get_by_role("button", name="Change the buffer")).to_be_visible()
    found |= wrong_at(page, "hub-channels-buffer", shots)

    assert found == {}


def test_a_rule_is_seen_and_then_counts(page: Page, lent: Site, shots: Path) -> None:
    page.goto(f"{lent.url}/stock/47566")
    before = page.get_by_role("heading", name=re.compile("may be promised now")).inner_text()
    page.goto(f"{lent.url}/stock/lending")
    ready(page)
    page.get_by_label("Of what").select_option("sku")
    page.get_by_label("Category, or the item's code").fill("47566")
    page.get_by_label("Safety stock at each location").fill("2")
    page.get_by_role("button", name="See what changes").nth(1).click()

    expect(page.get_by_role("heading", name="1 item could be promised otherwise")).to_be_visible()
    ready(page)
    page.screenshot(path=shots / "hub-lending-preview-1440.png", full_page=True)
    assert axe(page) == []
    page.get_by_role("button", name="Let it count").click()

    expect(page.get_by_text("counts now. Every location is told")).to_be_visible()
    page.goto(f"{lent.url}/stock/47566")
    assert page.get_by_role("heading", name=re.compile("may be promised now")).inner_text() != before


def test_a_secret_is_shown_once_and_then_never(page: Page, lent: Site, shots: Path) -> None:
    page.goto(f"{lent.url}/stock/channels")
    ready(page)
    page.get_by_role("textbox", name="Channel").fill("amazon")
    page.get_by_role("textbox", name="Address").fill("https://amazon.test/in")
    page.get_by_role("button", name="Add it").click()

    secret = page.locator("[data-secret]").inner_text()
    page.screenshot(path=shots / "hub-channel-secret-1440.png", full_page=True)
    assert secret.startswith("whsec_")
    assert axe(page) == []
    page.get_by_role("link", name="It is stored").click()
    expect(page.get_by_text("https://amazon.test/in")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Switch off amazon").click()
    expect(page.get_by_text("told nothing until it is started again")).to_be_visible()
