"""How fast a store's events reach the hub through a real broker: `python -m deploy.bench.wire`.

Ours: a journal of sales captured while the line was down, a real link, a real hub's end, each batch applied
into one table in its own commit. Bare: the same bytes in the same batches through the bare MQTT library and
the same commits, with nothing checked. The difference is what the promises of the wire cost. `live` is one
sale at a time on an idle system, from its commit at the store to its commit at the hub.
"""

import argparse
import contextlib
import json
import queue
import random
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.broker import EmbeddedBroker, password_line
from edge_agent.app import parts as edge_parts
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.journal import Journal
from edge_agent.link.batches import Batcher, Ready
from edge_agent.link.service import LinkService
from edge_agent.link.settings import LinkSettings
from edge_agent.settings import EdgeSettings
from hub.database import HubDatabase, HubUnit, metadata
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import stream, streams
from hub.fleet.steps import NewLocation, add_location
from hub.link.inbox import Received
from hub.link.outbox import Outbox
from hub.link.service import HubLink, LinkParts
from protocol.envelope import EVENTS_PER_BATCH, Batch, decode_batch
from protocol.events import KINDS, DrawerOpened
from protocol.kit.mqtt import Broker
from protocol.kit.system import SystemClock, SystemIds
from protocol.stream import WINDOW_BATCHES, Cursor, Verdict, chain, judge

EDGE = "store-1"
NEW = NewLocation(EDGE, "AB", "Store 1")
table = sa.Table(
    "bench_events",
    sa.MetaData(),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)


class OneTable:
    """The least an inbox can do: check the chain, move the cursor, keep the bytes."""

    def __init__(self, database: HubDatabase) -> None:
        self._database = database
        table.create(database.engine)

    def receive(self, batch: Batch, events: Sequence[bytes], arrived_us: int) -> Received:
        """Apply one batch in one commit."""

        def step(unit: HubUnit) -> Received:
            row = stream(unit.connection, batch.edge, batch.inc)
            assert row is not None
            verdict = judge(Cursor(row.upto, row.head), batch)
            if verdict is not Verdict.APPLY:
                return Received(verdict, row.upto, row.head)
            assert chain(batch.prev, events) == batch.head
            unit.connection.execute(sa.insert(table), [{"bytes": data} for data in events])
            unit.connection.execute(
                sa.update(streams)
                .where(streams.c.edge == batch.edge, streams.c.inc == batch.inc)
                .values(upto=batch.last, head=batch.head, last_us=arrived_us)
            )
            return Received(verdict, batch.last, batch.head)

        return self._database.write(step)


def sell(edge: Edge, count: int) -> None:
    """Capture facts, many to a commit."""

    def step(unit: EdgeUnit, size: int) -> None:
        for _ in range(size):
            edge.journal.record(
                unit,
                DrawerOpened(
                    session_id="s-1",
                    till="till-1",
                    business_date="2026-11-23",
                    currency="GBP",
                    reason="x" * 150,
                ),
            )

    for start in range(0, count, 1_000):
        edge.database.write(lambda unit, start=start: step(unit, min(1_000, count - start)))  # type: ignore[misc]  # bound now


def batches_of(edge: Edge) -> list[Ready]:
    """Cut the whole journal into the batches that the link would send."""
    batcher, after = Batcher(edge.identity), 0
    made: list[Ready] = []
    while True:
        ready = batcher.next(
            edge.database.read(),
            after,
            sess="ab" * 16,
            newest=after,
            oldest_ms=0,
            limit=EVENTS_PER_BATCH,
            delivered=set(),
        )
        if not isinstance(ready, Ready):
            return made
        made.append(ready)
        after = ready.last


def bare(broker: Broker, hub_broker: Broker, database: HubDatabase, made: Sequence[Ready]) -> float:
    """Send the same batches with the bare library and commit the same rows; return the seconds."""
    acks: queue.Queue[int] = queue.Queue()
    rows = iter([[{"bytes": data} for data in decode_batch(ready.payload).events] for ready in made])

    def commit(_client: mqtt.Client, _data: Any, _message: mqtt.MQTTMessage) -> None:
        group = next(rows)
        database.write(lambda unit: unit.connection.execute(sa.insert(table), group))
        hub.publish(f"os/1/down/{EDGE}/ack", b"1", qos=1)

    hub = plain_client(hub_broker, "os/1/up/+/log", commit)
    store = plain_client(broker, f"os/1/down/{EDGE}/ack", lambda *_: acks.put(1))
    began, waiting = time.perf_counter(), 0
    for ready in made:
        store.publish(f"os/1/up/{EDGE}/log", ready.payload, qos=1)
        waiting += 1
        if waiting >= WINDOW_BATCHES:
            acks.get(timeout=10)
            waiting -= 1
    for _ in range(waiting):
        acks.get(timeout=10)
    seconds = time.perf_counter() - began
    for client in (hub, store):
        client.disconnect()
        client.loop_stop()
    return seconds


