"""What an item's page says of lent units adds up: lent is promised and free together, at every moment."""

import re
from collections.abc import Iterator

import pytest

from hub.database import HubDatabase
from hub.desk.consequences import Facet, Key
from hub.desk.looking import _stock
from hub.link.rights import RightsRows
from protocol.rights import EdgeVector
from tests.support.promising import Channel, company


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4, "B": 1}}, warehouses={})
    yield made
    made.close()


def figures(channel: Channel, place: str = "store-1", sku: str = "A") -> tuple[int, int, int]:
    """Return (lent, promised, free) of a location, as the item's page says them."""
    row = channel.client.get(f"/stock/{sku}").text.split(f'id="atp-{place}"', 1)[1]
    return three(row)


def together(channel: Channel, sku: str = "A") -> tuple[int, int, int]:
    """Return (lent, promised, free) of all locations, as the item's page says them."""
    return three(channel.client.get(f"/stock/{sku}").text.split("<tfoot>", 1)[1])


def three(html: str) -> tuple[int, int, int]:
    lent, promised, free = re.findall(r'<td class="num">(\d+)</td>', html)[:3]
    return int(lent), int(promised), int(free)


def buy(channel: Channel, units: int, location: str = "store-1") -> None:
    channel.send(channel.collect(location, lines=[{"sku": "A", "quantity": units}]))


def see(channel: Channel, ver: int, *, finished: int, granted: int = 5, returned: int = 0) -> None:
    """Let store 1 say what it has lent and fulfilled."""
    physical = granted - returned - finished
    vector = EdgeVector(
        sku="A", ep=0, ver=ver, G=granted, F=finished, P=max(0, physical), B=0, d=0, R=returned
    )
    channel.hub.database.write(lambda unit: RightsRows(channel.hub).see(unit, "store-1", [vector]))


def api_free(channel: Channel, place: str = "store-1") -> int:
    (found,) = channel.ask("GET", "/api/availability?sku=A")
    return sum(part["free"] for part in found["parts"] if part["location"] == place)


def test_what_was_fulfilled_is_neither_lent_nor_promised_any_more(channel: Channel) -> None:
    assert figures(channel) == (5, 0, 5)
    buy(channel, 2)
    assert figures(channel) == (5, 2, 3)

    see(channel, 1, finished=2)

    assert figures(channel) == (3, 0, 3)
    assert figures(channel, "store-2") == (4, 0, 4)
    assert together(channel) == (7, 0, 7)
    assert api_free(channel) == 3


def test_the_numbers_do_not_grow_with_every_order_that_is_fulfilled(channel: Channel) -> None:
    for n in range(1, 6):
        buy(channel, 1)
        assert figures(channel) == (6 - n, 1, 5 - n)
        see(channel, n, finished=n)
        assert figures(channel) == (5 - n, 0, 5 - n)

    see(channel, 6, finished=5, granted=8)
    assert figures(channel) == (3, 0, 3)


def test_units_count_as_promised_until_the_store_has_said_that_they_are_gone(channel: Channel) -> None:
    buy(channel, 2)
    buy(channel, 3)
    see(channel, 1, finished=2)

    assert figures(channel) == (3, 3, 0)
    see(channel, 1, finished=0)  # an old one, late: a cell never falls
    assert figures(channel) == (3, 3, 0)
    see(channel, 2, finished=5)
    assert figures(channel) == (0, 0, 0)


def test_a_checkout_counts_as_promised_and_gives_its_units_back(channel: Channel) -> None:
    held = channel.ask(
        "POST",
        "/api/reservations",
        {
            "channel": "web",
            "lines": [{"sku": "A", "quantity": 4}],
            "promise": {"kind": "collect", "location": "store-1"},
        },
        status=201,
    )
    assert figures(channel) == (5, 4, 1)

    channel.ask("DELETE", f"/api/reservations/{held['reservation_id']}")

    assert figures(channel) == (5, 0, 5)


def test_what_was_given_back_is_lent_no_more(channel: Channel) -> None:
    buy(channel, 1)
    wants = EdgeVector(sku="A", ep=0, ver=1, G=5, F=0, P=5, B=0, d=0, R=0, want_back=3)
    channel.hub.database.write(lambda unit: RightsRows(channel.hub).see(unit, "store-1", [wants]))

    assert figures(channel) == (2, 1, 1)
    see(channel, 2, finished=1, returned=3)
    assert figures(channel) == (1, 0, 1)


def test_the_desk_says_the_same_number_of_promised_units_as_the_page(channel: Channel) -> None:
    buy(channel, 2)
    buy(channel, 1)
    see(channel, 1, finished=2)
    found: dict[Key, int | str] = {}

    with channel.hub.database.read() as connection:
        _stock(connection, [("store-1", "A")], found)

    _lent, promised, free = figures(channel)
    assert (found[Facet.PROMISED, "store-1", "A"], found[Facet.RIGHT, "store-1", "A"]) == (promised, free)
    assert (promised, free) == (1, 2)
