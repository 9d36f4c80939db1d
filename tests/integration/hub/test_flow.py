"""The flow map on both databases: counted from real orders, the same step by step and all at once."""

import pytest

from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.flow import reads
from hub.flow.reads import Behind, Filters, FlowMap, Numbers, orders_behind
from hub.flow.rows import flow_leaks, flow_stays
from hub.flow.steps import follow
from hub.flow.weeks import week_of
from hub.fulfil.rows import assignments
from hub.rebuild import verify
from hub.spine.rows import events
from hub.spine.steps import take_orders
from protocol import later
from protocol.dispositions import Disposition
from protocol.envelope import encode_event
from protocol.events import KIND_OF, ReturnAdvanced, ReturnInspected
from protocol.money import round_ratio
from protocol.orders import TenderKind, WireModel
from tests.integration.hub.test_fulfil import a_company, newest, routed, tell, where
from tests.support.hub import MONDAY_US, TestClock, send
from tests.support.inbound import Yard
from tests.support.later_shop import promised, web_order
from tests.support.returns_shop import ReturnsShop, money

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
WEEK = week_of(MONDAY_US, "Europe/London")


def seen(hub: Hub, **asked: str) -> FlowMap:
    by = asked.pop("by", "store")
    with hub.database.read() as connection:
        return reads.flow_map(
            connection,
            Filters(WEEK, "Europe/London", **asked),
            by=by,  # type: ignore[arg-type]  # one of its words
            now_us=hub.clock.now_us(),
        )


def stage(found: FlowMap, key: str) -> Numbers:
    return next(one for one in found.stages if one.key == key)


def behind(hub: Hub, what: str, of: str = "") -> Behind:
    with hub.database.read() as connection:
        return orders_behind(
            connection,
            Filters(WEEK, "Europe/London"),
            what=what,  # type: ignore[arg-type]  # one of its words
            stage=of,
            now_us=hub.clock.now_us(),
            limit=50,
        )


def dearer(hub: Hub, first: str, second: str) -> int:
    """Return what the second location costs beyond the two of three units that the first gave up."""
    with hub.database.read() as connection:
        cost = {
            row.assignment_id: row.cost_minor
            for row in connection.execute(
                assignments.select().where(assignments.c.assignment_id.in_((first, second)))
            )
        }
    return int(cost[second]) - round_ratio(cost[first] * 2, 3)


def wait(hub: Hub, hours: float) -> None:
    assert isinstance(hub.clock, TestClock)
    hub.clock.at_us = MONDAY_US + round(hours * HOUR_US)


