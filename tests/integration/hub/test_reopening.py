"""A hub or a store has lost its past: nothing is promised until both have said what is open."""

from functools import partial

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions
from hub.link.reclaim import reclaim
from hub.spine.rows import parked
from protocol.errors import OutOfRights, Refused
from protocol.reclaim import read_code
from protocol.rights import EdgeVector
from tests.support.hub import Shop, send
from tests.support.packets import INC, STORE, Wire, forget, line
from tests.support.promising import company, rights

NEXT_INC = "0b" * 16


@pytest.fixture
def wire(hub: Hub) -> Wire:
    company(hub, stores={STORE: {"A": 5, "B": 3}}, warehouses={})
    made = Wire(hub)
    made.hello()
    return made


def test_a_new_life_of_the_hub_promises_and_gives_back_nothing(wire: Wire) -> None:
    wire.promise("a-1", 2)
    forget(wire)

    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    with pytest.raises(Refused, match="must be agreed on"):
        reclaim(wire.hub, STORE, "A")
    assert wire.epoch().state == "fenced"
    assert wire.open_cards() == ["hub_restored"]


def test_an_epoch_begins_with_what_either_side_calls_open_and_with_nothing_free(wire: Wire) -> None:
    wire.promise("a-1", 2)
    forget(wire)
    assert wire.hello()["rights"] == "reopen"
    wire.iam(line("a-1", 2), line("a-9", 1, "B"), ep=4)

    new = wire.last("new")
    assert (new["ep"], [(each["owner"], each["units"]) for each in new["open"]]) == (
        5,
        [("a-1", 2), ("a-9", 1)],
    )
    assert rights(wire.hub, STORE, "A")[:1] == (2,)
    assert wire.epoch().state == "told"
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    assert "assignment_open_at_store" in wire.open_cards()

    wire.vectors(ep=5)
    assert wire.epoch().state == "open"
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)  # open again, and nothing of it is free before the store lends anew
    wire.vectors(EdgeVector(sku="A", ep=5, ver=9, G=3, F=0, P=5, B=0), ep=5)
    wire.promise("a-2", 1)


@pytest.mark.parametrize("what", ["another nonce", "an older epoch", "another life"])
def test_what_is_said_late_or_by_somebody_else_opens_nothing(wire: Wire, what: str) -> None:
    forget(wire)
    wire.hello()
    if what == "another nonce":
        wire.iam(nonce="ff" * 8)
        assert wire.epoch().state == "fenced"
        return
    wire.iam()
    if what == "an older epoch":
        wire.vectors(EdgeVector(sku="A", ep=0, ver=99, G=9, F=0, P=9, B=0), ep=0)
    else:
        wire.hub_inc = "ee" * 16
        wire.vectors(ep=1)

    assert wire.epoch().state == "told"
    assert rights(wire.hub, STORE, "A")[0] == 0


def test_new_is_said_again_until_the_store_has_taken_it_over(wire: Wire) -> None:
    forget(wire)
    wire.hello()
    wire.iam()
    first = wire.last("new")
    wire.told.clear()
    wire.hello(nonce="2a" * 8)

    assert (wire.last("new")["ep"], wire.last("new")["open"]) == (first["ep"], first["open"])


def test_a_new_database_of_a_store_is_fenced_and_the_old_one_is_closed(wire: Wire) -> None:
    wire.promise("a-1", 2)
    wire.inc = NEXT_INC
    welcome = wire.hello(why="restored", was=INC, ordinal=2)

    assert (welcome["rights"], [life["inc"] for life in welcome["lives"]]) == ("reopen", [INC])
    assert (wire.epoch().state, wire.epoch().why) == ("fenced", "edge_restored")
    assert wire.open_cards() == ["edge_restored"]


def test_an_edge_that_has_seen_more_of_the_hub_begins_a_new_life_of_it(wire: Wire) -> None:
    before = wire.hub_inc
    welcome = wire.hello(ep=3)

    assert welcome["hub_inc"] != before
    assert welcome["rights"] == "reopen"
    wire.iam(ep=3)
    assert wire.last("new")["ep"] == 4


def test_an_edge_of_another_epoch_is_asked_what_is_open(wire: Wire) -> None:
    forget(wire)
    wire.hello()
    wire.iam()
    wire.vectors(ep=1)
    assert wire.epoch().state == "open"

    assert wire.hello(ep=0)["rights"] == "reopen"
    assert wire.epoch().why == "disagree"


def test_a_code_gives_the_free_rights_of_one_article_up_before_it_is_said(wire: Wire) -> None:
    wire.promise("a-1", 2)
    done = reclaim(wire.hub, STORE, "A")
    again = reclaim(wire.hub, STORE, "A")

    assert (done.units, again.units, again.code) == (3, 0, done.code)
    with pytest.raises(OutOfRights):
        wire.promise("a-2", 1)
    with wire.hub.database.read() as connection:
        key = connection.execute(sa.text("SELECT token_hash FROM locations")).scalar_one()
    here = partial(read_code, done.code, key.encode(), edge=STORE, hub_inc=wire.hub_inc, ep=0, sku="A")
    assert here(inc=INC) == 3
    with pytest.raises(OutOfRights, match="nothing free"):
        reclaim(wire.hub, STORE, "C")


def test_what_a_restored_store_sends_again_takes_effect_once_and_calls_nobody(hub: Hub) -> None:
    before, after = Shop(), Shop(inc=NEXT_INC)
    before.open()
    before.sell(("A", 2, 10_00))
    send(hub, before)
    for shop_event in before.events:
        after.say_bytes(shop_event)  # the first two numbers are the same, so the bytes may stay
    after.opened_at, after.session_id = before.opened_at, before.session_id
    after.at_us, after.counter = before.at_us, before.counter
    after.sell(("A", 1, 10_00))
    answers = send(hub, after)

    assert [answer.upto for answer in answers] == [len(after.events)]
    with hub.database.read() as connection:
        states = connection.execute(sa.select(parked.c.state, parked.c.code)).all()
        sold = connection.execute(
            sa.text("SELECT -sum(quantity) FROM balances WHERE bucket = 'sellable'")
        ).scalar_one()
        open_cards = connection.execute(
            sa.select(exceptions.c.kind).where(exceptions.c.kind == "event_parked")
        ).all()
    assert [tuple(row) for row in states] == [("discarded", "duplicate_id")] * len(before.events)
    assert (sold, open_cards) == (3, [])
