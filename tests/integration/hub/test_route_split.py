"""One order from several places: split, brought to where it is collected, refused whole, never overspent."""

import multiprocessing
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase
from hub.fulfil.rows import assignment_lines, assignments
from hub.route import deciding
from hub.route.rows import decisions
from hub.stock import allocations as taking
from hub.stock.rows import allocations, hub_rights
from hub.transfers.rows import transfers
from protocol import later
from protocol.errors import OutOfRights
from protocol.fulfilment import PutBackLine, RejectReason
from tests.support.hub import Shop, send
from tests.support.postgres import Postgres
from tests.support.promising import Channel, company, rights, rows

LINES = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]
PROCESSES = 4


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    stores = {"store-1": {"A": 2}, "store-3": {"A": 1, "B": 1}}
    company(made.hub, stores=stores, warehouses={"dc-2": {"B": 3}})
    yield made
    made.close()


def let(channel: Channel, **said: Any) -> None:
    """Let a set of routing parameters count."""
    version = channel.ask("POST", "/api/routing/sets", {"base": 0, "set": said}, status=201)["version"]
    channel.ask("POST", f"/api/routing/sets/{version}/activate", {"seen": 0})


def ship(channel: Channel, **said: Any) -> dict[str, Any]:
    payment = {"gateway": "psp", "reference": "ch_1", "amount_minor": 29_00}
    return channel.ship(**{"lines": LINES, "payment": payment, **said})


def parts(channel: Channel) -> dict[str, list[tuple[int, int]]]:
    """Return (line, units) of every part, by its location."""
    joined = sa.select(assignments.c.location, assignment_lines.c.line_no, assignment_lines.c.quantity).join(
        assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id
    )
    found: dict[str, list[tuple[int, int]]] = {}
    with channel.hub.database.read() as connection:
        for row in connection.execute(joined.order_by(assignment_lines.c.line_no)):
            found.setdefault(row.location, []).append((row.line_no, row.quantity))
    return found


def taken(channel: Channel) -> dict[tuple[str, str], int]:
    """Return the rights that are taken, by location and item."""
    found = {}
    for row in rows(channel.hub, hub_rights):
        if row["allocated"] - row["ended"]:
            found[row["location"], row["sku"]] = row["allocated"] - row["ended"]
    return found


def test_an_order_that_no_location_has_whole_comes_from_two_with_a_part_and_rights_for_each(
    channel: Channel,
) -> None:
    let(channel, general={"max_shipments": 3})

    answer = channel.send(ship(channel))

    assert parts(channel) == {"store-1": [(1, 2)], "dc-2": [(2, 1)]}
    assert taken(channel) == {("store-1", "A"): 2, ("dc-2", "B"): 1}
    assert answer["sentence"].startswith("Store 1 sends 2 units; Dc 2 sends 1 unit: together, the cheapest")
    [decision] = channel.ask("GET", f"/api/orders/{answer['number']}/decisions")
    sent = {each["location"]: each for each in decision["body"]["sent"]}
    assert {place: each["units"] for place, each in sent.items()} == {
        "store-1": {"1": 2},
        "dc-2": {"2": 1},
    }
    assert decision["cost_minor"] == sum(each["cost_minor"] for each in sent.values())
    insisted = {place: row[:5] for row in decision["body"]["insist"] for place in row[5]}
    assert insisted["store-1"] == insisted["dc-2"] == [0, 0, 0, 0, True]
    assert insisted["store-3"] == [0, 0, 42, 0, True]  # what fetching one B costs more there
    assert set(decision["body"]["if_rejected"]) == {"store-1", "dc-2"}


def test_the_page_says_who_sends_what_at_which_price_and_what_insisting_on_others_costs(
    channel: Channel,
) -> None:
    let(channel, general={"max_shipments": 3, "split_minor": 0})
    answer = channel.send(ship(channel))
    page = channel.client.get(f"/orders/{answer['number']}/routing").text
    page = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Store 1 + Dc 2 fulfil it together for £9.23" in page
    assert "Store 1 standard · 2 units heard" in page
    assert "Dc 2 standard · 1 unit heard" in page
    assert "if it gives it back: +0.42" in page
    assert "Store 3 heard" in page
    assert "costs more with it +0.42" in page
    assert "no answer is better" in page


def test_where_one_shipment_is_the_most_nothing_is_split_and_nothing_is_taken(channel: Channel) -> None:
    let(channel, general={"max_shipments": 1})
    refused = channel.send(ship(channel), status=409)

    assert refused["code"] == "out_of_rights"
    assert taken(channel) == {}
    assert rows(channel.hub, assignments) == []


def test_what_nobody_has_whole_is_refused_whole_and_the_card_says_what_could_be_sent(
    channel: Channel,
) -> None:
    let(channel, general={"max_shipments": 3})
    lines = [{"sku": "A", "quantity": 5}]
    payment = {"gateway": "psp", "reference": "ch_1", "amount_minor": 54_00}

    channel.send(ship(channel, lines=lines, payment=payment, sold_already=True))

    assert taken(channel) == {}
    [card] = channel.ask("GET", "/api/exceptions")["exceptions"]
    assert card["kind"] == "unroutable"
    [could] = card["facts"]["could"]
    assert could.startswith("units from Store 1 2 and Store 3 1 for ")
    assert could.endswith("2 left over")


