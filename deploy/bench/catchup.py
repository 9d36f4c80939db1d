"""How quickly the hub catches up with a store that was offline: real processes, real Mosquitto, all tables.

    python -m deploy.bench.catchup [--orders 10000]

Ours: the store starts with orders that nobody has heard of; measured is from the first batch that the hub
applied to the last, by the hub's own watermark. The limit: the rows that the hub's inbox writes for exactly
these batches, written by the bare driver in the same transactions into a new file of the same schema; no
wire, nothing read, nothing checked.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from deploy.bench.company import STORE, BenchCompany, cpu_seconds, prepared, running, until
from deploy.bench.hub_catchup import Figure, Transaction, open_hub, recorded, replay
from deploy.bench.hub_catchup import run as run_inbox
from deploy.bench.table import Row, cost, from_facts, rate
from deploy.bench.wire import batches_of
from deploy.demo.books import reading
from edge_agent.app import parts
from edge_agent.settings import load_settings
from protocol.envelope import Batch, decode_batch
from protocol.kit.sqlite import Connection

SHARE: Final = 0.25
LOOK_SECONDS: Final = 0.02
PASSES: Final = 3
"""Of the limit; its best counts."""


def batches(company: BenchCompany) -> list[Batch]:
    """Cut the store's stream as its link cuts it."""
    edge = parts(load_settings(company.layout.config(STORE)))
    try:
        stream = [decode_batch(ready.payload) for ready in batches_of(edge)]
    finally:
        edge.database.close()
    assert stream[-1].last == company.newest(), "an event that is too large for the wire ends the batches"
    return stream


def bare(folder: Path, stream: list[Batch]) -> Figure:
    """Return what the bare driver takes for the rows of these batches."""
    events = sum(len(batch.events) for batch in stream)
    hub = open_hub(folder / "recorded.db")
    written: list[Transaction] = recorded(hub, stream)
    hub.database.close()
    passes = []
    for n in range(PASSES):
        open_hub(folder / f"bare-{n}.db").database.close()
        passes.append(replay(folder / f"bare-{n}.db", written, events))
    return max(passes, key=lambda figure: figure.per_second)


def wire(company: BenchCompany) -> tuple[int, float, float]:
    """Let the hub catch up; return events, seconds and the hub's processor seconds."""
    goal = company.newest()
    with running(company):
        until(lambda: company.applied() > 0, "the first batch")
        with reading(company.hub_file) as hub:
            # One connection for all looks: opening the file each time would take a tenth of a core.
            first, began, cpu = upto(hub), time.perf_counter(), cpu_seconds(company.hub_pid)
            until(lambda: upto(hub) >= goal, "the hub to catch up", pause_seconds=LOOK_SECONDS)
            seconds, used = time.perf_counter() - began, cpu_seconds(company.hub_pid) - cpu
    return goal - first, seconds, used


def upto(hub: Connection) -> int:
    """Return how far the hub is in the store's stream."""
    return int(hub.execute("SELECT max(upto) FROM streams WHERE edge = ?", (STORE,)).fetchone()[0] or 0)


def measure(orders: int = 10_000, history: int = 50_000) -> list[Row]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        company = prepared(folder / "company", orders=orders)
        stream = batches(company)
        limit = bare(folder, stream)
        events, seconds, cpu = wire(company)
    target = f">= {SHARE:.0%} of the raw driver"
    ours = events / seconds
    rows = [
        rate(
            f"catch-up: {orders:,} orders through the broker",
            round(ours),
            round(limit.per_second),
            "events/s",
            target,
            met=ours / limit.per_second >= SHARE,
            notes=f"{len(stream)} batches, the limit without a wire",
        ),
        cost(
            "catch-up: CPU of the hub per event",
            round(cpu / events * 1e6),
            round(limit.cpu_seconds / limit.events * 1e6),
            "us/event",
            "reported",
            met=True,
        ),
    ]
    facts: dict[str, Any] = run_inbox(orders=min(orders, 4_000), history=history, size=200, passes=1)
    facts |= {"name": f"catch-up: inbox alone, {history:,} orders there already", "target": target}
    return [*rows, from_facts(facts)]


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--orders", type=int, default=10_000)
    said.add_argument("--history", type=int, default=50_000)
    asked = said.parse_args()
    for row in measure(asked.orders, asked.history):
        print(json.dumps([row.name, row.ours, row.limit, row.ratio, row.met]))


if __name__ == "__main__":
    main()
