"""Telling channels: what changed is told once, signed, with today's number, until it is taken."""

import logging
from collections.abc import Iterator

import pytest

from hub.channels.rows import channel_deliveries, channel_endpoints, channel_items
from hub.channels.rules import FIRST_WAIT_SECONDS, TRIES, WAIT_LIMIT_SECONDS, is_dead, wait_us
from hub.channels.sender import tell_channels
from hub.database import HubDatabase
from hub.exceptions.rows import exceptions
from hub.stock.rows import atp_changed
from protocol.kit.system import SystemClock
from tests.support.promising import Channel, company, hear, rows
from tests.support.webhooks import Taken, taking_channel

MINUTE_US = 60_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    # Signatures carry the time, and whoever checks them compares it with the time of the world.
    made.clock.at_us = SystemClock().now_us()
    company(made.hub, stores={"store-1": {"A": 5, "B": 4}, "store-2": {"A": 4}}, warehouses={})
    made.admin()
    yield made
    made.close()


@pytest.fixture
def shop() -> Iterator[Taken]:
    with taking_channel() as taken:
        yield taken


def listen(channel: Channel, shop: Taken, *, buffer: int = 0) -> str:
    made = channel.ask(
        "POST", "/api/channels/endpoints", {"channel": "web", "url": shop.url, "buffer": buffer}, status=201
    )
    shop.secret = made["secret"]
    endpoint: str = made["endpoint_id"]
    return endpoint


def state(channel: Channel) -> str:
    found: str = rows(channel.hub, channel_endpoints)[0]["state"]
    return found


def cards(channel: Channel) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in rows(channel.hub, exceptions)]


def test_a_new_channel_is_told_everything_and_then_only_what_changes(channel: Channel, shop: Taken) -> None:
    listen(channel, shop)
    assert tell_channels(channel.hub) == 1
    assert shop.last == {"A": 9, "B": 4}

    channel.send(channel.collect("store-1"))
    channel.send(channel.collect("store-1"))

    assert tell_channels(channel.hub) == 1
    assert (shop.last, shop.forged) == ({"A": 7, "B": 4}, 0)
    assert shop.bodies[-1]["data"]["items"] == [{"sku": "A", "available": 7}]
    assert tell_channels(channel.hub) == 0


def test_nothing_is_noted_while_nobody_listens(channel: Channel) -> None:
    channel.send(channel.collect("store-1"))

    assert tell_channels(channel.hub) == 0
    assert rows(channel.hub, atp_changed) == []


def test_a_buffer_is_kept_from_a_channel(channel: Channel, shop: Taken) -> None:
    listen(channel, shop, buffer=5)
    tell_channels(channel.hub)

    assert shop.last == {"A": 4, "B": 0}


def test_a_store_that_falls_silent_is_told_as_what_it_takes_away(channel: Channel, shop: Taken) -> None:
    listen(channel, shop)
    tell_channels(channel.hub)

    silent_since = channel.clock.at_us - 10 * MINUTE_US
    channel.hub.database.write(lambda unit: hear(unit, "store-1", silent_since))
    tell_channels(channel.hub)

    assert shop.last == {"A": 4, "B": 0}


def test_a_change_and_its_note_are_one_transaction(channel: Channel, shop: Taken) -> None:
    listen(channel, shop)
    tell_channels(channel.hub)

    channel.send(channel.collect("store-1", lines=[{"sku": "A", "quantity": 90}]), status=409)
    assert rows(channel.hub, atp_changed) == []
    channel.send(channel.collect("store-1"))
    assert [row["sku"] for row in rows(channel.hub, atp_changed)] == ["A"]


def test_what_is_not_taken_is_sent_again_under_its_own_id_and_nothing_overtakes_it(
    channel: Channel, shop: Taken
) -> None:
    listen(channel, shop)
    shop.status = 503
    assert tell_channels(channel.hub) == 0
    channel.send(channel.collect("store-1"))
    assert tell_channels(channel.hub) == 0
    assert len(shop.ids) == 1

    channel.clock.at_us += FIRST_WAIT_SECONDS * 1_000_000
    shop.status = 200
    tell_channels(channel.hub)

    assert shop.ids[0] == shop.ids[1]
    assert [body["data"]["items"] for body in shop.bodies] == [
        [{"sku": "A", "available": 9}, {"sku": "B", "available": 4}],
        [{"sku": "A", "available": 8}],
    ]


