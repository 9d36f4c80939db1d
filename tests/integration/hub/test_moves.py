"""Decisions that change their mind at once, by asking who has begun nothing, and by changing places."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives
from hub.moves import ask_for_better, ask_in_time
from hub.news import act_on_news
from hub.route.facts.accepts import measure
from hub.route.moving import Moved
from hub.route.swapping import Unsent, pairs_of, swap_orders
from protocol import later
from protocol.fulfilment import PutBackLine, RejectReason
from tests.support.promising import MINUTE_US, Story, hear, lend, rights, rows

DEAR = {"location": "store-1", "hour_minor": 3600, "line_seconds": 300, "unit_seconds": 60}
"""Three pounds for a walk and 60 pence for a unit."""


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    """Three stores with A (5, 4 and 3 units) and two B at the first; the first is dear."""
    made = Story(hub_database)
    let(made, places=[DEAR])
    yield made
    made.channel.close()


def let(story: Story, **said: Any) -> None:
    """Let a set of routing parameters count."""
    seen = max([row["version"] for row in story.channel.ask("GET", "/api/routing/sets")], default=0)
    made = story.channel.ask("POST", "/api/routing/sets", {"base": seen, "set": said}, status=201)
    story.channel.ask("POST", f"/api/routing/sets/{made['version']}/activate", {"seen": seen})


def at_store_1(story: Story) -> None:
    """Ship one A from store-1, which has acknowledged it, when the others have lent nothing yet."""
    story.hub.database.write(lambda unit: lent(unit, "store-2", -4))
    story.hub.database.write(lambda unit: lent(unit, "store-3", -3))
    story.order = story.channel.send(story.channel.ship())
    story.leave()
    story.hub.database.write(lambda unit: lent(unit, "store-2", 4))
    assert story.decided() == [("placed", "store-1")]


def lent(unit: HubUnit, location: str, units: int) -> None:
    """Lend more or less."""
    unit.connection.exec_driver_sql(
        f"UPDATE hub_rights SET granted_seen = granted_seen + {units} WHERE location = '{location}'"
    )


def hear_all(story: Story) -> None:
    def step(unit: HubUnit) -> None:
        for location in story.shops:
            hear(unit, location, story.channel.clock.at_us)

    story.hub.database.write(step)


def test_a_store_that_has_not_begun_is_asked_once_and_its_answer_moves_the_order(story: Story) -> None:
    at_store_1(story)

    assert ask_for_better(story.hub) == Moved(1, 1)
    assert ask_for_better(story.hub) == Moved(0, 0), "an order is asked for once"

    assert story.decided() == [("placed", "store-1")], "nothing moves before the answer"
    assert rights(story.hub, "store-2", "A")[1] == 0
    assert story.told()[-1] == "assignment.cancel"
    (asked,) = [row for row in rows(story.hub, directives) if row["kind"] == "assignment.cancel"]
    assert json.loads(asked["bytes"])["body"]["unless_begun"], "no picker's walk is for nothing"
    story.tell(
        later.AssignmentCancelled(**story.assignment, lines=(PutBackLine(line_no=1, sku="A", lent=1),))
    )
    assert story.decided() == [("placed", "store-1"), ("cancelled", "store-2")]
    assert rights(story.hub, "store-1", "A")[1:3] == (1, 1)
    assert rights(story.hub, "store-2", "A")[1:3] == (1, 0)


def test_a_store_that_says_no_keeps_the_order_and_nobody_has_to_look(story: Story) -> None:
    at_store_1(story)
    assert ask_for_better(story.hub) == Moved(1, 1)

    story.tell(later.CancelRefused(**story.assignment, code="too_late"))

    assert story.decided() == [("placed", "store-1")]
    assert story.cards() == []


def test_a_store_that_lets_its_time_go_is_asked_at_eighty_per_cent_and_the_promise_is_kept_elsewhere(
    story: Story,
) -> None:
    at_store_1(story)
    story.channel.clock.at_us += 24 * 60 * MINUTE_US
    hear_all(story)
    assert ask_in_time(story.hub) == Moved(0, 0), "half of it is still there"
    story.channel.clock.at_us += 20 * 60 * MINUTE_US
    assert ask_in_time(story.hub) == Moved(0, 0), "who is silent cannot answer"
    hear_all(story)

    assert ask_in_time(story.hub) == Moved(1, 1)
    assert ask_in_time(story.hub) == Moved(0, 0), "once"

    back = (PutBackLine(line_no=1, sku="A", lent=1),)
    story.tell(later.AssignmentCancelled(**story.assignment, lines=back))
    assert story.decided() == [("placed", "store-1"), ("cancelled", "store-2")]


def test_nobody_is_asked_who_has_begun_or_is_silent_or_for_little(story: Story) -> None:
    at_store_1(story)
    story.channel.clock.at_us += 10 * MINUTE_US
    assert ask_for_better(story.hub) == Moved(0, 0), "store-1 is not heard"
    hear_all(story)
    let(story, places=[{**DEAR, "line_seconds": 90}])
    assert ask_for_better(story.hub) == Moved(1, 0), "a pound and less is too little"
    let(story, places=[DEAR])
    story.tell(later.PickStarted(**story.assignment, list_id="L-1"))
    assert ask_for_better(story.hub) == Moved(0, 0), "somebody walks"


def test_what_was_never_sent_leaves_a_store_that_goes_dark_at_once_and_waits_for_one_that_is_back(
    story: Story,
) -> None:
    story.order = story.channel.send(story.channel.ship(promise={"kind": "ship", "location": "store-3"}))
    assert not act_on_news(story.hub), "the first look only remembers"
    assert not act_on_news(story.hub)
    let(story, places=[DEAR, {"location": "store-3", "ships": False}])

    assert act_on_news(story.hub), "other parameters are news"

    assert story.decided() == [("placed", "store-3")], "the promise names the store"
    story.place()  # two A, to collect at store-1
    story.channel.clock.at_us += 10 * MINUTE_US
    assert act_on_news(story.hub), "three stores went dark"
    hear_all(story)
    assert act_on_news(story.hub), "and are back"
    assert not act_on_news(story.hub)


def test_goods_that_come_in_are_looked_at_twice_and_not_more_often_than_every_quarter_minute(
    story: Story,
) -> None:
    assert not act_on_news(story.hub)
    story.place()
    story.cancel()
    assert act_on_news(story.hub), "units were cancelled"
    story.place()
    story.cancel()
    assert not act_on_news(story.hub), "too soon after the last look"
    story.channel.clock.at_us += 5_000_000
    assert act_on_news(story.hub), "what came in is lent by now"
    story.channel.clock.at_us += 5_000_000
    assert act_on_news(story.hub), "and what came in meanwhile"
    story.channel.clock.at_us += 20_000_000
    assert not act_on_news(story.hub)


def test_what_a_store_packed_and_gave_back_is_counted_and_shown_with_its_age(story: Story) -> None:
    def accepted() -> dict[str, tuple[int, int, int, bool]]:
        found = story.channel.ask("GET", "/api/routing/acceptance")
        return {
            each["location"]: (each["kept"], each["asked"], each["accept_ppm"], each["entered"])
            for each in found
        }

    let(story, places=[{"location": name, "ships": name == "store-1"} for name in story.shops])
    back = (PutBackLine(line_no=1, sku="A", lent=1),)
    for reason in (RejectReason.NOT_FOUND, RejectReason.NO_SHOW):
        story.order = story.channel.send(story.channel.ship())
        story.leave()
        story.tell(later.AssignmentRejected(**story.assignment, reason=reason, lines=back))
    story.order = story.channel.send(story.channel.ship())  # which nobody has answered yet
    assert accepted() == {}

    assert measure(story.hub) == measure(story.hub) == 1

    # One of two, with twenty of which 95 per cent are assumed.
    assert accepted() == {"store-1": (1, 2, 20 * 1_000_000 // 22, False)}
    let(story, accept=[{"location": "store-1", "accept_ppm": 990_000}])
    assert accepted() == {"store-1": (1, 2, 990_000, True)}
    story.channel.clock.at_us += 91 * 24 * 60 * MINUTE_US
    assert measure(story.hub) == 0
    assert accepted() == {}


def test_a_split_order_changes_places_with_one_that_can_go_elsewhere(story: Story) -> None:
    def stock(unit: HubUnit) -> None:
        unit.connection.exec_driver_sql("DELETE FROM hub_rights")
        lend(unit, "store-2", A=1, B=1)
        lend(unit, "store-3", A=1)

    story.hub.database.write(stock)
    plain = {"hour_minor": 0, "line_seconds": 0, "unit_seconds": 0}
    let(story, places=[{"location": name, **plain} for name in story.shops])
    only = {"kind": "ship", "location": "store-2"}
    one = story.channel.send(story.channel.ship(promise=only))
    # The customer no longer minds from where it comes, but nothing has been decided anew.
    story.hub.database.write(lambda unit: anywhere(unit, one["order_id"]))
    both = {"lines": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}
    paid = {"gateway": "psp", "reference": "ch_2", "amount_minor": 19_00}
    story.order = story.channel.send(story.channel.ship(**both, payment=paid))
    assert sorted(part["location"] for part in story.order["assignments"]) == ["store-2", "store-3"]

    assert swap_orders(story.hub) == Moved(1, 1)

    open_parts = [part["assignment"] for part in story.parts() if part["assignment"]["state"] == "proposed"]
    assert [part["location"] for part in open_parts] == ["store-2"]
    assert [trigger for trigger, _location in story.decided()].count("moved") == 2
    assert rights(story.hub, "store-3", "A")[1:3] == (2, 1)
    assert rights(story.hub, "store-2", "A")[1:3] == (2, 1)
    assert swap_orders(story.hub) == Moved(0, 0)


def anywhere(unit: HubUnit, order_id: str) -> None:
    unit.connection.exec_driver_sql(
        'UPDATE later_orders SET promise = replace(promise, \'"location":"store-2"\', \'"location":""\')'
        f" WHERE order_id = '{order_id}'"
    )


def test_pairs_are_of_a_split_order_and_one_that_has_what_it_lacks() -> None:
    split = [Unsent("o-1", "a-1", "leeds", {"A": 1}), Unsent("o-1", "a-2", "york", {"B": 1})]
    has = [Unsent("o-2", "a-3", "leeds", {"B": 2}), Unsent("o-3", "a-4", "hull", {"B": 1})]

    assert pairs_of([*has, *split]) == [(split, has[:1])]
    assert pairs_of(has) == []
