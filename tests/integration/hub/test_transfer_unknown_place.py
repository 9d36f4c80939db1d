"""A store that is dark may name a place that nobody knows: somebody hears of it before the goods leave."""

import json
from functools import partial

import pytest

from hub.context import Hub
from hub.exceptions.rows import exceptions
from hub.fleet.steps import NewLocation, add_location
from hub.rebuild import verify
from hub.transfers import steps
from hub.transfers.clocks import Looked, look_at_transfers
from hub.transfers.wanted import CancelWanted, DecideWanted
from protocol import transfer_messages as say
from protocol.transfers import AskedBy
from tests.support.hub import Shop
from tests.support.promising import rows
from tests.support.road import Road
from tests.support.transfers import Move, ties

BY = steps.By(name="C. Ford")
CARD = [("transfer_unknown_place", "ops")]


@pytest.fixture
def road(hub: Hub) -> Road:
    return Road(hub)


def mistyped(road: Road, place: str = "warehuose") -> Move:
    """Return a transfer of the first store to a place that nobody has added."""
    return Move(road.one, Shop(place, code="WA"), [("A", 4)])


def test_goods_for_a_place_that_the_hub_does_not_know_call_operations_when_they_are_asked(road: Road) -> None:
    move = mistyped(road)
    move.request()
    move.accept()
    road.line.all()
    asked = road.cards()
    move.pick()
    move.pack()
    move.ship()
    road.line.all()

    assert (asked, road.cards()) == (CARD, CARD)
    assert look_at_transfers(road.hub) == Looked(0, 0)
    card = rows(road.hub, exceptions)[0]
    facts = json.loads(card["facts"])
    assert card["title"] == "LB1-X00001 names warehuose, and the hub knows no such place"
    assert (facts["location"], facts["not_known"]) == ("store-1", ["warehuose"])
    assert ties(road.hub) == []


def test_a_transfer_between_known_places_calls_nobody(road: Road) -> None:
    move = road.move(("A", 4))
    move.request()
    move.leave()
    road.line.all()

    assert (road.cards(), look_at_transfers(road.hub)) == ([], Looked(0, 0))


def test_it_closes_when_the_place_is_added(road: Road) -> None:
    mistyped(road, "store-9").request()
    road.line.all()
    new = NewLocation(edge="store-9", code="NI", name="Store 9", kind="store")
    road.hub.database.write(partial(add_location, new=new, clock=road.hub.clock, ids=road.hub.ids))

    assert look_at_transfers(road.hub) == Looked(0, 1)
    assert (road.cards(), verify(road.hub)) == ([], {})


def test_it_closes_when_the_source_gives_it_up(road: Road) -> None:
    move = mistyped(road)
    move.request()
    move.accept()
    road.line.all()
    move.cancel()
    road.line.all()

    assert (road.cards(), look_at_transfers(road.hub)) == ([], Looked(0, 0))


def test_it_closes_when_what_left_is_settled(road: Road) -> None:
    move = mistyped(road)
    move.request()
    move.leave()
    road.line.all()
    shipped = road.cards()
    line = {"line_no": 1, "sku": "A", "choice": "at_source"}
    steps.decide(road.hub, move.number, DecideWanted(lines=[line], reason="a slip"), BY)

    assert (shipped, road.cards(), look_at_transfers(road.hub)) == (CARD, [], Looked(0, 0))
    assert ties(road.hub) == []


def test_goods_that_are_asked_of_an_unknown_place_call_operations_who_take_it_back(road: Road) -> None:
    move = Move(Shop("store-9", code="NI"), road.two, [("A", 4)])
    move.request(AskedBy.DESTINATION)
    road.line.all()
    asked = road.cards()
    steps.cancel(road.hub, move.number, CancelWanted(reason="no such place"), BY)

    assert (asked, road.cards()) == (CARD, [])
    assert road.told("store-2")[-1][1]["state"] == "cancelled"


def test_a_store_that_takes_back_what_it_asked_of_an_unknown_place_is_answered(road: Road) -> None:
    move = Move(Shop("store-9", code="NI"), road.two, [("A", 4)])
    move.request(AskedBy.DESTINATION)
    road.two.say(say.CancelAsked(**move.of, reason="a slip"))
    road.line.all()

    assert (road.cards(), road.head()["send_state"]) == ([], "cancelled")
    assert road.told("store-2")[-1][1]["state"] == "cancelled"
    assert (look_at_transfers(road.hub), verify(road.hub)) == (Looked(0, 0), {})
