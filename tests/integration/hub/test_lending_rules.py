"""The policy of lending at the hub: what it keeps back, whom it tells, and what it refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.catalog.steps import put
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import directives, link_sessions
from protocol.catalog import Product
from tests.support.hub import VAT
from tests.support.promising import Channel, company, hear, rows

MINUTE_US = 60_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5, "B": 4}, "store-2": {"A": 4}}, warehouses={})
    made.hub.database.write(_coats)
    yield made
    made.close()


def _coats(unit: HubUnit) -> None:
    coat = Product(
        sku="A", name="Coat", price_minor=10_00, rate_ppm=VAT, unit_cost_minor=400, category="Coats"
    )
    put(unit, [coat], 0)


def save(channel: Channel, *rules: dict[str, Any], base: int = 0, status: int = 200, **more: Any) -> Any:
    return channel.ask("PUT", "/api/lending-policy", {"base": base, "rules": rules, **more}, status=status)


def promisable(channel: Channel, sku: str = "A", **query: str) -> tuple[int, dict[str, int]]:
    answer = channel.client.get("/api/availability", params={"sku": sku, **query}).json()[0]
    return answer["promisable"], {part["location"]: part["promisable"] for part in answer["parts"]}


def test_safety_stock_counts_by_category_and_location_and_the_threshold_for_all(channel: Channel) -> None:
    assert promisable(channel) == (9, {"store-1": 5, "store-2": 4})

    save(
        channel,
        {"scope": "category", "name": "Coats", "safety_stock": 2, "company_threshold": 1},
        {"scope": "category", "name": "Coats", "location": "store-2", "safety_stock": 3},
    )

    assert promisable(channel) == (3, {"store-1": 3, "store-2": 1})
    assert promisable(channel, "B") == (4, {"store-1": 4})


def test_routing_and_the_page_keep_back_the_same(channel: Channel) -> None:
    save(channel, {"scope": "sku", "name": "A", "safety_stock": 4})
    channel.send(channel.collect("store-1", lines=[{"sku": "A", "quantity": 1}]))

    refused = channel.send(channel.collect("store-1", lines=[{"sku": "A", "quantity": 1}]), status=409)

    assert refused["facts"]["reasons"][0]["code"] == "SAFETY_STOCK"
    page = channel.client.get("/stock/A").text
    assert "0 may be promised now" in page
    assert "8 lent and free − 8 safety stock" in page


def test_a_threshold_of_one_item_refuses_no_order_of_another(channel: Channel) -> None:
    save(channel, {"scope": "sku", "name": "A", "company_threshold": 9})

    channel.send(channel.collect("store-1", lines=[{"sku": "B", "quantity": 4}]))
    refused = channel.send(channel.collect("store-1"), status=409)

    assert refused["facts"]["reasons"][0]["code"] == "RULE:company_threshold"


def test_every_location_is_told_the_rules_that_concern_it(channel: Channel) -> None:
    save(channel, {"scope": "all", "cap": 4}, {"scope": "sku", "name": "A", "location": "store-2", "cap": 9})

    told = {row["edge"]: row for row in rows(channel.hub, directives)}
    assert {edge: row["kind"] for edge, row in told.items()} == {
        "store-1": "lending.policy",
        "store-2": "lending.policy",
    }
    assert b'"rules":[{"scope":"all","cap":4}]' in bytes(told["store-1"]["bytes"])
    assert b'{"scope":"sku","name":"A","location":"store-2","cap":9}' in bytes(told["store-2"]["bytes"])


@pytest.mark.parametrize(
    ("said", "age_minutes", "classes"),
    [
        ({}, 1, {"same_hour": 0, "same_day": 5, "standard": 5}),
        ({}, 10, {"same_hour": 0, "same_day": 0, "standard": 0}),
        ({"same_hour": "offline"}, 1, {"same_hour": 5, "same_day": 5, "standard": 5}),
        ({"same_day": "late"}, 1, {"same_hour": 0, "same_day": 0, "standard": 5}),
        ({"standard": "never"}, 10, {"same_hour": 0, "same_day": 0, "standard": 5}),
    ],
)
def test_a_silent_store_loses_promises_class_by_class(
    channel: Channel, said: dict[str, str], age_minutes: int, classes: dict[str, int]
) -> None:
    if said:
        plain = {"same_hour": "late", "same_day": "offline", "standard": "offline"}
        save(channel, silence=plain | said)
    silent_since = channel.clock.at_us - age_minutes * MINUTE_US
    channel.hub.database.write(lambda unit: hear(unit, "store-1", silent_since))

    found = {each: promisable(channel, promise_class=each)[1]["store-1"] for each in classes}

    assert found == classes


@pytest.mark.parametrize(
    "rule",
    [
        {"scope": "all", "name": "A", "cap": 1},
        {"scope": "sku", "cap": 1},
        {"scope": "sku", "name": "A"},
        {"scope": "sku", "name": "A", "location": "nowhere", "cap": 1},
        {"scope": "sku", "name": "A", "location": "store-1", "company_threshold": 1},
    ],
)
def test_a_rule_that_cannot_count_is_refused_and_changes_nothing(
    channel: Channel, rule: dict[str, Any]
) -> None:
    refused = save(channel, rule, status=422)

    assert refused["code"] == "bad_rule"
    assert channel.ask("GET", "/api/lending-policy")["version"] == 0
    assert rows(channel.hub, directives) == []


def test_whoever_saves_over_somebody_elses_change_is_told_so(channel: Channel) -> None:
    save(channel, {"scope": "all", "cap": 4})

    refused = save(channel, {"scope": "all", "cap": 5}, status=409)

    assert refused["code"] == "stale_version"
    assert channel.ask("GET", "/api/lending-policy")["rules"][0]["cap"] == 4


def test_more_rules_than_fit_in_one_message_are_refused(channel: Channel) -> None:
    many = [{"scope": "sku", "name": f"S-{n:04d}", "cap": 1} for n in range(300)]

    refused = save(channel, *many, status=422)

    assert refused["code"] == "too_many_rules"


def test_a_preview_says_which_numbers_change_and_writes_nothing(channel: Channel) -> None:
    body = {"base": 0, "rules": [{"scope": "sku", "name": "A", "safety_stock": 1}]}

    found = channel.ask("POST", "/api/lending-policy/preview", body)

    was = {"free": 9, "excluded": 0, "safety_stock": 0, "kept_by_company": 0, "promisable": 9}
    becomes = was | {"safety_stock": 2, "promisable": 7}
    shift = {"sku": "A", "before": 9, "after": 7, "was": was, "becomes": becomes}
    assert (found["added"], found["shifts"]) == (1, [shift])
    assert channel.ask("GET", "/api/lending-policy")["version"] == 0
    with channel.hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(link_sessions)).scalar_one() == 2
