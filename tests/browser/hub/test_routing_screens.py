"""Routing on screen: rules, what a version changes, the workload, a replay, one order elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.route.facts import accepts, steps
from hub.route.facts.parameters import ParameterSet
from hub.route.what_if import past
from hub.route.what_if import steps as replays
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.later_site import running_later
from tests.browser.hub.site import Site
from tests.support.browser import DESK, HANDHELD, ready, window, wrong_at

pytestmark = pytest.mark.browser

SET = ParameterSet.model_validate(
    {
        "general": {"max_shipments": 2, "split_minor": 150},
        "places": [
            {
                "location": "store-1",
                "group": "north",
                "hour_minor": 1_320,
                "line_seconds": 90,
                "unit_seconds": 20,
            },
            {"location": "store-2", "group": "north", "ships": False},
        ],
        "capacity": [
            {"location": "store-1", "day": "daily", "begins": "09:00", "ends": "18:00", "units": 40}
        ],
    }
)


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A hub with orders for later, one version that counts, one that does not, and a replay of both."""
    with running_later(tmp_path_factory.mktemp("routing")) as (site, _orders):
        hub = site.hub
        steps.activate(
            hub, steps.make(hub, SET, base=0, by="Priya Nair", note="Two parcels"), seen=0, by="Priya"
        )
        steps.make(hub, SET.model_copy(update={"places": SET.places[1:]}), base=1, by="Priya Nair")
        assert accepts.measure(hub)
        done = replays.ask(hub, left=0, right=2, count=50, by="Priya Nair")
        assert replays.work_off(hub)
        waits = replays.ask(hub, left=1, right=2, count=50, by="Priya Nair")
        with hub.database.read() as connection:
            number = past.orders_of(connection, past.recent_ids(connection, 1), seller=hub.settings.entity)[
                0
            ].number
        yield (
            site,
            {
                "routing": "/routing",
                "routing-places": "/routing?version=1&table=places&row=store-1",
                "routing-changes": "/routing/versions/2",
                "routing-load": "/routing/load",
                "routing-demand": "/routing/demand?sku=22423",
                "routing-acceptance": "/routing/acceptance",
                "routing-replays": "/routing/replays",
                "routing-replay": f"/routing/replays/{done}",
                "routing-replay-waits": f"/routing/replays/{waits}",
                "routing-postcodes": "/routing/postcodes",
                "routing-what-if": f"/orders/{number}/what-if?version=0",
            },
        )


@pytest.fixture
def page(browser: Browser, routed: tuple[Site, dict[str, str]]) -> Iterator[Page]:
    """A window of an administrator."""
    with window(browser, DESK, expect=("422",)) as opened:
        enter(opened.page, routed[0], HubRole.ADMIN)
        yield opened.page


def test_axe_finds_nothing_on_any_screen_of_routing_and_none_is_too_wide(
    page: Page, routed: tuple[Site, dict[str, str]], shots: Path
) -> None:
    found: dict[str, object] = {}
    site, screens = routed
    for name, path in screens.items():
        page.goto(site.url + path)
        ready(page)
        found |= wrong_at(page, f"hub-{name}", shots, (HANDHELD, DESK))

    assert found == {}


def test_a_change_is_made_looked_at_and_then_counts(page: Page, routed: tuple[Site, dict[str, str]]) -> None:
    page.goto(f"{routed[0].url}/routing?version=1&table=packages")
    ready(page)
    page.get_by_label("Up to, grams").fill("2000")
    page.get_by_label("Cost", exact=True).fill("0.45")
    page.get_by_role("button", name="Make the next version").click()

    expect(page.get_by_role("heading", name="Version 3 does not count")).to_be_visible()
    page.get_by_role("link", name="See what changes").click()
    expect(page.get_by_role("heading", name="The change")).to_be_visible()
    page.get_by_role("button", name="Let it count").click()

    expect(page.get_by_text("Version 3 counts now.")).to_be_visible()
