"""Two processes of the hub on one PostgreSQL: paused past its lease, killed, restarted; a sale counts once.

A web shop orders the last of a few articles meanwhile, and stores take on what they are offered.

So it does when the database is lost and one that lagged behind is promoted in its place, while a process of
before, which noticed nothing, goes on with the old one.

Leases run out after a quarter of a minute. A test that waited for that would test patience, so the time is
taken out of the lease's row instead: to the processes it is the same.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from deploy.broker import password_line
from deploy.demo.books import one
from deploy.demo.check import told_by_clients
from deploy.demo.process import Child
from deploy.demo.supervisor import HUB
from hub.fleet.rows import leases, streams, workers
from hub.schema import create_schema
from hub.spine.rows import events, orders
from hub.stock.rows import rights_epochs
from tests.support.company import Company
from tests.support.postgres import Postgres
from tests.support.processes import Processes
from tests.support.web_shop import WebShop
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.postgres, pytest.mark.timeout(300)]
SECOND = "hub-2"
SCARCE = 4
WAIT_SECONDS = 60.0


class TwoProcesses:
    """A company whose hub is a web process and a worker."""

    def __init__(self, company: Company, server: Postgres, url: str, worker: Child) -> None:
        self.company = company
        self.server = server
        self.url = url
        self.engine = sa.create_engine(url)
        self.worker = worker
        self.shop = WebShop(company)

    def lag(self) -> str:
        """Return the address of a copy of the database that hears nothing from now on.

        PostgreSQL copies a database only while nobody uses it, so the hub is away for that moment.
        """
        with self.down():
            self.engine.dispose()
            return self.server.copy(self.url)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Keep the web process down for the length of a block, killed; the worker too, if it runs."""
        supervisor = self.company.supervisor
        with supervisor._lock:
            self.worker.kill()
            supervisor._process(HUB).kill()
            yield
            supervisor._process(HUB).start()
        self.company.wait_ready(HUB)

    def rows(self, statement: sa.Select[Any]) -> list[sa.Row[Any]]:
        with self.engine.connect() as connection:
            return list(connection.execute(statement))

    def serving(self) -> dict[str, str]:
        """Return which process serves each location."""
        return {row.edge: row.worker for row in self.rows(sa.select(leases))}

    def of_worker(self) -> str:
        """Return a store that the second process serves, once it does."""
        eventually(lambda: SECOND in self.serving().values(), WAIT_SECONDS, what="the worker's share")
        return next(edge for edge, worker in sorted(self.serving().items()) if worker == SECOND)

    def run_out(self, worker: str) -> None:
        """Let the leases of a process run out.

        One that was stopped in the middle of a transaction holds its row: it goes on for a moment, and stops.
        """
        for _again in range(20):
            try:
                with self.engine.begin() as connection:
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
                    connection.execute(sa.update(leases).where(leases.c.worker == worker).values(until_us=1))
                    connection.execute(sa.update(workers).where(workers.c.worker == worker).values(seen_us=1))
            except sa.exc.OperationalError:
                os.killpg(self.worker.pid, signal.SIGCONT)
                threading.Event().wait(0.3)
                os.killpg(self.worker.pid, signal.SIGSTOP)
            else:
                return

    def applied(self, store: str) -> int:
        found = self.rows(sa.select(sa.func.max(streams.c.upto)).where(streams.c.edge == store))
        return int(found[0][0] or 0)

    def newest(self, store: str) -> int:
        file = self.company.layout.folder / store / "edge.db"
        return int(one(file, "SELECT coalesce(max(seq), 0) FROM events"))

    def newest_applied(self) -> int:
        return int(self.rows(sa.select(sa.func.max(events.c.apply_order)))[0][0] or 0)

    def all_lend_again(self) -> bool:
        return not self.rows(sa.select(rights_epochs).where(rights_epochs.c.state != "open"))

    def differences(self) -> list[str]:
        """Return what is not as the web shop was told."""
        with self.engine.connect() as connection:
            return self.shop.differences(connection)

    def settle(self) -> None:
        """Compare what clients were told with what the hub has, once it has heard everything."""
        company = self.company
        company.wait_ready(HUB, *company.stores)
        for seller in company.everybody:
            seller.repeat()
        for store in company.stores:
            eventually(
                lambda store=store: self.applied(store) == self.newest(store),  # type: ignore[misc]  # bound now
                WAIT_SECONDS,
                what=f"{store} to be applied whole",
            )
        self.shop.sell_out()
        assert self.shop.refused > 0
        said = ["nothing was read"]

        def adds_up() -> bool:
            said[:] = self.differences()
            return not said

        with suppress(AssertionError):
            eventually(adds_up, WAIT_SECONDS)
        assert said == []
        clients, summary = told_by_clients(company.history.lines()), company.summary()
        assert (summary["orders"], summary["gross_minor"]) == (clients.orders, clients.gross_minor)
        assert (summary["returns"], summary["refund_minor"]) == (clients.returns, clients.refund_minor)
        assert (summary["trial_balance_minor"], summary["unbalanced_journals"]) == (0, 0)
        ids = [row.event_id for row in self.rows(sa.select(events.c.event_id))]
        assert len(ids) == len(set(ids))
        numbers = [row.number for row in self.rows(sa.select(orders.c.number))]
        told = [line["number"] for line in company.history.lines() if line["kind"] == "sale"]
        assert sorted(numbers) == sorted(told + self.shop.numbers)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.make_template(create_schema)
    yield server
    server.close()


