"""How quickly the hub applies what a store captured offline, beside the raw driver writing the same rows.

    python -m deploy.bench.hub_catchup [--orders 10000] [--history 0] [--size 200] [--json]

Ours: batches of a store's stream through the real `Inbox` into SQLite: chain checked, bodies validated, log,
order tables, stock, values, ledger with its guards, cursor; durable before each answer. The wire is left out.
The limit: all rows that ours wrote, in the same batches and transactions, by `executemany` of the bare driver
into a database with the same schema, indexes, guards and settings; nothing is read, checked or worked out.
`--history` orders are applied first to both, so that the figures show what a grown database costs.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubDatabase
from hub.journey import JOURNEY
from hub.schema import create_schema
from hub.settings import HubSettings
from hub.worker import collect_less
from protocol.envelope import Batch, encode_event
from protocol.events import OrderSold, StockLine, StockMoved
from protocol.kit.sqlite import connect
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.sse import Broadcaster
from protocol.orders import OrderLine, Tender, TenderKind, WireModel
from protocol.rules.pricing import PriceLine, price_order
from protocol.stream import chain, first_hash

EDGE, INC = "store-1", "0" * 32
SKUS = 2_000
LINES = 3
VAT = 200_000
HISTORY_BATCH = 200
START_US = 1_763_978_400_000_000
Transaction = list[tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one pass came to."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Events in a second."""
        return self.events / self.seconds


def bodies(orders: int, chance: random.Random, first: int) -> Iterator[WireModel]:
    """Yield sales of three lines, as a counter prices them."""
    for number in range(first, first + orders):
        picked = [
            (chance.randrange(SKUS), chance.randint(1, 3), chance.randint(99, 9999)) for _ in range(LINES)
        ]
        priced = price_order([PriceLine(price, quantity, 0, VAT) for _, quantity, price in picked])
        yield OrderSold(
            session_id="session-1",
            till="till-1",
            business_date="2025-11-24",
            currency="GBP",
            order_id=f"0193-5f00-7000-8000-{number:012d}",
            number=f"LB1-{number:08d}",
            lines=tuple(
                OrderLine(
                    line_no=n,
                    sku=f"SKU-{sku:05d}",
                    name=f"Product number {sku}",
                    quantity=quantity,
                    list_price_minor=price,
                    unit_price_minor=price,
                    gross_minor=line.gross_minor,
                    tax_minor=line.tax_minor,
                    rate_ppm=VAT,
                    unit_cost_minor=price // 2,
                )
                for n, ((sku, quantity, price), line) in enumerate(
                    zip(picked, priced.lines, strict=True), start=1
                )
            ),
            tenders=(
                Tender(kind=TenderKind.CARD, amount_minor=priced.total_minor, reference="A1B2", last4="4242"),
            ),
            total_minor=priced.total_minor,
            tax_minor=priced.tax_minor,
        )


def opening() -> Iterator[WireModel]:
    """Yield the stock that the store begins with."""
    for sku in range(SKUS):
        line = StockLine(
            sku=f"SKU-{sku:05d}",
            quantity=1_000_000,
            from_bucket="opening",
            to_bucket="sellable",
            unit_cost_minor=500,
        )
        yield StockMoved(reason="opening", lines=(line,))


class Stream:
    """Makes a store's stream batch by batch, so that a million orders need no memory."""

    def __init__(self) -> None:
        self.seq = 0
        self.head = first_hash(EDGE, INC)
        self._ids = SystemIds()

    def batches(self, facts: Iterator[WireModel], size: int) -> Iterator[Batch]:
        """Yield the facts as batches."""
        waiting: list[bytes] = []
        for body in facts:
            seq = self.seq + len(waiting) + 1
            waiting.append(encode_event(seq, self._ids.new_id(), START_US + seq * 1_000_000, body, by="p-1"))
            if len(waiting) == size:
                yield self._batch(waiting)
                waiting = []
        if waiting:
            yield self._batch(waiting)

    def _batch(self, events: list[bytes]) -> Batch:
        prev, first = self.head, self.seq + 1
        self.head = chain(prev, events)
        self.seq += len(events)
        return Batch(
            edge=EDGE,
            inc=INC,
            sess="",
            first=first,
            last=self.seq,
            prev=prev,
            head=self.head,
            newest=self.seq,
            oldest_ms=0,
            events=tuple(events),
            blobs={},
        )


