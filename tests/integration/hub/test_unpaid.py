"""Orders of the hub that nobody has paid anything for: they end once their time is over, and no others do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.fulfil.rules import UNPAID
from hub.notify.rows import notices
from hub.payments.rows import payment_asks
from hub.unpaid import expire_unpaid
from protocol import later
from protocol.fulfilment import PutBackLine
from tests.support.promising import MINUTE_US, Channel, Story, company, rights, rows

HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
KEPT_US = 7 * DAY_US + 9 * HOUR_US
"""Longer than an order is kept that was promised for today."""
PAID = {"gateway": "psp", "reference": "ch_1", "amount_minor": 5_00}


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def pass_time(story: Story, us: int = KEPT_US) -> None:
    story.channel.clock.at_us += us


def given_up(story: Story) -> later.AssignmentCancelled:
    lines = (PutBackLine(line_no=1, sku="A", lent=2),)
    return later.AssignmentCancelled(**story.assignment, reason=UNPAID, lines=lines)


def asked(story: Story) -> list[dict[str, Any]]:
    """Return what store-1 was asked to give up."""
    found = [row for row in rows(story.hub, directives) if row["kind"] == "assignment.cancel"]
    return [json.loads(row["bytes"])["body"] for row in found]


def test_an_order_that_nobody_paid_is_cancelled_once_its_store_has_given_it_up(story: Story) -> None:
    story.place(customer={"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"})
    story.leave()
    story.tell(later.AssignmentAccepted(**story.assignment))
    assert expire_unpaid(story.hub) == 0

    pass_time(story)
    assert (expire_unpaid(story.hub), expire_unpaid(story.hub)) == (1, 0)

    # Until the store has answered, its units stay its own (rule 5).
    assert rights(story.hub, "store-1", "A")[1:3] == (2, 0)
    [body] = asked(story)
    assert (body["unpaid_minor"], body["reason"], body.get("unless_begun", False)) == (20_00, UNPAID, False)
    assert story.bodies(later.OrderCancelled) == []

    story.tell(given_up(story))

    assert rights(story.hub, "store-1", "A")[1:3] == (2, 2)
    [cancelled] = story.bodies(later.OrderCancelled)
    assert (cancelled.reason, cancelled.by_customer) == (UNPAID, False)
    assert [line["cancelled"] for line in story.seen()["lines"]] == [2]
    with story.hub.database.read() as connection:
        kinds = connection.execute(sa.select(notices.c.kind)).scalars().all()
    assert "cancelled" in kinds
    assert story.cards() == []


def test_an_offer_that_has_not_left_is_taken_back_and_cancelled_at_once(story: Story) -> None:
    story.place()

    pass_time(story)
    assert expire_unpaid(story.hub) == 1

    assert (len(story.bodies(later.OrderCancelled)), asked(story)) == (1, [])
    assert rights(story.hub, "store-1", "A")[1:3] == (2, 2)


@pytest.mark.parametrize("taken", ["captured", "authorised", "token"])
def test_what_is_paid_in_part_or_promised_or_asked_of_a_service_never_ends_by_the_clock(
    story: Story, taken: str
) -> None:
    story.place(payment={**PAID, "taken": taken})
    story.leave()

    pass_time(story, 40 * DAY_US)

    assert expire_unpaid(story.hub) == 0
    assert (story.bodies(later.OrderCancelled), asked(story)) == ([], [])
    if taken == "token":
        assert [row["state"] for row in rows(story.hub, payment_asks)] == ["queued"]


def test_an_order_on_hold_waits_for_whoever_decides_about_it(story: Story) -> None:
    story.place()
    story.leave()
    wanted = {"reason": "look at it", "blocks": ["handover"]}
    path = f"/api/orders/{story.order['number']}/holds"
    hold = story.channel.ask("POST", path, wanted, status=201)
    pass_time(story)
    assert expire_unpaid(story.hub) == 0

    story.channel.ask("POST", f"/api/holds/{hold['hold_id']}/release", {"note": "fine"})

    assert expire_unpaid(story.hub) == 1


@pytest.mark.parametrize("code", ["paid", "handed_over", "begun"])
def test_a_store_that_keeps_it_is_asked_again_a_day_later_and_nobody_is_called(
    story: Story, code: str
) -> None:
    story.place()
    story.leave()
    pass_time(story)
    assert expire_unpaid(story.hub) == 1

    story.tell(later.CancelRefused(**story.assignment, code=code))

    assert (expire_unpaid(story.hub), story.cards()) == (0, [])
    assert rights(story.hub, "store-1", "A")[1:3] == (2, 0)
    pass_time(story, DAY_US + MINUTE_US)
    assert (expire_unpaid(story.hub), len(asked(story))) == (1, 2)


def test_what_the_customer_cancels_meanwhile_is_not_asked_for_twice(story: Story) -> None:
    story.place()
    story.leave()
    assert story.cancel()["requested"] == ["store-1"]

    pass_time(story)

    assert (expire_unpaid(story.hub), len(asked(story))) == (0, 1)


def test_another_promise_gives_it_more_time(story: Story) -> None:
    story.place()
    story.leave()
    keep_until_us = story.seen()["later"]["promise"]["keep_until_us"]
    page = story.channel.client.get(f"/orders/{story.order['number']}").text
    assert "if nobody pays" in page
    story.channel.clock.at_us = keep_until_us - HOUR_US
    assert expire_unpaid(story.hub) == 0

    story.channel.clock.at_us = keep_until_us + HOUR_US

    assert expire_unpaid(story.hub) == 1


def test_two_processes_that_look_at_once_cancel_it_once(hub_database: HubDatabase) -> None:
    story = Story(hub_database)
    other = Channel(hub_database, name="2")
    try:
        story.place()
        story.leave()
        pass_time(story)
        other.clock.at_us = story.channel.clock.at_us

        assert (expire_unpaid(story.hub), expire_unpaid(other.hub)) == (1, 0)
        assert len(asked(story)) == 1
    finally:
        other.close()
        story.channel.close()


def test_how_long_orders_are_kept_is_a_setting(hub_database: HubDatabase) -> None:
    channel = Channel(hub_database, collect_keep_days=2)
    company(channel.hub, stores={"store-1": {"A": 5}}, warehouses={})
    try:
        number = channel.send(channel.collect())["number"]
        promise = channel.ask("GET", f"/api/orders/{number}")["later"]["promise"]
        assert promise["keep_until_us"] - promise["due_us"] == 2 * DAY_US

        channel.clock.at_us = promise["keep_until_us"] + 1
        assert expire_unpaid(channel.hub) == 1
    finally:
        channel.close()
