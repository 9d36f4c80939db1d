"""Orders that a store took, while others record things about them: both ends have one account of it."""

from pathlib import Path

from tests.support.both_ends import BothEnds
from tests.support.later import AnsweringHub, go_online, york


def test_what_was_paid_online_or_at_another_store_is_not_asked_for_again(ends: BothEnds) -> None:
    ends.take_order(("MUG-1", 4), deposit_minor=5_00)
    ends.meet()

    ends.pay_online(10_00)
    ends.pay_at_other_store(3_00)
    ends.meet()

    assert ends.due() == (12_00, 12_00)
    assert ends.pay().json()["amount_minor"] == 12_00


def test_what_is_added_at_the_hub_is_a_part_of_its_own_and_is_due_at_the_till(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()

    done = ends.change({"sku": "BOOK-1", "quantity": 1})
    assert (done["requested"], done["told"], done["money"]["due_minor"]) == ([], [], 9_99)
    assert ends.due() == (0, 9_99)  # the store is dark: it asks for what it knows
    ends.meet()

    assert ends.due() == (9_99, 9_99)
    lines = [(line["sku"], line["quantity"], line["elsewhere"]) for line in ends.seen()["lines"]]
    assert lines == [("MUG-1", 2, False), ("BOOK-1", 1, True)]
    [added] = [each for each in ends.parts() if each != ends.own]
    assert ends.view(added)["due_minor"] == 9_99
    ends.ready(ends.own)
    ends.ready(added)
    check = ends.recognise(ends.own, ends.code())
    unpaid = ends.verb(f"assignments/{ends.own}/hand-over", 409, verification=check)
    assert unpaid["code"] == "unpaid_rest"
    assert ends.pay().json()["due_minor"] == 0
    for part in (ends.own, added):
        check = ends.recognise(part, ends.code())
        ends.verb(f"assignments/{part}/hand-over", verification=check)
    ends.meet()

    assert ends.seen()["head"]["state"] == ends.at_hub()["order"]["state"] == "handed_over"
    assert ends.due() == (0, 0)
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_a_store_that_was_dark_hands_over_what_was_paid_and_the_difference_stays_due(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()
    ends.change({"sku": "BOOK-1", "quantity": 1})
    ends.ready(ends.own)
    check = ends.recognise(ends.own, ends.code())
    ends.verb(f"assignments/{ends.own}/hand-over", verification=check)
    assert ends.seen()["head"]["state"] == "handed_over"

    ends.meet()

    assert ends.seen()["head"]["state"] == "routed"
    assert ends.due() == (9_99, 9_99)
    page = ends.store.get(f"/orders/{ends.order['number']}").text
    assert "Partly with the customer" in page
    assert "1 added." in page
    [added] = [each for each in ends.parts() if each != ends.own]
    ends.ready(added)
    check = ends.recognise(added, ends.code())
    unpaid = ends.verb(f"assignments/{added}/hand-over", 409, verification=check)
    assert unpaid["code"] == "unpaid_rest"
    assert ends.pay().json()["due_minor"] == 0
    ends.verb(f"assignments/{added}/hand-over", verification=check)
    ends.meet()
    assert (ends.due(), ends.cards()) == ((0, 0), [])
    assert ends.differences(tmp_path) == ((), {})


def test_units_that_the_hub_cancelled_are_not_cancelled_again_and_their_money_goes_back_with_the_rest(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 4))
    ends.meet()
    ends.change({"line_no": 1, "quantity": 3})
    ends.down()  # the store has left one on its shelf; nobody has heard that yet
    refused = ends.cancel((1, 4))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_units")

    ends.meet()

    [line] = ends.seen()["lines"]
    assert (line["cancelled"], line["open"]) == (1, 3)
    gone = ends.cancel().json()
    assert (gone["state"], gone["refund_minor"]) == ("cancelled", 30_00)
    ends.meet()
    assert [line["cancelled"] for line in ends.at_hub()["lines"]] == [4]
    assert ends.due() == (0, 0)
    assert ends.at_hub()["later"]["owed_minor"] == 0
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_what_was_paid_online_goes_back_online_and_the_till_gives_back_only_the_rest(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2), deposit_minor=5_00)
    ends.meet()
    ends.pay_online(10_00)
    ends.meet()

    preview = ends.store.post(f"/api/later/{ends.order['number']}/cancel/preview", {}).json()
    assert (preview["refund_minor"], preview["online_minor"]) == (5_00, 10_00)
    gone = ends.cancel((1, 1)).json()
    assert (gone["refund_minor"], gone["online_minor"]) == (0, 7_50)
    ends.meet()
    gone = ends.cancel().json()
    assert (gone["refund_minor"], gone["online_minor"]) == (5_00, 2_50)
    ends.meet()

    assert ends.ordered_back() == [7_50, 2_50]
    assert ends.at_hub()["later"]["owed_minor"] == 10_00  # on its way back online
    assert ends.cards() == ["refund_to_make", "refund_to_make"] or ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_one_item_in_the_place_of_another_waits_for_the_store_and_is_routed_then(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2), ("BOOK-1", 1))
    ends.meet()

    done = ends.change({"line_no": 1, "sku": "COAT-M", "quantity": 1, "unit_price_minor": 20_00})
    assert (done["requested"], done["added"]) == (["store-1"], [])
    ends.meet()

    told = ends.bodies("assignment.changed")
    assert [(each["dropped"][0]["bound"], each.get("added", [])) for each in told] == [(2, [])]
    seen = [(line["sku"], line["cancelled"], line["open"]) for line in ends.seen()["lines"]]
    assert seen == [("MUG-1", 2, 0), ("BOOK-1", 0, 1), ("COAT-M", 0, 1)]
    assert ends.due() == (5_00, 5_00)
    assert len(ends.parts()) == 2
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_all_of_an_own_part_may_be_replaced(ends: BothEnds, tmp_path: Path) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()

    ends.change({"line_no": 1, "sku": "BOOK-1", "quantity": 1})
    ends.meet()

    assert [(line["sku"], line["open"]) for line in ends.seen()["lines"]] == [("MUG-1", 0), ("BOOK-1", 1)]
    assert ends.view(ends.own)["state"] == "cancelled"
    page = ends.store.get(f"/orders/{ends.order['number']}").text
    assert "Cancelled here" in page
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_a_store_that_cancels_while_the_hub_adds_leaves_both_standing_and_a_card(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()
    ends.change({"sku": "BOOK-1", "quantity": 1})
    gone = ends.cancel().json()
    assert (gone["state"], gone["refund_minor"]) == ("cancelled", 15_00)

    ends.meet()

    assert ends.seen()["head"]["state"] == "routed"
    assert ends.due() == (9_99, 9_99)
    assert sorted(ends.cards()) == ["both_changed", "refund_not_owed"]
    number = ends.order["number"]
    assert ends.cancel().json()["error"]["code"] == "held_elsewhere"
    ends.channel.ask("POST", f"/api/orders/{number}/cancel", {"reason": "not wanted either"})
    ends.meet()
    assert ends.cards() == []
    assert (ends.due(), ends.seen()["head"]["state"]) == ((0, 0), "cancelled")
    assert ends.differences(tmp_path) == ((), {})


def test_what_went_back_too_much_is_due_and_is_held_once_it_is_paid(ends: BothEnds, tmp_path: Path) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()
    ends.change({"sku": "BOOK-1", "quantity": 1})
    ends.cancel()
    ends.meet()

    assert ends.pay().json()["amount_minor"] == 9_99
    ends.meet()

    money = ends.at_hub()["later"]
    assert (money["deposits_minor"], money["owed_minor"], money["due_minor"]) == (9_99, 0, 0)
    assert ends.cards() == ["both_changed"]
    assert ends.differences(tmp_path) == ((), {})


def test_what_the_hub_cancelled_is_given_back_at_the_till_that_took_it(
    ends: BothEnds, tmp_path: Path
) -> None:
    ends.take_order(("MUG-1", 4))
    ends.meet()
    ends.change({"line_no": 1, "quantity": 2})
    ends.meet()
    path = f"/api/later/{ends.order['number']}/refunds"
    body = {"key": "back", "reason": "Cancelled at the hub"}
    assert "Give back £15.00" in ends.store.get(f"/orders/{ends.order['number']}").text

    given = ends.store.post(path, body, role="manager")

    assert (given.status_code, given.json()["amount_minor"]) == (201, 15_00)
    again = ends.store.post(path, body, role="manager")
    assert (again.status_code, again.json()) == (200, given.json())
    refused = ends.store.post(path, {**body, "key": "more"}, role="manager")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "nothing_owed")
    ends.meet()
    money = ends.at_hub()["later"]
    assert (money["deposits_minor"], money["owed_minor"], money["due_minor"]) == (15_00, 0, 0)
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_the_page_gives_back_what_is_owed(ends: BothEnds) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()
    ends.change({"line_no": 1, "quantity": 1})
    ends.meet()

    page = ends.press(f"/orders/{ends.order['number']}/back")

    assert "Give back" not in page
    assert "£7.50 given back" in page