def open_hub(file: Path) -> Hub:
    """Return a hub on a file, which is made if it is not there."""
    is_new = not file.exists()
    database = HubDatabase(f"sqlite:///{file}")
    if is_new:
        create_schema(database.engine)
    return Hub(
        settings=HubSettings(),
        database=database,
        clock=SystemClock(),
        ids=SystemIds(),
        broadcaster=Broadcaster(),
        journey=JOURNEY,
    )


def apply(hub: Hub, batches: Sequence[Batch]) -> Figure:
    """Send batches through the inbox, one after the other."""
    started, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        parked = hub.inbox.receive(batch, batch.events, START_US).parked
        assert parked == 0, "the benchmark sends only what can be applied"
    return Figure(
        sum(len(batch.events) for batch in batches), time.perf_counter() - started, time.process_time() - cpu
    )


def recorded(hub: Hub, batches: Sequence[Batch]) -> list[Transaction]:
    """Apply batches and note every statement that wrote something, by transaction."""
    done: list[Transaction] = []

    def note(*said: Any) -> None:
        _connection, _cursor, statement, parameters, _context, many = said
        if statement.split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE"}:
            done[-1].append((statement, list(parameters) if many else [parameters]))

    sa.event.listen(hub.database.engine, "before_cursor_execute", note)
    for batch in batches:
        done.append([])
        hub.inbox.receive(batch, batch.events, START_US)
    sa.event.remove(hub.database.engine, "before_cursor_execute", note)
    return done


def replay(path: Path, transactions: Sequence[Transaction], events: int) -> Figure:
    """Write the same rows with the bare driver."""
    connection = connect(path)
    connection.execute("PRAGMA cache_size = -65536")
    started, cpu = time.perf_counter(), time.process_time()
    for statements in transactions:
        connection.execute("BEGIN IMMEDIATE")
        for statement, rows in statements:
            if len(rows) == 1:
                connection.execute(statement, rows[0])
            else:
                connection.executemany(statement, rows)
        connection.execute("COMMIT")
    figure = Figure(events, time.perf_counter() - started, time.process_time() - cpu)
    connection.close()
    return figure


def copy_of(base: Path, path: Path) -> None:
    """Copy a hub's file as it stands."""
    connection = connect(base)
    connection.execute("VACUUM INTO ?", (str(path),))
    connection.close()


def run(*, orders: int, history: int, size: int, passes: int) -> dict[str, Any]:
    """Measure and return the row."""
    collect_less()  # as `orderspine hub run` does
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        hub = open_hub(folder / "base.db")
        stream = Stream()
        for batch in stream.batches(opening(), HISTORY_BATCH):
            hub.inbox.receive(batch, batch.events, START_US)
        chance = random.Random(1)
        for batch in stream.batches(bodies(history, chance, 1), HISTORY_BATCH):
            hub.inbox.receive(batch, batch.events, START_US)
        batches = list(stream.batches(bodies(orders, chance, history + 1), size))
        for n in range(passes):
            copy_of(folder / "base.db", folder / f"ours-{n}.db")
            copy_of(folder / "base.db", folder / f"limit-{n}.db")
        transactions = recorded(hub, batches)
        rows = sum(len(many) for each in transactions for _sql, many in each)
        hub.database.close()
        ours, limit = [], []
        for n in range(passes):
            limit.append(replay(folder / f"limit-{n}.db", transactions, orders))
            again = open_hub(folder / f"ours-{n}.db")
            ours.append(apply(again, batches))
            again.database.close()
    best_ours = statistics.median(figure.per_second for figure in ours)
    best_limit = statistics.median(figure.per_second for figure in limit)
    return {
        "name": "catch-up at the hub",
        "ours": round(best_ours),
        "limit": round(best_limit),
        "ratio": round(best_ours / best_limit, 3),
        "unit": "events/s",
        "target": 0.25,
        "met": best_ours / best_limit >= 0.25,
        "cpu_us_per_event": round(statistics.median(f.cpu_seconds / f.events for f in ours) * 1e6),
        "limit_cpu_us_per_event": round(statistics.median(f.cpu_seconds / f.events for f in limit) * 1e6),
        "rows_per_event": round(rows / orders, 1),
        "history": history,
        "batch": size,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--history", type=int, default=0, help="orders that are there already")
    parser.add_argument("--size", type=int, default=200, help="events in a batch")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    row = run(orders=asked.orders, history=asked.history, size=asked.size, passes=asked.passes)
    if asked.json:
        print(json.dumps(row))
        return
    for name, value in row.items():
        print(f"{name:24} {value}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
