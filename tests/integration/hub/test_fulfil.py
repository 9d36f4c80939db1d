"""Assignments as the locations tell them: their states, the rights they give back, and who is called."""

import json

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import exceptions, listed
from hub.fleet.rows import directives
from hub.fulfil import reads
from hub.fulfil.rows import assignment_lines, assignments, handovers
from hub.link.rights import RightsRows
from hub.rebuild import verify
from hub.spine.rows import orders
from hub.stock.rows import allocations, balances
from protocol import later
from protocol.fulfilment import RejectReason, UnitsLine
from protocol.rights import EdgeVector
from tests.support.hub import MONDAY_US, send
from tests.support.later_shop import LaterShop, paid_online, promised, record_at, web_order
from tests.support.promising import company, rights

OFFER = "assignment.offer"


def a_company(hub: Hub) -> dict[str, LaterShop]:
    """Two stores that lent five of each article, and told of their stock."""
    company(hub, stores={"store-1": {"A": 5, "B": 5}, "store-2": {"A": 5, "B": 5}}, warehouses={})
    shops = {}
    for edge, code in (("store-1", "LB"), ("store-2", "CM")):
        shop = shops[edge] = LaterShop(edge=edge, code=code)
        for sku in "AB":
            shop.stock(sku, 10, 400)
        shop.open()
        send(hub, shop)
    return shops


def routed(hub: Hub, order: later.OrderPlaced, *, paid: bool = True) -> str:
    """Take a web order in and return its assignment."""
    record_at(hub, order, paid=paid_online(order) if paid else None)
    return newest(hub, order.order_id)


def where(hub: Hub, assignment_id: str) -> tuple[str, str]:
    """Return the store that has an assignment, and the other one."""
    with hub.database.read() as connection:
        edge = reads.find(connection, assignment_id).assignment.location
    return edge, "store-2" if edge == "store-1" else "store-1"


def newest(hub: Hub, order_id: str) -> str:
    with hub.database.read() as connection:
        return reads.of_order(connection, order_id)[-1].assignment_id


def tell(hub: Hub, shop: LaterShop, begin: int) -> None:
    """Send what a store said since, none of which may be set aside."""
    assert [answer.parked for answer in send(hub, shop, begin + 1)] == [0]


def told(hub: Hub, kind: str = OFFER) -> list[tuple[str, dict[str, object]]]:
    """Return what locations were told, in order."""
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(directives.c.edge, directives.c.bytes)
            .where(directives.c.kind == kind)
            .order_by(directives.c.created_us, directives.c.cseq)
        ).all()
    return [(row.edge, json.loads(row.bytes)["body"]) for row in rows]


def state_of(hub: Hub, assignment_id: str) -> str:
    with hub.database.read() as connection:
        return reads.find(connection, assignment_id).assignment.state


def order_state(hub: Hub, order_id: str) -> str:
    with hub.database.read() as connection:
        return str(
            connection.execute(sa.select(orders.c.state).where(orders.c.order_id == order_id)).scalar_one()
        )


def raised(hub: Hub, state: str = "open") -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection, state=state)[0])


def held_of(hub: Hub, owner: str) -> tuple[int, int, int]:
    with hub.database.read() as connection:
        row = connection.execute(sa.select(allocations).where(allocations.c.owner == owner)).one()
    return row.units, row.finished, row.ended


def answer(
    hub: Hub, order: later.OrderPlaced, assignment_id: str, outcome: str, location: str = "store-1"
) -> None:
    record_at(
        hub,
        later.AssignmentAnswered(
            assignment_id=assignment_id,
            order_id=order.order_id,
            number=order.number,
            location=location,
            outcome=outcome,
            code="no_capability" if outcome == "rejected" else "",
        ),
    )


def test_an_offer_says_everything_that_a_store_needs(hub: Hub) -> None:
    a_company(hub)
    order = web_order(("A", 2, 10_00), ("B", 1, 5_00))
    assignment_id = routed(hub, order, paid=False)

    ((edge, offer),) = told(hub)

    assert edge == "store-1"
    assert (offer["assignment_id"], offer["order_id"], offer["number"], offer["channel"]) == (
        assignment_id,
        order.order_id,
        order.number,
        "web",
    )
    assert (offer["due_minor"], offer["pickup_code"], offer["requested"]) == (25_00, "123456", False)
    assert offer["promise"] == order.promise.model_dump(mode="json")
    assert [(line["sku"], line["quantity"]) for line in offer["lines"]] == [("A", 2), ("B", 1)]  # type: ignore[attr-defined]  # JSON
    assert rights(hub, "store-1", "A")[:3] == (5, 2, 0)
    assert (state_of(hub, assignment_id), order_state(hub, order.order_id)) == ("proposed", "routed")
    assert verify(hub) == {}