def test_what_is_owed_pays_for_what_is_ordered_next(ends: BothEnds, tmp_path: Path) -> None:
    ends.take_order(("MUG-1", 4))
    ends.meet()
    ends.change({"line_no": 1, "quantity": 3})
    ends.meet()
    assert ends.at_hub()["later"]["owed_minor"] == 7_50

    ends.change({"sku": "BOOK-1", "quantity": 1})
    ends.meet()

    assert ends.at_hub()["later"]["owed_minor"] == 0
    assert ends.due() == (2_49, 2_49)
    assert ends.pay().json()["due_minor"] == 0
    ends.meet()
    assert ends.due() == (0, 0)
    assert ends.differences(tmp_path) == ((), {})


def test_a_store_cancels_only_what_it_keeps_and_the_way_to_the_customer_stays(ends: BothEnds) -> None:
    ends.take_order(("MUG-1", 1), way="ship")
    ends.meet()
    paid = {"gateway": "psp", "reference": "ch_2", "amount_minor": 9_99}
    ends.change({"sku": "BOOK-1", "quantity": 1}, payment=paid)
    ends.meet()

    page = ends.store.get(f"/orders/{ends.order['number']}/cancel").text
    assert "1 with the hub" in page
    gone = ends.cancel().json()

    assert (gone["state"] != "cancelled", gone["refund_minor"], gone["online_minor"]) == (True, 0, 7_50)
    ends.meet()
    assert [line["open"] for line in ends.seen()["lines"]] == [0, 1, 1]


