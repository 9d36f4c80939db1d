"""How quickly a store captures sales, beside the least that FastAPI and SQLite can do with the same bytes.

    python -m deploy.bench.edge_capture [--seconds 5]

Ours: `POST /api/sales` of three lines at a real edge process: tenders, stock, event with its hash, order
tables, till totals, receipt job, answer after COMMIT. The limit: a bare FastAPI application that parses the
same body and writes one row of the same size, three stock upserts and one row for the printer, many requests
to one commit.
"""

import argparse
import json
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.bench.http_load import Load, run_load

PIN = "2580"
EVENT_BYTES = 1_700
HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def body(number: int, *, digits: int = 4) -> bytes:
    """Return a sale of three lines, paid in cash."""
    skus = [f"SKU-{(number * 3 + n) % 1000:0{digits}d}" for n in range(3)]
    return json.dumps(
        {
            "key": f"bench-{os.getpid()}-{time.monotonic_ns()}-{number}",
            "till": "till-1",
            "lines": [{"sku": sku, "quantity": 1} for sku in skus],
            "tenders": [{"kind": "cash", "amount_minor": 20000}],
        }
    ).encode()


def wait_for(url: str, seconds: float = 20.0) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, OSError):
            pause.wait(0.05)
        else:
            return
    raise SystemExit(f"{url} did not answer")


def call(port: int, path: str, data: dict[str, object], token: str = "") -> dict[str, object]:
    """Send one request to the edge."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", json.dumps(data).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        answered: dict[str, object] = json.loads(answer.read())
        return answered


def prepare(folder: Path, products: int) -> Path:
    """Make a store with a person and products, and return its settings file."""
    from edge_agent.app import parts
    from edge_agent.catalog.steps import import_csv
    from edge_agent.people.steps import add_person
    from edge_agent.settings import load_settings
    from protocol.people import StoreRole

    port = free_port()
    config = folder / "edge.toml"
    config.write_text(
        f'edge = "bench-1"\ndata_dir = "{folder}/edge"\nmarker_file = "{folder}/marker"\nport = {port}\n'
    )
    catalog = folder / "products.csv"
    with catalog.open("w") as out:
        out.write("sku,name,price,barcodes,tax_rate,cost\n")
        for n in range(products):
            out.write(
                f"SKU-{n:04d},Article number {n} in blue,{n % 50 + 1}.99,2{n:011d}{_check(n)},20,1.00\n"
            )
    edge = parts(load_settings(config))
    try:
        add_person(edge, name="B. Hale", role=StoreRole.MANAGER, pin=PIN)
        import_csv(edge, catalog)
    finally:
        edge.database.close()
    return config


def _check(n: int) -> int:
    digits = f"2{n:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return -total % 10


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process; one that does not end by itself is killed, for nothing may be left behind."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serving(config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a real store process for the length of a block."""
    from edge_agent.settings import load_settings

    code = (
        "import sys; from pathlib import Path; from edge_agent.app import build;"
        "from edge_agent.settings import load_settings; from protocol.kit.logs import set_up_logs;"
        "from protocol.kit.web.server import run_uvicorn; set_up_logs(level='warning');"
        "s = load_settings(Path(sys.argv[1])); run_uvicorn(build(s), s.host, s.port)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(config)])
    try:
        wait_for(f"http://{HOST}:{load_settings(config).port}/healthz")
        yield process
    finally:
        end(process)


@contextmanager
def serving_bare(file: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the bare application for the length of a block."""
    code = "import sys; from deploy.bench.edge_capture import bare; bare(sys.argv[1], int(sys.argv[2]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(file), str(port)])
    try:
        wait_for(f"http://{HOST}:{port}/healthz")
        yield process
    finally:
        end(process)


def ours(folder: Path, seconds: float) -> list[Load]:
    """Return our figures at 1 and 16 connections."""
    from edge_agent.settings import load_settings

    config = prepare(folder, 1_000)
    port = load_settings(config).port
    with serving(config):
        token = str(
            call(port, "/api/sign-in", {"person_id": "b-hale", "pin": PIN, "device": "till-1"})["token"]
        )
        call(port, "/api/tills/till-1/open", {"key": "open", "float_minor": 10000}, token)
        call(
            port,
            "/api/stock/moves",
            {
                "key": "stock",
                "reason": "opening",
                "lines": [{"sku": f"SKU-{n:04d}", "quantity": 1_000_000} for n in range(1_000)],
            },
            token,
        )
        headers = [("authorization", f"Bearer {token}")]
        return _both(port, "/api/sales", seconds, headers)


def limit(folder: Path, seconds: float) -> list[Load]:
    """Return the limit's figures at 1 and 16 connections."""
    port = free_port()
    with serving_bare(folder / "bare.db", port):
        return _both(port, "/sale", seconds, [])


def _both(port: int, path: str, seconds: float, headers: list[tuple[str, str]]) -> list[Load]:
    run_load(HOST, port, path, body, connections=4, seconds=1, headers=headers)
    return [
        run_load(HOST, port, path, body, connections=connections, seconds=seconds, headers=headers)
        for connections in (1, 16)
    ]


def _write_groups(path: str, waiting: queue.Queue[Any]) -> None:
    """Write what waits, many sales a commit: the least that any durable capture has to do."""
    filler = b"x" * EVENT_BYTES
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, bytes BLOB);"
        "CREATE TABLE stock (sku TEXT PRIMARY KEY, quantity INTEGER) WITHOUT ROWID;"
        "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, bytes BLOB);"
    )
    while True:
        group = [waiting.get()]
        while len(group) < 64 and not waiting.empty():
            group.append(waiting.get())
        db.execute("BEGIN IMMEDIATE")
        for sale, _future in group:
            db.execute("INSERT INTO events (id, bytes) VALUES (?, ?)", (sale.key, filler))
            db.executemany(
                "INSERT INTO stock VALUES (?, ?) ON CONFLICT (sku) DO UPDATE SET quantity = quantity - 1",
                [(line.sku, line.quantity) for line in sale.lines],
            )
            db.execute("INSERT INTO outbox (bytes) VALUES (?)", (filler[:200],))
        db.execute("COMMIT")
        for _sale, future in group:
            future.set_result(1)