@pytest.fixture
def two(
    postgres: Postgres, mosquitto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TwoProcesses]:
    """Return a company of two stores whose hub runs as two processes."""
    url = postgres.fresh(empty=True)
    monkeypatch.setenv("ORDERSPINE_HUB_DATABASE_URL", url)
    company = Company(tmp_path / "company", scarce=SCARCE)
    with running(company) as folder, Processes(folder) as processes:
        let_in(company, SECOND)
        worker = processes.run(SECOND, [*worker_command(company)], wait=False)
        made = TwoProcesses(company, postgres, url, worker)
        yield made
        made.shop.close()
    made.engine.dispose()
    for each in {url, made.url}:
        postgres.drop(each)


@contextmanager
def running(company: Company) -> Iterator[Path]:
    """Run a company for the length of a block."""
    try:
        company.start()
        yield company.layout.logs
    finally:
        company.close()


def let_in(company: Company, worker: str) -> None:
    """Give the second process a name of its own at the broker."""
    broker = company.supervisor._broker
    assert broker is not None
    broker.admit([*broker.lines, password_line(worker, company.layout.read_secret("hub.mqtt"))])


def worker_command(company: Company) -> list[str]:
    """Return how the second process is started: the same settings under another name."""
    first = company.layout.config(HUB)
    second = first.with_name("second.toml")
    second.write_text(f'worker = "{SECOND}"\n' + first.read_text(encoding="utf-8"), encoding="utf-8")
    return [sys.executable, "-m", "deploy.cli", "hub", "worker", "--config", str(second)]


def promoted(company: Company) -> Any:
    """Begin a new life on the database that the settings name, and return what the command said."""
    config = company.layout.config(HUB)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "hub", "promote", "--config", str(config), "--json"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_worker_paused_past_its_lease_and_one_killed_change_no_total(two: TwoProcesses) -> None:
    store = two.of_worker()
    company = two.company
    line = company.line()
    with company.selling(), two.shop.selling():
        company.wait_for_sales(8, store)
        two.shop.wait_for_orders(4)
        assert (line["connected"], company.line()["since_us"]) == (True, line["since_us"]), "thrown out"
        os.killpg(two.worker.pid, signal.SIGSTOP)
        two.run_out(SECOND)
        two.shop.wait_for_orders(4)
        eventually(lambda: two.serving()[store] == "hub-1", WAIT_SECONDS, what="hub-1 to take over")
        upto = two.applied(store)
        eventually(lambda: two.applied(store) > upto, WAIT_SECONDS, what="the other process to go on")
        os.killpg(two.worker.pid, signal.SIGCONT)
        again = two.of_worker()

        company.wait_for_sales(8, again)
        two.worker.kill()
        two.run_out(SECOND)
        two.shop.wait_for_orders(4)
        eventually(
            lambda: set(two.serving().values()) == {"hub-1"}, WAIT_SECONDS, what="hub-1 to serve everybody"
        )
        company.wait_for_sales(8)

    two.settle()


def test_the_web_process_killed_leaves_its_stores_to_the_worker_and_goes_on_when_it_is_back(
    two: TwoProcesses,
) -> None:
    two.of_worker()
    company = two.company
    with company.selling(), two.shop.selling():
        company.wait_for_sales(8)
        two.shop.wait_for_orders(4)
        company.supervisor.kill(HUB)
        two.run_out("hub-1")
        company.wait_for_sales(8)
        company.wait_ready(HUB)
        two.shop.wait_for_orders(4)
        eventually(
            lambda: set(two.serving().values()) == {"hub-1", SECOND}, WAIT_SECONDS, what="each its share"
        )
        company.wait_for_sales(8)

    two.settle()
    with httpx.Client(base_url=company.layout.hub_url, timeout=10, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200


def test_a_standby_that_lagged_behind_is_promoted_and_hears_everything_again(
    two: TwoProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = two.company
    with company.selling(), two.shop.selling():
        company.wait_for_sales(8)
        two.shop.wait_for_orders(4)
        lagging = two.lag()
        sold = set(two.shop.numbers)
        two.worker.start()
        store = two.of_worker()
        upto = two.applied(store)
        company.wait_for_sales(8, store)
        eventually(lambda: two.applied(store) > upto, WAIT_SECONDS, what="what the standby never hears")
        two.shop.wait_for_orders(4)
        eventually(
            lambda: two.shop.at_stores() - sold, WAIT_SECONDS, what="an order that the standby never had"
        )
        only_stores = two.shop.at_stores() - sold
        os.killpg(two.worker.pid, signal.SIGSTOP)  # a process of before that does not notice its end
        before = two.newest_applied()
        with company.supervisor._lock:
            company.supervisor._process(HUB).kill()
            monkeypatch.setenv("ORDERSPINE_HUB_DATABASE_URL", lagging)
            two.engine.dispose()
            two.engine, two.url = sa.create_engine(lagging), lagging
            assert two.newest_applied() < before
            said = promoted(company)
            company.supervisor._process(HUB).start()
        company.wait_ready(HUB)
        os.killpg(two.worker.pid, signal.SIGCONT)
        company.wait_for_sales(8)
        two.worker.kill()
        eventually(two.all_lend_again, WAIT_SECONDS, what="every location to lend again")

    gone = two.shop.repeat()
    assert only_stores & set(gone) == set()
    assert only_stores <= set(two.shop.numbers)
    assert said == {"fenced": 2}
    two.settle()
