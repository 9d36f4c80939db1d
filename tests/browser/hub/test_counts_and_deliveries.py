"""Operations asks stores to count and announces deliveries; every page of it is readable at every size."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from protocol import stock
from protocol.people import HubRole
from tests.browser.hub.conftest import Opens
from tests.browser.hub.site import Site
from tests.support.browser import wrong_at
from tests.support.hub import Shop, send

pytestmark = pytest.mark.browser
FILE = (
    "location,supplier,reference,sku,quantity,cost\n"
    "store-2,Lighthouse Candles,DN 4711,85123A,48,1.28\n"
    "store-2,Lighthouse Candles,DN 4711,NO-1,4,1.00\n"
)


def counted(site: Site) -> None:
    """Let another store count something by itself, and receive what nobody announced."""
    shop = Shop(edge="depot-1", code="WD")
    shop.stock("22423", 10, 620)
    scope = {"title": "Cakestands", "skus": ("22423",)}
    head = {"count_id": "c-1", "number": "WD1-C00001"}
    shop.say(stock.CountOpened.model_validate(scope | head | {"source": "store"}))
    line = stock.ConfirmedLine(sku="22423", pass_no=2, counted=8, balance=10, variance=-2)
    shop.say(stock.CountConfirmed.model_validate(head | {"lines": (line,)}))
    posted = stock.PostedLine(sku="22423", counted=8, variance=-2, passes=2)
    shop.say(stock.CountPosted.model_validate(head | {"place": stock.Place.SHELF, "lines": (posted,)}))
    came = stock.ReceivedLine(sku="22423", good=5, damaged=1, unit_cost_minor=640)
    shop.say(
        stock.DeliveryReceived(receipt_id="r-1", number="WD1-W00001", supplier="Cake & Tin", lines=(came,))
    )
    send(site.hub, shop)


@pytest.mark.timeout(120)
def test_counts_are_asked_for_and_deliveries_announced_and_every_page_keeps_the_rules(
    opens: Opens, site: Site, shots: Path, tmp_path: Path
) -> None:
    counted(site)
    file = tmp_path / "deliveries.csv"
    file.write_text(FILE, encoding="utf-8")
    found: dict[str, object] = {}
    with opens("/stock/counts", HubRole.OPS, expect=("422",)) as page:
        expect(page.get_by_role("heading", name="0 counts are open")).to_be_visible()
        page.get_by_role("button", name="Ask them to count").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose at least one store")
        page.get_by_label("Shelves, or items by code").fill("A-01")
        for name in ("Leeds Briggate", "York Coppergate"):
            page.get_by_label(name).check()
        page.get_by_role("button", name="Ask them to count").click()
        expect(page.get_by_text("2 stores are asked to count.")).to_be_visible()
        page.get_by_role("link", name="Shelf A-01").first.click()
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("The count is given up.")).to_be_visible()

        page.goto(f"{site.url}/stock/deliveries")
        page.get_by_label("CSV file").set_input_files(file)
        page.get_by_role("button", name="Announce it").click()
        expect(page.get_by_role("heading", name="1 of 2 rows are announced")).to_be_visible()
        expect(page.get_by_text("NO-1 is no item here")).to_be_visible()
        page.get_by_role("link", name="Lighthouse Candles").click()
        delivery = page.url
        for name, path in {
            "counts": "/stock/counts",
            "count": "/stock/counts/c-1",
            "deliveries": "/stock/deliveries",
            "delivery": "/stock/deliveries/r-1",
            "delivery-announced": delivery.removeprefix(site.url),
        }.items():
            page.goto(site.url + path)
            found |= wrong_at(page, f"hub-{name}", shots)

    assert found == {}
