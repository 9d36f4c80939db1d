"""Copies are put back, disks die or are cloned, computers are replaced, clocks go wrong.

Nothing is lost, doubled or promised twice.

Every case runs real processes, is noticed by itself, and ends with the counts of clients, stores and hub.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.books import one
from deploy.demo.layout import write_toml
from protocol.kit.sqlite import connect
from tests.support.company import Company
from tests.support.processes import Processes
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
STORE = "store-1"
PATIENCE_SECONDS = 90.0


@pytest.fixture
def copied(mosquitto: str, tmp_path: Path) -> Iterator[Company]:
    """A company of one store: what becomes of it must not trouble the other tests."""
    company = Company(tmp_path, stores=1)
    company.start()
    yield company
    company.close()


def command(company: Company, program: str, name: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "deploy.cli",
            program,
            *words,
            "--config",
            str(company.layout.config(name)),
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextmanager
def down(company: Company, name: str) -> Iterator[None]:
    """Keep a process down for the length of a block."""
    supervisor = company.supervisor
    child = supervisor._process(name)
    with supervisor._lock:
        child.stop()
        yield
        child.start()
    company.wait_ready(name)


def edge(company: Company, query: str) -> Any:
    return one(company.layout.folder / STORE / "edge.db", query)


def hub(company: Company, query: str) -> Any:
    return one(company.layout.folder / "hub" / "hub.db", query)


def put_by_hand(copy: Path, place: Path) -> None:
    """Copy a database back as somebody does who knows no better."""
    for file in place.parent.glob(f"{place.name}*"):
        file.unlink()
    shutil.copy(copy, place)


def whole(company: Company) -> bool:
    return bool(
        edge(company, "SELECT quarantine FROM link") == ""
        and hub(company, "SELECT state FROM rights_epochs WHERE location = 'store-1'") == "open"
    )


def sell(company: Company, count: int) -> None:
    with company.selling(STORE):
        company.wait_for_sales(count, STORE)
    for seller in company.everybody:
        seller.repeat()  # keys of requests are no events: what is asked again after a restore is new


def heard(company: Company) -> None:
    eventually(
        lambda: (
            edge(company, "SELECT max(carried, (SELECT max(seq) FROM events) - base) FROM link")
            == hub(company, "SELECT upto FROM streams WHERE edge = 'store-1' AND state = 'current'")
        ),
        PATIENCE_SECONDS,
        what="the hub to have heard everything",
    )


def test_a_store_restored_from_a_backup_gets_its_own_records_back_and_repeats_no_number(
    copied: Company, tmp_path: Path
) -> None:
    sell(copied, 10)
    heard(copied)
    command(copied, "edge", STORE, "backup", str(tmp_path / "copy.db"))
    sell(copied, 10)
    heard(copied)
    orders = edge(copied, "SELECT count(*) FROM orders")
    with down(copied, STORE):
        done = command(copied, "edge", STORE, "restore", str(tmp_path / "copy.db"))
    eventually(lambda: whole(copied), PATIENCE_SECONDS, what="the store to be whole again")

    assert done["ordinal"] == 2
    assert edge(copied, "SELECT count(*) FROM orders") == orders
    assert edge(copied, "SELECT count(*) FROM brought_back WHERE failed <> ''") == 0
    assert edge(copied, "SELECT count(*) FROM exceptions WHERE kind = 'store_restored'") == 1
    assert edge(copied, "SELECT count(*) FROM exceptions WHERE kind = 'count_due'") > 0
    assert edge(copied, "SELECT count(*) FROM print_jobs WHERE state IN ('queued', 'sending')") == 0
    assert hub(copied, "SELECT count(*) FROM exceptions WHERE kind = 'edge_restored'") == 1
    sell(copied, 5)
    copied.settle()


def test_a_store_copied_back_by_hand_notices_it_before_it_sells(copied: Company, tmp_path: Path) -> None:
    sell(copied, 5)
    heard(copied)
    command(copied, "edge", STORE, "backup", str(tmp_path / "copy.db"))
    sell(copied, 10)
    heard(copied)
    with down(copied, STORE):
        put_by_hand(tmp_path / "copy.db", copied.layout.folder / STORE / "edge.db")
    eventually(lambda: whole(copied), PATIENCE_SECONDS, what="the store to be whole again")

    assert edge(copied, "SELECT why FROM lives ORDER BY began_us LIMIT 1") == "rolled_back"
    sell(copied, 5)
    copied.settle()


def test_a_cloned_disk_is_turned_away_and_the_store_goes_on(copied: Company, tmp_path: Path) -> None:
    sell(copied, 8)
    heard(copied)
    with down(copied, STORE):
        shutil.copytree(copied.layout.folder / STORE, tmp_path / "clone")
    heard(copied)
    config = settings_of_clone(copied, tmp_path)

    with Processes(tmp_path / "logs") as processes:
        processes.start("clone", "edge", "run", "--config", str(config), wait=False)
        eventually(lambda: duplicates(copied) == 1, PATIENCE_SECONDS, what="the clone to be noticed")
        sell(copied, 8)
        heard(copied)

    assert duplicates(copied) == 1
    assert hub(copied, "SELECT count(*) FROM parked") == 0
    copied.settle()


def settings_of_clone(company: Company, folder: Path) -> Path:
    """Write the settings of a second machine on a copy of the disk."""
    settings = tomllib.loads(company.layout.config(STORE).read_text(encoding="utf-8"))
    moved = {"data_dir": str(folder / "clone"), "marker_file": str(folder / "clone.marker"), "port": 0}
    write_toml(folder / "clone.toml", {**settings, **moved})
    return folder / "clone.toml"


def duplicates(company: Company) -> int:
    found = hub(company, "SELECT count(*) FROM exceptions WHERE kind = 'edge_duplicate' AND state = 'open'")
    return int(found)


@pytest.mark.parametrize("wrong_seconds", [3 * 3600, -2 * 3600], ids=["ahead", "behind"])
def test_a_wrong_clock_is_shown_and_neither_order_nor_money_depends_on_it(
    copied: Company, monkeypatch: pytest.MonkeyPatch, wrong_seconds: int
) -> None:
    sell(copied, 5)
    heard(copied)
    with_clock(copied, monkeypatch, wrong_seconds)
    eventually(lambda: skewed(copied), PATIENCE_SECONDS, what="the hub to see that a clock is wrong")
    sell(copied, 8)
    heard(copied)

    said = trouble(copied)
    assert said.startswith("This store's clock is ")
    assert ("ahead of" if wrong_seconds > 0 else "behind") in said
    with_clock(copied, monkeypatch, 0)
    eventually(lambda: not skewed(copied), PATIENCE_SECONDS, what="the hub to see that the clock is right")
    sell(copied, 5)
    heard(copied)
    assert trouble(copied) == ""
    copied.settle()


def test_a_computer_whose_battery_is_empty_goes_on_from_what_it_wrote_last(
    copied: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(copied, 5)
    heard(copied)
    last = edge(copied, "SELECT max(at_us) FROM events")
    with_clock(copied, monkeypatch, -20 * 24 * 3600)
    sell(copied, 8)
    heard(copied)

    assert edge(copied, "SELECT min(at_us) FROM (SELECT at_us FROM events ORDER BY seq DESC LIMIT 8)") >= last
    assert trouble(copied).startswith("This machine's clock is days behind")
    copied.settle()


def with_clock(company: Company, monkeypatch: pytest.MonkeyPatch, wrong_seconds: int) -> None:
    """Start the store again on a machine whose clock is so wrong."""
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support" / "wrong_clock"))
        patch.setenv("WRONG_CLOCK_SECONDS", str(wrong_seconds))
        with down(company, STORE):
            pass


def trouble(company: Company) -> str:
    """Return what the store's strip says is wrong."""
    with httpx.Client(base_url=company.layout.edge_url(STORE), timeout=10, trust_env=False) as client:
        said = client.get("/api/sync").json()["last_error"]
    return str(said["what"]) if said else ""


