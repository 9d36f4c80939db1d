"""Units that a checkout holds for minutes: taken, used, released, expired, and never twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.route.reservations import expire_reservations
from hub.stock import allocations
from hub.stock.rows import allocations as table
from hub.stock.rows import reservations
from tests.support.promising import Channel, company, hear, rights, rows

MINUTE_US = 60_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(
        made.hub,
        stores={"store-1": {"A": 5, "B": 2}, "store-2": {"A": 1}},
        warehouses={"dc-1": {"A": 8}},
    )
    yield made
    made.close()


def reserve(channel: Channel, *, units: int = 2, status: int = 201, **said: Any) -> Any:
    body = {
        "channel": "web",
        "lines": [{"sku": "A", "quantity": units}],
        "promise": {"kind": "collect", "location": "store-1", "promise_class": "same_hour"},
        **said,
    }
    return channel.ask("POST", "/api/reservations", body, status=status)


def state(channel: Channel) -> list[tuple[str, str]]:
    return [(row["state"], row["order_id"]) for row in rows(channel.hub, reservations)]


def test_a_checkout_holds_units_where_the_router_would_fulfil_them(channel: Channel) -> None:
    held = reserve(channel, minutes=15)

    assert (held["state"], held["location"]) == ("active", "store-1")
    assert held["expires_us"] == channel.clock.at_us + 15 * MINUTE_US
    assert held["promise"]["due_us"] == channel.clock.at_us + 60 * MINUTE_US
    assert rights(channel.hub, "store-1", "A") == (5, 2, 0, 1)
    shipped = reserve(channel, promise={"kind": "ship"})
    assert shipped["location"] == "dc-1"


def test_what_cannot_be_held_is_refused_with_reasons_and_nothing_is_taken(channel: Channel) -> None:
    refusal = reserve(channel, units=6, status=409)

    assert refusal["code"] == "out_of_rights"
    assert refusal["facts"]["reasons"] == [
        {"location": "store-1", "code": "NO_ATP", "fact": "has 5 of A free, 6 needed"}
    ]
    assert rows(channel.hub, reservations) == []
    assert rights(channel.hub, "store-1", "A") == (5, 0, 0, 0)


def test_a_reservation_that_is_malformed_is_refused(channel: Channel) -> None:
    for said, code in (
        ({"minutes": 31}, "invalid_field"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "invalid_field"),
        ({"lines": []}, "invalid_field"),
        ({"promise": {"kind": "collect"}}, "no_collect_location"),
        ({"promise": {"kind": "ship", "due_at": "2001-01-01T00:00:00Z"}}, "promise_past"),
    ):
        assert reserve(channel, status=422, **said)["code"] == code, said
    assert rows(channel.hub, reservations) == []


def test_a_reservation_asked_for_twice_with_one_key_is_one(channel: Channel) -> None:
    first = reserve(channel, key="r-1")

    assert reserve(channel, key="r-1") == first
    assert reserve(channel, key="r-1", units=1, status=409)["code"] == "key_reused"
    assert len(rows(channel.hub, reservations)) == 1


def test_a_reservation_that_is_given_up_frees_its_units_once(channel: Channel) -> None:
    held = reserve(channel)
    path = f"/api/reservations/{held['reservation_id']}"

    assert channel.ask("DELETE", path)["state"] == "released"
    assert channel.ask("DELETE", path)["state"] == "released"
    assert rights(channel.hub, "store-1", "A") == (5, 2, 2, 2)
    assert channel.ask("DELETE", "/api/reservations/nothing", status=404)["code"] == "no_reservation"


def test_what_was_not_used_in_time_is_free_again(channel: Channel) -> None:
    reserve(channel, minutes=10)
    reserve(channel, minutes=20)
    channel.clock.at_us += 10 * MINUTE_US - 1
    assert expire_reservations(channel.hub) == 0

    channel.clock.at_us += 1
    assert expire_reservations(channel.hub) == 1
    assert expire_reservations(channel.hub) == 0

    assert state(channel) == [("expired", ""), ("active", "")]
    assert rights(channel.hub, "store-1", "A") == (5, 4, 2, 3)


def test_an_order_takes_its_reservation_over_also_from_a_store_that_has_gone_silent(channel: Channel) -> None:
    held = reserve(channel, units=5)
    assert channel.send(channel.collect(), status=409)["code"] == "out_of_rights"
    silent_us = channel.clock.at_us - 3600 * 1_000_000
    channel.hub.database.write(lambda unit: hear(unit, "store-1", silent_us))

    order = channel.send(
        channel.collect(lines=[{"sku": "A", "quantity": 5}], reservation_id=held["reservation_id"])
    )

    assert order["assignments"][0]["location"] == "store-1"
    assert state(channel) == [("used", order["order_id"])]
    assert rights(channel.hub, "store-1", "A") == (5, 10, 5, 3)
    with channel.hub.database.read() as connection:
        [kept] = allocations.of_owner(connection, order["assignments"][0]["assignment_id"])
    assert (kept.units, kept.open) == (5, 5)
    assert sum(row["units"] - row["finished"] - row["ended"] for row in rows(channel.hub, table)) == 5
    path = f"/api/reservations/{held['reservation_id']}"
    assert channel.ask("DELETE", path, status=409)["code"] == "reservation_used"


def test_a_reservation_that_does_not_fit_the_order_leaves_it_to_the_router(channel: Channel) -> None:
    held = reserve(channel, units=2)

    order = channel.send(channel.collect("store-2", reservation_id=held["reservation_id"]))

    assert order["assignments"][0]["location"] == "store-2"
    assert rights(channel.hub, "store-1", "A") == (5, 2, 2, 2)
    assert state(channel) == [("used", order["order_id"])]


def test_a_reservation_that_has_ended_promises_nothing_and_refuses_nothing(channel: Channel) -> None:
    expired = reserve(channel, minutes=1)["reservation_id"]
    channel.clock.at_us += MINUTE_US
    expire_reservations(channel.hub)
    channel.hub.database.write(lambda unit: hear(unit, "store-1", channel.clock.at_us))
    for reservation_id in ("nothing", expired):
        order = channel.send(channel.collect(reservation_id=reservation_id))

        assert order["assignments"][0]["location"] == "store-1"


def test_an_order_that_is_refused_leaves_its_reservation_as_it_was(channel: Channel) -> None:
    held = reserve(channel, units=2)
    order = channel.collect(lines=[{"sku": "A", "quantity": 6}], reservation_id=held["reservation_id"])

    channel.send(order, status=409)

    assert state(channel) == [("active", "")]
    assert rights(channel.hub, "store-1", "A") == (5, 2, 0, 1)
