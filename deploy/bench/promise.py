"""How quickly the hub takes a web order in: checked, priced, routed over 500 stores, reserved, assigned.

    python -m deploy.bench.promise [--seconds 5] [--stores 500]

Ours: `POST /api/orders` of three lines at a real hub process that 500 stores have lent their stock; answered
after COMMIT, with the order, its journals, the decision with every store that was passed over, the rights,
the assignment and the directive to its store. The limit: a bare FastAPI application that parses the same
body, reads the same 500 rows of each item, takes three rights in conditional statements and writes as many
bytes, many orders to one commit. Then the last units: 20 lent, 40 orders of one unit, 8 and 64 clients.

Here the stores are rows, not processes: their sessions and what they lent are written through the hub's own
statements before the hub starts.
"""

import argparse
import json
import os
import queue
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from deploy.bench import contention
from deploy.bench.edge_capture import HOST, end, free_port, wait_for
from deploy.bench.http_load import Load, run_load
from deploy.bench.table import Row, cost, rate
from hub.database import HubUnit
from protocol.rights import EdgeVector

STORES: Final = 500
ITEMS: Final = 60
LENT: Final = 100_000
CONNECTIONS: Final = 16
ORDER_BYTES: Final = 6_000
"""What one of our orders of three lines writes: event, decision, assignment, directive, journals."""
FAR_US: Final = 3600 * 1_000_000
LAST: Final = "LAST-{clients}-{n}"
CUSTOMERS: Final = 5_000
"""Who order, each now and then: one customer with all orders is what checks stop, and no shop."""


def order(number: int, skus: Sequence[str], *, collect_at: str = "") -> bytes:
    """Return a web order of one unit of each item, paid."""
    promise = (
        {"kind": "collect", "location": collect_at, "promise_class": "standard"}
        if collect_at
        else {"kind": "ship", "service": "standard"}
    )
    return json.dumps(
        {
            "key": f"bench-{os.getpid()}-{time.monotonic_ns()}-{number}",
            "channel": "web",
            "external_id": f"B-{os.getpid()}-{time.monotonic_ns()}-{number}",
            "currency": "GBP",
            "lines": [{"sku": sku, "quantity": 1} for sku in skus],
            "promise": promise,
            "customer": {
                "last_name": "Bench",
                "email": f"customer-{number % CUSTOMERS}@example.com",
                "address": {"line1": "1 Test Lane", "city": "Leeds", "postcode": "LS1 6NP"},
            },
            "payment": {"gateway": "simulator", "reference": str(number), "amount_minor": 499 * len(skus)},
        }
    ).encode()


def three(number: int) -> bytes:
    """Return an order of three of the items that every store lends."""
    draw = random.Random(number)
    return order(number, [f"SKU-{n:03d}" for n in draw.sample(range(ITEMS), 3)])


def prepare(folder: Path, stores: int, last: Sequence[str]) -> tuple[Path, str]:
    """Make a hub with products, stores and what they lent; return its settings file and a token."""
    from hub.app import parts
    from hub.catalog.steps import import_csv
    from hub.fleet.steps import NewLocation, add_location
    from hub.people.steps import add_token
    from hub.settings import load_settings
    from protocol.people import HubRole

    config = folder / "hub.toml"
    config.write_text(f'data_dir = "{folder}/hub"\nport = {free_port()}\ndemo = true\n', encoding="utf-8")
    hub = parts(load_settings(config))
    try:
        token = add_token(hub, name="bench", role=HubRole.OPS)
        skus = [f"SKU-{n:03d}" for n in range(ITEMS)]
        rows = [f"{sku},Article {sku},4.99,20,1.00" for sku in (*skus, *last)]
        catalogue = folder / "products.csv"
        catalogue.write_text("\n".join(["sku,name,price,tax_rate,cost", *rows]) + "\n", encoding="utf-8")
        with catalogue.open(newline="", encoding="utf-8") as text:
            import_csv(hub, text)
        names = [f"store-{n:04d}" for n in range(stores)]

        def settle(unit: HubUnit) -> None:
            for n, name in enumerate(names):
                code = f"{chr(65 + n // 676 % 26)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}"
                new = NewLocation(name, code, f"Store {n}", "store", own_block=True)
                add_location(unit, new, clock=hub.clock, ids=hub.ids)
            _heard(unit, names, hub.clock.now_us())

        hub.database.write(settle)
        hub.database.write(lambda unit: _lend(unit, names, skus, LENT))
        hub.database.write(lambda unit: _lend(unit, names[:1], last, contention.ON_HAND))
    finally:
        hub.database.close()
    return config, token


