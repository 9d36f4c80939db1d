"""Sets of routing parameters, promises before the order, and comparisons, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.demo.routing import enter
from hub.database import HubDatabase
from hub.fulfil.rows import assignments
from hub.offers import VALID_US, forget_old, promise_offers
from hub.route.facts.demand import measure, rates_of
from hub.route.facts.rows import route_replays, routing_activations, routing_sets
from hub.route.rows import decisions
from hub.route.what_if.steps import work_off
from hub.spine.rows import events
from hub.stock.rows import allocations, hub_rights
from tests.support.hub import Shop, send
from tests.support.promising import Channel, company, rows

PAID = {"gateway": "psp", "reference": "ch_1"}
DAY_US = 24 * 3600 * 1_000_000
SERVICES: list[dict[str, Any]] = [
    {"service": "standard", "zone": "", "days": 2, "label_minor": 350, "price_minor": 395},
    {"service": "express", "zone": "", "days": 1, "label_minor": 800, "price_minor": 895},
]


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(
        made.hub,
        stores={"store-1": {"A": 5, "B": 4}, "store-2": {"A": 4}},
        warehouses={"warehouse-1": {"A": 9, "B": 9}},
    )
    yield made
    made.close()


def make(channel: Channel, *, base: int = 0, **said: Any) -> int:
    answer = channel.ask("POST", "/api/routing/sets", {"base": base, "set": said}, status=201)
    found: int = answer["version"]
    return found


def activate(channel: Channel, version: int, *, seen: int = 0, status: int = 200) -> Any:
    path = f"/api/routing/sets/{version}/activate"
    return channel.ask("POST", path, {"seen": seen}, status=status)


def promise(channel: Channel, kind: str = "ship", *, status: int = 200, **said: Any) -> Any:
    lines = [{"sku": "A", "quantity": 1}]
    return channel.ask("POST", "/api/promise", {"kind": kind, "lines": lines, **said}, status=status)


def test_a_set_is_kept_as_a_version_and_counts_once_it_is_activated(channel: Channel) -> None:
    version = make(channel, services=SERVICES)

    assert version == 1
    assert channel.ask("GET", "/api/routing/sets/1")["active"] == 0
    assert activate(channel, 1) == {"active": 1}
    assert activate(channel, 1, seen=0) == {"active": 1}
    said = channel.ask("GET", "/api/routing/sets/1")
    assert (said["active"], said["set"]["services"]) == (1, SERVICES)
    second = make(channel, base=1, services=SERVICES[:1])
    assert activate(channel, second, seen=0, status=409)["code"] == "stale_version"
    assert activate(channel, second, seen=1) == {"active": 2}
    assert activate(channel, 0, seen=2) == {"active": 0}
    assert [
        (row["version"], row["base"], row["active"]) for row in channel.ask("GET", "/api/routing/sets")
    ] == [
        (2, 1, False),
        (1, 0, False),
    ]
    assert [row["version"] for row in rows(channel.hub, routing_activations)] == [1, 2, 0]


BAD_SETS: list[tuple[dict[str, Any], str]] = [
    ({}, "empty_set"),
    ({"places": [{"location": "store-9"}]}, "there is no location store-9"),
    ({"capacity": [{"day": "daily", "begins": "09:00", "ends": "08:00", "units": 3}]}, "it ends before"),
    ({"hours": [{"day": "2026-02-30", "opens": "09:00", "closes": "10:00"}]}, "there is no such day"),
    ({"lanes": [{"origin": "store-1", "to": "store-1", "days": 1, "fixed_minor": 1}]}, "where it begins"),
    ({"filters": [{"name": "all"}]}, "it would remove every location"),
    (
        {
            "services": SERVICES,
            "bands": [
                {"service": "standard", "up_to_g": 500, "extra_minor": 200},
                {"service": "standard", "up_to_g": 900, "extra_minor": 100},
            ],
        },
        "a heavier parcel would cost less",
    ),
    ({"places": [{"location": "store-1"}, {"location": "store-1", "ships": False}]}, "another row"),
]


def test_a_set_that_cannot_count_is_refused_and_nothing_is_kept(channel: Channel) -> None:
    for said, why in BAD_SETS:
        refused = channel.ask("POST", "/api/routing/sets", {"base": 0, "set": said}, status=422)
        assert why in f"{refused['code']} {refused['what']}"
    negative = {"capacity": [{"day": "daily", "begins": "09:00", "ends": "18:00", "units": -1}]}
    channel.ask("POST", "/api/routing/sets", {"base": 0, "set": negative}, status=422)

    assert rows(channel.hub, routing_sets) == []


def test_what_is_offered_before_the_order_is_kept_on_it(channel: Channel) -> None:
    activate(channel, make(channel, services=SERVICES))

    offered = promise(channel, country="GB", postcode="LS1 6NP")

    options = {each["promise"]["service"]: each for each in offered["options"]}
    assert set(options) == {"express", "standard"}
    assert options["standard"]["promise"]["price_minor"] == 395
    days = [options[name]["promise"]["deliver_us"] for name in ("express", "standard")]
    assert days[1] - days[0] == DAY_US
    order = channel.ship(promise={"kind": "ship", "option": options["express"]["option"]})
    placed = channel.send(order)
    assert placed["promise"] == options["express"]["promise"]
    assert channel.send(order, status=200)["number"] == placed["number"]


def test_an_option_that_is_over_or_unknown_or_another_one_is_refused(channel: Channel) -> None:
    option = promise(channel)["options"][0]["option"]

    wrong = channel.send(channel.collect(promise={"kind": "collect", "option": option}), status=422)
    assert wrong["code"] == "other_option"
    unknown = channel.ship(promise={"kind": "ship", "option": "nobody.0"})
    assert channel.send(unknown, status=422)["code"] == "no_option"
    channel.clock.at_us += VALID_US + 1
    late = channel.ship(promise={"kind": "ship", "option": option})
    assert channel.send(late, status=422)["code"] == "option_over"
    assert rows(channel.hub, assignments) == []
    channel.clock.at_us += 25 * 3600 * 1_000_000
    assert forget_old(channel.hub) == 1
    assert rows(channel.hub, promise_offers) == []


def test_stores_to_collect_at_are_offered_with_the_moment_and_others_with_the_reason(
    channel: Channel,
) -> None:
    offered = promise(channel, "collect", lines=[{"sku": "B", "quantity": 2}])

    assert [each["promise"]["location"] for each in offered["options"]] == ["store-1"]
    assert offered["options"][0]["promise"]["promise_class"] == "same_hour"
    assert offered["why_not"] == [{"location": "store-2", "code": "NO_ATP", "fact": "has none of B free"}]
    order = channel.collect(promise={"kind": "collect", "option": offered["options"][0]["option"]})
    assert channel.send(order)["promise"]["location"] == "store-1"


def test_what_nobody_can_promise_has_no_option_and_every_reason(channel: Channel) -> None:
    offered = promise(channel, lines=[{"sku": "A", "quantity": 50}])

    assert offered["options"] == []
    assert {row["code"] for row in offered["why_not"]} == {"NO_ATP"}
    assert len(offered["why_not"]) == 3
    assert rows(channel.hub, promise_offers) == []


def test_a_replay_compares_two_versions_and_changes_nothing(channel: Channel) -> None:
    three = {"lines": [{"sku": "A", "quantity": 3}], "payment": {**PAID, "amount_minor": 34_00}}
    for _n in range(3):
        channel.send(channel.ship(**three))
    whole = {"max_shipments": 1}
    dear = make(channel, places=[{"location": "warehouse-1", "ships": False}], general=whole)
    before = {table.name: rows(channel.hub, table) for table in (decisions, allocations, hub_rights, events)}

    asked = channel.ask("POST", "/api/routing/replays", {"left": 0, "right": dear, "orders": 10}, status=201)
    assert (asked["state"], asked["orders"], asked["done"]) == ("queued", 3, 0)
    assert work_off(channel.hub) == 3

    found = channel.ask("GET", f"/api/routing/replays/{asked['replay_id']}")
    assert (found["state"], found["done"]) == ("done", 3)
    left, right = found["body"]["left"], found["body"]["right"]
    assert left["load"] == {"warehouse-1": 9}
    # Two stores of five and four units serve two orders of three, and nothing is left for the third.
    assert (right["orders"], right["unserved"], right["unserved_orders"]) == (3, 3, 1)
    assert right["load"] == {"store-1": 3, "store-2": 3}
    assert (left["minor"], right["minor"]) == (3 * (400 + 25 + 24), 2 * (400 + 60 + 45))
    assert found["body"]["different"] == 3
    assert before == {
        table.name: rows(channel.hub, table) for table in (decisions, allocations, hub_rights, events)
    }
    assert work_off(channel.hub) == 0


def test_a_replay_whose_process_died_is_begun_anew(channel: Channel) -> None:
    channel.send(channel.ship())
    other = make(channel, services=SERVICES)
    channel.ask("POST", "/api/routing/replays", {"left": 0, "right": other}, status=201)
    channel.hub.database.write(
        lambda unit: unit.connection.execute(sa.update(route_replays).values(state="running", done=1))
    )

    assert work_off(channel.hub) == 0
    channel.clock.at_us += 61_000_000
    assert work_off(channel.hub) == 1


def test_one_order_is_looked_at_elsewhere_without_side_effects(channel: Channel) -> None:
    number = channel.send(channel.ship())["number"]
    path = f"/api/orders/{number}/what-if"

    plain = channel.ask("POST", path, {})
    insisted = channel.ask("POST", path, {"insist": "store-1"})
    cannot = channel.ask("POST", path, {"insist": "store-9"})

    assert [(each["location"], each["minor"]) for each in plain["sent"]] == [("warehouse-1", 433)]
    assert [(each["location"], each["minor"]) for each in insisted["sent"]] == [("store-1", 475)]
    assert (insisted["best_minor"], plain["objective"]) == (433, [0, 0, 433, 1])
    assert (cannot["possible"], cannot["sent"]) == (False, [])
    assert len(rows(channel.hub, decisions)) == 1
    without = channel.ask("POST", path, {"without": ["warehouse-1", "store-1"]})
    assert [each["location"] for each in without["sent"]] == ["store-2"]


def test_local_demand_is_measured_from_sales_and_fades(channel: Channel) -> None:
    shop = Shop("store-1", code="S1")
    shop.open()
    shop.stock("A", 5)
    shop.sell(("A", 2, 10_00))
    send(channel.hub, shop, 1)

    assert measure(channel.hub) > 0
    assert measure(channel.hub) == 0

    with channel.hub.database.read() as connection:
        now = channel.clock.now_us()
        fresh = rates_of(connection, ["A"], now)["store-1", "A"]
        week_later = rates_of(connection, ["A"], now + 7 * DAY_US)["store-1", "A"]
    [said] = channel.ask("GET", "/api/routing/demand/A")
    assert (said["location"], said["rate_milli"]) == ("store-1", fresh)
    assert "Store 1 sells most of Article A" in channel.client.get("/routing/demand?sku=A").text
    assert "No sale of nothing has been heard of" in channel.client.get("/routing/demand?sku=nothing").text
    assert 150 <= fresh <= 200  # two units, of which a week's half-life spreads a tenth a day each
    assert abs(week_later - fresh / 2) <= 1


def test_the_load_of_every_store_is_shown_with_its_share(channel: Channel) -> None:
    channel.send(channel.collect("store-1", lines=[{"sku": "A", "quantity": 3}]))
    channel.send(channel.collect("store-2"))

    found = {row["location"]: row for row in channel.ask("GET", "/api/routing/load")}

    assert (found["store-1"]["to_pick"], found["store-1"]["share_ppm"]) == (3, 750_000)
    assert (found["store-2"]["orders_7d"], found["warehouse-1"]["units_7d"]) == (1, 0)


def test_a_version_that_counts_decides_the_next_order_and_says_what_removed_the_others(
    channel: Channel,
) -> None:
    morning = {"day": "daily", "begins": "10:00", "ends": "18:00", "units": 2}
    activate(
        channel,
        make(
            channel,
            general={"max_shipments": 2},
            places=[{"location": "store-2", "ships": False}],
            capacity=[{"location": "warehouse-1", **morning}],
        ),
    )
    tonight = {"kind": "ship", "due_at": "2025-11-24T20:00:00Z"}
    two = {
        "lines": [{"sku": "A", "quantity": 2}],
        "payment": {**PAID, "amount_minor": 24_00},
        "promise": tonight,
    }

    first = channel.send(channel.ship(**two))
    second = channel.send(channel.ship(**two))

    assert [part["location"] for part in first["assignments"]] == ["warehouse-1"]
    assert [part["location"] for part in second["assignments"]] == ["store-1"]
    decision = channel.ask("GET", f"/api/orders/{second['number']}/decisions")[-1]
    assert decision["body"]["rejected"] == {
        "NOT_CAPABLE": [["store-2", "does not ship"]],
        "NO_CAPACITY": [["warehouse-1", "has no hands free before it is due"]],
    }
    lines = [{"sku": "A", "quantity": 5}]
    parts = channel.send(channel.ship(lines=lines, payment={**PAID, "amount_minor": 54_00}))["assignments"]
    assert {part["location"]: part["lines"][0]["units"] for part in parts} == {"store-1": 3, "warehouse-1": 2}


def test_the_rules_of_the_demo_can_count_and_offer_a_day(hub_database: HubDatabase) -> None:
    made = Channel(hub_database)
    stock = {"A": 5, "B": 4}
    company(
        made.hub,
        stores=dict.fromkeys(("store-1", "store-2", "store-3"), stock),
        warehouses={"warehouse": {"A": 9}},
    )

    enter(made.hub)

    offered = promise(made, country="GB", postcode="YO1 9NR")
    assert [each["promise"]["service"] for each in offered["options"]] == ["express", "standard"]
    placed = made.send(made.ship(promise={"kind": "ship", "option": offered["options"][1]["option"]}))
    assert placed["assignments"][0]["location"] in {"store-1", "store-2", "store-3", "warehouse"}
    made.close()
