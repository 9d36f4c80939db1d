"""What customer service offers: promises with a day and a price, and what could be promised instead."""

import json
import re
from collections.abc import Iterator
from typing import Final

import pytest
import sqlalchemy as sa

from hub.route.facts import steps
from hub.route.facts.parameters import ParameterSet
from hub.spine.later_rows import later_orders
from hub.spine.rows import orders
from protocol.people import HubRole
from tests.integration.hub.test_later_pages import Company

WAYS: Final = (("standard", 3, 3_95), ("express", 1, 8_95))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    made = Company(tmp_path_factory.mktemp("hub"))
    yield made
    made.app.state.hub.database.close()


def test_an_order_by_phone_is_placed_with_the_day_and_the_price_that_were_offered(company: Company) -> None:
    hub = company.app.state.hub
    rows = [
        {"service": name, "days": days, "label_minor": 300, "price_minor": price}
        for name, days, price in WAYS
    ]
    version = steps.make(hub, ParameterSet.model_validate({"services": rows}), base=0, by="test")
    steps.activate(hub, version, seen=0, by="test")
    draft = {"sku": "20725", "quantity": "2", "line1": "1 Long Row", "country": "GB", "postcode": "LS1 6NP"}
    _status, _path, page = company.post("/orders/new", **draft, first_name="Jo", act="look")
    [express] = re.findall(r'value="(option:ship::express:[^"]+)"', page)
    again = company.post("/orders/new", **draft, first_name="Jo", where=express, act="look")[2]
    [fresh] = re.findall(r'value="(option:ship::express:[^"]+)" checked', again)
    total = re.search(r"Place the order, £([0-9.]+)", again)
    assert total is not None

    paid = {"gateway": "terminal", "reference": "T-9", "paid": total[1], "act": "place", "key": "draft-9"}
    placed = company.post("/orders/new", **draft, **paid, first_name="Jo", where=fresh)

    assert placed[0] == 303, placed[2]
    number = placed[1].partition("?")[0].rpartition("/")[2]
    with hub.database.read() as connection:
        promise, total_minor = connection.execute(
            sa.select(later_orders.c.promise, orders.c.total_minor)
            .join(orders, orders.c.order_id == later_orders.c.order_id)
            .where(orders.c.number == number)
        ).one()
    kept = json.loads(promise)
    assert (kept["service"], kept["price_minor"], total_minor) == ("express", 8_95, 3_30 + 8_95)
    assert kept["deliver_us"] > kept["due_us"]
    over = company.post("/orders/new", **draft, **{**paid, "key": "x"}, where="option:ship::express:none.0")
    assert (over[0], "This option is not known." in over[2]) == (422, True)
    steps.activate(hub, 0, seen=version, by="test")


def test_an_order_that_nobody_keeps_offers_what_could_be_promised_instead(company: Company) -> None:
    page = company.visit().get(company.at("nobody")).text

    assert "What could be promised instead" in page
    assert "Cancel what nobody has" in page
    said = {"alternative": "collect:store-9:", "until_us": "0", "reason": "asked", "key": "a-1"}
    gone = company.post(f"{company.at('nobody')}/alternatives", **said)
    assert (gone[0], "This is not possible any more." in gone[2]) == (409, True)
    assert company.post(f"{company.at('nobody')}/alternatives", alternative="cancel::")[0] == 422
    assert company.post(f"{company.at('nobody')}/alternatives", HubRole.FINANCE, **said)[0] == 403