def skewed(company: Company) -> bool:
    """Tell what the hub shows of the store's clock."""
    off = int(hub(company, "SELECT max(abs(skew_us)) FROM link_sessions WHERE edge = 'store-1'") or 0)
    return off > 60_000_000


def test_a_new_store_computer_takes_over_and_the_old_disk_may_only_bring_what_is_missing(
    copied: Company, tmp_path: Path
) -> None:
    place = copied.layout.folder / STORE / "edge.db"
    sell(copied, 10)
    heard(copied)
    copied.supervisor.cut(STORE)
    sell(copied, 6)  # nobody but the old disk knows of these
    with down(copied, STORE):
        old = tmp_path / "old.db"
        subprocess.run(
            [sys.executable, "-m", "deploy.cli", "edge", "backup", str(old), "--config",
             str(copied.layout.config(STORE))],
            check=True, capture_output=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        people = kept(place)
        for file in place.parent.glob("edge.db*"):
            file.unlink()
        bring(place, people, copied)
        copied.supervisor.restore(STORE)
    eventually(lambda: whole(copied), PATIENCE_SECONDS, what="the new computer to be the store")
    had = one(old, "SELECT count(*) FROM orders")
    assert edge(copied, "SELECT count(*) FROM orders") < had
    drain(copied, old, tmp_path)

    eventually(
        lambda: edge(copied, "SELECT count(*) FROM orders") == had,
        PATIENCE_SECONDS,
        what="the new computer to have what the old disk brought",
    )
    assert hub(copied, "SELECT count(*) FROM streams WHERE state = 'current'") == 1
    assert hub(copied, "SELECT count(*) FROM parked WHERE state = 'parked'") == 0


def kept(place: Path) -> list[tuple[Any, ...]]:
    connection = connect(place, read_only=True)
    try:
        return [tuple(row) for row in connection.execute("SELECT * FROM people")]
    finally:
        connection.close()


def bring(place: Path, people: list[tuple[Any, ...]], company: Company) -> None:
    """Set a new computer up: the people come from their backup, everything else from the hub."""
    command(company, "edge", STORE, "status")
    connection = connect(place)
    try:
        marks = ",".join("?" * len(people[0]))
        connection.executemany(f"INSERT OR REPLACE INTO people VALUES ({marks})", people)
    finally:
        connection.close()


def drain(company: Company, old: Path, folder: Path) -> None:
    """Start the old disk while the new computer is off for a moment."""
    settings = tomllib.loads(company.layout.config(STORE).read_text(encoding="utf-8"))
    (folder / "old").mkdir()
    shutil.copy(old, folder / "old" / "edge.db")
    moved = {"data_dir": str(folder / "old"), "marker_file": str(folder / "old.marker"), "port": 0}
    write_toml(folder / "old.toml", {**settings, **moved})
    closed = "SELECT max(upto) FROM streams WHERE edge = 'store-1' AND state = 'closed'"
    newest = one(old, "SELECT max(seq) FROM events")
    assert hub(company, closed) < newest
    with down(company, STORE), Processes(folder / "logs") as processes:
        processes.start("old", "edge", "run", "--config", str(folder / "old.toml"), wait=False)
        eventually(
            lambda: hub(company, closed) >= newest,
            PATIENCE_SECONDS,
            what="the old disk to deliver all it has",
        )


@pytest.mark.parametrize("by_hand", [False, True], ids=["with the tool", "by hand"])
def test_a_restored_hub_promises_nothing_until_every_store_has_said_what_is_open(
    copied: Company, tmp_path: Path, by_hand: bool
) -> None:
    sell(copied, 5)
    heard(copied)
    command(copied, "hub", "hub", "backup", str(tmp_path / "hub.db"))
    life = hub(copied, "SELECT value FROM hub_meta WHERE key = 'hub_inc'")
    sell(copied, 10)
    heard(copied)
    copied.supervisor.cut(STORE)
    with down(copied, "hub"):
        if by_hand:
            put_by_hand(tmp_path / "hub.db", copied.layout.folder / "hub" / "hub.db")
        else:
            assert command(copied, "hub", "hub", "restore", str(tmp_path / "hub.db"))["fenced"] == 1

    assert hub(copied, "SELECT state FROM rights_epochs WHERE location = 'store-1'") == "fenced"
    assert hub(copied, "SELECT value FROM hub_meta WHERE key = 'hub_inc'") != life
    copied.supervisor.restore(STORE)
    eventually(lambda: whole(copied), PATIENCE_SECONDS, what="the rights to be open again")
    assert hub(copied, "SELECT count(*) FROM exceptions WHERE kind = 'hub_restored'") == 1
    sell(copied, 5)
    copied.settle()