def test_an_order_that_was_short_and_came_late_shows_where_it_waited_and_what_it_lost(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 3, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    follow(hub)
    assert stage(seen(hub), "offered").now == 1

    shop, begin = shops[here], len(shops[here].events)
    shop.lent.add(first)
    shop.at_us = MONDAY_US + HOUR_US
    shop.say(later.PickStarted(**shop.about(order, first), list_id="L-1", picker="p-7"))
    shop.at_us = MONDAY_US + 2 * HOUR_US
    shop.pick(order, {1: 1}, short={1: 2}, assignment_id=first)
    tell(hub, shop, begin)
    second = newest(hub, order.order_id)
    follow(hub)
    wait(hub, 5)
    found = seen(hub)

    assert {one.key: one.now for one in found.stages if one.now} == {"offered": 1, "packing": 1}
    assert (found.entered, found.gone, found.broken) == (1, 0, 1)
    assert {one.key: one.broken for one in found.stages if one.broken} == {"offered": 1, "packing": 1}
    picking = stage(found, "picking")
    assert (picking.passed, picking.broken) == (1, 0)
    assert abs((picking.median_ms or 0) - 3_600_000) <= 3_600_000 // 128
    assert [each.how for each in behind(hub, "leaked").found] == ["re_routed"]
    assert picking.leaked == {"GBP": dearer(hub, first, second)}
    assert {one.key: one.now for one in found.rows if one.now} == {here: 1, there: 1}
    assert [one.number for one in behind(hub, "broken").found] == [order.number, order.number]
    assert (behind(hub, "broken").orders, behind(hub, "now", "packing").rows) == (1, 1)
    assert stage(seen(hub, location=there), "offered").now == 1
    assert seen(hub, channel="pos").broken == 0

    begin = len(shops[there].events)
    shops[there].lent.add(second)
    shops[there].at_us = MONDAY_US + 6 * HOUR_US
    shops[there].reject(order, assignment_id=second)
    tell(hub, shops[there], begin)
    follow(hub)
    with hub.database.read() as connection:
        ended = {
            (row.part, row.stage): (row.how, row.broken_us)
            for row in connection.execute(flow_stays.select().where(flow_stays.c.part == second))
        }
    due_us = MONDAY_US + 4 * HOUR_US
    assert ended == {(second, "offered"): ("given_up", due_us)}
    assert stage(seen(hub), "unrouted").now == 1
    assert seen(hub).broken == 1
    assert verify(hub) == {}


def test_goods_that_came_back_wait_first_come_first_and_their_loss_is_their_orders(hub: Hub) -> None:
    a_company(hub)
    shop = ReturnsShop(edge="store-3", code="HT")
    shop.stock("A", 10, 4_00)
    shop.open()
    one = shop.sell_for(("A", 2, 12_00), tenders=(money(TenderKind.CASH, 24_00),))
    two = shop.sell_for(("A", 1, 12_00), tenders=(money(TenderKind.CASH, 12_00),))
    shop.refund_by(one, (1, 2), tenders=(money(TenderKind.CASH, 24_00),))
    shop.refund_by(two, (1, 1), tenders=(money(TenderKind.CASH, 12_00),))
    shop.goodwill(shop.sell(("A", 1, 12_00)), 1_20)
    send(hub, shop)
    follow(hub)
    assert stage(seen(hub), "returned").now == 2

    begin = len(shop.events)
    shop.decide("A", "returns", Disposition.LIQUIDATE, units=3, worth_minor=6_00)
    tell(hub, shop, begin)
    follow(hub)

    returned = stage(seen(hub), "returned")
    assert (returned.now, returned.passed) == (0, 2)
    lost = [(each.number, each.how, each.lost_minor) for each in behind(hub, "leaked", "returned").found]
    assert lost == [
        (one.number, "write_down", 4_00),
        (two.number, "write_down", 2_00),
        (f"HT1-{shop.counter - 2:05d}", "goodwill", 1_00),
    ]
    assert returned.leaked == {"GBP": 7_00}
    assert seen(hub, by="channel").leaked == {"GBP": 7_00}
    assert verify(hub) == {}


def logged(hub: Hub, *bodies: WireModel) -> None:
    """Put facts into the log alone: the flow map asks nobody else about them."""

    def step(unit: HubUnit) -> None:
        for n, body in enumerate(bodies, start=take_orders(unit, len(bodies))):
            kind, version = KIND_OF[type(body)]
            row = {
                "apply_order": n,
                "event_id": f"x-{n}",
                "edge": "store-1",
                "inc": "i",
                "seq": n,
                "kind": kind,
            }
            row |= {
                "v": version,
                "at_us": MONDAY_US,
                "arrived_us": MONDAY_US,
                "by": "",
                "device": "",
                "hash": b"",
            }
            row["bytes"] = encode_event(n, f"x-{n}", MONDAY_US, body)
            unit.connection.execute(events.insert().values(row))

    hub.database.write(step)


def test_a_parcel_that_was_inspected_waits_like_any_return_and_money_ahead_of_it_is_no_loss(hub: Hub) -> None:
    said = {
        "business_date": "2025-11-24",
        "currency": "GBP",
        "authorisation_id": "u-1",
        "return_id": "r-1",
        "number": "HB1-R1",
        "order_id": "o-1",
        "order_number": "HB1-1",
        "refunds": (),
        "total_minor": 0,
        "tax_minor": 0,
    }
    line = {"line_no": 1, "sku": "A", "name": "A", "gross_minor": 0, "tax_minor": 0, "reason": "too small"}
    back = {**line, "quantity": 2, "to_bucket": "returns"}
    ahead = {**line, "quantity": 0, "gross_minor": 12_00, "tax_minor": 2_00, "to_bucket": "customer"}
    logged(
        hub,
        ReturnAdvanced.model_validate({**said, "return_id": "r-0", "lines": (ahead,)}),
        ReturnInspected.model_validate({**said, "lines": (back,)}),
    )
    follow(hub)

    assert stage(seen(hub), "returned").now == 1
    assert [each.number for each in behind(hub, "now", "returned").found] == ["HB1-1"]
    assert seen(hub).leaked == {}


def test_counting_event_by_event_comes_to_the_same_as_counting_all_at_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = a_company(hub)
    shop = shops["store-1"]
    orders = [web_order(("A", 1, 10_00), name=f"w-{n}", promise=promised("ship")) for n in range(1, 5)]
    parts = [routed(hub, order) for order in orders]
    own = shop.place(("B", 1, 5_00))
    begin = 0 if not shop.events else len(shop.events) - 1
    for order, part in zip(orders, parts, strict=True):
        mine = shops[where(hub, part)[0]]
        mine.lent.add(part)
        mine.accept(order, part)
        mine.pick(order, assignment_id=part)
    shop.stage(own)
    shop.hand_over(own)
    tell(hub, shop, begin)
    monkeypatch.setattr("hub.flow.steps.AT_ONCE", 1)
    monkeypatch.setattr("hub.flow.steps.LOOKS", 1_000)
    counted = follow(hub)

    assert counted > 20
    assert follow(hub) == 0
    monkeypatch.undo()
    assert verify(hub) == {}
    with hub.database.read() as connection:
        assert connection.execute(flow_stays.select()).all()
        assert connection.execute(flow_leaks.select()).all() == []


def test_an_order_that_waits_for_a_delivery_is_on_its_way_in_until_that_is_there(
    hub_database: HubDatabase,
) -> None:
    yard = Yard(hub_database)
    goods = yard.send_goods(3)
    order = yard.buy(2)
    follow(yard.hub)
    waiting, here = seen(yard.hub), behind(yard.hub, "now", "incoming").found

    yard.vector(3)
    yard.receive(goods, 3)
    follow(yard.hub)
    after = seen(yard.hub)

    assert {one.key: one.now for one in waiting.stages if one.now} == {"incoming": 1}
    assert [(each.number, each.location) for each in here] == [(order["number"], "store-1")]
    assert stage(seen(yard.hub, location="store-1"), "incoming").passed == 1
    assert {one.key: one.now for one in after.stages if one.now} == {"offered": 1}
    assert verify(yard.hub) == {}
    yard.channel.close()
