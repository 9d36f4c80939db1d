"""The last unit of a thousand articles, wanted by everybody at once: each has exactly one winner.

Threads share the writer of one hub process, as web requests do; on PostgreSQL each has a connection of its
own as well, and so have processes. Nothing here knows how a promise is made; only who was told that it was.
"""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit
from hub.stock import allocations
from hub.stock.rows import allocations as table
from hub.stock.rows import hub_rights
from protocol.errors import OutOfRights
from tests.support.hub import hub_of
from tests.support.postgres import Postgres
from tests.support.promising import place

SKUS, THREADS, PROCESSES = 1_000, 8, 4
STORE = "store-1"
NAMES = tuple(f"S{n:04d}" for n in range(SKUS))


def lend_one_of_each(unit: HubUnit) -> None:
    place(unit, STORE)
    unit.connection.execute(
        sa.insert(hub_rights), [{"location": STORE, "sku": sku, "granted_seen": 1} for sku in NAMES]
    )


def take(unit: HubUnit, *, owner: str, sku: str) -> None:
    allocations.allocate(unit.connection, owner, STORE, [(1, sku, 1)])


def race(database: HubDatabase, name: str) -> list[tuple[str, str]]:
    """Want one of each article and return what was won; who loses is refused and nothing else."""
    won = []
    for sku in NAMES:
        owner = f"{name}-{sku}"
        try:
            database.write(partial(take, owner=owner, sku=sku))
        except OutOfRights:
            continue
        won.append((sku, owner))
    return won


def assert_one_winner_each(database: HubDatabase, won: Sequence[tuple[str, str]]) -> None:
    assert Counter(sku for sku, _owner in won) == dict.fromkeys(NAMES, 1)
    with database.read() as connection:
        rows = connection.execute(sa.select(table.c.sku, table.c.owner, table.c.units)).all()
        cells = connection.execute(
            sa.select(hub_rights.c.granted_seen, hub_rights.c.allocated, hub_rights.c.ended).distinct()
        ).all()
    assert sorted((row.sku, row.owner) for row in rows) == sorted(won)
    assert {row.units for row in rows} == {1}
    assert [tuple(row) for row in cells] == [(1, 1, 0)]


@pytest.mark.timeout(120)
def test_eight_threads_promise_the_last_unit_of_a_thousand_articles_and_each_has_one_winner(
    hub_database: HubDatabase,
) -> None:
    hub_of(hub_database).database.write(lend_one_of_each)
    url = hub_database.engine.url.render_as_string(hide_password=False)
    own = [hub_database if hub_database.is_sqlite else HubDatabase(url) for _thread in range(THREADS)]
    won: list[tuple[str, str]] = []
    ready = threading.Barrier(THREADS)

    def run(n: int) -> None:
        ready.wait()
        won.extend(race(own[n], f"t{n}"))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert_one_winner_each(hub_database, won)
    for database in own:
        if database is not hub_database:
            database.close()


def race_alone(url: str, name: str, ready: Any, answers: Any) -> None:
    """Race as a process of its own."""
    database = HubDatabase(url)
    ready.wait()
    answers.put(race(database, name))
    database.close()


@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_four_processes_promise_the_last_unit_of_a_thousand_articles_and_each_has_one_winner(
    postgres: Postgres,
) -> None:
    url = postgres.fresh()
    database = HubDatabase(url)
    database.write(lend_one_of_each)
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(PROCESSES), context.Queue()
    running = [
        context.Process(target=race_alone, args=(url, f"p{n}", ready, answers)) for n in range(PROCESSES)
    ]
    for process in running:
        process.start()
    won = [pair for _process in running for pair in answers.get(timeout=100)]
    for process in running:
        process.join(60)

    assert [process.exitcode for process in running] == [0] * PROCESSES
    assert_one_winner_each(database, won)
    database.close()
    postgres.drop(url)
