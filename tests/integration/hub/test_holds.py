"""Holds at the hub: what they block, who decides, what follows, and what locations are told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.holds.steps import look_at_holds
from hub.payments import rows as payments
from hub.people.steps import add_token
from hub.rebuild import verify
from protocol import later
from protocol.clock import from_us
from protocol.fulfilment import PutBackLine, UnitsLine, Verified
from protocol.people import HubRole
from tests.support.promising import Story, rights, rows

HOUR_US = 3600 * 1_000_000


alone = pytest.mark.parametrize("hub_database", ["sqlite"], indirect=True)
"""For what no database makes a difference to."""


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def hold(story: Story, *, status: int = 201, **said: Any) -> Any:
    """Put the order on hold."""
    path = f"/api/orders/{story.order['number']}/holds"
    return story.channel.ask("POST", path, {"reason": "looks odd", **said}, status=status)


def decide(story: Story, hold_id: str, verb: str, *, status: int = 200, **said: Any) -> Any:
    """Release or reject a hold."""
    return story.channel.ask("POST", f"/api/holds/{hold_id}/{verb}", said, status=status)


def told(story: Story, edge: str = "store-1") -> list[tuple[str, str]]:
    """Return (kind, state) of every hold that a store was told of."""
    found = [row for row in rows(story.hub, directives) if row["edge"] == edge]
    return [
        (each["kind"], each["state"])
        for row in found
        if row["kind"] == "order.holds"
        for each in json.loads(row["bytes"])["body"]["holds"]
    ]


def states(story: Story) -> list[str]:
    found = story.channel.ask("GET", f"/api/orders/{story.order['number']}/holds")
    return [each["state"] for each in found]


def test_several_holds_stand_at_once_and_each_is_told_to_whoever_works_on_the_order(story: Story) -> None:
    story.place()
    one = hold(story)
    two = hold(story, reason="address unknown", blocks=["ship"], may=["finance"])

    assert told(story) == [("manual", "open"), ("manual", "open")]
    assert story.cards() == ["order_on_hold", "order_on_hold"]
    assert decide(story, two["hold_id"], "release", status=403)["code"] == "not_your_hold"
    assert decide(story, one["hold_id"], "release", note="called back")["state"] == "released"
    assert decide(story, one["hold_id"], "release", status=409)["code"] == "hold_decided"
    assert story.channel.ask("GET", "/api/holds")["total"] == 1
    assert states(story) == ["released", "open"]
    assert told(story)[-1] == ("manual", "released")
    assert story.cards() == ["order_on_hold"]
    assert verify(story.hub) == {}


@alone
def test_a_hold_on_routing_keeps_an_order_from_every_location_until_it_is_released(story: Story) -> None:
    story.place()
    held = hold(story, blocks=["route"])
    story.leave()
    story.tell(
        later.AssignmentRejected(
            **story.assignment,
            reason="damaged",
            lines=(PutBackLine(line_no=1, sku="A", lent=2),),
        )
    )
    assert [trigger for trigger, _where in story.decided()] == ["placed"]
    again = story.channel.ask("POST", f"/api/orders/{story.order['number']}/route", status=409)
    assert (again["code"], again["facts"]["hold_id"]) == ("on_hold", held["hold_id"])

    decide(story, held["hold_id"], "release")

    assert story.decided()[1][0] == "released"
    assert "order.routed" in story.kinds()[-2:]


def test_rejecting_cancels_by_the_products_own_verb_and_blocks_until_the_store_has_answered(
    story: Story,
) -> None:
    story.place(payment={"gateway": "psp", "reference": "ch_1", "amount_minor": 20_00})
    story.leave()
    held = hold(story, blocks=["handover", "refund"])

    done = decide(story, held["hold_id"], "reject", reason="stolen card")

    assert (done["state"], done["requested"]) == ("rejected", ["store-1"])
    assert told(story)[-1] == ("manual", "rejected")
    assert story.told()[-1] == "assignment.cancel"
    story.tell(
        later.AssignmentCancelled(
            **story.assignment, lines=(PutBackLine(line_no=1, sku="A", lent=2),), reason="stolen card"
        )
    )
    assert story.seen()["order"]["state"] == "cancelled"
    assert rights(story.hub, "store-1", "A")[1:3] == (2, 2)
    [refund] = rows(story.hub, payments.gateway_commands)
    assert refund["amount_minor"] == 20_00
    assert verify(story.hub) == {}


def test_money_does_not_go_back_while_a_hold_forbids_it(story: Story) -> None:
    story.place(payment={"gateway": "psp", "reference": "ch_1", "amount_minor": 20_00})
    held = hold(story, blocks=["refund"])
    story.cancel(lines=[{"line_no": 1, "units": 1}])
    now_us = story.hub.clock.now_us()
    with story.hub.database.read() as connection:
        assert payments.due(connection, now_us, 5) == []

    decide(story, held["hold_id"], "release")

    with story.hub.database.read() as connection:
        assert [row.amount_minor for row in payments.due(connection, now_us, 5)] == [10_00]


@alone
def test_what_was_said_beforehand_comes_true_when_nobody_decides(story: Story) -> None:
    until = from_us(story.channel.clock.at_us + HOUR_US).isoformat()
    orders = {}
    for then in ("release", "reject", "keep"):
        orders[then] = story.place(lines=[{"sku": "A", "quantity": 1}])
        hold(story, until=until, then=then)
    assert look_at_holds(story.hub) == 0

    story.channel.clock.at_us += HOUR_US

    assert look_at_holds(story.hub) == 3
    assert look_at_holds(story.hub) == 0
    found = {}
    for then, story.order in orders.items():
        found[then] = (states(story), story.seen()["order"]["state"])
    assert found == {
        "release": (["lapsed"], "routed"),
        "reject": (["lapsed"], "cancelled"),
        "keep": (["open"], "routed"),
    }
    assert story.cards() == ["order_on_hold", "hold_overdue"]
    assert verify(story.hub) == {}


@alone
def test_goods_that_left_in_spite_of_a_hold_have_left_and_a_person_is_called(story: Story) -> None:
    story.place()
    hold(story)
    story.tell(
        later.AssignmentHandedOver(
            **story.assignment,
            handover_id="h-1",
            lines=(UnitsLine(line_no=1, sku="A", lent=2),),
            verified=Verified.CODE,
        )
    )

    assert "held_and_gone" in story.cards()
    assert story.seen()["order"]["state"] == "handed_over"
    assert states(story) == ["released"], "nothing is left that it could stop"


@alone
def test_what_cannot_be_is_refused_and_changes_nothing(story: Story) -> None:
    story.place()
    before = story.kinds()
    past = from_us(story.channel.clock.at_us).isoformat()

    assert hold(story, until=past, status=422)["code"] == "bad_until"
    assert hold(story, reason="", status=422)["code"] == "invalid_field"
    assert hold(story, blocks=[], status=422)["code"] == "invalid_field"
    assert decide(story, "nobody", "release", status=404)["code"] == "no_hold"
    story.cancel()
    after = story.kinds()
    assert hold(story, status=409)["code"] == "nothing_open"
    assert (before, story.kinds()) == (before, after)


@alone
def test_the_pages_of_holds_say_why_and_lead_back_to_the_order(story: Story) -> None:
    story.place()
    held = hold(story, reason="<b>odd</b> address")
    token = add_token(story.hub, name="books", role=HubRole.FINANCE)
    client, number = story.channel.client, story.order["number"]
    listed = client.get("/holds").text
    assert number in listed
    assert "&lt;b&gt;odd&lt;/b&gt; address" in listed
    page = client.get(f"/holds/{held['hold_id']}").text
    assert "picking, handover, shipping" in page
    assert "Reject and cancel" in page
    assert "Put on hold by hand" in client.get(f"/orders/{number}").text
    client.headers["authorization"] = f"Bearer {token}"
    assert "Another role decides" in client.get(f"/holds/{held['hold_id']}").text