def test_money_that_comes_in_elsewhere_is_told_to_whoever_hands_over(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 1, 10_00))
    assignment_id = routed(hub, order, paid=False)
    begin = len(shops["store-2"].events)
    shops["store-2"].pay(order, 4_00)
    tell(hub, shops["store-2"], begin)

    ((edge, amended),) = told(hub, "assignment.amend")

    assert (edge, amended["assignment_id"], amended["due_minor"]) == ("store-1", assignment_id, 6_00)
    assert (amended["promise"], amended["note"]) == (None, None)


def test_money_that_goes_back_elsewhere_is_told_to_whoever_hands_over(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 1, 10_00))
    assignment_id = routed(hub, order, paid=False)
    other = shops["store-2"]
    begin = len(other.events)
    other.pay(order, 4_00)
    other.refund(order, 4_00)
    tell(hub, other, begin)

    amended = [
        (edge, said["assignment_id"], said["due_minor"]) for edge, said in told(hub, "assignment.amend")
    ]

    assert amended == [("store-1", assignment_id, 6_00), ("store-1", assignment_id, 10_00)]


def test_a_web_order_goes_all_the_way_to_the_customer(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 2, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    answer(hub, order, mine, "applied")
    states = [state_of(hub, mine)]
    for act in (
        lambda: shop.accept(order, mine),
        lambda: shop.say(later.PickStarted(**shop.about(order, mine), list_id="L-1", picker="p-7")),
        lambda: shop.pick(order, assignment_id=mine),
        lambda: shop.stage(order, mine),
        lambda: shop.hand_over(order, assignment_id=mine),
    ):
        begin = len(shop.events)
        act()
        tell(hub, shop, begin)
        states.append(state_of(hub, mine))

    assert states == ["acknowledged", "acknowledged", "picking", "picked", "ready", "handed_over"]
    assert order_state(hub, order.order_id) == "handed_over"
    assert held_of(hub, mine) == (2, 2, 0)
    assert rights(hub, "store-1", "A")[:3] == (5, 2, 0)
    with hub.database.read() as connection:
        row = connection.execute(sa.select(assignments)).one()
        page = reads.find(connection, mine)
    assert (row.picker, row.shelf, row.bags) == ("p-7", "S1", 1)
    assert [(line.quantity, line.picked, line.fulfilled) for line in page.lines] == [(2, 2, 2)]
    assert [(each.verified, each.rest, each.undone_us) for each in page.handovers] == [("code", False, None)]
    assert raised(hub) == []
    assert verify(hub) == {}


def test_a_part_stays_on_its_shelf_and_a_handover_is_taken_back(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 2, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    begin = len(shop.events)
    shop.ready(order, mine)
    handover = shop.hand_over(order, {1: 1}, rest=True, assignment_id=mine)
    tell(hub, shop, begin)
    assert (state_of(hub, mine), held_of(hub, mine)) == ("ready", (2, 1, 0))

    begin = len(shop.events)
    shop.undo(handover)
    tell(hub, shop, begin)
    assert (state_of(hub, mine), held_of(hub, mine)) == ("ready", (2, 1, 0))

    begin = len(shop.events)
    both = (UnitsLine(line_no=1, sku="A", lent=1, bound=1),)
    shop.hand_over(order, lines=both, assignment_id=mine)
    tell(hub, shop, begin)

    assert (state_of(hub, mine), held_of(hub, mine)) == ("handed_over", (2, 2, 0))
    with hub.database.read() as connection:
        undone = (
            connection.execute(sa.select(handovers.c.undone_why).order_by(handovers.c.at_us)).scalars().all()
        )
        line = connection.execute(sa.select(assignment_lines)).one()
        there = {
            row.bucket: row.quantity
            for row in connection.execute(
                sa.select(balances).where(balances.c.location == "store-1", balances.c.sku == "A")
            )
        }
    assert undone == ["wrong bag", ""]
    assert (line.fulfilled, line.given_up) == (2, 0)
    assert there == {"sellable": 8, "picked": 0}
    assert raised(hub) == []
    assert verify(hub) == {}


def test_a_store_that_gives_an_order_back_frees_its_rights_and_another_one_gets_it(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 2, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    shop = shops[here]
    shop.lent.add(first)
    begin = len(shop.events)
    shop.reject(order, assignment_id=first)
    tell(hub, shop, begin)

    second = newest(hub, order.order_id)
    assert second != first
    assert (state_of(hub, first), state_of(hub, second)) == ("rejected", "proposed")
    assert rights(hub, here, "A")[:3] == (5, 2, 2)
    assert rights(hub, there, "A")[:3] == (5, 2, 0)
    assert sorted(edge for edge, _ in told(hub)) == ["store-1", "store-2"]
    assert order_state(hub, order.order_id) == "routed"
    assert verify(hub) == {}

    begin = len(shops[there].events)
    shops[there].lent.add(second)
    shops[there].reject(order, assignment_id=second)
    tell(hub, shops[there], begin)

    assert raised(hub) == ["rejected_twice", "unroutable"]
    assert order_state(hub, order.order_id) == "captured"
    assert verify(hub) == {}


def test_rights_come_back_once_however_often_the_giving_up_is_told(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 2, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    begin = len(shop.events)
    shop.reject(order, assignment_id=mine)
    shop.give_up(order, assignment_id=mine)
    tell(hub, shop, begin)

    assert rights(hub, "store-1", "A")[:3] == (5, 2, 2)
    assert held_of(hub, mine) == (2, 0, 2)
    assert "assignment_over" in raised(hub)
    assert verify(hub) == {}


def test_what_was_short_is_fulfilled_by_another_store(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 3, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    shop = shops[here]
    shop.lent.add(first)
    begin = len(shop.events)
    shop.pick(order, {1: 1}, short={1: 2}, assignment_id=first)
    tell(hub, shop, begin)

    second = newest(hub, order.order_id)
    with hub.database.read() as connection:
        parts = {each.assignment_id: each for each in reads.of_order(connection, order.order_id)}
        lines = reads.find(connection, first).lines
    assert (parts[first].state, parts[second].state, parts[second].units) == ("picked", "proposed", 2)
    assert [(line.quantity, line.picked, line.short) for line in lines] == [(3, 1, 2)]
    assert held_of(hub, first) == (3, 2, 0)
    assert rights(hub, here, "A")[:3] == (5, 3, 0)
    assert rights(hub, there, "A")[:3] == (5, 2, 0)
    assert raised(hub) == []
    assert raised(hub, "closed") == ["short_pick"]
    assert verify(hub) == {}


def test_a_walk_that_finds_nothing_ends_the_assignment(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 2, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    begin = len(shop.events)
    shop.pick(order, {}, short={1: 2}, assignment_id=mine)
    tell(hub, shop, begin)

    assert state_of(hub, mine) == "short"
    assert raised(hub) == ["short_pick", "unroutable"]
    assert verify(hub) == {}


@pytest.mark.parametrize("outcome", ["rejected", "expired"])
def test_an_offer_that_a_store_will_never_have_gives_its_rights_back(hub: Hub, outcome: str) -> None:
    a_company(hub)
    order = web_order(("A", 2, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    answer(hub, order, first, outcome, here)

    second = newest(hub, order.order_id)
    assert (state_of(hub, first), state_of(hub, second)) == (outcome, "proposed")
    assert rights(hub, here, "A")[:3] == (5, 2, 2)
    assert rights(hub, there, "A")[:3] == (5, 2, 0)
    assert verify(hub) == {}


def test_work_on_an_assignment_that_was_given_up_stands_and_calls_somebody(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 2, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    shop = shops[here]
    shop.lent.add(first)
    begin = len(shop.events)
    shop.reject(order, assignment_id=first)
    tell(hub, shop, begin)
    begin = len(shop.events)
    shop.pick(order, assignment_id=first)
    tell(hub, shop, begin)

    assert state_of(hub, first) == "rejected"
    assert raised(hub) == ["assignment_over"]
    with hub.database.read() as connection:
        facts = json.loads(connection.execute(sa.select(exceptions.c.facts)).scalar_one())
        picked = connection.execute(
            sa.select(balances.c.quantity).where(balances.c.bucket == "picked")
        ).scalar_one()
    assert (facts["kind"], facts["location"], facts["also_at"]) == (
        "assignment.picked",
        here,
        [there],
    )
    assert picked == 2
    assert verify(hub) == {}


def test_two_stores_that_fulfil_the_same_units_are_named(hub: Hub) -> None:
    shops = a_company(hub)
    order = web_order(("A", 2, 10_00), promise=promised("ship"))
    first = routed(hub, order)
    here, there = where(hub, first)
    shops[here].lent.add(first)
    begin = len(shops[here].events)
    shops[here].reject(order, assignment_id=first)
    tell(hub, shops[here], begin)
    second = newest(hub, order.order_id)
    shops[there].lent.add(second)
    for edge, mine in ((there, second), (here, first)):
        begin = len(shops[edge].events)
        shops[edge].pick(order, assignment_id=mine)
        shops[edge].ship(order, mine)
        tell(hub, shops[edge], begin)

    assert raised(hub) == ["assignment_over", "double_fulfilled"]
    with hub.database.read() as connection:
        row = connection.execute(sa.select(exceptions).where(exceptions.c.kind == "double_fulfilled")).one()
    assert (row.owner_role, json.loads(row.facts)["units"]) == ("ops", {"1": 2})
    assert verify(hub) == {}


def test_a_handover_of_a_cancelled_order_is_taken_and_named(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    begin = len(shop.events)
    order = shop.place(("A", 2, 10_00))
    shop.pay(order, 20_00)
    shop.ready(order)
    shop.cancel(order, {1: 2})
    shop.hand_over(order)
    tell(hub, shop, begin)

    assert (order_state(hub, order.order_id), raised(hub)) == ("handed_over", ["fulfilled_after_cancel"])
    assert state_of(hub, f"{order.order_id}-a") == "handed_over"
    assert verify(hub) == {}


def test_a_location_that_was_asked_too_late_says_so(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 1, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    about = shop.about(order, mine)
    record_at(hub, later.CancelRequested(**about, location="store-1", reason="customer called"))
    with hub.database.read() as connection:
        assert reads.find(connection, mine).assignment.cancel_asked is True
    begin = len(shop.events)
    shop.say(later.CancelRefused(**about, code="handed_over", detail="a minute ago"))
    tell(hub, shop, begin)

    with hub.database.read() as connection:
        assert reads.find(connection, mine).assignment.cancel_asked is False
    assert raised(hub) == ["cancel_too_late"]
    assert verify(hub) == {}


def test_units_that_were_to_be_given_up_and_are_not_are_missing_after_all(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 1, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    about = shop.about(order, mine)
    record_at(hub, later.CancelRequested(**about, location="store-1", reason="not enough there"))
    misses = EdgeVector(sku="A", ep=0, ver=1, G=5, F=0, P=-5, B=0, d=5, R=0)
    hub.database.write(lambda unit: RightsRows(hub).see(unit, "store-1", [misses]))
    before = raised(hub)
    begin = len(shop.events)
    shop.say(later.CancelRefused(**about, code="picked"))
    tell(hub, shop, begin)

    # Four of the five were free and went back; the fifth was to come from the assignment.
    assert rights(hub, "store-1", "A")[:3] == (5, 1, 0)
    assert before == []
    assert raised(hub) == ["cancel_too_late", "stock_deficit"]
    assert verify(hub) == {}


def test_nobody_came_and_the_order_is_somebodys(hub: Hub) -> None:
    shop = a_company(hub)["store-1"]
    order = web_order(("A", 1, 10_00))
    mine = routed(hub, order)
    shop.lent.add(mine)
    begin = len(shop.events)
    shop.ready(order, mine)
    shop.reject(order, picked=1, reason=RejectReason.NO_SHOW, assignment_id=mine)
    tell(hub, shop, begin)

    assert raised(hub) == ["no_show"]
    assert rights(hub, "store-1", "A")[:3] == (5, 1, 1)
    assert order_state(hub, order.order_id) == "captured"
    assert verify(hub) == {}


def test_an_event_of_an_assignment_that_nobody_told_of_is_kept(hub: Hub) -> None:
    shop = LaterShop()
    order = web_order(("A", 2, 10_00))
    shop.pick(order, assignment_id="a-9")
    shop.stage(order, "a-9")

    assert [each.parked for each in send(hub, shop)] == [0]

    with hub.database.read() as connection:
        page = reads.find(connection, "a-9")
    assert (page.assignment.state, page.assignment.location, page.assignment.units) == ("ready", "store-1", 2)
    assert raised(hub) == ["event_without_order"]
    assert verify(hub) == {}


def test_a_store_hears_what_became_of_the_order_it_could_not_decide(hub: Hub) -> None:
    shops = a_company(hub)
    begin = len(shops["store-1"].events)
    order = shops["store-1"].place(("A", 1, 10_00), own=False, promise=promised("collect", "store-2"))
    tell(hub, shops["store-1"], begin)
    mine = newest(hub, order.order_id)
    shops["store-2"].lent.add(mine)
    begin = len(shops["store-2"].events)
    shops["store-2"].ready(order, mine)
    shops["store-2"].hand_over(order, assignment_id=mine)
    tell(hub, shops["store-2"], begin)

    settled = told(hub, "order.settled")
    assert [(edge, body["state"]) for edge, body in settled] == [
        ("store-1", "routed"),
        ("store-1", "handed_over"),
    ]
    assert [edge for edge, _ in told(hub)] == ["store-2"]
    assert shops["store-1"].at_us > MONDAY_US
