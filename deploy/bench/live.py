"""How soon a sale at a store is seen at the hub, on an idle system: real processes, real Mosquitto.

    python -m deploy.bench.live [--sales 150]

Ours: from sending the sale to the store until the hub answers a request for that order over HTTP; it is
asked again and again on one open connection. The limit: a message of an event's size through the same broker
program with the same configuration and an answer back, between two bare clients: nothing stored or checked.
"""

import argparse
import queue
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.bench.company import STORE, TILL, BenchCompany, prepared, running, until
from deploy.bench.edge_capture import EVENT_BYTES
from deploy.bench.table import Row, cost, percentile
from deploy.bench.wire import plain_client
from deploy.demo.people import HUB_PERSON
from deploy.demo.supervisor import embedded_broker
from protocol.kit.mqtt import Broker

PACE_SECONDS: Final = 0.03
POLL_SECONDS: Final = 0.001
PATIENCE_SECONDS: Final = 10.0


def bare(company: BenchCompany, count: int) -> list[float]:
    """Return the milliseconds of bare round trips through the broker; hub and store do not run."""
    layout = company.layout
    broker = embedded_broker(layout)
    broker.start()
    words = layout.broker_users()
    answers: queue.Queue[bytes] = queue.Queue()

    def as_user(name: str) -> Broker:
        return Broker("127.0.0.1", broker.port, name, words[name], version=broker.mqtt_version)

    def answer(client: Any, _data: Any, _message: Any) -> None:
        client.publish(f"os/1/down/{STORE}/ack", b"1", qos=1)

    try:
        hub = plain_client(as_user("hub"), "os/1/up/+/log", answer)
        store = plain_client(
            as_user(STORE), f"os/1/down/{STORE}/ack", lambda _c, _d, message: answers.put(message.payload)
        )
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            store.publish(f"os/1/up/{STORE}/log", b"x" * EVENT_BYTES, qos=1)
            answers.get(timeout=PATIENCE_SECONDS)
            taken.append((time.perf_counter() - began) * 1000)
            threading.Event().wait(PACE_SECONDS)
        for client in (hub, store):
            client.disconnect()
            client.loop_stop()
    finally:
        broker.stop()
    return taken


def ours(company: BenchCompany, count: int) -> list[float]:
    """Return the milliseconds from sending a sale to seeing its order at the hub."""
    layout = company.layout
    client = company.person()
    company.wait_until_level()
    with httpx.Client(base_url=layout.hub_url, timeout=PATIENCE_SECONDS, trust_env=False) as hub:
        signed = hub.post(
            "/api/sign-in", json={"name": HUB_PERSON, "password": layout.read_secret("hub.password")}
        )
        hub.headers["authorization"] = f"Bearer {signed.raise_for_status().json()['token']}"
        taken = []
        for n in range(count):
            wanted = {
                "key": f"live-{n}",
                "till": TILL,
                "lines": [{"sku": f"SKU-{(3 * n + line) % 900:06d}", "quantity": 1} for line in range(3)],
                "tenders": [{"kind": "cash", "amount_minor": 200_00}],
            }
            began = time.perf_counter()
            number = client.post("/api/sales", wanted)["number"]
            until(partial(seen, hub, number), number, pause_seconds=POLL_SECONDS)
            taken.append((time.perf_counter() - began) * 1000)
            threading.Event().wait(PACE_SECONDS)
    client.close()
    return taken


def seen(hub: httpx.Client, number: str) -> bool:
    """Tell whether the hub shows an order."""
    return hub.get(f"/api/orders/{number}").status_code == 200


def measure(sales: int = 150) -> list[Row]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        company = prepared(Path(name), orders=1)
        limits = bare(company, sales)
        with running(company):
            figures = ours(company, sales)
    rows = []
    for word, share, most_ms in (("p50", 0.5, 50), ("p99", 0.99, 250)):
        seen, floor = percentile(figures, share), percentile(limits, share)
        rows.append(
            cost(
                f"live: sale at the store -> order at the hub, {word}",
                round(seen, 1),
                round(floor, 2),
                "ms",
                f"<= {most_ms} ms",
                met=seen <= most_ms,
                notes=f"{sales} sales",
            )
        )
    return rows


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--sales", type=int, default=150)
    for row in measure(said.parse_args().sales):
        print(row)


if __name__ == "__main__":
    main()
