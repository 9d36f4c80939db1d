"""A hub is restored from an older copy, and a channel sends an order again that it has forgotten."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.database import HubDatabase
from hub.holds.restored import look_at_restored
from hub.link import watch
from hub.payments.rows import due
from hub.rebuild import verify
from hub.route.moving import try_waiting
from hub.schema import create_schema
from protocol.clock import from_us
from protocol.fulfilment import PutBackLine, RejectReason, UnitsLine, Verified
from protocol.later import (
    AssignmentAccepted,
    AssignmentHandedOver,
    AssignmentRejected,
    OrderPlaced,
    OrderRouted,
    PickStarted,
)
from protocol.reopening import OpenOrder
from tests.support.packets import line
from tests.support.promising import Story, rights
from tests.support.restored import HOUR_US, ORDER, PAID, Restored, Speaking


@pytest.fixture
def story(hub_database: HubDatabase, tmp_path: Path) -> Iterator[Restored]:
    before = HubDatabase(f"sqlite:///{tmp_path / 'before.db'}")
    create_schema(before.engine)
    made = Story(before)
    yield Restored(hub_database, made)
    before.close()


def test_an_order_that_comes_again_is_the_same_and_waits_for_who_may_have_it(story: Restored) -> None:
    order = story.place(**ORDER, **PAID)

    assert (order["order_id"], order["pickup_code"]) == (story.lost["order_id"], story.lost["pickup_code"])
    assert (order["assignments"], story.routed_to()) == ([], [])
    assert "not every location has said" in order["sentence"]
    assert look_at_restored(story.hub) == 0

    story.speak("store-1", holds=2)
    assert story.routed_to() == [("found", "store-1")]
    assert "assignment_open_at_store" not in story.cards()
    story.rest_speaks()

    [part] = story.parts()
    found = part["assignment"]
    assert (found["location"], found["state"], found["kind"]) == ("store-1", "acknowledged", "collect")
    assert part["lines"][0]["quantity"] == 2
    assert story.routed_to() == [("found", "store-1")]
    assert (story.holding(story.order["number"]), rights(story.hub, "store-1", "A")[:3]) == ([], (2, 2, 0))

    story.says(
        AssignmentHandedOver,
        handover_id="h-1",
        lines=(UnitsLine(line_no=1, sku="A", lent=2),),
        verified=Verified.CODE,
    )
    assert story.seen()["order"]["state"] == "handed_over"
    assert "odd_fact" not in story.cards()


def test_what_a_customer_ordered_after_the_restore_waits_for_nobody(story: Restored) -> None:
    story.speak("store-2", lends=2)
    now = from_us(story.channel.clock.at_us)
    before, after = now - timedelta(hours=1), now + timedelta(seconds=1)

    ship, send = story.channel.ship, story.channel.send

    old = send(ship(external_id="W-78", ordered_at=before.isoformat()))
    new = send(ship(external_id="W-79", ordered_at=after.isoformat()))

    assert (story.holding(old["number"]), story.holding(new["number"])) == (["open"], [])
    assert story.routed_to() == [("placed", "store-2")]


@pytest.mark.parametrize("done", ["a part left", "all left"])
def test_what_was_heard_before_the_order_came_again_is_not_done_twice(story: Restored, done: str) -> None:
    left = 1 if done == "a part left" else 2
    story.says(PickStarted, list_id="l-1")
    story.says(
        AssignmentHandedOver,
        handover_id="h-1",
        lines=(UnitsLine(line_no=1, sku="A", lent=left),),
        verified=Verified.CODE,
        rest=left == 1,
    )
    story.speak("store-1", holds=2 - left)
    story.rest_speaks()
    order = story.place(**ORDER, **PAID)

    assert (order["number"], order["order_id"]) == (story.lost["number"], story.lost["order_id"])
    found = [("found", "store-1")] if left == 1 else []
    assert story.routed_to() == found
    assert [part["location"] for part in order["assignments"]] == ["store-1"] * len(found)
    [part] = story.parts()
    assert (part["lines"][0]["quantity"], part["lines"][0]["fulfilled"]) == (2, left)
    if left == 2:
        assert order["state"] == "handed_over"


def test_an_order_that_nobody_had_is_routed_once_all_have_spoken(story: Restored) -> None:
    story.place(**ORDER, **PAID)
    story.speak("store-1", lends=2)
    assert story.routed_to() == []
    story.rest_speaks()

    assert story.routed_to() == [("released", "store-1")]
    assert [part["assignment"]["state"] for part in story.parts()] == ["proposed"]


def test_money_of_a_cancelled_one_waits_and_an_order_without_a_name_does_not(story: Restored) -> None:
    story.place(**ORDER, **PAID)
    story.cancel()
    assert story.seen()["order"]["state"] == "cancelled"
    with story.hub.database.read() as connection:
        assert list(due(connection, story.hub.clock.now_us(), 10)) == []
    story.place(external_id="", lines=[{"sku": "A", "quantity": 1}], sold_already=True)
    assert story.holding(story.order["number"]) == []


def test_units_given_back_before_the_restore_wait_for_who_may_have_got_them_since(
    hub_database: HubDatabase,
) -> None:
    story = Story(hub_database)
    story.order = story.channel.send(story.channel.ship())
    [(_trigger, giver)] = story.decided()
    story.hub.database.write(lambda unit: watch.begin(unit, story.hub, why="restored"))
    story.shops[giver].at_us = story.hub.clock.now_us() - HOUR_US
    lines = (PutBackLine(line_no=1, sku="A", lent=1),)
    story.tell(AssignmentRejected(**story.assignment, reason=RejectReason.NO_CAPACITY, lines=lines), giver)

    [hold] = story.channel.ask("GET", f"/api/orders/{story.order['number']}/holds")
    assert (hold["state"], len(story.decided())) == ("open", 1)
    story.channel.close()


@pytest.mark.parametrize("has", [2, 3])
def test_units_that_another_store_was_found_to_hold_meanwhile_are_given_to_nobody_else(
    hub_database: HubDatabase, has: int
) -> None:
    story = Speaking(hub_database)
    paid = {"gateway": "psp", "reference": "ch_1", "amount_minor": 24_00}
    order = story.channel.ship(lines=[{"sku": "A", "quantity": 2}], payment=paid)
    story.order = story.channel.send(order)
    [(_trigger, giver)] = story.decided()
    taker, other = sorted({*story.shops} - {giver})
    story.hub.database.write(lambda unit: watch.begin(unit, story.hub, why="restored"))
    story.listen()
    before_us, gave_back = story.hub.clock.now_us() - HOUR_US, story.assignment
    mine = OpenOrder.model_validate({**gave_back, "assignment_id": "forgotten"})
    story.shops[taker].at_us = story.shops[giver].at_us = before_us
    story.tell(AssignmentAccepted(**mine.model_dump()), taker)

    story.say(taker, line("forgotten", has), orders=(mine,), lends=4)
    assert "assignment_open_at_store" in story.cards()
    back = (PutBackLine(line_no=1, sku="A", lent=2),)
    story.tell(AssignmentRejected(**gave_back, reason=RejectReason.NO_CAPACITY, lines=back), giver)
    story.say(giver, lends=4)
    story.say(other, lends=4)

    look_at_restored(story.hub)
    assert [part.location for body in story.bodies(OrderRouted) for part in body.parts] == [giver, taker]
    assert (try_waiting(story.hub).moved, len(story.bodies(OrderRouted))) == (0, 2)
    assert "unroutable" not in story.cards()
    assert verify(story.hub) == {}
    story.channel.close()


def test_what_a_store_took_before_the_restore_waits_and_what_it_took_since_does_not(story: Restored) -> None:
    def taken(name: str) -> OrderPlaced:
        lost = story.bodies(OrderPlaced)[0].model_dump()
        lines = [{**each, "quantity": 1} for each in lost["lines"]]
        fresh = {"order_id": name, "number": name, "external_id": "", "channel": "counter", "lines": lines}
        return OrderPlaced.model_validate({**lost, **fresh})

    story.place(**ORDER, **PAID)
    shop = story.shops["store-2"]
    shop.at_us = story.hub.clock.now_us() - HOUR_US
    story.tell(taken("S2-1"), "store-2")
    shop.at_us = story.hub.clock.now_us()
    story.tell(taken("S2-2"), "store-2")

    assert [len(story.holding(name)) for name in ("S2-1", "S2-2")] == [1, 0]