def test_only_the_missing_units_of_a_split_order_are_routed_again(channel: Channel) -> None:
    let(channel, general={"max_shipments": 3})
    answer = channel.send(ship(channel))
    [given] = [row for row in rows(channel.hub, assignments) if row["location"] == "dc-2"]
    shop = Shop("dc-2", code="D2")
    channel.hub.database.write(lambda unit: channel.hub.outbox.take(unit, "dc-2", 0, resend=False))

    shop.say(
        later.AssignmentRejected(
            assignment_id=given["assignment_id"],
            order_id=given["order_id"],
            number=given["number"],
            reason=RejectReason.NO_CAPACITY,
            lines=(PutBackLine(line_no=2, sku="B", lent=1),),
        )
    )
    send(channel.hub, shop, 1)

    assert parts(channel) == {"store-1": [(1, 2)], "dc-2": [(2, 1)], "store-3": [(2, 1)]}
    assert taken(channel) == {("store-1", "A"): 2, ("store-3", "B"): 1}
    again = channel.ask("GET", f"/api/orders/{answer['number']}/decisions")[-1]
    assert (again["trigger"], again["body"]["lines"]) == ("rejected", [[2, "B", 1]])


def test_what_the_collecting_store_lacks_comes_to_it_with_a_transfer(channel: Channel) -> None:
    lane = {"origin": "dc-2", "to": "store-1", "days": 0, "fixed_minor": 300, "unit_minor": 10}
    let(channel, general={"max_shipments": 3}, lanes=[lane])
    promise = {"kind": "collect", "location": "store-1", "promise_class": "standard"}

    channel.send(channel.collect(lines=LINES, promise=promise))

    assert parts(channel) == {"store-1": [(1, 2), (2, 1)]}
    assert taken(channel) == {("store-1", "A"): 2, ("dc-2", "B"): 1}
    [transfer] = rows(channel.hub, transfers)
    assert (transfer["source"], transfer["destination"]) == ("dc-2", "store-1")
    assert transfer["transfer_id"] in {
        row["owner"].removeprefix("t:") for row in rows(channel.hub, allocations)
    }


def test_a_reservation_of_several_places_is_taken_over_by_its_order_and_released_whole(
    channel: Channel,
) -> None:
    let(channel, general={"max_shipments": 3})
    wanted = {"channel": "web", "lines": LINES, "promise": {"kind": "ship"}}

    first = channel.ask("POST", "/api/reservations", wanted, status=201)
    assert taken(channel) == {("store-1", "A"): 2, ("dc-2", "B"): 1}
    channel.ask("DELETE", f"/api/reservations/{first['reservation_id']}")
    assert taken(channel) == {}
    second = channel.ask("POST", "/api/reservations", wanted, status=201)
    channel.send(ship(channel, reservation_id=second["reservation_id"]))

    assert taken(channel) == {("store-1", "A"): 2, ("dc-2", "B"): 1}
    assert parts(channel) == {"store-1": [(1, 2)], "dc-2": [(2, 1)]}


def test_whoever_is_too_slow_reads_anew_three_times_at_most_and_keeps_nothing_of_it(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second place is gone each time, after the first one was taken."""
    let(channel, general={"max_shipments": 3})
    real, tried = taking.allocate, []

    def allocate(connection: Any, owner: str, location: str, wanted: Any) -> None:
        tried.append(location)
        if location == "store-1" and tried.count("store-1") <= misses:
            raise OutOfRights("gone", "try again")
        real(connection, owner, location, wanted)

    monkeypatch.setattr(taking, "allocate", allocate)
    misses = 9
    refused = channel.send(ship(channel), status=409)
    assert (refused["what"], tried) == (
        "Other orders took the units each time; try again.",
        ["dc-2", "store-1"] * deciding.TRIES,
    )
    assert taken(channel) == {}
    tried.clear()
    misses = 2
    channel.send(ship(channel))
    assert len(tried) == 2 * deciding.TRIES
    assert taken(channel) == {("store-1", "A"): 2, ("dc-2", "B"): 1}


def order_alone(url: str, name: str, ready: Any, answers: Any) -> None:
    """Send orders as a hub process of its own."""
    made = Channel(HubDatabase(url), name=name)
    ready.wait()
    done = 0
    for n in range(12):
        order = ship(made, external_id=f"{name}-{n}")
        answer = made.client.post("/api/orders", json=order)
        assert answer.status_code in {201, 409}, answer.text
        done += answer.status_code == 201
    answers.put(done)
    made.close()


@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_four_hub_processes_that_route_at_once_never_overspend_a_right(postgres: Postgres) -> None:
    url = postgres.fresh()
    channel = Channel(HubDatabase(url))
    stores = {"store-1": {"A": 20}, "store-2": {"B": 7}, "store-3": {"A": 5, "B": 5}}
    company(channel.hub, stores=stores, warehouses={})
    let(channel, general={"max_shipments": 3})
    channel.send(ship(channel, external_id="first"))  # an order that finds the log begun
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(PROCESSES), context.Queue()
    running = [
        context.Process(target=order_alone, args=(url, f"p{n}", ready, answers)) for n in range(PROCESSES)
    ]
    for process in running:
        process.start()
    done = 1 + sum(answers.get(timeout=100) for _process in running)
    for process in running:
        process.join(60)

    assert done == 12  # twelve B are all there are, and each order takes one
    for row in rows(channel.hub, hub_rights):
        assert row["allocated"] <= row["granted_seen"], row
    assert [rights(channel.hub, place, "B")[1] for place in ("store-2", "store-3")] == [7, 5]
    assert sum(taken(channel).values()) == 3 * done
    assert len({row["order_id"] for row in rows(channel.hub, decisions)}) >= done
    channel.close()
    postgres.drop(url)
