"""Whatever changes what may be promised reaches the channels: none of them keeps an older number."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.app import parts
from hub.catalog.steps import put
from hub.channels import sender
from hub.channels.rows import channel_buffers, channel_endpoints, channel_places
from hub.channels.sender import tell_channels
from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.link.reclaim import reclaim
from hub.people.steps import add_token
from hub.settings import HubSettings
from hub.stock.rows import atp_changed
from protocol.catalog import Product
from protocol.kit.system import SystemClock
from protocol.people import HubRole
from protocol.rights import EdgeVector
from tests.support.hub import VAT, TestIds, hub_of
from tests.support.packets import STORE, Wire, forget, line
from tests.support.promising import Channel, company, hear, rows
from tests.support.webhooks import Taken, add_endpoint, taking_channel

MINUTE_US = 60_000_000


@pytest.fixture
def shop() -> Iterator[Taken]:
    with taking_channel() as taken:
        yield taken


@pytest.fixture
def wire(hub_database: HubDatabase, shop: Taken) -> Wire:
    """Return a store at a hub whose channel was told of it: five A and three B."""
    hub = hub_of(hub_database)
    # Signatures carry the time, and whoever checks them compares it with the time of the world.
    hub.clock.at_us = SystemClock().now_us()  # type: ignore[attr-defined]  # a test's clock is moved
    company(hub, stores={STORE: {"A": 5, "B": 3}}, warehouses={})
    made = Wire(hub)
    made.hello()
    add_endpoint(hub, shop)
    tell_channels(hub)
    assert shop.last == {"A": 5, "B": 3}
    return made


@pytest.fixture
def channel(hub_database: HubDatabase, shop: Taken) -> Iterator[Channel]:
    """Return a web shop whose endpoint was told everything: nine A and four B."""
    made = Channel(hub_database)
    made.clock.at_us = SystemClock().now_us()
    company(made.hub, stores={"store-1": {"A": 5, "B": 4}, "store-2": {"A": 4}}, warehouses={})
    made.admin()
    add_endpoint(made.hub, shop)
    tell_channels(made.hub)
    assert shop.last == {"A": 9, "B": 4}
    yield made
    made.close()


def file(unit: HubUnit, **categories: str) -> None:
    """Import items once more, each of a category."""
    found = [
        Product(
            sku=sku, name=f"Item {sku}", price_minor=10_00, rate_ppm=VAT, unit_cost_minor=400, category=of
        )
        for sku, of in categories.items()
    ]
    put(unit, found, 0)


def noted(hub: Hub) -> list[str]:
    return [row["sku"] for row in rows(hub, atp_changed)]


def policy(channel: Channel, *rules: dict[str, Any]) -> None:
    channel.ask("PUT", "/api/lending-policy", {"base": 0, "rules": rules})
    tell_channels(channel.hub)


def test_an_item_that_moves_to_a_category_with_another_safety_stock_is_told(
    channel: Channel, shop: Taken
) -> None:
    policy(channel, {"scope": "category", "name": "Coats", "safety_stock": 2, "company_threshold": 1})
    assert shop.last == {"A": 9, "B": 4}

    channel.hub.database.write(lambda unit: file(unit, A="Coats", B=""))
    assert noted(channel.hub) == ["A"]  # B stays what it was
    tell_channels(channel.hub)

    assert shop.last == {"A": 4, "B": 4}
    channel.hub.database.write(lambda unit: file(unit, A="Shoes"))
    tell_channels(channel.hub)
    assert shop.last["A"] == 9


def test_an_import_notes_nothing_while_no_rule_speaks_of_categories(channel: Channel) -> None:
    policy(channel, {"scope": "sku", "name": "B", "safety_stock": 1})

    channel.hub.database.write(lambda unit: file(unit, A="Coats"))

    assert noted(channel.hub) == []


def test_what_a_store_takes_back_over_the_telephone_is_told(wire: Wire, shop: Taken) -> None:
    assert reclaim(wire.hub, STORE, "A").units == 5
    tell_channels(wire.hub)

    assert shop.last == {"A": 0, "B": 3}
    reclaim(wire.hub, STORE, "A")
    assert noted(wire.hub) == []  # the same code said again changes nothing


def test_rights_that_begin_anew_between_two_rounds_are_told(wire: Wire, shop: Taken) -> None:
    forget(wire)
    wire.hello()
    wire.iam(line("a-1", 2))
    wire.vectors(EdgeVector(sku="A", ep=1, ver=9, G=3, F=0, P=5, B=0), ep=1)
    assert wire.epoch().state == "open"
    tell_channels(wire.hub)

    assert shop.last == {"A": 1, "B": 0}


def test_a_store_that_was_silent_only_while_a_number_was_worked_out_is_told_of_again(
    channel: Channel, shop: Taken
) -> None:
    """It is heard again before the next look at who is silent, which finds nothing new."""
    hub = channel.hub
    channel.send(channel.collect("store-2"))
    hub.database.write(sender._fan_out)
    hub.database.write(lambda unit: hear(unit, "store-1", channel.clock.at_us - 10 * MINUTE_US))
    with hub.database.read() as connection:
        [endpoint] = sender._active(connection)
    sender._tell(hub, endpoint, hub.clock.monotonic() + 5)
    assert shop.last == {"A": 3, "B": 4}

    hub.database.write(lambda unit: hear(unit, "store-1", channel.clock.at_us))
    tell_channels(hub)

    assert shop.last == {"A": 8, "B": 4}
    assert {row["location"]: row["silent"] for row in rows(hub, channel_places)} == {
        "store-1": "",
        "store-2": "",
    }


def test_a_restored_hub_tells_everything_because_it_does_not_know_what_it_said(
    wire: Wire, shop: Taken
) -> None:
    """What a channel heard after the backup is in no table of the copy."""
    shop.bodies.clear()

    forget(wire)
    wire.hello()
    wire.iam()
    wire.vectors(
        EdgeVector(sku="A", ep=1, ver=9, G=5, F=0, P=5, B=0),
        EdgeVector(sku="B", ep=1, ver=9, G=3, F=0, P=5, B=0),
        ep=1,
    )
    tell_channels(wire.hub)

    assert shop.last == {"A": 5, "B": 3}


def test_another_safety_stock_in_the_settings_is_told_after_the_start(channel: Channel, shop: Taken) -> None:
    def started(**said: int) -> Hub:
        own = {"data_dir": channel.hub.settings.data_dir, "database_url": channel.hub.settings.url}
        return parts(HubSettings.model_validate(own | said), clock=channel.clock, ids=TestIds("again"))

    again = started()
    assert noted(again) == []
    again.database.close()

    again = started(safety_stock=1, company_threshold=2)
    assert noted(again) == ["A", "B"]
    tell_channels(again)
    assert shop.last == {"A": 5, "B": 1}
    again.database.close()

    again = started(safety_stock=1, company_threshold=2)
    assert noted(again) == []
    again.database.close()


def buffer_to(channel: Channel, endpoint: str, buffer: object, *, status: int = 200) -> Any:
    return channel.ask("PATCH", f"/api/channels/endpoints/{endpoint}", {"buffer": buffer}, status=status)


def only(channel: Channel) -> dict[str, Any]:
    [endpoint] = channel.ask("GET", "/api/channels/endpoints")
    found: dict[str, Any] = endpoint
    return found


def test_another_buffer_is_told_to_its_channel_at_once_and_to_no_other(channel: Channel, shop: Taken) -> None:
    with taking_channel() as market:
        add_endpoint(channel.hub, market)
        tell_channels(channel.hub)
        market.bodies.clear()
        mine = next(row for row in rows(channel.hub, channel_endpoints) if row["url"] == shop.url)

        answer = buffer_to(channel, mine["endpoint_id"], 3)
        tell_channels(channel.hub)

        assert (answer["buffer"], shop.last, market.bodies) == (3, {"A": 6, "B": 1}, [])


def test_who_changed_a_buffer_from_what_to_what_is_kept(channel: Channel) -> None:
    endpoint = only(channel)["endpoint_id"]

    buffer_to(channel, endpoint, 3)
    buffer_to(channel, endpoint, 3)
    channel.clock.at_us += MINUTE_US
    buffer_to(channel, endpoint, 1)

    now = channel.clock.at_us
    assert only(channel)["buffer_changes"] == [
        {"at_us": now, "by": "admin", "before": 3, "after": 1},
        {"at_us": now - MINUTE_US, "by": "admin", "before": 0, "after": 3},
    ]
    page = channel.client.get("/stock/channels").text
    assert "<del>3</del>" in page
    assert "admin" in page


@pytest.mark.parametrize("wrong", [-1, 1_000_001, "many", None])
def test_a_buffer_that_cannot_be_changes_nothing(channel: Channel, shop: Taken, wrong: object) -> None:
    endpoint = only(channel)["endpoint_id"]

    buffer_to(channel, endpoint, wrong, status=422)
    buffer_to(channel, "nobody", 1, status=404)

    assert (only(channel)["buffer"], only(channel)["buffer_changes"]) == (0, [])
    assert tell_channels(channel.hub) == 0


def test_the_page_changes_a_buffer_and_says_what_is_wrong_beside_its_field(channel: Channel) -> None:
    endpoint = only(channel)["endpoint_id"]
    path = f"/stock/channels/{endpoint}/buffer"

    wrong = channel.client.post(path, data={"buffer": "a few"})
    assert wrong.status_code == 422
    assert 'value="a few"' in wrong.text
    assert only(channel)["buffer"] == 0

    done = channel.client.post(path, data={"buffer": "2"}, follow_redirects=True)
    assert "It counts from now on; a channel that is told hears of it at once." in done.text
    assert only(channel)["buffer"] == 2


def test_a_buffer_is_changed_by_an_administrator_only(channel: Channel) -> None:
    endpoint = only(channel)["endpoint_id"]
    token = add_token(channel.hub, name="desk", role=HubRole.OPS)
    channel.client.headers["authorization"] = f"Bearer {token}"

    buffer_to(channel, endpoint, 3, status=403)

    assert only(channel)["buffer"] == 0
    assert f"/stock/channels/{endpoint}/buffer" not in channel.client.get("/stock/channels").text


def test_what_a_removed_endpoint_kept_is_forgotten_with_it(channel: Channel) -> None:
    endpoint = only(channel)["endpoint_id"]
    buffer_to(channel, endpoint, 3)

    channel.ask_nothing("DELETE", f"/api/channels/endpoints/{endpoint}")

    assert rows(channel.hub, channel_buffers) == []
