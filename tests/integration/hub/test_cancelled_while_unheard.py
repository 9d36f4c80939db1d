"""What is cancelled after a restore of the hub, before the store that has it has spoken, is asked back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.capture.rows import order_requests
from hub.database import HubDatabase
from hub.holds.restored import look_at_restored
from hub.link import watch
from hub.rebuild import verify
from hub.schema import create_schema
from protocol.fulfilment import PutBackLine, UnitsLine, Verified
from protocol.later import (
    AssignmentCancelled,
    AssignmentHandedOver,
    CancelRefused,
    CancelRequested,
    ChangeRequested,
    OrderCancelled,
)
from protocol.reopening import OpenOrder
from tests.support.changing import answer_change, newest
from tests.support.packets import line
from tests.support.promising import Story, rows
from tests.support.restored import ORDER, PAID, Restored, Speaking

ONE: dict[str, Any] = {"lines": [{"line_no": 1, "units": 1}]}


@pytest.fixture
def story(hub_database: HubDatabase, tmp_path: Path) -> Iterator[Restored]:
    before = HubDatabase(f"sqlite:///{tmp_path / 'before.db'}")
    create_schema(before.engine)
    made = Restored(hub_database, Story(before))
    made.place(**ORDER, **PAID)
    yield made
    assert verify(made.hub) == {}
    made.channel.close()
    before.close()


def hand_over(story: Restored, units: int) -> None:
    gone = (UnitsLine(line_no=1, sku="A", lent=units),)
    story.says(AssignmentHandedOver, handover_id="h-1", lines=gone, verified=Verified.CODE)


def cancelled(story: Story) -> list[tuple[str, int]]:
    return [(body.reason, each.quantity) for body in story.bodies(OrderCancelled) for each in body.lines]


def asked_of(story: Story) -> list[str]:
    return [kind for kind in story.told() if kind.startswith("assignment.")]


def outcomes(story: Story) -> list[str]:
    return [row["outcome"] for row in rows(story.hub, order_requests)]


def test_a_unit_that_was_cancelled_meanwhile_is_asked_of_the_store_which_hands_the_rest_over(
    story: Restored,
) -> None:
    story.cancel(reason="one is enough", **ONE)
    story.speak("store-1", holds=2)
    asked = newest(story, ChangeRequested)
    story.rest_speaks()

    assert (asked.location, asked.reason) == ("store-1", "one is enough")
    assert [(each.line_no, each.quantity) for each in asked.dropped] == [(1, 1)]
    assert asked_of(story) == ["assignment.offer", "assignment.change"]
    assert (outcomes(story), story.cards()) == ([""], ["hub_restored"])

    answer_change(story)
    assert story.cards() == ["hub_restored"]
    hand_over(story, 1)
    assert (cancelled(story), outcomes(story)) == ([("one is enough", 1)], ["done"])
    assert story.routed_to() == [("found", "store-1")]
    assert story.seen()["order"]["state"] == "handed_over"


def test_a_store_that_has_it_packed_gives_all_of_it_back_and_the_rest_is_routed_anew(story: Restored) -> None:
    story.cancel(**ONE)
    story.speak("store-1", holds=2)
    story.rest_speaks()

    answer_change(story, refused="picked_already")
    assert (story.told()[-1], outcomes(story)) == ("assignment.cancel", [""])
    story.says(AssignmentCancelled, lines=(PutBackLine(line_no=1, sku="A", lent=2, picked=2),))

    assert (outcomes(story), [units for _reason, units in cancelled(story)]) == (["done"], [1])
    assert [trigger for trigger, _location in story.decided()] == ["cancelled"]
    newest_part = story.parts()[-1]
    assert newest_part["lines"][0]["quantity"] == 1


def test_an_order_that_was_cancelled_whole_is_asked_back_whole(story: Restored) -> None:
    story.cancel()
    story.speak("store-1", holds=2)
    story.rest_speaks()

    assert newest(story, CancelRequested).location == "store-1"
    assert asked_of(story) == ["assignment.offer", "assignment.cancel"]
    assert (story.seen()["order"]["state"], story.cards()) == ("cancelled", ["hub_restored"])
    story.says(AssignmentCancelled, lines=(PutBackLine(line_no=1, sku="A", lent=2),))

    assert (outcomes(story), story.decided(), story.cards()) == (["done"], [], ["hub_restored"])
    assert story.seen()["order"]["state"] == "cancelled"


def test_what_was_found_at_a_store_is_asked_of_it_though_this_life_of_the_hub_has_sent_it_nothing(
    story: Restored,
) -> None:
    story.speak("store-1", holds=2)
    done = story.cancel()

    assert (done["requested"], done["cancelled"]) == (["store-1"], [])
    assert "assignment.withdrawn" not in story.kinds()


def test_somebody_hears_of_it_when_the_store_has_handed_it_over(story: Restored) -> None:
    story.cancel(reason="too late by an hour")
    story.speak("store-1", holds=2)
    hand_over(story, 2)
    story.says(CancelRefused, location="store-1", code="handed_over")

    assert outcomes(story) == ["too_late"]
    assert "cancel_too_late" in story.cards()
    [card] = [
        each
        for each in story.channel.ask("GET", "/api/exceptions")["exceptions"]
        if each["kind"] == "cancel_too_late"
    ]
    shown: dict[str, Any] = story.channel.ask("GET", f"/api/exceptions/{card['exception_id']}")
    assert (shown["facts"]["units"], shown["facts"]["reason"]) == ({"1": 2}, "too late by an hour")


def test_a_person_decides_where_a_store_that_has_not_spoken_may_be_the_one_that_has_it(
    hub_database: HubDatabase,
) -> None:
    story = Speaking(hub_database)
    paid = {"gateway": "psp", "reference": "ch_1", "amount_minor": 24_00}
    story.order = story.channel.send(story.channel.ship(lines=[{"sku": "A", "quantity": 2}], payment=paid))
    [(_trigger, first)] = story.decided()
    [second, *_rest] = sorted({*story.shops} - {first})
    mine = OpenOrder.model_validate({**story.assignment, "assignment_id": "forgotten"})
    story.leave(first)
    story.cancel(**ONE)
    answer_change(story, edge=first)
    story.hub.database.write(lambda unit: watch.begin(unit, story.hub, why="restored"))
    story.listen()

    story.say(second, line("forgotten", 1), orders=(mine,), lends=4)

    assert "assignment_open_at_store" in story.cards()
    assert [body.location for body in story.bodies(ChangeRequested)] == [first]
    assert story.bodies(CancelRequested) == []
    look_at_restored(story.hub)
    story.channel.close()
