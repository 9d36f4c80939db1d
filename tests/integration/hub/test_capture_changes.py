"""Cancelling, changing and re-routing from the hub: at once where nobody holds it, else by who does."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.capture.rows import order_requests
from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.rebuild import verify
from hub.route.rows import decisions
from protocol import later
from protocol.fulfilment import (
    PutBackLine,
    RejectReason,
    UnitsLine,
    Verified,
)
from tests.support.hub import send
from tests.support.promising import ADDRESS, Story, rights, rows


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def back(units: int, line_no: int = 1, sku: str = "A") -> tuple[PutBackLine, ...]:
    return (PutBackLine(line_no=line_no, sku=sku, lent=units),)


def test_an_order_that_its_store_never_heard_of_is_cancelled_at_once(story: Story) -> None:
    story.place()

    done = story.cancel()

    assert (done["state"], done["cancelled"], done["requested"]) == (
        "cancelled",
        [{"line_no": 1, "units": 2}],
        [],
    )
    assert rights(story.hub, "store-1", "A") == (5, 2, 2, 2)
    assert story.kinds() == ["order.placed", "order.routed", "assignment.withdrawn", "order.cancelled"]
    assert [row["state"] for row in rows(story.hub, directives) if row["edge"] == "store-1"] == ["withdrawn"]
    assert story.cancel(status=409)["code"] == "nothing_open"


def test_units_of_an_order_are_cancelled_and_the_rest_is_routed_again(story: Story) -> None:
    story.place()

    done = story.cancel(lines=[{"line_no": 1, "units": 1}])

    assert (done["state"], done["cancelled"], done["requested"]) == (
        "routed",
        [{"line_no": 1, "units": 1}],
        [],
    )
    assert story.decided() == [("placed", "store-1"), ("withdrawn", "store-1")]
    assert rights(story.hub, "store-1", "A") == (5, 3, 2, 3)


def test_a_store_that_has_the_order_is_asked_and_its_answer_cancels(story: Story) -> None:
    story.place()
    story.leave()

    asked = story.cancel()
    assert (asked["state"], asked["cancelled"], asked["requested"]) == ("routed", [], ["store-1"])
    assert story.told()[-1] == "assignment.cancel"
    assert rights(story.hub, "store-1", "A") == (5, 2, 0, 1)
    assert story.cancel(status=409)["code"] == "already_requested"

    story.tell(later.AssignmentCancelled(**story.assignment, lines=back(2)))

    assert story.seen()["order"]["state"] == "cancelled"
    assert rights(story.hub, "store-1", "A") == (5, 2, 2, 2)
    [request] = rows(story.hub, order_requests)
    assert (request["outcome"], request["kind"]) == ("done", "cancel")
    assert request["settled_us"] is not None
    assert story.cards() == []
    assert story.decided() == [("placed", "store-1")]


def test_a_store_that_was_too_late_leaves_the_order_as_it_is_and_somebody_hears_of_it(story: Story) -> None:
    story.place()
    story.leave()
    story.cancel()

    story.tell(later.CancelRefused(**story.assignment, code="too_late", detail="handed over"))

    assert story.seen()["order"]["state"] == "routed"
    assert rows(story.hub, order_requests)[0]["outcome"] == "too_late"
    assert story.cards() == ["cancel_too_late"]
    assert rights(story.hub, "store-1", "A") == (5, 2, 0, 1)


def test_what_was_handed_over_meanwhile_is_not_cancelled(story: Story) -> None:
    story.place()
    story.leave()
    story.cancel()
    story.tell(
        later.AssignmentHandedOver(
            **story.assignment,
            handover_id="h-1",
            lines=(UnitsLine(line_no=1, sku="A", lent=1),),
            verified=Verified.CODE,
            rest=True,
        )
    )

    story.tell(later.AssignmentCancelled(**story.assignment, lines=back(1)))

    [line] = story.seen()["lines"]
    assert (line["fulfilled"], line["cancelled"]) == (1, 1)
    assert story.cards() == ["cancel_too_late"]
    assert rights(story.hub, "store-1", "A") == (5, 2, 1, 2)


def test_cancelling_the_last_goods_cancels_the_way_too(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())

    done = story.cancel()

    assert done["cancelled"] == [{"line_no": 1, "units": 1}, {"line_no": 2, "units": 1}]
    assert done["state"] == "cancelled"


def test_a_cancellation_that_cannot_be_is_refused_and_changes_nothing(story: Story) -> None:
    story.place()
    for said, status, code in (
        ({"lines": [{"line_no": 1, "units": 3}]}, 409, "not_open"),
        ({"lines": [{"line_no": 9, "units": 1}]}, 409, "not_open"),
        ({"lines": [{"line_no": 1, "units": 0}]}, 422, "invalid_field"),
        ({"reason": ""}, 422, "invalid_field"),
    ):
        assert story.cancel(status=status, **said)["code"] == code, said
    assert rights(story.hub, "store-1", "A") == (5, 2, 0, 1)
    assert rows(story.hub, order_requests) == []


def test_an_order_is_promised_at_another_store_at_once_where_nobody_has_heard_of_it(story: Story) -> None:
    story.place()

    done = story.change(promise={"kind": "collect", "location": "store-2"})

    assert (done["changed"], done["requested"], done["state"]) == (["promise"], [], "routed")
    assert story.decided() == [("placed", "store-1"), ("changed", "store-2")]
    assert rights(story.hub, "store-1", "A") == (5, 2, 2, 2)
    assert rights(story.hub, "store-2", "A") == (4, 2, 0, 1)
    assert story.kinds() == [
        "order.placed",
        "order.routed",
        "assignment.withdrawn",
        "order.changed",
        "order.routed",
    ]


def test_a_move_waits_until_the_store_that_holds_the_goods_has_given_them_up(story: Story) -> None:
    story.place()
    story.leave()

    asked = story.change(promise={"kind": "collect", "location": "store-2"})
    assert (asked["changed"], asked["requested"]) == (["promise"], ["store-1"])
    assert rights(story.hub, "store-2", "A") == (4, 0, 0, 0)

    story.tell(later.AssignmentCancelled(**story.assignment, lines=back(2)))

    assert story.decided() == [("placed", "store-1"), ("changed", "store-2")]
    assert rights(story.hub, "store-1", "A") == (5, 2, 2, 2)
    assert rights(story.hub, "store-2", "A") == (4, 2, 0, 1)
    assert story.kinds()[-3:] == ["assignment.cancelled", "order.changed", "order.routed"]


def test_a_move_that_came_too_late_leaves_the_promise(story: Story) -> None:
    story.place()
    story.leave()
    story.change(promise={"kind": "collect", "location": "store-2"})

    story.tell(later.CancelRefused(**story.assignment, code="too_late"))

    assert story.cards() == ["cancel_too_late"]
    assert story.decided() == [("placed", "store-1")]
    with story.hub.database.read() as connection:
        promise, requested = connection.execute(sa.text("SELECT promise, requested FROM later_orders")).one()
    assert '"location":"store-1"' in promise
    assert not requested


def test_a_promise_that_nobody_could_keep_is_refused_and_the_old_one_stands(story: Story) -> None:
    story.place(lines=[{"sku": "A", "quantity": 5}])

    refusal = story.change(promise={"kind": "collect", "location": "store-2"}, status=409)

    assert (refusal["code"], refusal["facts"]["reasons"][0]["fact"]) == (
        "out_of_rights",
        "has 4 of A free, 5 needed",
    )
    assert rights(story.hub, "store-1", "A") == (5, 5, 0, 1)
    assert story.kinds() == ["order.placed", "order.routed"]
    assert rows(story.hub, order_requests) == []


def test_a_change_that_cannot_be_is_refused(story: Story) -> None:
    story.place()
    past = {"kind": "collect", "location": "store-2", "due_at": "2001-01-01T00:00:00Z"}
    cases: tuple[tuple[dict[str, Any], int, str], ...] = (
        ({}, 422, "nothing_to_change"),
        ({"promise": {"kind": "ship"}}, 409, "unpaid"),
        ({"promise": {"kind": "collect", "location": "nowhere"}}, 422, "no_location"),
        ({"promise": past}, 422, "promise_past"),
    )
    for said, status, code in cases:
        assert story.change(status=status, **said)["code"] == code, said
    assert story.kinds() == ["order.placed", "order.routed"]


def test_who_works_on_an_order_is_told_of_another_customer_note_or_moment(story: Story) -> None:
    story.place(customer={"last_name": "Byron"})
    story.leave()

    done = story.change(
        customer={"last_name": "Lovelace", "address": ADDRESS},
        note="ring twice",
        promise={"kind": "collect", "location": "store-1", "due_at": "2025-11-25T17:00:00Z"},
    )

    assert (done["changed"], done["requested"]) == (["contact", "note", "promise"], [])
    amend = rows(story.hub, directives)[-1]
    assert (amend["edge"], amend["kind"]) == ("store-1", "assignment.amend")
    assert b'"contact_version":2' in amend["bytes"]
    assert b'"note":"ring twice"' in amend["bytes"]
    assert b'"due_us":1764090000000000' in amend["bytes"]
    assert story.decided() == [("placed", "store-1")]


def test_a_change_sent_twice_with_one_key_happens_once(story: Story) -> None:
    story.place()
    path, body = f"/api/orders/{story.order['number']}/change", {"reason": "x", "note": "bell"}
    headers = {"idempotency-key": "c-1"}

    first = story.channel.client.post(path, json=body, headers=headers)
    again = story.channel.client.post(path, json=body, headers=headers)

    assert (first.status_code, again.json()) == (200, first.json())
    assert story.kinds().count("order.changed") == 1


def test_a_sale_at_a_counter_can_be_neither_cancelled_nor_changed_here(story: Story) -> None:
    shop = story.shops["store-1"]
    shop.open()
    shop.sell(("A", 1, 999))
    send(story.hub, shop)
    [order] = story.channel.ask("GET", "/api/orders")["orders"]
    story.order = order

    assert story.cancel(status=409)["code"] == "not_for_later"
    assert story.change(note="x", status=409)["code"] == "not_for_later"
    assert story.channel.ask("POST", f"/api/orders/{order['number']}/route", status=409)["code"] == (
        "nothing_loose"
    )


def test_tables_made_anew_from_the_log_are_the_same_after_all_of_it(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    first = rows(story.hub, decisions)[-1]["location"]
    story.leave(first)
    story.tell(later.AssignmentRejected(**story.assignment, reason=RejectReason.OTHER, lines=back(1)), first)
    story.cancel()
    story.place(customer={"last_name": "Byron"})
    story.leave()
    story.change(promise={"kind": "collect", "location": "store-2"}, note="ring twice")
    story.tell(later.AssignmentCancelled(**story.assignment, lines=back(2)))
    story.cancel(lines=[{"line_no": 1, "units": 1}])

    assert verify(story.hub) == {}
