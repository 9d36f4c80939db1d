"""Orders that wait for goods on their way: who is promised them, what arrives, and what does not."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.database import HubDatabase
from hub.fleet.steps import revoke
from hub.holds.restored import look_at_restored
from hub.link import watch
from hub.link.epochs import HUB_RESTORED, fence
from hub.rebuild import verify
from hub.route.moving import try_waiting
from hub.stock.claim_rows import inbound_ahead
from protocol import later
from tests.support.inbound import DAY_US, Yard, iso
from tests.support.promising import MINUTE_US, Channel, rows


@pytest.fixture
def yard(hub_database: HubDatabase) -> Iterator[Yard]:
    made = Yard(hub_database)
    yield made
    assert made.is_sound()
    made.channel.close()


def test_an_order_that_nothing_free_keeps_waits_for_a_delivery_and_is_routed_when_its_rights_come(
    yard: Yard,
) -> None:
    goods = yard.send_goods()
    order = yard.buy(3)

    assert "waits for 3 of transfer HBX-00001, expected Thu 27 Nov" in order["sentence"]
    assert (order["state"], order["assignments"], yard.claims()) == ("captured", [], [("open", 3, 0)])
    assert yard.cards() == []

    yard.vector(8)

    (part,) = yard.parts()
    assert (part["assignment"]["location"], part["assignment"]["state"]) == ("store-1", "proposed")
    assert (yard.claims(), yard.free()) == ([("used", 3, 3)], 5)
    yard.receive(goods, 8)
    assert (yard.free(), yard.cards(), verify(yard.hub)) == (5, [], {})
    assert [body.trigger for body in yard.bodies(later.OrderRouted)] == ["arrived"]


def test_the_receipt_may_be_heard_before_its_rights_and_both_again_and_late(yard: Yard) -> None:
    goods = yard.send_goods()
    yard.buy(3)

    yard.receive(goods, 8)
    waits, cards = yard.claims(), yard.cards()
    yard.vector(8)
    yard.again(8)
    yard.again(0, version=1)

    assert (waits, cards) == ([("open", 3, 0)], [])
    assert (yard.claims(), yard.free(), yard.cards()) == ([("used", 3, 3)], 5, [])


def test_the_earliest_promise_is_served_first_and_the_latest_falls_when_goods_come_short(yard: Yard) -> None:
    goods = yard.send_goods(8)
    late, early = yard.buy(5, days=8), yard.buy(3, days=4)

    yard.receive(goods, 5)
    yard.vector(5)

    assert yard.claims(early) == [("used", 3, 3)]
    assert yard.claims(late) == [("ended", 5, 0)]
    (told,) = yard.bodies(later.OrderUnroutable)
    assert told.order_id == late["order_id"]
    assert told.sentence.startswith("5 of A did not come with transfer HBX-00001 as expected. No location")
    assert (sorted(yard.cards()), yard.free()) == (["transfer_short", "unroutable"], 2)


def test_what_arrived_in_part_is_free_again_when_the_receipt_says_that_no_more_comes(yard: Yard) -> None:
    goods = yard.send_goods(8)
    early, late = yard.buy(3, days=4), yard.buy(5, days=8)

    yard.vector(5)
    partly = yard.claims(late)
    yard.receive(goods, 5)

    assert yard.claims(early) == [("used", 3, 3)]
    assert (partly, yard.claims(late)) == ([("open", 5, 2)], [("ended", 5, 2)])
    assert (sorted(yard.cards()), yard.free(), verify(yard.hub)) == (["transfer_short", "unroutable"], 2, {})


def test_rights_that_came_before_their_receipt_are_not_promised_as_inbound_again(yard: Yard) -> None:
    yard.send_goods(8)
    yard.vector(8)
    yard.buy(8)

    refused = yard.channel.send(yard.due(5), status=409)

    assert (refused["code"], yard.claims(), yard.free()) == ("out_of_rights", [], 0)


def test_rights_that_came_before_the_answer_about_their_transfer_are_not_promised_as_inbound_again(
    yard: Yard,
) -> None:
    sent = yard.send_goods(8, acknowledged=False)
    yard.vector(8)
    yard.vector(8, P=0, want_back=8)  # the store has sold them meanwhile, and has its rights back
    yard.acknowledge(sent["transfer_id"])

    refused = yard.channel.send(yard.due(5), status=409)

    assert (refused["code"], yard.claims(), yard.free()) == ("out_of_rights", [], 8)
    yard.receive(sent, 8)
    assert rows(yard.hub, inbound_ahead) == []


def test_a_unit_that_is_free_is_not_said_to_be_on_its_way_as_well(yard: Yard) -> None:
    yard.send_goods(8)
    yard.send_goods(2, days=4)
    yard.vector(8)

    (said,) = yard.channel.ask("GET", "/api/availability?sku=A")
    listed = yard.channel.ask("GET", "/api/transfers/inbound?sku=A")

    assert (said["promisable"], said["inbound"]) == (8, 2)
    assert [each["units"] for each in listed] == [2]


def test_two_orders_race_for_the_last_unit_on_its_way_and_one_gets_it(
    yard: Yard, hub_database: HubDatabase
) -> None:
    yard.send_goods(1)
    other = Channel(hub_database, name="two")
    orders = [(channel, yard.due(5, external_id=f"R-{n}")) for n, channel in enumerate((yard.channel, other))]
    ready = threading.Barrier(2)

    def place(channel: Channel, order: dict[str, Any]) -> int:
        ready.wait(10)
        return channel.client.post("/api/orders", json=order).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = [each.result(20) for each in [pool.submit(place, *each) for each in orders]]

    assert sorted(answers) == [201, 409]
    assert yard.claims() == [("open", 1, 0)]


def test_goods_without_a_day_or_too_late_for_the_promise_are_not_waited_for(yard: Yard) -> None:
    yard.send_goods(4, days=0)
    yard.send_goods(4, days=6)

    refused = yard.channel.send(yard.due(5), status=409)

    assert (refused["code"], yard.claims()) == ("out_of_rights", [])


def test_a_cancelled_order_gives_its_claim_up_and_the_next_one_waits_instead(yard: Yard) -> None:
    yard.send_goods(3)
    yard.buy(3)
    yard.channel.send(yard.due(5), status=409)

    yard.cancel()
    then = yard.buy(2)

    assert yard.claims() == [("ended", 3, 0), ("open", 2, 0)]
    assert "waits for 2" in then["sentence"]


def test_an_order_of_which_a_part_is_cancelled_waits_for_the_rest(yard: Yard) -> None:
    yard.send_goods(3)
    yard.buy(3)

    yard.cancel(lines=[{"line_no": 1, "units": 1}])

    assert yard.claims() == [("ended", 3, 0), ("open", 2, 0)]
    assert [body.trigger for body in yard.bodies(later.OrderWaits)] == ["placed", "changed"]


def test_what_is_free_is_held_beside_what_comes_and_nothing_is_begun_before(
    hub_database: HubDatabase,
) -> None:
    yard = Yard(hub_database, store_1={"A": 2})
    yard.versions["store-1", "A"] = 1
    yard.send_goods(4)
    yard.buy(3)
    before, free, told = yard.claims(), yard.free(), yard.told("store-1")

    yard.vector(6)

    assert (sorted(before), free) == ([("open", 1, 0), ("open", 2, 2)], 0)
    assert "assignment.offer" not in told
    assert sorted(yard.claims()) == [("used", 1, 1), ("used", 2, 2)]
    (part,) = yard.parts()
    assert ([line["quantity"] for line in part["lines"]], yard.free(), yard.is_sound()) == ([3], 3, True)


def test_what_is_held_for_an_order_that_waits_is_given_up_first_when_units_are_missing(
    hub_database: HubDatabase,
) -> None:
    yard = Yard(hub_database, store_1={"A": 2})
    yard.send_goods(4)
    yard.buy(3)

    yard.vector(2, d=1)

    assert {state for state, _units, _arrived in yard.claims()} == {"ended"}
    assert (yard.cards(), yard.is_sound()) == (["unroutable"], True)


def test_goods_that_are_overdue_are_waited_for_as_long_as_the_promise_could_be_kept(yard: Yard) -> None:
    yard.send_goods(4, days=3)
    yard.buy(2, days=4)
    yard.buy(2, days=6)

    first = (yard.look(days=3.5), yard.claims())
    second = (yard.look(days=0.6), yard.claims(), yard.cards())
    yard.vector(4)

    assert first == (0, [("open", 2, 0), ("open", 2, 0)])
    assert second == (1, [("ended", 2, 0), ("open", 2, 0)], ["unroutable"])
    assert yard.claims() == [("ended", 2, 0), ("used", 2, 2)]


def test_a_transfer_that_is_to_come_later_ends_what_cannot_wait_so_long(yard: Yard) -> None:
    goods = yard.send_goods(4, days=3)
    yard.buy(2, days=4)
    yard.buy(2, days=6)
    until = {"arrive_by_us": yard.channel.clock.at_us + 5 * DAY_US, "reason": "snow"}

    yard.channel.ask("POST", f"/api/transfers/{goods['number']}/wait", until)

    assert yard.claims() == [("ended", 2, 0), ("open", 2, 0)]
    assert yard.cards() == ["unroutable"]


def test_goods_that_somebody_writes_off_are_waited_for_by_nobody(yard: Yard) -> None:
    goods = yard.send_goods(4)
    yard.buy(2)
    lost = {"lines": [{"line_no": 1, "sku": "A", "choice": "write_off"}], "reason": "the van burnt out"}

    yard.channel.ask("POST", f"/api/transfers/{goods['number']}/decide", lost)

    assert (yard.claims(), yard.cards()) == ([("ended", 2, 0)], ["unroutable"])
    assert verify(yard.hub) == {}


def test_a_location_whose_rights_are_opened_anew_lets_nobody_wait(yard: Yard) -> None:
    yard.send_goods(4)
    yard.buy(2)

    yard.hub.database.write(lambda unit: fence(unit, "store-1", HUB_RESTORED, clock=yard.hub.clock))

    assert (yard.look(), yard.claims(), yard.cards()) == (1, [("ended", 2, 0)], ["unroutable"])


@pytest.mark.parametrize("how", ["waits", "card", "by hand"])
def test_what_nobody_had_before_a_restore_waits_until_every_location_has_spoken(
    hub_database: HubDatabase, how: str
) -> None:
    yard = Yard(hub_database, store_3={})
    if how == "waits":
        yard.send_goods(4)
    due = {"kind": "ship", "due_at": iso(yard.channel.clock.at_us + 5 * DAY_US)}
    yard.order = yard.channel.send(yard.channel.ship(promise=due, sold_already=True))
    yard.channel.clock.at_us += MINUTE_US
    yard.hub.database.write(lambda unit: watch.begin(unit, yard.hub, why="restored"))
    yard.channel.clock.at_us += MINUTE_US
    yard.speaks("store-3", lends=4)

    path = f"/api/orders/{yard.order['number']}/route"
    asked = yard.channel.ask("POST", path) if how == "by hand" else {}
    tried = (yard.look(), try_waiting(yard.hub).moved)
    held = yard.bodies(later.OrderRouted)
    for edge in ("store-1", "store-2"):
        yard.speaks(edge)
    look_at_restored(yard.hub)

    assert (tried[1], held) == (0, [])
    assert "not every location has said" in asked.get("sentence", "not every location has said")
    assert yard.claims() == ([("ended", 1, 0)] if how == "waits" else [])
    assert [body.trigger for body in yard.bodies(later.OrderRouted)] == ["released"]
    assert "unroutable" not in yard.cards()


def test_a_location_that_is_shut_out_lets_nobody_wait(yard: Yard) -> None:
    yard.send_goods(4)
    yard.buy(2)

    yard.hub.database.write(lambda unit: revoke(unit, "store-1"))

    assert (yard.look(), yard.claims(), yard.cards()) == (1, [("ended", 2, 0)], ["unroutable"])


def test_an_order_that_nobody_could_fulfil_waits_once_something_is_on_its_way(yard: Yard) -> None:
    order = yard.buy(2, days=8, sold_already=True)
    assert yard.cards() == ["unroutable"]

    yard.send_goods(4)
    moved = try_waiting(yard.hub)

    assert (moved.moved, yard.claims(order), yard.cards()) == (1, [("open", 2, 0)], [])


def test_routing_by_hand_decides_anew_about_what_waits(yard: Yard) -> None:
    order = yard.buy(2) if yard.send_goods(4) else {}
    again = yard.channel.ask("POST", f"/api/orders/{order['number']}/route")

    assert (again["routed"], "waits for 2" in again["sentence"]) == (False, True)
    assert yard.claims() == [("ended", 2, 0), ("open", 2, 0)]


def test_an_order_that_is_shipped_waits_too_and_goes_out_when_its_goods_are_there(yard: Yard) -> None:
    yard.send_goods(4)
    at = iso(yard.channel.clock.at_us + 5 * DAY_US)
    yard.order = yard.channel.send(yard.channel.ship(promise={"kind": "ship", "due_at": at}))
    waits = yard.claims()

    yard.vector(4)

    (part,) = yard.parts()
    assert waits == [("open", 1, 0)]
    assert (part["assignment"]["location"], part["assignment"]["service"]) == ("store-1", "standard")


def test_free_rights_come_before_goods_on_their_way(yard: Yard) -> None:
    yard.send_goods(4)
    yard.vector(1)

    yard.buy(1)

    assert (yard.claims(), yard.free()) == ([], 0)


def test_an_order_on_hold_keeps_what_arrived_for_it_until_it_is_released(yard: Yard) -> None:
    yard.send_goods(2)
    order = yard.buy(2)
    path = f"/api/orders/{order['number']}/holds"
    hold = yard.channel.ask("POST", path, {"reason": "look", "blocks": ["route"]}, status=201)
    yard.vector(2)
    kept = (yard.claims(), yard.free())

    yard.channel.ask("POST", f"/api/holds/{hold['hold_id']}/release", {"note": "fine"})

    assert kept == ([("open", 2, 2)], 0)
    assert (yard.claims(), len(yard.parts()), yard.is_sound()) == ([("used", 2, 2)], 1, True)


def test_a_day_that_rests_on_a_delivery_is_offered_where_nothing_is_earlier_and_its_order_claims(
    yard: Yard,
) -> None:
    goods = yard.send_goods(4)
    wish = {"kind": "collect", "location": "store-1", "lines": [{"sku": "A", "quantity": 3}]}

    shown = yard.channel.ask("POST", "/api/promise", wish)
    (option,) = shown["options"]
    promise = {"kind": "collect", "option": option["option"]}
    yard.order = yard.channel.send(
        yard.channel.collect(lines=[{"sku": "A", "quantity": 3}], promise=promise, external_id="P-1")
    )

    expected = {"transfer": "HBX-00001", "location": "store-1", "sku": "A", "units": 3}
    assert option["rests_on"] == [{**expected, "expected_us": goods["due_us"]}]
    assert option["promise"]["due_us"] >= goods["due_us"] + 30 * MINUTE_US
    assert yard.order["promise"]["due_us"] == option["promise"]["due_us"]
    assert yard.claims() == [("open", 3, 0)]


def test_what_can_be_sent_now_is_offered_without_any_delivery(hub_database: HubDatabase) -> None:
    yard = Yard(hub_database, store_3={"A": 3})
    yard.send_goods(4)
    wish = {"kind": "ship", "country": "GB", "postcode": "W1", "lines": [{"sku": "A", "quantity": 3}]}
    now = yard.channel.ask("POST", "/api/promise", wish)["options"]
    wish["lines"] = [{"sku": "A", "quantity": 4}]

    later_on = yard.channel.ask("POST", "/api/promise", wish)["options"]

    assert now
    assert later_on
    assert {bool(each["rests_on"]) for each in now} == {False}
    assert {bool(each["rests_on"]) for each in later_on} == {True}
    assert min(each["promise"]["deliver_us"] for each in later_on) > now[0]["promise"]["deliver_us"]
    assert [each["promise"]["price_minor"] for each in later_on] == [0, 0]


def test_a_reservation_rests_on_nothing_that_is_still_to_come(yard: Yard) -> None:
    yard.send_goods(4)
    at = iso(yard.channel.clock.at_us + 5 * DAY_US)
    promise = {"kind": "collect", "location": "store-1", "due_at": at}
    wanted = {"channel": "web", "lines": [{"sku": "A", "quantity": 1}], "promise": promise}

    refused = yard.channel.ask("POST", "/api/reservations", wanted, status=409)

    assert (refused["code"], yard.claims()) == ("out_of_rights", [])


def test_pages_and_programs_say_who_waits_for_what(yard: Yard) -> None:
    goods = yard.send_goods(8)
    order = yard.buy(3)
    (free,) = yard.channel.ask("GET", "/api/availability?sku=A")
    (coming,) = yard.channel.ask("GET", "/api/transfers/inbound?sku=A")
    transfer = yard.channel.ask("GET", f"/api/transfers/{goods['number']}")
    seen = yard.seen()
    (decided,) = yard.channel.ask("GET", f"/api/orders/{order['number']}/decisions")

    assert (free["inbound"], free["inbound_promised"], free["promisable"]) == (8, 3, 0)
    assert (coming["units"], coming["promised"]) == (8, 3)
    assert [(each["number"], each["units"]) for each in transfer["waiting"]] == [(order["number"], 3)]
    (wait,) = seen["later"]["waits"]
    assert (wait["transfer"], wait["units"], wait["arrived"]) == ("HBX-00001", 3, 0)
    assert [each["units"] for each in decided["body"]["waits"]] == [3]

    number = order["number"]
    paths = ("/stock/A", f"/transfers/{goods['number']}", f"/orders/{number}", f"/orders/{number}/routing")
    pages = [yard.channel.client.get(path, headers={"accept": "text/html"}) for path in paths]
    item, moving, page, _why = [each.text for each in pages]
    assert [each.status_code for each in pages] == [200, 200, 200, 200]
    assert "8 more are lent when they arrive, 3 of them promised" in item
    assert "Who waits for it" in moving
    assert f'href="/orders/{number}"' in moving
    assert "<h1>Waits for a delivery</h1>" in page
    assert "waits for 3 of transfer HBX-00001, expected Thu 27 Nov" in page
    assert "wait for a decision" not in page
