"""Vectors at the hub: what it wants by what it promised, what it gives back, and whom a deficit breaks."""

import json
import re
from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubDatabase
from hub.exceptions.rows import exceptions
from hub.fulfil import deficits
from hub.link.rights import RightsRows
from hub.stock import allocations
from hub.stock.policy import CompanyPolicy
from hub.stock.policy_steps import save
from hub.stock.rows import hub_rights, lending_rates
from protocol.lending import LendingRule
from protocol.rights import EdgeVector
from tests.support.hub import hub_of
from tests.support.promising import Story, company, rows

STORE = "store-1"
DAY_US = 24 * 3600 * 1_000_000


def seen(ver: int, *, granted: int = 5, physical: int = 9, deficit: int = 0, returned: int = 0, back: int = 0,
         finished: int = 0) -> EdgeVector:  # fmt: skip
    return EdgeVector(
        sku="A", ep=0, ver=ver, G=granted, F=finished, P=physical, B=0, d=deficit, R=returned, want_back=back
    )


def see(hub: Hub, *vectors: EdgeVector, location: str = STORE) -> None:
    hub.database.write(lambda unit: RightsRows(hub).see(unit, location, vectors))


def echo(hub: Hub, version: int) -> None:
    hub.database.write(lambda unit: RightsRows(hub).echoed(unit, STORE, [("A", version)]))


def right(hub: Hub) -> dict[str, Any]:
    return next(row for row in rows(hub, hub_rights) if (row["location"], row["sku"]) == (STORE, "A"))


def promise(hub: Hub, owner: str, units: int) -> None:
    hub.database.write(lambda unit: allocations.allocate(unit.connection, owner, STORE, [(1, "A", units)]))


def cards(hub: Hub) -> list[tuple[str, str, int]]:
    return [
        (row["kind"], row["state"], json.loads(row["facts"]).get("missing", 0))
        for row in rows(hub, exceptions)
        if row["kind"] == deficits.KIND
    ]


def missed(story: Story) -> tuple[str, dict[str, Any]]:
    """Let a store miss two units that an order and a transfer wait for; return the transfer and the card."""
    story.place()
    wanted = {"source": STORE, "destination": "store-2", "lines": [{"sku": "A", "quantity": 2}]}
    number = story.channel.ask("POST", "/api/transfers", wanted, status=201)["number"]
    see(story.hub, seen(1, granted=5, physical=2, deficit=3))
    [card] = story.channel.ask("GET", "/api/exceptions?kind=stock_deficit")["exceptions"]
    return number, card


def test_the_hub_wants_what_it_promises_and_says_so_once(hub_database: HubDatabase) -> None:
    hub = hub_of(hub_database)
    company(hub, stores={STORE: {}}, warehouses={})
    rule = LendingRule(cap=9, k_milli=1000, refill_minutes=24 * 60)
    save(hub, CompanyPolicy(rules=(rule,)), base=0, by="ops")
    see(hub, seen(1, granted=30))
    promise(hub, "a-1", 20)
    version = right(hub)["version"]

    echo(hub, version)

    # Twenty in a moment are two a day over the week in which they fade; one day of that is wanted.
    wanted = right(hub)
    assert (wanted["want"], wanted["version"]) == (2, version + 1)
    with hub.database.read() as connection:
        assert [vector.want for vector in RightsRows(hub).due(connection, STORE, 9)] == [2]
    echo(hub, version + 1)
    assert (right(hub)["want"], right(hub)["version"]) == (2, version + 1)


def test_a_demand_that_stays_away_is_wanted_less(hub_database: HubDatabase) -> None:
    hub = hub_of(hub_database)
    company(hub, stores={STORE: {}}, warehouses={})
    save(
        hub,
        CompanyPolicy(rules=(LendingRule(cap=9, k_milli=1000, refill_minutes=24 * 60),)),
        base=0,
        by="ops",
    )
    see(hub, seen(1, granted=40))
    promise(hub, "a-1", 30)
    echo(hub, right(hub)["version"])
    first = right(hub)["want"]
    hub.clock.at_us += 30 * DAY_US  # type: ignore[attr-defined]  # the clock of a test
    promise(hub, "a-2", 1)

    echo(hub, right(hub)["version"])

    assert (first, right(hub)["want"]) == (3, 1)
    assert len(rows(hub, lending_rates)) == 1


def test_what_a_store_wants_back_is_given_once_however_often_it_says_so(hub_database: HubDatabase) -> None:
    hub = hub_of(hub_database)
    see(hub, seen(1, granted=5))
    for _again in range(3):
        see(hub, seen(2, granted=5, back=2))

    assert (right(hub)["returned"], right(hub)["version"]) == (2, 1)


def test_an_older_wish_that_comes_late_gives_nothing(hub_database: HubDatabase) -> None:
    hub = hub_of(hub_database)
    see(hub, seen(3, granted=5))
    see(hub, seen(2, granted=5, back=4))

    assert right(hub)["returned"] == 0


