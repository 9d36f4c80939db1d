"""The keys of receipts at the hub: heard from a store, told to every other one, ended by the next."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.exceptions.rows import exceptions
from hub.fleet.rows import directives
from hub.rebuild import verify
from hub.returns import elsewhere, keys
from tests.support.hub import Shop, send
from tests.support.promising import Channel, company, rows

OLD, NEW = "3b" * 32, "5c" * 32


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}, "store-3": {"A": 4}}, warehouses={})
    yield made
    made.close()


def tell(hub: Hub, key: str, unit: HubUnit) -> bool:
    return keys.heard(hub, unit, "store-1", key)


def told(channel: Channel, edge: str) -> list[str]:
    mine = ("store.keys", edge)
    return [
        row["bytes"].decode() for row in rows(channel.hub, directives) if (row["kind"], row["edge"]) == mine
    ]


def selling(edge: str) -> Shop:
    shop = Shop(edge=edge, code="LB" if edge == "store-1" else "YK")
    shop.open()
    shop.stock("A", 10)
    return shop


def cards(channel: Channel, kind: str) -> list[Any]:
    with channel.hub.database.read() as connection:
        return list(connection.execute(sa.select(exceptions).where(exceptions.c.kind == kind)).all())


def test_a_key_is_told_once_to_every_other_store_and_the_next_one_ends_it(channel: Channel) -> None:
    hub = channel.hub
    heard = [hub.database.write(partial(tell, hub, key)) for key in ("", OLD, OLD, NEW, OLD)]
    count = hub.database.write(lambda unit: keys.tell_keys(hub, unit, "store-2"))

    assert heard == [False, True, False, True, False]
    assert told(channel, "store-1") == []
    first, second, again = told(channel, "store-2")
    assert (OLD in first, NEW in first, OLD in second, NEW in second) == (True, False, True, True)
    assert '"until_us":0' not in second.partition(OLD)[2].partition("}")[0]
    assert '"until_us":0' in second.partition(NEW)[2].partition("}")[0]
    assert (count, OLD in again and NEW in again) == (2, True)


def test_a_unit_taken_back_at_two_dark_stores_is_found_though_its_sale_is_heard_of_last(
    channel: Channel,
) -> None:
    seller, one, other = (selling(edge) for edge in ("store-1", "store-2", "store-3"))
    order = seller.sell(("A", 1, 1_000))
    for shop in (one, other):
        shop.backs = dict(seller.backs)
        shop.give_back(order, (1, 1))
        send(channel.hub, shop)
    unknown = [card.closed_us for card in cards(channel, "return_without_order")]

    send(channel.hub, seller)

    [twice] = cards(channel, "more_returned_than_sold")
    assert (unknown, twice.closed_us, order.number in twice.title) == ([None, None], None, True)
    assert all(card.closed_us for card in cards(channel, "return_without_order"))


def test_a_unit_that_was_not_sold_with_its_order_is_found_by_its_serial_number(channel: Channel) -> None:
    shop = selling("store-1")
    order = shop.sell(("A", 2, 2_000))
    shop.events.pop()
    line = order.lines[0].model_copy(update={"serials": ("S1", "S2")})
    shop.tell_sale(order.model_copy(update={"lines": (line,)}))
    for serial in ("S1", "S1"):
        body = shop.give_back(order, (1, 1))
        shop.events.pop()
        back = body.lines[0].model_copy(update={"serials": (serial,)})
        shop.say(body.model_copy(update={"lines": (back,)}))
    send(channel.hub, shop)

    [card] = cards(channel, "serial_not_sold")
    with channel.hub.database.read() as connection:
        told = elsewhere.told(connection, order.number, asker="store-2", now_us=0)
    assert ("S1" in card.facts, told.lines[0].serials) == (True, ("S2",))
    assert verify(channel.hub) == {}