def _heard(unit: HubUnit, names: Sequence[str], now_us: int) -> None:
    """Let every store have been heard, and be heard until the benchmark is over."""
    from hub.fleet.rows import link_sessions

    same = {"sess": "s", "nonce": "n", "boot": "b", "opened_us": now_us, "last_us": now_us + FAR_US}
    unit.connection.execute(sa.insert(link_sessions), [{"edge": name, "inc": "i", **same} for name in names])


def _lend(unit: HubUnit, names: Sequence[str], skus: Sequence[str], units: int) -> None:
    from hub.link.rights import RightsRows

    vectors = [EdgeVector(sku=sku, ep=0, ver=1, G=units, F=0, P=units, B=0) for sku in skus]
    for name in names:
        RightsRows().see(unit, name, vectors)


@contextmanager
def serving(config: Path) -> Iterator[int]:
    """Run a real hub process for the length of a block; yield its port."""
    from hub.settings import load_settings

    port = load_settings(config).port
    command = [sys.executable, "-m", "deploy.cli", "hub", "run", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://{HOST}:{port}/healthz")
        yield port
    finally:
        end(process)


@contextmanager
def serving_bare(folder: Path, stores: int) -> Iterator[int]:
    """Run the bare application for the length of a block; yield its port."""
    port = free_port()
    code = "import sys; from deploy.bench.promise import bare; bare(sys.argv[1], *map(int, sys.argv[2:]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder / "bare.db"), str(port), str(stores)])
    try:
        wait_for(f"http://{HOST}:{port}/healthz")
        yield port
    finally:
        end(process)


def bare(path: str, port: int, stores: int) -> None:
    """Serve the least that promises an order durably: the limit."""
    import asyncio

    import uvicorn
    from fastapi import FastAPI, Request
    from pydantic import BaseModel
    from starlette.responses import Response

    class Line(BaseModel):
        sku: str
        quantity: int

    class Order(BaseModel):
        key: str
        channel: str
        external_id: str
        currency: str
        lines: list[Line]

    waiting: queue.Queue[tuple[Order, Future[int]]] = queue.Queue()
    app = FastAPI()
    threading.Thread(target=_write_bare, args=(path, stores, waiting), daemon=True).start()

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/order", status_code=201)
    async def take(request: Request) -> Response:
        parsed = Order.model_validate_json(await request.body())
        future: Future[int] = Future()
        waiting.put((parsed, future))
        await asyncio.wrap_future(future)
        return Response(b'{"number":"HB1-00001"}', 201, media_type="application/json")

    uvicorn.run(
        app, host=HOST, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


def _write_bare(path: str, stores: int, waiting: "queue.Queue[tuple[object, Future[int]]]") -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE rights (location TEXT, sku TEXT, granted INTEGER, allocated INTEGER,"
        " PRIMARY KEY (sku, location)) WITHOUT ROWID;"
        "CREATE TABLE orders (id TEXT PRIMARY KEY, bytes BLOB);"
        "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, bytes BLOB);"
    )
    db.executemany(
        "INSERT INTO rights VALUES (?, ?, ?, 0)",
        [(f"store-{at:04d}", f"SKU-{n:03d}", LENT) for n in range(ITEMS) for at in range(stores)],
    )
    filler = b"x" * (ORDER_BYTES // 2)
    while True:
        group = [waiting.get()]
        while len(group) < 64 and not waiting.empty():
            group.append(waiting.get())
        db.execute("BEGIN IMMEDIATE")
        for made, _future in group:
            _promise_bare(db, made, filler)
        db.execute("COMMIT")
        for _made, future in group:
            future.set_result(1)


def _promise_bare(db: sqlite3.Connection, made: object, filler: bytes) -> None:
    skus = [line.sku for line in made.lines]  # type: ignore[attr-defined]  # the model is the caller's own
    free: dict[str, int] = {}
    for sku in skus:
        for location, left in db.execute(
            "SELECT location, granted - allocated FROM rights WHERE sku = ?", (sku,)
        ):
            free[location] = min(left, free.get(location, left))
    chosen = max(free, key=lambda location: free[location])
    for sku in skus:
        db.execute(
            "UPDATE rights SET allocated = allocated + 1"
            " WHERE sku = ? AND location = ? AND granted > allocated",
            (sku, chosen),
        )
    db.execute("INSERT INTO orders VALUES (?, ?)", (made.external_id, filler))  # type: ignore[attr-defined]  # as above
    db.execute("INSERT INTO outbox (bytes) VALUES (?)", (filler,))


def measure(seconds: float = 5.0, stores: int = STORES) -> list[Row]:
    """Return the rows of this benchmark."""
    last = {
        clients: [LAST.format(clients=clients, n=n) for n in range(contention.ROUNDS)] for clients in (8, 64)
    }
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        with serving_bare(folder, stores) as port:
            limit = _loaded(port, "/order", seconds, "")
        config, token = prepare(folder, stores, [sku for some in last.values() for sku in some])
        with serving(config) as port:
            ours = _loaded(port, "/api/orders", seconds, token)
            return [
                *_promise_rows(ours, limit, stores),
                *(_contention_row(folder, port, token, clients, skus) for clients, skus in last.items()),
            ]


def _loaded(port: int, path: str, seconds: float, token: str) -> Load:
    headers = [("authorization", f"Bearer {token}")] if token else []
    run_load(HOST, port, path, three, connections=4, seconds=1, headers=headers)
    return run_load(HOST, port, path, three, connections=CONNECTIONS, seconds=seconds, headers=headers)


def _promise_rows(ours: Load, limit: Load, stores: int) -> list[Row]:
    notes = f"p50 {ours.p50_ms:.1f} ms, {ours.failed} failed, {CONNECTIONS} connections"
    return [
        rate(
            f"promise: check, route over {stores} stores, reserve, assign",
            ours.per_second,
            limit.per_second,
            "orders/s",
            ">= 300/s",
            met=ours.per_second >= 300 and not ours.failed,
            notes=notes,
        ),
        cost(
            "promise, p99",
            ours.p99_ms,
            limit.p99_ms,
            "ms",
            "<= 50 ms",
            met=ours.p99_ms <= 50 and not ours.failed,
        ),
    ]


def _contention_row(folder: Path, port: int, token: str, clients: int, skus: Sequence[str]) -> Row:
    rounds = [_round(port, token, sku, clients) for sku in skus]
    accepted = [answers[201, ""] for answers in rounds]
    clean = {(201, ""), (409, "out_of_rights")}
    unclean = sum(count for answers in rounds for answer, count in answers.items() if answer not in clean)
    worst = max(accepted, key=lambda count: abs(count - contention.ON_HAND))
    return rate(
        f"contention at the hub: {contention.ON_HAND} lent, {contention.WANTED} orders, {clients} clients",
        worst,
        contention.bare(folder, clients),
        "accepted",
        f"exactly {contention.ON_HAND}, all others refused cleanly",
        met=worst == contention.ON_HAND and unclean == 0,
        notes=f"{len(rounds)} rounds, {unclean} unclean refusals",
    )


def _round(port: int, token: str, sku: str, clients: int) -> contention.Answers:
    def made(number: int) -> bytes:
        return order(number, [sku], collect_at="store-0000")

    return contention.storm_of(port, token, "/api/orders", made, clients)


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--seconds", type=float, default=5.0)
    said.add_argument("--stores", type=int, default=STORES)
    asked = said.parse_args()
    for row in measure(asked.seconds, asked.stores):
        print(row)


if __name__ == "__main__":
    main()