def test_what_the_store_itself_records_is_not_told_to_it(ends: BothEnds) -> None:
    ends.take_order(("MUG-1", 2), deposit_minor=5_00)
    ends.pay()
    ends.cancel((1, 1))
    ends.up()

    assert ends.told() == []


def test_an_order_of_the_hub_is_nobodys_account(ends: BothEnds) -> None:
    ends.order = ends.channel.send(ends.channel.collect("store-1", lines=[{"sku": "MUG-1", "quantity": 1}]))
    ends.pay_online(7_50)

    assert "order.elsewhere" not in ends.told()


def test_a_store_is_told_of_an_order_that_goes_elsewhere_too(ends: BothEnds, tmp_path: Path) -> None:
    go_online(ends.store, AnsweringHub([york()]))
    ends.take_order(("MUG-1", 2), way="elsewhere", location="store-2", deposit_minor=5_00)
    ends.meet()

    ends.pay_at_other_store(10_00)
    ends.meet()

    assert ends.due() == (0, 0)
    assert ends.differences(tmp_path) == ((), {})


def test_a_hold_of_the_store_or_of_the_hub_counts_at_both_ends_until_it_is_decided(
    ends: BothEnds, tmp_path: Path
) -> None:
    rule = {"rule_id": "limit", "kind": "customer", "order_limit_minor": 20_00, "blocks": ["handover"]}
    ends.channel.ask("PUT", "/api/check-rules", {"base": 0, "rules": {"rules": [rule]}})
    ends.meet()
    ends.take_order(("MUG-1", 4))
    ends.meet()
    holds = f"/api/orders/{ends.order['number']}/holds"
    theirs = [each for each in ends.channel.ask("GET", holds) if each["state"] == "open"]
    assert [(each["location"], each["code"]) for each in theirs] == [("store-1", "customer_limit")]
    ours = ends.channel.ask("POST", holds, {"reason": "address", "blocks": ["handover"]}, status=201)
    ends.meet()
    ends.ready(ends.own)
    check = ends.recognise(ends.own, ends.code())

    for hold_id in (theirs[0]["hold_id"], ours["hold_id"]):
        refused = ends.verb(f"assignments/{ends.own}/hand-over", 409, verification=check)
        assert refused["code"] == "on_hold"
        ends.channel.ask("POST", f"/api/holds/{hold_id}/release", {})
        ends.meet()

    ends.verb(f"assignments/{ends.own}/hand-over", verification=check)
    ends.meet()
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})


def test_a_rejected_hold_cancels_the_order_where_its_goods_are(ends: BothEnds, tmp_path: Path) -> None:
    ends.take_order(("MUG-1", 2))
    ends.meet()
    ends.channel.ask("POST", f"/api/orders/{ends.order['number']}/holds", {"reason": "stolen"}, status=201)
    ends.meet()
    [held] = ends.channel.ask("GET", f"/api/orders/{ends.order['number']}/holds")
    ends.channel.ask("POST", f"/api/holds/{held['hold_id']}/reject", {"reason": "stolen card"})
    assert ends.at_hub()["order"]["state"] != "cancelled"

    ends.meet()
    ends.meet()

    assert ends.at_hub()["order"]["state"] == "cancelled"
    assert ends.view(ends.own)["state"] == "cancelled"
    assert ends.cards() == []
    assert ends.differences(tmp_path) == ((), {})
