"""Several processes of the hub on one PostgreSQL: each location has one that serves it, whoever dies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import leases, streams, workers
from hub.fleet.steps import NewLocation, add_location
from hub.journey import JOURNEY
from hub.link.leases import Changes, served
from hub.settings import HubSettings
from hub.spine.rows import events
from protocol.directives import CatalogPublish
from protocol.errors import Unavailable
from protocol.kit.web.sse import Broadcaster
from tests.support.hub import Shop, TestClock, TestIds, send
from tests.support.postgres import Postgres

pytestmark = pytest.mark.postgres
STORES = ("store-1", "store-2", "store-3", "store-4")


@dataclass
class Processes:
    """The processes of one hub, on one database."""

    url: str
    databases: list[HubDatabase] = field(default_factory=list)

    def start(self, worker: str) -> Hub:
        """Start one more process, or one of the same name again."""
        database = HubDatabase(self.url)
        self.databases.append(database)
        hub = Hub(
            settings=HubSettings(worker=worker),
            database=database,
            clock=TestClock(),
            ids=TestIds(f"{worker}-{len(self.databases)}"),
            broadcaster=Broadcaster(),
            journey=JOURNEY,
        )
        hub.leases.start()
        return hub

    def pair(self) -> tuple[Hub, Hub]:
        """Return two processes; the first one serves every location."""
        first = self.start("hub-1")

        def register(unit: HubUnit) -> None:
            for code, store in zip(("LA", "LB", "LC", "LD"), STORES, strict=True):
                new = NewLocation(edge=store, code=code, name=store)
                add_location(unit, new, clock=first.clock, ids=first.ids)

        first.database.write(register)
        renew(first)
        return first, self.start("hub-2")


@pytest.fixture
def processes(postgres: Postgres) -> Iterator[Processes]:
    """Return a hub of which no process runs yet."""
    several = Processes(postgres.fresh())
    yield several
    for database in several.databases:
        database.close()
    postgres.drop(several.url)


def renew(hub: Hub) -> Changes:
    return hub.database.write(hub.leases.renew)


def held(hub: Hub) -> list[str]:
    return [store for store in STORES if hub.leases.holds(store)]


def run_out(hub: Hub, worker: str) -> None:
    """Let the leases of a process run out, and let it count as gone."""

    def step(unit: HubUnit) -> None:
        connection = unit.connection
        connection.execute(sa.update(leases).where(leases.c.worker == worker).values(until_us=1))
        connection.execute(sa.update(workers).where(workers.c.worker == worker).values(seen_us=1))

    hub.database.write(step)


def test_one_process_serves_every_location_and_a_second_one_gets_its_share(processes: Processes) -> None:
    first, second = processes.pair()
    assert held(first) == list(STORES)

    assert held(second) == []
    assert renew(second) == Changes()
    given_up = renew(first).lost
    gained = renew(second).gained

    assert len(given_up) == 2
    assert gained == given_up
    assert sorted(held(first) + held(second)) == list(STORES)
    with first.database.read() as connection:
        who = served(connection)
    assert {edge: one.worker for edge, one in who.items()} == {
        edge: "hub-2" if edge in gained else "hub-1" for edge in STORES
    }


def test_a_process_paused_past_its_lease_commits_nothing_and_its_successor_loses_nothing(
    processes: Processes,
) -> None:
    first, second = processes.pair()
    shop = Shop()
    shop.stock("A", 10)
    shop.open()
    shop.sell(("A", 1, 999))
    send(first, shop, 1, 2)
    run_out(second, "hub-1")
    assert "store-1" in renew(second).gained

    with pytest.raises(Unavailable, match="served by another process"):
        send(first, shop, 3)
    with pytest.raises(Unavailable, match="served by another process"):
        first.database.write(lambda unit: first.leases.guard(unit, "store-1"))

    assert send(second, shop, 3)[-1].upto == 3
    with second.database.read() as connection:
        upto = connection.execute(sa.select(streams.c.upto)).scalar_one()
        stored = connection.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()
    assert (upto, stored) == (3, 3)


def test_a_process_that_wakes_up_learns_that_it_serves_nothing_any_more(processes: Processes) -> None:
    first, second = processes.pair()
    run_out(second, "hub-1")
    renew(second)

    changes = renew(first)

    assert changes.lost == STORES
    assert held(first) == []
    # Both are alive again, so the next looks share the locations out anew.
    renew(second)
    renew(first)
    assert len(held(first)) == len(held(second)) == 2


def test_a_restarted_process_goes_on_at_once_and_its_earlier_self_is_fenced_off(processes: Processes) -> None:
    first, _second = processes.pair()
    again = processes.start("hub-1")

    assert renew(again).gained == STORES

    with pytest.raises(Unavailable):
        first.database.write(lambda unit: first.leases.guard(unit, "store-1"))
    assert renew(first).lost == STORES
    assert renew(first).gained == (), "one name, two processes: the newest is the one that counts"
    again.database.write(lambda unit: again.leases.guard(unit, "store-1"))


def test_a_process_that_stops_leaves_its_locations_to_the_others_without_waiting(
    processes: Processes,
) -> None:
    first, second = processes.pair()

    first.database.write(first.leases.release)

    assert renew(second).gained == STORES


def test_processes_that_look_at_the_same_moment_never_serve_one_location_together(
    processes: Processes,
) -> None:
    first, second = processes.pair()
    third = processes.start("hub-3")
    hubs = (first, second, third)
    for round_ in range(12):
        run_out(first, f"hub-{round_ % 3 + 1}")
        start = Barrier(len(hubs))

        def look(hub: Hub, start: Barrier = start) -> None:
            start.wait(10)
            renew(hub)

        with ThreadPoolExecutor(len(hubs)) as pool:
            list(pool.map(look, hubs))
        for store in STORES:
            serving = [hub for hub in hubs if may_serve(hub, store)]
            assert len(serving) <= 1, (round_, store)


def may_serve(hub: Hub, store: str) -> bool:
    try:
        hub.database.write(lambda unit: hub.leases.guard(unit, store))
    except Unavailable:
        return False
    return True


def number(hub: Hub, body: CatalogPublish) -> int:
    return hub.database.write(lambda unit: hub.outbox.send_directive(unit, "store-1", body))


def test_what_is_taken_back_by_one_process_is_never_what_another_sends(processes: Processes) -> None:
    first, second = processes.pair()
    withdrawn = sent = 0
    for n in range(40):
        body = CatalogPublish(
            version=n + 1, path=f"/edge/catalog/{n + 1}", sha256="0" * 64, size=1, products=1
        )
        cseq = number(first, body)
        start = Barrier(2)

        def take(cseq: int = cseq, start: Barrier = start) -> tuple[str, ...]:
            start.wait(10)
            run = first.database.write(lambda unit: first.outbox.take(unit, "store-1", cseq - 1, resend=True))
            return run.directives if run is not None else ()

        def withdraw(cseq: int = cseq, start: Barrier = start) -> bool:
            start.wait(10)
            return second.database.write(lambda unit: second.outbox.withdraw(unit, "store-1", cseq))

        with ThreadPoolExecutor(2) as pool:
            taking, withdrawing = pool.submit(take), pool.submit(withdraw)
            said, taken_back = taking.result(20), withdrawing.result(20)
        assert ('"kind":"catalog.publish"' in said[0]) is not taken_back
        withdrawn, sent = withdrawn + taken_back, sent + (not taken_back)

    assert withdrawn + sent == 40
