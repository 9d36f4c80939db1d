"""Changing the lines of an order at the hub: at once where nobody holds them, else once its store answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.capture.rows import order_requests
from hub.database import HubDatabase
from hub.notify.rows import notices
from hub.payments.rows import gateway_commands
from hub.rebuild import verify
from hub.route.rows import decisions
from protocol import later
from protocol.fulfilment import AssignedLine, PutBackLine, UnitsLine, Verified
from tests.support.changing import answer_change
from tests.support.promising import Story, rights, rows


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def paid(amount_minor: int, reference: str = "ch_9") -> dict[str, Any]:
    return {"gateway": "psp", "reference": reference, "amount_minor": amount_minor}


def lines_of(story: Story) -> list[tuple[int, str, int, int, int]]:
    return [
        (line["line_no"], line["sku"], line["quantity"], line["cancelled"], line["fulfilled"])
        for line in story.seen()["lines"]
    ]


def test_an_item_is_added_and_the_store_that_holds_the_rest_fetches_it_too(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()

    done = story.change(lines=[{"sku": "B", "quantity": 1}])

    assert (done["added"], done["changed"], done["requested"], done["told"]) == (
        [{"line_no": 2, "units": 1}],
        ["lines"],
        [],
        ["store-1"],
    )
    assert done["money"] == {
        "currency": "GBP",
        "before_minor": 20_00,
        "after_minor": 25_00,
        "difference_minor": 5_00,
        "tax_difference_minor": 83,
        "paid_minor": 20_00,
        "due_minor": 5_00,
        "refund_minor": 0,
    }
    assert rights(story.hub, "store-1", "B")[:3] == (2, 1, 0)
    assert story.told()[-2:] == ["assignment.amend", "assignment.change"]
    assert story.seen()["order"]["total_minor"] == 25_00

    answer_change(story)

    [part] = story.parts()
    assert [(line["line_no"], line["quantity"]) for line in part["lines"]] == [(1, 2), (2, 1)]
    assert story.decided() == [("placed", "store-1"), ("changed", "store-1")]
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_more_of_a_line_is_a_line_of_its_own_at_the_price_it_had(story: Story) -> None:
    story.place(lines=[{"sku": "A", "quantity": 1, "unit_price_minor": 9_00}])
    story.leave()

    done = story.change(lines=[{"line_no": 1, "quantity": 3}])

    assert (done["money"]["before_minor"], done["money"]["after_minor"]) == (9_00, 27_00)
    assert lines_of(story) == [(1, "A", 1, 0, 0), (2, "A", 2, 0, 0)]
    assert rights(story.hub, "store-1", "A")[:2] == (5, 3)


def test_fewer_of_a_line_are_asked_of_the_store_which_keeps_the_rest(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()

    done = story.change(lines=[{"line_no": 1, "quantity": 1}])

    assert (done["requested"], done["changed"], done["money"]["refund_minor"]) == (["store-1"], [], 10_00)
    assert story.told()[-1] == "assignment.change"
    assert lines_of(story) == [(1, "A", 2, 0, 0)]
    assert story.change(status=409, lines=[{"sku": "B", "quantity": 1}])["code"] == "already_requested"

    answer_change(story)

    assert lines_of(story) == [(1, "A", 2, 1, 0)]
    assert rights(story.hub, "store-1", "A")[:3] == (5, 2, 1)
    assert [row["amount_minor"] for row in rows(story.hub, gateway_commands)] == [10_00]
    assert story.decided() == [("placed", "store-1")]
    assert [row["outcome"] for row in rows(story.hub, order_requests)] == ["done"]
    assert verify(story.hub) == {}


@pytest.mark.parametrize("code", ["picked_already", "checked_out", "unknown_kind"])
def test_a_store_that_cannot_leave_some_on_the_shelf_is_asked_for_all_of_its_part(
    story: Story, code: str
) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    story.change(lines=[{"line_no": 1, "quantity": 1}])

    answer_change(story, refused=code)
    assert (story.told()[-1], story.cards()) == ("assignment.cancel", [])
    story.tell(
        later.AssignmentCancelled(
            **story.assignment, lines=(PutBackLine(line_no=1, sku="A", lent=2, picked=2),)
        )
    )

    assert lines_of(story) == [(1, "A", 2, 1, 0)]
    assert story.decided() == [("placed", "store-1"), ("cancelled", "store-1")]
    assert rights(story.hub, "store-1", "A")[:3] == (5, 3, 2)
    assert [row["outcome"] for row in rows(story.hub, order_requests)] == ["done"]


def test_a_store_that_was_too_late_keeps_them_and_somebody_hears_of_it(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    story.change(lines=[{"line_no": 1, "quantity": 1}])

    answer_change(story, refused="too_late")

    assert lines_of(story) == [(1, "A", 2, 0, 0)]
    assert rights(story.hub, "store-1", "A")[:3] == (5, 2, 0)
    assert story.cards() == ["cancel_too_late"]
    assert rows(story.hub, gateway_commands) == []
    assert verify(story.hub) == {}


def test_another_item_takes_the_place_of_one_once_the_store_has_let_go_of_it(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()

    done = story.change(lines=[{"line_no": 1, "sku": "B", "quantity": 2}])

    assert (done["requested"], done["added"], done["money"]["refund_minor"]) == (["store-1"], [], 10_00)
    assert lines_of(story) == [(1, "A", 2, 0, 0)]
    assert rights(story.hub, "store-1", "B")[:2] == (2, 2)

    asked = answer_change(story)

    assert asked.added == (AssignedLine(line_no=2, sku="B", name="Article B", quantity=2),)
    assert lines_of(story) == [(1, "A", 2, 2, 0), (2, "B", 2, 0, 0)]
    assert rights(story.hub, "store-1", "A")[:3] == (5, 2, 2)
    assert [row["amount_minor"] for row in rows(story.hub, gateway_commands)] == [10_00]
    [part] = story.parts()
    assert [(line["line_no"], line["quantity"], line["given_up"]) for line in part["lines"]] == [
        (1, 2, 2),
        (2, 2, 0),
    ]
    assert part["assignment"]["state"] == "acknowledged"
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_what_takes_the_place_of_units_that_are_given_up_is_held_where_a_newer_rule_refuses_it(
    story: Story,
) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    story.change(lines=[{"line_no": 1, "sku": "B", "quantity": 2}])
    base = story.channel.ask("GET", "/api/check-rules")["version"]
    rule = {"rule_id": "r1", "kind": "customer", "order_limit_minor": 5_00, "outcome": "refuse"}
    story.channel.ask("PUT", "/api/check-rules", {"base": base, "rules": {"rules": [rule]}})

    answer_change(story)

    assert lines_of(story) == [(1, "A", 2, 2, 0), (2, "B", 2, 0, 0)]
    held = story.channel.ask("GET", f"/api/orders/{story.order['number']}/holds")
    assert [(each["code"], each["state"], each["facts"]["limit_minor"]) for each in held] == [
        ("customer_limit", "open", 5_00)
    ]
    assert story.told()[-1] == "order.holds"  # the store hands nothing over until somebody has decided
    assert verify(story.hub) == {}


def test_an_item_that_could_not_be_replaced_leaves_no_right_and_no_line_behind(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    story.change(lines=[{"line_no": 1, "sku": "B", "quantity": 2}])

    answer_change(story, refused="picking_begun")

    assert lines_of(story) == [(1, "A", 2, 0, 0)]
    assert rights(story.hub, "store-1", "B")[:3] == (2, 2, 2)
    assert story.cards() == ["cancel_too_late"]
    assert verify(story.hub) == {}


def test_what_a_store_would_not_fetch_too_becomes_a_part_of_its_own(story: Story) -> None:
    story.place()
    story.leave()
    story.change(lines=[{"sku": "B", "quantity": 1}])

    answer_change(story, refused="picking_begun")

    assert story.decided() == [("placed", "store-1"), ("changed", "store-1"), ("changed", "store-1")]
    assert story.told()[-1] == "assignment.offer"
    assert rights(story.hub, "store-1", "B")[:3] == (2, 2, 1)
    assert story.cards() == []
    assert verify(story.hub) == {}


def test_an_order_that_its_store_never_heard_of_is_changed_at_once_and_routed_whole(story: Story) -> None:
    story.place(payment=paid(20_00))

    done = story.change(lines=[{"line_no": 1, "sku": "B", "quantity": 1}])

    assert (done["requested"], done["changed"]) == ([], ["lines"])
    assert lines_of(story) == [(1, "A", 2, 2, 0), (2, "B", 1, 0, 0)]
    assert story.told() == ["withdrawn", "assignment.offer"] or story.told()[-1] == "assignment.offer"
    assert rights(story.hub, "store-1", "A")[:3] == (5, 2, 2)
    assert [row["amount_minor"] for row in rows(story.hub, gateway_commands)] == [15_00]
    assert verify(story.hub) == {}


def test_an_order_that_is_shipped_takes_more_on_only_with_its_payment(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    number = story.order["number"]
    location = story.order["assignments"][0]["location"]
    story.leave(location)

    refused = story.change(status=409, lines=[{"line_no": 1, "quantity": 2}])
    assert (refused["code"], refused["facts"]["due_minor"]) == ("unpaid", 10_00)
    over = story.change(status=422, lines=[{"line_no": 1, "quantity": 2}], payment=paid(10_01))
    assert over["code"] == "overpaid"
    done = story.change(lines=[{"line_no": 1, "quantity": 2}], payment=paid(10_00))

    assert (done["money"]["due_minor"], done["number"]) == (0, number)
    assert done["money"]["paid_minor"] == 24_00
    assert verify(story.hub) == {}


def test_a_change_says_what_it_comes_to_before_it_is_done_and_nothing_of_it_stays(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    before = len(story.kinds())

    seen = story.change(path="change/preview", lines=[{"sku": "B", "quantity": 1}])

    assert (seen["money"]["difference_minor"], seen["told"]) == (5_00, ["store-1"])
    assert len(story.kinds()) == before
    assert rights(story.hub, "store-1", "B")[:2] == (2, 0)
    done = story.change(lines=[{"sku": "B", "quantity": 1}], seen=seen["version"])
    assert done["money"] == seen["money"]
    stale = story.change(status=409, lines=[{"sku": "B", "quantity": 1}], seen=seen["version"])
    assert stale["code"] == "stale_version"


def test_a_change_of_lines_that_cannot_be_is_refused_and_changes_nothing(story: Story) -> None:
    story.place()
    story.leave()
    before = len(story.kinds())
    for said, status, code in (
        ({"lines": [{"line_no": 1, "quantity": 0}]}, 422, "invalid_field"),
        ({"lines": [{"line_no": 9, "quantity": 1}]}, 409, "no_such_line"),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, 422, "unknown_sku"),
        ({"lines": [{"quantity": 1}]}, 422, "no_line"),
        ({"lines": [{"line_no": 1, "quantity": 2}]}, 422, "nothing_to_change"),
        ({"lines": [{"line_no": 1, "quantity": 1}] * 2}, 422, "line_twice"),
        ({"lines": [{"sku": "C", "quantity": 1}]}, 409, "out_of_rights"),
        ({"lines": [{"line_no": 1, "sku": "C", "quantity": 1}]}, 409, "out_of_rights"),
        ({"payment": paid(1), "note": "x"}, 422, "no_lines"),
        (
            {
                "lines": [{"sku": "B", "quantity": 1}],
                "promise": {"kind": "collect", "location": "store-2"},
            },
            409,
            "one_at_a_time",
        ),
    ):
        assert story.change(status=status, **said)["code"] == code, said
    assert len(story.kinds()) == before
    assert rows(story.hub, order_requests) == []


def test_nothing_is_added_to_an_order_that_is_gone_or_at_a_store_that_is_silent(story: Story) -> None:
    story.place()
    story.leave()
    story.channel.clock.at_us += 6 * 60 * 1_000_000

    silent = story.change(status=409, lines=[{"sku": "B", "quantity": 1}])
    assert (silent["code"], silent["facts"]["reasons"][0]["code"]) == ("out_of_rights", "STALE")

    story.tell(
        later.AssignmentHandedOver(
            **story.assignment,
            handover_id="h-1",
            lines=(UnitsLine(line_no=1, sku="A", lent=2),),
            verified=Verified.CODE,
        )
    )
    assert story.change(status=409, lines=[{"sku": "B", "quantity": 1}])["code"] == "nothing_open"


def test_units_are_cancelled_after_picking_began_and_the_store_keeps_the_rest(story: Story) -> None:
    story.place(payment=paid(20_00))
    story.leave()
    story.tell(later.PickStarted(**story.assignment, list_id="L-1"))

    asked = story.cancel(lines=[{"line_no": 1, "units": 1}])
    assert (asked["requested"], story.told()[-1]) == (["store-1"], "assignment.change")
    answer_change(story)

    assert lines_of(story) == [(1, "A", 2, 1, 0)]
    [part] = story.parts()
    assert part["assignment"]["state"] == "picking"
    assert story.decided() == [("placed", "store-1")]
    refused = story.change(lines=[{"sku": "B", "quantity": 1}])
    assert refused["told"] == []  # the store has begun, so what is added is a part of its own
    assert story.told()[-1] in {"assignment.offer", "assignment.amend"}
    assert verify(story.hub) == {}


def test_a_channel_sends_its_order_with_other_lines_and_the_difference_is_taken_over(story: Story) -> None:
    order = story.channel.collect(lines=[{"sku": "A", "quantity": 2}], payment=paid(20_00))
    story.order = story.channel.send(order)
    story.leave()

    newer = {**order, "version": 2, "lines": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]}
    answer = story.channel.send(newer, status=200)

    assert (answer["version"], answer["total_minor"]) == (2, 25_00)
    dearer = {**newer, "version": 3, "lines": [{"sku": "A", "quantity": 3, "unit_price_minor": 11_00}]}
    assert story.channel.send(dearer, status=409)["code"] == "price_is_fixed"


def test_the_customer_hears_of_a_change_in_one_mail(story: Story) -> None:
    customer = {"first_name": "Ada", "email": "ada@example.org"}
    story.place(customer=customer, payment=paid(20_00))

    story.change(lines=[{"line_no": 1, "sku": "B", "quantity": 1}])

    assert [row["kind"] for row in rows(story.hub, notices)].count("changed") == 1
    assert "cancelled" not in [row["kind"] for row in rows(story.hub, notices)]


def test_every_decision_keeps_how_old_the_knowledge_of_each_location_was(story: Story) -> None:
    story.channel.clock.at_us += 20 * 1_000_000

    story.order = story.channel.send(story.channel.ship())

    [decision] = story.channel.ask("GET", f"/api/orders/{story.order['number']}/decisions")
    assert decision["ages"] == {"store-1": 20, "store-2": 20, "store-3": 20}
    assert len(rows(story.hub, decisions)) == 1
