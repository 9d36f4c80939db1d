"""Every screen of the hub at three sizes: nothing axe finds, nothing wider than the window, and a picture."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from hub.ledger.rows import journals
from protocol.people import HubRole
from tests.browser.hub.conftest import Opens
from tests.browser.hub.site import Site, running
from tests.support.browser import axe, window, wrong_at

pytestmark = pytest.mark.browser

SCREENS = {
    "overview": "/",
    "orders": "/orders",
    "order": "/orders/HT1-00007",
    "exceptions": "/exceptions",
    "fleet": "/fleet",
    "location": "/fleet/store-2",
    "finance": "/finance",
    "account": "/finance/accounts/4000",
    "journals": "/finance/journals",
    "journal": "/finance/journals/{journal}",
    "store-days": "/finance/days",
    "close": "/finance/days/store-2-s9",
    "periods": "/finance/periods",
    "period": "/finance/periods/main/2026-11",
    "settlements": "/finance/settlements",
    "money": "/finance/money",
    "suspense": "/finance/suspense",
    "chart": "/finance/chart",
    "new-journal": "/finance/journal",
    "stock": "/stock",
    "item": "/stock/22423",
    "catalogue": "/catalog",
    "people": "/people",
    "account-of-mine": "/account",
}
EMPTY = ("/", "/orders", "/exceptions", "/flow", "/fleet", "/finance", "/finance/days")
PARTS = 3  # each test has a limit, and a busy machine is slow


def newest_journal(site: Site) -> int:
    with site.app.state.hub.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(journals.c.journal_id))).scalar_one())


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_screen_at_any_size(
    opens: Opens, site: Site, shots: Path, part: int
) -> None:
    found: dict[str, object] = {}
    with opens("/") as page:
        for name, path in list(SCREENS.items())[part::PARTS]:
            page.goto(site.url + path.format(journal=newest_journal(site)))
            found |= wrong_at(page, f"hub-{name}", shots)

    assert found == {}


def test_axe_finds_nothing_in_the_dark_or_behind_a_closed_door(opens: Opens, site: Site, shots: Path) -> None:
    found: dict[str, object] = {}
    with opens("/", dark=True) as page:
        for name in ("overview", "order", "exceptions", "finance"):
            page.goto(site.url + SCREENS[name])
            page.screenshot(path=shots / f"hub-{name}-dark.png")
            if broken := axe(page):
                found[name] = broken
    with opens("/finance", HubRole.OPS, expect=("403",)) as page:
        page.screenshot(path=shots / "hub-locked.png")
        said = page.inner_text("main")
        found["locked"] = axe(page)

    assert found == {"locked": []}
    assert "Finance is not open to you" in said
    assert "Finance, Admin" in said


def test_the_door_and_an_empty_hub_say_what_will_appear(
    browser: Browser, tmp_path: Path, shots: Path
) -> None:
    from tests.browser.hub.conftest import enter

    with running(tmp_path, empty=True) as site, window(browser) as opened:
        page = opened.page
        page.goto(site.url)
        door = axe(page)
        page.screenshot(path=shots / "hub-sign-in.png")
        enter(page, site, HubRole.ADMIN)
        headline = page.inner_text("h1")
        empty = {}
        for path in EMPTY:
            page.goto(site.url + path)
            empty[path] = axe(page)
            assert page.locator(".empty").first.is_visible(), path

    assert door == []
    assert headline == "Nothing needs you now"
    assert {path for path, broken in empty.items() if broken} == set()
