"""Orders for later over HTTP: one order with all of it, assignments by store and age, refunds, figures."""

from collections.abc import Iterator

import pytest

from hub.database import HubDatabase
from hub.people.steps import add_token
from protocol import later
from protocol.people import HubRole
from tests.support.hub import MONDAY_US, send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order
from tests.support.promising import Channel, company


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database, demo=True)
    company(made.hub, stores={"store-1": {"A": 5}}, warehouses={})
    yield made
    made.close()


def test_an_order_shows_its_promises_assignments_and_money(channel: Channel) -> None:
    hub = channel.hub
    order = web_order(("A", 2, 10_00))
    record_at(hub, order, paid=paid_online(order, 5_00))
    sooner = order.promise.model_copy(update={"due_us": order.promise.due_us - 1})
    record_at(
        hub,
        later.OrderChanged(
            order_id=order.order_id,
            number=order.number,
            what=("promise",),
            promise=sooner,
            reason="customer called",
        ),
    )

    found = channel.ask("GET", f"/api/orders/{order.number}")

    said = found["later"]
    assert (said["kind"], said["captured_at"], said["external_id"]) == ("collect", "hub", "w-1")
    assert (said["paid_minor"], said["deposits_minor"], said["due_minor"], said["owed_minor"]) == (
        5_00,
        5_00,
        15_00,
        0,
    )
    assert [each["promise"]["due_us"] for each in said["promises"]] == [order.promise.due_us, sooner.due_us]
    assert said["first_promise"]["due_us"] == order.promise.due_us
    assert said["promise"]["due_us"] == said["due_us"] == sooner.due_us
    ((mine),) = said["assignments"]
    assert (mine["location"], mine["state"], mine["units"], mine["due_us"]) == (
        "store-1",
        "proposed",
        2,
        sooner.due_us,
    )
    assert [(each["gateway"], each["amount_minor"]) for each in said["payments"]] == [("simulator", 5_00)]
    assert (said["requests"], said["refunds"]) == ([], [])


def test_a_sale_at_a_counter_has_nothing_of_this(channel: Channel) -> None:
    shop = LaterShop()
    shop.open()
    sale = shop.sell(("A", 1, 10_00))
    send(channel.hub, shop)

    assert channel.ask("GET", f"/api/orders/{sale.number}")["later"] is None


def test_assignments_are_listed_by_place_state_age_and_due(channel: Channel) -> None:
    for n in (1, 2):
        order = web_order(("A", 1, 10_00), name=f"w-{n}")
        record_at(channel.hub, order, paid=paid_online(order))

    page = channel.ask("GET", "/api/assignments?location=store-1&limit=1&offset=1")
    assert (page["total"], [each["number"] for each in page["assignments"]]) == (2, ["HB1-00002"])
    assert page["assignments"][0]["due_in_minutes"] == 240
    for query, total in (
        ("state=ready", 0),
        ("state=", 2),
        ("state=proposed", 2),
        ("location=store-9", 0),
        ("older_than_minutes=0", 2),
        ("older_than_minutes=1", 0),
        ("due_in_minutes=239", 0),
        ("due_in_minutes=240", 2),
    ):
        assert channel.ask("GET", f"/api/assignments?{query}")["total"] == total, query
    mine = page["assignments"][0]["assignment_id"]
    one = channel.ask("GET", f"/api/assignments/{mine}")
    assert [(line["sku"], line["quantity"], line["picked"]) for line in one["lines"]] == [("A", 1, 0)]
    assert channel.ask("GET", "/api/assignments/none", status=404)["code"] == "no_assignment"
    channel.ask("GET", "/api/assignments?state=lost", status=422)


def test_a_refund_is_confirmed_by_whoever_made_it(channel: Channel) -> None:
    hub = channel.hub
    order = web_order(("A", 1, 10_00))
    payment = paid_online(order).model_copy(update={"gateway": "adyen"})
    record_at(hub, order, paid=payment)
    record_at(
        hub,
        later.OrderCancelled(
            cancel_id="x-1",
            order_id=order.order_id,
            number=order.number,
            lines=(later.CancelledLine(line_no=1, sku="A", quantity=1),),
        ),
    )
    path = f"/api/orders/{order.number}/refund-done"

    channel.ask("POST", path, {"reference": ""}, status=422)
    done = channel.ask("POST", path, {"reference": "psp-9"})
    again = channel.ask("POST", path, {"reference": "psp-9"}, status=409)

    said = channel.ask("GET", f"/api/orders/{order.number}")["later"]
    assert [(each["command_id"], each["state"], each["reference"]) for each in said["refunds"]] == [
        (done["command_id"], "done", "psp-9")
    ]
    assert (said["owed_minor"], again["code"]) == (0, "no_refund_waits")
    assert channel.ask("POST", "/api/orders/none/refund-done", {"reference": "x"}, status=404)


def test_nobody_reads_or_refunds_without_being_known(channel: Channel) -> None:
    stranger = {"authorization": "Bearer nobody"}
    for method, path in (
        ("GET", "/api/assignments"),
        ("GET", "/api/assignments/a"),
        ("POST", "/api/orders/x/refund-done"),
    ):
        answer = channel.client.request(method, path, headers=stranger, json={"reference": "x"})
        assert answer.status_code == 401, path
    finance = add_token(channel.hub, name="books", role=HubRole.FINANCE)
    allowed = channel.client.get("/api/assignments", headers={"authorization": f"Bearer {finance}"})
    assert allowed.status_code == 200


def test_the_figures_count_orders_for_later_beside_sales(channel: Channel) -> None:
    shop = LaterShop()
    shop.stock("A", 9, 400)
    shop.open()
    shop.sell(("A", 1, 10_00))
    collected, shipped = shop.place(("A", 1, 10_00)), shop.place(("A", 1, 10_00), shipping=4_00)
    for order in (collected, shipped):
        shop.pay(order, order.total_minor)
    shop.ready(collected)
    shop.hand_over(collected)
    shop.pick(shipped)
    shop.ship(shipped)
    send(channel.hub, shop)
    web = web_order(("A", 2, 10_00))
    record_at(channel.hub, web, paid=paid_online(web))

    found = channel.ask("GET", "/api/summary")

    assert (found["orders"], found["order_lines"], found["gross_minor"]) == (1, 1, 10_00)
    figures = ("later_orders", "web_orders", "collected", "shipped", "short_picks", "rerouted")
    assert [found[name] for name in figures] == [3, 1, 1, 1, 0, 0]
    assert (found["double_fulfilled"], found["promises_broken"], found["trial_balance_minor"]) == (0, 0, 0)
    assert shop.at_us > MONDAY_US
