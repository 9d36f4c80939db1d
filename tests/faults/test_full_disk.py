"""A store whose disk is full says so, keeps nothing by halves, and goes on when there is room.

Always with a file that may not grow any more; where a small disk can be mounted, also with a real process on
one.
"""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.database import EdgeUnit
from edge_agent.people.steps import add_person
from edge_agent.settings import load_settings
from protocol.kit.sqlite import OperationalError, connect
from protocol.kit.writer import SqliteStore
from protocol.people import StoreRole
from tests.support.running_edge import RunningEdge
from tests.support.store import CSV, PINS, begin_store, sale, sign_everybody_in
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(60)]
SALES = 3_000
DISK_BYTES = 24 * 1024 * 1024
LEFT_BYTES = 2 * 1024 * 1024
FILLER = "filler"


def mounted(folder: Path) -> bool:
    """Mount a small disk at a folder, if this machine lets us."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def can_mount() -> bool:
    """Tell whether this machine lets us mount a disk."""
    with tempfile.TemporaryDirectory() as name:
        if not mounted(Path(name)):
            return False
        subprocess.run(["umount", name], check=True)
        return True


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Give a folder a disk of its own for the length of a block."""
    folder.mkdir()
    assert mounted(folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def assert_says_full(answer: Any) -> None:
    assert answer.status_code == 503, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["what"], error["remedy"]) == (
        "disk_full",
        "The disk is full; nothing of this was stored.",
        "Make room on the disk, then do it again.",
    )


def test_a_file_that_may_not_grow_refuses_the_sale_whole_and_takes_it_later(tmp_path: Path) -> None:
    store = begin_store(tmp_path)
    with store.client:
        sign_everybody_in(store)
        store.open_till()
        store.stock("MUG-1", 10_000)

        def grow_to(pages: int) -> None:
            def step(unit: EdgeUnit) -> int:
                here = unit.connection.execute("PRAGMA page_count").fetchone()[0]
                found: int = unit.connection.execute(f"PRAGMA max_page_count = {here + pages}").fetchone()[0]
                return found

            store.edge.database.write(step)

        grow_to(10)
        for n in range(SALES):
            before = store.fingerprint()
            answer = store.post("/api/sales", sale(f"s{n}", ("MUG-1", 1), cash_minor=750))
            if answer.status_code != 201:
                break
        assert_says_full(answer)
        assert store.fingerprint() == before
        assert store.get("/api/products", q="mug").status_code == 200

        grow_to(100_000)
        again = store.post("/api/sales", sale(f"s{n}", ("MUG-1", 1), cash_minor=750))
        assert again.status_code == 201
        after = store.fingerprint()
        assert after["orders"] == before["orders"] + 1 == n + 1
        assert after["order_counter"] == before["order_counter"] + 1


def leave(data: Path, room: int) -> None:
    """Fill a disk up to so many bytes."""
    disk = os.statvfs(data)
    with (data / FILLER).open("ab") as filler:
        filler.write(b"x" * max(0, disk.f_bavail * disk.f_frsize - room))


def test_a_store_that_is_started_on_a_full_disk_serves_its_pages_and_begins_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begin_store(tmp_path, broker_host="127.0.0.1", broker_port=1)
    full = threading.Event()
    full.set()

    def commit(self: SqliteStore) -> None:
        if full.is_set():
            raise OperationalError("database or disk is full")
        self.connection.execute("COMMIT")

    monkeypatch.setattr(SqliteStore, "commit", commit)
    signing = {"person_id": "a-osei", "pin": PINS["manager"], "device": "till-1"}
    with store.client:
        assert store.client.get("/sign-in").status_code == 200
        assert_says_full(store.client.post("/api/sign-in", json=signing))
        trouble = store.client.get("/api/sync").json()["last_error"]
        assert trouble["remedy"] == "Make room on the disk. It is tried again by itself."

        full.clear()
        eventually(lambda: "hub" in store.client.get("/api/sync").json()["last_error"]["what"])
        sign_everybody_in(store)
        store.open_till()
        store.stock("MUG-1", 1)
        assert store.post("/api/sales", sale("s1", ("MUG-1", 1), cash_minor=750)).status_code == 201


def sell_until_full(client: httpx.Client, start: int = 0) -> list[str]:
    """Sell until a sale is refused; return the numbers of what was answered."""
    answered: list[str] = []
    for n in range(start, start + SALES):
        answer = client.post("/api/sales", json=sale(f"s{n}", ("MUG-1", 1), cash_minor=750))
        if answer.status_code != 201:
            break
        answered.append(answer.json()["number"])
    assert_says_full(answer)
    return answered


def fill_and_make_room(edge: RunningEdge, data: Path) -> list[str]:
    """Sell until the disk is full, start anew on it, make room, sell on; return the numbers of what was
    answered."""
    answered: list[str] = []
    with httpx.Client(base_url=edge.url, timeout=10) as client:
        signed = client.post("/api/sign-in", json={"person_id": "a-osei", "pin": "8642", "device": "till-1"})
        client.headers["authorization"] = f"Bearer {signed.json()['token']}"
        opened = client.post("/api/tills/till-1/open", json={"key": "o", "float_minor": 0})
        assert opened.status_code in {200, 201}
        leave(data, LEFT_BYTES)
        answered += sell_until_full(client)
        assert client.get("/healthz").status_code == 200
        edge.end(signal.SIGKILL)
        leave(data, 0)
        edge.start()
        assert client.get("/api/products", params={"q": "mug"}).json(), "it is there to be read"
        answered += sell_until_full(client, start=len(answered))
        (data / FILLER).unlink()
        for n in range(len(answered), len(answered) + 20):
            answer = client.post("/api/sales", json=sale(f"s{n}", ("MUG-1", 1), cash_minor=750))
            assert answer.status_code == 201, answer.text
            answered.append(answer.json()["number"])
    return answered


if can_mount():  # a machine that lets nobody mount has the test above

    def test_a_store_on_a_full_disk_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
        edge = RunningEdge(tmp_path)
        with small_disk(tmp_path / "data") as data:
            prepared = parts(load_settings(edge.config))
            add_person(prepared, name="A. Osei", role=StoreRole.MANAGER, pin="8642")
            products = tmp_path / "products.csv"
            products.write_text(CSV)
            import_csv(prepared, products)
            prepared.database.close()
            edge.start()
            try:
                answered = fill_and_make_room(edge, data)
            finally:
                if edge.process is not None and edge.process.poll() is None:
                    edge.end(signal.SIGKILL)
            reader = connect(data / "edge.db", read_only=True)
            orders = {row[0] for row in reader.execute("SELECT number FROM orders")}
            sold = reader.execute("SELECT sum(quantity) FROM movements WHERE sku = 'MUG-1'").fetchone()[0]
            whole = reader.execute("PRAGMA integrity_check").fetchone()[0]
            reader.close()
        assert orders == set(answered)
        assert sold == len(answered) == len(orders)
        assert whole == "ok"
