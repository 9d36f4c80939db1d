"""Many clients want the last units of one thing: 20 on hand, 40 sales of one unit, never beyond stock.

    python -m deploy.bench.contention

Ours: real requests to a real store process, all connections open before the first is sent, several rounds
with a fresh SKU each; counted is what was accepted in the worst round, and every other answer must be a
refusal that says the stock is out. The limit: threads of the same number at a bare table, each taking one
unit if there is one, in a transaction of its own with the same durability.
"""

import asyncio
import json
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from deploy.bench.edge_capture import HOST, PIN, call, free_port, serving
from deploy.bench.table import Row, rate
from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.people.steps import add_person
from edge_agent.settings import load_settings
from protocol.kit.sqlite import connect
from protocol.people import StoreRole

ON_HAND: Final = 20
WANTED: Final = 40
ROUNDS: Final = 5
CLEAN: Final = (409, "out_of_stock")
Answers = Counter[tuple[int, str]]


def body(key: str, sku: str) -> bytes:
    """Return a sale of one unit."""
    return json.dumps(
        {
            "key": key,
            "till": "till-1",
            "lines": [{"sku": sku, "quantity": 1}],
            "tenders": [{"kind": "cash", "amount_minor": 500}],
        }
    ).encode()


def storm_of(port: int, token: str, path: str, made: Callable[[int], bytes], clients: int) -> Answers:
    """Send all requests of a round over so many connections at once; return how often each answer came."""
    return asyncio.run(_storm(port, token, path, made, clients))


async def _storm(port: int, token: str, path: str, made: Callable[[int], bytes], clients: int) -> Answers:
    answers: Answers = Counter()
    waiting = list(range(WANTED))
    ready = asyncio.Event()
    opened = 0

    async def one() -> None:
        nonlocal opened
        reader, writer = await asyncio.open_connection(HOST, port)
        opened += 1
        if opened == clients:
            ready.set()
        await ready.wait()
        while waiting:
            data = made(waiting.pop())
            head = (
                f"POST {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\nauthorization: Bearer {token}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
            )
            writer.write(head.encode() + data)
            answers[await _answer(reader)] += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    length = next(int(line[16:]) for line in head if line[:16].lower() == b"content-length: ")
    said = json.loads(await reader.readexactly(length))
    return int(head[0].split(b" ", 2)[1]), str(said.get("error", {}).get("code", ""))


def bare(folder: Path, clients: int) -> int:
    """Return how many units threads take from a bare table."""
    file = folder / f"bare-{clients}.db"
    connection = connect(file)
    connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, quantity INTEGER)")
    connection.execute("INSERT INTO stock VALUES ('A', ?)", (ON_HAND,))
    connection.close()
    taken: list[int] = []
    waiting = list(range(WANTED))

    def take() -> None:
        own = connect(file)
        own.execute("PRAGMA busy_timeout = 30000")
        while waiting:
            waiting.pop()
            own.execute("BEGIN IMMEDIATE")
            done = own.execute("UPDATE stock SET quantity = quantity - 1 WHERE sku = 'A' AND quantity > 0")
            taken.append(done.rowcount)
            own.execute("COMMIT")
        own.close()

    threads = [threading.Thread(target=take) for _ in range(min(clients, WANTED))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(taken)


def prepare(folder: Path, skus: Sequence[str]) -> Path:
    """Make a store that sells nothing it does not have, and return its settings file."""
    config = folder / "edge.toml"
    config.write_text(
        f'edge = "bench-1"\ndata_dir = "{folder}/edge"\nmarker_file = "{folder}/marker"\n'
        f"port = {free_port()}\nsell_beyond_stock = false\n",
        encoding="utf-8",
    )
    catalogue = folder / "products.csv"
    rows = [f"{sku},The last ones of {sku},4.99,20" for sku in skus]
    catalogue.write_text("\n".join(["sku,name,price,tax_rate", *rows]) + "\n", encoding="utf-8")
    edge = parts(load_settings(config))
    try:
        add_person(edge, name="B. Hale", role=StoreRole.MANAGER, pin=PIN)
        import_csv(edge, catalogue)
    finally:
        edge.database.close()
    return config


def measure() -> list[Row]:
    """Return the rows of this benchmark."""
    skus = {clients: [f"LAST-{clients}-{n}" for n in range(ROUNDS)] for clients in (8, 64)}
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        config = prepare(folder, [sku for some in skus.values() for sku in some])
        port = load_settings(config).port
        with serving(config):
            signed = call(port, "/api/sign-in", {"person_id": "b-hale", "pin": PIN, "device": "till-1"})
            token = str(signed["token"])
            call(port, "/api/tills/till-1/open", {"key": "open", "float_minor": 10000}, token)
            lines = [{"sku": sku, "quantity": ON_HAND} for some in skus.values() for sku in some]
            call(port, "/api/stock/moves", {"key": "stock", "reason": "opening", "lines": lines}, token)
            return [_row(folder, port, token, clients, some) for clients, some in skus.items()]


def _row(folder: Path, port: int, token: str, clients: int, skus: Sequence[str]) -> Row:
    rounds = [
        storm_of(port, token, "/api/sales", lambda n, sku=sku: body(f"{sku}-{clients}-{n}", sku), clients)  # type: ignore[misc]  # bound now
        for sku in skus
    ]
    accepted = [answers[201, ""] for answers in rounds]
    unclean = sum(
        count for answers in rounds for answer, count in answers.items() if answer not in {(201, ""), CLEAN}
    )
    left = {_sellable(port, token, sku) for sku in skus}
    worst = max(accepted, key=lambda count: abs(count - ON_HAND))
    return rate(
        f"contention: {ON_HAND} on hand, {WANTED} orders, {clients} clients",
        worst,
        bare(folder, clients),
        "accepted",
        f"exactly {ON_HAND}, all others refused cleanly",
        met=worst == ON_HAND and unclean == 0 and left == {0},
        notes=f"{len(rounds)} rounds, {unclean} unclean refusals, left {sorted(left)}",
    )


def _sellable(port: int, token: str, sku: str) -> int:
    request = urllib.request.Request(
        f"http://{HOST}:{port}/api/stock/{sku}", headers={"authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return int(json.loads(answer.read())["sellable"])


def main() -> None:
    """Print the rows."""
    for row in measure():
        print(row)


if __name__ == "__main__":
    main()
