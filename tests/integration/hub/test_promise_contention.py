"""Many who want the same units: exactly as many promises as units, and every other is a clean refusal."""

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.spine.rows import counters, events
from hub.spine.steps import count_up, raise_exception
from hub.stock import allocations
from hub.stock.rows import allocations as table
from protocol.errors import OutOfRights
from tests.support.hub import hub_of
from tests.support.postgres import Postgres
from tests.support.promising import Channel, company, rights, rows

ON_HAND, ORDERS = 20, 40


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": ON_HAND}, "store-2": {}}, warehouses={})
    yield made
    made.close()


@pytest.mark.parametrize("clients", [8, 64])
@pytest.mark.timeout(120)
def test_forty_orders_for_twenty_units_are_twenty_promises_and_twenty_refusals(
    channel: Channel, clients: int
) -> None:
    waiting = [channel.collect(external_id=f"W-{n}") for n in range(ORDERS)]
    answers: list[tuple[int, Any]] = []
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                order = waiting.pop()
            answer = channel.client.post("/api/orders", json=order)
            with lock:
                answers.append((answer.status_code, answer.json()))

    threads = [threading.Thread(target=run) for _ in range(clients)]
    with channel.client:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert Counter(status for status, _said in answers) == {201: ON_HAND, 409: ORDERS - ON_HAND}
    assert {said["error"]["code"] for status, said in answers if status == 409} == {"out_of_rights"}
    assert len({said["number"] for status, said in answers if status == 201}) == ON_HAND
    granted, allocated, ended, _version = rights(channel.hub, "store-1", "A")
    assert (granted, allocated, ended) == (ON_HAND, ON_HAND, 0)
    assert sum(row["units"] for row in rows(channel.hub, table)) == ON_HAND


@pytest.mark.timeout(120)
def test_one_key_sent_by_many_at_once_is_one_order(channel: Channel) -> None:
    order = channel.collect()
    answers: list[tuple[int, str]] = []

    def run() -> None:
        answer = channel.client.post("/api/orders", json=order, headers={"idempotency-key": "k-1"})
        answers.append((answer.status_code, answer.json()["number"]))

    threads = [threading.Thread(target=run) for _ in range(8)]
    with channel.client:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert Counter(answers) == {(201, "HB1-00001"): 1, (200, "HB1-00001"): 7}
    assert rights(channel.hub, "store-1", "A")[:3] == (ON_HAND, 1, 0)


def take_one(unit: HubUnit, *, owner: str, sku: str) -> None:
    """Promise one unit."""
    allocations.allocate(unit.connection, owner, "store-1", [(1, sku, 1)])


def say_first(unit: HubUnit, *, hub: Hub, name: str, ready: Any) -> None:
    """Record the first event of all, together with others: what one says alone, and what all say."""
    unit.connection.exec_driver_sql("SELECT 1")
    ready.wait()
    work = hub.spine.work(unit)
    for key in (name, "all"):
        raise_exception(
            work, kind="clock_failed", subject=key, title=key, facts={}, owner_role="admin", dedupe_key=key
        )
    count_up(unit.connection, "numbers")
    work.flush()
    time.sleep(0.1)  # so that the others meet it unfinished


def promise_last(url: str, name: str, rounds: int, ready: Any, won: Any) -> None:
    """Record the first event of the log, then try to promise the last unit of each item, as a process."""
    database = HubDatabase(url)
    database.write(partial(say_first, hub=hub_of(database, name=name), name=name, ready=ready))
    ready.wait()
    for n in range(rounds):
        try:
            database.write(partial(take_one, owner=f"{name}-{n}", sku=f"S{n}"))
        except OutOfRights:
            continue
        won.put((n, name))
    database.close()


@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_four_processes_begin_the_log_together_and_one_wins_each_last_unit(
    postgres: Postgres,
) -> None:
    rounds, processes = 25, 4
    url = postgres.fresh()
    database = HubDatabase(url)
    hub = hub_of(database)
    company(hub, stores={"store-1": {f"S{n}": 1 for n in range(rounds)}}, warehouses={})
    context = multiprocessing.get_context("spawn")
    ready, won = context.Barrier(processes, timeout=60), context.Queue()
    running = [
        context.Process(target=promise_last, args=(url, f"p{n}", rounds, ready, won))
        for n in range(processes)
    ]
    for process in running:
        process.start()
    winners = [won.get(timeout=60) for _ in range(rounds)]
    for process in running:
        process.join(60)

    assert [process.exitcode for process in running] == [0] * processes
    assert won.empty()
    said = rows(hub, events)
    assert [row["apply_order"] for row in said] == [row["seq"] for row in said] == [1, 2, 3, 4, 5]
    assert len({row["inc"] for row in said}) == 1, "they are one hub"
    assert {row["name"]: row["value"] for row in rows(hub, counters)} == {"apply_order": 5, "numbers": 4}
    assert sorted(n for n, _name in winners) == list(range(rounds))
    assert sorted(row["owner"] for row in rows(hub, table)) == sorted(f"{name}-{n}" for n, name in winners)
    database.close()
    postgres.drop(url)
