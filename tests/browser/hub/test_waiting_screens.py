"""What rests on goods on their way, on the screens that show it: the order, the item, the transfer."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hub.database import HubDatabase
from hub.people import steps as people
from hub.schema import create_schema
from protocol.kit.web.server import WebServer
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.site import PASSWORD, PEOPLE, Site
from tests.support.browser import DESK, ready, window, wrong_at
from tests.support.inbound import Yard

pytestmark = pytest.mark.browser


def test_who_waits_for_a_delivery_is_said_by_order_item_and_transfer_and_fits_every_window(
    browser: Browser, tmp_path: Path, shots: Path
) -> None:
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    yard = Yard(database)
    goods = yard.send_goods()
    order = yard.buy(3)
    people.add_person(yard.hub, name=PEOPLE[HubRole.OPS], role=HubRole.OPS, password=PASSWORD)
    server = WebServer(yard.channel.app, on_stop=[yard.hub.broadcaster.close])
    server.start()
    found: dict[str, object] = {}
    try:
        site = Site(yard.channel.app, server, server.url, {})
        with window(browser, DESK) as opened:
            page = opened.page
            enter(page, site, HubRole.OPS)
            for name, path, said in (
                ("order", f"/orders/{order['number']}", "Waits for a delivery"),
                ("item", "/stock/A", "3 of them promised"),
                ("transfer", f"/transfers/{goods['transfer_id']}", "Who waits for it"),
            ):
                page.goto(site.url + path)
                ready(page)
                expect(page.get_by_text(said).first).to_be_visible()
                found |= wrong_at(page, f"hub-waiting-{name}", shots)
    finally:
        server.stop()
        yard.channel.close()

    assert found == {}
