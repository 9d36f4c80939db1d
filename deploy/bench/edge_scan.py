"""How quickly a scanned code becomes a priced line, with 200,000 products.

    python -m deploy.bench.edge_scan [--products 200000]

Ours: `resolve` is the code's meaning and its product, as every scan does it; `line` is the whole step of a
scan into a basket without the commit; `search` is a search by the beginnings of two words. The limit is the
bare SELECT of code and product on the same file. Also said: how long the import of the CSV file takes.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.app import parts
from edge_agent.catalog.api import look_up
from edge_agent.catalog.rows import search
from edge_agent.catalog.steps import import_csv
from edge_agent.context import Edge
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps.basket import ScanWanted
from edge_agent.database import EdgeUnit
from edge_agent.settings import load_settings
from protocol.kit.web.signin import CurrentPerson

WORDS = ("wool", "coat", "blue", "mug", "lamp", "desk", "large", "small", "green", "picture", "book", "chair")
SCANS = 3_000
PERSON = CurrentPerson("b-hale", "B. Hale", "manager", "till-1", "bench")


def gtin(n: int) -> str:
    """Return the n-th trade number of the benchmark."""
    digits = f"2{n:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits + "0")))
    return f"{digits}{-total % 10}"


def percentile(times: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def timed(act: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def write_catalog(file: Path, products: int, draw: random.Random) -> None:
    """Write a CSV file of so many products."""
    with file.open("w", encoding="utf-8") as out:
        out.write("sku,name,price,barcodes,tax_rate,category,bin,cost\n")
        for n in range(products):
            words = " ".join(draw.sample(WORDS, 3))
            out.write(f"SKU-{n:06d},{words} {n},{n % 90 + 1}.99,{gtin(n)},20,Home,A-{n % 100},1.00\n")


def measure(products: int = 200_000) -> list[dict[str, object]]:
    """Return the rows of this benchmark."""
    draw = random.Random(7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        edge = parts(load_settings(None, data_dir=folder / "edge", marker_file=folder / "marker"))
        try:
            write_catalog(folder / "products.csv", products, draw)
            took = timed(lambda: import_csv(edge, folder / "products.csv", whole=True))
            again = timed(lambda: import_csv(edge, folder / "products.csv", whole=True))
            return [*_scans(edge, products, draw), _import_row(took, again, products)]
        finally:
            edge.database.close()


def _scans(edge: Edge, products: int, draw: random.Random) -> list[dict[str, object]]:
    connection = edge.database.read()
    codes = [gtin(draw.randrange(products)) for _ in range(SCANS)]
    resolve = [timed(lambda code=code: look_up(connection, edge, code)) for code in codes]  # type: ignore[misc]  # bound now
    bare = [
        timed(
            lambda code=code: connection.execute(  # type: ignore[misc]  # bound now
                "SELECT p.* FROM barcodes b JOIN products p USING (sku) WHERE b.code = ?", (code,)
            ).fetchone()
        )
        for code in codes
    ]
    words = [" ".join(word[:3] for word in draw.sample(WORDS, 2)) for _ in range(300)]
    found = [timed(lambda text=text: search(connection, text, 20)) for text in words]  # type: ignore[misc]  # bound now
    line = _lines(edge, codes[:400])
    target = "p99 <= 5 ms"
    floor = percentile(bare, 0.99)
    return [
        _row("scan: resolve a code", resolve, floor, target),
        _row("scan: priced line in a basket of 40", line, floor, target),
        _row("scan: search two words", found, floor, "p99 <= 150 ms"),
    ]


def _lines(edge: Edge, codes: list[str]) -> list[float]:
    """Time scans into baskets of forty lines, inside one transaction: the commit is measured by `capture`."""
    times: list[float] = []

    def step(unit: EdgeUnit) -> None:
        for at in range(0, len(codes), 40):
            basket = baskets.begin(unit, edge, PERSON, f"till-{at}").basket_id
            person = CurrentPerson("b-hale", "B. Hale", "manager", f"till-{at}", "bench")
            for code in codes[at : at + 40]:
                wanted = ScanWanted(code=code)
                began = time.perf_counter()
                baskets.scan(unit, edge, basket, wanted, person=person)
                times.append(time.perf_counter() - began)

    edge.database.write(step)
    return times


def _row(name: str, times: list[float], floor_ms: float, target: str) -> dict[str, object]:
    p99 = percentile(times, 0.99)
    return {
        "name": name,
        "ours": round(p99, 3),
        "limit": round(floor_ms, 3),
        "ratio": round(floor_ms / p99, 3),
        "unit": "ms p99",
        "target": target,
        "met": p99 <= float(target.split()[2]),
        "p50_ms": round(percentile(times, 0.5), 3),
    }


def _import_row(took: float, again: float, products: int) -> dict[str, object]:
    return {
        "name": f"import {products:,} products from CSV",
        "ours": round(took, 1),
        "limit": round(again, 1),
        "ratio": round(again / took, 2),
        "unit": "s (limit: the same file again, nothing to change)",
        "target": "<= 60 s",
        "met": took <= 60,
    }


def main() -> None:
    """Print the rows."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--products", type=int, default=200_000)
    for row in measure(said.parse_args().products):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