def plain_client(broker: Broker, topic: str, on_message: Any) -> mqtt.Client:
    """Return a connected client of the bare library that listens to one topic."""
    ready = threading.Event()
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=broker.user, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(broker.user, broker.password)
    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.connect(broker.host, broker.port)
    raw = client.socket()
    assert isinstance(raw, socket.socket)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.loop_start()
    assert ready.wait(10)
    return client


def upto(database: HubDatabase) -> int:
    """Return how far the hub is."""
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(streams.c.upto))).scalar() or 0)


def wait_for(database: HubDatabase, number: int) -> None:
    """Wait until the hub has a number."""
    tick = threading.Event()
    while upto(database) < number:
        tick.wait(0.0005)


def live(edge: Edge, database: HubDatabase, newest: int, tries: int) -> list[float]:
    """Return the milliseconds from commit to commit of single sales."""
    taken = []
    tick = threading.Event()
    for n in range(1, tries + 1):
        sell(edge, 1)
        began = time.perf_counter()
        wait_for(database, newest + n)
        taken.append((time.perf_counter() - began) * 1000)
        tick.wait(0.02)
    return taken


def run(events: int, tries: int) -> dict[str, Any]:
    """Measure in a fresh folder and return the rows."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        clock, ids = SystemClock(), SystemIds()
        words = {"hub": ids.secret(12), EDGE: ids.secret(12)}
        lines = [password_line(name, word) for name, word in words.items()]
        broker = EmbeddedBroker(home / "broker", _free_port(), lines=lines)
        broker.start()
        stack.callback(broker.stop)
        as_user = _users(broker, words)
        database = HubDatabase(f"sqlite:///{home / 'hub.db'}")
        stack.callback(database.close)
        metadata.create_all(database.engine)
        database.write(lambda unit: add_location(unit, NEW, clock=clock, ids=ids))
        edge = _store(home)
        stack.callback(edge.database.close)
        sell(edge, events)
        made = batches_of(edge)
        outbox = Outbox(clock=clock, ids=ids)
        link_parts = LinkParts(
            database=database,
            inbox=OneTable(database),
            outbox=outbox,
            clock=clock,
            ids=ids,
            raise_alarm=lambda _unit, _alarm: None,
            presence=FleetPresence(clock),
        )
        bare_seconds = bare(as_user[EDGE], as_user["hub"], database, made)
        hub = HubLink(link_parts, as_user["hub"])
        hub.start()
        stack.callback(hub.stop)
        service = LinkService(
            edge,
            settings=LinkSettings(
                broker=as_user[EDGE], marker_file=home / "marker", incoming=home / "incoming"
            ),
            jitter=random.Random(1),
        )
        began = time.perf_counter()
        service.start()
        stack.callback(service.stop)
        wait_for(database, events)
        ours_seconds = time.perf_counter() - began
        taken = live(edge, database, events, tries)
    ours, limit = events / ours_seconds, events / bare_seconds
    return {
        "broker": broker.kind,
        "events": events,
        "batches": len(made),
        "ours_per_second": round(ours),
        "bare_per_second": round(limit),
        "ratio": round(ours / limit, 3),
        "live_p50_ms": round(statistics.median(taken), 1),
        "live_p99_ms": round(sorted(taken)[int(len(taken) * 0.99) - 1], 1),
    }


def _users(broker: EmbeddedBroker, words: Mapping[str, str]) -> dict[str, Broker]:
    """Return how each name signs in at the broker."""
    return {
        name: Broker("127.0.0.1", broker.port, name, word, version=broker.mqtt_version)
        for name, word in words.items()
    }


def _store(home: Path) -> Edge:
    """Return a store whose rooms do not react, because only the wire is measured."""
    edge = edge_parts(EdgeSettings(edge=EDGE, code="AB", data_dir=home / "edge"))
    edge.journal = Journal(
        edge.identity,
        {kind: () for kind, _version in KINDS},
        clock=edge.clock,
        ids=edge.ids,
        on_commit=edge.committed,
    )
    return edge


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--live", type=int, default=200)
    said = parser.parse_args()
    print(json.dumps(run(said.events, said.live), indent=2))