def bare(path: str, port: int) -> None:
    """Serve the least that captures a sale durably: the limit."""
    import asyncio
    from concurrent.futures import Future

    import uvicorn
    from fastapi import FastAPI, Request
    from pydantic import BaseModel
    from starlette.responses import Response

    class Line(BaseModel):
        sku: str
        quantity: int

    class Tender(BaseModel):
        kind: str
        amount_minor: int

    class Sale(BaseModel):
        key: str
        till: str
        lines: list[Line]
        tenders: list[Tender]

    waiting: queue.Queue[tuple[Sale, Future[int]]] = queue.Queue()
    app = FastAPI()
    threading.Thread(target=_write_groups, args=(path, waiting), daemon=True).start()

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/sale", status_code=201)
    async def sale(request: Request) -> Response:
        parsed = Sale.model_validate_json(await request.body())
        future: Future[int] = Future()
        waiting.put((parsed, future))
        await asyncio.wrap_future(future)
        return Response(b'{"number":"LB1-00001","total_minor":1000}', 201, media_type="application/json")

    uvicorn.run(
        app, host=HOST, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


def measure(seconds: float = 5.0) -> list[dict[str, object]]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limits, figures = limit(folder, seconds), ours(folder, seconds)
    rows: list[dict[str, object]] = []
    for connections, our, lim in zip((1, 16), figures, limits, strict=True):
        ratio = our.per_second / lim.per_second
        p_ok = our.p50_ms <= 3 if connections == 1 else our.p99_ms <= 50
        target = ">= 50 % of the limit, " + ("p50 <= 3 ms" if connections == 1 else "p99 <= 50 ms")
        rows.append(
            {
                "name": f"capture, {connections} connection{'s' if connections > 1 else ''}",
                "ours": round(our.per_second),
                "limit": round(lim.per_second),
                "ratio": round(ratio, 2),
                "unit": "sales/s",
                "target": target,
                "met": ratio >= 0.5 and p_ok and not our.failed,
                "p50_ms": round(our.p50_ms, 2),
                "p99_ms": round(our.p99_ms, 2),
                "failed": our.failed,
            }
        )
    return rows


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--seconds", type=float, default=5.0)
    for row in measure(said.parse_args().seconds):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
