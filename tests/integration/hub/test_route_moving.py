"""Decisions that change their mind: orders that waited, offers that nobody has heard of, the 80 per cent."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.capture import named
from hub.capture.steps import By, capture
from hub.capture.wanted import OrderWanted
from hub.database import HubDatabase, HubUnit
from hub.fulfil.rows import assignments
from hub.fulfil.steps import look_at_clocks
from hub.route.moving import Moved, look_for_better, try_waiting
from hub.route.rounds import next_round
from hub.route.rows import decisions
from hub.spine.log import open_keys
from hub.stock.rows import hub_rights
from tests.support.promising import MINUTE_US, Channel, company, hear, lend, rights, rows

DAY_MINUTES = 24 * 60
DEAR = {"location": "store-1", "hour_minor": 3600, "line_seconds": 300, "unit_seconds": 60}
"""Three pounds for a walk and 60 pence for a unit."""


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 3, "B": 9}, "store-2": {"B": 9}}, warehouses={"dc-1": {}})
    yield made
    made.close()


def write(channel: Channel, step: Any) -> None:
    channel.hub.database.write(step)


def let(channel: Channel, **said: Any) -> None:
    """Let a set of routing parameters count."""
    version = channel.ask("POST", "/api/routing/sets", {"base": 0, "set": said}, status=201)["version"]
    channel.ask("POST", f"/api/routing/sets/{version}/activate", {"seen": 0})


def wait(channel: Channel, minutes: int) -> None:
    """Let time pass; every location is heard again at its end."""
    channel.clock.at_us += minutes * MINUTE_US

    def step(unit: HubUnit) -> None:
        for location in ("store-1", "store-2", "dc-1"):
            hear(unit, location, channel.clock.at_us)

    write(channel, step)


def decided(channel: Channel) -> list[tuple[str, str]]:
    return [(row["trigger"], row["location"]) for row in rows(channel.hub, decisions)]


def states(channel: Channel) -> dict[str, str]:
    return {row["location"]: row["state"] for row in rows(channel.hub, assignments)}


def test_an_order_that_waited_is_routed_once_stock_has_come_and_its_card_closes(channel: Channel) -> None:
    payment = {"gateway": "psp", "reference": "ch_1", "amount_minor": 54_00}
    five = {"lines": [{"sku": "A", "quantity": 5}], "payment": payment, "sold_already": True}
    channel.send(channel.ship(**five))
    assert try_waiting(channel.hub) == Moved(1, 0)
    assert decided(channel) == [("placed", "")]
    assert [card["kind"] for card in channel.ask("GET", "/api/exceptions")["exceptions"]] == ["unroutable"]

    write(channel, lambda unit: lend(unit, "dc-1", A=9))
    assert try_waiting(channel.hub) == Moved(1, 1)

    assert decided(channel) == [("placed", ""), ("waited", "dc-1")]
    assert channel.ask("GET", "/api/exceptions")["exceptions"] == []
    assert try_waiting(channel.hub) == Moved(0, 0)


def test_an_offer_that_nobody_has_heard_of_moves_once_for_a_clear_gain(channel: Channel) -> None:
    let(
        channel, places=[{"location": "store-1", "hour_minor": 3600, "line_seconds": 300, "unit_seconds": 60}]
    )
    channel.send(channel.ship())
    assert decided(channel) == [("placed", "store-1")]
    assert look_for_better(channel.hub) == Moved(1, 0)

    write(channel, lambda unit: lend(unit, "dc-1", A=9))
    assert look_for_better(channel.hub) == Moved(1, 1)

    assert decided(channel) == [("placed", "store-1"), ("moved", "dc-1")]
    assert states(channel) == {"store-1": "cancelled", "dc-1": "proposed"}
    assert rights(channel.hub, "store-1", "A")[1:3] == (1, 1)
    assert rights(channel.hub, "dc-1", "A")[1:3] == (1, 0)
    write(channel, lambda unit: lend(unit, "store-2", A=9))
    let_cheap = [{"location": "store-2", "hour_minor": 0, "line_seconds": 0, "unit_seconds": 0}]
    version = channel.ask("POST", "/api/routing/sets", {"base": 1, "set": {"places": let_cheap}}, status=201)
    channel.ask("POST", f"/api/routing/sets/{version['version']}/activate", {"seen": 1})
    assert look_for_better(channel.hub) == Moved(1, 0)


@pytest.mark.timeout(60)
def test_of_120_orders_every_one_is_looked_at_within_three_rounds(channel: Channel) -> None:
    """Only three of them could move: the first whose turn it is, one in the middle and the last."""
    let(channel, places=[DEAR])
    names = [f"W-{n}" for n in range(120)]
    names.sort(key=lambda name: named.order_id(channel.hub.ids, "web", name), reverse=True)
    could_move = {names[0], names[60], names[119]}

    def place(unit: HubUnit) -> None:
        unit.connection.execute(sa.update(hub_rights).where(hub_rights.c.sku == "B").values(granted_seen=200))
        for name in names:
            sku, minor = ("A", 14_00) if name in could_move else ("B", 9_00)
            paid = {"gateway": "psp", "reference": f"ch_{name}", "amount_minor": minor}
            said = channel.ship(external_id=name, lines=[{"sku": sku, "quantity": 1}], payment=paid)
            wanted = OrderWanted.model_validate(said)
            capture(channel.hub, unit, wanted, By("shop"))

    write(channel, place)
    write(channel, lambda unit: lend(unit, "dc-1", A=9))

    rounds = [look_for_better(channel.hub) for _round in range(3)]

    assert [each.looked_at for each in rounds] == [50, 50, 20]
    assert [each.moved for each in rounds] == [1, 1, 1]


def test_a_round_goes_on_where_the_last_one_ended_and_what_comes_in_waits_for_the_next_time(
    channel: Channel,
) -> None:
    def add(*names: str) -> None:
        new = [{"dedupe_key": name} for name in names]
        write(channel, lambda unit: unit.connection.execute(sa.insert(open_keys), new))

    def turn() -> str:
        with channel.hub.database.read() as connection:
            keys = sa.select(open_keys.c.dedupe_key)
            return " ".join(next_round(channel.hub, connection, "any", keys, open_keys.c.dedupe_key, 2))

    assert turn() == ""
    add("k1", "k2", "k3", "k4")
    assert [turn() for _round in range(3)] == ["k4 k3", "k2 k1", "k4 k3"]
    add("k0", "k5")
    assert [turn() for _round in range(4)] == ["k2 k1", "k0", "k5 k4", "k3 k2"]


def test_nothing_moves_for_little_and_nothing_that_may_have_been_heard(channel: Channel) -> None:
    channel.send(channel.ship())
    write(channel, lambda unit: lend(unit, "dc-1", A=9))
    assert look_for_better(channel.hub) == Moved(1, 0)  # 42 are too few
    channel.hub.database.write(lambda unit: channel.hub.outbox.take(unit, "store-1", 0, resend=False))
    let(
        channel, places=[{"location": "store-1", "hour_minor": 9000, "line_seconds": 600, "unit_seconds": 60}]
    )

    assert look_for_better(channel.hub) == Moved(0, 0)
    assert decided(channel) == [("placed", "store-1")]


def test_what_nobody_else_could_fulfil_is_not_taken_back_however_late_it_gets(channel: Channel) -> None:
    channel.send(channel.ship())
    wait(channel, 2 * DAY_MINUTES - 60)

    assert look_at_clocks(channel.hub).taken_back == 0
    assert states(channel) == {"store-1": "proposed"}
    write(channel, lambda unit: lend(unit, "dc-1", A=1))
    assert look_at_clocks(channel.hub).taken_back == 1
    assert decided(channel) == [("placed", "store-1"), ("withdrawn", "dc-1")]


def test_what_a_silent_store_was_told_is_a_choice_with_the_price_of_the_other_place(channel: Channel) -> None:
    channel.send(channel.ship())
    channel.hub.database.write(lambda unit: channel.hub.outbox.take(unit, "store-1", 0, resend=False))
    write(channel, lambda unit: lend(unit, "dc-1", A=1))
    wait(channel, 2 * DAY_MINUTES - 60)

    look_at_clocks(channel.hub)

    [card] = channel.ask("GET", "/api/exceptions")["exceptions"]
    assert (card["kind"], card["facts"]["could"]) == ("promise_at_risk", ["units from Dc 1 1 for 4.33"])
    assert "may be fulfilled twice" in card["facts"]["choices"]
    with channel.hub.database.read() as connection:
        taken = connection.execute(sa.select(sa.func.sum(hub_rights.c.ended))).scalar_one()
    assert taken == 0  # looking took nothing and gave nothing back
    assert states(channel) == {"store-1": "proposed"}
