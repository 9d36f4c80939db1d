"""A hundred thousand tries at a few articles that everybody wants: none is lost, and nothing is taken twice.

A try is the conditional statement that takes a right. Ten of them for one article make a short transaction,
and now and then a promise of ten units is made and given back; everybody meets at the same five rows. Who was
told that a unit was taken says so here; what the tables say at the end must be just that, to the last unit.

On SQLite a hub is one process with one writer, where its threads meet: an update could be lost there only by
a step that rests on what was read before. On PostgreSQL transactions really run side by side, from threads
with connections of their own and from processes.
"""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit
from hub.stock.rows import allocations as table
from hub.stock.rows import hub_rights
from tests.support.postgres import Postgres
from tests.support.promising import place
from tests.support.racing import NAMES, STORE, TRIES, Answers, race, race_alone, try_often

THREADS, PROCESSES = 8, 4
TRIED = {"sqlite": 100_000, "threads": 70_000, "processes": 30_000}
"""A hundred thousand on each database."""
LENT_OF_TEN = 8
"""There are fewer units than are wanted, what comes back too, so that everybody wants the last one."""


def units_of_each(tried: int) -> int:
    """Return how many units of each article are lent for so many tries."""
    return tried * LENT_OF_TEN // 10 // len(NAMES)


def lend(unit: HubUnit, *, each: int) -> None:
    place(unit, STORE)
    unit.connection.execute(
        sa.insert(hub_rights), [{"location": STORE, "sku": sku, "granted_seen": each} for sku in NAMES]
    )


def assert_none_was_lost(database: HubDatabase, tried: int, answers: Sequence[Answers]) -> None:
    """Take what the answers say is left, to the last unit, and compare them with the tables."""
    each = units_of_each(tried)
    won, refused, back = Counter[str](), Counter[str](), Counter[str]()
    for told in answers:
        won += told.won
        refused += told.refused
        back += told.back
    assert won.total() + refused.total() == tried
    assert set(refused) == set(back) == set(NAMES)
    for sku in NAMES:
        left = each - (won[sku] - back[sku])
        for _ in range(left // TRIES + 1):
            won[sku] += database.write(partial(try_often, sku=sku))
    with database.read() as connection:
        cells = connection.execute(sa.select(hub_rights).order_by(hub_rights.c.sku)).all()
        ended = dict(
            map(tuple, connection.execute(sa.select(table.c.sku, sa.func.sum(table.c.ended)).group_by("sku")))
        )
    assert {row.sku: row.allocated for row in cells} == dict(won)
    assert {row.sku: row.ended for row in cells} == dict(back) == ended
    assert [row.allocated - row.ended for row in cells] == [each] * len(NAMES)


@pytest.mark.timeout(120)
def test_eight_threads_take_few_articles_again_and_again_and_no_update_is_lost(
    hub_database: HubDatabase,
) -> None:
    tried = TRIED["sqlite" if hub_database.is_sqlite else "threads"]
    hub_database.write(partial(lend, each=units_of_each(tried)))
    url = hub_database.engine.url.render_as_string(hide_password=False)
    own = [hub_database if hub_database.is_sqlite else HubDatabase(url) for _thread in range(THREADS)]
    answers: list[Answers] = []
    ready = threading.Barrier(THREADS)

    def run(n: int) -> None:
        ready.wait()
        answers.append(race(own[n], f"t{n}", tried // THREADS))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == THREADS
    assert_none_was_lost(hub_database, tried, answers)
    for database in own:
        if database is not hub_database:
            database.close()


@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_four_processes_take_few_articles_again_and_again_and_no_update_is_lost(
    postgres: Postgres,
) -> None:
    tried = TRIED["processes"]
    url = postgres.fresh()
    database = HubDatabase(url)
    database.write(partial(lend, each=units_of_each(tried)))
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(PROCESSES), context.Queue()
    running = [
        context.Process(target=race_alone, args=(url, f"p{n}", tried // PROCESSES, ready, answers))
        for n in range(PROCESSES)
    ]
    for process in running:
        process.start()
    told = [answers.get(timeout=100) for _process in running]
    for process in running:
        process.join(60)

    assert [process.exitcode for process in running] == [0] * PROCESSES
    assert_none_was_lost(database, tried, told)
    database.close()
    postgres.drop(url)
