"""Kill the real program in the middle of sales: what was answered is there, once, and everything adds up."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.people.steps import add_person
from edge_agent.rebuild import rebuild
from edge_agent.settings import load_settings
from protocol.envelope import decode_event
from protocol.kit.sqlite import connect
from protocol.people import StoreRole
from protocol.stream import first_hash, next_hash
from tests.support.running_edge import RunningEdge
from tests.support.store import CSV, sale

pytestmark = [pytest.mark.processes, pytest.mark.timeout(60)]


def test_what_was_answered_is_there_after_kill_9_in_the_middle_of_sales(tmp_path: Path) -> None:
    edge = RunningEdge(tmp_path)
    prepared = parts(load_settings(edge.config))
    add_person(prepared, name="A. Osei", role=StoreRole.MANAGER, pin="8642")
    products = tmp_path / "products.csv"
    products.write_text(CSV)
    import_csv(prepared, products)
    prepared.database.close()
    edge.start()
    try:
        with httpx.Client(base_url=edge.url, timeout=5) as client:
            signed = client.post(
                "/api/sign-in", json={"person_id": "a-osei", "pin": "8642", "device": "till-1"}
            )
            headers = {"Authorization": f"Bearer {signed.json()['token']}"}
        opened = httpx.post(
            f"{edge.url}/api/tills/till-1/open", json={"key": "o", "float_minor": 0}, headers=headers
        )
        assert opened.status_code in {200, 201}
        answered: dict[str, str] = {}

        def seller(n: int) -> None:
            with httpx.Client(base_url=edge.url, headers=headers, timeout=5) as client:
                for i in range(10_000):
                    key = f"s{n}-{i}"
                    try:
                        done = client.post("/api/sales", json=sale(key, ("MUG-1", 1), cash_minor=750))
                    except httpx.TransportError:
                        return
                    if done.status_code == 201:
                        answered[key] = done.json()["number"]

        for life in range(2):
            with ThreadPoolExecutor(6) as pool:
                sellers = [pool.submit(seller, life * 10 + n) for n in range(6)]
                enough = threading.Event()
                for _ in range(400):
                    if len(answered) >= 60 * (life + 1):
                        break
                    enough.wait(0.02)
                edge.end(signal.SIGKILL)
                for one in sellers:
                    one.result(10)
            edge.start()
        again = httpx.post(
            f"{edge.url}/api/sales", json=sale("s0-0", ("MUG-1", 1), cash_minor=750), headers=headers
        )
        assert (again.status_code, again.json()["number"]) == (200, answered["s0-0"])
        assert edge.end(signal.SIGTERM) in {0, -signal.SIGTERM}
    finally:
        if edge.process is not None and edge.process.poll() is None:
            edge.end(signal.SIGKILL)

    check_file(tmp_path, answered)


def check_file(folder: Path, answered: dict[str, str]) -> None:
    source = folder / "data" / "edge.db"
    reader = connect(source, read_only=True)
    stored_answers = reader.execute("SELECT key, answer FROM idempotency WHERE key LIKE 's%'")
    keys = {key: json.loads(answer)["number"] for key, answer in stored_answers}
    orders = [row[0] for row in reader.execute("SELECT number FROM orders")]
    sold = reader.execute("SELECT sum(quantity) FROM movements WHERE sku = 'MUG-1'").fetchone()[0]
    inc = reader.execute("SELECT value FROM meta WHERE key = 'inc'").fetchone()[0]
    head = first_hash("store-1", inc)
    for seq, data, stored in reader.execute("SELECT seq, bytes, hash FROM events ORDER BY seq"):
        head = next_hash(head, bytes(data))
        assert (decode_event(bytes(data)).seq, head) == (seq, bytes(stored).hex())
    reader.close()

    assert len(answered) >= 120
    assert {key: keys.get(key) for key in answered} == answered
    assert len(orders) == len(set(orders)) == len(keys) == sold
    assert rebuild(source, folder / "rebuilt.db").differences == ()