def test_free_rights_go_back_first_and_then_nobody_has_to_give_way(hub_database: HubDatabase) -> None:
    hub = hub_of(hub_database)
    see(hub, seen(1, granted=5))
    promise(hub, "a-1", 2)

    see(hub, seen(2, granted=5, physical=3, deficit=2))
    see(hub, seen(2, granted=5, physical=3, deficit=2))

    assert (right(hub)["returned"], cards(hub)) == (2, [])


def test_a_deficit_calls_a_person_with_the_least_harm_first_and_chooses_nobody_twice(
    hub_database: HubDatabase,
) -> None:
    story = Story(hub_database)
    try:
        first = story.place()
        second = story.place()
        hub = story.hub
        see(hub, seen(1, granted=5, physical=2, deficit=3))

        # One was free and went back; two of the four promised ones are missing.
        assert (right(hub)["returned"], cards(hub)) == (1, [(deficits.KIND, "open", 2)])
        with hub.database.read() as connection:
            assert {one.number for one in deficits.promises(connection, STORE, "A")} == {
                first["number"],
                second["number"],
            }
        story.leave()
        asked = story.channel.ask(
            "POST",
            f"/api/orders/{second['number']}/reroute",
            {"assignment_id": story.assignment["assignment_id"], "reason": "missing"},
        )
        assert asked["requested"] == [STORE]
        see(hub, seen(1, granted=5, physical=2, deficit=3))
        see(hub, seen(2, granted=5, physical=2, deficit=2, returned=1))

        # What is being given up answers it: no free right is taken for it, and no other card is raised.
        assert (right(hub)["returned"], cards(hub)) == (1, [(deficits.KIND, "open", 2)])
    finally:
        story.channel.close()


def test_what_is_only_sent_to_another_store_gives_way_before_a_customer(hub_database: HubDatabase) -> None:
    story = Story(hub_database)
    try:
        hub = story.hub
        number, card = missed(story)
        facts = card["facts"]
        assert (facts["missing"], facts["transfers"], facts["numbers"]) == (2, [number], [])
        shown = story.channel.client.get(f"/stock/missing?location={STORE}&sku=A").text
        assert (shown.count("gives way first"), shown.count("breaks first")) == (1, 0)

        story.leave()
        done = story.channel.ask("POST", f"/api/transfers/{number}/cancel", {"reason": "missing"})
        assert done["requested"]
        see(hub, seen(2, granted=5, physical=2, deficit=2, returned=1))
        with hub.database.read() as connection:
            [sending] = deficits.sendings(connection, STORE, "A")
        assert (sending.units, sending.asked, cards(hub)) == (2, True, [(deficits.KIND, "open", 2)])
    finally:
        story.channel.close()


def test_the_card_says_what_was_missing_at_first_and_what_is_missing_now(hub_database: HubDatabase) -> None:
    story = Story(hub_database)
    try:
        hub = story.hub
        number, card = missed(story)

        def facts() -> list[tuple[str, str]]:
            page = story.channel.client.get(f"/exceptions/{card['exception_id']}").text
            return re.findall(r"(Units missing[^<]*)</th><td><span[^>]*>([^<]*)", page)

        assert facts() == [("Units missing at first", "2"), ("Units missing now", "2")]
        see(hub, seen(2, granted=5, physical=3, deficit=2, returned=1))
        see(hub, seen(3, granted=5, physical=4, deficit=1, returned=1))
        assert facts() == [("Units missing at first", "2"), ("Units missing now", "1")]

        story.leave()
        story.channel.ask("POST", f"/api/transfers/{number}/cancel", {"reason": "missing"})
        assert facts()[1][1] == "0: the rest is given back or given up; the location has to confirm it"
    finally:
        story.channel.close()


def test_what_a_store_gives_up_goes_back_to_it_and_the_card_closes(hub_database: HubDatabase) -> None:
    story = Story(hub_database)
    try:
        story.place()
        hub = story.hub
        see(hub, seen(1, granted=5, physical=1, deficit=4))
        assert (right(hub)["returned"], cards(hub)) == (3, [(deficits.KIND, "open", 1)])
        owner = story.assignment["assignment_id"]

        hub.database.write(lambda unit: allocations.end_all(unit.connection, owner))

        # Rights that came back while units are missing go on to the store; nobody else is promised them.
        now = right(hub)
        assert (now["allocated"], now["ended"], now["returned"]) == (2, 2, 4)
        see(hub, seen(2, granted=5, physical=1, returned=4))
        assert cards(hub) == [(deficits.KIND, "closed", 1)]
    finally:
        story.channel.close()


def test_a_look_for_what_is_due_uses_the_index_of_what_is_due(hub_database: HubDatabase) -> None:
    if not hub_database.is_sqlite:
        with hub_database.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_hub_rights_due'"
            ).scalar_one()
        assert "WHERE (version > echoed)" in found
        return
    with hub_database.read() as connection:
        plan = connection.execute(
            sa.text(
                "EXPLAIN QUERY PLAN SELECT * FROM hub_rights WHERE location = 'x' AND version > echoed"
                " ORDER BY sku LIMIT 500"
            )
        ).all()
    assert ["USING INDEX ix_hub_rights_due" in row[-1] for row in plan] == [True]