def test_a_channel_that_never_answers_is_given_up_with_a_card_and_told_all_when_it_is_started_again(
    channel: Channel, shop: Taken
) -> None:
    endpoint = listen(channel, shop)
    shop.status = 500
    for _try in range(TRIES):
        tell_channels(channel.hub)
        channel.clock.at_us += WAIT_LIMIT_SECONDS * 1_000_000
        # The stores are heard all the while; only the channel is away.
        for location in ("store-1", "store-2"):
            channel.hub.database.write(
                lambda unit, location=location: hear(unit, location, channel.clock.at_us)  # type: ignore[misc]  # bound now
            )
    assert (len(shop.ids), state(channel)) == (TRIES, "dead")
    assert cards(channel) == [("channel_dead", "open")]
    assert tell_channels(channel.hub) == 0

    channel.clock.at_us = SystemClock().now_us()
    shop.status = 200
    channel.ask_nothing("POST", f"/api/channels/endpoints/{endpoint}/start")
    tell_channels(channel.hub)

    assert (shop.last, state(channel)) == ({"A": 9, "B": 4}, "active")
    assert cards(channel) == [("channel_dead", "closed")]


def test_after_a_rotation_both_secrets_are_good_for_a_day(channel: Channel, shop: Taken) -> None:
    endpoint = listen(channel, shop)
    old = shop.secret
    new = channel.ask("POST", f"/api/channels/endpoints/{endpoint}/rotate")["secret"]
    tell_channels(channel.hub)
    shop.secret = new
    channel.send(channel.collect("store-1"))
    tell_channels(channel.hub)

    assert (shop.last["A"], shop.forged, old == new) == (8, 0, False)


def test_a_secret_is_told_once_and_stands_in_no_answer_event_or_log(
    channel: Channel, shop: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listen(channel, shop)
    tell_channels(channel.hub)

    listed = channel.client.get("/api/channels/endpoints").text
    page = channel.client.get("/stock/channels").text

    secret = shop.secret.removeprefix("whsec_")
    assert shop.url in listed
    assert "web" in page
    assert secret not in listed + page + caplog.text
    assert all(secret not in row["body"] + row["detail"] for row in rows(channel.hub, channel_deliveries))


def test_a_test_is_signed_and_carries_no_item(channel: Channel, shop: Taken) -> None:
    endpoint = listen(channel, shop)

    said = channel.ask("POST", f"/api/channels/endpoints/{endpoint}/test")

    assert said == {"ok": True, "detail": "HTTP 200"}
    assert (shop.bodies[0]["type"], shop.bodies[0]["data"]["items"]) == ("webhook.test", [])


def test_an_endpoint_that_is_switched_off_is_told_all_when_it_is_on_again(
    channel: Channel, shop: Taken
) -> None:
    endpoint = listen(channel, shop)
    tell_channels(channel.hub)
    channel.ask_nothing("POST", f"/api/channels/endpoints/{endpoint}/stop")
    channel.send(channel.collect("store-1"))
    assert tell_channels(channel.hub) == 0

    channel.ask_nothing("POST", f"/api/channels/endpoints/{endpoint}/start")
    tell_channels(channel.hub)

    assert shop.last["A"] == 8
    channel.ask_nothing("DELETE", f"/api/channels/endpoints/{endpoint}")
    assert rows(channel.hub, channel_items) == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("ftp://shop.example/hook", 422),
        ("https://user:word@shop.example/hook", 422),
        ("https://shop.example/a b", 422),
        ("javascript:alert(1)", 422),
        ("https://shop.example/hook", 201),
    ],
)
def test_an_address_is_one_of_the_web_and_holds_no_password(channel: Channel, url: str, status: int) -> None:
    answer = channel.client.post("/api/channels/endpoints", json={"channel": "web", "url": url})

    kept = [row["url"] for row in rows(channel.hub, channel_endpoints)]
    assert (answer.status_code, kept) == (status, [url] if status == 201 else [])


def test_waits_double_to_an_hour_and_end_after_about_five_hours() -> None:
    waits = [wait_us(tries) // 1_000_000 for tries in range(1, TRIES)]

    assert waits[:3] == [5, 10, 20]
    assert (waits[-1], is_dead(TRIES - 1), is_dead(TRIES)) == (3600, False, True)
    assert 2 * 3600 < sum(waits) < 6 * 3600
